"""Banded elimination. Run from the kernel cache, not imported."""

import numba
import numpy as np

#: 16 units of rounding: a pivot below this times the size of its column holds rounding errors only.
TINY = 16 * 2.0**-52


@numba.njit("void(float64[::1], int64, float64[:, ::1])", cache=True, error_model="numpy", nogil=True)
def solve_banded(a, width, b):
    """Overwrite the rows of ``b`` (m right-hand sides, m × n) with A⁻¹b, A banded.

    ``a[(c + width)*n + j]`` holds A[j, j + c] and is overwritten. Elimination without pivoting: for the
    symmetric positive definite (or diagonally dominant) matrices of mechanics.
    """
    m, n = b.shape
    scale = np.zeros(n)
    for c in range(-width, width + 1):
        for j in range(max(0, -c), min(n, n - c)):
            scale[j + c] = max(scale[j + c], abs(a[(c + width) * n + j]))
    for k in range(n):
        pivot = a[width * n + k]
        if not abs(pivot) > TINY * scale[k]:
            b[:, :] = np.nan
            return
        for i in range(k + 1, min(k + width, n - 1) + 1):
            factor = a[(k - i + width) * n + i] / pivot
            if factor != 0.0:
                for j in range(k + 1, min(k + width, n - 1) + 1):
                    a[(j - i + width) * n + i] -= factor * a[(j - k + width) * n + k]
                for r in range(m):
                    b[r, i] -= factor * b[r, k]
    for r in range(m):
        for k in range(n - 1, -1, -1):
            total = b[r, k]
            for j in range(k + 1, min(k + width, n - 1) + 1):
                total -= a[(j - k + width) * n + k] * b[r, j]
            b[r, k] = total / a[width * n + k]
