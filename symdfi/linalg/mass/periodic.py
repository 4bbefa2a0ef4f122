"""Banded elimination on a ring. Run from the kernel cache, not imported."""

import numba
import numpy as np

from symdfi.compile.kernels.cache import load_module

solve_banded = load_module("symdfi.linalg.mass.banded").solve_banded
solve_dense = load_module("symdfi.linalg.mass.dense").solve_dense


@numba.njit(error_model="numpy")
def move_corner(a, width, sides, corner, row, column, side):
    """One corner of A to U, and its size to the diagonal of B."""
    n = sides.shape[1]
    shift = abs(corner) if a[width * n + column] >= 0.0 else -abs(corner)
    a[width * n + column] += shift
    sides[side, row] += corner
    sides[side, column] -= shift


@numba.njit("void(float64[::1], int64, float64[::1])", cache=True, error_model="numpy", nogil=True)
def solve_periodic(a, width, b):
    """Overwrite ``b`` (n) with A⁻¹b, A banded on a ring: ``a[(c + width)*n + j]`` is A[j, (j + c) mod n].

    A = B + U Vᵀ with B banded and U the corners (Woodbury). B's diagonal takes up the size of the corners
    that it loses, so it is definite where A is. A ring too short for its band is solved densely.
    """
    n = b.size
    if n <= 2 * width:
        full = np.zeros(n * n)
        for c in range(-width, width + 1):
            for j in range(n):
                full[j * n + (j + c) % n] += a[(c + width) * n + j]
        solve_dense(full, b)
        return
    m = 2 * width
    sides = np.zeros((m + 1, n))
    sides[0] = b
    # Column k < width of U stands for matrix column k, the others for the last `width` columns.
    for c in range(1, width + 1):
        for j in range(n - c, n):
            move_corner(a, width, sides, a[(c + width) * n + j], j, j + c - n, 1 + j + c - n)
        for j in range(c):
            move_corner(a, width, sides, a[(-c + width) * n + j], j, j - c + n, 1 + width + (j - c + width))
    solve_banded(a, width, sides)
    small, right = np.empty(m * m), np.empty(m)
    for r in range(m):
        row = r if r < width else n - m + r
        right[r] = sides[0, row]
        for c in range(m):
            small[r * m + c] = sides[1 + c, row] + (1.0 if r == c else 0.0)
    solve_dense(small, right)
    for j in range(n):
        total = sides[0, j]
        for c in range(m):
            total -= sides[1 + c, j] * right[c]
        b[j] = total
