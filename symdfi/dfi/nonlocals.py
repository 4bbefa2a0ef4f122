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
from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.compile.kernels.groups import Group
from symdfi.compile.kernels.kernel import KernelBuilder
from symdfi.compile.program.loops import Loop
from symdfi.dfi.domain import Box
from symdfi.dfi.kernels import ProblemKernels
from symdfi.dfi.sampling import Quadrature, Rule
from symdfi.dfi.sampling.base import tensor
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.integrals import check_ends
from symdfi.symbolic.nonlocals import NonlocalTerm, nested
from symdfi.symbolic.private import Private, index
from symdfi.symbolic.sums import PlainSum

#: ``run(kernel, points, root, theta, time, *outputs)`` of a problem.
Run = Callable[..., None]
Places = Mapping[sp.Symbol, np.ndarray]
#: Sums of fewer terms than this are not shared out among threads.
_LEAST = 2**14
_WEIGHT = Private("w", 0, "w")
#: Numbers in a chunk of gradients, 32 MiB.
_CHUNK = 2**22


@dataclass(frozen=True)
class Nonlocals:
    """The ``terms`` of a problem with a ``quadrature`` on a ``domain``, compiled."""

    terms: tuple[NonlocalTerm, ...]
    variables: tuple[sp.Symbol, ...]
    kernels: ProblemKernels
    domain: Box
    quadrature: Quadrature
    _compiled: dict[Any, CompiledKernel] = field(default_factory=dict, repr=False)

    def check(self, params: Mapping[sp.Symbol, float]) -> None:
        """``SymbolicError`` for an integral over anything but the whole of its axes."""
        ends = dict(zip(self.variables, self.domain.bounds, strict=True))
        for term in nested(self.terms):
            axes = {y: self.variables[k] for y, k in zip(term.bound, term.axes, strict=True)}
            check_ends(term.integral, axes, ends, params)

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

    def fields_rows(self, wanted: Sequence[tuple[int, tuple[int, ...]]]) -> CompiledKernel:
        """The kernel of their gradients by θ."""
        key = ("rows", *wanted)
        if key not in self._compiled:
            self._compiled[key] = self.kernels.of_expressions(self.kernels.as_expressions(wanted))
        return self._compiled[key]

    def sum(self, term: NonlocalTerm) -> CompiledKernel:
        """The kernel of Σ_q w_q g at places, from the values of all atoms of g: at the places, at the nodes of the
        integral, or at each of the nodes for each of the places."""
        if term.symbol not in self._compiled:
            builder, m, q, put = self._at_nodes(term)
            total = PlainSum(self._integrand(term).xreplace(put), (q, sp.S.Zero, m - 1))
            builder.output("value", [builder.program.assign(total)], per_sample=True)
            self._compiled[term.symbol] = builder.build()
        return self._compiled[term.symbol]

    def size(self, term: NonlocalTerm) -> CompiledKernel:
        """The kernel of Σ_q w_q |g|, the scale of the rounding errors of the sum."""
        key = "size", term.symbol
        if key not in self._compiled:
            builder, m, q, put = self._at_nodes(term)
            total = PlainSum(sp.Abs(self._integrand(term)).xreplace(put), (q, sp.S.Zero, m - 1))
            builder.output("size", [builder.program.assign(total)], per_sample=True)
            self._compiled[key] = builder.build()
        return self._compiled[key]

    def slopes(self, term: NonlocalTerm) -> CompiledKernel:
        """The kernel of w_q ∂g/∂A at every node for every place, (rows, atoms m), for all atoms A of g."""
        key = "slopes", term.symbol
        if key not in self._compiled:
            builder, m, q, put = self._at_nodes(term)
            exprs = [self._integrand(term).diff(atom).xreplace(put) for atom, _ in term.atoms]
            loop = Loop(q, sp.S.Zero, m - 1)
            builder.output("slopes", [builder.program.assign(e, (loop,)) for e in exprs], per_sample=True)
            self._compiled[key] = builder.build()
        return self._compiled[key]

    def _integrand(self, term: NonlocalTerm) -> sp.Expr:
        own = self.kernels.equation.parameters
        return _WEIGHT * term.expr.xreplace({self.kernels.renaming.user(p): p for p in own})

    def _at_nodes(self, term: NonlocalTerm) -> tuple[KernelBuilder, sp.Symbol, sp.Symbol, dict[sp.Symbol, sp.Expr]]:
        """A builder for a term, the number of nodes, an index of them, and all that is an array over them, at that."""
        m, q, one = index("s", 0), index("k", 0), Private("nx", -1)
        arrays = lambda symbols: {s: sp.IndexedBase(s, shape=(m,)) for s in symbols}  # noqa: E731
        of = lambda kind: [symbol for symbol, place in term.atoms if term.kind(place) == kind]  # noqa: E731
        both, inner = arrays(of("both")), arrays([*(term.names[y] for y in term.bound), *of("inner"), _WEIGHT])
        groups = (
            Group("x", (one, *(term.names[x] for x in term.outer), *of("outer"), *both.values()), batched=True),
            Group("nodes", tuple(inner.values())),
            Group("params", self.kernels.equation.parameters),
            Group("t", (t,), scalar=True),
        )
        put = {symbol: array[q] for symbol, array in {**both, **inner}.items()}
        return KernelBuilder(groups), m, q, put


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

    def gradients(self, nonlocals: Nonlocals, moment: Moment, places: slice) -> np.ndarray:
        """By θ at some of the points, (n, wanted, p)."""
        points = self.points[places]
        n, k, p = len(points), len(self.wanted), moment.theta.size
        found, value, rate, ones = np.empty((n, k * p)), np.empty((n, k)), np.empty((n, k)), np.ones((n, 1))
        kernel = nonlocals.fields_rows(self.wanted)
        moment.run(kernel, points, ones, moment.theta, moment.time, found, value, rate)
        return found.reshape(n, k, p)


@dataclass(frozen=True)
class Part:
    """An atom of an integrand: where it is evaluated, and which column of what."""

    kind: str
    source: PlannedFields | Planned
    column: int

    def values(self, nonlocals: Nonlocals, moment: Moment) -> np.ndarray:
        """At all of its places, (n,)."""
        if isinstance(self.source, Planned):
            return self.source.values(moment)
        return self.source.values(nonlocals, moment)[:, self.column]

    def gradients(self, nonlocals: Nonlocals, moment: Moment, places: slice = slice(None)) -> np.ndarray:
        """By θ at all or some of its places, (n, p)."""
        if isinstance(self.source, Planned):
            return self.source.gradients(moment)[self.source.inverse[places]]
        return self.source.gradients(nonlocals, moment, places)[:, self.column]

    def pulled(self, nonlocals: Nonlocals, moment: Moment, slopes: np.ndarray) -> np.ndarray:
        """``slopes`` (rows, n) times the gradients (n, p), of which there is a chunk at a time."""
        if isinstance(self.source, Planned):
            return slopes @ self.gradients(nonlocals, moment)
        step = max(1, _CHUNK // (moment.theta.size * len(self.source.wanted)))
        parts = [slice(start, start + step) for start in range(0, slopes.shape[1], step)]
        return sum(
            (slopes[:, here] @ self.gradients(nonlocals, moment, here) for here in parts),
            np.zeros((len(slopes), moment.theta.size)),
        )


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
        out = np.empty((len(self.unique), 1))
        self._run(self.nonlocals.sum(self.term), moment, out)
        return out[:, 0]

    def sizes(self, moment: Moment) -> np.ndarray:
        """∫|g| at those that differ."""
        out = np.empty((len(self.unique), 1))
        self._run(self.nonlocals.size(self.term), moment, out)
        return out[:, 0]

    def gradients(self, moment: Moment) -> np.ndarray:
        """By θ at those that differ, (rows, p)."""
        rows, m = len(self.unique), len(self.nodes.weights)
        slopes = np.empty((rows, len(self.parts) * m))
        self._run(self.nonlocals.slopes(self.term), moment, slopes)
        total = np.zeros((rows, moment.theta.size))
        for k, part in enumerate(self.parts):
            own = slopes[:, k * m : (k + 1) * m]
            if part.kind == "inner":
                total += part.pulled(self.nonlocals, moment, own)
            elif part.kind == "outer":
                total += own.sum(axis=1)[:, None] * part.gradients(self.nonlocals, moment)
            else:
                both = part.gradients(self.nonlocals, moment)
                total += np.einsum("rm,rmp->rp", own, both.reshape(rows, m, -1))
        return total

    def _run(self, kernel: CompiledKernel, moment: Moment, out: np.ndarray) -> None:
        """A kernel of the term at the values of its atoms."""
        found: dict[str, list[np.ndarray]] = {"outer": [], "inner": [], "both": []}
        for part in self.parts:
            found[part.kind].append(part.values(self.nonlocals, moment))
        rows, m = len(self.unique), len(self.nodes.weights)
        columns = [np.ones((rows, 1)), self.unique, *(v[:, None] for v in found["outer"])]
        x = np.concatenate([*columns, *(v.reshape(rows, m) for v in found["both"])], axis=1)
        nodes = np.concatenate([*self.nodes.points.T, *found["inner"], self.nodes.weights])
        sizes, least = np.array([m], dtype=np.int64), max(1, _LEAST // m)
        threads.run(kernel.function, rows, sizes, x, nodes, moment.params, moment.time, out, least=least)


@dataclass
class PlannedTerms:
    """The terms at points (n, dim): of those that depend on the place a column each, of the others a number."""

    points: np.ndarray
    terms: list[Planned]
    _last: tuple[np.ndarray, float, tuple[np.ndarray, np.ndarray]] | None = None

    def values(self, run: Run, theta: np.ndarray, params: np.ndarray, time: float) -> tuple[np.ndarray, np.ndarray]:
        """Those that depend on the place (n, k), and the others (l,), at θ and ``time``; kept until these change."""
        if self._last is not None and self._last[1] == time and np.array_equal(self._last[0], theta):
            return self._last[2]
        moment = Moment(run, theta, params, time)
        local = [q.values(moment) for q in self.terms if q.term.outer]
        everywhere = [q.each(moment) for q in self.terms if not q.term.outer]
        none = np.empty((len(self.points), 0))
        found = np.stack(local, axis=1) if local else none, np.concatenate(everywhere) if everywhere else np.empty(0)
        self._last = theta.copy(), time, found
        return found

    def add_gradients(
        self, rates: np.ndarray, slopes: np.ndarray, samples: slice, run: Run, theta: np.ndarray, params: np.ndarray,
        time: float,
    ) -> None:  # fmt: skip
        """Σ ∂f/∂q ∂q/∂θ to ``rates`` (n F, p), over the terms q, by their ``slopes`` ∂f/∂q (n, F terms), at some of
        the points."""
        moment, count = Moment(run, theta, params, time), len(self.terms)
        each = slopes.reshape(-1, count)
        for k, q in enumerate(self.terms):
            own = q.gradients(moment)
            own = own[q.inverse][samples] if q.term.outer else own
            rates += each[:, k, None] * (np.repeat(own, len(rates) // len(own), axis=0) if q.term.outer else own)
