"""Rings and full matrices out of the storage of chains (``banded``, ``blocks``). Run from the kernel cache."""

import numpy as np

from symdfi.compile.source.runtime import jit
from symdfi.linalg.structured import load

solve_dense = load("dense").solve_with

V, P = "float64[::1]", "int64[::1]"
#: The largest matrix that is solved with in full where elimination along its chains breaks down.
FULL = 1500


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


@jit(f"void(int64, int64, int64, int64, boolean, int64, {V}, {V}, {V}, {V})")
def add_band(total, start, n, width, symmetric, borders, a, columns, rows, full):
    """Put a chain of bands, open or a ring, into the full matrix; its border lies at the end."""
    m = width + 1 if symmetric else 2 * width + 1
    for p in range(n):
        for d in range(0 if symmetric else -width, width + 1):
            q = (p + d) % n
            value = a[p * m + d + (0 if symmetric else width)]
            full[(start + p) * total + start + q] += value
            if symmetric and d != 0:
                full[(start + q) * total + start + p] += value
        for b in range(borders):
            last = total - borders + b
            full[(start + p) * total + last] += columns[p * borders + b]
            full[last * total + start + p] += columns[p * borders + b] if symmetric else rows[p * borders + b]


@jit(f"void(int64, int64, int64, int64, int64, {V}, {V}, {V}, {V})")
def add_blocks(total, start, n, size, borders, a, columns, rows, full):
    """Put a chain of blocks into the full matrix; its border lies at the end."""
    for i in range(n):
        for r in range(size):
            row = start + r * n + i
            for c in range(size):
                full[row * total + start + c * n + i] += a[(r * size + c) * n + i]
            for b in range(borders):
                last = total - borders + b
                full[row * total + last] += columns[(r * borders + b) * n + i]
                full[last * total + row] += rows[(r * borders + b) * n + i]


@jit(f"void(int64, int64, {V}, {V})")
def add_corner(total, borders, corner, full):
    """Put the border's own entries into the full matrix."""
    for b in range(borders):
        for d in range(borders):
            full[(total - borders + b) * total + total - borders + d] += corner[b * borders + d]


@jit(f"void(int64, {P}, {V}, {V})")
def solve_in_full(total, order, full, out):
    """Overwrite ``out`` with the solution, unknown p of the full matrix at ``out[order[p]]``; none for -1."""
    f = np.zeros(total)
    for p in range(total):
        if order[p] >= 0:
            f[p] = out[order[p]]
    solve_dense(total, full, f)
    for p in range(total):
        if order[p] >= 0:
            out[order[p]] = f[p]
