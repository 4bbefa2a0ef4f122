"""Which rows of J see which parameters: where fields have an ansatz each, JᵀJ falls into diagonal blocks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

from symdfi.symbolic.ansatz import Ansatz


@dataclass(frozen=True)
class Strips:
    """The diagonal blocks of JᵀJ, by their ``widths``, and the strips of J that they are summed from.

    A row of ``table`` is (row, step, column, width, place): the rows row, row + step, ... of J have the columns column,
    ..., column + width − 1 of one block, whose sums begin at ``place`` where blocks (width, width) lie after one
    another.
    """

    widths: tuple[int, ...]
    table: np.ndarray

    @staticmethod
    def of(ansatz: Ansatz, length: int) -> Strips:
        """Of an ansatz with real outputs and a θ of the given length."""
        ends = np.cumsum([0, *(part.size for part in ansatz.unpack(np.zeros(length)).values())])
        seen = _seen(ansatz)
        blocks = _apart(seen, len(ansatz.parameters))
        if len(blocks) == 1:
            return Strips.whole(length)
        widths = [int(ends[last] - ends[first]) for first, last in blocks]
        places = np.cumsum([0, *(width**2 for width in widths)])
        table = []
        for row, (first, _) in enumerate(seen):
            block = next(k for k, (_, last) in enumerate(blocks) if first < last)
            table.append((row, len(seen), ends[blocks[block][0]], widths[block], places[block]))
        return Strips(tuple(widths), np.array(table, dtype=np.int64))

    @staticmethod
    def whole(length: int) -> Strips:
        """A single block."""
        return Strips((length,), np.array([[0, 1, 0, length, 0]]))

    @property
    def size(self) -> int:
        """The numbers in all blocks."""
        return sum(width**2 for width in self.widths)


def _seen(ansatz: Ansatz) -> list[tuple[int, int]]:
    """Of every output the range of parameters, in declared order, outside of which it depends on none."""
    labels = {getattr(p, "label", p): k for k, p in enumerate(ansatz.parameters)}
    found = []
    for expr in ansatz.exprs:
        numbers = [labels[node] for node in set(sp.preorder_traversal(expr)) if node in labels]
        found.append((min(numbers), max(numbers) + 1) if numbers else (0, 1))
    return found


def _apart(ranges: Sequence[tuple[int, int]], count: int) -> list[tuple[int, int]]:
    """0..count divided at every place that none of the ranges goes across."""
    inner = [k for k in range(1, count) if not any(first < k < last for first, last in ranges)]
    starts = {first for first, _ in ranges}
    # A part that no range begins in has no rows: it belongs to the one before it.
    ends = [0, *(k for k in inner if k in starts), count]
    return list(itertools.pairwise(ends))
