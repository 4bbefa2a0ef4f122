"""The structure of a derivative ∂g_j/∂x_k: which entries there are, as expressions in j, never as a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from symdfi.symbolic.indexed import Variable, Variation, collected, component, variation
from symdfi.symbolic.maps import affine
from symdfi.symbolic.sets import Ranges


@dataclass(frozen=True)
class Structure:
    """A square matrix ∂g/∂x in index form.

    ``kind`` is "diagonal", "banded", "periodic" (banded, wrapping round) or "dense". ``bands`` maps an
    offset c to the entry in row j, column j + c (modulo the size if periodic), an expression in the row's
    index. ``blocks`` maps a pair of row and column variable to the entry as an expression in the row's and
    the column's indices. One vector that is not dense has ``bands``; several variables, each diagonal, and
    dense matrices have ``blocks``.
    """

    kind: str
    bands: dict[int, sp.Expr]
    blocks: dict[tuple[int, int], sp.Expr]

    @property
    def width(self) -> int:
        """The largest offset of a band."""
        return max((abs(c) for c in self.bands), default=0)

    @property
    def diagonal(self) -> list[sp.Expr]:
        """The entries of a diagonal matrix, one expression a variable."""
        return [self.bands[0]] if self.bands else [self.blocks[r, r] for r in range(len(self.blocks))]


#: A function of the state over a variable's indices: the variable, the row's index symbols, the expression.
Row = tuple[Variable, tuple[sp.Symbol, ...], sp.Expr]


def index_ranges(variable: Variable, indices: tuple[sp.Symbol, ...]) -> Ranges:
    """The ranges of a variable's indices."""
    shape = variable.shape if isinstance(variable, sp.IndexedBase) else ()
    return {i: (sp.S.Zero, extent - 1) for i, extent in zip(indices, shape, strict=True)}


def structure(
    rows: Sequence[Row], columns: Sequence[tuple[Variable, tuple[sp.Symbol, ...]]], *, dense: bool = False
) -> Structure:
    """The structure of the derivatives of ``rows`` by ``columns``, variable by variable in the same order.

    ``dense`` asks for every block, whatever the structure.
    """
    terms = {
        (r, c): variation(expr, column) for r, (_, _, expr) in enumerate(rows) for c, (column, _) in enumerate(columns)
    }
    if not dense and len(rows) == 1 and len(rows[0][1]) == 1:
        banded = _bands(terms[0, 0], rows[0])
        if banded is not None:
            return banded
    if not dense and all(not found for (r, c), found in terms.items() if r != c):
        diagonal = _all_diagonal(rows, terms)
        if diagonal is not None:
            return diagonal
    blocks = {}
    for (r, c), found in terms.items():
        variable, indices, _ = rows[r]
        column, targets = columns[c]
        ranges = {**index_ranges(variable, indices), **index_ranges(column, targets)}
        blocks[r, c] = collected(component(term, targets, ranges) for term in found)
    return Structure("dense", {}, blocks)


def _bands(terms: list[Variation], row: Row) -> Structure | None:
    variable, (index,), _ = row
    extent = variable.shape[0]
    entries: dict[int, list[Variation]] = {}
    periodic = False
    for term in terms:
        if term.sums:
            return None
        found = _offset(term, index, extent)
        if found is None:
            return None
        offset, wraps = found
        periodic = periodic or wraps
        entries.setdefault(offset, []).append(Variation(term.coefficient, (), (), term.conditions))
    bands = {offset: collected(found) for offset, found in sorted(entries.items())}
    bands = {offset: entry for offset, entry in bands.items() if entry != 0} or {0: sp.S.Zero}
    kind = "diagonal" if set(bands) == {0} else "periodic" if periodic else "banded"
    return Structure(kind, bands, {})


def _offset(term: Variation, index: sp.Symbol, extent: sp.Expr) -> tuple[int, bool] | None:
    """``(c, wraps)`` for a term of row j that depends on column j + c, or (j + c) mod n if it wraps round."""
    (position,) = term.indices
    wraps = isinstance(position, sp.Mod) and sp.expand(position.args[1] - extent) == 0
    line = affine(position.args[0] if wraps else position, index)
    if line is not None and line[0] == 1:
        distances = [line[1]]
    else:
        # A fixed column in a row that is fixed as well, δ(j, 0)·x[n - 1]: the end of a chain, a closed ring.
        factors = [f for f in sp.Mul.make_args(term.coefficient) if isinstance(f, sp.KroneckerDelta)]
        ends = [other for f in factors for own, other in (f.args, f.args[::-1]) if own == index]
        distances = [sp.expand(position - end) for end in ends]
    for distance in distances:
        for turns in (0, -1, 1):
            offset = sp.expand(distance + turns * extent)
            far = extent.is_Integer and 2 * abs(offset) > extent
            if offset.is_Integer and not (wraps and far):
                return int(offset), wraps or turns != 0
    return None


def _all_diagonal(rows: Sequence[Row], terms: dict) -> Structure | None:
    """Several variables, each with a diagonal block of its own: the diagonal as one expression a variable."""
    blocks = {}
    for r, (_, indices, _) in enumerate(rows):
        if any(term.sums or term.indices != indices for term in terms[r, r]):
            return None
        blocks[r, r] = collected(Variation(term.coefficient, (), (), term.conditions) for term in terms[r, r])
    return Structure("diagonal", {}, blocks)
