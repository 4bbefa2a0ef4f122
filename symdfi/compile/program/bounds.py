"""Every index in range: proved when a kernel is built, else checked against the sizes it is called with."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from sympy.logic.boolalg import Boolean

from symdfi.compile.program.levels import staged
from symdfi.compile.program.loops import (
    Assignment,
    Definition,
    Loop,
    Piece,
    Variable,
    in_words,
    plain_names,
    ranges,
)
from symdfi.compile.program.points import Points
from symdfi.errors import SymbolicError
from symdfi.symbolic.affine import affine, outermost
from symdfi.symbolic.conditions import in_turn
from symdfi.symbolic.maps import extreme, inequalities
from symdfi.symbolic.sets import Ranges, never_negative, value
from symdfi.symbolic.sums import readable

#: In more cases than this an index is not looked at one by one, before sizes and index arrays are known.
MAX_CASES = 16
#: Where one of these stands in an index, the ends of its range are bounds that need not be attained.
_NOT_ATTAINED = (sp.Mod, sp.Max, sp.Min, sp.Abs, sp.floor, sp.ceiling, sp.Indexed)


@dataclass(frozen=True)
class Case:
    """An index where all of ``given`` are >= 0.

    ``lowest`` and ``highest`` are bounds of it that need not be attained, None where no formula tells them. It is never
    read where one of ``spans`` is below one: the extent of a loop around it, or one more than the largest value of one
    of ``given``.
    """

    given: tuple[sp.Expr, ...]
    lowest: sp.Expr | None
    highest: sp.Expr | None
    spans: tuple[sp.Expr, ...]


@dataclass(frozen=True)
class Check:
    """``0 <= index < extent`` for a reference, wherever its loops reach and ``guard`` holds, case by case."""

    reference: str
    index: sp.Expr
    extent: sp.Expr
    loops: tuple[Loop, ...]
    guard: Boolean
    cases: tuple[Case, ...]

    def mapped(self, function: Callable[[sp.Basic], Any]) -> Check:
        """The check with its expressions mapped to others."""
        ends = lambda e: None if e is None else function(e)  # noqa: E731
        cases = tuple(
            Case(tuple(map(function, c.given)), ends(c.lowest), ends(c.highest), tuple(map(function, c.spans)))
            for c in self.cases
        )
        loops = tuple(Loop(k.index, function(k.lower), function(k.upper), k.name) for k in self.loops)
        return Check(self.reference, function(self.index), function(self.extent), loops, function(self.guard), cases)

    def holds(self, known: Mapping[sp.Basic, int]) -> bool:
        """Whether sizes and the ends of index arrays are enough to tell that it does."""
        return all(self._holds_in(case, known) for case in self.cases)

    def _holds_in(self, case: Case, known: Mapping[sp.Basic, int]) -> bool:
        try:
            if any(value(span, known) < 1 for span in case.spans):
                return True
            told = case.lowest is not None and case.highest is not None
            if told and value(case.lowest, known) >= 0 and value(case.highest, known) <= value(self.extent, known) - 1:
                return True
        except (KeyError, ZeroDivisionError):  # an index array without entries has no ends
            return False
        at = {symbol: sp.Integer(number) for symbol, number in known.items()}
        index, last = self.index.xreplace(at), self.extent.xreplace(at) - 1
        ranges = {k.index: (k.lower.xreplace(at), k.upper.xreplace(at)) for k in self.loops}
        given = tuple(g.xreplace(at) for g in case.given)
        return never_negative(index, ranges, given) and never_negative(last - index, ranges, given)

    def require(self, known: Mapping[sp.Basic, int], arrays: Mapping[sp.Symbol, np.ndarray]) -> None:
        """``ValueError`` unless it holds, at sizes and ends of index arrays, with these by their labels."""
        Points(self.loops, self.guard, known, arrays).require(self.reference, self.index, self.extent)


def checks(definitions: Iterable[Definition]) -> tuple[Check, ...]:
    """The checks left to be done at call time. ``SymbolicError`` for an index that is always out of range."""
    definitions = tuple(definitions)
    assignments: dict[Variable, Assignment] = {d.target: d.assignment for d in definitions}
    found: dict[Check, None] = {}
    for piece in (piece for d in definitions for piece in d.pieces):
        for reference, loops, guard in _reads(piece):
            for index, extent in zip(reference.indices, reference.base.shape or (), strict=False):
                check = _check(reference, index, sp.sympify(extent, strict=True), loops, guard, assignments)
                if check is not None:
                    found[check] = None
    return tuple(found)


def _reads(piece: Piece) -> Iterator[tuple[sp.Indexed, tuple[Loop, ...], Boolean]]:
    """The references that a piece reads or writes, in which loops, under which condition."""
    tests = staged(piece.guard, piece.loops)
    before: tuple[Boolean, ...] = ()
    for depth, test in enumerate(tests):
        for reference, condition in _tested(test, before):
            yield reference, piece.loops[:depth], condition
        before = (*before, *sp.And.make_args(test))
        if depth < len(piece.loops):
            for reference in _ordered(piece.loops[depth].entries):
                yield reference, piece.loops[:depth], sp.And(*before)
    read = piece.value.atoms(sp.Indexed)
    if isinstance(piece.target, sp.IndexedBase):
        read.add(piece.target[piece.indices])
    # An index array is read wherever an element is.
    for reference in _ordered(read.union(*(k.atoms(sp.Indexed) for ref in read for k in ref.indices))):
        yield reference, piece.loops, piece.guard
    for reference, condition in piece.required:
        yield reference, piece.loops, sp.And(piece.guard, condition)


def _ordered(references: Iterable[sp.Basic]) -> list[sp.Indexed]:
    return sorted(references, key=sp.default_sort_key)


def _tested(condition: Boolean, before: tuple[Boolean, ...]) -> list[tuple[sp.Indexed, Boolean]]:
    """The references of a test, each with what holds where it is read."""
    found: list[tuple[sp.Indexed, Boolean]] = []

    def read(literal: Boolean, passed: tuple[Boolean, ...]) -> Boolean:
        found.extend((reference, sp.And(*before, *passed)) for reference in _ordered(literal.atoms(sp.Indexed)))
        return literal

    in_turn(condition, lambda literal: True, read)
    return found


def _cases(guard: Boolean) -> Iterator[tuple[sp.Expr, ...]]:
    """What is >= 0 under a test at run time, in each of the cases in which it holds: with too many of them, less."""
    alternatives: list[list[tuple[sp.Expr, ...]]] = []
    for literal in sp.And.make_args(sp.to_nnf(guard, simplify=False)):
        if isinstance(literal, sp.Or):
            own = [case for part in literal.args for case in _cases(part)]
        elif isinstance(literal, sp.Ne):
            difference = sp.expand(literal.lhs - literal.rhs)
            own = [(difference - 1,), (-difference - 1,)]
        else:
            own = [tuple(inequalities(literal))]
        if len(own) * math.prod(map(len, alternatives)) <= MAX_CASES:
            alternatives.append(own)
    for chosen in itertools.product(*alternatives):
        yield tuple(expr for case in chosen for expr in case)


def _check(
    reference: sp.Indexed,
    index: sp.Expr,
    extent: sp.Expr,
    loops: tuple[Loop, ...],
    guard: Boolean,
    assignments: Mapping[Variable, Assignment],
) -> Check | None:
    """The check that is needed of one index of a reference where ``guard`` holds."""
    known = ranges(loops)
    open_ = [
        given
        for given in _cases(guard)
        if not (never_negative(index, known, given) and never_negative(extent - 1 - index, known, given))
    ]
    if not open_:
        return None
    cases = tuple(_case(index, given, loops) for given in open_)
    names = plain_names(loops, reference.free_symbols - set(known))
    shown = in_words(reference.xreplace(names), assignments)
    reached = guard == sp.true and all(never_negative(k.upper - k.lower, known) for k in loops)
    if reached and not index.has(*_NOT_ATTAINED):
        (case,) = cases
        beyond = ((case.highest, lambda end: end - extent), (case.lowest, lambda end: -end - 1))
        if any(end is not None and never_negative(excess(end), {}) for end, excess in beyond):
            shown_loops = [k.subs(names) for k in loops]
            where = ", ".join(f"{k.index} = {readable(k.lower)}..{readable(k.upper)}" for k in shown_loops)
            over = f" ({where})" if where else ""
            raise SymbolicError(f"the index of {shown}{over} leaves the range 0..{readable(extent - 1)}")
    return Check(str(shown), index, extent, loops, guard, cases)


def _case(index: sp.Expr, given: tuple[sp.Expr, ...], loops: tuple[Loop, ...]) -> Case:
    known = ranges(loops)
    above, below = (tuple(_bounds(index, given, known, top)) for top in (True, False))
    highs = [end for high in above if (end := extreme(high, known, True)) is not None]
    lows = [end for low in below if (end := extreme(low, known, False)) is not None]
    high, low = sp.Min(*highs) if highs else None, sp.Max(*lows) if lows else None
    if any(not factor.is_Integer for factor in sp.expand(index).as_coefficients_dict().values()):
        # i/2, which is read where i is even
        high, low = None if high is None else sp.floor(high), None if low is None else sp.ceiling(low)
    spans = [k.extent for k in loops if not (k.lower.free_symbols | k.upper.free_symbols) & set(known)]
    spans += [end + 1 for expr in given if (end := extreme(expr, known, True)) is not None]
    return Case(given, low, high, tuple(spans))


def _bounds(index: sp.Expr, given: Iterable[sp.Expr], known: Ranges, top: bool) -> Iterator[sp.Expr]:
    """Expressions that are nowhere below (not ``top``: above) ``index``: itself, and what a condition makes of it.

    From c - p[i] >= 0 follows 2*p[i] <= 2*p[i] + 2*(c - p[i]) = 2*c, whatever p holds.
    """
    yield index
    for expr in given:
        atoms = [*outermost(expr, (sp.Indexed, sp.Mod)), *(i for i in known if i in expr.free_symbols)]
        for atom in atoms:
            hole = sp.Dummy(integer=True)
            own, other = (affine(e.xreplace({atom: hole}), hole) for e in (index, expr))
            if own is not None and other is not None and (own[0] * other[0] < 0) == top:
                yield sp.expand(index - own[0] / other[0] * expr)
