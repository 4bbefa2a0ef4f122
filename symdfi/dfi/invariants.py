"""Functionals of the solution, I(θ) = F(∫g₁ dx, ∫g₂ dx, ...), on the quadrature of a problem, and their gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.compile.kernels.function import compile
from symdfi.dfi.nonlocals import Moment, Nonlocals
from symdfi.dfi.problem import Problem
from symdfi.dfi.sampling import Rule
from symdfi.errors import SymbolicError
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.in_fields import FieldExpressions
from symdfi.symbolic.nonlocals import separated


@dataclass(frozen=True)
class Values:
    """Of K functionals the ``values`` (K,), the ``scales`` of their rounding errors, in units of eps, and their
    ``gradients`` by θ, (K, p)."""

    values: np.ndarray
    scales: np.ndarray
    gradients: np.ndarray


class Functionals:
    """Expressions in ``Integral`` nodes over the domain of a problem: mass ``Integral(u, (x, a, b))``, momentum,
    energy, also that of nonlocal terms, by double integrals or integrals of integrals.

    Raises ``SymbolicError`` for one that holds no integral, fields outside of one, the time, or a complex value.
    """

    def __init__(self, problem: Problem, exprs: Mapping[str, sp.Expr]) -> None:
        self.problem, self.names = problem, tuple(exprs)
        equation, kernels = problem.equation, problem.kernels
        for name, expr in exprs.items():
            equation.check_terms(expr, name)
            self._check(name, expr)
        given = FieldExpressions(equation.fields, equation.variables, tuple(exprs.values()), equation.parameters)
        real = given.real(equation.complex, "the invariant")
        outer, terms = separated(real.exprs, real.fields, problem.ansatz.variables)
        self._nonlocals = Nonlocals(terms, problem.ansatz.variables, kernels, problem.domain, problem.quadrature)
        self._nonlocals.check(problem.param_values)
        symbols = [term.symbol for term in terms]
        outer = [expr.xreplace(problem.param_values) for expr in outer]
        for name, expr, user in zip(exprs, outer, exprs.values(), strict=True):
            rest = sorted(expr.atoms(AppliedUndef), key=str) or sorted(expr.free_symbols - set(symbols), key=str)
            if rest or any(term.outer for term in terms if expr.has(term.symbol)):
                raise SymbolicError(f"{name} holds {rest[0] if rest else 'fields'} outside of its integrals: {user}")
        slopes = [expr.diff(q) for expr in outer for q in symbols]
        self._symbols = symbols
        self._combined = compile({"value": outer, "slope": slopes}, symbols)
        self._plan = self._nonlocals.at(Rule(problem.points, problem.weights), False)

    def _check(self, name: str, expr: sp.Expr) -> None:
        if not expr.has(sp.Integral):
            raise SymbolicError(f"{name} holds no Integral over the domain: {expr}")
        timeless = expr.xreplace({d: sp.Dummy() for d in expr.atoms(sp.Derivative)})
        if timeless.replace(lambda e: isinstance(e, AppliedUndef), lambda e: sp.Dummy()).has(t):
            raise SymbolicError(f"{name} depends on the time explicitly: what is kept depends on the fields alone")
        equation = self.problem.equation
        bound = {limit[0] for integral in expr.atoms(sp.Integral) for limit in integral.limits}
        for symbol in sorted(expr.free_symbols - {t, *equation.variables, *equation.parameters} - bound, key=str):
            raise SymbolicError(f"{name} holds {symbol}, which is no variable or parameter of the equation")

    def at(self, theta: np.ndarray) -> Values:
        """The functionals at θ (p,)."""
        moment = Moment(self.problem.run, theta, self.problem.params, 0.0)
        parts = np.concatenate([q.each(moment) for q in self._plan.terms])
        sizes = np.concatenate([q.sizes(moment) for q in self._plan.terms])
        gradients = np.concatenate([q.gradients(moment) for q in self._plan.terms])
        found = self._combined(dict(zip(self._symbols, parts, strict=True)))
        value, slope = found["value"], found["slope"].reshape(len(self.names), len(parts))
        return Values(value, np.abs(value) + np.abs(slope) @ sizes, slope @ gradients)
