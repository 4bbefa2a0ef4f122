"""The kernels of a nudged system: at points of a path, what its discrete equations and their derivatives are made of.

The nudged Lagrangian is αL + βc + γΨ, with the running cost c and the terminal cost Ψ, and the forces Q − ∂R/∂v that
it does not give are nudged by nothing: they count with α. The weights are inputs, the last three, so (1, β, 0) is the
nudged system at a point in time, (0, 1, 0) the running cost alone, (0, 0, 1) the terminal cost. Of a cost with a
function Φ of integrals of g, c stands for c + Σ W g, and Ψ for Ψ + Φ(z): W and z are inputs, too, before those three.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence

import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.compile.kernels.groups import Group
from symdfi.compile.kernels.kernel import KernelBuilder
from symdfi.compile.passes.autodiff import adjoint, gradient_loops, tangent
from symdfi.compile.passes.jacobian import jacobian
from symdfi.compile.program.loops import Variable
from symdfi.dynamics.assembly import Assembly, dense_parts
from symdfi.dynamics.forces import Sweep
from symdfi.dynamics.system import Lagrangian
from symdfi.ep.cost import Cost
from symdfi.errors import SymbolicError
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.given import name_of
from symdfi.symbolic.indexed import normalise
from symdfi.symbolic.private import Private, like
from symdfi.symbolic.structure import Diagonal, dense, structure
from symdfi.symbolic.sums import PlainSum

WEIGHTS = tuple(Private("n", k, real=True) for k in range(3))


class PointKernels:
    """A nudged system and its derivatives, every one over a batch of points (q, v, t), a row a point.

    Raises ``SymbolicError`` for a system with constraints and for a terminal cost that holds a velocity.
    """

    def __init__(self, system: Lagrangian, cost: Cost) -> None:
        for constraint in system.constraints:
            raise SymbolicError(f"equilibrium propagation does not support constraints: {constraint.shown}")
        functions = {
            y: Private("y", k, name_of(y), real=True) for k, y in enumerate(cost.targets) if isinstance(y, AppliedUndef)
        }
        integrals = cost.integrals
        #: The integrals z, and the weights W of their integrands.
        self.integrals = tuple(like(integral.variable, "zi", k) for k, integral in enumerate(integrals))
        self.shares = tuple(like(integral.variable, "wi", k) for k, integral in enumerate(integrals))
        self.integral_names = tuple(name_of(integral.variable) for integral in integrals)
        own = dict(zip((integral.variable for integral in integrals), self.integrals, strict=True))
        pairs = zip(integrals, self.shares, strict=True)
        densities = sum((integral.weighted(share) for integral, share in pairs), sp.S.Zero)
        running, terminal, of_integrals = (
            system.read(c.xreplace(functions))
            for c in (cost.running + densities, cost.terminal, cost.of_integrals.xreplace(own))
        )
        if of_integrals.has(*system.coordinates, *system.velocities):
            raise SymbolicError(f"a function of integrals holds no coordinate or velocity: {cost.of_integrals}")
        if terminal.has(*system.velocities):
            raise SymbolicError(f"a terminal cost is a function of q(T), without velocities: {cost.terminal}")
        terminal = terminal + of_integrals
        self.system = system
        self.targets: tuple[Variable, ...] = tuple(functions.get(y, y) for y in cost.targets)
        #: Whether the motion is an extremum of an action.
        self.has_action = system.dissipation == 0 and all(force == 0 for force in system.external_forces)
        #: Whether there is a cost at T.
        self.has_terminal = terminal != 0
        alpha, beta, gamma = WEIGHTS
        rows = zip(system.coordinates, system.indices, system.external_forces, strict=True)
        #: L + βc + γΨ as a system; its parameters are those of L, of R and Q, and of the costs.
        self.nudged = Lagrangian(
            alpha * system.L + beta * running + gamma * terminal, system.coordinates, system.velocities,
            inputs=[*system.inputs, *self.targets, *self.shares, *self.integrals, *WEIGHTS],
            dissipation=alpha * system.dissipation,
            forces={q[row] if row else q: alpha * force for q, row, force in rows if force != 0},
        )  # fmt: skip
        self.compiled = self.nudged.compile()
        #: The same system in the symbols that are compiled.
        self.model = self.compiled.model
        self.variables = (*self.model.coordinates, *self.model.velocities)
        groups = {g.name: g for g in self.compiled.groups}
        self.parameters = groups["params"].members
        held = (c.has(p) for c in (running, terminal) for p in self.nudged.parameters)
        #: Whether the costs hold a parameter.
        self.has_costed_parameters = any(held)
        #: Whether they hold the time.
        self.has_timed_costs = any(t in c.free_symbols for c in (running, terminal))
        #: What is sampled: inputs and targets.
        self._signals = groups["inputs"].members[: -len(WEIGHTS)]
        #: The parameters with a gradient: all but index arrays.
        self.differentiable: tuple[Variable, ...] = tuple(map(self.compiled.renaming.user, self.parameters))
        once = ("ints", "params")
        self._groups = tuple(
            g if name in once else Group(name, g.members, batched=True, common=name == "t")
            for name, g in groups.items()
        )

    def builder(self, *more: Group, lanes: int = 1) -> KernelBuilder:
        return KernelBuilder((*self._groups, *more), self.model.sizes, self.compiled.renaming, lanes)

    @functools.cached_property
    def value(self) -> CompiledKernel:
        """αL + βc + γΨ."""
        builder = self.builder()
        builder.output("value", [builder.program.assign(normalise(self.model.L))], per_sample=True)
        return builder.build()

    @functools.cached_property
    def slope(self) -> CompiledKernel:
        """G = ∂_qL + Q − ∂_vR, then P = ∂_vL, of the nudged system."""
        builder = self.builder()
        sweep = Sweep(builder.program, self.model)
        forces = sweep.assigned(sweep.generalized_forces)
        builder.output("derivative", [*forces, *sweep.momenta], per_sample=True)
        return builder.build()

    @functools.cached_property
    def blocks(self) -> CompiledKernel:
        """∂G/∂q, ∂G/∂v, ∂P/∂q and ∂P/∂v, each d × d by rows."""
        system, builder = self.model, self.builder()
        sweep = Sweep(builder.program, system)
        assembly = Assembly(builder, system.coordinates, system.indices, system.column_indices)
        forces = sweep.assigned(sweep.generalized_forces)
        for name, rows, columns in (
            ("qq", forces, system.coordinates),
            ("qv", forces, system.velocities),
            ("vq", sweep.momenta, system.coordinates),
            ("vv", sweep.momenta, system.velocities),
        ):
            moves = {x: (c, sp.S.One) for c, x in enumerate(columns)}
            found = dense(system.rows, jacobian(builder.program, system.rows, rows, moves))
            assembly.output(name, dense_parts(assembly, found), per_sample=True)
        return builder.build()

    @functools.cached_property
    def impulse(self) -> CompiledKernel:
        """∂_θ of αL + βc + γΨ, then by the signals and by t: the rates of the momenta conjugate to them."""
        builder = self.builder()
        value = builder.program.assign(normalise(self.model.L)).target
        self._derivatives(builder, value)
        return builder.build()

    @functools.cached_property
    def doubled(self) -> CompiledKernel:
        """The doubled Lagrangian to first order in the difference (λ, μ) of its two copies, which is one more argument,

            W = λ·∂_qL + μ·∂_vL + λ·(Q − ∂_vR):

        ∂_θW, ∂W by the signals and by t, and ∂_qW and ∂_vW.
        """
        builder, total = self._paired()
        self._derivatives(builder, total)
        _write(builder, "state", self.variables, adjoint(builder.program, total, self.variables))
        return builder.build()

    @functools.cached_property
    def pull(self) -> CompiledKernel:
        """∂_qW and ∂_vW of ``doubled`` alone: the derivatives of the equations, transposed, times (λ, μ)."""
        builder, total = self._paired()
        _write(builder, "state", self.variables, adjoint(builder.program, total, self.variables))
        return builder.build()

    @functools.cached_property
    def push(self) -> CompiledKernel:
        """What G and P change by in a direction (λ, μ) of q and v: their derivatives times it, those of L as slopes of
        what L changes by."""
        directions = tuple(like(x, "d", k) for k, x in enumerate(self.variables))
        builder, model = self.builder(Group("direction", directions, batched=True)), self.model
        program, moving = builder.program, dict(zip(self.variables, directions, strict=True))
        sweep = Sweep(program, model)

        def slopes(target: Variable, wrt: Sequence[Variable]) -> dict[Variable, sp.Expr | None]:
            moved = tangent(program, target, moving)
            return {} if moved is None else adjoint(program, moved, wrt)

        bars = slopes(sweep.lagrangian.target, self.variables)
        drags = slopes(program.assign(normalise(model.dissipation)).target, model.velocities)
        parts, count = [], len(model.coordinates)
        for r, (x, loops) in enumerate(zip(self.variables, (*sweep.loops, *sweep.loops), strict=True)):
            own = bars.get(x) or sp.S.Zero
            if r < count:
                own -= drags.get(model.velocities[r]) or sp.S.Zero
                force = program.assign(sweep.over_loops(r, model.external_forces[r]), loops)
                if (moved := tangent(program, force.target, moving)) is not None:
                    own += program.assignments[moved].at(tuple(loop.index for loop in loops))
            parts.append(program.assign(own, loops))
        builder.output("moved", parts, per_sample=True)
        return builder.build()

    @functools.cached_property
    def reading(self) -> CompiledKernel:
        """Of αW, W that of ``doubled``, and of βc + γΨ together the derivatives by the parameters, and the latter's
        value: each added to what is there."""
        alpha, beta, gamma = self.model.inputs[-len(WEIGHTS) :]
        free = self.model.L.xreplace({beta: sp.S.Zero, gamma: sp.S.Zero})
        builder, total = self._paired(free)
        value = builder.program.assign(normalise(self.model.L.xreplace({alpha: sp.S.Zero})))
        whole = builder.program.assign(normalise(total + value.target)).target
        bars = adjoint(builder.program, whole, self.parameters)
        _write(builder, "derivative", self.parameters, bars, adds=True)
        builder.output("value", [value], per_sample=True, adds=True)
        return builder.build()

    @functools.cached_property
    def has_own_momenta(self) -> bool:
        """Whether each momentum depends on its own coordinate and velocity alone: the mass matrix is diagonal."""
        return self._is_diagonal("vv") and self._is_diagonal("vq")

    @functools.cached_property
    def has_own_damping(self) -> bool:
        """Whether each force depends on no velocity but its own coordinate's."""
        return self._is_diagonal("qv")

    def _is_diagonal(self, name: str) -> bool:
        system, sweep = self.model, Sweep(self.builder().program, self.model)
        rows = sweep.momenta if name[0] == "v" else sweep.assigned(sweep.generalized_forces)
        columns = system.velocities if name[1] == "v" else system.coordinates
        moves = {x: (c, sp.S.One) for c, x in enumerate(columns)}
        return isinstance(structure(system.rows, jacobian(sweep.program, system.rows, rows, moves)), Diagonal)

    def _paired(self, lagrangian: sp.Expr | None = None) -> tuple[KernelBuilder, Variable]:
        """W, of the nudged system or of another Lagrangian, in the program of a kernel."""
        directions = tuple(like(x, "d", k) for k, x in enumerate(self.variables))
        builder = self.builder(Group("direction", directions, batched=True))
        model, program = self.model, builder.program
        own = program.assign(normalise(model.L if lagrangian is None else lagrangian)).target
        moved = tangent(program, own, dict(zip(self.variables, directions, strict=True)))
        total = sp.S.Zero if moved is None else moved
        moved_q = directions[: len(model.coordinates)]
        dissipation = program.assign(normalise(model.dissipation))
        drag = tangent(program, dissipation.target, dict(zip(model.velocities, moved_q, strict=True)))
        total -= sp.S.Zero if drag is None else drag
        for force, row, direction in zip(model.external_forces, model.indices, moved_q, strict=True):
            if force != 0:
                total += over_rows(direction, row, force)
        return builder, program.assign(normalise(total)).target

    def _derivatives(self, builder: KernelBuilder, value: Variable) -> None:
        """The derivatives of what is stored by parameters, signals and t."""
        wrt = (*self.parameters, *self._signals, t)
        bars = adjoint(builder.program, value, wrt)
        for name, own in (("derivative", self.parameters), ("signals", self._signals), ("time", (t,))):
            _write(builder, name, own, bars)


def over_rows(direction: Variable, row: tuple[sp.Symbol, ...], force: sp.Expr) -> sp.Expr:
    """Σ λ·Q over the elements of a coordinate."""
    if not row:
        return direction * force
    assert isinstance(direction, sp.IndexedBase)
    limits = [(index, sp.S.Zero, extent - 1) for index, extent in zip(row, direction.shape, strict=True)]
    return PlainSum(direction[row] * force, *reversed(limits))


def _write(
    builder: KernelBuilder, name: str, variables: Iterable[Variable], bars: Mapping[Variable, sp.Expr | None], *,
    adds: bool = False,
) -> None:  # fmt: skip
    """The derivatives by ``variables``, one after the other, zero where there is none."""
    assign = builder.program.assign
    parts = [assign(sp.S.Zero if bars.get(x) is None else bars[x], gradient_loops(x)) for x in variables]
    builder.output(name, parts, per_sample=True, adds=adds)
