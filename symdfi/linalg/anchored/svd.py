"""Filter factors from the singular value decomposition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import svd

from symdfi.errors import SingularMatrixError
from symdfi.linalg.anchored.base import AnchoredSolver, Factor
from symdfi.linalg.anchored.reflectors import Reflectors
from symdfi.linalg.anchored.rows import residual, zero_jacobian
from symdfi.linalg.anchored.source import Source
from symdfi.linalg.spectrum import Array, SingularValues

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class ThinSVD:
    """J = Q U diag(sigma) V^T with k = min(n, p) singular values; Q only where J is tall."""

    reflectors: Reflectors | None
    left: Array
    sigma: Array
    right: Array

    @staticmethod
    def of(jacobian: Array) -> ThinSVD:
        n, p = jacobian.shape
        reflectors = Reflectors.of(np.array(jacobian, order="F")) if n > 1.5 * p else None
        core = jacobian if reflectors is None else reflectors.triangle()
        return ThinSVD(reflectors, *svd(core, full_matrices=False, check_finite=False))

    def project(self, vector: Array) -> Array:
        """U^T Q^T vector, (k,)."""
        return self.left.T @ (vector if self.reflectors is None else self.reflectors.project(vector))


@dataclass(frozen=True)
class FilterFactor(Factor):
    """J = U diag(sigma) V^T. Reduced right-hand sides are U^T (f - J target), (k,)."""

    spectrum: SingularValues
    svd: ThinSVD

    def reduce(self, source: Source, target: Array | None) -> Array:
        return self.svd.project(source.residuals(target, self.shape[0]))

    def minimiser(self, reduced: Array, target: Array | None) -> Array:
        length = np.hypot(self.svd.sigma, np.sqrt(self.spectrum.gamma))
        increment = self.svd.right.T @ (reduced * (self.svd.sigma / length / length))
        return increment if target is None else target + increment


@dataclass(frozen=True)
class SVD(AnchoredSolver):
    """Filter factors, v+ = mu v_n + sum_i sigma_i / (sigma_i^2 + gamma) u_i^T (f - J mu v_n) v_i.

    The slowest solver and the one that has the whole spectrum. gamma = 0 needs full rank, min(n, p), and gives the
    increment of least norm (theory of DFI, "The step").
    """

    def _factorise(
        self, source: Source, target: Array | None, gamma: float, relative: bool
    ) -> tuple[FilterFactor, Array]:
        jacobian, f = source.whole()
        thin = ThinSVD.of(jacobian)
        return filtered(jacobian.shape, thin, gamma, relative), thin.project(residual(jacobian, f, target))


def filtered(shape: tuple[int, int], thin: ThinSVD, gamma: float, relative: bool) -> FilterFactor:
    """The filter of J (n, p); ``SingularMatrixError`` where gamma does not make up for its smallest singular value."""
    sigma = thin.sigma
    if relative:
        gamma = gamma * float(sigma[0]) ** 2
    if sigma[0] == 0 and gamma == 0:
        raise zero_jacobian()
    if np.sqrt(sigma[-1] ** 2 + gamma) <= max(shape) * _EPS * sigma[0]:
        raise SingularMatrixError(
            f"J is rank-deficient to working precision and gamma = {gamma:.3g} does not make up for it "
            f"(sigma_max = {sigma[0]:.3g}, sigma_min = {sigma[-1]:.3g}); use a larger gamma, or "
            "TruncatedSVD",
            gamma=gamma,
            sigma_max=float(sigma[0]),
        )
    return FilterFactor(shape, SingularValues(gamma, sigma, thin.right), thin)
