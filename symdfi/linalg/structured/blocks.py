"""Matrices of blocks on the diagonal, with a border. Run from the kernel cache, not imported.

The entries of all blocks at one place lie side by side, ``a[(r*SIZE + c)*n + i]`` in block i, so that the
blocks are worked on several at a time; likewise ``columns[(r*BORDERS + b)*n + i]``, ``rows`` and right-hand sides.
"""

import numpy as np

from symdfi.compile.source.runtime import jit

#: The size of a block, and the number of columns and of rows in the border.
SIZE = 1
BORDERS = 0

V = "float64[::1]"

#: 16 units of rounding: a pivot below this times the size of its column holds rounding errors only.
TINY = 16 * 2.0**-52


@jit(f"boolean(int64, {V})")
def invert_single(n, a):
    good = True
    for i in range(n):
        good &= abs(a[np.uint64(i)]) > 0.0
        a[np.uint64(i)] = 1.0 / a[np.uint64(i)]
    return good


@jit(f"boolean(int64, {V})")
def invert_pairs(n, a):
    good = True
    for k in range(n):
        i, j = np.uint64(k), np.uint64(n + k)
        l, m = np.uint64(2 * n + k), np.uint64(3 * n + k)
        first, second = a[i] * a[m], a[j] * a[l]
        determinant = first - second
        good &= abs(determinant) > TINY * (abs(first) + abs(second))
        scale = 1.0 / determinant
        a[i], a[m] = a[m] * scale, a[i] * scale
        a[j] *= -scale
        a[l] *= -scale
    return good


@jit(f"boolean(int64, {V})")
def invert_each(n, a):
    """Gauss and Jordan's elimination with the largest pivot of each column."""
    block, scale = np.empty((SIZE, SIZE)), np.empty(SIZE)
    order = np.empty(SIZE, np.int64)
    for i in range(n):
        for r in range(SIZE):
            scale[r] = 0.0
        for r in range(SIZE):
            for c in range(SIZE):
                block[r, c] = a[(r * SIZE + c) * n + i]
                scale[c] = max(scale[c], abs(block[r, c]))
        for k in range(SIZE):
            pivot = k
            for r in range(k + 1, SIZE):
                if abs(block[r, k]) > abs(block[pivot, k]):
                    pivot = r
            order[k] = pivot
            if not abs(block[pivot, k]) > TINY * scale[k]:
                return False
            if pivot != k:
                for c in range(SIZE):
                    block[k, c], block[pivot, c] = block[pivot, c], block[k, c]
            inverse = 1.0 / block[k, k]
            block[k, k] = 1.0
            for c in range(SIZE):
                block[k, c] *= inverse
            for r in range(SIZE):
                if r != k:
                    factor = block[r, k]
                    block[r, k] = 0.0
                    for c in range(SIZE):
                        block[r, c] -= factor * block[k, c]
        for k in range(SIZE - 1, -1, -1):
            if order[k] != k:
                for r in range(SIZE):
                    block[r, k], block[r, order[k]] = block[r, order[k]], block[r, k]
        for r in range(SIZE):
            for c in range(SIZE):
                a[(r * SIZE + c) * n + i] = block[r, c]
    return True


@jit(f"float64(int64, int64, {V}, {V}, int64, int64, {V})")
def product(n, b, rows, a, d, across, x):
    """R D⁻¹ x of row b and the column d of ``across`` that x has."""
    total = 0.0
    for r in range(SIZE):
        for c in range(SIZE):
            for i in range(n):
                total += (
                    rows[np.uint64((r * BORDERS + b) * n + i)]
                    * a[np.uint64((r * SIZE + c) * n + i)]
                    * x[np.uint64((c * across + d) * n + i)]
                )
    return total


@jit(f"boolean(int64, {V}, {V}, {V}, {V})")
def factor(n, a, columns, rows, corner):
    """Put the inverse D⁻¹ of every block in its place, and take R D⁻¹ C off the corner. False if one is singular."""
    if SIZE == 1:
        good = invert_single(n, a)
    elif SIZE == 2:
        good = invert_pairs(n, a)
    else:
        good = invert_each(n, a)
    if not good:
        return False
    for b in range(BORDERS):
        for d in range(BORDERS):
            corner[b * BORDERS + d] -= product(n, b, rows, a, d, BORDERS, columns)
    return True


@jit(f"void(int64, {V}, {V}, {V}, {V}, {V})")
def forward(n, a, columns, rows, f, tail):
    """Take R D⁻¹ f off the right-hand side of the border."""
    for b in range(BORDERS):
        tail[b] -= product(n, b, rows, a, 0, 1, f)


@jit(f"void(int64, {V}, {V}, {V}, {V}, {V})")
def backward(n, a, columns, rows, f, tail):
    """Overwrite f with D⁻¹(f - C tail), ``tail`` the solution along the border."""
    x = np.empty(SIZE)
    for i in range(n):
        for c in range(SIZE):
            x[c] = f[np.uint64(c * n + i)]
            for b in range(BORDERS):
                x[c] -= columns[np.uint64((c * BORDERS + b) * n + i)] * tail[b]
        for r in range(SIZE):
            total = 0.0
            for c in range(SIZE):
                total += a[np.uint64((r * SIZE + c) * n + i)] * x[c]
            f[np.uint64(r * n + i)] = total
