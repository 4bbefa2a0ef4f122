"""Sums that one assignment alone adds up accumulate in its place.

The force on a particle is a sum over bonds for each end of a bond and each component. Kept apart, every one of them
needs an array, zeroed before and read again after; in one array they are what a loop written by hand does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import sympy as sp

from symdfi.compile.passes.split import definition
from symdfi.compile.program.loops import Definition, Piece, Variable, hull, variables
from symdfi.compile.program.lower import Program


def accumulated(definitions: Iterable[Definition], kept: frozenset, program: Program) -> list[Definition]:
    """The definitions, in order, without those whose pieces another one has taken over; ``kept`` stay as they are."""
    definitions = list(definitions)
    readers = Counter(variable for d in definitions for variable in d.reads)
    result: dict[Variable, Definition] = {}
    for d in definitions:
        own: list[Piece] = []
        taken = False
        terms = list(sp.Add.make_args(d.assignment.expr)) if not d.assignment.sums else []
        # Those that add to their targets first: where one is taken over, what only stores a sum can add it, too.
        for term in sorted(terms, key=lambda term: not _adds(result.get(_base(term)))):
            factor, reference = term.as_coeff_Mul()
            base = _base(term)
            found = result.get(base)
            if found is None or base in kept or readers[base] > 1 or not _in_step(found, d):
                continue
            if not found.fill and not (found.assignment.sums and (taken or any(piece.add for piece in d.pieces))):
                continue
            others = [other for other in terms if other is not term]
            if reference == _here(found, d) and not any(base in variables(other) for other in others):
                own += [replace(piece, target=d.target, value=factor * piece.value, add=True) for piece in found.pieces]
                del result[base]
                terms, taken = others, True
        result[d.target] = _merged(d, own, sp.Add(*terms), program) if taken else d
    return list(result.values())


def _base(term: sp.Expr) -> sp.Basic:
    """What a term is a multiple of: a scalar, or the array that it is an element of."""
    reference = term.as_coeff_Mul()[1]
    return reference.base if isinstance(reference, sp.Indexed) else reference


def _adds(found: Definition | None) -> bool:
    return found is not None and found.fill


def _in_step(found: Definition, d: Definition) -> bool:
    """Whether both have the same elements under the same indices."""
    return found.batched == d.batched and hull(found.assignment.loops) == hull(d.assignment.loops)


def _here(found: Definition, d: Definition) -> sp.Expr:
    return found.assignment.at(tuple(loop.index for loop in d.assignment.loops))


def _merged(d: Definition, own: list[Piece], rest: sp.Expr, program: Program) -> Definition:
    if rest == 0:
        return replace(d, pieces=tuple(own), fill=True)
    other = definition(replace(d.assignment, expr=rest), program)
    return replace(d, pieces=(*other.pieces, *own), fill=other.fill)
