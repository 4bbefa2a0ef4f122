"""Entries put where a bordered structure has room for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import sympy as sp

from symdfi.symbolic.chains import Sites, Strand, place_of
from symdfi.symbolic.couplings import Coupling, Row, index_ranges, is_long
from symdfi.symbolic.indexed import Variation, collected
from symdfi.symbolic.products import Auxiliary
from symdfi.symbolic.shifts import arranged
from symdfi.symbolic.structures import Bordered, Chain

#: The widest band of a chain.
_WIDTH = 32


class Reader:
    """Sorts entries into the places of a bordered structure."""

    def __init__(self, rows: Sequence[Row], chains: list[Sites], border: list) -> None:
        self.rows, self.chains, self.border = rows, chains, border
        self.owner = {s.coordinate: c for c, sites in enumerate(chains) for s in sites.strands}
        self.strands = {
            r: [(a, s) for a, s in enumerate(chains[c].strands) if s.coordinate == r] for r, c in self.owner.items()
        }
        #: By chain, strand, strand and shift of the site: the terms of an entry, and whether one wraps round.
        self.blocks: dict[tuple[int, int, int, int], list[Variation]] = {}
        self.wrapped: set[tuple[int, int]] = set()
        #: By border, chain and strand.
        self.columns: dict[tuple[int, int, int], list[sp.Expr]] = {}
        self.rows_of: dict[tuple[int, int, int], list[sp.Expr]] = {}
        self.corner: dict[tuple[int, int], list[sp.Expr]] = {}

    def read(self, coupling: Coupling) -> bool:
        """Put an entry in its place; False where it has none."""
        by_row, by_column = coupling.row in self.owner, coupling.column in self.owner
        if by_row and by_column:
            return self._read_local(coupling)
        if by_row:
            b = self._border(coupling.column, coupling.at_column)
            return b is not None and self._read_vector(self.columns, b, coupling)
        b = self._border(coupling.row, coupling.at_row)
        if b is None:
            return False
        if by_column:
            return self._read_vector(self.rows_of, b, coupling.transposed)
        other = self._border(coupling.column, coupling.at_column)
        if other is None:
            return False
        self.corner.setdefault((b, other), []).append(collected([coupling.by_row(coupling.at_row, {})]))
        return True

    def read_product(self, auxiliary: Auxiliary, b: int) -> bool:
        for places, side in ((self.columns, auxiliary.column), (self.rows_of, auxiliary.row)):
            for r, expr in side.items():
                if not self._put_vector(places, b, r, expr):
                    return False
        self.corner[b, b] = [sp.S.NegativeOne]
        return True

    def _border(self, coordinate: int, at: tuple[sp.Expr, ...]) -> int | None:
        return self.border.index((coordinate, at)) if (coordinate, at) in self.border else None

    def _read_vector(self, places: dict, b: int, coupling: Coupling) -> bool:
        variable, indices, _ = self.rows[coupling.row]
        expr = collected([coupling.by_row(indices, index_ranges(variable, indices))])
        return self._put_vector(places, b, coupling.row, expr)

    def _put_vector(self, places: dict, b: int, r: int, expr: sp.Expr) -> bool:
        """A vector over a coordinate along its strands."""
        chain = self.owner[r]
        for a, strand in self.strands[r]:
            along = expr.xreplace(dict(zip(self.rows[r][1], strand.place, strict=True)))
            if _scatters_in_steps(along, strand, self.chains[chain]):
                return False
            if along != 0:
                places.setdefault((b, chain, a), []).append(along)
        return True

    def _read_local(self, coupling: Coupling) -> bool:
        chain = self.owner[coupling.row]
        if self.owner[coupling.column] != chain:
            return False
        sites = self.chains[chain]
        for a, strand in self.strands[coupling.row]:
            shape = self.rows[coupling.row][0].shape
            long = [k for k, extent in enumerate(shape) if is_long(extent)]
            if any(coupling.at_row[k] != strand.place[k] for k in range(len(shape)) if k not in long):
                continue
            ranges = sites.ranges(strand)
            plain = [coupling.at_row[k] for k in long]
            loops = {i for i, _, _ in coupling.limits}
            if all(k in loops for k in plain) and len(set(plain)) == len(plain):
                put = {k: strand.place[axis] for k, axis in zip(plain, long, strict=True)}
                at_row, at_column = (tuple(k.xreplace(put) for k in at) for at in (coupling.at_row, coupling.at_column))
            else:
                at_row, at_column = coupling.at_row, coupling.at_column
            only_long = Coupling(
                coupling.row, tuple(plain), coupling.column, (), coupling.value, coupling.limits, coupling.conditions
            )
            term = only_long.by_row(tuple(strand.place[k] for k in long), ranges)
            if term.coefficient == 0 or sp.false in term.conditions:
                continue
            if _scatters_in_steps(term.coefficient, strand, sites):
                return False
            there = self._shift(coupling, sites, strand, at_row, at_column)
            if there is None:
                return False
            other, shift, wraps = there
            if other < 0:
                continue
            self.blocks.setdefault((chain, a, other, shift), []).append(term)
            if wraps:
                self.wrapped.add((chain, a))
        return True

    def _shift(
        self, coupling: Coupling, sites: Sites, strand: Strand, at_row: tuple, at_column: tuple
    ) -> tuple[int, int, bool] | None:
        """The strand and the shift of the site at which a row meets its column, and whether it wraps round; strand
        -1 where the row is none of this strand; None where the distance is not constant."""
        shape = self.rows[coupling.column][0].shape
        long = [k for k, extent in enumerate(shape) if is_long(extent)]
        own = [k for k, extent in enumerate(self.rows[coupling.row][0].shape) if is_long(extent)]
        shifts, residue, wraps = [], 0, False
        for axis, (k, site) in enumerate(zip(long, sites.indices, strict=True)):
            stride = self.strands[coupling.column][0][1].place[k].coeff(site)
            row = place_of(at_row[own[axis]], strand.place[own[axis]].coeff(site), shape[k])
            column = place_of(at_column[k], stride, shape[k])
            if row is None or column is None or row[2]:
                return None
            if row[1] != strand.place[own[axis]].xreplace({site: sp.S.Zero}):
                return -1, 0, False
            extent = sites.extents[axis]
            shift = _nearest(sp.expand(column[0] - row[0]), extent, column[2])
            if shift is None:
                return None
            wraps = wraps or column[2] or shift[1]
            shifts.append(shift[0])
            residue = column[1]
        if any(shifts[:-1]) or (wraps and (len(shifts) > 1 or not sites.is_full)):
            return None
        for b, other in self.strands[coupling.column]:
            numbers = all(at_column[k] == other.place[k] for k in range(len(shape)) if k not in long)
            if numbers and other.place[long[-1]].xreplace({sites.indices[-1]: sp.S.Zero}) == residue:
                return b, shifts[-1], wraps
        return None

    def result(self, auxiliaries: int) -> Bordered | None:
        chains: list[Chain] = []
        for c, sites in enumerate(self.chains):
            for strands in _components(len(sites.strands), [k for k in self.blocks if k[0] == c]):
                chains.append(self._chain(c, sites, strands))
        if any(chain.width > _WIDTH for chain in chains):
            return None
        corner = {place: sp.Add(*terms) for place, terms in self.corner.items()}
        found = Bordered(tuple(chains), tuple(self.border), auxiliaries, corner)
        return found

    def _chain(self, c: int, sites: Sites, strands: list[int]) -> Chain:
        meetings = {(a, b, shift) for chain, a, b, shift in self.blocks if chain == c and a in strands}
        wraps = any((c, a) in self.wrapped for a in strands)
        strands, first = arranged(strands, meetings)
        moved = [replace(sites.strands[a], **{"turn" if wraps else "first": first[a]}) for a in strands]
        own = Sites(sites.indices, sites.extents, tuple(moved))
        place = {a: first[a] * len(strands) + k for k, a in enumerate(strands)}
        rank = {a: k for k, a in enumerate(strands)}
        bands = {}
        for (chain, a, b, shift), terms in self.blocks.items():
            if chain == c and a in place:
                bands[rank[a], shift * len(strands) + place[b] - place[a]] = collected(terms)
        bands = {key: entry for key, entry in sorted(bands.items()) if entry != 0}
        columns = {(rank[a], b): sp.Add(*t) for (b, k, a), t in self.columns.items() if k == c and a in place}
        rows = {(rank[a], b): sp.Add(*t) for (b, k, a), t in self.rows_of.items() if k == c and a in place}
        chain = Chain(own, wraps, bands, columns, rows)
        return replace(chain, ring=wraps and not chain.is_within)


def _components(count: int, blocks: Iterable[tuple[int, int, int, int]]) -> list[list[int]]:
    """The strands that meet one another, directly or not."""
    group = list(range(count))
    for _, a, b, _ in blocks:
        old, new = group[b], group[a]
        group = [new if g == old else g for g in group]
    return [[a for a in range(count) if group[a] == g] for g in dict.fromkeys(group)]


def _nearest(distance: sp.Expr, extent: sp.Expr, wraps: bool) -> tuple[int, bool] | None:
    """A distance as a number, round a ring if that is nearer, and whether it went round."""
    for turns in (0, -1, 1):
        shift = sp.expand(distance + turns * extent)
        if shift.is_Integer and not (wraps and extent.is_Integer and 2 * abs(shift) > extent):
            return int(shift), turns != 0
    return None


def _scatters_in_steps(expr: sp.Expr, strand: Strand, sites: Sites) -> bool:
    """Whether a gather meets a strand of every second element: the scatter would have no plain target."""
    place = [k for k in strand.place if k.free_symbols & set(sites.indices)]
    return any(k not in sites.indices for k in place) and expr.has(sp.KroneckerDelta)
