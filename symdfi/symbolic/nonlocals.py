"""Nonlocal terms of an equation: its integrals, each as an expression in values of the fields at places."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.errors import SymbolicError
from symdfi.symbolic.integrals import axes_of, places
from symdfi.symbolic.private import Private

#: More terms than this and a kernel W(x, y) is not written as a sum of products.
_MOST_TERMS = 24


@dataclass(frozen=True)
class FieldAt:
    """∂û at a place: the field's number, the axes that the derivative is by, and a symbol for each coordinate."""

    symbol: Private
    field: int
    order: tuple[int, ...]
    place: tuple[sp.Symbol, ...]


@dataclass(frozen=True)
class NonlocalTerm:
    """``symbol`` = ∫ ``expr`` over ``bound``, which run along ``axes``: a function of the places ``outer``.

    ``expr`` is in these, in t and parameters, and in the symbols of ``fields`` and of other terms, ``inside``; places
    are known by the symbols that the equation has for them, in ``expr`` by those of ``names``. ``integral`` is it as it
    was written.
    """

    symbol: Private
    expr: sp.Expr
    bound: tuple[sp.Symbol, ...]
    axes: tuple[int, ...]
    outer: tuple[sp.Symbol, ...]
    fields: tuple[FieldAt, ...]
    inside: tuple[NonlocalTerm, ...]
    names: Mapping[sp.Symbol, Private]
    integral: sp.Integral

    @property
    def atoms(self) -> tuple[tuple[Private, tuple[sp.Symbol, ...]], ...]:
        """What the integrand is made of, a symbol and its place each."""
        return (*((f.symbol, f.place) for f in self.fields), *((term.symbol, term.outer) for term in self.inside))

    def kind(self, place: Sequence[sp.Symbol]) -> str:
        """Whether a place is one of the "outer" ones, among those integrated over, "inner", or "both"."""
        inner = {s in self.bound for s in place}
        return "both" if len(inner) == 2 else "inner" if inner == {True} else "outer"

    def copies(self) -> list[list[int]]:
        """The variables of integration, by number, in groups that occur together as the place of something."""
        groups = [{k} for k in range(len(self.bound))]
        for _, place in self.atoms:
            met = [g for g in groups if any(self.bound[k] in place for k in g)]
            if met:
                groups = [g for g in groups if g not in met] + [set().union(*met)]
        return sorted(map(sorted, groups))


def separated(
    exprs: Sequence[sp.Expr], fields: Sequence[AppliedUndef], variables: Sequence[sp.Symbol]
) -> tuple[tuple[sp.Expr, ...], tuple[NonlocalTerm, ...]]:
    """Expressions with a symbol in place of every integral, and these.

    A kernel that is a sum of products, as (x − y)², is integrated product by product: ∫W(x, y) u(y) dy is then as many
    integrals without x.

    Raises ``SymbolicError`` for what is no integral over space variables of the fields.
    """
    reader = _Reader(tuple(fields), tuple(variables))
    return tuple(reader.read(expr, frozenset(variables)) for expr in exprs), tuple(reader.top)


def nested(terms: Iterable[NonlocalTerm]) -> Iterator[NonlocalTerm]:
    """Terms and those inside of them."""
    for term in terms:
        yield term
        yield from nested(term.inside)


class _Reader:
    def __init__(self, fields: tuple[AppliedUndef, ...], variables: tuple[sp.Symbol, ...]) -> None:
        self.fields, self.variables, self.top = fields, variables, []
        self._known: dict[sp.Basic, NonlocalTerm] = {}
        self._along: dict[sp.Integral, dict[sp.Symbol, sp.Symbol]] = {}
        self._count = itertools.count()

    def read(self, expr: sp.Basic, scope: frozenset[sp.Symbol]) -> sp.Expr:
        """``expr`` of the equation, its integrals read as the top ones."""
        if isinstance(expr, sp.Integral):
            apart = self._apart(expr, scope)
            if apart != expr:
                return self.read(apart, scope)
            term = self._term(expr, scope)
            if term not in self.top:
                self.top.append(term)
            return term.symbol
        if not expr.has(sp.Integral):
            return expr
        return expr.func(*(self.read(arg, scope) for arg in expr.args))

    def _term(self, integral: sp.Integral, scope: frozenset[sp.Symbol]) -> NonlocalTerm:
        if integral not in self._known:
            along = dict(self._axes(integral))
            fields: dict[sp.Basic, FieldAt] = {}
            inside: dict[sp.Basic, NonlocalTerm] = {}
            body = self._body(integral.function, scope | set(along), fields, inside)
            found = self._made(integral, body, along, scope, tuple(fields.values()), tuple(inside.values()))
            copies = found.copies()
            if len(copies) > 1:
                # One after the other: û is then evaluated at the nodes of each, not at all their combinations.
                last = [limit for k, limit in enumerate(integral.limits) if k in copies[-1]]
                own = {y: along.pop(y) for y, *_ in last}
                first = sp.Integral(integral.function, *last)
                self._along[first] = own
                inner = self._term(first, scope | set(along))
                found = self._made(integral, inner.symbol, along, scope, (), (inner,))
            self._known[integral] = found
        return self._known[integral]

    def _made(
        self,
        integral: sp.Integral,
        body: sp.Expr,
        along: Mapping[sp.Symbol, sp.Symbol],
        scope: frozenset[sp.Symbol],
        fields: tuple[FieldAt, ...],
        inside: tuple[NonlocalTerm, ...],
    ) -> NonlocalTerm:
        """The integral of what has been read as ``body`` over the variables that run ``along`` others."""
        used = set(body.free_symbols).union(*(f.place for f in fields), *(i.outer for i in inside))
        outer = tuple(sorted((used & scope) - set(along), key=sp.default_sort_key))
        names = {symbol: Private("nx", k, symbol.name, real=True) for k, symbol in enumerate((*outer, *along))}
        symbol = Private("nl", next(self._count), "I", real=True)
        axes = tuple(self.variables.index(x) for x in along.values())
        expr = body.xreplace(names)
        return NonlocalTerm(symbol, expr, tuple(along), axes, outer, fields, inside, names, integral)

    def _apart(self, integral: sp.Integral, scope: frozenset[sp.Symbol]) -> sp.Expr:
        """The integral with all that does not depend on its variables in front of it, and, where it is a sum of
        products of what depends on them and what depends on other places, as the sum of their integrals."""
        bound, along = [limit[0] for limit in integral.limits], self._axes(integral)
        front, body = integral.function.as_independent(*bound, as_Add=False)
        pairs = [(sp.S.One, body)]
        outer = scope - set(bound)
        if not outer.isdisjoint(body.free_symbols):
            expanded = sp.expand(sp.expand_trig(body), power_exp=False, power_base=False, log=False)
            terms = [term.as_independent(*bound, as_Add=False) for term in sp.Add.make_args(expanded)]
            if len(terms) <= _MOST_TERMS and all(outer.isdisjoint(inner.free_symbols) for _, inner in terms):
                pairs = terms
        found = [(factor, sp.Integral(inner, *integral.limits)) for factor, inner in pairs]
        # Of one without a field it does not show along what it runs.
        self._along |= {part: along for _, part in found}
        return front * sp.Add(*(factor * part for factor, part in found))

    def _axes(self, integral: sp.Integral) -> dict[sp.Symbol, sp.Symbol]:
        return self._along.get(integral) or axes_of(integral, self.fields, self.variables)

    def _body(
        self,
        expr: sp.Basic,
        scope: frozenset[sp.Symbol],
        fields: dict[sp.Basic, FieldAt],
        inside: dict[sp.Basic, NonlocalTerm],
    ) -> sp.Expr:
        """The integrand with symbols in place of fields, their derivatives and integrals."""
        if isinstance(expr, sp.Integral):
            apart = self._apart(expr, scope)
            if apart != expr:
                return self._body(apart, scope, fields, inside)
            inside[expr] = self._term(expr, scope)
            return inside[expr].symbol
        if isinstance(expr, AppliedUndef) or (isinstance(expr, sp.Derivative) and isinstance(expr.expr, AppliedUndef)):
            if expr not in fields:
                fields[expr] = self._field(expr, len(fields))
            return fields[expr].symbol
        if not expr.args or not expr.has(AppliedUndef, sp.Integral):
            return expr
        return expr.func(*(self._body(arg, scope, fields, inside) for arg in expr.args))

    def _field(self, expr: sp.Expr, number: int) -> FieldAt:
        by = expr.variables if isinstance(expr, sp.Derivative) else ()
        instance = expr.expr if isinstance(expr, sp.Derivative) else expr
        field, at = places(instance, self.fields)
        place = tuple(at[x] for x in self.variables)
        if not set(by) <= set(place):
            raise SymbolicError(f"{expr} under an integral is no space derivative of {instance}")
        order = tuple(sorted(place.index(y) for y in by))
        return FieldAt(Private("nf", number, str(instance.func), real=True), self.fields.index(field), order, place)
