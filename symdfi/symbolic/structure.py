"""The structure of a derivative ∂g_j/∂x_k: which entries there are, as expressions in j, never as a list.

It is read off the index maps of the entries (see ``couplings``), so it is that of every size at once:

=========  ==================================================================================================
diagonal   every row meets its own column alone
bordered   chains (see ``chains``) of blocks or bands, perhaps closed to rings; a border of a few unknowns that
           may meet everything; products u wᵀ of two vectors, each as one more unknown z = wᵀx in the border
sparse     entries of fewer than all pairs that lie anywhere: by gathers, in lattices
dense      all pairs
=========  ==================================================================================================
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import sympy as sp

from symdfi.symbolic.chains import interleaved
from symdfi.symbolic.couplings import Coupling, Row, by_component, index_ranges, is_long
from symdfi.symbolic.indexed import Variable, Variation, collected, component
from symdfi.symbolic.maps import extreme
from symdfi.symbolic.placement import Reader
from symdfi.symbolic.products import Auxiliary, as_products
from symdfi.symbolic.structures import Bordered, Chain, Dense, Diagonal, Sparse, Structure

__all__ = [
    "Bordered",
    "Chain",
    "Dense",
    "Diagonal",
    "Row",
    "Sparse",
    "Structure",
    "dense",
    "index_ranges",
    "structure",
]

#: The most unknowns in a border, coordinates and auxiliaries.
_BORDER = 32


def structure(rows: Sequence[Row], found: list[Coupling]) -> Structure:
    """The structure of a matrix over the coordinates of ``rows``, from its entries."""
    diagonal = _diagonal(rows, found)
    if diagonal is not None:
        return diagonal
    if not any(_is_family(variable) for variable, _, _ in rows):
        return dense(rows, found)
    local, auxiliaries = as_products(rows, found)
    if len(auxiliaries) > _BORDER:
        local, auxiliaries = found, []
    if _is_dense(rows, local):
        return dense(rows, found)
    return _bordered(rows, local, auxiliaries) or _sparse(rows, local, auxiliaries)


def dense(rows: Sequence[Row], found: Iterable[Coupling]) -> Dense:
    """Every block in full, whatever the structure."""
    terms: dict[tuple[int, int], list[Variation]] = {}
    for coupling in found:
        (variable, indices, _), (moved, _, targets) = rows[coupling.row], rows[coupling.column]
        ranges = {**index_ranges(variable, indices), **index_ranges(moved, targets)}
        at = coupling.at_row + coupling.at_column
        term = Variation(coupling.value, at, tuple(reversed(coupling.limits)), coupling.conditions)
        own = component(term, indices + targets, ranges)
        terms.setdefault((coupling.row, coupling.column), []).append(own)
    numbers = range(len(rows))
    return Dense({(r, c): collected(terms.get((r, c), ())) for r, c in itertools.product(numbers, numbers)})


def _is_family(variable: Variable) -> bool:
    return isinstance(variable, sp.IndexedBase) and any(is_long(extent) for extent in variable.shape)


def _diagonal(rows: Sequence[Row], found: list[Coupling]) -> Diagonal | None:
    if not all(coupling.is_diagonal for coupling in found):
        return None
    entries = []
    for r, (variable, indices, _) in enumerate(rows):
        ranges = index_ranges(variable, indices)
        entries.append(collected(c.by_row(indices, ranges) for c in found if c.row == r))
    return Diagonal(tuple(entries))


def _degree(extents: Iterable[sp.Expr]) -> sp.Expr:
    """How fast a product of extents grows where all sizes do."""
    total = sp.S.Zero
    for extent in extents:
        symbols = extent.free_symbols
        if symbols:
            total += sp.Poly(extent, *symbols).total_degree() if extent.is_polynomial(*symbols) else 1
    return total


def _is_dense(rows: Sequence[Row], found: list[Coupling]) -> bool:
    """Whether some of the entries are those of all pairs, or as many. Those that an index array lists are not."""
    found = [c for c in found if not _is_listed(c)]
    shapes = [variable.shape if isinstance(variable, sp.IndexedBase) else () for variable, _, _ in rows]
    if any(extent.free_symbols for shape in shapes for extent in shape):
        most = max(_degree(shape) for shape in shapes)
        return any(_degree(_extents(coupling)) >= 2 * most for coupling in found)
    number = sum(sp.Mul(*shape) for shape in shapes)
    return bool(sum(sp.Mul(*_extents(coupling)) for coupling in found) * 4 > number**2)


def _is_listed(coupling: Coupling) -> bool:
    """Whether an index array tells which row meets which column: x[p[e]], or e = ptr[i]..ptr[i + 1] - 1."""
    indices = {i for i, _, _ in coupling.limits}
    told = (bound for _, *bounds in coupling.limits for bound in bounds if bound.free_symbols & indices)
    return any(k.has(sp.Indexed) for k in (*coupling.at_row, *coupling.at_column, *told))


def _extents(coupling: Coupling) -> list[sp.Expr]:
    """How many values each index has, at most."""
    outer: dict = {}
    extents = []
    for index, lower, upper in coupling.limits:
        last, first = extreme(upper, outer, True), extreme(lower, outer, False)
        extents.append(sp.S.One if last is None or first is None else sp.expand(last - first + 1))
        outer[index] = lower, upper
    return extents


def _sparse(rows: Sequence[Row], local: list[Coupling], auxiliaries: list[Auxiliary]) -> Sparse:
    entries = list(local)
    for number, auxiliary in enumerate(auxiliaries):
        own = len(rows) + number
        for r, expr in auxiliary.column.items():
            variable, indices, _ = rows[r]
            limits = tuple((i, lo, hi) for i, (lo, hi) in index_ranges(variable, indices).items())
            entries.append(Coupling(r, indices, own, (), expr, limits))
        for r, expr in auxiliary.row.items():
            variable, indices, _ = rows[r]
            limits = tuple((i, lo, hi) for i, (lo, hi) in index_ranges(variable, indices).items())
            entries.append(Coupling(own, (), r, indices, expr, limits))
        entries.append(Coupling(own, (), own, (), sp.S.NegativeOne))
    return Sparse(tuple(entries), len(auxiliaries))


def _bordered(rows: Sequence[Row], local: list[Coupling], auxiliaries: list[Auxiliary]) -> Bordered | None:
    """Chains with a border; None where an entry lies far from the diagonal."""
    border = [
        (r, tuple(map(sp.Integer, place)))
        for r, (variable, _, _) in enumerate(rows)
        if not _is_family(variable)
        for place in _places(variable)
    ]
    if len(border) + len(auxiliaries) > _BORDER:
        return None
    chains = interleaved(rows, local)
    if chains is None:
        return None
    reader = Reader(rows, chains, border)
    if not all(reader.read(coupling) for coupling in by_component(local)):
        return None
    for number, auxiliary in enumerate(auxiliaries):
        if not reader.read_product(auxiliary, len(border) + number):
            return None
    return reader.result(len(auxiliaries))


def _places(variable: Variable) -> list[tuple[int, ...]]:
    places: list[tuple[int, ...]] = [()]
    for extent in variable.shape if isinstance(variable, sp.IndexedBase) else ():
        places = [(*place, k) for place in places for k in range(int(extent))]
    return places
