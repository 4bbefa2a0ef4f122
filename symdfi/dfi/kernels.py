"""The kernels of a problem: rows of J and f, values of û, and J v, sample by sample.

A sample has one row a component, a real field: J is written into (n, F p) and f into (n, F), which are (n F, p) and
(n F,) read on.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.compile.kernels.groups import Group
from symdfi.compile.kernels.kernel import KernelBuilder
from symdfi.compile.passes.autodiff import adjoint, gradient_loops, tangent
from symdfi.compile.program.loops import Assignment, Variable
from symdfi.dfi.strips import Strips
from symdfi.symbolic.ansatz import Ansatz
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.evolution import EvolutionEquation
from symdfi.symbolic.in_fields import FieldExpressions, InFields, Order
from symdfi.symbolic.nonlocals import NonlocalTerm
from symdfi.symbolic.private import Private, like
from symdfi.symbolic.renaming import Renaming


@dataclass(frozen=True)
class ProblemKernels:
    """Kernels of equations and an ansatz with as many outputs, all real and in symbols of our own, which stand for the
    user's by ``renaming``.

    Arguments: points x, √w a component, θ, the equations' parameters, t (and v); each is compiled when first used.
    Values of ``nonlocals`` come with them: of those that depend on x as further columns of the points, the others as
    further parameters.
    """

    equation: EvolutionEquation
    ansatz: Ansatz
    renaming: Renaming
    nonlocals: tuple[NonlocalTerm, ...] = ()

    @functools.cached_property
    def rows(self) -> CompiledKernel:
        """J and f, row by row."""
        builder = self._builder()
        values = self._fields(builder)
        sides = self._weighted(builder, self.equation.with_values(values))
        self._write_jacobian(builder, [at[()] for at in values.values()])
        builder.output("rhs", sides, per_sample=True)
        return builder.build()

    @functools.cached_property
    def linearised(self) -> CompiledKernel:
        """J and ∂f/∂θ, row by row."""
        builder = self._builder()
        values = self._fields(builder)
        sides = [builder.program.assign(side).target for side in self.equation.with_values(values)]
        self._write_jacobian(builder, [at[()] for at in values.values()])
        self._write_jacobian(builder, sides, name="rates")
        return builder.build()

    @functools.cached_property
    def fit(self) -> CompiledKernel:
        """J and √w û, row by row."""
        builder = self._builder()
        values = [builder.program.assign(expr).target for expr in self.ansatz.exprs]
        self._write_jacobian(builder, values)
        builder.output("value", self._weighted(builder, values), per_sample=True)
        return builder.build()

    @functools.cached_property
    def value(self) -> CompiledKernel:
        """û at points."""
        builder = self._builder()
        parts = [builder.program.assign(expr) for expr in self.ansatz.exprs]
        builder.output("value", parts, per_sample=True)
        return builder.build()

    @functools.cached_property
    def arrival(self) -> CompiledKernel:
        """√w û, J v and f, where a straight step ends."""
        builder = self._builder(Group("velocity", self._directions))
        values = self._fields(builder)
        fields = [at[()] for at in values.values()]
        builder.output("value", self._weighted(builder, fields), per_sample=True)
        self._write_tangent(builder, fields)
        builder.output("rhs", self._weighted(builder, self.equation.with_values(values)), per_sample=True)
        return builder.build()

    @functools.cached_property
    def tangent(self) -> CompiledKernel:
        """J v and f without J, for residuals."""
        builder = self._builder(Group("velocity", self._directions))
        values = self._fields(builder)
        self._write_tangent(builder, [at[()] for at in values.values()])
        builder.output("rhs", self._weighted(builder, self.equation.with_values(values)), per_sample=True)
        return builder.build()

    @functools.cached_property
    def stage(self) -> StageKernels:
        """Those of the stages of implicit schemes."""
        return StageKernels(self.equation, self.ansatz, self.renaming, self.nonlocals)

    def strips(self, length: int) -> Strips:
        """The diagonal blocks of JᵀJ for a θ of this length."""
        return Strips.of(self.ansatz, length)

    @functools.cached_property
    def _weights(self) -> tuple[Private, ...]:
        return tuple(Private("w", k, "w", positive=True) for k in range(len(self.equation.fields)))

    @property
    def _samples(self) -> tuple[sp.Symbol, ...]:
        """What is given of each sample."""
        return *self.ansatz.variables, *(q.symbol for q in self.nonlocals if q.outer)

    @property
    def _numbers(self) -> tuple[sp.Symbol, ...]:
        return *self.equation.parameters, *(q.symbol for q in self.nonlocals if not q.outer)

    def _builder(self, *more: Group, weights: Sequence[Private] = ()) -> KernelBuilder:
        groups = (
            Group("x", self._samples, batched=True),
            Group("weight", tuple(weights) or self._weights, batched=True),
            Group("theta", self.ansatz.parameters),
            Group("params", self._numbers),
            Group("t", (t,), scalar=True),
        )
        return KernelBuilder((*groups, *more), self.ansatz.sizes, self.renaming)

    def as_expressions(self, wanted: Sequence[tuple[int, tuple[int, ...]]]) -> FieldExpressions:
        """Derivatives of the fields, each a component and the axes that it is by."""
        fields, variables = self.equation.fields, self.ansatz.variables
        nodes = [fields[k].diff(*(variables[axis] for axis in by)) if by else fields[k] for k, by in wanted]
        return FieldExpressions(fields, self.equation.variables, tuple(nodes), ())

    def derivatives(self, wanted: Sequence[tuple[int, tuple[int, ...]]]) -> CompiledKernel:
        """``as_expressions``, of û at points."""
        expressions = self.as_expressions(wanted)
        builder = self._builder(weights=(Private("w", 0, "w"),))
        values = expressions.with_values(self._fields(builder, expressions))
        builder.output("value", [builder.program.assign(value) for value in values], per_sample=True)
        return builder.build()

    @functools.cached_property
    def nonlocal_slopes(self) -> CompiledKernel:
        """√w ∂f/∂q, (n, F terms), of every component by every nonlocal term, at fixed fields."""
        builder = self._builder()
        sides = self.equation.with_values(self._fields(builder))
        pairs = [(w, side) for w, side in zip(self._weights, sides, strict=True)]
        parts = [builder.program.assign(w * side.diff(q.symbol)) for w, side in pairs for q in self.nonlocals]
        builder.output("slopes", parts, per_sample=True)
        return builder.build()

    def of_expressions(self, expressions: FieldExpressions) -> CompiledKernel:
        """w ∂c/∂θ, w c and w ∂c/∂t at fixed fields, of real expressions c, with one weight w a sample."""
        weight = Private("w", 0, "w")
        builder = self._builder(weights=(weight,))
        values = expressions.with_values(self._fields(builder, expressions))
        targets = [builder.program.assign(value).target for value in values]
        self._write_jacobian(builder, targets, [weight] * len(targets))
        for name, parts in (("value", values), ("rate", [value.diff(t) for value in values])):
            builder.output(name, [builder.program.assign(weight * part) for part in parts], per_sample=True)
        return builder.build()

    def _fields(
        self, builder: KernelBuilder, expressions: InFields | None = None
    ) -> dict[AppliedUndef, dict[Order, Variable]]:
        """û and its space derivatives as assignments of a kernel, of every field: those in the right sides, or in
        other ``expressions``."""
        program, expressions = builder.program, expressions or self.equation
        found = {}
        for field, expr in zip(self.equation.fields, self.ansatz.exprs, strict=True):
            values = {(): program.assign(expr).target}
            targets: dict[Order, Variable | None] = dict(values)
            for wanted in expressions.derivatives_of(field):
                for order in range(1, len(wanted) + 1):
                    key, below = wanted[:order], wanted[: order - 1]
                    if key not in targets:
                        base = targets[below]
                        targets[key] = None if base is None else tangent(program, base, {wanted[order - 1]: sp.S.One})
                        values[key] = sp.S.Zero if targets[key] is None else targets[key]
            found[field] = values
        return found

    def _write_jacobian(
        self, builder: KernelBuilder, values: Sequence[Variable], weights: Sequence[Private] | None = None,
        name: str = "jacobian",
    ) -> None:  # fmt: skip
        """An output √w ∂/∂θ of û, J, one field after the other, or of other values with their weights."""
        parts = []
        for weight, u in zip(self._weights if weights is None else weights, values, strict=True):
            bars = adjoint(builder.program, u, self.ansatz.parameters, weight)
            for parameter, bar in bars.items():
                value = sp.S.Zero if bar is None else bar
                parts.append(builder.program.assign(value, gradient_loops(parameter)))
        builder.output(name, parts, per_sample=True)

    @functools.cached_property
    def _directions(self) -> tuple[Private | sp.IndexedBase, ...]:
        """A velocity of every parameter."""
        return tuple(like(p, "d", k) for k, p in enumerate(self.ansatz.parameters))

    def _write_tangent(self, builder: KernelBuilder, values: Sequence[sp.Expr]) -> None:
        """An output √w ∂/∂θ · v of û, or of other values."""
        directions = dict(zip(self.ansatz.parameters, self._directions, strict=True))
        moved = [tangent(builder.program, value, directions) for value in values]
        rates = self._weighted(builder, [sp.S.Zero if rate is None else rate for rate in moved])
        builder.output("tangent", rates, per_sample=True)

    def _weighted(self, builder: KernelBuilder, values: Iterable[sp.Expr]) -> list[Assignment]:
        """A number a field times √w."""
        return [builder.program.assign(w * value) for w, value in zip(self._weights, values, strict=True)]


@dataclass(frozen=True)
class StageKernels(ProblemKernels):
    """Kernels of û − s f(û) = b at given b, whose solutions are the stages of implicit schemes.

    In place of J and f they give √w ∂(û − s f)/∂θ and √w (b − û + s f)/s, which come from one reverse sweep a row,
    whatever derivatives f holds. √w b is given with the points, a component each, and s after the equations'
    parameters: arguments are of the same kinds as those of ``ProblemKernels``, so that loops over rows serve both.
    """

    @functools.cached_property
    def rows(self) -> CompiledKernel:
        builder = self._builder()
        shifted = self._shifted(builder)
        self._write_jacobian(builder, shifted)
        builder.output("rhs", self._missing(builder, shifted), per_sample=True)
        return builder.build()

    @functools.cached_property
    def tangent(self) -> CompiledKernel:
        builder = self._builder(Group("velocity", self._directions))
        shifted = self._shifted(builder)
        self._write_tangent(builder, shifted)
        builder.output("rhs", self._missing(builder, shifted), per_sample=True)
        return builder.build()

    @functools.cached_property
    def _known(self) -> tuple[Private, ...]:
        return tuple(Private("known", k, "b") for k in range(len(self.equation.fields)))

    @functools.cached_property
    def _span(self) -> Private:
        return Private("span", 0, "s", positive=True)

    def strips(self, length: int) -> Strips:
        """One: f of a field may hold the others, and so all parameters."""
        return Strips.whole(length)

    @property
    def _samples(self) -> tuple[sp.Symbol, ...]:
        return *super()._samples, *self._known

    @property
    def _numbers(self) -> tuple[sp.Symbol, ...]:
        return *super()._numbers, self._span

    def _shifted(self, builder: KernelBuilder) -> list[Variable]:
        """û − s f of every field."""
        values = self._fields(builder)
        sides = self.equation.with_values(values)
        pairs = zip(values.values(), sides, strict=True)
        return [builder.program.assign(at[()] - self._span * side).target for at, side in pairs]

    def _missing(self, builder: KernelBuilder, shifted: list[Variable]) -> list[Assignment]:
        parts = zip(self._known, self._weights, shifted, strict=True)
        return [builder.program.assign((known - w * g) / self._span) for known, w, g in parts]
