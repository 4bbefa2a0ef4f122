"""LU with partial pivoting of small matrices. Run from the kernel cache, not imported."""

import numpy as np

from symdfi.compile.source.runtime import jit

V, P = "float64[::1]", "int64[::1]"
#: 16 units of rounding: a pivot below this times the size of its column holds rounding errors only.
TINY = 16 * 2.0**-52


@jit(f"void(int64, {V}, {V})")
def measure(n, a, scale):
    """The size of every column."""
    scale[:] = 0.0
    for i in range(n):
        for j in range(n):
            scale[j] = max(scale[j], abs(a[i * n + j]))


@jit(f"boolean(int64, {V}, {V}, {P})")
def factor(n, a, scale, pivots):
    """P A = L U in place of A by rows; False for a matrix that is singular to working precision.

    ``scale`` are the sizes of the columns before rounding errors came in.
    """
    for k in range(n):
        pivot = k
        for i in range(k + 1, n):
            if abs(a[i * n + k]) > abs(a[pivot * n + k]):
                pivot = i
        pivots[k] = pivot
        if not abs(a[pivot * n + k]) > TINY * scale[k]:
            return False
        if pivot != k:
            for j in range(n):
                a[k * n + j], a[pivot * n + j] = a[pivot * n + j], a[k * n + j]
        inverse = 1.0 / a[k * n + k]
        for i in range(k + 1, n):
            multiplier = a[i * n + k] * inverse
            a[i * n + k] = multiplier
            if multiplier != 0.0:
                for j in range(k + 1, n):
                    a[np.uint64(i * n + j)] -= multiplier * a[np.uint64(k * n + j)]
    return True


@jit(f"void(int64, {V}, {P}, {V})")
def solve(n, a, pivots, b):
    """Overwrite ``b`` with A⁻¹b from the factors."""
    for k in range(n):
        if pivots[k] != k:
            b[k], b[pivots[k]] = b[pivots[k]], b[k]
    for i in range(n):
        total = b[i]
        for k in range(i):
            total -= a[np.uint64(i * n + k)] * b[np.uint64(k)]
        b[i] = total
    for i in range(n - 1, -1, -1):
        total = b[i]
        for k in range(i + 1, n):
            total -= a[np.uint64(i * n + k)] * b[np.uint64(k)]
        b[i] = total / a[i * n + i]


@jit(f"void(int64, {V}, {V})")
def solve_with(n, a, b):
    """Overwrite ``b`` with A⁻¹b; NaN where A is singular."""
    pivots, scale = np.empty(n, np.int64), np.empty(n)
    measure(n, a, scale)
    if factor(n, a, scale, pivots):
        solve(n, a, pivots, b)
    else:
        b[:n] = np.nan
