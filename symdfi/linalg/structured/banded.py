"""Banded matrices with a border, without pivoting. Run from the kernel cache, not imported.

``a[p*(2*WIDTH + 1) + d + WIDTH]`` holds A[p, p + d]; of a symmetric matrix ``a[p*(WIDTH + 1) + d]`` holds the upper
half. ``columns[p*BORDERS + b]`` and ``rows`` likewise; the rows of a symmetric matrix are its columns.

A symmetric matrix that is not positive definite, and one with a pivot that is small beside its column, is refused: it
needs pivoting.
"""

import numpy as np

from symdfi.compile.source.runtime import jit

#: The largest offset of a band, the number of columns and of rows in the border, whether the matrix is symmetric.
WIDTH = 1
BORDERS = 0
SYMMETRIC = 0

V = "float64[::1]"
#: 16 units of rounding: a pivot below this times the size of its column holds rounding errors only.
TINY = 16 * 2.0**-52
#: The largest factor of a row: rounding errors grow by no more without pivoting.
LARGEST = 1e3


@jit(f"boolean(int64, {V}, {V}, {V})")
def factor_symmetric(n, a, columns, corner):
    m = WIDTH + 1
    original = np.empty(n)
    for p in range(n):
        original[p] = a[p * m]
    for p in range(n):
        if not a[p * m] > TINY * original[p]:
            return False
        inverse = 1.0 / a[p * m]
        a[p * m] = inverse
        for i in range(1, WIDTH + 1):
            if p + i < n:
                multiplier = a[p * m + i] * inverse
                for j in range(i, WIDTH + 1):
                    a[(p + i) * m + j - i] -= multiplier * a[p * m + j]
                for b in range(BORDERS):
                    columns[(p + i) * BORDERS + b] -= multiplier * columns[p * BORDERS + b]
        for b in range(BORDERS):
            multiplier = columns[p * BORDERS + b] * inverse
            for d in range(BORDERS):
                corner[b * BORDERS + d] -= multiplier * columns[p * BORDERS + d]
    return True


@jit(f"boolean(int64, {V}, {V}, {V}, {V})")
def factor_general(n, a, columns, rows, corner):
    m = 2 * WIDTH + 1
    scale = np.zeros(n)
    for p in range(n):
        for d in range(-WIDTH, WIDTH + 1):
            if 0 <= p + d < n:
                scale[p + d] = max(scale[p + d], abs(a[p * m + d + WIDTH]))
    for p in range(n):
        if not abs(a[p * m + WIDTH]) > TINY * scale[p]:
            return False
        inverse = 1.0 / a[p * m + WIDTH]
        a[p * m + WIDTH] = inverse
        for i in range(1, WIDTH + 1):
            if p + i < n:
                multiplier = a[(p + i) * m + WIDTH - i] * inverse
                if not abs(multiplier) < LARGEST:
                    return False
                a[(p + i) * m + WIDTH - i] = multiplier
                for j in range(1, WIDTH + 1):
                    a[(p + i) * m + WIDTH + j - i] -= multiplier * a[p * m + WIDTH + j]
                for b in range(BORDERS):
                    columns[(p + i) * BORDERS + b] -= multiplier * columns[p * BORDERS + b]
        for b in range(BORDERS):
            multiplier = rows[p * BORDERS + b] * inverse
            rows[p * BORDERS + b] = multiplier
            for j in range(1, WIDTH + 1):
                if p + j < n:
                    rows[(p + j) * BORDERS + b] -= multiplier * a[p * m + WIDTH + j]
            for d in range(BORDERS):
                corner[b * BORDERS + d] -= multiplier * columns[p * BORDERS + d]
    return True


@jit(f"boolean(int64, {V}, {V}, {V}, {V})")
def factor(n, a, columns, rows, corner):
    """A = L D U in its place, pivots inverted, and the corner less R A⁻¹ C. False where it needs pivoting."""
    if SYMMETRIC:
        return factor_symmetric(n, a, columns, corner)
    return factor_general(n, a, columns, rows, corner)


@jit(f"void(int64, {V}, {V}, {V}, {V}, {V})")
def forward(n, a, columns, rows, f, tail):
    """Overwrite f with L⁻¹f, and take what it gives along the border off ``tail``."""
    m = WIDTH + 1 if SYMMETRIC else 2 * WIDTH + 1
    for p in range(n):
        value = f[p]
        if SYMMETRIC:
            scaled = value * a[p * m]
            for i in range(1, WIDTH + 1):
                if p + i < n:
                    f[p + i] -= a[p * m + i] * scaled
            for b in range(BORDERS):
                tail[b] -= columns[p * BORDERS + b] * scaled
        else:
            for i in range(1, WIDTH + 1):
                if p + i < n:
                    f[p + i] -= a[(p + i) * m + WIDTH - i] * value
            for b in range(BORDERS):
                tail[b] -= rows[p * BORDERS + b] * value


@jit(f"void(int64, {V}, {V}, {V}, {V}, {V})")
def backward(n, a, columns, rows, f, tail):
    """Overwrite f with U⁻¹D⁻¹(f - C tail), ``tail`` the solution along the border."""
    m = WIDTH + 1 if SYMMETRIC else 2 * WIDTH + 1
    first = 0 if SYMMETRIC else WIDTH
    for p in range(n - 1, -1, -1):
        total = f[p]
        for b in range(BORDERS):
            total -= columns[p * BORDERS + b] * tail[b]
        for j in range(1, WIDTH + 1):
            if p + j < n:
                total -= a[p * m + first + j] * f[p + j]
        f[p] = total * a[p * m + first]
