"""Filter factors from a randomized singular value decomposition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import get_blas_funcs, qr, svd

from symdfi.linalg.anchored.base import AnchoredSolver
from symdfi.linalg.anchored.source import Source
from symdfi.linalg.anchored.svd import FilterFactor, ThinSVD, filtered
from symdfi.linalg.spectrum import Array

(_gemm,) = get_blas_funcs(("gemm",), dtype=np.float64)


@dataclass(frozen=True)
class RandomizedSVD(AnchoredSolver):
    """Filter factors of the leading singular values, by Halko's range finder (Halko, Martinsson and Tropp, SIAM Rev. 53
    (2011), 217, algorithms 4.4 and 5.1): Y = (J J^T)^q J Omega, Q = orth(Y), SVD of Q^T J.

    v+ = mu v_n + sum_{i <= rank} sigma_i / (sigma_i^2 + gamma) u_i^T (f - J mu v_n) v_i: in all other directions the
    velocity stays the damped anchor's. That is the minimiser up to those with sigma_i^2 << gamma, and at gamma = 0 the
    truncated one. About 2 (q + 1) n p (rank + oversampling) operations, J only in products (theory of DFI, "The step").

    Parameters
    ----------
    rank
        How many singular values to keep, at most; min(n, p) where that is less.
    oversampling
        How many random vectors more than that.
    power_iterations
        q: the share of directions beyond the rank falls as (sigma_{rank+1} / sigma_i)^(2 q + 1).
    seed
        Of the random vectors, drawn anew in every solve: the same J gives the same result.
    """

    rank: int
    oversampling: int = 10
    power_iterations: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"rank": 1, "oversampling": 0, "power_iterations": 0, "seed": 0}
        for name, lowest in least.items():
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < lowest:
                raise ValueError(f"{name} must be an integer of at least {lowest}, got {value!r}")

    def _factorise(
        self, source: Source, target: Array | None, gamma: float, relative: bool
    ) -> tuple[FilterFactor, Array]:
        source = source.again()
        shape = source.shape()
        assert shape is not None
        n, p = shape
        width, rank = min(self.rank + self.oversampling, n, p), min(self.rank, n, p)
        basis = _orthonormal(source.product(np.random.default_rng(self.seed).standard_normal((p, width))))
        for _ in range(self.power_iterations):
            basis = _orthonormal(source.product(_orthonormal(source.pulled(basis))))
        left, sigma, right = svd(source.pulled(basis).T, full_matrices=False, check_finite=False)
        thin = ThinSVD(None, _gemm(1.0, basis, left[:, :rank]), sigma[:rank], right[:rank])
        return filtered(shape, thin, gamma, relative), thin.project(source.residuals(target, n))


def _orthonormal(vectors: Array) -> Array:
    return qr(vectors, mode="economic", check_finite=False)[0]
