"""Bands with a border by LU with partial pivoting: for what elimination without pivots cannot do. O(n) as well.
Run from the kernel cache, not imported.

    [A  C] [x]   [f]
    [R  K] [z] = [g]

``band[p, d + width]`` holds A[p, p + d] for d = -width..width, and has room for 2 width more on the right. Where a
column of A has no pivot, though the whole matrix is regular, its unknown and one row join the border: the row's place
is taken by x[p] = z[b], b the border's new unknown. So singular A do as well, of a nullity up to that of the border.
"""

import numpy as np

from symdfi.compile.source.runtime import jit
from symdfi.linalg.structured import load

factor_dense, solve_dense = load("dense").factor, load("dense").solve

V, M = "float64[::1]", "float64[:, ::1]"
#: Of rows and columns scaled to at most one: below TINY there are rounding errors only. Pivots below SMALL would let
#: them grow, and are left to the border as long as it has room.
TINY, SMALL = 64 * 2.0**-52, 1e-3
#: So many terms are added up before they are taken off the corner: rounding errors of equal terms add up as well.
RUN = 64
#: How many unknowns may join the border.
MORE = 8
#: The most numbers that a band may hold (3 GB).
ROOM = 400_000_000


@jit(f"void(int64, int64, {M}, {M}, {M}, {M}, {V})")
def scale(width, borders, band, columns, rows, corner, scales):
    """Divide every row, then every column, by its largest entry; ``scales`` are those of rows, then of columns."""
    n = band.shape[0]
    total = n + borders
    scales[:] = 0.0
    for k in range(n):
        for j in range(2 * width + 1):
            scales[k] = max(scales[k], abs(band[k, j]))
        for b in range(borders):
            scales[k] = max(scales[k], abs(columns[k, b]))
            scales[n + b] = max(scales[n + b], abs(rows[b, k]))
    for b in range(borders):
        for d in range(borders):
            scales[n + b] = max(scales[n + b], abs(corner[b, d]))
    for k in range(total):
        scales[k] = 1.0 / scales[k] if scales[k] > 0.0 else 1.0
    for k in range(n):
        for j in range(2 * width + 1):
            band[k, j] *= scales[k]
            if 0 <= k + j - width < n:
                scales[total + k + j - width] = max(scales[total + k + j - width], abs(band[k, j]))
        for b in range(borders):
            columns[k, b] *= scales[k]
            rows[b, k] *= scales[n + b]
            scales[total + n + b] = max(scales[total + n + b], abs(columns[k, b]))
            scales[total + k] = max(scales[total + k], abs(rows[b, k]))
    for b in range(borders):
        for d in range(borders):
            corner[b, d] *= scales[n + b]
            scales[total + n + d] = max(scales[total + n + d], abs(corner[b, d]))
    for k in range(total, 2 * total):
        scales[k] = 1.0 / scales[k] if scales[k] > 0.0 else 1.0
    for k in range(n):
        for j in range(2 * width + 1):
            if 0 <= k + j - width < n:
                band[k, j] *= scales[total + k + j - width]
        for b in range(borders):
            columns[k, b] *= scales[total + n + b]
            rows[b, k] *= scales[total + k]
    for b in range(borders):
        for d in range(borders):
            corner[b, d] *= scales[total + n + d]


@jit(f"int64(int64, int64, {M}, {M}, {M}, {M}, {M}, {V}, {V})")
def eliminate(width, borders, band, columns, rows, corner, sizes, f, tail):
    """Eliminate along the band; how many unknowns are then in the border, or -1 where A has no pivot.

    ``sizes`` are the sums of what the corner's entries are made of.
    """
    n, most = f.size, tail.size
    taken = np.zeros((most, most))
    for k in range(n):
        last, right = min(k + width, n - 1), min(k + 2 * width, n - 1)
        best, pivot = k, abs(band[k, width])
        for i in range(k + 1, last + 1):
            if abs(band[i, k - i + width]) > pivot:
                best, pivot = i, abs(band[i, k - i + width])
        if not pivot > SMALL and borders < most:
            for j in range(k, right + 1):
                rows[borders, j] = band[k, j - k + width]
                band[k, j - k + width] = 0.0
            for d in range(borders):
                corner[borders, d] = columns[k, d]
                sizes[borders, d] = abs(columns[k, d])
                columns[k, d] = 0.0
            tail[borders] = f[k]
            f[k] = 0.0
            band[k, width] = 1.0
            columns[k, borders] = -1.0
            borders += 1
            best = k
        elif not pivot > TINY:
            return -1
        if best != k:
            for j in range(k, right + 1):
                kept = band[k, j - k + width]
                band[k, j - k + width] = band[best, j - best + width]
                band[best, j - best + width] = kept
            for b in range(borders):
                columns[k, b], columns[best, b] = columns[best, b], columns[k, b]
            f[k], f[best] = f[best], f[k]
        inverse = 1.0 / band[k, width]
        for i in range(k + 1, last + 1):
            factor = band[i, k - i + width] * inverse
            if factor != 0.0:
                for j in range(k + 1, right + 1):
                    band[i, np.uint64(j + width - i)] -= factor * band[k, np.uint64(j + width - k)]
                for b in range(borders):
                    columns[i, b] -= factor * columns[k, b]
                f[i] -= factor * f[k]
        for b in range(borders):
            factor = rows[b, k] * inverse
            if factor != 0.0:
                for j in range(k + 1, right + 1):
                    rows[b, j] -= factor * band[k, j - k + width]
                for d in range(borders):
                    taken[b, d] += factor * columns[k, d]
                    sizes[b, d] += abs(factor * columns[k, d])
                tail[b] -= factor * f[k]
        if k % RUN == RUN - 1 or k == n - 1:
            for b in range(borders):
                for d in range(borders):
                    corner[b, d] -= taken[b, d]
                    taken[b, d] = 0.0
    return borders


@jit(f"boolean(int64, {M}, {M}, float64, {V})")
def solve_border(borders, corner, sizes, root, tail):
    """Overwrite ``tail`` with the border's unknowns; False where they are not determined.

    What the corner is off by is ``root`` times the rounding of a number of the size ``sizes``.
    """
    full, scales, pivots = np.empty(borders**2), np.zeros(borders), np.empty(borders, np.int64)
    for b in range(borders):
        for d in range(borders):
            full[b * borders + d] = corner[b, d]
            scales[d] = max(scales[d], sizes[b, d] * root)
    regular = factor_dense(borders, full, scales, pivots)
    if regular:
        solve_dense(borders, full, pivots, tail)
    return regular


@jit(f"void(int64, int64, {M}, {M}, {V}, {V})")
def substitute(width, borders, band, columns, f, tail):
    """Overwrite f with the solution along the band, ``tail`` being that in the border."""
    n = f.size
    for k in range(n - 1, -1, -1):
        value = f[k]
        for b in range(borders):
            value -= columns[k, b] * tail[b]
        for j in range(k + 1, min(k + 2 * width, n - 1) + 1):
            value -= band[k, np.uint64(j - k + width)] * f[np.uint64(j)]
        f[k] = value / band[k, width]


@jit(f"boolean(int64, int64, {M}, {M}, {M}, {M}, {V}, {V})")
def solve(width, borders, band, columns, rows, corner, f, tail):
    """Overwrite f and the first ``borders`` of ``tail`` with the solution; False where the matrix is singular.

    Columns, rows, corner and tail have room for MORE than that.
    """
    n = f.size
    total = n + borders
    scales, sizes = np.empty(2 * total), np.zeros(corner.shape)
    scale(width, borders, band, columns, rows, corner, scales)
    for k in range(n):
        f[k] *= scales[k]
    for b in range(borders):
        tail[b] *= scales[n + b]
        for d in range(borders):
            sizes[b, d] = abs(corner[b, d])
    found = eliminate(width, borders, band, columns, rows, corner, sizes, f, tail)
    if found < 0 or not solve_border(found, corner, sizes, np.sqrt(1.0 + n), tail):
        return False
    substitute(width, found, band, columns, f, tail)
    for k in range(n):
        f[k] *= scales[total + k]
    for b in range(borders):
        tail[b] *= scales[total + n + b]
    return True
