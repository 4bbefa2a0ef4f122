"""Where the entries of a sparse matrix lie, known once sizes and index arrays are: the plan of its elimination."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import sympy as sp

from symdfi.compile.kernels.kernel import CompiledKernel
from symdfi.compile.program.loops import Loop, box
from symdfi.linalg.structured import ordering
from symdfi.symbolic.couplings import Coupling
from symdfi.symbolic.indexed import guarded
from symdfi.symbolic.renaming import Renaming

#: Plans that are kept: one a set of sizes and index arrays.
_KEPT = 4
#: Kernels with a plan that a run may need at once: M and the Newton matrix of an implicit step.
SLOTS = 2


def loops_of(coupling: Coupling) -> tuple[Loop, ...]:
    """The box of the loops of an entry."""
    return box(tuple(Loop(*limit) for limit in coupling.limits))


def inside(coupling: Coupling, expr: sp.Expr, outside: int) -> sp.Expr:
    """``expr`` where the box of the loops holds an entry."""
    conditions = list(coupling.conditions)
    for loop, (index, lower, upper) in zip(loops_of(coupling), coupling.limits, strict=True):
        conditions += [index >= lower] if lower != loop.lower else []
        conditions += [index <= upper] if upper != loop.upper else []
    if not conditions:
        return expr
    return guarded(expr, conditions) if outside == 0 else sp.Piecewise((expr, sp.And(*conditions)), (outside, True))


def number_of(entries: Sequence[Coupling]) -> sp.Expr:
    """How many places the entries have."""
    return sp.expand(sp.Add(*(sp.Mul(*(loop.extent for loop in loops_of(c))) for c in entries)))


@dataclass(frozen=True)
class Plans:
    """``pattern`` writes rows, then columns, of the ``count`` entries; -1 where there is none.

    The unknowns at ``hubs``, of ``unknowns``, may meet all others.
    """

    pattern: CompiledKernel
    renaming: Renaming
    count: sp.Expr
    unknowns: sp.Expr
    hubs: tuple[sp.Expr, ...]
    _made: collections.OrderedDict = field(default_factory=collections.OrderedDict, compare=False)

    def make(self, sizes: np.ndarray, ints: np.ndarray) -> np.ndarray:
        """The plan for these sizes and index arrays."""
        key = (sizes.tobytes(), ints.tobytes())
        if key not in self._made:
            known = dict(zip(map(self.renaming.of, self.pattern.sizes), map(int, sizes), strict=True))
            count, unknowns = (int(sp.sympify(e, strict=True).subs(known)) for e in (self.count, self.unknowns))
            hubs = np.array([int(sp.sympify(e, strict=True).subs(known)) for e in self.hubs], dtype=np.int64)
            rows, columns, nothing = np.empty(count), np.empty(count), np.empty(0)
            self.pattern.function(sizes, ints, nothing, nothing, nothing, nothing, 0.0, rows, columns)
            self._made[key] = ordering.plan(unknowns, rows.astype(np.int64), columns.astype(np.int64), hubs)
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
