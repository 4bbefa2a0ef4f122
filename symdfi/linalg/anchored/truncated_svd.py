"""Plain Dirac-Frenkel by truncation of the singular values."""

from __future__ import annotations

from dataclasses import dataclass

from symdfi.linalg.anchored.base import AnchoredSolver, Factor
from symdfi.linalg.anchored.source import Source
from symdfi.linalg.anchored.svd import ThinSVD
from symdfi.linalg.spectrum import Array, SingularValues


@dataclass(frozen=True)
class TruncatedFactor(Factor):
    """J = U diag(sigma) V^T, and the singular values kept. Reduced right-hand sides are U^T f, (k,)."""

    spectrum: SingularValues
    svd: ThinSVD

    @property
    def directions(self) -> Array:
        """The right singular vectors that are kept, (k, p): an orthonormal basis of what J decides."""
        return self.svd.right[: len(self.spectrum.sigma)]

    def reduce(self, source: Source, target: Array | None) -> Array:
        return self.svd.project(source.residuals(None, self.shape[0]))

    def minimiser(self, reduced: Array, target: Array | None) -> Array:
        return self.directions.T @ (reduced[: len(self.spectrum.sigma)] / self.spectrum.sigma)


@dataclass(frozen=True)
class TruncatedSVD(AnchoredSolver):
    """Plain Dirac-Frenkel by truncation, v+ = sum over sigma_i > rtol sigma_1 of (u_i^T f / sigma_i) v_i.

    The solution of least norm in the retained directions. There is no regularisation, so gamma must be 0, and
    of the anchor only its length is used: its null component is not added (theory of DFI, "The step").

    Parameters
    ----------
    rtol
        Cut-off relative to sigma_1, 0 <= rtol < 1. Below about max(n, p) * 2e-16 it keeps directions that are
        noise.
    """

    rtol: float

    def __post_init__(self) -> None:
        if not 0 <= self.rtol < 1:
            raise ValueError(f"rtol must satisfy 0 <= rtol < 1, got {self.rtol}")

    def _factorise(
        self, source: Source, target: Array | None, gamma: float, relative: bool
    ) -> tuple[TruncatedFactor, Array]:
        if gamma != 0:
            raise ValueError(f"gamma must be 0 with TruncatedSVD, got {gamma}; SVD regularises")
        jacobian, f = source.whole()
        thin = ThinSVD.of(jacobian)
        kept = thin.sigma[thin.sigma > self.rtol * thin.sigma[0]]
        return TruncatedFactor(jacobian.shape, SingularValues(0.0, kept, thin.right[: len(kept)]), thin), thin.project(
            f
        )
