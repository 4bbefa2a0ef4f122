"""Whether an expression falls to 0 at infinity, read from its symbols: then a finite box is a window on free space.

In one direction, y = ±x → ∞, an expression is held to be O(yʳ exp(c yᵏ)), the ``Growth`` of an upper bound. What is
constant in x, all parameters and indices, is real and takes no special value: w² is positive, though w may be 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

#: Of real arguments these are bounded, and the odd ones among them at most as large as their argument.
_ODD = (sp.sin, sp.tanh, sp.atan, sp.erf)
_BOUNDED = (*_ODD, sp.cos, sp.sign, sp.Heaviside, sp.acot, sp.sech)
#: As large as exp|argument|.
_HYPERBOLIC = (sp.cosh, sp.sinh)


def decays(expr: sp.Expr, x: sp.Symbol) -> bool:
    """Whether ``expr`` tends to 0 for x → ∞ and for x → −∞, all else held, for almost all values of its parameters.

    Gaussians exp(−(w(x − b))²), with full covariances too, 1/cosh, 1/(1 + x²), their sums and products, and products
    with polynomials and bounded functions do; a network does not. False for what cannot be told.
    """
    return all(_Reader(x, side).upper(expr).falls for side in (1, -1))


@dataclass(frozen=True)
class Growth:
    """O(yʳ exp(c yᵏ)), ``power`` r and ``order`` k ≥ 0 with its ``factor`` c."""

    order: sp.Rational = sp.S.Zero
    factor: sp.Expr = sp.S.Zero
    power: sp.Expr = sp.S.Zero

    @property
    def falls(self) -> bool:
        return _sign(self.factor) < 0 if self.order else self.power.is_negative is True

    def __mul__(self, other: Growth) -> Growth:
        power = self.power + other.power
        if self.order != other.order:
            larger = max(self, other, key=lambda g: g.order)
            return Growth(larger.order, larger.factor, power)
        factor = self.factor + other.factor
        # exp(y² + y) exp(−y²): the next term decides, which is not known.
        return _UNKNOWN if self.order and factor.is_zero else Growth(self.order, factor, power)

    def __pow__(self, exponent: sp.Expr) -> Growth:
        return Growth(self.order, exponent * self.factor, exponent * self.power)


#: Faster than any that are compared with it.
_UNKNOWN = Growth(sp.oo, sp.S.One)
_ONE = Growth()


class _Reader:
    """Expressions in one direction of x, ``side`` · ∞, every node once."""

    def __init__(self, x: sp.Symbol, side: int) -> None:
        self.x, self.side = x, sp.Integer(side)
        self._upper: dict[sp.Basic, Growth] = {}
        self._has: dict[sp.Basic, bool] = {}
        self._constants: dict[sp.Basic, sp.Expr] = {}

    def has(self, expr: sp.Basic) -> bool:
        """Whether x is in it: SymPy would walk a nest of sums again from every one of them."""
        if expr not in self._has:
            self._has[expr] = expr == self.x or any(map(self.has, expr.args))
        return self._has[expr]

    def constant(self, expr: sp.Basic) -> sp.Expr:
        """What does not hold x, as an expression in real numbers."""
        if expr not in self._constants:
            if isinstance(expr, sp.Sum):
                found = self.constant(expr.function)
            elif isinstance(expr, sp.Indexed):
                known = expr.base.label.assumptions0 if isinstance(expr.base.label, sp.Symbol) else {}
                found = _real(known)
            elif isinstance(expr, sp.Symbol):
                found = _real(expr.assumptions0)
            else:
                found = expr.func(*map(self.constant, expr.args)) if expr.args else expr
            self._constants[expr] = found
        return self._constants[expr]

    def upper(self, expr: sp.Basic) -> Growth:
        """A bound of |expr|."""
        if expr not in self._upper:
            self._upper[expr] = self._bounded(expr) if self.has(expr) else _ONE
        return self._upper[expr]

    def _bounded(self, expr: sp.Basic) -> Growth:
        if expr == self.x:
            return Growth(power=sp.S.One)
        if isinstance(expr, sp.Sum):
            return self.upper(expr.function) if not any(map(self.has, expr.limits)) else _UNKNOWN
        if isinstance(expr, sp.Add | sp.Max | sp.Min):
            return _largest([self.upper(a) for a in expr.args])
        if isinstance(expr, sp.Piecewise):
            return _largest([self.upper(value) for value, _ in expr.args])
        if isinstance(expr, sp.Mul):
            found = _ONE
            for a in expr.args:
                found *= self.upper(a)
            return found
        if isinstance(expr, sp.Abs | sp.conjugate | sp.re | sp.im):
            return self.upper(expr.args[0])
        if isinstance(expr, sp.exp) or (isinstance(expr, sp.Pow) and expr.base == sp.E):
            return self._exponential(expr.args[-1])
        if isinstance(expr, sp.Pow) and not self.has(expr.exp):
            exponent = self.constant(expr.exp)
            if exponent.is_nonnegative:
                return self.upper(expr.base) ** exponent
            least = self.lower(expr.base) if exponent.is_negative else None
            return _UNKNOWN if least is None else least**exponent
        if isinstance(expr, _HYPERBOLIC):
            return self._cosh(expr.args[0]) or _UNKNOWN
        if isinstance(expr, sp.sech | sp.csch):
            least = self._cosh(expr.args[0])
            return _UNKNOWN if least is None else least**-1
        if isinstance(expr, _BOUNDED) and not expr.has(sp.I):
            inner = self.upper(expr.args[0])
            return inner if isinstance(expr, _ODD) and inner.falls else _ONE
        return _UNKNOWN

    def lower(self, expr: sp.Basic) -> Growth | None:
        """What |expr| is at least as large as; None where that cannot be told."""
        if not self.has(expr):
            return _ONE
        if isinstance(expr, sp.exp) or (isinstance(expr, sp.Pow) and expr.base == sp.E):
            found = self._exponential(expr.args[-1])
            return None if found == _UNKNOWN else found
        if isinstance(expr, sp.Mul):
            parts = [self.lower(a) for a in expr.args]
            product = _ONE
            for part in parts:
                if part is None:
                    return None
                product *= part
            return product
        if isinstance(expr, sp.Pow) and not self.has(expr.exp) and self.constant(expr.exp).is_positive:
            least = self.lower(expr.base)
            return None if least is None else least ** self.constant(expr.exp)
        if isinstance(expr, _HYPERBOLIC):
            return self._cosh(expr.args[0])
        leading = self.leading(expr)
        if leading is not None and leading[0] > 0:
            return Growth(power=leading[0])
        if isinstance(expr, sp.Add) and all(self.constant_sign(a) for a in expr.args):
            parts = [part for part in map(self.lower, expr.args) if part is not None]
            return _largest(parts) if parts else None
        return None

    def constant_sign(self, expr: sp.Basic) -> bool:
        """Whether a term is never negative."""
        return self.constant(expr).is_nonnegative is True

    def _exponential(self, argument: sp.Expr) -> Growth:
        """exp of what has a leading term c yᵏ, of which only the real part counts."""
        terms = [self.leading(a) for a in sp.Add.make_args(argument)]
        real = [(k, sp.re(c)) for k, c in (term for term in terms if term is not None)]
        if len(real) < len(terms):
            return _UNKNOWN
        real = [(k, c) for k, c in real if not c.is_zero]
        order = max((k for k, _ in real), default=sp.S.Zero)
        if order == 0:
            return _ONE
        factor = sp.Add(*(c for k, c in real if k == order))
        return _UNKNOWN if factor.is_zero else Growth(order, factor)

    def _cosh(self, argument: sp.Expr) -> Growth | None:
        leading = self.leading(argument)
        if leading is None or leading[0] == 0 or not leading[1].is_real:
            return None
        return Growth(leading[0], sp.Abs(leading[1]))

    def leading(self, expr: sp.Basic) -> tuple[sp.Expr, sp.Expr] | None:
        """k ≥ 0 and c where ``expr`` is c yᵏ to leading order; bounded for k = 0. None where that cannot be told."""
        if not self.has(expr):
            return sp.S.Zero, self.constant(expr)
        if expr == self.x:
            return sp.S.One, self.side
        if isinstance(expr, sp.Sum) and not any(map(self.has, expr.limits)):
            return self.leading(expr.function)
        if isinstance(expr, sp.Add | sp.Mul):
            parts = [self.leading(a) for a in expr.args]
            known = [part for part in parts if part is not None]
            if len(known) < len(parts):
                return None
            if isinstance(expr, sp.Mul):
                return sp.Add(*(k for k, _ in known)), sp.Mul(*(c for _, c in known))
            order = max(k for k, _ in known)
            factor = sp.Add(*(c for k, c in known if k == order))
            return None if factor.is_zero else (order, factor)
        if isinstance(expr, sp.Pow) and not self.has(expr.exp):
            inner, exponent = self.leading(expr.base), self.constant(expr.exp)
            if inner is None or not exponent.is_positive or not (exponent.is_integer or _sign(inner[1]) > 0):
                return None
            return exponent * inner[0], inner[1] ** exponent
        if isinstance(expr, sp.Abs):
            inner = self.leading(expr.args[0])
            return None if inner is None else (inner[0], sp.Abs(inner[1]))
        if self.upper(expr) == _ONE:
            return sp.S.Zero, sp.Dummy(real=True)
        return None


def _real(known: dict[str, bool]) -> sp.Dummy:
    """A real number of which all is known that was of a symbol."""
    return sp.Dummy(**{**known, "real": True, "complex": True, "commutative": True})


def _sign(factor: sp.Expr) -> int:
    """1, −1, or 0 where it may be either; what is never negative is positive but for special values."""
    if factor.is_zero:
        return 0
    return 1 if factor.is_nonnegative else -1 if factor.is_nonpositive else 0


def _largest(terms: list[Growth]) -> Growth:
    """A bound of a sum."""
    first = terms[0]
    if all((g.order, g.factor) == (first.order, first.factor) for g in terms):
        return Growth(first.order, first.factor, sp.Max(*(g.power for g in terms)))
    if all(g.falls for g in terms):
        # Slower than each of them; a power is slower than any exponential.
        order = min(g.order for g in terms)
        power = sp.Max(*(g.power for g in terms if g.order == order))
        return Growth(order, -sp.Dummy(positive=True), power) if order else Growth(power=power)
    grow = [g for g in terms if g.order and not g.falls]
    if grow:
        order = max(g.order for g in grow)
        factors = {sp.Abs(g.factor) for g in grow if g.order == order}
        return Growth(order, sp.Add(*factors), sp.Max(*(g.power for g in terms)))
    return Growth(power=sp.Max(*(g.power for g in terms if not g.order)))
