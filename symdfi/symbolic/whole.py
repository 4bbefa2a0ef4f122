"""Indices that are whole numbers."""

from __future__ import annotations

import itertools

import sympy as sp

#: So many residues are tried, at most.
_TRIED = 4096


def rounded_down(expr: sp.Expr) -> sp.Expr:
    """``expr`` with x[floor(i/2)] for x[i/2], which is what is read there and what is to be differentiated.

    Under a condition on a remainder an index is left as it is: x[i/2] where i is even.
    """
    if not any(_has_fractions(index) for element in expr.atoms(sp.Indexed) for index in element.indices):
        return expr
    return _rounded(expr)


def _rounded(node: sp.Basic) -> sp.Basic:
    if not node.args or not node.has(sp.Indexed) or (isinstance(node, sp.Piecewise) and _asks_remainders(node)):
        return node
    if isinstance(node, sp.Indexed):
        base, *indices = node.args
        return node.func(base, *(_whole(index) for index in map(_rounded, indices)))
    args = tuple(map(_rounded, node.args))
    return node if args == node.args else node.func(*args)


def _whole(index: sp.Expr) -> sp.Expr:
    # Roots and exponentials are no index maps, and told so elsewhere.
    if is_whole(index) or any(not power.exp.is_Integer for power in index.atoms(sp.Pow)):
        return index
    if isinstance(index, sp.Mod) and is_whole(index.args[1]):
        return sp.Mod(_whole(index.args[0]), index.args[1])
    return sp.floor(index)


def _asks_remainders(cases: sp.Piecewise) -> bool:
    return any(condition.has(sp.Mod) for _, condition in cases.args)


def _has_fractions(index: sp.Expr) -> bool:
    return any(not number.is_Integer for number in index.atoms(sp.Rational)) or any(
        power.exp.is_negative for power in index.atoms(sp.Pow)
    )


def is_whole(index: sp.Expr) -> bool:
    """Whether ``index`` is a whole number wherever its symbols are: as i*(i + 1)/2 is, whatever i leaves by 2."""
    if not _has_fractions(index):
        return True
    numerator, denominator = sp.together(index).as_numer_denom()
    parts = numerator.atoms(sp.Mod, sp.Max, sp.Min, sp.Abs)
    if not denominator.is_Integer or not all(is_whole(arg) for part in parts for arg in part.args):
        return False
    held = {atom: sp.Dummy(integer=True) for atom in numerator.atoms(sp.Function, sp.Indexed, sp.Mod)}
    numerator = numerator.xreplace(held)
    symbols = sorted(numerator.free_symbols, key=str)
    if not numerator.is_polynomial(*symbols) or denominator ** len(symbols) > _TRIED:
        return False
    remainders = sp.lambdify(symbols, numerator % denominator, "math") if symbols else None
    if remainders is None:
        return numerator % denominator == 0
    return all(remainders(*at) == 0 for at in itertools.product(range(int(denominator)), repeat=len(symbols)))
