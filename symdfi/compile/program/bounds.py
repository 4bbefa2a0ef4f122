"""Every index in range: proved when a kernel is built, else checked against the sizes it is called with."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy.logic.boolalg import Boolean

from symdfi.compile.program.loops import Assignment, Definition, Loop, Piece, Variable, in_words, plain_names, ranges
from symdfi.errors import SymbolicError
from symdfi.symbolic.affine import affine, outermost
from symdfi.symbolic.maps import extreme, inequalities
from symdfi.symbolic.sets import Ranges, enumerated, never_negative, value
from symdfi.symbolic.sums import readable

#: As many index values are tried at most where no proof is found for given sizes.
MAX_POINTS = 100_000


@dataclass(frozen=True)
class Check:
    """``0 <= index < extent`` for a reference, wherever its loops reach and all of ``given`` are >= 0.

    ``lowest`` and ``highest`` are bounds of the index that need not be attained. It is never read where one of
    ``spans`` is below one: the extent of a loop around it, or one more than the largest value of one of ``given``.
    """

    reference: str
    lowest: sp.Expr
    highest: sp.Expr
    extent: sp.Expr
    spans: tuple[sp.Expr, ...]
    index: sp.Expr
    loops: tuple[tuple[sp.Symbol, sp.Expr, sp.Expr], ...]
    given: tuple[sp.Expr, ...]

    def mapped(self, function: Callable[[sp.Basic], Any]) -> Check:
        """The check with its expressions mapped to others."""
        ends = (function(self.lowest), function(self.highest), function(self.extent))
        loops = tuple((i, function(lower), function(upper)) for i, lower, upper in self.loops)
        spans, given = (tuple(map(function, exprs)) for exprs in (self.spans, self.given))
        return Check(self.reference, *ends, spans, function(self.index), loops, given)

    def holds(self, known: Mapping[sp.Symbol, int]) -> bool:
        if any(span.subs(known) < 1 for span in self.spans):
            return True
        if self.lowest.subs(known) >= 0 and self.highest.subs(known) <= self.extent.subs(known) - 1:
            return True
        return not self.index.has(sp.Indexed) and self._holds_at(known)

    def _holds_at(self, known: Mapping[sp.Symbol, int]) -> bool:
        """Whether it holds for numbers in place of the sizes: by proof, else index value by index value."""
        at = {symbol: sp.Integer(number) for symbol, number in known.items()}
        index, last = self.index.xreplace(at), self.extent.xreplace(at) - 1
        ranges = {i: (lower.xreplace(at), upper.xreplace(at)) for i, lower, upper in self.loops}
        given = tuple(g.xreplace(at) for g in self.given)
        if never_negative(index, ranges, given) and never_negative(last - index, ranges, given):
            return True
        if any(e.has(sp.Indexed) for e in (*given, *(end for ends in ranges.values() for end in ends))):
            return False
        points = enumerated(ranges, given)
        inside = all(0 <= value(index, point) <= last for point in itertools.islice(points, MAX_POINTS))
        return inside and next(points, None) is None


def checks(definitions: Iterable[Definition]) -> tuple[Check, ...]:
    """The checks left to be done at call time. ``SymbolicError`` for an index that is always out of range."""
    definitions = tuple(definitions)
    assignments: dict[Variable, Assignment] = {d.target: d.assignment for d in definitions}
    found: dict[Check, None] = {}
    for piece in (piece for d in definitions for piece in d.pieces):
        wanted = [(r, piece.guard) for r in sorted(_references(piece), key=sp.default_sort_key)]
        wanted += [(r, sp.And(piece.guard, condition)) for r, condition in piece.required]
        cases = {guard: tuple(_cases(guard)) for _, guard in wanted}
        for reference, guard in wanted:
            for index, extent in zip(reference.indices, reference.base.shape or (), strict=False):
                for given in cases[guard]:
                    check = _check(reference, index, sp.sympify(extent, strict=True), piece, given, assignments)
                    if check is not None:
                        found[check] = None
    return tuple(found)


def _references(piece: Piece) -> set[sp.Indexed]:
    references = piece.value.atoms(sp.Indexed) | piece.guard.atoms(sp.Indexed)
    if isinstance(piece.target, sp.IndexedBase):
        references.add(piece.target[piece.indices])
    # An index array is read wherever an element is.
    return references | {inner for ref in references for k in ref.indices for inner in k.atoms(sp.Indexed)}


def _cases(guard: Boolean) -> Iterator[tuple[sp.Expr, ...]]:
    """What is >= 0 under a test at run time, in each of the cases in which it holds."""
    alternatives = []
    for literal in sp.And.make_args(sp.to_nnf(guard, simplify=False)):
        if isinstance(literal, sp.Or):
            alternatives.append([case for part in literal.args for case in _cases(part)])
        elif isinstance(literal, sp.Ne):
            difference = sp.expand(literal.lhs - literal.rhs)
            alternatives.append([(difference - 1,), (-difference - 1,)])
        else:
            alternatives.append([tuple(inequalities(literal))])
    for chosen in itertools.product(*alternatives):
        yield tuple(expr for case in chosen for expr in case)


def _check(
    reference: sp.Indexed,
    index: sp.Expr,
    extent: sp.Expr,
    piece: Piece,
    given: tuple[sp.Expr, ...],
    assignments: Mapping[Variable, Assignment],
) -> Check | None:
    """The check that is needed of one index of a reference where the expressions ``given`` are >= 0."""
    known = ranges(piece.loops)
    if never_negative(index, known, given) and never_negative(extent - 1 - index, known, given):
        return None
    above, below = (tuple(_bounds(index, given, known, top)) for top in (True, False))
    names = plain_names(piece.loops, reference.free_symbols - set(known))
    shown = in_words(reference.xreplace(names), assignments)
    highs = [end for high in above if (end := extreme(high, known, True)) is not None]
    lows = [end for low in below if (end := extreme(low, known, False)) is not None]
    where = ", ".join(
        f"{k.index} = {readable(k.lower)}..{readable(k.upper)}" for k in (k.subs(names) for k in piece.loops)
    )
    if not highs or not lows:
        raise SymbolicError(f"the range of the index {index.xreplace(names)} of {shown} ({where}) cannot be told")
    high, low = sp.Min(*highs), sp.Max(*lows)
    if any(not factor.is_Integer for factor in sp.expand(index).as_coefficients_dict().values()):
        high, low = sp.floor(high), sp.ceiling(low)  # i/2, which is read where i is even
    reached = piece.guard == sp.true and all(never_negative(k.upper - k.lower, known) for k in piece.loops)
    if reached and (never_negative(high - extent, {}) or never_negative(-low - 1, {})):
        raise SymbolicError(f"the index of {shown} ({where}) leaves the range 0..{readable(extent - 1)}")
    spans = [k.extent for k in piece.loops if not (k.lower.free_symbols | k.upper.free_symbols) & set(known)]
    spans += [end + 1 for expr in given if (end := extreme(expr, known, True)) is not None]
    loops = tuple((k.index, k.lower, k.upper) for k in piece.loops)
    return Check(str(shown), low, high, extent, tuple(spans), index, loops, given)


@functools.lru_cache(maxsize=1 << 14)
def held(reference: sp.Indexed, loops: tuple[Loop, ...]) -> int:
    """How many of the loops around a reference it must stay inside of: it may be read where they are empty only if it
    is in range there, too."""
    own = max((k for k, loop in enumerate(loops, 1) if loop.index in reference.free_symbols), default=0)
    outer = ranges(loops[:own])
    pairs = zip(reference.indices, reference.base.shape or (), strict=False)
    if all(never_negative(k, outer) and never_negative(extent - 1 - k, outer) for k, extent in pairs):
        return own
    empty = (k for k in range(len(loops), own, -1) if not _never_empty(loops[k - 1], ranges(loops[: k - 1])))
    return next(empty, own)


def _never_empty(loop: Loop, outer: Ranges) -> bool:
    lower, upper = sp.Max.make_args(loop.lower), sp.Min.make_args(loop.upper)
    return all(never_negative(high - low, outer) for low in lower for high in upper)


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
