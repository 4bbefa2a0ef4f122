"""Conditions that are asked in the loop, where splitting it by every one would double its code each time.

A kept ``Piecewise`` compiles to selects, both sides of which may be evaluated. An index that is in range only under
its condition is therefore clamped to its range: what is read where the condition fails is not used. At sizes at which
an array has no elements there is none to read: a piece of its own is for these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import sympy as sp
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from symdfi.compile.program.loops import Piece, ranges
from symdfi.symbolic.conditions import implied, in_turn
from symdfi.symbolic.private import Private
from symdfi.symbolic.sets import never_negative


def asked_inside(piece: Piece, atoms: Mapping[Private, Boolean]) -> Iterator[Piece]:
    """The piece with its conditions, given by the symbols that stand for them, as selects: for sizes at which all that
    it reads has elements, and for others, where what has none is left out.

    Its ``required`` then says under which condition each reference that is clamped is to be in range.
    """
    visitor = _Visitor(piece, atoms)
    value = visitor.visit(piece.value, ())
    yield from _filled(replace(piece, value=value, required=tuple(visitor.required)), visitor.clamped, ())


def _filled(
    piece: Piece, clamped: Mapping[sp.Indexed, tuple[sp.Expr, ...]], known: tuple[sp.Expr, ...]
) -> Iterator[Piece]:
    """The piece, split where a last index of what it reads, by reference, may be negative; all of ``known`` are not."""
    lasts = (last for reference in piece.value.atoms(sp.Indexed) for last in clamped.get(reference, ()))
    open_ = sorted((last for last in lasts if not never_negative(last, {}, known)), key=sp.default_sort_key)
    if not open_:
        yield piece
        return
    last = open_[0]
    yield from _filled(replace(piece, guard=sp.And(piece.guard, sp.Ge(last, 0))), clamped, (*known, last))
    none = {reference: sp.S.Zero for reference, own in clamped.items() if last in own}
    without = replace(piece, value=piece.value.xreplace(none), guard=sp.And(piece.guard, sp.Lt(last, 0)))
    yield from _filled(without, clamped, (*known, -last - 1))


class _Visitor:
    def __init__(self, piece: Piece, atoms: Mapping[Private, Boolean]) -> None:
        self.atoms, self.known = atoms, ranges(piece.loops)
        self.relations = {r for atom in atoms.values() for c in (atom, sp.Not(atom)) for r in c.atoms(Relational)}
        self.required: dict[tuple[sp.Indexed, Boolean], None] = {}
        #: What is read in place of references, with the last indices that are clamped to.
        self.clamped: dict[sp.Indexed, tuple[sp.Expr, ...]] = {}

    def visit(self, expr: sp.Basic, conditions: tuple[Boolean, ...]) -> sp.Basic:
        """``expr`` as it is evaluated where ``conditions`` hold, or else not used."""
        if isinstance(expr, sp.Piecewise):
            branches, earlier = [], conditions
            for value, condition in expr.args:
                asked = condition.xreplace(dict(self.atoms))
                here = earlier + implied(asked, self.is_of_indices)
                branches.append((self.visit(value, here), self.condition(asked, earlier)))
                earlier += implied(sp.Not(asked), self.is_of_indices)
            return sp.Piecewise(*branches, evaluate=False)
        if isinstance(expr, sp.Indexed):
            return self.reference(expr, conditions)
        if not expr.has(sp.Indexed, sp.Piecewise):
            return expr
        args = [self.visit(arg, conditions) for arg in expr.args]
        return expr if args == list(expr.args) else expr.func(*args)

    def condition(self, condition: Boolean, conditions: tuple[Boolean, ...]) -> Boolean:
        def read(literal: Boolean, before: tuple[Boolean, ...]) -> Boolean:
            return self.visit(literal, conditions + before) if literal.has(sp.Indexed) else literal

        return in_turn(condition, self.is_of_indices, read)

    def is_of_indices(self, condition: Boolean) -> bool:
        """Whether a literal is one of those named."""
        return condition in self.relations

    def reference(self, expr: sp.Indexed, conditions: tuple[Boolean, ...]) -> sp.Indexed:
        clamped, lasts = [], []
        for index, extent in zip(expr.indices, expr.base.shape, strict=True):
            last = sp.sympify(extent, strict=True) - 1
            if never_negative(index, self.known) and never_negative(last - index, self.known):
                clamped.append(index)
                continue
            inner = self.visit(index, conditions)
            lasts.append(last)
            clamped.append(sp.Max(0, sp.Min(inner, last, evaluate=False), evaluate=False))
        if tuple(clamped) == expr.indices:
            return expr
        self.required[expr, sp.And(*conditions)] = None
        found = expr.base[tuple(clamped)]
        self.clamped[found] = tuple(lasts)
        return found
