"""Sparse LU on a pattern that is known beforehand. Run from the kernel cache, not imported.

A matrix is given by its entries in any order; those at one place add up. The plan of ``ordering.plan`` says where each
of them goes once rows and columns are in an order of little fill. The factors A = L D U of a pattern that is symmetric
(entries that are not there count as zeros) are found row by row, after Davis, Algorithm 849 (ACM TOMS 31, 2005), here
with U kept beside L.

A plan holds n, the number of entries, those below the diagonal, those of L; then the order, the place of every entry
(diagonal, lower half, upper half), the starts of rows of the lower half and its columns, the starts of columns of L
and the elimination tree.
"""

import numpy as np

from symdfi.compile.source.runtime import jit
from symdfi.linalg.structured import load

solve_full = load("full").solve

V, P = "float64[::1]", "int64[::1]"
#: 16 units of rounding: a pivot below this times the size of its column holds rounding errors only.
TINY = 16 * 2.0**-52
#: The largest factor of a row: rounding errors grow by no more without pivoting.
LARGEST = 1e3
#: The largest matrix that is solved with in full where elimination without pivoting breaks down.
FULL = 1500
HEAD = 4


@jit(f"void(int64, {P}, {P}, {P}, {P})")
def analyse(n, starts, columns, parent, lengths):
    """The elimination tree, and the number of entries in each column of L."""
    flag = np.empty(n, np.int64)
    for k in range(n):
        parent[k] = -1
        flag[k] = k
        lengths[k] = 0
        for p in range(starts[k], starts[k + 1]):
            i = columns[p]
            while flag[i] != k:
                if parent[i] == -1:
                    parent[i] = k
                lengths[i] += 1
                flag[i] = k
                i = parent[i]


@jit(f"boolean({P}, boolean, {V}, {V}, {V}, {V}, {P})")
def factor(plan, symmetric, entries, diagonal, lower, upper, rows):
    """L, D (inverted) and U of the matrix, by columns and rows; False where it needs pivoting."""
    n, count, below = plan[0], plan[1], plan[2]
    at = HEAD + n
    place = plan[at : at + count]
    at += count
    starts = plan[at : at + n + 1]
    at += n + 1
    columns = plan[at : at + below]
    at += below
    first = plan[at : at + n + 1]
    parent = plan[at + n + 1 : at + 2 * n + 1]
    values = np.zeros(n + 2 * below)
    for e in range(count):
        if place[e] >= 0:
            values[place[e]] += entries[e]
    scale = np.zeros(n)
    for k in range(n):
        scale[k] = max(scale[k], abs(values[k]))
        for p in range(starts[k], starts[k + 1]):
            i = columns[p]
            scale[i] = max(scale[i], abs(values[n + p]))
            scale[k] = max(scale[k], abs(values[n + below + p]))
    y, z = np.zeros(n), np.zeros(n)
    flag, path, stack, length = (
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.zeros(n, np.int64),
    )
    for k in range(n):
        flag[k] = k
        top = n
        for p in range(starts[k], starts[k + 1]):
            i = columns[p]
            y[i] = values[n + p]
            z[i] = values[n + below + p]
            steps = 0
            while flag[i] != k:
                path[steps] = i
                steps += 1
                flag[i] = k
                i = parent[i]
            while steps > 0:
                top -= 1
                steps -= 1
                stack[top] = path[steps]
        pivot = values[k]
        for s in range(top, n):
            j = stack[s]
            own, other = y[j], z[j]
            y[j] = 0.0
            z[j] = 0.0
            stop = first[j] + length[j]
            if symmetric:
                for p in range(first[j], stop):
                    y[rows[np.uint64(p)]] -= own * lower[np.uint64(p)]
                other = own
            else:
                for p in range(first[j], stop):
                    i = rows[np.uint64(p)]
                    y[i] -= own * upper[np.uint64(p)]
                    z[i] -= other * lower[np.uint64(p)]
            multiplier = own * diagonal[j]
            if not symmetric and not abs(multiplier) < LARGEST:
                return False
            pivot -= multiplier * other
            lower[stop] = multiplier
            if not symmetric:
                upper[stop] = other * diagonal[j]
            rows[stop] = k
            length[j] += 1
        if not (pivot if symmetric else abs(pivot)) > TINY * scale[k]:
            return False
        diagonal[k] = 1.0 / pivot
    return True


@jit(f"void({P}, boolean, {V}, {V}, {V}, {P}, {V})")
def solve_factored(plan, symmetric, diagonal, lower, upper, rows, f):
    """Overwrite f, in the plan's order, with the solution."""
    n = plan[0]
    at = HEAD + n + plan[1] + n + 1 + plan[2]
    first = plan[at : at + n + 1]
    across = lower if symmetric else upper
    for k in range(n):
        value = f[k]
        for p in range(first[k], first[k + 1]):
            f[rows[np.uint64(p)]] -= lower[np.uint64(p)] * value
    for k in range(n - 1, -1, -1):
        total = f[k] * diagonal[k]
        for p in range(first[k], first[k + 1]):
            total -= across[np.uint64(p)] * f[rows[np.uint64(p)]]
        f[k] = total


@jit(f"void({P}, {V}, {V})")
def solve_in_full(plan, entries, f):
    """Overwrite f, in the plan's order, with the solution by a full matrix."""
    n, count, below = plan[0], plan[1], plan[2]
    full = np.zeros(n * n)
    at = HEAD + n
    row_of, column_of = np.empty(n + 2 * below, np.int64), np.empty(n + 2 * below, np.int64)
    starts = at + count
    for k in range(n):
        row_of[k] = k
        column_of[k] = k
        for p in range(plan[starts + k], plan[starts + k + 1]):
            i = plan[starts + n + 1 + p]
            row_of[n + p], column_of[n + p] = k, i
            row_of[n + below + p], column_of[n + below + p] = i, k
    for e in range(count):
        place = plan[at + e]
        if place >= 0:
            full[row_of[place] * n + column_of[place]] += entries[e]
    solve_full(n, False, full, f)


@jit(f"void({P}, boolean, {V}, {V})")
def solve(plan, symmetric, entries, out):
    """Overwrite ``out`` with the solution of its first unknowns; those beyond have right-hand sides of zero."""
    n, size = plan[0], plan[3]
    f = np.empty(n)
    for k in range(n):
        own = plan[HEAD + k]
        f[k] = out[own] if own < out.size else 0.0
    diagonal, lower, rows = np.empty(n), np.empty(size), np.empty(size, np.int64)
    upper = np.empty(0 if symmetric else size)
    if factor(plan, symmetric, entries, diagonal, lower, upper, rows):
        solve_factored(plan, symmetric, diagonal, lower, upper, rows, f)
    elif n <= FULL:
        solve_in_full(plan, entries, f)
    else:
        f[:] = np.nan
    for k in range(n):
        own = plan[HEAD + k]
        if own < out.size:
            out[own] = f[k]
