"""Householder reflectors, A = Q R, with Q never formed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import get_lapack_funcs

from symdfi.linalg.spectrum import Array

_geqrf, _geqrf_lwork, _ormqr = get_lapack_funcs(("geqrf", "geqrf_lwork", "ormqr"), dtype=np.float64)


@dataclass(frozen=True)
class Reflectors:
    """A (m, p) as LAPACK's geqrf leaves it: R on and above the diagonal, the reflectors below, (m, p), (p,)."""

    packed: Array
    scales: Array

    @staticmethod
    def of(matrix: Array) -> Reflectors:
        """Factorise the Fortran-ordered matrix, which is overwritten."""
        work, _ = _geqrf_lwork(*matrix.shape)
        packed, scales, *_ = _geqrf(matrix, lwork=int(work), overwrite_a=1)
        return Reflectors(packed, scales)

    def triangle(self) -> Array:
        """R (min(m, p), p)."""
        return np.asfortranarray(np.triu(self.packed[: len(self.scales)]))

    def project(self, vector: Array) -> Array:
        """The first min(m, p) components of Q^T [vector; 0]."""
        m, k = len(self.packed), len(self.scales)
        column = np.zeros((m, 1), order="F")
        column[: vector.size, 0] = vector
        projected, *_ = _ormqr("L", "T", self.packed[:, :k], self.scales, column, _WORK, overwrite_c=1)
        return projected[:k, 0].copy()


#: What ormqr can use for one column: a block of 64 and a triangular factor of (64 + 1) x 64.
_WORK = 64 + 65 * 64
