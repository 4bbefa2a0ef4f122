"""Entries of all pairs that are products, f(j) g(k): a matrix u wᵀ of rank one instead of n² numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import sympy as sp

from symdfi.symbolic.couplings import Coupling, Row, by_component, index_ranges, is_long
from symdfi.symbolic.indexed import Variation, collected, component


@dataclass(frozen=True)
class Auxiliary:
    """The product u wᵀ: ``column`` is u and ``row`` is w, by coordinate, each in the indices of its rows."""

    column: dict[int, sp.Expr]
    row: dict[int, sp.Expr]


@dataclass(frozen=True)
class _Product:
    """One term of a product: u along a coordinate, w along one."""

    column: tuple[int, sp.Expr]
    row: tuple[int, sp.Expr]


def as_products(rows: Sequence[Row], found: Sequence[Coupling]) -> tuple[list[Coupling], list[Auxiliary]]:
    """The entries that are no products, and the products, as few as share their vectors."""
    local: list[Coupling] = []
    products: list[_Product] = []
    for coupling in found:
        own = _products(rows, coupling)
        if own is None:
            local.append(coupling)
        else:
            products += own
    return local, _merged(products)


def _merged(products: Sequence[_Product]) -> list[Auxiliary]:
    by_row: dict[tuple[int, sp.Expr], dict[int, sp.Expr]] = {}
    for product in products:
        columns = by_row.setdefault(product.row, {})
        r, expr = product.column
        columns[r] = columns.get(r, sp.S.Zero) + expr
    by_column: dict[tuple, dict[int, sp.Expr]] = {}
    for (c, expr), columns in by_row.items():
        rows = by_column.setdefault(tuple(sorted(columns.items(), key=lambda pair: pair[0])), {})
        rows[c] = rows.get(c, sp.S.Zero) + expr
    return [Auxiliary(dict(column), row) for column, row in by_column.items()]


def _products(rows: Sequence[Row], coupling: Coupling) -> list[_Product] | None:
    """A coupling as products; None where it is none of all pairs, or no sum of products."""
    if not all(_is_family(rows, r) for r in (coupling.row, coupling.column)):
        return None
    found: list[_Product] = []
    for one in by_component([coupling]):
        own = _split(rows, one)
        if own is None:
            return None
        found += own
    return found


def _is_family(rows: Sequence[Row], r: int) -> bool:
    variable = rows[r][0]
    return isinstance(variable, sp.IndexedBase) and any(is_long(extent) for extent in variable.shape)


def _split(rows: Sequence[Row], coupling: Coupling) -> list[_Product] | None:
    indices = [i for i, _, _ in coupling.limits]
    left = {s for k in coupling.at_row for s in k.free_symbols} & set(indices)
    right = {s for k in coupling.at_column for s in k.free_symbols} & set(indices)
    if not indices or left & right or set(indices) - left - right:
        return None
    # What bounds an index, or stands under a condition with it, belongs to its side.
    for i, lower, upper in coupling.limits:
        others = (lower.free_symbols | upper.free_symbols) & set(indices)
        if others & (right if i in left else left):
            return None
    for condition in coupling.conditions:
        if condition.free_symbols & left and condition.free_symbols & right:
            return None
    factors = _factors(coupling.value, left, right)
    if factors is None:
        return None
    sides = []
    for own, at, r in ((left, coupling.at_row, coupling.row), (right, coupling.at_column, coupling.column)):
        limits = tuple(limit for limit in reversed(coupling.limits) if limit[0] in own)
        # A condition on neither side must stand on one of them.
        conditions = tuple(
            c for c in coupling.conditions if c.free_symbols & own or (own is left and not c.free_symbols & right)
        )
        sides.append((Variation(sp.S.One, at, limits, conditions), r))
    (by_row, r), (by_column, c) = sides
    found = []
    for f, g in factors:
        column, row = replace(by_row, coefficient=f), replace(by_column, coefficient=g)
        found.append(_Product((r, _along(rows, r, column)), (c, _along(rows, c, row))))
    return found


def _along(rows: Sequence[Row], r: int, term: Variation) -> sp.Expr:
    variable, indices, _ = rows[r]
    return collected([component(term, indices, index_ranges(variable, indices))])


def _factors(value: sp.Expr, left: set, right: set) -> list[tuple[sp.Expr, sp.Expr]] | None:
    """``value`` as Σ f g, f free of ``right`` and g free of ``left``; None where that is not seen."""
    for write in (lambda e: e, sp.expand_mul, lambda e: sp.expand_mul(sp.expand_trig(e))):
        terms = [_factor(term, left, right) for term in sp.Add.make_args(write(value))]
        found = [term for term in terms if term is not None]
        if len(found) == len(terms):
            return found
    return None


def _factor(term: sp.Expr, left: set, right: set) -> tuple[sp.Expr, sp.Expr] | None:
    own, others = [], []
    for arg in sp.Mul.make_args(term):
        used = arg.free_symbols
        if used & left and used & right:
            return None
        (others if used & right else own).append(arg)
    return sp.Mul(*own), sp.Mul(*others)
