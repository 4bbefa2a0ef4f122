"""The entries of a derivative ∂g/∂x in index form: which row meets which column, and with what value."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import sympy as sp
from sympy.logic.boolalg import Boolean

from symdfi.symbolic.indexed import Variable, Variation, component, summed, variation
from symdfi.symbolic.maps import prune
from symdfi.symbolic.ranges import Limits
from symdfi.symbolic.sets import Ranges

#: An axis of a known extent up to this one holds the components of an element, a longer one the elements.
COMPONENTS = 8

#: A coordinate with the index symbols of its rows and those of its columns.
Row = tuple[Variable, tuple[sp.Symbol, ...], tuple[sp.Symbol, ...]]

#: The variables that move with a column of a coordinate, with their rates.
Moved = Sequence[tuple[Variable, sp.Expr]]


@dataclass(frozen=True)
class Coupling:
    """``Σ_limits [conditions] value · e_row[at_row] ⊗ e_column[at_column]``; ``limits`` from the outermost on.

    ``row`` and ``column`` count the coordinates, and then the auxiliary unknowns (see ``Structure``).
    """

    row: int
    at_row: tuple[sp.Expr, ...]
    column: int
    at_column: tuple[sp.Expr, ...]
    value: sp.Expr
    limits: tuple[Limits, ...] = ()
    conditions: tuple[Boolean, ...] = ()

    @property
    def transposed(self) -> Coupling:
        return replace(self, row=self.column, at_row=self.at_column, column=self.row, at_column=self.at_row)

    @property
    def is_diagonal(self) -> bool:
        return self.row == self.column and self.at_row == self.at_column

    def put(self, values: dict) -> Coupling:
        """With numbers or other expressions for indices, whose own limits fall away."""
        limits = tuple((i, lo.xreplace(values), hi.xreplace(values)) for i, lo, hi in self.limits if i not in values)
        at_row, at_column = (tuple(k.xreplace(values) for k in at) for at in (self.at_row, self.at_column))
        conditions = tuple(sp.sympify(c, strict=True).xreplace(values) for c in self.conditions)
        value = sp.S.Zero if sp.false in conditions else self.value.xreplace(values)
        kept = tuple(c for c in conditions if c != sp.true)
        return replace(self, at_row=at_row, at_column=at_column, value=value, limits=limits, conditions=kept)

    def by_row(self, targets: tuple[sp.Expr, ...], ranges: Ranges) -> Variation:
        """All that meets the row ``targets``, whatever the column: a term without indices."""
        term = Variation(self.value, self.at_row, tuple(reversed(self.limits)), self.conditions)
        return component(term, targets, ranges)


def index_ranges(variable: Variable, indices: tuple[sp.Symbol, ...]) -> Ranges:
    """The ranges of a variable's indices."""
    shape = variable.shape if isinstance(variable, sp.IndexedBase) else ()
    return {i: (sp.S.Zero, extent - 1) for i, extent in zip(indices, shape, strict=True)}


def couplings(rows: Sequence[Row], exprs: Sequence[sp.Expr], columns: Sequence[Moved]) -> list[Coupling]:
    """The derivatives of ``exprs``, over the rows, by ``columns``, coordinate by coordinate in the same order."""
    found = []
    for r, expr in enumerate(exprs):
        for c, moved in enumerate(columns):
            for column, rate in moved:
                for term in variation(expr, column):
                    whole = Variation(rate * term.coefficient, term.indices, term.sums, term.conditions)
                    found += entries_of(rows, r, c, whole)
    return found


def entries_of(rows: Sequence[Row], r: int, c: int, term: Variation) -> list[Coupling]:
    """The entries of row r, a variation by what column c moves."""
    variable, indices, _ = rows[r]
    limits = tuple((i, lo, hi) for i, (lo, hi) in index_ranges(variable, indices).items())
    limits += tuple(reversed(term.sums))
    wholes = (Coupling(r, indices, c, term.indices, v, limits, term.conditions) for v in _terms(term.coefficient))
    found = [_folded(_without_deltas(whole)) for whole in wholes]
    return [coupling for coupling in found if coupling.value != 0]


def _terms(value: sp.Expr) -> Iterator[sp.Expr]:
    """The terms of a value, apart where they hold different deltas: each is then an entry of its own."""
    factors = sp.Mul.make_args(value)
    mixed = next((f for f in factors if isinstance(f, sp.Add) and f.has(sp.KroneckerDelta)), None)
    if mixed is None:
        yield value
        return
    rest = sp.Mul(*(f for f in factors if f is not mixed))
    with_deltas = [term for term in mixed.args if term.has(sp.KroneckerDelta)]
    for term in (*with_deltas, sp.Add(*(term for term in mixed.args if term not in with_deltas))):
        if term != 0:
            yield from _terms(rest * term)


def _without_deltas(coupling: Coupling) -> Coupling:
    """With ``δ(p[e], j)`` as the row p[e] in place of a row j that a condition picks out."""
    progress = True
    while progress:
        progress = False
        indices = {i for i, _, _ in coupling.limits}
        inner = {s for _, lo, hi in coupling.limits for s in lo.free_symbols | hi.free_symbols}
        for delta in sp.Mul.make_args(coupling.value):
            if not isinstance(delta, sp.KroneckerDelta):
                continue
            for source, target in (delta.args, delta.args[::-1]):
                if target not in indices or target in inner or target in source.free_symbols:
                    continue
                limits = coupling.limits
                lower, upper = next((lo, hi) for i, lo, hi in limits if i == target)
                ranges = {i: (lo, hi) for i, lo, hi in limits}
                # What an index array holds is checked where it is given.
                inside = () if source.has(sp.Indexed) else prune((source >= lower, source <= upper), ranges)
                bare = replace(coupling, value=coupling.value / delta, conditions=(*coupling.conditions, *inside))
                coupling, progress = bare.put({target: source}), True
                break
            if progress:
                break
    return coupling


def _folded(coupling: Coupling) -> Coupling:
    """With the sums that say nothing of row and column inside the value."""
    used = {s for k in (*coupling.at_row, *coupling.at_column) for s in k.free_symbols}
    kept: list[Limits] = []
    inside: list[Limits] = []
    for limit in reversed(coupling.limits):
        if limit[0] in used:
            kept.insert(0, limit)
            used |= limit[1].free_symbols | limit[2].free_symbols
        else:
            inside.append(limit)
    if not inside:
        return coupling
    names = {i for i, _, _ in inside}
    inner = [c for c in coupling.conditions if c.free_symbols & names]
    outer = tuple(c for c in coupling.conditions if c not in inner)
    return replace(coupling, value=summed(coupling.value, inside, inner), limits=tuple(kept), conditions=outer)


def is_long(extent: sp.Expr) -> bool:
    """Whether an axis counts elements, not components."""
    return not (extent.is_Integer and extent <= COMPONENTS)


def by_component(found: Iterable[Coupling]) -> Iterator[Coupling]:
    """Every coupling once for each value of its indices over components."""
    for coupling in found:
        used = {s for k in (*coupling.at_row, *coupling.at_column) for s in k.free_symbols}
        short = [
            (i, range(int(lo), int(hi) + 1))
            for i, lo, hi in coupling.limits
            if i in used and lo.is_Integer and hi.is_Integer and hi - lo < COMPONENTS
        ]
        for values in itertools.product(*(span for _, span in short)):
            put = {i: sp.Integer(k) for (i, _), k in zip(short, values, strict=True)}
            one = coupling.put(put) if put else coupling
            if one.value != 0:
                yield one
