"""The storage of chains (``banded``, ``blocks``): rings opened, and all of it handed to ``pivoted``. Run from the
kernel cache, not imported."""

from symdfi.compile.source.runtime import jit

V, M = "float64[::1]", "float64[:, ::1]"


@jit(f"void(int64, int64, boolean, int64, int64, {V}, {V}, {V}, {V})")
def open_ring(n, width, symmetric, borders, first, a, columns, rows, corner):
    """Move the last ``width`` unknowns of a ring to the border, from its place ``first`` on: an open chain is left."""
    cut = n - width
    m = width + 1 if symmetric else 2 * width + 1
    for p in range(n):
        if width <= p < cut - width:
            continue
        for d in range(0 if symmetric else -width, width + 1):
            q = (p + d) % n
            value = a[p * m + d + (0 if symmetric else width)]
            if p < cut and q < cut:
                continue
            if p < cut:
                columns[p * borders + first + q - cut] += value
            elif q < cut:
                if symmetric:
                    columns[q * borders + first + p - cut] += value
                else:
                    rows[q * borders + first + p - cut] += value
            else:
                corner[(first + p - cut) * borders + first + q - cut] += value
                if symmetric and d != 0:
                    corner[(first + q - cut) * borders + first + p - cut] += value
        if p >= cut:
            for b in range(first):
                corner[(first + p - cut) * borders + b] += columns[p * borders + b]
                other = columns if symmetric else rows
                corner[b * borders + first + p - cut] += other[p * borders + b]


@jit(f"void(int64, int64, int64, boolean, boolean, int64, {V}, {V}, {V}, {V}, int64, {M}, {M}, {M}, {V})")
def put_band(
    start, n, width, symmetric, wraps, borders, a, columns, rows, f, reach, band, all_columns, all_rows, all_f
):
    """Put a chain of bands where ``pivoted`` takes it; one that is a ring still is short enough for its reach."""
    m = width + 1 if symmetric else 2 * width + 1
    for p in range(n):
        for d in range(0 if symmetric else -width, width + 1):
            q = (p + d) % n if wraps else p + d
            if 0 <= q < n:
                value = a[p * m + d + (0 if symmetric else width)]
                band[start + p, q - p + reach] += value
                if symmetric and d != 0:
                    band[start + q, p - q + reach] += value
        for b in range(borders):
            all_columns[start + p, b] = columns[p * borders + b]
            all_rows[b, start + p] = columns[p * borders + b] if symmetric else rows[p * borders + b]
        all_f[start + p] = f[p]


@jit(f"void(int64, int64, int64, int64, {V}, {V}, {V}, {V}, int64, {M}, {M}, {M}, {V})")
def put_blocks(start, n, size, borders, a, columns, rows, f, reach, band, all_columns, all_rows, all_f):
    """Put a chain of blocks where ``pivoted`` takes it, one block after the other."""
    for i in range(n):
        for r in range(size):
            p = start + i * size + r
            for c in range(size):
                band[p, c - r + reach] += a[(r * size + c) * n + i]
            for b in range(borders):
                all_columns[p, b] = columns[(r * borders + b) * n + i]
                all_rows[b, p] = rows[(r * borders + b) * n + i]
            all_f[p] = f[r * n + i]


@jit(f"void(int64, int64, int64, {V}, {V})")
def take_blocks(start, n, size, all_f, f):
    """The solution along a chain of blocks."""
    for i in range(n):
        for r in range(size):
            f[r * n + i] = all_f[start + i * size + r]
