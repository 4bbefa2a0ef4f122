"""Entries of M = ∂²L/∂v∂v and of G = ∂φ/∂q as they stand in a sum: each loop nest writes one entry a turn.

Unlike formulas in free indices these need no owner of an index, so that gathers stay as sparse as they are; entries at
one place add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sympy as sp
from sympy.logic.boolalg import Boolean

from symdfi.symbolic.constraints import Constraint
from symdfi.symbolic.indexed import Variable, Variation, normalise, summed, variation
from symdfi.symbolic.lagrangian import Lagrangian
from symdfi.symbolic.ranges import Limits


@dataclass(frozen=True)
class Entries:
    """``value`` in row ``row`` and column ``column`` for the indices of ``limits``, the outermost first, where the
    ``conditions`` hold; ``meeting`` are the elements of coordinates or velocities there, of those that are indexed."""

    row: sp.Expr
    column: sp.Expr
    value: sp.Expr
    limits: tuple[Limits, ...]
    conditions: tuple[Boolean, ...]
    meeting: tuple[sp.Indexed, ...]

    @property
    def places(self) -> tuple[tuple[sp.Expr, sp.Expr], ...]:
        """The indices of what meets, with their extents."""
        return tuple(pair for x in self.meeting for pair in zip(x.indices, _shape(x.base), strict=True))


def mass_entries(system: Lagrangian) -> list[Entries]:
    """Those of M, the coordinates one after the other in row-major order."""
    starts = dict(zip(system.velocities, _starts(system.velocities), strict=True))
    found = []
    for v, start in starts.items():
        for first in variation(normalise(system.L), v):
            row = _flat(start, v, first.indices)
            for w, begin in starts.items():
                for second in variation(first.coefficient, w):
                    limits = (*reversed(first.sums), *reversed(second.sums))
                    column = _flat(begin, w, second.indices)
                    conditions = (*first.conditions, *second.conditions)
                    meeting = (*_element(v, first.indices), *_element(w, second.indices))
                    found.append(_folded(row, column, second.coefficient, limits, conditions, meeting))
    return [entries for entries in found if entries.value != 0]


def constraint_entries(system: Lagrangian) -> list[Entries]:
    """Those of G: ∂φ/∂q of holonomic constraints, ∂ψ/∂v of nonholonomic ones; the rows one after the other."""
    found, start = [], sp.S.Zero
    for constraint in system.constraints:
        row = start + _row_major([i - lower for i, lower, _ in constraint.limits], constraint.extents)
        for x, term in _terms(system, constraint):
            begin = _starts(system.coordinates)[_place(system, x)]
            limits = (*constraint.limits, *reversed(term.sums))
            column, meeting = _flat(begin, x, term.indices), _element(x, term.indices)
            found.append(_folded(row, column, term.coefficient, limits, term.conditions, meeting))
        start += sp.Mul(*constraint.extents)
    return [entries for entries in found if entries.value != 0]


def _terms(system: Lagrangian, constraint: Constraint) -> Iterator[tuple[Variable, Variation]]:
    for x in system.coordinates if constraint.is_holonomic else system.velocities:
        for term in variation(normalise(constraint.expr), x):
            yield x, term


def _place(system: Lagrangian, variable: Variable) -> int:
    variables = system.coordinates if variable in system.coordinates else system.velocities
    return variables.index(variable)


def _shape(variable: Variable) -> tuple[sp.Expr, ...]:
    return tuple(map(sp.sympify, variable.shape)) if isinstance(variable, sp.IndexedBase) else ()


def _element(variable: Variable, indices: tuple[sp.Expr, ...]) -> tuple[sp.Indexed, ...]:
    return (variable[indices],) if isinstance(variable, sp.IndexedBase) else ()


def _starts(variables: Iterable[Variable]) -> list[sp.Expr]:
    counts = [sp.Mul(*_shape(v)) for v in variables]
    return [sp.Add(*counts[:k]) for k in range(len(counts))]


def _flat(start: sp.Expr, variable: Variable, indices: Iterable[sp.Expr]) -> sp.Expr:
    return start + _row_major(list(indices), _shape(variable))


def _row_major(indices: list[sp.Expr], shape: tuple[sp.Expr, ...]) -> sp.Expr:
    return sp.Add(*(index * sp.Mul(*shape[k + 1 :]) for k, index in enumerate(indices)))


def _folded(
    row: sp.Expr, column: sp.Expr, value: sp.Expr, limits: tuple[Limits, ...], conditions: tuple[Boolean, ...],
    meeting: tuple[sp.Indexed, ...],
) -> Entries:  # fmt: skip
    """With the sums that say nothing of row and column inside the value."""
    used = row.free_symbols | column.free_symbols
    kept: list[Limits] = []
    inside: list[Limits] = []
    for limit in reversed(limits):
        if limit[0] in used:
            kept.insert(0, limit)
            used |= limit[1].free_symbols | limit[2].free_symbols
        else:
            inside.append(limit)
    names = {index for index, _, _ in inside}
    inner = [c for c in conditions if c.free_symbols & names]
    outer = tuple(c for c in conditions if c not in inner)
    return Entries(row, column, summed(value, inside, inner) if inside else value, tuple(kept), outer, meeting)
