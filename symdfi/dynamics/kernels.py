"""The kernels of a Lagrangian system, emitted from its formulas."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import sympy as sp

from symdfi.compile.kernels.kernel import CompiledKernel, Group, KernelBuilder, count_of, shape_of
from symdfi.compile.program.loops import Assignment, Loop, Variable
from symdfi.compile.source.printing import Names, index_code
from symdfi.dynamics.forces import Sweep
from symdfi.errors import SymbolicError
from symdfi.linalg import mass, small
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.indexed import index_arrays, normalise
from symdfi.symbolic.lagrangian import Lagrangian
from symdfi.symbolic.private import Private, like
from symdfi.symbolic.structure import Structure, structure

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
        exprs = (system.L, system.dissipation, *system.external_forces)
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
    def acceleration_kernel(self) -> CompiledKernel:
        """q̈ = M⁻¹F, M diagonal in the loop itself, banded, periodic or dense by elimination."""
        found = self.model.mass_structure
        if found.kind != "diagonal":
            return self.solver(found, True)
        for velocity, entry in zip(self.model.velocities, found.diagonal, strict=True):
            if entry == 0:
                raise SymbolicError(f"L does not depend on {velocity}: the mass matrix is singular everywhere")
        builder = self.builder()
        sweep = self.sweep(builder)
        mass = [sweep.over_loops(r, entry) for r, entry in enumerate(found.diagonal)]
        forcing = sweep.values(sweep.forcing)
        builder.output("out", sweep.assigned(f / m for f, m in zip(forcing, mass, strict=True)))
        return builder.build()

    @functools.cached_property
    def is_velocity_free(self) -> bool:
        """Whether accelerations do not depend on velocities: what Störmer–Verlet needs."""
        found, sweep = self.model.mass_structure, self.sweep(self.builder())
        exprs = [*sweep.forcing, *found.bands.values(), *found.blocks.values()]
        return sweep.reads(exprs).isdisjoint(self.model.velocities)

    def solver(self, found: Structure, forced: bool, *more: Group) -> CompiledKernel:
        """A kernel that solves ``A x = b``, A of the given structure, into ``out``: b is the forcing if ``forced``,
        else what ``out`` holds."""
        builder = self.builder(*more)
        total, width = count_of(self.model.coordinates), found.width
        assign = builder.program.assign
        if found.kind == "dense":
            builder.output("matrix", *self._dense_parts(found, assign, total))
            size, kind, solve = total**2, "dense", "solve_dense(matrix, out)"
            if total.is_Integer and total <= small.LARGEST:
                kind, solve = "small", "solve_small(matrix, out)"
        else:
            if found.bands:
                bands = [found.bands.get(c, sp.S.Zero) for c in range(-width, width + 1)]
                parts = [assign(normalise(band), self.row_loops(0)) for band in bands]
            else:
                parts = [assign(normalise(m), self.row_loops(r)) for r, m in enumerate(found.diagonal)]
            builder.output("matrix", parts)
            size = (2 * width + 1) * total
            if found.kind == "periodic":
                kind, solve = "periodic", f"solve_periodic(matrix, {width}, out)"
            else:
                kind, solve = "banded", f"solve_banded(matrix, {width}, out.reshape((1, out.size)))"
        if forced:
            sweep = self.sweep(builder)
            builder.output("out", sweep.assigned(sweep.forcing))
        returned = f"kernel({{arguments}}, matrix{', out' if forced else ''})"
        kernel = builder.build()
        sizes = [self.renaming.of(s) for s in kernel.sizes]
        return _with_solve(kernel, sizes, size, kind, (returned, solve), more)

    def _dense_parts(
        self, found: Structure, assign: Callable[..., Assignment], total: sp.Expr
    ) -> tuple[list[Assignment], list[tuple[sp.Expr, tuple]]]:
        counts = [count_of([q]) for q in self.model.coordinates]
        starts = [sp.Add(*counts[:k]) for k in range(len(counts))]
        parts, layout = [], []
        for (r, c), expr in found.blocks.items():
            rows = self.row_loops(r)
            pairs = zip(self.model.column_indices[c], self.row_loops(c), strict=True)
            columns = tuple(Loop(index, sp.S.Zero, loop.upper) for index, loop in pairs)
            parts.append(assign(normalise(expr), rows + columns))
            steps = (*(step * total for step in _row_major(rows)), *_row_major(columns))
            layout.append((starts[r] * total + starts[c], steps))
        return parts, layout

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
        builder = self.builder()
        system = self.model
        rows = list(zip(system.coordinates, system.indices, system.momentum_terms, strict=True))
        columns = list(zip(system.velocities, system.column_indices, strict=True))
        full = structure(rows, columns, dense=True)
        builder.output("out", *self._dense_parts(full, builder.program.assign, count_of(system.coordinates)))
        return builder.build()

    @functools.cached_property
    def diagonal_kernel(self) -> CompiledKernel:
        """The diagonal of M, where it is all of M."""
        entries = self.model.mass_structure.diagonal
        return self._swept(lambda sweep: sweep.assigned(map(sweep.over_loops, range(len(entries)), entries)))

    @functools.cached_property
    def discrete_kernel(self) -> CompiledKernel:
        """∂L/∂v, then ∂L/∂q + Q − ∂R/∂v: the two parts of the discrete Euler–Lagrange equations."""
        return self._swept(lambda sweep: [*sweep.momenta, *sweep.assigned(sweep.generalized_forces)])

    @functools.cached_property
    def midpoint_kernel(self) -> CompiledKernel:
        """Solves with the Jacobian of ``∂L/∂v − h/2 (∂L/∂q + Q − ∂R/∂v)`` by the step's displacement δ, where
        q moves with δ/2 and v with δ/h."""
        system = self.model
        pairs = zip(system.momentum_terms, system.generalized_forces, strict=True)
        found = self._by_displacement([p - STEP / 2 * g for p, g in pairs], sp.Rational(1, 2), 1 / STEP)
        return self.solver(found, False, Group("h", (STEP,), scalar=True))

    @functools.cached_property
    def legendre_kernel(self) -> CompiledKernel:
        """Solves with ∂²L/∂v∂v: one Newton step of the Legendre map p → v."""
        return self.solver(self.model.mass_structure, False, Group("h", (STEP,), scalar=True))

    def _by_displacement(self, exprs: Sequence[sp.Expr], in_q: sp.Expr, in_v: sp.Expr) -> Structure:
        """The derivative of ``exprs`` by δ at 0, where q moves with ``in_q`` δ and v with ``in_v`` δ."""
        system = self.model
        shifts: list[Variable] = [like(q, "d", k) for k, q in enumerate(system.coordinates)]
        moved = []
        for expr in exprs:
            for q, v, d in zip(system.coordinates, system.velocities, shifts, strict=True):
                if isinstance(q, sp.IndexedBase):
                    put = {r: r + in_q * d[r.indices] for r in expr.atoms(sp.Indexed) if r.base == q}
                    put |= {r: r + in_v * d[r.indices] for r in expr.atoms(sp.Indexed) if r.base == v}
                else:
                    put = {q: q + in_q * d, v: v + in_v * d}
                expr = expr.xreplace(put)
            moved.append(expr)
        rows = list(zip(system.coordinates, system.indices, moved, strict=True))
        found = structure(rows, list(zip(shifts, system.column_indices, strict=True)))

        def at_rest(expr: sp.Expr) -> sp.Expr:
            zero = {r: sp.S.Zero for r in expr.atoms(sp.Indexed) if r.base in shifts}
            return expr.xreplace({**zero, **{d: sp.S.Zero for d in shifts if isinstance(d, sp.Symbol)}})

        return replace(
            found,
            bands={c: at_rest(e) for c, e in found.bands.items()},
            blocks={k: at_rest(e) for k, e in found.blocks.items()},
        )


def _row_major(loops: tuple[Loop, ...]) -> list[sp.Expr]:
    return [sp.Mul(*(loop.extent for loop in loops[k + 1 :])) for k in range(len(loops))]


def _with_solve(
    kernel: CompiledKernel,
    sizes: Sequence[sp.Symbol],
    size: sp.Expr,
    kind: str,
    calls: tuple[str, str],
    more: tuple[Group, ...],
) -> CompiledKernel:
    """The kernel's source with a second function, ``solve``, that fills the matrix and solves with it."""
    names = Names()
    unpack = [f"    {names[s]} = sizes[U({k})]" for k, s in enumerate(sizes)]
    arguments = ", ".join(("sizes, ints, q, v, params, inputs, t", *(g.name for g in more)))
    types = KERNEL.removesuffix(", float64[::1])") + ", float64" * len(more) + ", float64[::1])"
    lines = [
        "from symdfi.linalg import mass, small",
        "",
        f"# {mass.version()}",
        f"solve_small = small.load({sp.sqrt(size)})"
        if kind == "small"
        else f"solve_{kind} = mass.load({kind!r}).solve_{kind}",
        "",
        "",
        # Of a system as small as that a call of ``kernel`` would take as long as what it does.
        kernel.source.replace("@jit(", "@inlined(") if kind == "small" else kernel.source,
        "",
        f'@{"borrowing" if kind == "small" else "jit"}("{types}")',
        f"def solve({arguments}, out):",
        *unpack,
        f"    matrix = {'stack' if kind == 'small' else 'np.empty'}({index_code(size, names)})",
        *(f"    {call.format(arguments=arguments)}" for call in calls),
        "",
    ]
    return replace(kernel, source="\n".join(lines), entry="solve")
