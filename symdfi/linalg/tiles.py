"""Cholesky's factor of a large matrix, tile by tile. Run from the kernel cache, not imported.

A = L L^T (p, p) by columns in one flat array, the lower triangle of A overwritten by L. A step k takes the columns
k..k+width-1: their diagonal tile, the tiles below it, and what they take from all tiles to the right. Of the last two
any thread may take any part: each tile is computed in the same way. BLAS is to run on one thread.
"""

import numpy as np

from symdfi.compile.source.runtime import jit
from symdfi.linalg import lapack, subnormals

_control = subnormals.control_word()
read, write = _control.read, _control.write
potrf, syrk, gemm, trsm = lapack.potrf, lapack.syrk, lapack.gemm, lapack.trsm

V = "float64[::1]"
FLUSH = np.uint32(subnormals.FLUSH)
LOWER, PLAIN, TRANSPOSED, RIGHT = ord("L"), ord("N"), ord("T"), ord("R")


@jit(f"int64(int64, int64, {V}, int64)")
def diagonal(k, width, a, p):
    """Factorise the diagonal tile; not zero where that is not positive definite."""
    lower, info = np.array([LOWER], np.uint8), np.zeros(1, np.int32)
    size, stride = np.array([min(width, p - k)], np.int32), np.array([p], np.int32)
    word = read()
    write(word | FLUSH)
    potrf(lower.ctypes, size.ctypes, a[k * p + k :].ctypes, stride.ctypes, info.ctypes)
    write(word)
    return info[0]


@jit(f"void(int64, int64, int64, int64, {V}, int64)")
def below(start, stop, k, width, a, p):
    """Solve for the tiles start..stop-1 below the diagonal one."""
    right, lower = np.array([RIGHT], np.uint8), np.array([LOWER], np.uint8)
    trans, plain = np.array([TRANSPOSED], np.uint8), np.array([PLAIN], np.uint8)
    stride, columns, rows = np.array([p], np.int32), np.array([width], np.int32), np.empty(1, np.int32)
    one = np.array([1.0])
    word = read()
    write(word | FLUSH)
    for tile in range(start, stop):
        first = k + width + tile * width
        rows[0] = min(width, p - first)
        trsm(
            right.ctypes, lower.ctypes, trans.ctypes, plain.ctypes, rows.ctypes, columns.ctypes, one.ctypes,
            a[k * p + k :].ctypes, stride.ctypes, a[k * p + first :].ctypes, stride.ctypes,
        )  # fmt: skip
    write(word)


@jit(f"void(int64, int64, int64, int64, {V}, int64)")
def update(start, stop, k, width, a, p):
    """Take the products of the step's tiles from the columns of tiles start..stop-1 to the right."""
    lower, plain, trans = np.array([LOWER], np.uint8), np.array([PLAIN], np.uint8), np.array([TRANSPOSED], np.uint8)
    stride, inner = np.array([p], np.int32), np.array([width], np.int32)
    columns, rows = np.empty(1, np.int32), np.empty(1, np.int32)
    less, one = np.array([-1.0]), np.array([1.0])
    word = read()
    write(word | FLUSH)
    for tile in range(start, stop):
        first = k + width + tile * width
        after = min(first + width, p)
        columns[0], rows[0] = after - first, p - after
        own = a[k * p + first :]
        syrk(
            lower.ctypes, plain.ctypes, columns.ctypes, inner.ctypes, less.ctypes, own.ctypes, stride.ctypes,
            one.ctypes, a[first * p + first :].ctypes, stride.ctypes,
        )  # fmt: skip
        if after < p:
            gemm(
                plain.ctypes, trans.ctypes, rows.ctypes, columns.ctypes, inner.ctypes, less.ctypes,
                a[k * p + after :].ctypes, stride.ctypes, own.ctypes, stride.ctypes, one.ctypes,
                a[first * p + after :].ctypes, stride.ctypes,
            )  # fmt: skip
    write(word)
