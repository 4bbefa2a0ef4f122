"""Conditions on indices: without Abs, Max and Min, as loops can be bounded by them, and as what a test says of indices.

A test is read literal by literal, those on indices first, and none that these have made needless: ``i < 1`` protects
what is read in the other literal of ``(i < 1) | (x[i - 1] > 0)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import sympy as sp
from sympy.logic.boolalg import Boolean, BooleanAtom

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


def other_than_relations(condition: sp.Basic) -> Iterator[sp.Basic]:
    """What a condition is made of besides equations and inequalities."""
    if isinstance(condition, sp.And | sp.Or | sp.Not | sp.Xor | sp.ITE | sp.Implies | sp.Equivalent):
        for part in condition.args:
            yield from other_than_relations(part)
    elif not isinstance(condition, sp.core.relational.Relational | BooleanAtom):
        yield condition


def implied(condition: Boolean, is_told: Callable[[Boolean], bool]) -> tuple[Boolean, ...]:
    """What holds wherever a test may hold, whatever its literals that are not told come to."""
    possible = _possible(sp.to_nnf(condition, simplify=False), is_told)
    return tuple(c for c in sp.And.make_args(possible) if c != sp.true)


def _possible(condition: Boolean, is_told: Callable[[Boolean], bool]) -> Boolean:
    """A test without Not around several literals, with true for those that are not told."""
    if isinstance(condition, sp.And | sp.Or):
        return condition.func(*(_possible(part, is_told) for part in condition.args))
    return condition if condition in (sp.true, sp.false) or is_told(condition) else sp.true


def in_turn(
    condition: Boolean,
    is_of_indices: Callable[[Boolean], bool],
    read: Callable[[Boolean, tuple[Boolean, ...]], Boolean],
) -> Boolean:
    """A test of the literals ``read(literal, what holds where it is read)``.

    Those on values are read last, those on indices the earlier the fewer entries of index arrays they hold.
    """

    def rank(literal: Boolean) -> float:
        return len(literal.atoms(sp.Indexed)) if is_of_indices(literal) else math.inf

    def visit(part: Boolean, open_where: tuple[Boolean, ...]) -> Boolean:
        if part in (sp.true, sp.false):
            return part
        if isinstance(part, sp.And | sp.Or):
            # Any of the others may decide it.
            undecided = [c if isinstance(part, sp.And) else sp.Not(c) for c in part.args]
            others = (undecided[:k] + undecided[k + 1 :] for k in range(len(undecided)))
            return part.func(*(visit(c, (*open_where, *rest)) for c, rest in zip(part.args, others, strict=True)))
        own = rank(part)
        return read(part, tuple(c for test in open_where for c in implied(test, lambda other: rank(other) < own)))

    return visit(sp.to_nnf(condition, simplify=False), ())
