"""Every index in range: proved when a kernel is built, else checked against the sizes it is called with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sympy as sp

from symdfi.compile.loops import Definition, Piece, ranges
from symdfi.errors import SymbolicError
from symdfi.symbolic.maps import Ranges, extreme, largest, never_negative, outermost, smallest

__all__ = ["Check", "checks", "largest", "smallest"]


@dataclass(frozen=True)
class Check:
    """``0 <= lowest`` and ``highest < extent`` for a reference, unless the loops around it are empty."""

    reference: str
    lowest: sp.Expr
    highest: sp.Expr
    extent: sp.Expr
    spans: tuple[sp.Expr, ...]

    def holds(self, known: Mapping[sp.Symbol, int]) -> bool:
        if any(span.subs(known) < 1 for span in self.spans):
            return True
        return bool(self.lowest.subs(known) >= 0 and self.highest.subs(known) <= self.extent.subs(known) - 1)


def checks(definitions: Iterable[Definition]) -> tuple[Check, ...]:
    """The checks left to be done at call time. ``SymbolicError`` for an index that is always out of range."""
    found: dict[Check, None] = {}
    for d in definitions:
        for piece in d.pieces:
            for reference in sorted(_references(piece), key=sp.default_sort_key):
                for index, extent in zip(reference.indices, reference.base.shape or (), strict=False):
                    check = _check(reference, index, sp.sympify(extent), piece)
                    if check is not None:
                        found[check] = None
    return tuple(found)


def _references(piece: Piece) -> set[sp.Indexed]:
    references = piece.value.atoms(sp.Indexed) | piece.guard.atoms(sp.Indexed)
    if isinstance(piece.target, sp.IndexedBase) and piece.guard == sp.true:
        references.add(piece.target[piece.indices])
    # An index array is read wherever an element is.
    return references | {inner for ref in references for k in ref.indices for inner in k.atoms(sp.Indexed)}


def _check(reference: sp.Indexed, index: sp.Expr, extent: sp.Expr, piece: Piece) -> Check | None:
    loops, known = piece.loops, ranges(piece.loops)
    if never_negative(index, known) and never_negative(extent - 1 - index, known):
        return None
    if _subjects(index, known) & _subjects(piece.guard, known):
        return None  # the test at run time speaks of this index
    low, high = extreme(index, known, False), extreme(index, known, True)
    if low is None or high is None:
        raise SymbolicError(f"the index {index} of {reference} is not supported")
    spans = tuple(k.extent for k in loops if not (k.lower.free_symbols | k.upper.free_symbols) & set(known))
    reached = all(never_negative(k.upper - k.lower, known) for k in loops)
    if reached and (never_negative(high - extent, {}) or never_negative(-low - 1, {})):
        where = ", ".join(f"{k.index} = {k.lower}..{k.upper}" for k in loops)
        raise SymbolicError(f"the index of {reference} ({where}) leaves the range 0..{extent - 1}")
    return Check(str(reference), low, high, extent, spans)


def _subjects(expr: sp.Basic, known: Ranges) -> set[sp.Basic]:
    """What an index or a test is about: gathered entries, and the loop indices outside them."""
    gathered = {g: sp.Dummy() for g in outermost(expr, (sp.Indexed,))}
    return set(gathered) | (expr.xreplace(gathered).free_symbols & set(known))
