"""The plan of a sparse elimination: an order of little fill, and where every entry goes in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from symdfi.linalg import structured

Integers = NDArray[np.int64]


def plan(unknowns: int, rows: Integers, columns: Integers, hubs: Integers) -> Integers:
    """The plan for ``sparse.solve`` of a matrix with entries at ``rows`` and ``columns`` (-1: nowhere).

    The ``hubs``, which may meet all others, are eliminated last; the others in SuperLU's order of minimum degree on
    the pattern of A + Aᵀ. ``ValueError`` for an entry outside the matrix.
    """
    here = (rows >= 0) & (columns >= 0)
    if (rows.max(initial=0) >= unknowns) or (columns.max(initial=0) >= unknowns):
        raise ValueError(f"an index array leads outside the {unknowns} unknowns of the matrix")
    order = _order(unknowns, rows[here], columns[here], hubs)
    place = np.empty(unknowns, np.int64)
    place[order] = np.arange(unknowns)
    r, c = place[rows], place[columns]
    # One place for both (r, c) and (c, r) in the lower half, by rows.
    large, small = np.maximum(r, c), np.minimum(r, c)
    off = here & (large != small)
    keys, inverse = np.unique(large[off] * unknowns + small[off], return_inverse=True)
    below = keys.size
    slots = np.full(rows.size, -1, np.int64)
    slots[here] = r[here]
    slots[off] = unknowns + inverse + np.where(r[off] > c[off], 0, below)
    owners, inner = keys // unknowns, np.ascontiguousarray(keys % unknowns)
    starts = np.searchsorted(owners, np.arange(unknowns + 1)).astype(np.int64)
    parent, lengths = np.empty(unknowns, np.int64), np.empty(unknowns, np.int64)
    structured.load("sparse").analyse(unknowns, starts, inner, parent, lengths)
    first = np.concatenate([[0], np.cumsum(lengths)])
    head = [unknowns, rows.size, below, first[-1]]
    return np.concatenate([head, order, slots, starts, inner, first, parent]).astype(np.int64)


def _order(unknowns: int, rows: Integers, columns: Integers, hubs: Integers) -> Integers:
    from scipy.sparse import coo_array  # slow to import
    from scipy.sparse.linalg import splu

    others = np.setdiff1d(np.arange(unknowns), hubs)
    if not others.size:
        return hubs
    place = np.full(unknowns, -1)
    place[others] = np.arange(others.size)
    rows, columns = place[rows], place[columns]
    inner, last = (rows >= 0) & (columns >= 0), others.size
    pairs = coo_array((np.ones(int(inner.sum())), (rows[inner], columns[inner])), shape=(last, last))
    pattern = (pairs + pairs.T).tocsc()
    pattern.sum_duplicates()
    pattern.data[:] = -1.0
    # Diagonally dominant, so that no pivoting disturbs the order.
    degrees = np.asarray(np.abs(pattern).sum(axis=1)).ravel()
    dominant = (pattern + coo_array((2 * degrees + 1, (np.arange(last), np.arange(last))), shape=(last, last))).tocsc()
    options = {"SymmetricMode": True}
    found = splu(dominant, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
    # perm_c gives the place of each column.
    return np.concatenate([others[np.argsort(found.perm_c)], hubs]).astype(np.int64)
