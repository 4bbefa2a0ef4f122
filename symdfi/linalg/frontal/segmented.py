"""Plans for block tridiagonal matrices and rings of small blocks: segments side by side in the lanes of a vector."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csc_array

from symdfi.linalg.frontal.plan import Plan, paired

#: As in ``symdfi.linalg.frontal.segments``: four vectors of four numbers, as LLVM makes them.
LANES = 16


def segmented(pattern: csc_array, d: int) -> Plan | None:
    """The plan for matrices of blocks d × d that meet their neighbours alone, the last one the first one or not, which
    takes the place of one made by ``Plan.of``. None for any other pattern, and where segments would be short: what they
    leave then takes longer than they do."""
    size = pattern.shape[0]
    nodes = size // d
    if size != nodes * d or nodes < 4 * LANES:
        return None
    row, column = pattern.indices.astype(np.int64), np.repeat(np.arange(size), np.diff(pattern.indptr))
    # A separator first, and those that are eliminated; the first of these is missing in lanes from ``live`` on.
    inner = nodes - LANES
    m = -(-inner // LANES)
    live = inner - LANES * (m - 1)
    lengths = np.where(np.arange(LANES) < live, m, m - 1)
    starts = np.concatenate([[0], np.cumsum(lengths + 1)[:-1]])
    lane = np.repeat(np.arange(LANES), lengths + 1)
    place = np.arange(nodes) - starts[lane] - 1 + (m - lengths)[lane]
    place[starts] = -1
    above, below = _targets(row, column, d, m, lane, place), _targets(column, row, d, m, lane, place)
    if above is None or below is None or ((above < 0) & (below < 0)).any():
        return None
    own = np.arange(size)
    node, t = own // d, own % d
    inside = (place[node] * d + t) * LANES + lane[node]
    at = np.where(place[node] < 0, (m + 1) * d * LANES + lane[node] * d + t, inside)
    t, dead = np.repeat(np.arange(d), LANES - live), np.tile(np.arange(live, LANES), d)
    blank = (3 * d * t + t) * LANES + dead
    _, _, one, other = paired(row, column, own)
    n, wide = LANES * d, 3 * d * LANES
    stored = (m + 1) * d * wide + d * d * LANES + m * d * LANES + n * n + n
    operations = LANES * m * sum((3 * d - k) ** 2 for k in range(d)) / 2 + n * (3 * d) ** 2 / 2
    none = np.empty(0, np.int64)
    upper, lower = np.flatnonzero(above >= 0), np.flatnonzero(below >= 0)
    arrays = (
        np.array([size, d, m, live]), above[upper], below[lower], at, blank, upper, lower, one, other, none,
        np.array([stored]), own, pattern.indptr, pattern.indices,
    )  # fmt: skip
    return Plan(tuple(np.ascontiguousarray(x, dtype=np.int64) for x in arrays), stored, float(operations))


def _targets(
    row: np.ndarray, column: np.ndarray, d: int, m: int, lane: np.ndarray, place: np.ndarray
) -> np.ndarray | None:
    """Where the entries go that are in the rows of one triangle, −1 for those of the other one. None where an entry is
    in neither."""
    wide, n = 3 * d * LANES, LANES * d
    a, t = np.divmod(row, d)
    b, j = np.divmod(column, d)
    p, q, i, k = lane[a], lane[b], place[a], place[b]
    following = (p + 1) % LANES
    inside, ends = i >= 0, k < 0
    found = np.full(row.size, -1)

    def put(where: np.ndarray, offset: np.ndarray) -> None:
        found[where] = ((i * d + t) * wide + offset * LANES + p)[where]

    put(inside & (a == b) & (t <= j), j)
    put(inside & ~ends & (p == q) & (k == i + 1), d + j)
    put(inside & ends & (q == p), 2 * d + j)
    put(inside & ends & (q == following) & (i == m - 1), d + j)
    both = ~inside & ends
    one, other = p * d + t, q * d + j
    begin = (m + 1) * d * wide + d * d * LANES + m * d * LANES
    kept = both & (a == b) & (t <= j)
    found[kept] = (begin + one * n + other)[kept]
    return None if (both & (a != b)).any() else found
