"""LU of block tridiagonal matrices and rings of small blocks, cut into ``LANES`` segments that are eliminated side by
side. Run from the kernel cache, not imported.

A segment begins with a separator, which is left to the end, and its other nodes are eliminated in order: the front of
one holds its own unknowns, those of the next node, and those of the separator. What the segments leave is a small
matrix of the separators. As in ``elimination``, with U and V the rows of A and of Aᵀ once they are eliminated and
pivots D, A = Vᵀ D⁻¹ U, and both are one array where A is symmetric.

An array of factors holds, one after the other: the rows of the nodes, (m + 1) d rows of 3d numbers in lanes, those
after the last node being what it leaves of the next separator; what all leave of their own, d rows of d; inverse
pivots; and rows and inverse pivots of the separators.

Loops over the lanes are of a length that LLVM does not know, but that it is a multiple of ``LANES``: of a known one it
would write out each step.
"""

import numpy as np

from symdfi.compile.source.runtime import borrowing, inlined, jit, opaque, restricted

I, V = "int64[::1]", "float64[::1]"
PLAN = f"UniTuple({I}, 14)"
U = np.uint64
LANES = 16


@inlined(f"void({V}, {V}, {V})")
def take(own, other, share):
    """own −= share other, in lanes."""
    restricted()
    for j in range(own.size // LANES):
        for lane in range(LANES * opaque(1)):
            own[U(j * LANES + lane)] -= share[U(lane)] * other[U(j * LANES + lane)]


@inlined(f"void({V}, {V}, {V})")
def scale(share, one, other):
    restricted()
    for lane in range(LANES * opaque(1)):
        share[U(lane)] = one[U(lane)] * other[U(lane)]


@inlined(f"void({V}, {V}, float64)")
def take_row(own, other, share):
    restricted()
    for j in range(own.size):
        own[U(j)] -= share * other[U(j)]


@borrowing(f"void({V}, {V}, {V}, int64, int64, int64, {V}, {V})")
def reduce(own, other, inverse, k, t, d, left, share):
    """Takes row k of one triangle, the t-th of its node, off the rows behind it, ``other`` the multipliers."""
    wide = 3 * d * LANES
    row, after = own[k * wide : (k + 1) * wide], (k - t + d) * wide
    pivot = inverse[k * LANES : (k + 1) * LANES]
    a, b, c = d * LANES, 2 * d * LANES, 3 * d * LANES
    for r in range(t + 1, d):
        here, at = (k - t + r) * wide, r * LANES
        scale(share, other[k * wide + at : k * wide + at + LANES], pivot)
        take(own[here + at : here + c], row[at:c], share)
    for r in range(d):
        here, at = after + r * wide, r * LANES
        scale(share, other[k * wide + a + at : k * wide + a + at + LANES], pivot)
        take(own[here + at : here + a], row[a + at : b], share)
        take(own[here + b : here + c], row[b:c], share)
    for r in range(d):
        at = r * LANES
        scale(share, other[k * wide + b + at : k * wide + b + at + LANES], pivot)
        take(left[r * a + at : (r + 1) * a], row[b + at : c], share)


@borrowing(f"void({V}, int64, int64, {V})")
def squares(row, begin, stop, total):
    """``total`` becomes the sum of squares of a row, lane by lane."""
    restricted()
    for lane in range(LANES * opaque(1)):
        total[U(lane)] = 0.0
    for j in range(begin, stop):
        for lane in range(LANES * opaque(1)):
            total[U(lane)] += row[U(j * LANES + lane)] ** 2


@inlined(f"float64({V}, int64, int64)")
def row_squares(triangle, begin, stop):
    total = 0.0
    for j in range(begin, stop):
        total += triangle[U(j)] ** 2
    return total


@borrowing(f"void({I}, {I}, {V}, {V})")
def fill(places, which, values, triangle):
    restricted()
    for k in range(places.size):
        triangle[U(places[k])] = values[U(which[k])]


@inlined("UniTuple(int64, 2)(int64, int64, int64)")
def meets(t, d, n):
    """Of a row among those of the separators: it ends with the next one of these, and goes on at the last one."""
    near = min((t // d + 2) * d, n)
    return near, max(near, n - d)


@borrowing(f"void({V}, {V}, {V}, int64, int64)")
def reduce_separators(own, other, inverse, t, d):
    """Takes row t of one triangle off the rows behind it, ``other`` the multipliers."""
    n = inverse.size
    near, far = meets(t, d, n)
    for r in range(t + 1, near):
        share = other[U(t * n + r)] * inverse[t]
        take_row(own[r * n + r : r * n + near], own[t * n + r : t * n + near], share)
        take_row(own[r * n + far : (r + 1) * n], own[t * n + far : (t + 1) * n], share)
    for r in range(far, n):
        share = other[U(t * n + r)] * inverse[t]
        take_row(own[r * n + r : (r + 1) * n], own[t * n + r : (t + 1) * n], share)


@borrowing(f"void({V}, {V}, {V}, int64, boolean)")
def eliminate(upper, lower, inverse, d, symmetric):
    """All of the matrix of the separators."""
    n = inverse.size
    for t in range(n):
        inverse[t] = 1.0 / upper[U(t * n + t)]
        if not symmetric:
            reduce_separators(lower, upper, inverse, t, d)
        reduce_separators(upper, lower, inverse, t, d)


@borrowing(f"void({V}, {V}, {V}, {V}, int64, int64, boolean)")
def join(rows, left, upper, lower, d, m, symmetric):
    """Adds what the segments leave to the matrix of the separators: ``rows`` after the last node, and ``left``. Of the
    other triangle with ``upper`` and ``lower`` exchanged."""
    n, wide = LANES * d, 3 * d * LANES
    for p in range(LANES * opaque(1)):
        q = (p + 1) % LANES
        for r in range(d):
            row = (m * d + r) * wide
            for j in range(r, d):
                upper[(q * d + r) * n + q * d + j] += rows[row + j * LANES + p]
                upper[(p * d + r) * n + p * d + j] += left[(r * d + j) * LANES + p]
            for j in range(d):
                one, other, own = q * d + r, p * d + j, rows[row + (2 * d + j) * LANES + p]
                if one < other:
                    upper[one * n + other] += own
                elif symmetric:
                    upper[other * n + one] += own
                else:
                    lower[other * n + one] += own


@jit(f"float64({PLAN}, {V}, boolean, {V}, {V})")
def factor(plan, values, symmetric, upper, lower):
    """As ``elimination.factor``."""
    head, above, below, _, blank, of_above, of_below = plan[:7]
    d, m, live = head[1], head[2], head[3]
    n, wide = LANES * d, 3 * d * LANES
    a = (m + 1) * d * wide
    b = a + d * d * LANES
    c = b + m * d * LANES
    e = c + n * n
    upper[:] = 0.0
    fill(above, of_above, values, upper)
    upper[blank] = 1.0
    if not symmetric:
        lower[:] = 0.0
        fill(below, of_below, values, lower)
        lower[blank] = 1.0
    inverse, share = upper[b:c], np.empty(LANES)
    one, other, most, total = np.empty(LANES), np.empty(LANES), np.zeros(LANES), np.zeros(LANES)
    t = -1
    for k in range(m * d):
        t = t + 1 if t < d - 1 else 0
        for lane in range(LANES * opaque(1)):
            inverse[k * LANES + lane] = 1.0 / upper[k * wide + t * LANES + lane]
        if not symmetric:
            reduce(lower[:a], upper[:a], inverse, k, t, d, lower[a:b], share)
        reduce(upper[:a], lower[:a], inverse, k, t, d, upper[a:b], share)
        squares(upper[k * wide : (k + 1) * wide], t, 3 * d, one)
        if not symmetric:
            squares(lower[k * wide : (k + 1) * wide], t, 3 * d, other)
            for lane in range(LANES * opaque(1)):
                one[lane] = np.sqrt(one[lane] * other[lane])
        for lane in range(LANES if k >= d else live):
            own = one[lane] * abs(inverse[k * LANES + lane])
            most[lane] = max(most[lane], own)
            total[lane] += own
    join(upper[:a], upper[a:b], upper[c:e], lower[c:e], d, m, symmetric)
    if not symmetric:
        join(lower[:a], lower[a:b], lower[c:e], upper[c:e], d, m, symmetric)
    eliminate(upper[c:e], lower[c:e], upper[e:], d, symmetric)
    if not symmetric:
        lower[b:c], lower[e:] = inverse, upper[e:]
    growth, whole = np.max(most), np.sum(total)
    for t in range(n):
        near, far = meets(t, d, n)
        size = row_squares(upper[c:e], t * n + t, t * n + near) + row_squares(upper[c:e], t * n + far, (t + 1) * n)
        apart = size
        if not symmetric:
            apart = row_squares(lower[c:e], t * n + t, t * n + near) + row_squares(lower[c:e], t * n + far, (t + 1) * n)
        own = np.sqrt(size * apart) * abs(upper[e + t])
        growth = max(growth, own)
        whole += own
    return growth if whole < np.inf else np.inf  # where a pivot vanishes


@borrowing(f"void({V}, {V}, {V}, {V}, {V}, int64, int64)")
def ahead(lower, inverse, z, ends, share, d, m):
    """Forward substitution in all segments."""
    restricted()
    t = -1
    for k in range(m * d):
        t = t + 1 if t < d - 1 else 0
        row = k * 3 * d
        for lane in range(LANES * opaque(1)):
            share[U(lane)] = z[U(k * LANES + lane)] * inverse[U(k * LANES + lane)]
        for j in range(t + 1, 2 * d):
            here, at = (k - t + j) * LANES, (row + j) * LANES
            for lane in range(LANES * opaque(1)):
                z[U(here + lane)] -= share[U(lane)] * lower[U(at + lane)]
        for j in range(d):
            here, at = j * LANES, (row + 2 * d + j) * LANES
            for lane in range(LANES * opaque(1)):
                ends[U(here + lane)] -= share[U(lane)] * lower[U(at + lane)]


@borrowing(f"void({V}, {V}, {V}, {V}, {V}, int64, int64)")
def behind(upper, inverse, z, ends, share, d, m):
    """Back substitution in all segments."""
    restricted()
    t = 0
    for k in range(m * d - 1, -1, -1):
        t = t - 1 if t > 0 else d - 1
        row = k * 3 * d
        for lane in range(LANES * opaque(1)):
            share[U(lane)] = z[U(k * LANES + lane)]
        for j in range(t + 1, d):
            here, at = (k - t + j) * LANES, (row + j) * LANES
            for lane in range(LANES * opaque(1)):
                share[U(lane)] -= z[U(here + lane)] * upper[U(at + lane)]
        for j in range(d):  # two at once: each waits for the one before it
            here, at, own, end = (k - t + d + j) * LANES, (row + d + j) * LANES, j * LANES, (row + 2 * d + j) * LANES
            for lane in range(LANES * opaque(1)):
                one, other = z[U(here + lane)] * upper[U(at + lane)], ends[U(own + lane)] * upper[U(end + lane)]
                share[U(lane)] -= one + other
        for lane in range(LANES * opaque(1)):
            z[U(k * LANES + lane)] = share[U(lane)] * inverse[U(k * LANES + lane)]


@borrowing(f"void({V}, {V}, {V}, {V}, int64)")
def substitute(upper, lower, inverse, x, d):
    """A⁻¹ x of the separators."""
    restricted()
    n = x.size
    for t in range(n):
        a = x[t] * inverse[t]
        near, far = meets(t, d, n)
        for j in range(t + 1, near):
            x[U(j)] -= a * lower[U(t * n + j)]
        for j in range(far, n):
            x[U(j)] -= a * lower[U(t * n + j)]
    for t in range(n - 1, -1, -1):
        a = x[t]
        near, far = meets(t, d, n)
        for j in range(t + 1, near):
            a -= upper[U(t * n + j)] * x[U(j)]
        for j in range(far, n):
            a -= upper[U(t * n + j)] * x[U(j)]
        x[t] = a * inverse[t]


@jit(f"void({PLAN}, {V}, {V}, {V}, {V})")
def solve(plan, upper, lower, b, x):
    """As ``elimination.solve``."""
    head, at = plan[0], plan[3]
    d, m = head[1], head[2]
    n, wide = LANES * d, 3 * d * LANES
    one = (m + 1) * d * wide + d * d * LANES
    two = one + m * d * LANES
    three = two + n * n
    last = m * d * LANES
    z, ends, share = np.zeros(last + 2 * n), np.zeros(n), np.empty(LANES)
    for k in range(at.size):
        z[U(at[k])] = b[k]
    segments, separators = z[: last + n], z[last + n :]
    ahead(lower, upper[one:two], segments, ends, share, d, m)
    for p in range(LANES * opaque(1)):
        q = (p + 1) % LANES
        for r in range(d):
            separators[p * d + r] += ends[r * LANES + p]
            separators[q * d + r] += segments[last + r * LANES + p]
    substitute(upper[two:three], lower[two:three], upper[three:], separators, d)
    for p in range(LANES * opaque(1)):
        q = (p + 1) % LANES
        for r in range(d):
            ends[r * LANES + p] = separators[p * d + r]
            segments[last + r * LANES + p] = separators[q * d + r]
    behind(upper, upper[one:two], segments, ends, share, d, m)
    for k in range(at.size):
        x[k] = z[U(at[k])]
