"""Whether an expression is periodic in a variable, whatever its parameters are: read from its symbols."""

from __future__ import annotations

import sympy as sp

_CIRCULAR = (sp.sin, sp.cos, sp.tan, sp.cot, sp.sec, sp.csc)
#: How far from an integer a number of turns may be, by rounding.
_ROUNDING = 1e-9


def is_periodic(expr: sp.Basic, x: sp.Symbol, period: float) -> bool:
    """True where every occurrence of x is within a sine, its like, or an exponential that is the same after one
    ``period``; what is periodic otherwise is not seen."""
    if not expr.has(x):
        return True
    if isinstance(expr, (*_CIRCULAR, sp.exp)):
        (inside,) = expr.args
        turn = 2 * sp.pi * (sp.I if isinstance(expr, sp.exp) else 1)
        if _is_whole(sp.expand((inside.xreplace({x: x + sp.Symbol("L")}) - inside) / turn).subs("L", period)):
            return True
    return bool(expr.args) and all(is_periodic(part, x, period) for part in expr.args)


def _is_whole(turns: sp.Expr) -> bool:
    """Whether all terms are whole numbers times what is one, for all values of their symbols."""
    for term in sp.Add.make_args(turns):
        number, rest = term.as_coeff_Mul()
        pi_free = sp.N(number * sp.Mul(*(f for f in sp.Mul.make_args(rest) if f.is_number)))
        others = sp.Mul(*(f for f in sp.Mul.make_args(rest) if not f.is_number))
        if not pi_free.is_real or abs(pi_free - round(pi_free)) > _ROUNDING or not (others == 1 or others.is_integer):
            return False
    return True
