"""Derived expressions made fit for reading: few sums, no numbers left to cancel, short index names."""

from __future__ import annotations

import itertools

import sympy as sp
from sympy.logic.boolalg import Boolean

from symdfi.symbolic.indexed import canonical, normalise


def tidied(expr: sp.Expr) -> sp.Expr:
    """The same expression: sums over the same ranges in one sum, sums that differ by their index's name added up,
    numeric factors cancelled, indices named i, j, k, l, ... by nesting, clear of every other symbol."""
    expr = normalise(expr)
    dummies = {limit[0] for node in expr.atoms(sp.Sum) for limit in node.limits}
    taken = {symbol.name for symbol in expr.atoms(sp.Symbol) - dummies}
    names = (f"{letter}{number}" for number in ("", *range(1, 100)) for letter in "ijklmnpqrs")
    depth = sum(len(node.limits) for node in expr.atoms(sp.Sum))
    free = itertools.islice((name for name in names if name not in taken), depth)
    return canonical(_simplified(_named(expr, [sp.Symbol(name, integer=True) for name in free], {})))


def _named(expr: sp.Basic, free: list[sp.Symbol], names: dict) -> sp.Basic:
    """Every sum with the first of the ``free`` names that no sum around it has: equal sums become the same object."""
    if not expr.has(sp.Sum):
        return expr.xreplace(names)
    if not isinstance(expr, sp.Sum):
        return _rebuilt(expr, [_named(arg, free, names) for arg in expr.args])
    count = len(expr.limits)
    names = names | dict(zip((limit[0] for limit in expr.limits), free, strict=False))
    limits = [limit.xreplace(names) for limit in expr.limits]
    return expr.func(_named(expr.function, free[count:], names), *limits)


def _simplified(expr: sp.Basic) -> sp.Basic:
    """From the inside out: sums merged in every ``Add``, numbers cancelled in every ``Mul``."""
    if not expr.args or isinstance(expr, sp.Indexed | Boolean | sp.Tuple):
        return expr
    if isinstance(expr, sp.Piecewise):
        return sp.Piecewise(*((_simplified(e), condition) for e, condition in expr.args), evaluate=False)
    if isinstance(expr, sp.Sum):
        return _outside(expr.func(_simplified(expr.function), *expr.limits))
    expr = _rebuilt(expr, [_simplified(arg) for arg in expr.args])
    if isinstance(expr, sp.Mul):
        content, rest = expr.as_content_primitive()
        return _into_cases(content * rest)
    return _merged(expr) if isinstance(expr, sp.Add) else expr


def _into_cases(expr: sp.Expr) -> sp.Expr:
    """A number in front of a ``Piecewise`` in its cases, where that leaves fewer numbers and minus signs."""
    factor, cases = expr.as_coeff_Mul()
    if not isinstance(cases, sp.Piecewise):
        return expr
    if factor == -1 and not all(e == 0 or e.could_extract_minus_sign() for e, _ in cases.args):
        return expr
    return sp.Piecewise(*((_simplified(factor * e), condition) for e, condition in cases.args), evaluate=False)


def _merged(expr: sp.Add) -> sp.Expr:
    """Sums over the same ranges in one."""
    groups: dict[tuple, list[tuple[sp.Expr, sp.Sum]]] = {}
    rest = []
    for term in expr.args:
        factor, body = term.as_coeff_Mul()
        if isinstance(body, sp.Sum):
            groups.setdefault(tuple(body.limits), []).append((factor, body))
        else:
            rest.append(term)
    for found in groups.values():
        total = _simplified(sp.Add(*(factor * node.function for factor, node in found)))
        rest.append(_outside(found[0][1].func(total, *found[0][1].limits)) if total else sp.S.Zero)
    return sp.Add(*rest)


def _outside(node: sp.Sum) -> sp.Expr:
    """The minus sign of a sum of negative terms in front of it."""
    terms = sp.Add.make_args(node.function)
    if all(term.as_coeff_Mul()[0].is_negative for term in terms):
        return -node.func(sp.Add(*(-term for term in terms)), *node.limits)
    return node


def _rebuilt(expr: sp.Basic, args: list[sp.Basic]) -> sp.Basic:
    """The node with other arguments; functions and cases stay as they are, as in ``normalise``."""
    if list(expr.args) == args:
        return expr
    return expr.func(*args, evaluate=False) if isinstance(expr, sp.Function) else expr.func(*args)
