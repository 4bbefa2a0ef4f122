"""Rings of small blocks, factorised in compiled loops."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdfi.compile.kernels import cache
from symdfi.linalg.chain import ChainLU

#: The largest inverse of a pivot in units of that of the norm: beyond, pivots sought within the nodes alone are not
#: safe, and rounding is more than one step of refinement takes away.
_GROWTH = 1e6


class RingLU(ChainLU):
    """Block LU of a ring of three nodes or more, node by node, with a step of iterative refinement: for small blocks a
    tenth of what LAPACK's band takes.

    Pivots are sought within a node alone. Where that ``is_safe`` not, for the ring cut open is nearly singular at one
    of the nodes, ``BlockTridiagonalLU`` pivots throughout.

    Parameters
    ----------
    lower, diagonal, upper
        Blocks (N, d, d) as ``BlockTridiagonalLU`` has them.
    """

    def __init__(self, lower: NDArray[Any], diagonal: NDArray[Any], upper: NDArray[Any]) -> None:
        self._begin(diagonal.shape[0], diagonal.shape[1], np.float64, True)
        self._blocks = tuple(np.ascontiguousarray(blocks, float) for blocks in (lower, diagonal, upper))
        self._factors = tuple(np.empty((4, *diagonal.shape)))
        self.norm = self._loops.norm(*self._blocks)
        self.is_safe = self._loops.factor(*self._blocks, *self._factors) * self.norm <= _GROWTH
        self._end(True, None)

    @functools.cached_property
    def _loops(self) -> ModuleType:
        return cache.load_module("symdfi.linalg.ring_loops")

    def _apply(self, rhs: NDArray[Any], trans: int) -> NDArray[Any]:
        columns = np.ascontiguousarray(rhs.T).reshape(-1, self.nodes, self.block_size)
        found = np.empty(columns.shape)
        for b, x in zip(columns, found, strict=True):
            self._loops.solve(*self._blocks, *self._factors, trans > 0, b, x)
        return found.reshape(rhs.shape[::-1]).T
