"""The kernels of a Lagrangian system, emitted from its formulas."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import fields

import sympy as sp

from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.compile.kernels.groups import Group, count_of, shape_of
from symdfi.compile.kernels.kernel import KernelBuilder
from symdfi.compile.passes.jacobian import jacobian
from symdfi.compile.program.loops import Assignment, Loop
from symdfi.dynamics.assembly import Assembly, dense_parts
from symdfi.dynamics.constrained import Constrained
from symdfi.dynamics.forces import Sweep
from symdfi.dynamics.plans import PlannedKernel
from symdfi.dynamics.sitewise import diagonal, fits
from symdfi.dynamics.solver import plans_of, sitewise_kernel, solving_kernel
from symdfi.errors import SymbolicError
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.hamiltonian import no_mass
from symdfi.symbolic.indexed import Variable, index_arrays, normalise
from symdfi.symbolic.lagrangian import Lagrangian
from symdfi.symbolic.private import Private
from symdfi.symbolic.structure import Bordered, Diagonal, Sparse, Structure, dense, structure

#: The signature of every state kernel: what the time steppers take as an argument.
KERNEL = "void({0}, {0}, {1}, {1}, {1}, {1}, float64, {1})".format("int64[::1]", "float64[::1]")
#: The time step, an argument of the kernels of the implicit midpoint rule.
STEP = Private("h", 0, "h", positive=True)


class Kernels:
    """The kernels of a state, each built when it is first asked for.

    They are called as ``kernel(sizes, ints, q, v, params, inputs, t, out)``, all arrays flat: ``sizes`` in the order of
    ``CompiledKernel.sizes``, ``ints`` the index arrays, ``params`` the other parameters: both in declared order, or in
    one that follows from the structure of L. Kernels are made of ``model``, the system in symbols of our own.
    """

    def __init__(self, system: Lagrangian) -> None:
        self.system = system
        self.model, self.renaming = system.renamed()
        held = (c.expr for c in system.constraints)
        exprs = (system.L, system.dissipation, *system.external_forces, *held)
        integers = set().union(*map(index_arrays, exprs))
        of = self.renaming.of
        parameters = sorted(system.parameters, key=lambda p: sp.default_sort_key(of(p)))
        self.index_arrays = tuple(p for p in parameters if p in integers)
        self.float_parameters = tuple(p for p in parameters if p not in integers)
        self.groups = (
            Group("ints", tuple(map(of, self.index_arrays)), integer=True),
            Group("q", self.model.coordinates),
            Group("v", self.model.velocities),
            Group("params", tuple(map(of, self.float_parameters))),
            Group("inputs", self.model.inputs),
            Group("t", (t,), scalar=True),
        )

    def builder(self, *more: Group) -> KernelBuilder:
        return KernelBuilder((*self.groups, *more), self.model.sizes, self.renaming)

    def row_loops(self, position: int) -> tuple[Loop, ...]:
        """The loops over the elements of a coordinate."""
        extents = shape_of(self.model.coordinates[position])
        pairs = zip(self.model.indices[position], extents, strict=True)
        return tuple(Loop(index, sp.S.Zero, extent - 1) for index, extent in pairs)

    def sweep(self, builder: KernelBuilder) -> Sweep:
        """The derivatives of L in the program of a kernel."""
        return Sweep(builder.program, self.model)

    @functools.cached_property
    def constrained(self) -> Constrained:
        """The kernels of a system with constraints."""
        return Constrained(self.system, self.model, self.renaming, self.builder)

    @functools.cached_property
    def acceleration_kernel(self) -> CompiledKernel:
        """q̈ = M⁻¹F, M diagonal in the loop itself, of any other structure by elimination; under constraints by
        multipliers."""
        if self.model.constraints:
            return self.constrained.acceleration_kernel
        found = self.model.mass_structure
        if not isinstance(found, Diagonal):
            return self.solver(found, True, symmetric=True)
        for velocity, entry in zip(self.model.velocities, found.entries, strict=True):
            if entry == 0:
                shown = self.system.show(self.renaming.user(velocity))
                raise SymbolicError(f"{no_mass(self.model.L, velocity, shown)}: the mass matrix is singular everywhere")
        assembly = self.assembly()
        diagonal(assembly, found, self.sweep(assembly.builder))
        return assembly.builder.build()

    @functools.cached_property
    def velocities_felt(self) -> tuple[Variable, ...]:
        """The velocities that accelerations depend on: none is what Störmer–Verlet needs."""
        found, sweep = self.model.mass_structure, self.sweep(self.builder())
        read = sweep.reads([*sweep.forcing, *found.expressions])
        return tuple(self.renaming.user(v) for v in self.model.velocities if v in read)

    def assembly(self, *more: Group, symmetric: bool = False, slot: int = 0) -> Assembly:
        model, ints = self.model, count_of(map(self.renaming.of, self.index_arrays))
        builder, columns = self.builder(*more), model.column_indices
        return Assembly(builder, model.coordinates, model.indices, columns, symmetric, slot=slot, ints=ints)

    def solver(
        self, found: Structure, forced: bool, *more: Group, symmetric: bool = False, slot: int = 0
    ) -> CompiledKernel:
        """A kernel that solves ``A x = b``, A of the given structure, into ``out``: b is the forcing if ``forced``,
        else what ``out`` holds. ``slot`` is that of the plan of a sparse elimination."""
        assembly = self.assembly(*more, symmetric=symmetric, slot=slot)
        sweep = self.sweep(assembly.builder) if forced else None
        if sweep is not None and isinstance(found, Bordered) and fits(found):
            other = self.assembly(*more, symmetric=symmetric)
            return sitewise_kernel(assembly, found, sweep, self.renaming, (other, self.sweep(other.builder)))
        return self._planned(solving_kernel(assembly, found, sweep, self.renaming, more), found, slot)

    def _planned(self, built: CompiledKernel, found: Structure, slot: int) -> CompiledKernel:
        if not isinstance(found, Sparse):
            return built
        own = {f.name: getattr(built, f.name) for f in fields(built)}
        return PlannedKernel(**own, plans=plans_of(self.assembly(), found, self.renaming), slot=slot)

    def scalars(self, exprs: tuple[sp.Expr, ...]) -> CompiledKernel:
        """The kernel of expressions of the state, one number each; built once."""
        if exprs not in self._scalars:
            builder = self.builder()
            builder.output("out", [builder.program.assign(normalise(expr)) for expr in exprs])
            self._scalars[exprs] = builder.build()
        return self._scalars[exprs]

    @functools.cached_property
    def _scalars(self) -> dict[tuple[sp.Expr, ...], CompiledKernel]:
        return {}

    def _swept(self, outputs: Callable[[Sweep], Iterable[Assignment]]) -> CompiledKernel:
        """The kernel of what a sweep gives, one after the other."""
        builder = self.builder()
        builder.output("out", outputs(self.sweep(builder)))
        return builder.build()

    @functools.cached_property
    def energy_kernel(self) -> CompiledKernel:
        return self._swept(lambda sweep: [sweep.energy])

    @functools.cached_property
    def power_kernel(self) -> CompiledKernel:
        """v·(Q − ∂R/∂v) − ∂L/∂t, then −∂L/∂a by the inputs."""
        return self._swept(lambda sweep: [sweep.power, *sweep.felt_inputs])

    @functools.cached_property
    def lagrangian_kernel(self) -> CompiledKernel:
        return self._swept(lambda sweep: [sweep.lagrangian])

    @functools.cached_property
    def momenta_kernel(self) -> CompiledKernel:
        return self._swept(lambda sweep: sweep.momenta)

    @functools.cached_property
    def forcing_kernel(self) -> CompiledKernel:
        return self._swept(lambda sweep: sweep.assigned(sweep.forcing))

    @functools.cached_property
    def mass_kernel(self) -> CompiledKernel:
        """M by rows, in full."""
        assembly = self.assembly()
        assembly.output("out", dense_parts(assembly, dense(self.model.rows, self.model.mass_couplings)))
        return assembly.builder.build()

    @functools.cached_property
    def diagonal_kernel(self) -> CompiledKernel:
        """The diagonal of M, where it is all of M."""
        found = self.model.mass_structure
        assert isinstance(found, Diagonal)
        return self._swept(
            lambda sweep: sweep.assigned(map(sweep.over_loops, range(len(found.entries)), found.entries))
        )

    @functools.cached_property
    def discrete_kernel(self) -> CompiledKernel:
        """∂L/∂v, then ∂L/∂q + Q − ∂R/∂v: the two parts of the discrete Euler–Lagrange equations."""
        return self._swept(lambda sweep: [*sweep.momenta, *sweep.assigned(sweep.generalized_forces)])

    @functools.cached_property
    def midpoint_kernel(self) -> CompiledKernel:
        """Solves with the Jacobian of ``∂L/∂v − h/2 (∂L/∂q + Q − ∂R/∂v)`` by the step's displacement δ, where
        q moves with δ/2 and v with δ/h."""
        step = Group("h", (STEP,), scalar=True)
        assembly = self.assembly(step, slot=1)
        found = self.newton_matrix(assembly)
        return self._planned(solving_kernel(assembly, found, None, self.renaming, (step,)), found, 1)

    def newton_matrix(self, assembly: Assembly) -> Structure:
        """The matrix of a step of the midpoint rule, in terms of what the program of ``assembly`` stores."""
        sweep = self.sweep(assembly.builder)
        pairs = zip(sweep.momenta, sweep.generalized_forces, sweep.loops, strict=True)
        targets = sweep.assigned(p.at(tuple(k.index for k in loops)) - STEP / 2 * g for p, g, loops in pairs)
        return self._by_displacement(sweep, targets, sp.Rational(1, 2))

    def _by_displacement(self, sweep: Sweep, targets: list[Assignment], part: sp.Expr) -> Structure:
        """The Jacobian of ``targets`` by a displacement δ, where q moves with a ``part`` of it and v with δ/h."""
        moves = {q: (c, part) for c, q in enumerate(self.model.coordinates)} if part else {}
        moves |= {v: (c, 1 / STEP) for c, v in enumerate(self.model.velocities)}
        rows = self.model.rows
        return structure(rows, jacobian(sweep.program, rows, targets, moves))

    @functools.cached_property
    def implicit_kernel(self) -> CompiledKernel:
        """Solves with the Jacobian of F(q + δ/2, δ/h) by δ: a step of a system of first order, F(q, v, t) = 0."""
        return self._first_order(sp.Rational(1, 2), 1)

    @functools.cached_property
    def rates_kernel(self) -> CompiledKernel:
        """Solves with the Jacobian of F(q, δ/h) by δ: the velocities of a system of first order."""
        return self._first_order(sp.S.Zero, 2)

    def _first_order(self, part: sp.Expr, slot: int) -> CompiledKernel:
        step = Group("h", (STEP,), scalar=True)
        assembly = self.assembly(step, slot=slot)
        sweep = self.sweep(assembly.builder)
        found = self._by_displacement(sweep, sweep.assigned(sweep.forcing), part)
        return self._planned(solving_kernel(assembly, found, None, self.renaming, (step,)), found, slot)

    @functools.cached_property
    def legendre_kernel(self) -> CompiledKernel:
        """Solves with ∂²L/∂v∂v: one Newton step of the Legendre map p → v."""
        return self.solver(self.model.mass_structure, False, Group("h", (STEP,), scalar=True), symmetric=True)
