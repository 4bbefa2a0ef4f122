"""The plan of a multifrontal elimination: made once for a pattern, it serves all matrices of it."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array
from scipy.sparse.linalg import spilu

from symdfi.compile.kernels import cache

Integers = NDArray[np.int64]

#: Up to so many unknowns, fronts are merged that need so large a share of zeros for it: what a front costs beyond its
#: arithmetic is that of some ten numbers in a row.
_SIZES, _SHARES = np.array([4, 16, 48, 2**62]), np.array([0.8, 0.25, 0.1, 0.05])


@dataclass(frozen=True, eq=False)
class Plan:
    """Where the entries of a matrix go, and what meets what.

    Attributes
    ----------
    arrays
        As the loops take them: numbers (unknowns, most numbers that wait, the widest front); the first unknown of each
        front in the order of elimination; its parent; where its members begin, and these; where they are in the
        parent's front; where its entries begin, which of the values they are above and below the diagonal (−1: none),
        and their places in the front; where its rows begin among the factors; the order; the matrix by columns.
    stored, operations
        Numbers that a triangular factor holds, and multiplications that it takes.
    """

    arrays: tuple[Integers, ...]
    stored: int
    operations: float

    @property
    def size(self) -> int:
        return int(self.arrays[0][0])

    @classmethod
    def of(cls, pattern: csc_array) -> Plan:
        """The plan for matrices with the entries of ``pattern``, in that order by columns, each place once."""
        loops, size = _loops(), pattern.shape[0]
        inner, starts = pattern.indices.astype(np.int64), pattern.indptr.astype(np.int64)
        columns = np.repeat(np.arange(size), np.diff(starts))
        both = _symmetric(inner, columns, size)
        order = _least_degree(both)
        parent, count, post = np.empty((3, size), np.int64)
        loops.trees(*_permuted(both, order), parent, count)
        loops.postorder(parent, count, post)
        order = order[post]
        permuted = _permuted(both, order)
        loops.trees(*permuted, parent, count)
        first = np.empty(size + 1, np.int64)
        total = loops.fronts(parent, count, _SIZES, _SHARES, first)
        first = first[: total + 1].copy()
        pivots, last = np.diff(first), first[1:] - 1
        owner = np.repeat(np.arange(total), pivots)
        up = np.where(parent[last] >= 0, owner[parent[last]], -1)
        width = pivots + count[last] - 1
        places = _ends(width)
        rows, relative = np.empty(places[-1], np.int64), np.full(places[-1], -1)
        loops.members(*permuted, first, up, places, rows)
        entries = paired(inner, columns, order)
        by_front = np.argsort(owner[entries[0]], kind="stable")
        low, high, above, below = (np.ascontiguousarray(own[by_front]) for own in entries)
        at = np.empty(low.size, np.int64)
        loops.locate(first, up, places, rows, relative, owner[low], low, high, at)
        spans = np.searchsorted(owner[low], np.arange(total + 1)).astype(np.int64)
        stored = _ends(pivots * width - pivots * (pivots - 1) // 2)
        waiting = loops.pile(up, width - pivots)
        # Of a front of p unknowns among m, Σ (m − k)² over k = 1 … p, half of that for a triangle.
        cubes = [m * (m - 1.0) * (2.0 * m - 1.0) / 6.0 for m in (width.astype(float), (width - pivots).astype(float))]
        head = np.array([size, waiting, width.max(initial=0)], np.int64)
        arrays = (
            head, first, up, places, rows, relative, spans, above, below, at, stored, order, starts, inner,
        )  # fmt: skip
        return cls(tuple(map(np.ascontiguousarray, arrays)), int(stored[-1]), float(np.sum(cubes[0] - cubes[1])) / 2)


def _loops() -> ModuleType:
    return cache.load_module("symdfi.linalg.frontal.analysis")


def _ends(lengths: Integers) -> Integers:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _symmetric(rows: Integers, columns: Integers, size: int) -> csc_array:
    """The pattern of A + Aᵀ and a diagonal, diagonally dominant."""
    own = np.arange(size)
    every = np.concatenate([rows, columns, own]), np.concatenate([columns, rows, own])
    found = csc_array((np.full(every[0].size, -1.0), every), shape=(size, size))
    found.sum_duplicates()
    found.data[:] = -1.0
    found.setdiag(2.0 * np.diff(found.indptr))
    return found


def _least_degree(pattern: csc_array) -> Integers:
    """SuperLU's order of multiple minimum degree, found on the way to factors of which all is dropped."""
    options: dict[str, Any] = {"SymmetricMode": True}
    found = spilu(
        pattern, drop_tol=1.0, fill_factor=1.0, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options
    )
    return np.argsort(found.perm_c).astype(np.int64)


def _permuted(pattern: csc_array, order: Integers) -> tuple[Integers, Integers]:
    """Starts and rows of the columns in another order."""
    found = pattern[order][:, order]
    found.sort_indices()
    return found.indptr.astype(np.int64), found.indices.astype(np.int64)


def paired(rows: Integers, columns: Integers, order: Integers) -> NDArray[np.int64]:
    """Places (low, high) in the order of elimination, low ≤ high, with which value is there above the diagonal and
    which below, −1 for none."""
    place = np.empty(order.size, np.int64)
    place[order] = np.arange(order.size)
    row, column = place[rows], place[columns]
    keys = np.minimum(row, column) * order.size + np.maximum(row, column)
    unique, of = np.unique(keys, return_inverse=True)
    above, below = np.full((2, unique.size), -1)
    above[of[row <= column]] = np.flatnonzero(row <= column)
    below[of[row >= column]] = np.flatnonzero(row >= column)
    return np.stack([*np.divmod(unique, order.size), above, below])
