"""Chains of one block: full matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import get_lapack_funcs

from symdfi.linalg.chain import ChainLU


class FullChainLU(ChainLU):
    """LAPACK's LU with partial pivoting of a matrix that is one block."""

    def __init__(self, matrix: NDArray[Any], periodic: bool = False, *, rcond_min: float | None = 1e-14) -> None:
        self._begin(1, len(matrix), np.result_type(np.float64, matrix), periodic)
        self.norm = float(np.abs(matrix).sum(axis=0).max())
        (getrf,) = get_lapack_funcs(("getrf",), dtype=self._dtype)
        self._lu, self._pivots, info = getrf(matrix)
        self._end(info == 0, rcond_min)

    def _apply(self, rhs: NDArray[Any], trans: int) -> NDArray[Any]:
        (getrs,) = get_lapack_funcs(("getrs",), dtype=self._dtype)
        found, _ = getrs(self._lu, self._pivots, rhs, trans=trans)
        return found
