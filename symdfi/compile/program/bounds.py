"""Every index in range: proved when a kernel is built, else checked against the sizes it is called with."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import sympy as sp
from sympy.logic.boolalg import Boolean

from symdfi.compile.program.loops import Assignment, Definition, Piece, Variable, in_words, plain_names, ranges
from symdfi.errors import SymbolicError
from symdfi.symbolic.maps import affine, extreme, inequalities, outermost
from symdfi.symbolic.sets import Ranges, never_negative
from symdfi.symbolic.sums import readable


@dataclass(frozen=True)
class Check:
    """``0 <= lowest`` and ``highest < extent`` for a reference, unless it is never reached.

    It is not where one of ``spans`` is below one: the extent of a loop around it, or one more than the largest
    value of what a condition asks to be >= 0.
    """

    reference: str
    lowest: sp.Expr
    highest: sp.Expr
    extent: sp.Expr
    spans: tuple[sp.Expr, ...]

    def mapped(self, function: Callable[[sp.Basic], sp.Basic]) -> Check:
        """The check with its expressions mapped to others."""
        lowest, highest, extent = map(function, (self.lowest, self.highest, self.extent))
        return Check(self.reference, lowest, highest, extent, tuple(map(function, self.spans)))

    def holds(self, known: Mapping[sp.Symbol, int]) -> bool:
        if any(span.subs(known) < 1 for span in self.spans):
            return True
        return bool(self.lowest.subs(known) >= 0 and self.highest.subs(known) <= self.extent.subs(known) - 1)


def checks(definitions: Iterable[Definition]) -> tuple[Check, ...]:
    """The checks left to be done at call time. ``SymbolicError`` for an index that is always out of range."""
    definitions = tuple(definitions)
    assignments: dict[Variable, Assignment] = {d.target: d.assignment for d in definitions}
    found: dict[Check, None] = {}
    for piece in (piece for d in definitions for piece in d.pieces):
        cases = tuple(_cases(piece.guard))
        for reference in sorted(_references(piece), key=sp.default_sort_key):
            for index, extent in zip(reference.indices, reference.base.shape or (), strict=False):
                for given in cases:
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
    for literal in sp.And.make_args(guard):
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
    above, below = (tuple(_bounds(index, given, known, top)) for top in (True, False))
    if any(never_negative(low, known) for low in below) and any(
        never_negative(extent - 1 - high, known) for high in above
    ):
        return None
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
    return Check(str(shown), low, high, extent, tuple(spans))


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
