"""Jacobians on the loop program: which unknowns an assignment depends on, and how strongly.

The variation of every assignment on the way from the unknowns x to the rows is a sum of terms

    δT[a] = Σ_sums [conditions] outer[a] · inner[a, sums] · δx[indices],

one for each place that it depends on: tangents, carried forward. An assignment reads few others, so the cost is that
of the program times the places met along it, however its terms are nested or shared. What does not depend on the sums
stays apart as ``outer``: of a product u[a] w[i] no n² numbers are stored, and its rank remains visible.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import sympy as sp
from sympy.logic.boolalg import Boolean

from symdfi.compile.passes.autodiff import almost_everywhere, needed
from symdfi.compile.program.loops import Assignment, Loop, Variable, hull, ranges, variables
from symdfi.compile.program.lower import Program
from symdfi.compile.program.sharing import MIN_OPERATIONS, operations
from symdfi.symbolic import private
from symdfi.symbolic.couplings import Coupling, Row, entries_of
from symdfi.symbolic.indexed import Variation, guarded, summed, unwrap
from symdfi.symbolic.maps import prune
from symdfi.symbolic.ranges import Limits


def jacobian(
    program: Program, rows: Sequence[Row], targets: Sequence[Assignment], moves: Mapping[Variable, tuple[int, sp.Expr]]
) -> list[Coupling]:
    """The entries of ∂targets/∂x. Each target is over the indices of its row.

    ``moves`` gives for every variable that moves with x the coordinate whose column it stands in, and its rate. The
    values of the entries refer to what the program stores.
    """
    found: dict[Variable, dict[_Place, sp.Expr]] = {}
    for assignment in needed(program, *(target.target for target in targets)):
        tangents = _Tangents(program, assignment)
        for x in sorted(variables(assignment.expr), key=sp.default_sort_key):
            if x in moves or x in found:
                for term in almost_everywhere(program, assignment.value, x):
                    tangents.add(term, *moves[x]) if x in moves else tangents.compose(term, x, found[x])
        result = tangents.result(store=assignment not in targets)
        if result:
            program.differentiated[assignment.target] = assignment
            found[assignment.target] = result
    entries = []
    for r, target in enumerate(targets):
        names = dict(zip((loop.index for loop in target.loops), rows[r][1], strict=True))
        for place, outer in found.get(target.target, {}).items():
            entries += entries_of(rows, r, place.unknown, place.variation(outer, names))
    return entries


@dataclass(frozen=True)
class _Place:
    """Elements of an unknown, for all indices of ``sums`` (the innermost first) where the ``conditions`` hold."""

    unknown: int
    indices: tuple[sp.Expr, ...]
    sums: tuple[Limits, ...] = ()
    conditions: tuple[Boolean, ...] = ()
    inner: sp.Expr = sp.S.One

    def variation(self, outer: sp.Expr, names: Mapping[sp.Basic, sp.Basic]) -> Variation:
        """The term under other names of indices."""
        return _under(Variation(outer * self.inner, self.indices, self.sums, self.conditions), names)


@dataclass
class _Tangents:
    """The variation of one assignment, as it is gathered.

    ``apart`` has what is known to be a product, by its place; ``mixed`` what depends on sums and loops at once, by
    place, sums that the place does not depend on, and deltas.
    """

    program: Program
    assignment: Assignment
    apart: dict[_Place, sp.Expr] = field(default_factory=dict)
    mixed: dict[tuple[_Place, tuple[Limits, ...], tuple], sp.Expr] = field(default_factory=dict)

    def add(self, term: Variation, unknown: int, rate: sp.Expr) -> None:
        """What the assignment reads of an unknown itself."""
        self._add(unknown, term, rate, sp.S.One)

    def compose(self, term: Variation, target: Variable, tangents: Mapping[_Place, sp.Expr]) -> None:
        """What it reads of another assignment, whose variation is known."""
        read = self.program.assignments[target]
        lowers = [loop.lower for loop in hull(read.loops)]
        at = dict(zip((k.index for k in read.loops), map(sp.Add, term.indices, lowers), strict=True))
        for place, outer in tangents.items():
            names = at | {index: private.dummy("k") for index, _, _ in place.sums}
            inner = place.variation(sp.S.One, names)
            whole = Variation(
                term.coefficient, inner.indices, inner.sums + term.sums, (*term.conditions, *inner.conditions)
            )
            self._add(place.unknown, whole, outer.xreplace(at), inner.coefficient)

    def _add(self, unknown: int, term: Variation, outer: sp.Expr, inner: sp.Expr) -> None:
        term = self._named(replace(term, coefficient=term.coefficient * outer * inner))
        kept, inside = _split(term)
        own, summed_over = ({i for i, _, _ in sums} for sums in (kept, inside))
        within = [c for c in term.conditions if c.free_symbols & summed_over]
        place = _Place(unknown, term.indices, kept, tuple(c for c in term.conditions if c not in within))
        factors = sp.Mul.make_args(term.coefficient)
        if inside:
            part = guarded(sp.Mul(*(f for f in factors if f.free_symbols & summed_over)), within)
            if sp.Tuple(part, *inside).free_symbols & self._indices:
                return self._mix(place, inside, factors, within)
            part = self._stored(summed(part, inside, ()), self._loops_of(place), place.conditions)
            factors = (part, *(f for f in factors if not f.free_symbols & summed_over))
        along = sp.Mul(*(f for f in factors if f.free_symbols & own))
        if along.free_symbols & self._indices:
            return self._mix(place, (), factors, ())
        self._put(replace(place, inner=along), sp.Mul(*(f for f in factors if not f.free_symbols & own)))

    def _named(self, term: Variation) -> Variation:
        """The term under names that equal terms share, its conditions on values inside its coefficient."""
        known = {**ranges(self.assignment.loops), **{i: (lo, hi) for i, lo, hi in reversed(term.sums)}}
        of_values = [c for c in term.conditions if not self.program.is_index_condition(c)]
        conditions = prune((c for c in term.conditions if c not in of_values), known)
        indices = tuple(unwrap(sp.expand(k), known) for k in term.indices)
        kept, _ = _split(replace(term, indices=indices))
        names: dict = {}
        for role, sums in (("e", kept), ("f", [s for s in term.sums if s not in kept])):
            names |= {i: private.index(role, k) for k, (i, _, _) in enumerate(reversed(sums))}
        own = Variation(guarded(term.coefficient, of_values), indices, term.sums, tuple(conditions))
        return _under(own, names)

    def _mix(self, place: _Place, inside: tuple[Limits, ...], factors: Iterable[sp.Expr], within: Iterable) -> None:
        deltas = tuple(f for f in factors if isinstance(f, sp.KroneckerDelta))
        value = guarded(sp.Mul(*(f for f in factors if f not in deltas)), within)
        key = place, inside, deltas
        self.mixed[key] = self.mixed.get(key, sp.S.Zero) + value

    def _put(self, place: _Place, outer: sp.Expr) -> None:
        self.apart[place] = self.apart.get(place, sp.S.Zero) + outer

    def result(self, store: bool) -> dict[_Place, sp.Expr]:
        """The terms by their places; what takes long is stored, if asked, over the loops that it varies with."""
        for (place, inside, deltas), value in self.mixed.items():
            value = summed(sp.Mul(*deltas) * value, inside, ())
            if not place.sums:
                self._put(place, value)
                continue
            if store:
                value = self._stored(value, self._loops_of(place), place.conditions)
            self._put(replace(place, inner=value), sp.S.One)
        found = self.apart.items()
        if store:
            found = [(place, self._stored(outer, self._loops_of(place), place.conditions)) for place, outer in found]
        return {place: outer for place, outer in found if outer != 0}

    def _stored(self, expr: sp.Expr, loops: tuple[Loop, ...], conditions: tuple[Boolean, ...]) -> sp.Expr:
        if expr.has(sp.Sum) or (operations(expr) >= MIN_OPERATIONS and not expr.has(sp.KroneckerDelta)):
            return self.program.stored(expr, loops, conditions)
        return expr

    def _loops_of(self, place: _Place) -> tuple[Loop, ...]:
        return (*self.assignment.loops, *(Loop(*limit) for limit in reversed(place.sums)))

    @property
    def _indices(self) -> set[sp.Symbol]:
        return {loop.index for loop in self.assignment.loops}


def _split(term: Variation) -> tuple[tuple[Limits, ...], tuple[Limits, ...]]:
    """The sums that a term is told apart by, through its place or a delta that says which row it is in; the others."""
    deltas = (f for f in sp.Mul.make_args(term.coefficient) if isinstance(f, sp.KroneckerDelta))
    used = {s for k in (*term.indices, *deltas) for s in k.free_symbols}
    kept = []
    for limit in term.sums:
        if limit[0] in used:
            kept.append(limit)
            used |= limit[1].free_symbols | limit[2].free_symbols
    return tuple(kept), tuple(limit for limit in term.sums if limit not in kept)


def _under(term: Variation, names: Mapping[sp.Basic, sp.Basic]) -> Variation:
    """The term under other names of indices."""
    put = lambda expr: expr.xreplace(names)  # noqa: E731
    sums = tuple((names.get(i, i), put(lower), put(upper)) for i, lower, upper in term.sums)
    return Variation(put(term.coefficient), tuple(map(put, term.indices)), sums, tuple(map(put, term.conditions)))
