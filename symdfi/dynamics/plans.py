"""Where the entries of a sparse matrix lie, known once sizes and index arrays are: the plan of its elimination."""

from __future__ import annotations

import collections
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import sympy as sp

from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.dynamics.nests import Rows, number
from symdfi.linalg.structured import ordering
from symdfi.symbolic.renaming import Renaming

#: Plans that are kept: one a set of sizes and index arrays.
_KEPT = 4
#: Kernels with a plan that a run may need at once: M and the Newton matrix of an implicit step.
SLOTS = 2


@dataclass(frozen=True)
class Plans:
    """``pattern`` writes rows, then columns, of the ``count`` entries, -1 where there is none, then what ``rows`` asks.

    The unknowns at ``hubs``, of ``unknowns``, may meet all others.
    """

    pattern: CompiledKernel
    renaming: Renaming
    rows: Rows
    count: sp.Expr
    unknowns: sp.Expr
    hubs: tuple[sp.Expr, ...]
    _made: collections.OrderedDict = field(default_factory=collections.OrderedDict, compare=False)

    def make(self, sizes: np.ndarray, ints: np.ndarray) -> np.ndarray:
        """The plan for these sizes and index arrays."""
        key = (sizes.tobytes(), ints.tobytes())
        if key not in self._made:
            known = dict(zip(map(self.renaming.of, self.pattern.sizes), map(int, sizes), strict=True))
            count, unknowns, *hubs = (number(e, known) for e in (self.count, self.unknowns, *self.hubs))
            rows, columns, nothing, told = np.empty(count), np.empty(count), np.empty(0), self.rows.arrays(known)
            self.pattern.function(sizes, ints, nothing, nothing, nothing, nothing, 0.0, rows, columns, *told)
            self.rows.check(told, known)
            self._made[key] = ordering.plan(
                unknowns, rows.astype(np.int64), columns.astype(np.int64), np.array(hubs, np.int64)
            )
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)
        return self._made[key]


@dataclass(frozen=True)
class PlannedKernel(CompiledKernel):
    """A kernel that finds the plan of its elimination behind the index arrays (see ``with_plans``)."""

    plans: Plans = field(kw_only=True)
    slot: int = field(kw_only=True)


def with_plans(ints: np.ndarray, made: Mapping[int, np.ndarray]) -> np.ndarray:
    """The index arrays, then the place of the plan of each slot, then the plans."""
    starts, end = np.zeros(SLOTS, np.int64), ints.size + SLOTS
    for slot, plan in made.items():
        starts[slot] = end
        end += plan.size
    return np.concatenate([ints, starts, *made.values()])
