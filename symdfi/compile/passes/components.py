"""What is stored component by component is stored apart, one array a component.

Pieces that write ``T[i, 0]``, ``T[i, 1]``, ... over the same loops, and readers that name the component, need no array
of all of them: each is then a scalar of the nest that computes and reads it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace

import sympy as sp

from symdfi.compile.program.loops import Assignment, Definition, Piece, Variable, hull
from symdfi.symbolic.private import Private


def apart(definitions: Iterable[Definition], kept: frozenset) -> list[Definition]:
    """The definitions, in order, with those of components split; ``kept`` stay as they are."""
    found = list(definitions)
    numbers = itertools.count()
    for target in [d.target for d in found if d.target not in kept and _axis(d) is not None]:
        whole = next(d for d in found if d.target == target)  # whose pieces an earlier split may have changed
        axis = _axis(whole)
        if axis is not None and all(_names(whole.target, axis, piece) for d in found for piece in d.pieces):
            found = _split(whole, axis, found, numbers)
    return found


def _axis(d: Definition) -> int | None:
    """The axis along which every piece writes one number of its own."""
    plain = not d.fill and all(not (p.add or p.n_sums) and p.guard == sp.true for p in d.pieces)
    if not plain or len(d.pieces) < 2:
        return None
    for axis in range(len(d.shape)):
        places = [piece.indices[axis] for piece in d.pieces]
        if all(place.is_Integer for place in places) and len(set(places)) == len(places) == d.shape[axis]:
            return axis
    return None


def _references(piece: Piece, target: Variable) -> set[sp.Indexed]:
    return {ref for e in (piece.value, piece.guard) for ref in e.atoms(sp.Indexed) if ref.base == target}


def _names(target: Variable, axis: int, piece: Piece) -> bool:
    """Whether the piece names the component of all that it reads of the target."""
    own = not any(e.has(target) for e in piece.indices)
    return own and all(ref.indices[axis].is_Integer for ref in _references(piece, target))


def _split(whole: Definition, axis: int, definitions: list[Definition], numbers: itertools.count) -> list[Definition]:
    loops = whole.assignment.loops
    rest = loops[:axis] + loops[axis + 1 :]
    shape = tuple(loop.extent for loop in hull(rest))
    parts: dict[sp.Expr, Definition] = {}
    for piece in whole.pieces:
        label = Private("c", next(numbers), real=True)
        target: Variable = sp.IndexedBase(label, shape=shape) if shape else label
        indices = piece.indices[:axis] + piece.indices[axis + 1 :]
        assignment = Assignment(target, rest, (), piece.value, whole.batched)
        parts[piece.indices[axis]] = Definition(assignment, (replace(piece, target=target, indices=indices),), False)
    result: list[Definition] = []
    for d in definitions:
        if d is whole:
            result += parts.values()
            continue
        result.append(replace(d, pieces=tuple(_renamed(piece, whole.target, axis, parts) for piece in d.pieces)))
    return result


def _renamed(piece: Piece, target: Variable, axis: int, parts: dict[sp.Expr, Definition]) -> Piece:
    names = {}
    for ref in _references(piece, target):
        own, indices = parts[ref.indices[axis]].target, ref.indices[:axis] + ref.indices[axis + 1 :]
        names[ref] = own[indices] if isinstance(own, sp.IndexedBase) else own
    return replace(piece, value=piece.value.xreplace(names), guard=piece.guard.xreplace(names)) if names else piece
