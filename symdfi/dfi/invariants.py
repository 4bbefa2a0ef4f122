"""Functionals of the solution, I(θ) = F(∫g₁ dx, ∫g₂ dx, ...), on the quadrature of a problem, and their gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.compile.kernels.function import compile
from symdfi.dfi.expressions import Expressions
from symdfi.dfi.problem import Problem
from symdfi.errors import SymbolicError
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.integrals import axes_of, check_ends

#: Numbers in a chunk of the integrands' gradients, 32 MiB.
_CHUNK = 2**22


@dataclass(frozen=True)
class Values:
    """Of K functionals the ``values`` (K,), the ``scales`` of their rounding errors, in units of eps, and their
    ``gradients`` by θ, (K, p)."""

    values: np.ndarray
    scales: np.ndarray
    gradients: np.ndarray


class Functionals:
    """Expressions in ``Integral`` nodes over the whole domain of a problem: mass ``Integral(u, (x, a, b))``, momentum,
    energy. Integrands are any expressions in the fields, their space derivatives, space and the parameters.

    Raises ``SymbolicError`` for one that holds no integral, or fields outside of one, the time, or another integral
    in one.
    """

    def __init__(self, problem: Problem, exprs: Mapping[str, sp.Expr]) -> None:
        self.problem, self.names = problem, tuple(exprs)
        integrals = sorted(set().union(*(e.atoms(sp.Integral) for e in exprs.values())), key=sp.default_sort_key)
        integrands = tuple(self._integrand(integral) for integral in integrals)
        symbols = [sp.Dummy(f"q{k}", real=True) for k in range(len(integrals))]
        put = dict(zip(integrals, symbols, strict=True))
        self._symbols, self._outer = symbols, []
        for name, expr in exprs.items():
            if not expr.has(sp.Integral):
                raise SymbolicError(f"{name} holds no Integral over the domain: {expr}")
            outer = expr.xreplace(put).xreplace(problem.param_values)
            rest = sorted(outer.atoms(AppliedUndef), key=str) or sorted(outer.free_symbols - set(symbols), key=str)
            if rest:
                raise SymbolicError(f"{name} holds {rest[0]} outside of its integrals: {expr}")
            if outer.has(sp.I):
                raise SymbolicError(f"{name} is complex: {expr}")
            self._outer.append(outer)
        self._expressions = Expressions(problem, integrands, "the integrand of an invariant")
        slopes = [outer.diff(q) for outer in self._outer for q in symbols]
        self._combined = compile({"value": self._outer, "slope": slopes}, list(symbols))

    def at(self, theta: np.ndarray) -> Values:
        """The functionals at θ (p,): one reverse sweep a sample and integral."""
        points, weights, p = self.problem.points, self.problem.weights, theta.size
        count = len(self._symbols)
        step = max(1, _CHUNK // (count * p))
        gradients, values = np.zeros((count, p)), []
        for start in range(0, len(points), step):
            here = slice(start, start + step)
            jacobian, value, _ = self._expressions.rows(theta, 0.0, points[here], weights[here])
            gradients += jacobian.sum(axis=0)
            values.append(value)
        parts = np.concatenate(values)
        found = self._combined(dict(zip(self._symbols, parts.sum(axis=0), strict=True)))
        value, slope = found["value"], found["slope"].reshape(len(self.names), count)
        scales = np.abs(value) + np.abs(slope) @ np.abs(parts).sum(axis=0)
        return Values(value, scales, slope @ gradients)

    def _integrand(self, integral: sp.Integral) -> sp.Expr:
        """The integrand in the problem's variables."""
        equation = self.problem.equation
        if integral.function.has(sp.Integral):
            raise SymbolicError(f"{integral} is an integral of integrals: invariants are single ones over the domain")
        axes = axes_of(integral, equation.fields, equation.variables)
        if sorted(axes.values(), key=str) != sorted(equation.variables, key=str):
            raise SymbolicError(f"{integral} is not over the whole domain of {', '.join(map(str, equation.variables))}")
        bounds = dict(zip(self.problem.ansatz.variables, self.problem.domain.bounds, strict=True))
        check_ends(integral, axes, bounds, self.problem.param_values)
        integrand = integral.function.subs(axes, simultaneous=True)
        timeless = integrand.xreplace({d: sp.Dummy() for d in integrand.atoms(sp.Derivative)})
        if timeless.xreplace({u: sp.Dummy() for u in equation.fields}).has(t):
            raise SymbolicError(f"{integral} depends on the time explicitly: what is kept depends on the fields alone")
        return integrand
