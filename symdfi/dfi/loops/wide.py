"""Normal equations of many parameters: threads take tiles of columns, not samples, for which each would need a matrix
of its own. Run from the kernel cache, not imported.

J (n, p) is by rows, that is J^T by columns, in one flat array. Each tile is computed in the same way by any thread.
"""

import numpy as np

from symdfi.compile.kernels import cache
from symdfi.compile.source.runtime import jit
from symdfi.linalg import lapack

_normal = cache.load_module("symdfi.dfi.loops.normal")
multiplied, read, write, FLUSH = _normal.multiplied, _normal.read, _normal.write, _normal.FLUSH
syrk, gemm, gemv = lapack.syrk, lapack.gemm, lapack.gemv

V = "float64[::1]"
LOWER, PLAIN, TRANSPOSED = ord("L"), ord("N"), ord("T")


@jit(f"void(int64, int64, int64, {V}, {V}, {V}, int64)")
def subtract(start, stop, height, a, target, r, p):
    """r - J target in place, for the tiles start..stop-1 of ``height`` rows."""
    word = read()
    write(word | FLUSH)
    for tile in range(start, stop):
        first, after = tile * height, min((tile + 1) * height, r.size)
        multiplied(TRANSPOSED, -1.0, a[first * p : after * p], target, 1.0, r[first:after], p)
    write(word)


@jit(f"void(int64, int64, int64, {V}, {V}, {V}, {V}, int64, boolean)")
def add(start, stop, width, a, r, gram, gradient, p, first):
    """Add J^T J, its lower triangle, and J^T r, for the columns of tiles start..stop-1 of ``width`` parameters; to
    zeros and not to what is in ``gram`` if they are the ``first``."""
    lower, plain, trans = np.array([LOWER], np.uint8), np.array([PLAIN], np.uint8), np.array([TRANSPOSED], np.uint8)
    stride, inner, step = np.array([p], np.int32), np.array([r.size], np.int32), np.array([1], np.int32)
    columns, rows = np.empty(1, np.int32), np.empty(1, np.int32)
    one = np.array([1.0])
    word = read()
    write(word | FLUSH)
    for tile in range(start, stop):
        begin, after = tile * width, min((tile + 1) * width, p)
        columns[0], rows[0] = after - begin, p - after
        if first:
            for column in range(begin, after):
                gram[column * p + column : (column + 1) * p] = 0.0
        syrk(
            lower.ctypes, plain.ctypes, columns.ctypes, inner.ctypes, one.ctypes, a[begin:].ctypes, stride.ctypes,
            one.ctypes, gram[begin * p + begin :].ctypes, stride.ctypes,
        )  # fmt: skip
        if after < p:
            gemm(
                plain.ctypes, trans.ctypes, rows.ctypes, columns.ctypes, inner.ctypes, one.ctypes, a[after:].ctypes,
                stride.ctypes, a[begin:].ctypes, stride.ctypes, one.ctypes, gram[begin * p + after :].ctypes,
                stride.ctypes,
            )  # fmt: skip
        gemv(
            plain.ctypes, columns.ctypes, inner.ctypes, one.ctypes, a[begin:].ctypes, stride.ctypes, r.ctypes,
            step.ctypes, one.ctypes, gradient[begin:].ctypes, step.ctypes,
        )  # fmt: skip
    write(word)
