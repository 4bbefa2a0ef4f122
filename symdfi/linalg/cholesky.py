"""Cholesky's factor on all cores."""

from __future__ import annotations

import numpy as np
from scipy.linalg import get_lapack_funcs

from symdfi.compile.kernels import cache, threads
from symdfi.linalg.blas import own_threads

(_potrf,) = get_lapack_funcs(("potrf",), dtype=np.float64)
#: Columns of a tile, and the order from which several threads pay.
_WIDTH, _LARGE = 192, 768


def cholesky(matrix: np.ndarray) -> bool:
    """Overwrite the lower triangle of a symmetric ``matrix`` (p, p) in Fortran order with L of L Lᵀ.

    False where it is not positive definite. The upper triangle is neither read nor written. Identical for any number
    of threads.
    """
    p = len(matrix)
    if p < _LARGE:
        _, info = _potrf(matrix, lower=1, clean=0, overwrite_a=1)
        return info == 0
    loops, flat = cache.load_module("symdfi.linalg.tiles"), matrix.T.reshape(-1)
    with own_threads():
        for k in range(0, p, _WIDTH):
            if loops.diagonal(k, _WIDTH, flat, p) != 0:
                return False
            tiles = -(-(p - k - _WIDTH) // _WIDTH)
            if tiles > 0:
                for part in (loops.below, loops.update):
                    threads.run(part, tiles, k, _WIDTH, flat, p, least=1)
    return True
