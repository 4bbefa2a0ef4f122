"""Loop fusion: pieces over the same ranges share one nest where their data dependences allow it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import sympy as sp

from symdfi.compile.program.loops import Definition, Piece, Variable
from symdfi.symbolic.private import index

#: Straight-line code of more stores than this is split, to be compiled in parts.
MAX_STRAIGHT_STORES = 100


@dataclass
class Nest:
    """Pieces over the same loops, run in order in one body; ``inner``: elements stored and read at once."""

    pieces: list[Piece] = field(default_factory=list)
    inner: dict[Variable, tuple[sp.Expr, ...]] = field(default_factory=dict)

    @property
    def loops(self):
        return self.pieces[0].loops


@dataclass(frozen=True)
class Schedule:
    """Targets to zero, then nests in order; ``local`` targets are scalars of the one nest that uses them."""

    fills: tuple[Definition, ...]
    nests: tuple[Nest, ...]
    local: frozenset


def schedule(definitions: Iterable[Definition], kept: frozenset) -> Schedule:
    """Order and fuse the pieces of definitions given in order of evaluation; ``kept`` stay in memory."""
    definitions = [_arranged(d) for d in _scalars_first(definitions)]
    nests: list[Nest] = []
    complete: dict[Variable, int] = {}  # the position from which a target may be read
    for d in definitions:
        last = stored = 0
        for piece in d.pieces:
            piece = standard_names(piece)
            # What is added to an element comes after what is stored there.
            place = _place(piece, nests, complete, stored if piece.add else 0)
            if place == len(nests):
                nests.append(Nest())
            nests[place].pieces.append(piece)
            last = max(last, place + 1)
            if not piece.add:
                stored = last
            if len(d.pieces) == 1 and not (piece.n_sums or piece.add or piece.guard != sp.true):
                nests[place].inner[d.target] = piece.indices
        complete[d.target] = last
    local = {target for nest in nests for target in nest.inner} - kept
    for position, nest in enumerate(nests):
        for piece in nest.pieces:
            for target in local & _bases(piece):
                if target not in nests[position].inner:
                    local.discard(target)
    return Schedule(tuple(d for d in definitions if d.fill or not d.pieces), tuple(nests), frozenset(local))


def _scalars_first(definitions: Iterable[Definition]) -> list[Definition]:
    """The definitions with those without loops as early as what they read allows: nests that need them can then join
    earlier ones."""
    result: list[Definition] = []
    for d in definitions:
        place = len(result)
        if not any(piece.loops for piece in d.pieces):
            reads = d.reads
            while place and result[place - 1].target not in reads and result[place - 1].shape:
                place -= 1
        result.insert(place, d)
    return result


def _arranged(d: Definition) -> Definition:
    """A reduction whose matrix rows lie along its free loop becomes an update of all its targets, row by row.

    ``y[j] = Σ_k A[k, j] x[k]`` walks A down its columns; the order k, j with ``y[j] += ...`` walks its rows.
    """
    if not any(_prefers_rows(piece) for piece in d.pieces) or not (d.fill or len(d.pieces) == 1):
        return d
    return replace(d, pieces=tuple(_by_rows(p) if _prefers_rows(p) else p for p in d.pieces), fill=True)


def _by_rows(piece: Piece) -> Piece:
    cut = len(piece.loops) - piece.n_sums
    return replace(piece, loops=piece.loops[cut:] + piece.loops[:cut], n_sums=0, add=True)


def _prefers_rows(piece: Piece) -> bool:
    indices = [loop.index for loop in piece.loops]
    bounds = {s for loop in piece.loops for b in (loop.lower, loop.upper) for s in b.free_symbols}
    if not piece.n_sums or piece.n_sums == len(piece.loops) or bounds & set(indices):
        return False
    last_free, last_sum = indices[-piece.n_sums - 1], indices[-1]
    score = 0
    for ref in piece.value.atoms(sp.Indexed):
        if len(ref.indices) > 1:
            score += (last_free in ref.indices[-1].free_symbols) - (last_sum in ref.indices[-1].free_symbols)
    return score > 0


def standard_names(piece: Piece) -> Piece:
    """The piece under index names that equal loops share."""
    return piece.rename({loop.index: index("l", k) for k, loop in enumerate(piece.loops)})


def _bases(piece: Piece) -> set[Variable]:
    """The variables read by a piece."""
    reads: set[Variable] = {ref.base for e in (piece.value, piece.guard, *piece.indices) for ref in e.atoms(sp.Indexed)}
    return reads | piece.value.atoms(sp.Symbol)


def _place(piece: Piece, nests: list[Nest], complete: dict[Variable, int], first: int) -> int:
    """The nest from ``first`` on that the piece can join, else the position after the last."""
    reads = _bases(piece)
    for position, nest in enumerate(nests):
        if position < first:
            continue
        if not piece.loops and len(nest.pieces) >= MAX_STRAIGHT_STORES:
            continue
        if nest.loops != piece.loops or piece.guard != sp.true or nest.pieces[0].guard != sp.true:
            continue
        if all(complete.get(v, 0) <= position or _inner(piece, v, nest) for v in reads):
            return position
    return len(nests)


def _inner(piece: Piece, variable: Variable, nest: Nest) -> bool:
    """Whether all that the piece reads of ``variable`` is the element the nest has just stored."""
    if variable not in nest.inner:
        return False
    refs = [ref for ref in piece.value.atoms(sp.Indexed) if ref.base == variable]
    return all(tuple(ref.indices) == nest.inner[variable] for ref in refs)
