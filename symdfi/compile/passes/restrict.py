"""Pieces restricted to where a condition on their indices holds."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp
from sympy.logic.boolalg import Boolean

from symdfi.compile.program.loops import Loop, Piece, ranges
from symdfi.symbolic.maps import inequalities
from symdfi.symbolic.ranges import narrow
from symdfi.symbolic.sets import never_negative


def restrict(piece: Piece, literal: Boolean) -> Piece | None:
    """The piece where ``literal`` holds: tighter ranges if they can say it, else a guard; None if nowhere."""
    if literal in (sp.true, sp.false):
        return piece if literal == sp.true else None
    known = ranges(piece.loops)
    bounds = inequalities(literal)
    if bounds and all(never_negative(bound, known) for bound in bounds):
        return piece
    if any(never_negative(-bound - 1, known) for bound in bounds):
        return None
    loops: tuple[Loop, ...] | None = piece.loops
    for bound in bounds:
        loops = None if loops is None else narrowed(loops, bound)
    if not bounds or loops is None:
        return replace(piece, guard=sp.And(piece.guard, literal))
    if any(is_empty(loop, loops) for loop in loops):
        return None
    return replace(piece, loops=loops)


def is_reached(bound: sp.Expr, loops: tuple[Loop, ...]) -> bool:
    """Whether ``bound >= 0`` follows from there being an iteration of a loop."""
    return any(never_negative(bound - span, ranges(loops)) for loop in loops for span in _spans(loop))


def narrowed(loops: tuple[Loop, ...], expr: sp.Expr) -> tuple[Loop, ...] | None:
    """The loops restricted to ``expr >= 0``; None where that is no bound on the innermost loop involved."""
    found = narrow(ranges(loops), expr, {})
    if found is None:
        return None
    bounds, _ = found  # where the rest fails, an inner loop has no iteration
    return tuple(replace(k, lower=bounds[k.index][0], upper=bounds[k.index][1]) for k in loops)


def reached(piece: Piece) -> Piece:
    """The piece with the indices of its outer loops that leave every inner loop an iteration.

    What is read for an inner loop alone is then in range also where it is read outside of that loop.
    """
    for position, loop in enumerate(piece.loops):
        outer = piece.loops[:position]
        for span in _spans(loop):
            if not never_negative(span, ranges(outer)):
                outer = narrowed(outer, span) or outer
        piece = replace(piece, loops=outer + piece.loops[position:])
    return piece


def is_empty(loop: Loop, loops: tuple[Loop, ...]) -> bool:
    return any(never_negative(-span - 1, ranges(loops)) for span in _spans(loop))


def _spans(loop: Loop) -> list[sp.Expr]:
    """What is >= 0 where the loop has an iteration."""
    lower, upper = sp.Max.make_args(loop.lower), sp.Min.make_args(loop.upper)
    return [sp.expand(high - low) for low in lower for high in upper]


def without_single(piece: Piece) -> Piece:
    """The piece without its loops over one value: it can then share a nest with its neighbours."""
    for position in reversed(range(len(piece.loops))):
        loop = piece.loops[position]
        if loop.lower == loop.upper:
            summed = position >= len(piece.loops) - piece.n_sums
            others = piece.loops[:position] + piece.loops[position + 1 :]
            piece = replace(piece, loops=others, n_sums=piece.n_sums - summed).rename({loop.index: loop.lower})
    return piece
