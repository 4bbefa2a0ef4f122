"""Least squares by Householder QR."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import get_blas_funcs, get_lapack_funcs

from symdfi.errors import SingularMatrixError
from symdfi.linalg.anchored.base import AnchoredSolver, Factor
from symdfi.linalg.anchored.reflectors import Reflectors
from symdfi.linalg.anchored.rows import residual, zero_jacobian
from symdfi.linalg.anchored.source import Source
from symdfi.linalg.spectrum import Array, TriangularFactor, largest_eigenvalue

(_gemv,) = get_blas_funcs(("gemv",), dtype=np.float64)
_trtrs, _trcon = get_lapack_funcs(("trtrs", "trcon"), dtype=np.float64)
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class AugmentedFactor(Factor):
    """Q R = [J; sqrt(gamma) I]. Reduced right-hand sides are Q^T [f - J target; 0], (p,)."""

    spectrum: TriangularFactor
    reflectors: Reflectors

    def reduce(self, source: Source, target: Array | None) -> Array:
        return self.reflectors.project(source.residuals(target, self.shape[0]))

    def minimiser(self, reduced: Array, target: Array | None) -> Array:
        increment, _ = _trtrs(self.spectrum.triangle, reduced)
        return increment if target is None else target + increment


@dataclass(frozen=True)
class QR(AnchoredSolver):
    """Least squares on [J; sqrt(gamma) I] for the increment, by Householder QR.

    The accurate path when J is ill-conditioned. gamma = 0 is plain least squares and needs
    full column rank (theory of DFI, "The step").
    """

    def _factorise(
        self, source: Source, target: Array | None, gamma: float, relative: bool
    ) -> tuple[AugmentedFactor, Array]:
        jacobian, f = source.whole()
        columns = jacobian.T
        (n, p), sigma_max = jacobian.shape, None
        if relative:
            square = largest_eigenvalue(lambda x: _gemv(1.0, columns, _gemv(1.0, columns, x, trans=1)), p)
            sigma_max = float(np.sqrt(square))
            gamma = gamma * square
        augmented = np.zeros((n + p if gamma > 0 else n, p), order="F")
        augmented[:n] = jacobian
        if gamma > 0:
            np.einsum("ii->i", augmented[n:])[:] = np.sqrt(gamma)
        reflectors = Reflectors.of(augmented)
        triangle = reflectors.triangle()
        if len(triangle) < p or _equilibrated_rcond(triangle) < p * _EPS:
            if sigma_max is None:
                sigma_max = float(np.linalg.norm(triangle, 2))
            if sigma_max == 0:
                raise zero_jacobian()
            raise SingularMatrixError(
                f"[J; sqrt(gamma) I] has dependent columns to working precision (J {n} x {p}, "
                f"gamma = {gamma:.3g}, sigma_max = {sigma_max:.3g}); use a larger gamma, or TruncatedSVD",
                gamma=gamma,
                sigma_max=sigma_max,
            )
        factor = AugmentedFactor((n, p), TriangularFactor(gamma, triangle, False, sigma_max), reflectors)
        return factor, reflectors.project(residual(jacobian, f, target))


def _equilibrated_rcond(triangle: Array) -> float:
    """Reciprocal condition of R with its columns scaled to unit length, so that mere scaling is no alarm."""
    lengths = np.sqrt(np.einsum("ij,ij->j", triangle, triangle))
    if not lengths.all():
        return 0.0
    return float(_trcon(np.asfortranarray(triangle / lengths))[0])
