"""What is stored over several loops and read element by element is computed where it is read.

The distances of all pairs need n² numbers. Where they are plain expressions every nest over the pairs computes its own
instead, as a scalar: that is faster than to write and read them, and takes no memory. Where they are sums themselves,
over the components of a vector say, all that reads them goes into the loops over the pairs,

    for i: for j:  r = 0;  for k: r += (x[i, k] - x[j, k])**2;  w = f(r);  for k: y[i, k] += w*(x[i, k] - x[j, k])

with the loops that they do not vary with inside. What readers add up may be added in any order: i < j summed for each j
and summed for each i share one nest. Sums are evaluated a second time, for readers that need what others have
completed, only if they take more memory than any argument and output: the layers of a network stay stored.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace

import sympy as sp

from symdfi.compile.passes.interchange import reordered
from symdfi.compile.passes.schedule import Schedule, bases, schedule, standard_names
from symdfi.compile.passes.split import definition
from symdfi.compile.program.loops import Assignment, Definition, Held, Loop, Piece, Variable, hull, variables
from symdfi.compile.program.lower import Program
from symdfi.symbolic.affine import affine
from symdfi.symbolic.maps import is_known
from symdfi.symbolic.private import Private
from symdfi.symbolic.sets import value

#: The values of a definition's loop indices at one of its elements.
Element = tuple[sp.Expr, ...]


@dataclass(frozen=True)
class Plan:
    """Definitions and the schedules of those before the samples and of those for each."""

    definitions: list[Definition]
    once: Schedule
    each: Schedule


def planned(definitions: Sequence[Definition], outputs: frozenset, program: Program, given: Iterable[sp.Expr]) -> Plan:
    """The definitions fused and scheduled; ``given`` are the lengths of arguments and outputs."""
    given = tuple(given)
    stored: frozenset[Variable] = frozenset()
    while True:
        fusion = _Fusion(definitions, outputs, program, given, stored)
        found = fusion.run()
        if fusion.failed:
            stored |= fusion.failed
            continue
        once = schedule((d for d in found if not d.batched), _kept(found, outputs))
        each = schedule((d for d in found if d.batched), outputs)
        local = once.local | each.local
        # What a reader cannot follow in its loops is stored after all.
        missed = {d.held.origin for d in found if d.held is not None and d.target not in local}
        if not missed:
            return Plan(found, once, each)
        stored |= missed


def _kept(definitions: Iterable[Definition], outputs: frozenset) -> frozenset:
    """What is to stay in memory for the samples."""
    return outputs.union(*(d.reads for d in definitions if d.batched))


class _Fusion:
    """One attempt, with the targets of ``stored`` in memory; ``failed`` are those that turned out to need it, too."""

    def __init__(
        self,
        definitions: Iterable[Definition],
        outputs: frozenset,
        program: Program,
        given: tuple[sp.Expr, ...],
        stored: frozenset,
    ) -> None:
        self.found = [replace(d, pieces=tuple(map(standard_names, d.pieces))) for d in definitions]
        self.outputs, self.program, self.given, self.stored = outputs, program, given, stored
        self.numbers = itertools.count()
        self.failed: set[Variable] = set()
        #: What each piece of a definition waits for: how often what is held elsewhere has to be added up before.
        self.stages: dict[Variable, list[int]] = {}

    def run(self) -> list[Definition]:
        summed, held = self.chosen()
        if held:
            self.found = [d if d.target in held else self.arranged(d, held) for d in self.found]
            self.number_stages(held)
        for d in reversed(list(self.found)):
            if d.target in held:
                self.hold(d, held, d.target in summed)
            elif d.target not in self.outputs and self.is_recomputed(d):
                self.recompute(d)
        return self.ordered() if held else self.found

    def readers(self, d: Definition) -> list[Definition]:
        return [other for other in self.found if d.target in other.reads]

    def chosen(self) -> tuple[set[Variable], set[Variable]]:
        """The targets that take a sum for each element, themselves or in what they read, and all that are to be held
        in scalars: these, those that are too large to store, and what is read in the same loops."""
        candidates: dict[Variable, Definition] = {}
        for d in reversed(self.found):
            if self.is_candidate(d, candidates):
                candidates[d.target] = d
        summed: set[Variable] = set()
        for d in reversed(candidates.values()):
            if d.assignment.sums or d.reads & summed:
                summed.add(d.target)
        held = summed | {d.target for d in candidates.values() if self.is_larger(d) and not self.is_recomputed(d)}
        joined = held
        while joined:
            inside = (bases(p) for d in self.found for p in d.pieces if d.target in held or bases(p) & held)
            joined = candidates.keys() & set().union(*inside) - held
            held |= joined
        return summed, held

    def is_candidate(self, d: Definition, later: Container[Variable]) -> bool:
        """Whether it could be a scalar of the loops that its readers stand in; ``later``: those of them that could."""
        if d.target in self.outputs or d.target in self.stored or not _is_large(d):
            return False
        read = variables(d.assignment.expr)
        if d.assignment.expr.has(sp.KroneckerDelta):
            return False  # added up where it hits
        if read & self.program.assignments.keys() - {other.target for other in self.found}:
            return False  # with pieces that it has taken over
        readers = self.readers(d)
        return all(o.batched == d.batched and (o.target in later or _adds_up(o, d.target)) for o in readers)

    def is_recomputed(self, d: Definition) -> bool:
        """Whether each nest that reads it can compute its elements in passing."""
        readers = self.readers(d)
        return _is_elementwise(d) and all(_reads_in_step(d, piece) for other in readers for piece in other.pieces)

    def is_larger(self, d: Definition) -> bool:
        """Whether it has more elements than any argument and output, for large enough sizes."""
        count = sp.Mul(*d.shape)
        if not is_known(count):
            return True
        return any(all(_power(n, size) < _power(count, size) for n in self.given) for size in count.free_symbols)

    def arranged(self, d: Definition, held: set[Variable]) -> Definition:
        """The definition with the loops of what is held around the others of each piece."""
        pieces = []
        for piece in d.pieces:
            for part in _parts(piece, held):
                ordered = _ordered(part, held, ())
                if ordered is None:
                    self.failed |= bases(part) & held
                pieces.append(ordered or part)
        if all(new is old for new, old in zip(pieces, d.pieces, strict=False)):
            return d
        return replace(d, pieces=tuple(replace(p, add=True) for p in pieces), fill=True)

    def number_stages(self, held: set[Variable]) -> None:
        complete: dict[Variable, int] = {}
        for d in self.found:
            stages = [max((complete.get(v, 0) for v in bases(piece)), default=0) for piece in d.pieces]
            # Added up once the nest that holds what it takes is done.
            last = 1 if d.target not in held and d.reads & held else 0
            complete[d.target] = max(stages, default=0) + last
            self.stages[d.target] = stages

    def ordered(self) -> list[Definition]:
        """The definitions by stages; in each, whatever waits for nothing comes before the nests that hold something,
        what reads it, and so on."""
        keys: dict[Variable, tuple[int, bool]] = {}
        for d in self.found:
            stage = max(self.stages[d.target], default=0)
            keys[d.target] = stage, d.held is not None or any(keys.get(v) == (stage, True) for v in d.reads)
        return sorted(self.found, key=lambda d: keys[d.target])

    def hold(self, stored: Definition, held: set[Variable], summed: bool) -> None:
        """Put an element of ``stored``, as a scalar, into the loops of each piece that reads it."""
        made: dict[tuple[Element, tuple[Loop, ...], int], Definition] = {}
        result = []
        for d in self.found:
            pieces = []
            for piece, stage in zip(d.pieces, self.stages[d.target], strict=True):
                for reference in _references(piece, stored.target) if d.target != stored.target else ():
                    element = _element(stored, reference)
                    loops = piece.loops[: len(element)]
                    key = element, loops, stage
                    if key not in made:
                        own = self.element(stored, element, loops, held, stage)
                        if own is None:
                            self.failed.add(stored.target)
                            return
                        made[key] = own
                        result.append(own)
                    own = made[key]
                    put = own.target[own.assignment.element(tuple(loop.index for loop in loops))]
                    piece = replace(piece, value=piece.value.xreplace({reference: put}))
                pieces.append(piece)
            if d.target != stored.target:
                result.append(replace(d, pieces=tuple(pieces)))
        if summed and len(made) > 1 and not self.is_larger(stored):
            self.failed.add(stored.target)
        self.found = result

    def element(
        self, stored: Definition, element: Element, loops: tuple[Loop, ...], held: set[Variable], stage: int
    ) -> Definition | None:
        """One element of ``stored`` for every iteration of other loops; None where some have none, or under a test."""
        put = {loop.index: at for loop, at in zip(stored.assignment.loops, element, strict=True)}
        sums = tuple(loop.subs(put) for loop in stored.assignment.sums)
        expr = stored.assignment.expr.xreplace(put)
        assignment = Assignment(self.new_target(loops), loops, sums, expr, stored.batched)
        made = definition(assignment, self.program)
        indices = assignment.element(tuple(loop.index for loop in loops))
        pieces = []
        for piece in made.pieces:
            ordered = _ordered(standard_names(piece), held, loops)
            if ordered is None or ordered.loops[: len(loops)] != loops or ordered.indices != indices:
                return None
            if ordered.guard != sp.true:
                return None
            pieces.append(ordered)
        if not pieces:
            return None
        self.stages[assignment.target] = [stage] * len(pieces)
        return replace(made, pieces=tuple(pieces), held=Held(stored.target, stage))

    def new_target(self, loops: tuple[Loop, ...]) -> Variable:
        label = Private("e", next(self.numbers), real=True)
        return sp.IndexedBase(label, shape=tuple(loop.extent for loop in hull(loops)))

    def recompute(self, stored: Definition) -> None:
        """Give every nest that reads ``stored``, a plain expression, elements of its own."""
        (own,) = stored.pieces
        made: dict[tuple[Element, tuple[Loop, ...]], Definition] = {}
        result = []
        for d in self.found:
            if d.target == stored.target:
                continue
            pieces = []
            for piece in d.pieces:
                for reference in _references(piece, stored.target):
                    key = element, loops = _element(stored, reference), piece.loops
                    if key not in made:
                        put = {loop.index: at for loop, at in zip(own.loops, element, strict=True)}
                        value = own.value.xreplace(put)
                        assignment = Assignment(self.new_target(loops), loops, (), value, stored.batched)
                        indices = assignment.element(tuple(loop.index for loop in loops))
                        made[key] = Definition(assignment, (Piece(assignment.target, indices, value, loops),), False)
                        self.stages[assignment.target] = [max(self.stages.get(d.target, []), default=0)]
                        result.append(made[key])
                    put = made[key].target[made[key].pieces[0].indices]
                    piece = replace(piece, value=piece.value.xreplace({reference: put}))
                pieces.append(piece)
            result.append(replace(d, pieces=tuple(pieces)))
        self.found = result


def _large_loops(d: Definition) -> list[Loop]:
    return [loop for loop in d.assignment.loops if not loop.extent.is_Integer]


def _is_large(d: Definition) -> bool:
    return len(_large_loops(d)) > 1


def _is_elementwise(d: Definition) -> bool:
    if not _is_large(d) or len(d.pieces) != 1:
        return False
    (piece,) = d.pieces
    return piece.guard == sp.true and not (piece.add or piece.n_sums) and len(piece.loops) == len(d.assignment.loops)


def _adds_up(d: Definition, target: Variable) -> bool:
    """Whether ``d`` stores no number for each that it reads of ``target``."""
    return all(piece.add or piece.n_sums for piece in d.pieces if target in bases(piece))


def _power(count: sp.Expr, size: sp.Symbol) -> int:
    """The power of a size that a count of elements grows with."""
    at: dict[sp.Basic, int] = dict.fromkeys(count.free_symbols, 8)
    smaller, larger = (value(sp.expand(count), {**at, size: big}) for big in (1 << 30, 1 << 31))
    return round(math.log2(larger / smaller)) if smaller > 0 and larger > 0 else 0


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


def _held_references(expr: sp.Basic, held: set[Variable]) -> list[sp.Indexed]:
    return sorted((ref for ref in expr.atoms(sp.Indexed) if ref.base in held), key=sp.default_sort_key)


def _parts(piece: Piece, held: set[Variable]) -> list[Piece]:
    """The terms of what is added up, those that read the same elements of what is held together."""
    groups: dict[frozenset, list[sp.Expr]] = {}
    if piece.add or piece.n_sums:
        for term in _terms(piece.value, held):
            groups.setdefault(frozenset(ref.indices for ref in _held_references(term, held)), []).append(term)
    others = groups.pop(frozenset(), [])
    if len(groups) < 2:
        return [piece]
    first, *rest = groups.values()
    return [replace(piece, value=sp.Add(*terms)) for terms in (first + others, *rest)]


def _terms(expr: sp.Expr, held: set[Variable]) -> list[sp.Expr]:
    """The terms of a sum, and of one among the factors of a product where they read what is held."""
    if isinstance(expr, sp.Mul):
        sums = [f for f in expr.args if isinstance(f, sp.Add) and len(_held_references(f, held)) > 1]
        if sums:
            others = sp.Mul(*(f for f in expr.args if f is not sums[0]))
            return [term for part in sums[0].args for term in _terms(others * part, held)]
    if isinstance(expr, sp.Add):
        return [term for part in expr.args for term in _terms(part, held)]
    return [expr]


def _ordered(piece: Piece, held: set[Variable], first: tuple[Loop, ...]) -> Piece | None:
    """The piece with the loops that what it reads of ``held`` varies with around all others, in the order of its axes;
    those of ``first`` stay where they are. None where that cannot be."""
    references = _held_references(piece.value, held)
    if not references:
        return piece
    along = [[_loop_along(k, piece.loops) for k in ref.indices] for ref in references]
    order = [loop.index for loop in first]
    for loops in sorted(along, key=len):
        wanted = [loop.index for loop in loops if loop is not None]
        if len(set(wanted)) < len(loops) or piece.guard != sp.true:
            return None
        reached = set(order[: len(wanted)])
        if not reached <= set(wanted):
            return None
        order += [index for index in wanted if index not in reached]
    loops = reordered(piece.loops, order)
    if loops is None:
        return None
    free = {loop.index for loop in piece.loops[: len(piece.loops) - piece.n_sums]}
    if {loop.index for loop in loops[: len(free)]} == free:
        return standard_names(replace(piece, loops=loops)) if loops != piece.loops else piece
    return standard_names(replace(piece, loops=loops, n_sums=0, add=True))
