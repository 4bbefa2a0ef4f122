"""Evolution equations ∂ₜu = f(x, t, u, u_x, ...)."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.errors import SymbolicError
from symdfi.pickling import Rebuilt
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.given import no_text
from symdfi.symbolic.renaming import Renaming


@dataclass(frozen=True, init=False)
class EvolutionEquation(Rebuilt):
    """``Eq(u(t, x).diff(t), f)`` with f any expression in t, x, u and its space derivatives.

    Any equation linear in ∂ₜu is solved for it: ``Eq(u.diff(t) + u*u.diff(x), 0)``. Further symbols of f are
    ``parameters``, given as numbers with the ``Problem``.

    Raises ``SymbolicError`` if the equation is not linear in ∂ₜu or holds another time derivative or a second field,
    ``TypeError`` for text, which is not evaluated.
    """

    field: AppliedUndef
    variables: tuple[sp.Symbol, ...]
    rhs: sp.Expr
    parameters: tuple[sp.Symbol, ...]

    def __init__(self, equation: sp.Eq) -> None:
        if not isinstance(no_text(equation, "the evolution equation"), sp.Eq):
            raise SymbolicError(f"an evolution equation is Eq(u(t, x).diff(t), f), not {equation!r}")
        # Carried out by the rules of differentiation, so that (u²/2)_x may be left as it is.
        lhs, rhs = (side.replace(sp.Derivative, lambda e, *by: e.diff(*by)) for side in equation.args)
        rate = _rate(lhs, rhs)
        field = rate.expr
        variables = tuple(a for a in field.args if a != t)
        if t not in field.args or not all(isinstance(x, sp.Symbol) for x in variables) or not variables:
            raise SymbolicError(f"the field {field} must be a function of t and space variables")
        if lhs != rate or rhs.has(rate):
            rhs = _solved(lhs - rhs, rate)
        others = {f for f in rhs.atoms(AppliedUndef)} - {field}
        if others:
            raise SymbolicError(f"the right side holds {sorted(others, key=str)[0]}, which is not the field {field}")
        for derivative in rhs.atoms(sp.Derivative):
            if derivative.expr != field or not set(derivative.variables) <= set(variables):
                raise SymbolicError(f"{derivative} is no space derivative of {field}")
        object.__setattr__(self, "field", field)
        object.__setattr__(self, "variables", variables)
        object.__setattr__(self, "rhs", rhs)
        arrays = rhs.atoms(sp.Indexed)
        if arrays:
            raise SymbolicError(f"the right side holds {sorted(arrays, key=str)[0]}: parameters must be numbers")
        free = rhs.free_symbols - {t, *variables}
        object.__setattr__(self, "parameters", tuple(sorted(free, key=sp.default_sort_key)))

    def renamed(self, renaming: Renaming) -> EvolutionEquation:
        """The same equation in symbols of our own: what is compiled."""
        equation = object.__new__(EvolutionEquation)
        variables = tuple(map(renaming.of, self.variables))
        field = sp.Function("u")(*(t if x == t else renaming.of(x) for x in self.field.args))
        put = {self.field: field} | {x: renaming.of(x) for x in (*self.variables, *self.parameters)}
        object.__setattr__(equation, "field", field)
        object.__setattr__(equation, "variables", variables)
        object.__setattr__(equation, "rhs", self.rhs.xreplace(put))
        parameters = sorted(map(renaming.of, self.parameters), key=sp.default_sort_key)
        object.__setattr__(equation, "parameters", tuple(parameters))
        return equation

    @property
    def derivatives(self) -> tuple[tuple[sp.Symbol, ...], ...]:
        """The space derivatives in f as tuples of variables in order, ``()`` for u itself; lower orders first."""
        found = {()} | {self._by(d) for d in self.rhs.atoms(sp.Derivative)}
        return tuple(sorted(found, key=lambda d: (len(d), [self.variables.index(x) for x in d])))

    def _by(self, derivative: sp.Derivative) -> tuple[sp.Symbol, ...]:
        return tuple(sorted(derivative.variables, key=self.variables.index))

    def with_values(self, values: dict[tuple[sp.Symbol, ...], sp.Expr]) -> sp.Expr:
        """f with u and its derivatives replaced by the given expressions."""
        put = {d: values[self._by(d)] for d in self.rhs.atoms(sp.Derivative)}
        return self.rhs.xreplace(put).xreplace({self.field: values[()]})

    def __str__(self) -> str:
        return str(sp.Eq(self.field.diff(t), self.rhs, evaluate=False))


def _rate(lhs: sp.Expr, rhs: sp.Expr) -> sp.Derivative:
    """The time derivative in an equation, of which there must be one, of first order."""
    rates = {d for side in (lhs, rhs) for d in side.atoms(sp.Derivative) if t in d.variables}
    if not rates:
        raise SymbolicError(f"the equation {lhs} = {rhs} holds no time derivative u(t, x).diff(t)")
    for rate in sorted(rates, key=str):
        if rate.variables != (t,) or not isinstance(rate.expr, AppliedUndef):
            raise SymbolicError(f"{rate} is not the first time derivative of a field: write the equation without it")
    if len(rates) > 1:
        raise SymbolicError(f"the equation holds more than one time derivative: {sorted(rates, key=str)}")
    return rates.pop()


def _solved(zero: sp.Expr, rate: sp.Derivative) -> sp.Expr:
    """f from an expression that is zero, and linear in ∂ₜu."""
    symbol = sp.Dummy("rate")
    linear = zero.xreplace({rate: symbol})
    factor = sp.expand(linear.diff(symbol))
    if factor.has(symbol):
        raise SymbolicError(f"the equation {zero} = 0 is not linear in the time derivative {rate}")
    if sp.simplify(factor) == 0:
        raise SymbolicError(f"the time derivative {rate} cancels from the equation {zero} = 0")
    return -linear.xreplace({symbol: sp.S.Zero}) / factor
