"""A schedule restricted to some of the rows of what it writes, so that several threads may share a call.

A row of an array are its elements of one first index. Where every nest writes the row that its iteration stands for,
and no total is added up over rows, the rows from ``START`` to ``STOP - 1`` can be had without the others: each loop
over rows is cut down to these. What is stored in between, and read in other rows, is computed for those as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import sympy as sp

from symdfi.compile.passes.schedule import Nest, Schedule
from symdfi.compile.program.loops import Assignment, Definition, Loop, Piece, Variable, hull, ranges
from symdfi.symbolic import private
from symdfi.symbolic.affine import affine
from symdfi.symbolic.maps import extreme, is_known

#: The first row, and the one after the last.
START, STOP = private.index("w", 0), private.index("w", 1)


@dataclass(frozen=True)
class Rows:
    """``schedule`` computes the rows START..STOP-1 of ``count``; ``fine``: one row takes no loop."""

    schedule: Schedule
    count: sp.Expr
    fine: bool


class _Whole(Exception):
    """Rows are not to be had one by one."""


def by_rows(schedule: Schedule, definitions: Iterable[Definition], outputs: Iterable[Variable]) -> Rows | None:
    """The schedule by rows of what it writes; None where some of these need others."""
    assignments = {d.target: d.assignment for d in definitions}
    outputs = [v for v in outputs if v in assignments]
    try:
        return _restricted(schedule, assignments, outputs)
    except _Whole:
        return None


def work(schedule: Schedule) -> sp.Expr:
    """How many statements are executed, or more; loops whose lengths index arrays tell are counted as one iteration."""
    return sp.Add(*(_iterations(piece.loops) for nest in schedule.nests for piece in nest.pieces))


def _iterations(loops: tuple[Loop, ...]) -> sp.Expr:
    count = sp.S.One
    for depth, loop in enumerate(loops):
        longest = extreme(loop.extent, ranges(loops[:depth]), True)
        if longest is not None and is_known(longest):
            count *= sp.Max(longest, 0)
    return count


def _restricted(schedule: Schedule, assignments: Mapping[Variable, Assignment], outputs: list[Variable]) -> Rows:
    if not outputs or not all(isinstance(v, sp.IndexedBase) for v in outputs):
        raise _Whole
    count = sp.Max(*(hull(assignments[v].loops)[0].upper + 1 for v in outputs))
    if count.is_Integer:
        raise _Whole
    nests = [_zeros(d.assignment) for d in schedule.fills]
    for nest in schedule.nests:
        nests += _apart(nest, assignments, schedule.local)
    #: How many rows before the first and after the last are needed of what is stored in between.
    margins: dict[Variable, tuple[sp.Expr, sp.Expr]] = dict.fromkeys(outputs, (sp.S.Zero, sp.S.Zero))
    found = []
    for nest in reversed(nests):
        row = _row(nest, assignments, schedule.local)
        if row is None and any(_stored(piece, assignments, schedule.local) for piece in nest.pieces):
            raise _Whole  # a number for all rows, from some of them
        if row is not None:
            first, last = _margin(nest, row, margins, assignments, schedule.local, outputs)
            nest = _cut(nest, row, START + first, STOP - 1 + last)
        found.append(nest)
    fine = all(len(piece.loops) < 2 for nest in nests for piece in nest.pieces)
    return Rows(Schedule((), tuple(reversed(found)), schedule.local), count, fine)


def _zeros(assignment: Assignment) -> Nest:
    loops = hull(assignment.loops)
    loops = tuple(loop.subs({loop.index: private.index("l", k)}) for k, loop in enumerate(loops))
    indices = tuple(loop.index - loop.lower for loop in loops)
    return Nest(loops, [Piece(assignment.target, indices, sp.S.Zero, loops)])


def _apart(nest: Nest, assignments: Mapping[Variable, Assignment], local: frozenset) -> list[Nest]:
    """Statements without loops one by one: each may write another row."""
    if nest.loops or len(nest.body) < 2 or any(v in local for v in nest.inner):
        return [nest]
    return [Nest((), [piece]) for piece in nest.body]


def _place(target: Variable, indices: tuple[sp.Expr, ...], assignments: Mapping[Variable, Assignment]) -> sp.Expr:
    """The row of an element, counted by the index that it is written for."""
    return sp.expand(indices[0] + hull(assignments[target].loops)[0].lower)


def _row(nest: Nest, assignments: Mapping[Variable, Assignment], local: frozenset) -> sp.Expr | None:
    """The one row that an iteration of a nest writes; None where it only sets scalars, which every thread does."""
    pieces = [piece for piece in nest.pieces if piece.target not in local]
    rows = {_place(p.target, p.indices, assignments) for p in pieces if isinstance(p.target, sp.IndexedBase)}
    scalars = [piece for piece in pieces if not isinstance(piece.target, sp.IndexedBase)]
    if scalars and (rows or any(piece.loops for piece in scalars)):
        raise _Whole
    if len(rows) > 1:
        raise _Whole
    return rows.pop() if rows else None


def _margin(
    nest: Nest,
    row: sp.Expr,
    margins: dict[Variable, tuple[sp.Expr, sp.Expr]],
    assignments: Mapping[Variable, Assignment],
    local: frozenset,
    outputs: list[Variable],
) -> tuple[sp.Expr, sp.Expr]:
    """The rows that a nest is to write beyond those asked for, given those of what later nests read; what it reads in
    turn is noted."""
    written = {piece.target for piece in nest.pieces} - local
    ends = [margins[target] for target in written if target in margins]
    first, last = (sp.Min(*(a for a, _ in ends)), sp.Max(*(b for _, b in ends))) if ends else (sp.S.Zero, sp.S.Zero)
    if (first, last) != (0, 0) and written & set(outputs):
        raise _Whole
    for piece in nest.pieces:
        for ref in _stored(piece, assignments, local):
            step = sp.expand(_place(ref.base, ref.indices, assignments) - row)
            if not step.is_Integer or (ref.base in written and step != 0):
                raise _Whole
            before, after = margins.get(ref.base, (first + step, last + step))
            margins[ref.base] = sp.Min(before, first + step), sp.Max(after, last + step)
    return first, last


def _stored(piece: Piece, assignments: Mapping[Variable, Assignment], local: frozenset) -> set[sp.Indexed]:
    """What a piece reads of stored arrays."""
    found = {ref for e in (piece.value, piece.guard) for ref in e.atoms(sp.Indexed)}
    return {ref for ref in found if ref.base in assignments and ref.base not in local}


def _cut(nest: Nest, row: sp.Expr, first: sp.Expr, last: sp.Expr) -> Nest:
    """The nest where ``row`` is in first..last."""
    own = [loop for loop in nest.loops if loop.index in row.free_symbols]
    inner = {loop.index for piece in nest.pieces for loop in piece.loops} - {loop.index for loop in nest.loops}
    if row.free_symbols & inner or row.has(sp.Indexed):
        raise _Whole
    if not own:
        once = Loop(private.index("w", 2), sp.Max(row, first, evaluate=False), sp.Min(row, last, evaluate=False))
        return _with_loops(nest, (once, *nest.loops))
    line = affine(row, own[0].index) if len(own) == 1 else None
    if line is None or not line[0].is_Integer:
        raise _Whole
    summed = {loop.index for p in nest.pieces for loop in p.loops[len(p.loops) - p.n_sums :]}
    if own[0].index in summed:
        raise _Whole
    step, offset = line
    ends = (first, last) if step > 0 else (last, first)
    lower, upper = sp.ceiling((ends[0] - offset) / step), sp.floor((ends[1] - offset) / step)
    cut = replace(
        own[0],
        lower=sp.Max(own[0].lower, lower, evaluate=False),
        upper=sp.Min(own[0].upper, upper, evaluate=False),
    )
    return _with_loops(nest, tuple(cut if loop is own[0] else loop for loop in nest.loops))


def _with_loops(nest: Nest, loops: tuple[Loop, ...]) -> Nest:
    """The nest with other outer loops."""
    depth = len(nest.loops)

    def moved(part: Piece | Nest) -> Piece | Nest:
        if isinstance(part, Nest):
            return replace(part, body=[moved(inner) for inner in part.body])
        return replace(part, loops=loops + part.loops[depth:])

    return replace(nest, loops=loops, body=[moved(part) for part in nest.body])
