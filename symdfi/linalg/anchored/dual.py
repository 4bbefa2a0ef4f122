"""Dual normal equations, for fewer rows than parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import get_blas_funcs

from symdfi.linalg.anchored.base import AnchoredSolver, Factor
from symdfi.linalg.anchored.normal import factorised, solved
from symdfi.linalg.anchored.rows import residual
from symdfi.linalg.anchored.source import Source
from symdfi.linalg.spectrum import Array, TriangularFactor

_syrk, _gemv = get_blas_funcs(("syrk", "gemv"), dtype=np.float64)


@dataclass(frozen=True)
class DualFactor(Factor):
    """J, and L L^T = J J^T + gamma I. Reduced right-hand sides are residuals f - J target, (n,)."""

    spectrum: TriangularFactor
    jacobian: Array

    def reduce(self, source: Source, target: Array | None) -> Array:
        return source.residuals(target, self.shape[0])

    def minimiser(self, reduced: Array, target: Array | None) -> Array:
        weights = solved(self.spectrum, reduced)
        if target is None:
            return _gemv(1.0, self.jacobian.T, weights)
        return _gemv(1.0, self.jacobian.T, weights, beta=1.0, y=target)


@dataclass(frozen=True)
class Dual(AnchoredSolver):
    """Dual normal equations, v+ = mu v_n + J^T (J J^T + gamma I)^-1 (f - J mu v_n): the fast path for n < p.

    Same accuracy as `Cholesky`; gamma = 0 needs full row rank and gives the increment of least norm
    (theory of DFI, "The step").
    """

    def _factorise(
        self, source: Source, target: Array | None, gamma: float, relative: bool
    ) -> tuple[DualFactor, Array]:
        jacobian, f = source.whole()
        gram = _syrk(1.0, jacobian.T, trans=1, lower=1)
        spectrum = replace(factorised(gram, gamma, relative), rows=jacobian)
        factor = DualFactor(jacobian.shape, spectrum, jacobian)
        return factor, residual(jacobian, f, target)
