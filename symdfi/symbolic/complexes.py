"""Real and imaginary parts of expressions in real symbols, sums over an index among them."""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.errors import SymbolicError
from symdfi.symbolic.sums import PlainSum, shortened

Parts = tuple[sp.Expr, sp.Expr]


def parts(expr: sp.Expr, known: dict[sp.Basic, Parts] | None = None) -> Parts:
    """``(a, b)`` with expr = a + i b, all symbols, array elements and functions of them in it being real; ``known`` are
    those of nodes.

    Raises ``SymbolicError`` for a function of a complex argument without a formula.
    """
    found = {} if known is None else known
    if expr not in found:
        found[expr] = _parts(expr, lambda e: parts(e, found))
    return found[expr]


def _parts(expr: sp.Expr, of: Callable[[sp.Expr], Parts]) -> Parts:
    if expr == sp.I:
        return sp.S.Zero, sp.S.One
    if not expr.args or isinstance(expr, sp.Indexed | AppliedUndef):
        return expr, sp.S.Zero
    if isinstance(expr, sp.Derivative):
        a, b = of(expr.expr)
        return a.diff(*expr.variables), b.diff(*expr.variables)
    if isinstance(expr, sp.Sum):
        return tuple(PlainSum(p, *expr.limits) if p != 0 else p for p in of(expr.function))  # type: ignore[return-value]
    if isinstance(expr, sp.Integral):
        return tuple(sp.Integral(p, *expr.limits) if p != 0 else p for p in of(expr.function))  # type: ignore[return-value]
    if isinstance(expr, sp.Piecewise):
        cases = [(of(value), condition) for value, condition in expr.args]
        sides = [sp.Piecewise(*((value[k], c) for value, c in cases), evaluate=False) for k in (0, 1)]
        return sides[0], sides[1] if any(value[1] != 0 for value, _ in cases) else sp.S.Zero
    found = [of(arg) for arg in expr.args]
    if all(b == 0 for _, b in found) and not isinstance(expr, sp.re | sp.im | sp.conjugate):
        args = tuple(a for a, _ in found)
        return (expr if args == expr.args else expr.func(*args)), sp.S.Zero
    if isinstance(expr, sp.Add):
        return sp.Add(*(a for a, _ in found)), sp.Add(*(b for _, b in found))
    if isinstance(expr, sp.Mul):
        total = found[0]
        for factor in found[1:]:
            total = _product(total, factor)
        return total
    if isinstance(expr, sp.Pow) and expr.exp.is_Integer:
        return _power(found[0], int(expr.exp))
    a, b = found[0]
    if type(expr) in _FORMULAS:
        return _FORMULAS[type(expr)](a, b)
    if isinstance(expr, sp.Pow) and found[0][1] == 0 and expr.base.is_positive:
        rate = sp.log(a)
        return _FORMULAS[sp.exp](found[1][0] * rate, found[1][1] * rate)
    if isinstance(expr, sp.Pow) and found[1] == (sp.S.Half, 0):
        modulus = sp.sqrt(a**2 + b**2)
        sign = sp.Piecewise((sp.S.One, b >= 0), (-sp.S.One, True))
        return sp.sqrt((modulus + a) / 2), sign * sp.sqrt((modulus - a) / 2)
    raise SymbolicError(f"no real and imaginary part is known of {shortened(expr)}")


def _product(z: Parts, w: Parts) -> Parts:
    return z[0] * w[0] - z[1] * w[1], z[0] * w[1] + z[1] * w[0]


def _power(z: Parts, exponent: int) -> Parts:
    if exponent < 0:
        a, b = _power(z, -exponent)
        square = a**2 + b**2
        return a / square, -b / square
    total: Parts = (sp.S.One, sp.S.Zero)
    for _ in range(exponent):
        total = _product(total, z)
    return total


def _tanh(a: sp.Expr, b: sp.Expr) -> Parts:
    # In terms of tanh(a), which is bounded where sinh and cosh overflow.
    h, c, s = sp.tanh(a), sp.cos(b), sp.sin(b)
    below = c**2 + h**2 * s**2
    return h / below, s * c * (1 - h**2) / below


_FORMULAS: dict[type, Callable[[sp.Expr, sp.Expr], Parts]] = {
    sp.exp: lambda a, b: (sp.exp(a) * sp.cos(b), sp.exp(a) * sp.sin(b)),
    sp.sin: lambda a, b: (sp.sin(a) * sp.cosh(b), sp.cos(a) * sp.sinh(b)),
    sp.cos: lambda a, b: (sp.cos(a) * sp.cosh(b), -sp.sin(a) * sp.sinh(b)),
    sp.sinh: lambda a, b: (sp.sinh(a) * sp.cos(b), sp.cosh(a) * sp.sin(b)),
    sp.cosh: lambda a, b: (sp.cosh(a) * sp.cos(b), sp.sinh(a) * sp.sin(b)),
    sp.tanh: _tanh,
    sp.re: lambda a, b: (a, sp.S.Zero),
    sp.im: lambda a, b: (b, sp.S.Zero),
    sp.conjugate: lambda a, b: (a, -b),
    sp.sign: lambda a, b: (a / sp.sqrt(a**2 + b**2), b / sp.sqrt(a**2 + b**2)),
    sp.Abs: lambda a, b: (sp.sqrt(a**2 + b**2), sp.S.Zero),
}
