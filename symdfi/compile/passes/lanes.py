"""Several samples side by side: the innermost loop of every nest runs over them, and is what vectorises.

Where a state is short, or its elements wait for one another, a loop over them fills no vector. The lanes of one loop
over samples are independent and of a number known when compiled: each variable that differs among samples has one more
axis, the last, and the arithmetic of a lane is the same whatever is in the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import sympy as sp

from symdfi.compile.program.loops import Assignment, Definition, Loop, Piece, Variable
from symdfi.symbolic import private

_LANE = private.index("lane", 0)


def widened(variable: Variable, lanes: int) -> sp.IndexedBase:
    """A variable with one more axis, of so many ``lanes``."""
    if isinstance(variable, sp.IndexedBase):
        return sp.IndexedBase(variable.label, shape=(*variable.shape, sp.Integer(lanes)))
    return sp.IndexedBase(variable, shape=(sp.Integer(lanes),))


def side_by_side(
    assignments: Iterable[Assignment], wide: Mapping[Variable, sp.IndexedBase], lanes: int
) -> tuple[list[Assignment], dict[Variable, sp.IndexedBase]]:
    """The assignments, in order, over all lanes where they differ among these, and what each variable that does so has
    become. ``wide``: what does from the start."""
    loop, found, result = Loop(_LANE, sp.S.Zero, sp.Integer(lanes - 1), "lane"), dict(wide), []
    for a in assignments:
        put = {}
        for node in a.expr.atoms(sp.Symbol, sp.Indexed):
            own = found.get(node.base if isinstance(node, sp.Indexed) else node)
            if own is not None:
                put[node] = own[(*node.indices, _LANE) if isinstance(node, sp.Indexed) else _LANE]
        if put or a.target in found:
            target = found.setdefault(a.target, widened(a.target, lanes))
            a = replace(a, target=target, loops=(*a.loops, loop), expr=a.expr.xreplace(put))
        result.append(a)
    return result, found


def innermost(d: Definition) -> Definition:
    """The definition with the loop over the lanes inside all others, where it has one."""
    loop = next((loop for loop in d.assignment.loops if loop.index == _LANE), None)
    if loop is None or all(piece.loops[-1].index == _LANE for piece in d.pieces):
        return d
    return replace(d, pieces=tuple(replace(_last(p), add=True) for p in d.pieces), fill=True)


def _last(piece: Piece) -> Piece:
    return replace(piece, loops=tuple(sorted(piece.loops, key=lambda loop: loop.index == _LANE)), n_sums=0)
