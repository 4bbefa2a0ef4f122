"""LU with partial pivoting. Run from the kernel cache, not imported."""

import numba
import numpy as np

#: 16 units of rounding: a pivot below this times the size of its column holds rounding errors only.
TINY = 16 * 2.0**-52


@numba.njit("void(float64[::1], float64[::1])", cache=True, error_model="numpy", nogil=True)
def solve_dense(a, b):
    """Overwrite ``b`` (n) with A⁻¹b by LU with partial pivoting; ``a`` holds A by rows and is overwritten."""
    n = b.size
    scale = np.zeros(n)
    for i in range(n):
        for j in range(n):
            scale[j] = max(scale[j], abs(a[i * n + j]))
    for k in range(n):
        pivot = k
        for i in range(k + 1, n):
            if abs(a[i * n + k]) > abs(a[pivot * n + k]):
                pivot = i
        if not abs(a[pivot * n + k]) > TINY * scale[k]:
            b[:] = np.nan
            return
        if pivot != k:
            for j in range(k, n):
                a[k * n + j], a[pivot * n + j] = a[pivot * n + j], a[k * n + j]
            b[k], b[pivot] = b[pivot], b[k]
        for i in range(k + 1, n):
            factor = a[i * n + k] / a[k * n + k]
            if factor != 0.0:
                for j in range(k + 1, n):
                    a[i * n + j] -= factor * a[k * n + j]
                b[i] -= factor * b[k]
    for k in range(n - 1, -1, -1):
        total = b[k]
        for j in range(k + 1, n):
            total -= a[k * n + j] * b[j]
        b[k] = total / a[k * n + k]
