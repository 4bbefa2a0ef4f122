"""Full matrices of any size: LAPACK from about a hundred unknowns on, Cholesky's factor first where the matrix is
symmetric. Run from the kernel cache, not imported."""

import numpy as np

from symdfi.compile.source.runtime import jit
from symdfi.linalg import lapack
from symdfi.linalg.structured import AT_ONCE, load

solve_at_once = load("dense").solve_with
potrf, potrs, getrf, getrs = lapack.potrf, lapack.potrs, lapack.getrf, lapack.getrs

V, P = "float64[::1]", "int32[::1]"
#: 16 units of rounding: a pivot below this times the size of its column holds rounding errors only.
TINY = 16 * 2.0**-52
#: LAPACK reads matrices by columns: the lower half by columns is the upper one by rows, and Aᵀ is what it factorises.
LOWER, TRANSPOSED = ord("L"), ord("T")


@jit(f"boolean(int64, {V}, {V})")
def solve_definite(n, a, b):
    """Overwrite ``b`` with A⁻¹b by the lower half by columns of A, which is overwritten; False, b as it was, where A is
    not positive definite."""
    size, one, info = np.array([n], np.int32), np.array([1], np.int32), np.empty(1, np.int32)
    lower, diagonal = np.array([LOWER], np.uint8), np.empty(n)
    for k in range(n):
        diagonal[k] = a[k * n + k]
        if not diagonal[k] > 0.0:
            return False
    potrf(lower.ctypes, size.ctypes, a.ctypes, size.ctypes, info.ctypes)
    if info[0] != 0:
        return False
    for k in range(n):
        if not a[k * n + k] ** 2 > TINY * diagonal[k]:
            return False
    potrs(lower.ctypes, size.ctypes, one.ctypes, a.ctypes, size.ctypes, b.ctypes, size.ctypes, info.ctypes)
    return True


@jit(f"boolean(int64, {V}, {V})")
def solve_general(n, a, b):
    """Overwrite ``b`` with A⁻¹b; False where A is singular to working precision."""
    size, one, info = np.array([n], np.int32), np.array([1], np.int32), np.empty(1, np.int32)
    transposed, pivots, scale = np.array([TRANSPOSED], np.uint8), np.empty(n, np.int32), np.zeros(n)
    for i in range(n):
        for j in range(n):
            scale[i] = max(scale[i], abs(a[i * n + j]))
    getrf(size.ctypes, size.ctypes, a.ctypes, size.ctypes, pivots.ctypes, info.ctypes)
    for k in range(n):
        if not abs(a[k * n + k]) > TINY * scale[k]:
            return False
    getrs(
        transposed.ctypes, size.ctypes, one.ctypes, a.ctypes, size.ctypes, pivots.ctypes, b.ctypes, size.ctypes,
        info.ctypes,
    )  # fmt: skip
    return True


@jit(f"void(int64, boolean, {V}, {V})")
def solve(n, symmetric, a, b):
    """Overwrite ``b`` with A⁻¹b, A by rows; NaN where A is singular."""
    if n <= AT_ONCE:
        solve_at_once(n, a, b)
        return
    if symmetric:
        # The half that Cholesky's factor leaves, and the diagonal apart.
        diagonal = np.empty(n)
        for k in range(n):
            diagonal[k] = a[k * n + k]
        if solve_definite(n, a, b):
            return
        for i in range(n):
            a[i * n + i] = diagonal[i]
            for j in range(i):
                a[j * n + i] = a[i * n + j]
    if not solve_general(n, a, b):
        b[:n] = np.nan
