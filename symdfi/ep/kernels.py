"""The kernels of a nudged Lagrangian: αL + βc at the midpoints of a path, and its derivatives.

The weights α and β are inputs, the last two: (1, β) is the nudged Lagrangian, (0, 1) the cost alone.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping

import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.compile.kernels.groups import Group
from symdfi.compile.kernels.kernel import CompiledKernel, KernelBuilder
from symdfi.compile.passes.autodiff import adjoint, gradient_loops, tangent
from symdfi.compile.passes.jacobian import jacobian
from symdfi.compile.program.loops import Variable
from symdfi.dynamics.assembly import Assembly, dense_parts
from symdfi.dynamics.forces import Sweep
from symdfi.dynamics.system import Lagrangian
from symdfi.ep.cost import Cost
from symdfi.errors import SymbolicError
from symdfi.symbolic.given import name_of
from symdfi.symbolic.indexed import normalise
from symdfi.symbolic.private import Private, like
from symdfi.symbolic.structure import dense

ALPHA, BETA = (Private("n", k, real=True) for k in range(2))


class ActionKernels:
    """αL + βc and its derivatives, every one over a batch of midpoints (q, v, t), a row a midpoint.

    Raises ``SymbolicError`` for a system with dissipation or generalized forces: it has no action.
    """

    def __init__(self, system: Lagrangian, cost: Cost) -> None:
        for constraint in system.constraints:
            raise SymbolicError(f"equilibrium propagation does not support constraints: {constraint.shown}")
        if system.dissipation != 0 or any(f != 0 for f in system.external_forces):
            raise SymbolicError(
                "a system with dissipation or generalized forces is no extremum of an action: equilibrium "
                "propagation on it needs another scheme"
            )
        functions = {
            y: Private("y", k, name_of(y), real=True) for k, y in enumerate(cost.targets) if isinstance(y, AppliedUndef)
        }
        running = system.read(cost.running.xreplace(functions))
        self.targets: tuple[Variable, ...] = tuple(functions.get(y, y) for y in cost.targets)
        #: L + βc as a system; its parameters are those of L and of c.
        self.nudged = Lagrangian(
            ALPHA * system.L + BETA * running, system.coordinates, system.velocities,
            inputs=[*system.inputs, *self.targets, ALPHA, BETA],
        )  # fmt: skip
        self.compiled = self.nudged.compile()
        #: The same system in the symbols that are compiled.
        self.model = self.compiled.model
        self.variables = (*self.model.coordinates, *self.model.velocities)
        groups = {g.name: g for g in self.compiled.groups}
        self._parameters = groups["params"].members
        #: The parameters with a gradient: all but index arrays.
        self.differentiable: tuple[Variable, ...] = tuple(map(self.compiled.renaming.user, self._parameters))
        once = ("ints", "params")
        self._groups = tuple(g if name in once else Group(name, g.members, batched=True) for name, g in groups.items())

    def _builder(self, *more: Group) -> KernelBuilder:
        return KernelBuilder((*self._groups, *more), self.model.sizes, self.compiled.renaming)

    @functools.cached_property
    def value(self) -> CompiledKernel:
        """αL + βc."""
        builder = self._builder()
        builder.output("value", [builder.program.assign(normalise(self.model.L))], per_sample=True)
        return builder.build()

    @functools.cached_property
    def slope(self) -> CompiledKernel:
        """∂_q and ∂_v."""
        builder = self._builder()
        value = builder.program.assign(normalise(self.model.L)).target
        _write(builder, self.variables, adjoint(builder.program, value, self.variables))
        return builder.build()

    @functools.cached_property
    def hessian(self) -> CompiledKernel:
        """∂_q∂_q, ∂_q∂_v and ∂_v∂_v, each d × d by rows."""
        system, builder = self.model, self._builder()
        sweep = Sweep(builder.program, system)
        assembly = Assembly(builder, system.coordinates, system.indices, system.column_indices)
        for name, rows, columns in (
            ("qq", sweep.forces, system.coordinates),
            ("qv", sweep.forces, system.velocities),
            ("vv", sweep.momenta, system.velocities),
        ):
            moves = {x: (c, sp.S.One) for c, x in enumerate(columns)}
            found = dense(system.rows, jacobian(builder.program, system.rows, rows, moves))
            assembly.output(name, dense_parts(assembly, found), per_sample=True)
        return builder.build()

    @functools.cached_property
    def impulse(self) -> CompiledKernel:
        """∂_θ: the rate of the momentum conjugate to θ."""
        builder = self._builder()
        value = builder.program.assign(normalise(self.model.L)).target
        _write(builder, self._parameters, adjoint(builder.program, value, self._parameters))
        return builder.build()

    @functools.cached_property
    def mixed(self) -> CompiledKernel:
        """∂_θ of the derivative along a direction (λ_q, λ_v), given as one more argument."""
        directions = tuple(like(x, "d", k) for k, x in enumerate(self.variables))
        builder = self._builder(Group("direction", directions, batched=True))
        value = builder.program.assign(normalise(self.model.L)).target
        moved = tangent(builder.program, value, dict(zip(self.variables, directions, strict=True)))
        bars = {} if moved is None else adjoint(builder.program, moved, self._parameters)
        _write(builder, self._parameters, bars)
        return builder.build()


def _write(builder: KernelBuilder, variables: Iterable[Variable], bars: Mapping[Variable, sp.Expr | None]) -> None:
    """The derivatives by ``variables``, one after the other, zero where there is none."""
    assign = builder.program.assign
    parts = [assign(sp.S.Zero if bars.get(x) is None else bars[x], gradient_loops(x)) for x in variables]
    builder.output("derivative", parts, per_sample=True)
