"""What is computed element by element follows the ranges of what it reads, and of what reads it.

The forces along a chain have nests of their own at its ends. Where all that is made of them, and all that they are made
of, has the same ranges, nothing in between is stored: it is a scalar of the nest that computes and reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import sympy as sp

from symdfi.compile.program.loops import Definition, Loop, Piece, Variable

#: What has more ranges, as the faces, edges and corners of a lattice are, is not followed: code grows with them.
MAX_RANGES = 5


def aligned(definitions: Iterable[Definition]) -> list[Definition]:
    """The definitions, in order, with the ranges of what they read; then with those of what reads them."""
    found: dict[Variable, Definition] = {}
    for d in definitions:
        leaders = (found[v] for v in found if v in d.reads) if _is_whole(d) else ()
        found[d.target] = next((new for leader in leaders if (new := _following(d, leader)) is not None), d)
    for d in reversed(list(found.values())):
        if not _is_whole(d) or d.pieces[0].n_sums:
            continue
        readers = [other for other in found.values() if d.target in other.reads]
        leader = next(iter(readers), d)
        new = _split(d, leader) if all(_reads_in_step(other, d, leader) for other in readers) else None
        found[d.target] = new or d
    return list(found.values())


def _is_whole(d: Definition) -> bool:
    """Whether one nest of plain loops computes it, element by element or as a number."""
    if len(d.pieces) != 1 or d.fill or d.held is not None or not d.pieces[0].loops:
        return False
    piece = d.pieces[0]
    return piece.guard == sp.true and not piece.add and (not piece.n_sums or piece.n_sums == len(piece.loops))


def _ranges(d: Definition) -> tuple[tuple[Loop, ...], ...] | None:
    """The loops of the pieces that share out the elements of ``d``, by the indices of its first piece."""
    own = [piece.loops for piece in d.pieces]
    if d.fill and not d.assignment.loops:
        plain = all(p.n_sums == len(p.loops) and p.loops for p in d.pieces)
    else:
        plain = not d.fill and all(not (p.add or p.n_sums) and p.indices == d.pieces[0].indices for p in d.pieces)
    if not plain or not 1 < len(own) <= MAX_RANGES or any(p.guard != sp.true for p in d.pieces):
        return None
    indices = [[loop.index for loop in loops] for loops in own]
    return tuple(own) if indices[0] and all(other == indices[0] for other in indices) else None


def _following(d: Definition, leader: Definition) -> Definition | None:
    """``d`` over the ranges of what it reads, if it reads of each iteration what that has computed in the same."""
    if leader.batched != d.batched or leader.fill:
        return None
    return _split(d, leader) if _reads_own(d.pieces[0], leader) else None


def _reads_own(piece: Piece, leader: Definition) -> bool:
    """Whether the piece reads in every iteration the element that the leader's loops have in the same one."""
    own = {mine.index: theirs.index for mine, theirs in zip(leader.assignment.loops, piece.loops, strict=False)}
    element = leader.assignment.element(tuple(loop.index for loop in leader.assignment.loops))
    here = tuple(k.xreplace(own) for k in element)
    read = {ref for e in (piece.value, *piece.indices) for ref in e.atoms(sp.Indexed) if ref.base == leader.target}
    return bool(here) and all(tuple(ref.indices) == here for ref in read)


def _reads_in_step(reader: Definition, d: Definition, leader: Definition) -> bool:
    """Whether a reader has the leader's ranges, and reads in each iteration the element of ``d`` of the same."""
    ranges, own = _ranges(leader), _ranges(reader)
    if ranges is None or own is None or reader.batched != d.batched or len(own) != len(ranges):
        return False
    names = {mine.index: theirs.index for mine, theirs in zip(own[0], ranges[0], strict=False)}
    same = all(tuple(k.subs(names) for k in a) == b for a, b in zip(own, ranges, strict=True))
    return same and all(_reads_own(piece, d) for piece in reader.pieces)


def _split(d: Definition, leader: Definition) -> Definition | None:
    """``d`` over the ranges of the leader; None where these do not make up its own."""
    ranges, (piece,) = _ranges(leader), d.pieces
    if ranges is None:
        return None
    whole = leader.assignment.loops or leader.assignment.sums
    if len(whole) != len(piece.loops) or len(ranges[0]) != len(whole):
        return None
    names = {theirs.index: mine.index for theirs, mine in zip(whole, piece.loops, strict=True)}
    if tuple(loop.subs(names) for loop in whole) != piece.loops:
        return None
    names = {theirs.index: mine.index for theirs, mine in zip(ranges[0], piece.loops, strict=True)}
    total = bool(piece.n_sums)
    pieces = tuple(replace(piece, loops=tuple(k.subs(names) for k in loops), add=total) for loops in ranges)
    return replace(d, pieces=pieces, fill=total)
