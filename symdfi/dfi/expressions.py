"""Expressions in the fields of a problem at points, with their gradients by θ: what conditions on the boundary are made
of."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import sympy as sp

from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.dfi.kernels import ProblemKernels
from symdfi.errors import SymbolicError
from symdfi.symbolic.ansatz import Ansatz
from symdfi.symbolic.evolution import EvolutionEquation
from symdfi.symbolic.in_fields import FieldExpressions


class Evaluating(Protocol):
    """What expressions are evaluated by: a ``Problem``."""

    equation: EvolutionEquation
    ansatz: Ansatz
    kernels: ProblemKernels

    def run(
        self, kernel: CompiledKernel, points: np.ndarray, root: np.ndarray, theta: np.ndarray, time: float,
        *more: np.ndarray,
    ) -> None: ...  # fmt: skip


@dataclass(frozen=True)
class Expressions:
    """K expressions c_k(t, x, u, u_x, ...) of a problem's fields, in the user's symbols; ``what`` they are is for
    messages. Of a complex one real and imaginary part are an expression each.

    Raises ``SymbolicError`` for a symbol, function or derivative that is not the equation's, and for an integral.
    """

    problem: Evaluating
    exprs: tuple[sp.Expr, ...]
    what: str

    def __post_init__(self) -> None:
        equation = self.problem.equation
        for expr in self.exprs:
            equation.check_terms(expr, self.what)
            if expr.has(sp.Integral):
                raise SymbolicError(f"{self.what} holds an integral")
            known = {*equation.variables, *equation.parameters, *(a for u in equation.fields for a in u.args)}
            for symbol in sorted(expr.free_symbols - known, key=str):
                raise SymbolicError(f"{self.what} holds {symbol}, which is no variable or parameter of the equation")
        self._real  # noqa: B018

    @functools.cached_property
    def _real(self) -> FieldExpressions:
        equation = self.problem.equation
        given = FieldExpressions(equation.fields, equation.variables, self.exprs, equation.parameters)
        return given.halves(equation.complex)

    @functools.cached_property
    def _kernel(self) -> CompiledKernel:
        kernels = self.problem.kernels
        return kernels.of_expressions(self._real.renamed(kernels.renaming))

    def rows(
        self, theta: np.ndarray, time: float, points: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """w ∂c/∂θ (n, K, p), w c and w ∂c/∂t at fixed fields, both (n, K), at points (n, dim) with weights w (n,)."""
        n, k = len(points), len(self._real.exprs)
        jacobian, value, rate = np.empty((n, k * theta.size)), np.empty((n, k)), np.empty((n, k))
        root = np.ascontiguousarray(weights)[:, None]
        self.problem.run(self._kernel, points, root, theta, time, jacobian, value, rate)
        return jacobian.reshape(n, k, theta.size), value, rate
