"""The kernels of a system under constraints: motion by multipliers, index reduced.

Differentiated in time, constraints bound accelerations: G q̈ = −γ, with γ = d²φ/dt² (dψ/dt) at zero acceleration. With
the multipliers λ of their forces

    [M  Gᵀ] [ q̈ ]   [ F ]
    [G  0 ] [ −λ] = [−γ ],        M q̈ = F + Gᵀλ.

Kernels find the plan of the elimination (see ``linalg.saddle``) at the end of their index arrays.
"""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

import numpy as np
import sympy as sp

from symdfi.compile.kernels import cache
from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.compile.kernels.groups import count_of, shape_of
from symdfi.compile.kernels.kernel import KernelBuilder
from symdfi.compile.passes.autodiff import tangent
from symdfi.compile.program.bounds import Check
from symdfi.compile.program.loops import Assignment, Loop, plain_names
from symdfi.compile.program.lower import Program
from symdfi.dynamics.forces import Sweep
from symdfi.dynamics.nests import Nest, Rows, bounded, number
from symdfi.linalg import saddle
from symdfi.symbolic.constraints import Constraint
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.entries import Entries, constraint_entries, mass_entries
from symdfi.symbolic.indexed import Variable, normalise
from symdfi.symbolic.lagrangian import Lagrangian
from symdfi.symbolic.renaming import Renaming

#: Plans that are kept: one a set of sizes and index arrays.
_KEPT = 4


class Constrained:
    """The kernels of a system with constraints, each built when it is first asked for.

    All but ``dynamics`` and ``geometry`` have the signature of a state kernel (see ``Kernels``).
    """

    def __init__(
        self, system: Lagrangian, model: Lagrangian, renaming: Renaming, builder: Callable[[], KernelBuilder]
    ) -> None:
        self._system, self._renaming, self._builder = system, renaming, builder
        #: The system in symbols of our own.
        self.model = model
        self._plans: collections.OrderedDict[tuple[bytes, bytes], np.ndarray] = collections.OrderedDict()

    @property
    def count(self) -> sp.Expr:
        """The number of multipliers, in the user's symbols."""
        return sp.expand(sp.Add(*(c.count for c in self._system.constraints)))

    @functools.cached_property
    def mass(self) -> list[Entries]:
        return mass_entries(self.model)

    @functools.cached_property
    def jacobian(self) -> list[Entries]:
        return constraint_entries(self.model)

    @functools.cached_property
    def dynamics(self) -> CompiledKernel:
        """The entries of M and G, and (F, −γ)."""
        builder = self._builder()
        self._matrices(builder)
        sweep, bent = Sweep(builder.program, self.model), []
        for constraint in self.model.constraints:
            gamma = self._level(builder.program, constraint, 2 if constraint.is_holonomic else 1)
            loops = _loops(constraint)
            bent.append(builder.program.assign(-gamma.at(tuple(loop.index for loop in loops)), loops))
        builder.output("rhs", [*sweep.assigned(sweep.forcing), *bent])
        return _with_loops(builder.build(), "multipliers")

    @functools.cached_property
    def geometry(self) -> CompiledKernel:
        """The entries of M and G, then φ (0 of nonholonomic constraints), then dφ/dt or ψ."""
        builder = self._builder()
        self._matrices(builder)
        program, found = builder.program, self.model.constraints
        positions = [
            self._level(program, c, 0) if c.is_holonomic else program.assign(sp.S.Zero, _loops(c)) for c in found
        ]
        builder.output("levels", [*positions, *(self._level(program, c, int(c.is_holonomic)) for c in found)])
        return _with_loops(builder.build(), "projection")

    @functools.cached_property
    def solution_kernel(self) -> CompiledKernel:
        """(q̈, λ)."""
        return replace(self.dynamics, entry="solution")

    @functools.cached_property
    def acceleration_kernel(self) -> CompiledKernel:
        """q̈."""
        return replace(self.dynamics, entry="acceleration")

    @functools.cached_property
    def forces_kernel(self) -> CompiledKernel:
        """Gᵀλ."""
        return replace(self.dynamics, entry="forces")

    @functools.cached_property
    def residual_kernel(self) -> CompiledKernel:
        """φ, then dφ/dt or ψ, then what each of the two is measured by."""
        return replace(self.geometry, entry="residual")

    @functools.cached_property
    def projected_kernel(self) -> CompiledKernel:
        """q and v moved onto the constraints; NaN where they could not be."""
        return replace(self.geometry, entry="projected")

    @functools.cached_property
    def project_kernel(self) -> CompiledKernel:
        """The same in place, True where it succeeded: ``project(sizes, ints, q, v, params, inputs, t)``."""
        return replace(self.geometry, entry="project")

    @functools.cached_property
    def felt(self) -> tuple[Variable, ...]:
        """What moves of that which M depends on, and the velocities that F does: none is what RATTLE needs."""
        sweep = Sweep(self._builder().program, self.model)
        read, held = sweep.reads(sweep.forcing), {s for entries in self.mass for s in entries.value.free_symbols}
        moving = [*self.model.coordinates, *self.model.velocities]
        found = [x for x in moving if (x.label if isinstance(x, sp.IndexedBase) else x) in held]
        found += [v for v in self.model.velocities if v in read and v not in found]
        return (*map(self._renaming.user, found), *([t] if t in held else []))

    # The plan

    def with_plan(self, sizes: np.ndarray, ints: np.ndarray) -> np.ndarray:
        """The index arrays, then the plan of the elimination and its length with this number."""
        key = (sizes.tobytes(), ints.tobytes())
        if key not in self._plans:
            self._plans[key] = self._plan(sizes, ints)
            while len(self._plans) > _KEPT:
                self._plans.popitem(last=False)
        return self._plans[key]

    def is_planned(self, sizes: np.ndarray, ints: np.ndarray) -> bool:
        """Whether the plan for these sizes and index arrays is at hand."""
        return (sizes.tobytes(), ints.tobytes()) in self._plans

    def _plan(self, sizes: np.ndarray, ints: np.ndarray) -> np.ndarray:
        kernel, apart = self._pattern
        model = {self._renaming.of(s): int(k) for s, k in zip(kernel.sizes, sizes, strict=True)}

        counts = [sum(number(_nest(e).count, model) for e in found) for found in (self.mass, self.jacobian)]
        patterns, told = [np.empty(counts[k // 2]) for k in range(4)], apart.arrays(model)
        nothing = np.empty(0)
        looped = any(entries.limits for entries in (*self.mass, *self.jacobian))
        # Without a loop it is a list of numbers: not worth a compiler.
        run = kernel.function if looped else kernel.python
        run(sizes, ints, nothing, nothing, nothing, nothing, 0.0, *patterns, *told)
        apart.check(told, model)
        mass, jacobian = ((patterns[k].astype(np.int64), patterns[k + 1].astype(np.int64)) for k in (0, 2))
        rows = sum(number(c.count, model) for c in self.model.constraints)
        found = saddle.plan(number(count_of(self.model.coordinates), model), rows, mass, jacobian)
        return np.concatenate([ints, found, [found.size + 1]])

    @functools.cached_property
    def _pattern(self) -> tuple[CompiledKernel, Rows]:
        """Rows and columns of the entries of M, then of G, −1 where there is none; then what ``Rows`` asks."""
        builder, every = self._builder(), []
        for name, found in (("mass", self.mass), ("jacobian", self.jacobian)):
            nests = [_nest(entries).whatever(builder.program) for entries in found]
            every += nests
            for side in ("row", "column"):
                places = [nest.stored(getattr(entries, side), -1) for nest, entries in zip(nests, found, strict=True)]
                parts = [builder.program.assign(p, nest.loops) for p, nest in zip(places, nests, strict=True)]
                builder.output(f"{name}_{side}s", parts)
        rows = Rows(every, self._renaming)
        rows.output(builder)
        return builder.build(), rows

    @functools.cached_property
    def checks(self) -> tuple[Check, ...]:
        """That the elements which meet in M and in G are there."""
        program = self._builder().program
        found = []
        for entries in (*self.mass, *self.jacobian):
            loops, conditions = tuple(Loop(*limit) for limit in entries.limits), entries.conditions
            guard = sp.And(*filter(program.is_index_condition, conditions))
            names = plain_names(loops, {s for x in entries.meeting for s in x.free_symbols} - {k.index for k in loops})
            for x in entries.meeting:
                shown = str(self._renaming.back(x.xreplace(names)))
                own = zip(x.indices, shape_of(x.base), strict=True)
                found += [Check(shown, index, extent, loops, guard, ()) for index, extent in own]
        return tuple(check.mapped(self._renaming.back) for check in found)

    def _level(self, program: Program, constraint: Constraint, order: int) -> Assignment:
        """The time derivative of a constraint of an order, at zero acceleration."""
        moves = {**dict(zip(self.model.coordinates, self.model.velocities, strict=True)), t: sp.S.One}
        loops = _loops(constraint)
        found = program.assign(normalise(constraint.expr), loops)
        for _ in range(order):
            moved = tangent(program, found.target, moves)
            if moved is None:
                return program.assign(sp.S.Zero, loops)
            found = program.assignments[moved]
        return found

    def _matrices(self, builder: KernelBuilder) -> None:
        for name, found in (("mass", self.mass), ("jacobian", self.jacobian)):
            nests = [(_nest(entries), entries.value) for entries in found]
            parts = [builder.program.assign(normalise(nest.stored(value)), nest.loops) for nest, value in nests]
            builder.output(name, parts)


def _nest(entries: Entries) -> Nest:
    read = (entries.row, entries.column, entries.value, *entries.conditions)
    return Nest(entries.limits, entries.conditions, bounded(read, entries.places))


def _loops(constraint: Constraint) -> tuple[Loop, ...]:
    return tuple(Loop(*limit) for limit in constraint.limits)


def _with_loops(kernel: CompiledKernel, loops: str) -> CompiledKernel:
    """The kernel with loops after it that call it, in one source: all that is compiled for one system at once."""
    text = cache.text(f"symdfi.dynamics.loops.{loops}")
    return replace(kernel, source=f"{kernel.source}\n\n{_version()}{text}", spread=None)


def load_loops(name: str) -> ModuleType:
    """The loops of a method for systems under constraints."""
    return cache.load_module(f"symdfi.dynamics.loops.{name}", _version())


def _version() -> str:
    """A comment for sources that call solvers of saddle-point systems: they are built again with those."""
    return f"# {saddle.version()}\n"
