"""Conditions on indices as conditions without Abs, Max and Min: those that loops can be bounded by."""

from __future__ import annotations

import sympy as sp
from sympy.logic.boolalg import Boolean

from symdfi.symbolic.affine import affine, outermost

_CHOICES = (sp.Max, sp.Min, sp.Abs)


def plain(condition: sp.Basic) -> Boolean:
    """An equivalent condition: ``|i - j| <= 1`` as i - j <= 1 and j - i <= 1, ``Max(i, j) > 2`` as i > 2 or j > 2.

    What stands in a product, a remainder or a gathered index remains.
    """
    if isinstance(condition, sp.And | sp.Or | sp.Not):
        return condition.func(*map(plain, condition.args))
    if not isinstance(condition, sp.core.relational.Relational) or not condition.has(*_CHOICES):
        return condition
    if isinstance(condition, sp.Eq):
        return sp.And(plain(sp.Ge(*condition.args)), plain(sp.Le(*condition.args)))
    if isinstance(condition, sp.Ne):
        return sp.Or(plain(sp.Gt(*condition.args)), plain(sp.Lt(*condition.args)))
    strict = isinstance(condition, sp.Gt | sp.Lt)
    large, small = condition.args if isinstance(condition, sp.Ge | sp.Gt) else condition.args[::-1]
    return _at_least(sp.expand(large - small), sp.Gt if strict else sp.Ge)


def _at_least(expr: sp.Expr, kind: type) -> Boolean:
    """``expr >= 0`` (or > 0), the outermost choices first: of a sum with c*Max(a, b), c > 0, one of the two must be."""
    for choice in outermost(expr, _CHOICES):
        hole = sp.Dummy(integer=True)
        line = affine(expr.xreplace({choice: hole}), hole)
        if line is None:
            continue
        args = (choice.args[0], -choice.args[0]) if isinstance(choice, sp.Abs) else choice.args
        cases = [_at_least(sp.expand(line[0] * arg + line[1]), kind) for arg in args]
        return sp.And(*cases) if isinstance(choice, sp.Min) == bool(line[0] > 0) else sp.Or(*cases)
    return kind(expr, 0)
