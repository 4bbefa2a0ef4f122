"""What is stored over several loops and read element by element is computed where it is read.

The distances of all pairs need n² numbers. Every nest over the pairs computes its own instead, as a scalar: that is
faster than to write and read them, and takes no memory. What takes a sum, as a layer of a network does, stays stored.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace

import sympy as sp

from symdfi.compile.passes.schedule import standard_names
from symdfi.compile.program.loops import Assignment, Definition, Loop, Piece, Variable, hull
from symdfi.symbolic.affine import affine
from symdfi.symbolic.private import Private

#: The values of a definition's loop indices at one of its elements.
Element = tuple[sp.Expr, ...]


def recomputed(definitions: Iterable[Definition], kept: frozenset) -> list[Definition]:
    """The definitions, in order, without those over several loops that are read element by element; ``kept`` stay."""
    found = [replace(d, pieces=tuple(map(standard_names, d.pieces))) for d in definitions]
    numbers = itertools.count()
    for stored in reversed(list(found)):
        if stored.target in kept or not _is_elementwise(stored):
            continue
        readers = [d for d in found if stored.target in d.reads]
        if all(_reads_in_step(stored, piece) for d in readers for piece in d.pieces):
            found = _without(stored, found, numbers)
    return found


def _is_elementwise(d: Definition) -> bool:
    large = [loop for loop in d.assignment.loops if not loop.extent.is_Integer]
    if len(large) < 2 or len(d.pieces) != 1:
        return False
    (piece,) = d.pieces
    return piece.guard == sp.true and not (piece.add or piece.n_sums) and len(piece.loops) == len(d.assignment.loops)


def _references(piece: Piece, target: Variable) -> list[sp.Indexed]:
    found = {ref for expr in (piece.value, piece.guard) for ref in expr.atoms(sp.Indexed) if ref.base == target}
    return sorted(found, key=sp.default_sort_key)


def _element(stored: Definition, reference: sp.Indexed) -> Element:
    return tuple(k + loop.lower for k, loop in zip(reference.indices, hull(stored.assignment.loops), strict=True))


def _reads_in_step(stored: Definition, piece: Piece) -> bool:
    """Whether the piece reads every element about once: each of its loops runs along an axis of its own."""
    references = _references(piece, stored.target)
    if references and piece.guard != sp.true:
        return False
    for reference in references:
        along = [_loop_along(position, piece.loops) for position in _element(stored, reference)]
        if None in along or {loop for loop in piece.loops if not loop.extent.is_Integer} - set(along):
            return False
        if len(set(along)) != len(along):
            return False
    return True


def _loop_along(position: sp.Expr, loops: tuple[Loop, ...]) -> Loop | None:
    """The one loop that an index moves with, a step each."""
    own = [loop for loop in loops if loop.index in position.free_symbols]
    line = affine(position, own[0].index) if len(own) == 1 else None
    return own[0] if line is not None and abs(line[0]) == 1 else None


def _without(stored: Definition, definitions: list[Definition], numbers: Iterator[int]) -> list[Definition]:
    """The definitions with elements of their own for what they read of ``stored``."""
    made: dict[tuple[Element, tuple[Loop, ...]], Definition] = {}
    result = []
    for d in definitions:
        if d is stored:
            continue
        pieces = []
        for piece in d.pieces:
            for reference in _references(piece, stored.target):
                key = _element(stored, reference), piece.loops
                if key not in made:
                    made[key] = _own(stored, *key, next(numbers))
                    result.append(made[key])
                own = made[key]
                piece = replace(piece, value=piece.value.xreplace({reference: own.target[own.pieces[0].indices]}))
            pieces.append(piece)
        result.append(replace(d, pieces=tuple(pieces)))
    return result


def _own(stored: Definition, element: Element, loops: tuple[Loop, ...], number: int) -> Definition:
    """An element of ``stored`` for every iteration of other loops."""
    (piece,) = stored.pieces
    value = piece.value.xreplace({loop.index: at for loop, at in zip(piece.loops, element, strict=True)})
    label = Private("e", number, real=True)
    target = sp.IndexedBase(label, shape=tuple(loop.extent for loop in hull(loops)))
    assignment = Assignment(target, loops, (), value, stored.batched)
    indices = assignment.element(tuple(loop.index for loop in loops))
    return Definition(assignment, (Piece(target, indices, value, loops),), False)
