"""Leapfrog without iteration: systems whose steps by the trapezoidal rule have a closed form, and their kernels."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

import sympy as sp

from symdfi.compile.kernels import cache
from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.compile.kernels.groups import Group
from symdfi.compile.kernels.kernel import KernelBuilder
from symdfi.compile.passes.autodiff import adjoint, gradient_loops, tangent
from symdfi.compile.passes.jacobian import jacobian
from symdfi.compile.program.loops import Assignment, Variable
from symdfi.dynamics.forces import Sweep
from symdfi.dynamics.system import Lagrangian
from symdfi.ep.kernels import WEIGHTS, PointKernels, over_rows
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.indexed import normalise
from symdfi.symbolic.private import like
from symdfi.symbolic.structure import Diagonal, structure

#: Samples side by side: whole vectors of two, four or eight numbers, and several of them.
LANES = 16


class Leapfrog:
    """A system of which the trapezoidal rule is explicit: its momenta are P = M v with a constant diagonal matrix M,
    and its forces G have a diagonal ∂G/∂v, free of velocities. At v = 0 they are F.

    ``is_explicit`` says whether it is one; the loops, compiled around the kernels, are only for one that is. They run
    over so many samples at once as there are ``lanes``.
    """

    def __init__(self, kernels: PointKernels, lanes: int = 1) -> None:
        self.kernels, self.model, self.lanes = kernels, kernels.model, lanes
        self.alpha, self.beta, self.gamma = self.model.inputs[-len(WEIGHTS) :]
        self.cost = self.model.L.xreplace({self.alpha: sp.S.Zero})
        #: Whether the costs hold no velocity.
        self.has_costs_of_states = not self.cost.has(*self.model.velocities)

    @functools.cached_property
    def free(self) -> Lagrangian:
        """The system without its costs."""
        return self._with({self.alpha: sp.S.One, self.beta: sp.S.Zero, self.gamma: sp.S.Zero})

    @functools.cached_property
    def still(self) -> Lagrangian:
        """The same as far as it acts on what does not move."""
        velocities = set(self.model.velocities)
        exprs = (self.free.L, self.free.dissipation, *self.free.external_forces)
        moving = velocities | {x for e in exprs for x in e.atoms(sp.Indexed) if x.base in velocities}
        found = self._with(
            {self.alpha: sp.S.One, self.beta: sp.S.Zero, self.gamma: sp.S.Zero, **dict.fromkeys(moving, sp.S.Zero)}
        )
        if _least_degree(self.free.dissipation, velocities) < 2:
            found.dissipation = self.free.dissipation  # its slope remains
        return found

    def _with(self, put: Mapping[sp.Basic, sp.Basic]) -> Lagrangian:
        """The system with other values for what it holds."""
        found: Any = object.__new__(type(self.model))
        cached = functools.cached_property
        kept = {k: v for k, v in vars(self.model).items() if not isinstance(getattr(type(self.model), k, None), cached)}
        found.__dict__.update(kept)
        found.L, found.dissipation = self.model.L.xreplace(put), self.model.dissipation.xreplace(put)
        found.external_forces = tuple(force.xreplace(put) for force in self.model.external_forces)
        return found

    @functools.cached_property
    def is_explicit(self) -> bool:
        """Whether the rule is explicit, as far as the symbols tell: a momentum at rest would show in numbers alone."""
        free = self.free
        if self.force.checked is not None:
            return False  # kernels in Python, in which every access is checked, are taken into no loop
        if not all(_is_polynomial(e, free.velocities) for e in (free.L, free.dissipation, *free.external_forces)):
            return False  # a kink has a derivative almost everywhere, and is still no linear function
        sweep = Sweep(self._builder().program, free)
        others = {*free.coordinates, *free.inputs, t}
        if sweep.reads(p.expr for p in sweep.momenta) & others:
            return False
        for targets in (sweep.momenta, sweep.assigned(sweep.generalized_forces)):
            found = self._by_velocities(sweep, targets)
            if not isinstance(found, Diagonal) or sweep.reads(found.entries) & set(free.velocities):
                return False
        return True

    @functools.cached_property
    def varies(self) -> bool:
        """Whether ∂G/∂v changes from node to node."""
        sweep = Sweep(self._builder().program, self.free)
        found = self._by_velocities(sweep, sweep.assigned(sweep.generalized_forces))
        assert isinstance(found, Diagonal)
        return bool(sweep.reads(found.entries) & {*self.free.coordinates, *self.free.inputs, t})

    @functools.cached_property
    def has_massive_parameters(self) -> bool:
        """Whether M holds a parameter."""
        sweep = Sweep(self._builder().program, self.free)
        return bool(sweep.reads(p.expr for p in sweep.momenta) & set(self.kernels.parameters))

    # The loops, and the kernels that they are compiled around

    @functools.cached_property
    def abreast(self) -> Leapfrog:
        """The same for ``LANES`` samples at once."""
        found = Leapfrog(self.kernels, LANES)
        found.free, found.still = self.free, self.still
        return found

    @functools.cached_property
    def forward(self) -> ModuleType:
        """``symdfi.ep.loops.leapfrog``."""
        return self._loops(["leapfrog"], force=self.force)

    @functools.cached_property
    def backward(self) -> ModuleType:
        """``symdfi.ep.loops.leapfrog_adjoint``."""
        return self._loops(["leapfrog_adjoint"], pull=self.pull)

    @functools.cached_property
    def both(self) -> ModuleType:
        """``symdfi.ep.loops.leapfrog_gradient``, or of samples side by side ``leapfrog_gradients``."""
        last = "leapfrog_gradient" if self.lanes == 1 else "leapfrog_gradients"
        return self._loops(["leapfrog", "leapfrog_adjoint", last], force=self.force, pull=self.pull)

    def _loops(self, names: Sequence[str], **kernels: CompiledKernel) -> ModuleType:
        sources = {"linear": self.linear, **kernels}
        found = {own: kernel.source for own, kernel in sources.items()}
        return cache.load_among([f"symdfi.ep.loops.{name}" for name in ("lanes", *names)], found, self.lanes)

    @functools.cached_property
    def linear(self) -> CompiledKernel:
        """P, and the diagonals M of ∂P/∂v and D of ∂G/∂v."""
        builder = self._builder()
        sweep = Sweep(builder.program, self.free)
        forces = sweep.assigned(sweep.generalized_forces)
        builder.output("momentum", sweep.momenta, per_sample=True)
        for name, targets in (("mass", sweep.momenta), ("damping", forces)):
            found = self._by_velocities(sweep, targets)
            assert isinstance(found, Diagonal)
            entries = map(sweep.over_loops, range(len(found.entries)), found.entries)
            builder.output(name, sweep.assigned(entries), per_sample=True)
        return builder.build()

    @functools.cached_property
    def force(self) -> CompiledKernel:
        """G at v = 0, or with a dissipation that has a slope there at any v."""
        builder = self._builder()
        sweep = Sweep(builder.program, self.still)
        builder.output("force", sweep.assigned(sweep.generalized_forces), per_sample=True)
        return builder.build()

    @functools.cached_property
    def pull(self) -> CompiledKernel:
        """Of αλ·G and βc + γΨ together the derivatives by the parameters and by q, and the latter's value: each added
        to what is there."""
        along = tuple(like(q, "d", k) for k, q in enumerate(self.free.coordinates))
        builder, free = self._builder(Group("direction", along, batched=True)), self.free
        program, total = builder.program, sp.S.Zero
        lagrangian, dissipation = (program.assign(normalise(e)).target for e in (free.L, free.dissipation))
        for sign, target, moving in ((1, lagrangian, free.coordinates), (-1, dissipation, free.velocities)):
            moved = tangent(program, target, dict(zip(moving, along, strict=True)))
            total += sp.S.Zero if moved is None else sign * moved
        for force, row, direction in zip(free.external_forces, free.indices, along, strict=True):
            if force != 0:
                total += over_rows(direction, row, force)
        value = program.assign(normalise(self.cost))
        whole = program.assign(normalise(self.alpha * total + value.target))
        self._derivatives(builder, whole, ("derivative", self.kernels.parameters), ("state", free.coordinates))
        builder.output("value", [value], per_sample=True, adds=True)
        return builder.build()

    @functools.cached_property
    def inertia(self) -> CompiledKernel:
        """The derivatives of μ·P by the parameters, added to what is there."""
        along = tuple(like(v, "d", k) for k, v in enumerate(self.free.velocities))
        builder, free = self._builder(Group("direction", along, batched=True)), self.free
        lagrangian = builder.program.assign(normalise(free.L)).target
        moved = tangent(builder.program, lagrangian, dict(zip(free.velocities, along, strict=True)))
        whole = builder.program.assign(sp.S.Zero if moved is None else moved)
        self._derivatives(builder, whole, ("derivative", self.kernels.parameters))
        return builder.build()

    def _builder(self, *more: Group) -> KernelBuilder:
        return self.kernels.builder(*more, lanes=self.lanes)

    @staticmethod
    def _derivatives(builder: KernelBuilder, whole: Assignment, *outputs: tuple[str, tuple[Variable, ...]]) -> None:
        bars = adjoint(builder.program, whole.target, [x for _, wrt in outputs for x in wrt])
        for name, wrt in outputs:
            parts = [builder.program.assign(bars[x] or sp.S.Zero, gradient_loops(x)) for x in wrt]
            builder.output(name, parts, per_sample=True, adds=True)

    def _by_velocities(self, sweep: Sweep, targets: list[Assignment]) -> Any:
        rows = self.free.rows
        moves = {v: (c, sp.S.One) for c, v in enumerate(self.free.velocities)}
        return structure(rows, jacobian(sweep.program, rows, targets, moves))


def _is_polynomial(expr: sp.Basic, variables: Iterable[Variable]) -> bool:
    """Whether the variables stand in sums, products and whole powers alone."""
    if not expr.has(*variables) or isinstance(expr, sp.Symbol | sp.Indexed):
        return True
    if isinstance(expr, sp.Sum):
        return _is_polynomial(expr.function, variables)
    if isinstance(expr, sp.Pow):
        return bool(expr.exp.is_Integer and expr.exp > 0) and _is_polynomial(expr.base, variables)
    return isinstance(expr, sp.Add | sp.Mul) and all(_is_polynomial(arg, variables) for arg in expr.args)


def _least_degree(expr: sp.Basic, variables: Iterable[Variable]) -> int:
    """The degree of the lowest term of a polynomial (see ``_is_polynomial``) in the variables."""
    if not expr.has(*variables):
        return 0
    if isinstance(expr, sp.Sum):
        return _least_degree(expr.function, variables)
    if isinstance(expr, sp.Pow):
        return int(expr.exp) * _least_degree(expr.base, variables)
    if isinstance(expr, sp.Add | sp.Mul):
        return (min if expr.is_Add else sum)(_least_degree(arg, variables) for arg in expr.args)
    return 1
