"""Values of the nonlocal terms of an equation, ∫ g(x, y, û(y), ...) dy, at the samples of a problem.

An integral over the whole domain is summed on the problem's own samples, one over some of the variables on its
quadrature's rule along these. Each is evaluated at as many places as differ: once if it depends on none, n_x times on a
tensor grid if it depends on x alone; û at each of the places under it once. What depends on θ alone is kept from stage
to stage, the places that is, which are the same for all θ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
import sympy as sp

from symdfi.compile.kernels import threads
from symdfi.compile.kernels.groups import Group
from symdfi.compile.kernels.kernel import CompiledKernel, KernelBuilder
from symdfi.dfi.domain import Box
from symdfi.dfi.kernels import ProblemKernels
from symdfi.dfi.sampling import Quadrature, Rule
from symdfi.dfi.sampling.base import tensor
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.nonlocals import NonlocalTerm
from symdfi.symbolic.private import Private, index
from symdfi.symbolic.sums import PlainSum

#: ``run(kernel, points, root, theta, time, *outputs)`` of a problem.
Run = Callable[..., None]
Places = Mapping[sp.Symbol, np.ndarray]
#: Sums of fewer terms than this are not shared out among threads.
_LEAST = 2**14


@dataclass(frozen=True)
class Nonlocals:
    """The ``terms`` of a problem with a ``quadrature`` on a ``domain``, compiled."""

    terms: tuple[NonlocalTerm, ...]
    variables: tuple[sp.Symbol, ...]
    kernels: ProblemKernels
    domain: Box
    quadrature: Quadrature
    _compiled: dict[Any, CompiledKernel] = field(default_factory=dict, repr=False)

    def at(self, rule: Rule, fresh: bool) -> PlannedTerms:
        """The terms at the points of a rule, which serves the integrals over the whole domain as well."""
        places, pool = dict(zip(self.variables, rule.points.T, strict=True)), {}
        planned = [self._planned(term, places, len(rule.points), rule, fresh, pool) for term in self.terms]
        return PlannedTerms(rule.points, planned)

    def _planned(
        self, term: NonlocalTerm, places: Places, count: int, rule: Rule, fresh: bool, pool: dict[Any, PlannedFields]
    ) -> Planned:
        """A term at ``count`` places; what it takes of û comes from the ``pool``, by points, or goes there."""
        nodes = self._nodes(term, rule, fresh)
        unique, inverse = np.zeros((1, 0)), np.zeros(count, dtype=int)
        if term.outer:
            given = np.stack([places[x] for x in term.outer], axis=1)
            unique, inverse = np.unique(given, axis=0, return_inverse=True)
        rows, m = len(unique), len(nodes.weights)

        def at(kind: str, place: Sequence[sp.Symbol]) -> tuple[dict[sp.Symbol, np.ndarray], int]:
            """The coordinates of an atom's place, and how many there are."""
            outer = {x: unique[:, k] for k, x in enumerate(term.outer) if x in place}
            inner = {y: nodes.points[:, k] for k, y in enumerate(term.bound) if y in place}
            if kind == "both":
                outer = {x: np.repeat(v, m) for x, v in outer.items()}
                inner = {y: np.tile(v, rows) for y, v in inner.items()}
            return outer | inner, {"outer": rows, "inner": m, "both": rows * m}[kind]

        parts: list[Part] = []
        for atom in term.fields:
            kind = term.kind(atom.place)
            where, _ = at(kind, atom.place)
            points = np.stack([where[s] for s in atom.place], axis=1)
            own = pool.setdefault(blake2b(points.tobytes()).digest(), PlannedFields(points))
            parts.append(Part(kind, own, own.column(atom.field, atom.order)))
        for inside in term.inside:
            kind = term.kind(inside.outer)
            parts.append(Part(kind, self._planned(inside, *at(kind, inside.outer), rule, fresh, pool), 0))
        return Planned(self, term, unique, inverse.reshape(-1), nodes, parts)

    def _nodes(self, term: NonlocalTerm, rule: Rule, fresh: bool) -> Rule:
        """The nodes of an integral, in the order of its variables: of every copy of the domain in it those of ``rule``,
        of parts of one those along their axes."""
        found, order = [], []
        for copy in term.copies():
            axes = [term.axes[k] for k in copy]
            if sorted(axes) == list(range(self.domain.dim)):
                found.append(Rule(rule.points[:, axes], rule.weights))
                order += copy
                continue
            for k, axis in zip(copy, axes, strict=True):
                line = Box([self.domain.bounds[axis]], [self.domain.periodic[axis]])
                along = self.quadrature.along(axis)
                found.append(Rule(*(along.independent(line) if fresh else along.nodes(line))))
                order.append(k)
        nodes = tensor(found)
        return Rule(nodes.points[:, np.argsort(order)], nodes.weights)

    def derivatives(self, wanted: Sequence[tuple[int, tuple[int, ...]]]) -> CompiledKernel:
        """The kernel of derivatives of û."""
        key = tuple(wanted)
        if key not in self._compiled:
            self._compiled[key] = self.kernels.derivatives(key)
        return self._compiled[key]

    def sum(self, term: NonlocalTerm) -> CompiledKernel:
        """The kernel of Σ_q w_q g at places, from the values of all atoms of g: at the places, at the nodes of the
        integral, or at each of the nodes for each of the places."""
        if term.symbol not in self._compiled:
            self._compiled[term.symbol] = self._sum(term)
        return self._compiled[term.symbol]

    def _sum(self, term: NonlocalTerm) -> CompiledKernel:
        m, q, one, weight = index("s", 0), index("k", 0), Private("nx", -1), Private("w", 0, "w")
        arrays = lambda symbols: {s: sp.IndexedBase(s, shape=(m,)) for s in symbols}  # noqa: E731
        of = lambda kind: [symbol for symbol, place in term.atoms if term.kind(place) == kind]  # noqa: E731
        both, inner = arrays(of("both")), arrays([*(term.names[y] for y in term.bound), *of("inner"), weight])
        own = self.kernels.equation.parameters
        groups = (
            Group("x", (one, *(term.names[x] for x in term.outer), *of("outer"), *both.values()), batched=True),
            Group("nodes", tuple(inner.values())),
            Group("params", own),
            Group("t", (t,), scalar=True),
        )
        builder = KernelBuilder(groups)
        body = weight * term.expr.xreplace({self.kernels.renaming.user(p): p for p in own})
        body = body.xreplace({symbol: array[q] for symbol, array in {**both, **inner}.items()})
        builder.output("value", [builder.program.assign(PlainSum(body, (q, sp.S.Zero, m - 1)))], per_sample=True)
        return builder.build()


@dataclass(frozen=True)
class Moment:
    """θ, the equation's parameters and the time of an evaluation, and what has been evaluated of û."""

    run: Run
    theta: np.ndarray
    params: np.ndarray
    time: float
    fields: dict[int, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedFields:
    """Derivatives of û that are ``wanted`` at points (n, dim)."""

    points: np.ndarray
    wanted: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)

    def column(self, component: int, order: tuple[int, ...]) -> int:
        """Where a derivative is among those wanted, which it is from then on."""
        if (component, order) not in self.wanted:
            self.wanted.append((component, order))
        return self.wanted.index((component, order))

    def values(self, nonlocals: Nonlocals, moment: Moment) -> np.ndarray:
        """(n, wanted)."""
        if id(self) not in moment.fields:
            found, ones = np.empty((len(self.points), len(self.wanted))), np.ones((len(self.points), 1))
            moment.run(nonlocals.derivatives(self.wanted), self.points, ones, moment.theta, moment.time, found)
            moment.fields[id(self)] = found
        return moment.fields[id(self)]


@dataclass(frozen=True)
class Part:
    """An atom of an integrand: where it is evaluated, and which column of what."""

    kind: str
    source: PlannedFields | Planned
    column: int


@dataclass(frozen=True)
class Planned:
    """A term at places: those that differ, (rows, places of the term), and for every place which of them it is."""

    nonlocals: Nonlocals
    term: NonlocalTerm
    unique: np.ndarray
    inverse: np.ndarray
    nodes: Rule
    parts: list[Part]

    def values(self, moment: Moment) -> np.ndarray:
        """The term at all of the places, (n,)."""
        return self.each(moment)[self.inverse]

    def each(self, moment: Moment) -> np.ndarray:
        """At those that differ."""
        found: dict[str, list[np.ndarray]] = {"outer": [], "inner": [], "both": []}
        for part in self.parts:
            if isinstance(part.source, Planned):
                found[part.kind].append(part.source.values(moment))
            else:
                found[part.kind].append(part.source.values(self.nonlocals, moment)[:, part.column])
        rows, m = len(self.unique), len(self.nodes.weights)
        columns = [np.ones((rows, 1)), self.unique, *(v[:, None] for v in found["outer"])]
        x = np.concatenate([*columns, *(v.reshape(rows, m) for v in found["both"])], axis=1)
        nodes = np.concatenate([*self.nodes.points.T, *found["inner"], self.nodes.weights])
        out, kernel = np.empty((rows, 1)), self.nonlocals.sum(self.term).function
        sizes = np.array([m], dtype=np.int64)
        threads.run(kernel, rows, sizes, x, nodes, moment.params, moment.time, out, least=max(1, _LEAST // m))
        return out[:, 0]


@dataclass
class PlannedTerms:
    """The terms at points (n, dim), for kernels that take their values with the points and the parameters."""

    points: np.ndarray
    terms: list[Planned]
    _last: tuple[np.ndarray, float, tuple[np.ndarray, np.ndarray]] | None = None

    def given(self, run: Run, theta: np.ndarray, params: np.ndarray, time: float) -> tuple[np.ndarray, np.ndarray]:
        """The points and the parameters, each with the values at θ and ``time`` appended; kept until these change."""
        if self._last is not None and self._last[1] == time and np.array_equal(self._last[0], theta):
            return self._last[2]
        local, everywhere, moment = [self.points], [params], Moment(run, theta, params, time)
        for planned in self.terms:
            if planned.term.outer:
                local.append(planned.values(moment)[:, None])
            else:
                everywhere.append(planned.each(moment))
        found = np.concatenate(local, axis=1), np.concatenate(everywhere)
        self._last = theta.copy(), time, found
        return found
