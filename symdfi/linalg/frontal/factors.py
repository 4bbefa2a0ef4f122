"""Sparse and block-tridiagonal matrices factorised front by front, in compiled loops."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdfi.compile.kernels import cache
from symdfi.linalg.chain import ChainLU
from symdfi.linalg.frontal.plan import Plan

#: The largest entries of |L| |U| in units of the norm: beyond, pivots in the planned order are not safe, and rounding
#: is more than one step of refinement takes away.
GROWTH = 1e6


class FrontalLU(ChainLU):
    """Multifrontal LU (Duff and Reid, ACM TOMS 9 (1983) 302), of symmetric matrices half of it, with pivots in the
    order of a ``Plan``, and a step of iterative refinement with each solve: small dense matrices, and no search.

    Where that ``is_safe`` not, as a pivot that vanishes would be taken, LU with pivoting is to be used.

    Parameters
    ----------
    plan
        The plan of the matrix.
    values
        Its entries by columns.
    nodes, periodic
        What it is made of, for messages.
    """

    def __init__(self, plan: Plan, values: NDArray[Any], nodes: int, periodic: bool = False) -> None:
        self._begin(nodes, plan.size // nodes, np.float64, periodic)
        self._plan, self._values, loops = plan, values, frontal_loops()
        self.norm = loops.norm(plan.arrays, values)
        self.is_symmetric = loops.is_symmetric(plan.arrays, values)
        self._upper, self._inverse = np.empty(plan.stored), np.empty(plan.size)
        self._lower = self._upper if self.is_symmetric else np.empty(plan.stored)
        growth = loops.factor(plan.arrays, values, self.is_symmetric, *self._factors)
        self.is_safe = bool(growth <= GROWTH * self.norm < np.inf)
        self._end(True, None)

    @property
    def _factors(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        return self._upper, self._lower, self._inverse

    def _inverse_norm(self) -> float:
        return frontal_loops().inverse_norm(self._plan.arrays, *self._factors)

    def _apply(self, rhs: NDArray[Any], trans: int) -> NDArray[Any]:
        columns, loops = np.ascontiguousarray(rhs.T), frontal_loops()
        found = np.empty(columns.shape)
        for b, x in zip(columns, found, strict=True):
            loops.solve_refined(self._plan.arrays, self._values, *self._factors, trans > 0, b, x)
        return found.T


def frontal_loops() -> ModuleType:
    return cache.load_module("symdfi.linalg.frontal.elimination")
