"""A compiled system with its numbers: what the methods evaluate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from symdfi.compile.kernels import cache, threads
from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.dynamics.holding import CONSISTENT
from symdfi.dynamics.plans import PlannedKernel, with_plans
from symdfi.dynamics.states import Ensemble
from symdfi.dynamics.system import CompiledLagrangian
from symdfi.errors import DivergenceError, SingularMatrixError
from symdfi.numbers import reals
from symdfi.symbolic.constraints import Constraint

#: Inputs: a function of time that returns them by name, or a constant or function of time for each name.
Inputs = Callable[[float], Mapping[Any, Any]] | Mapping[Any, Any] | None


class Model:
    """A compiled system with the numbers of the members of an ensemble: sizes, parameters and input signals.

    ``sizes`` and ``ints`` are what all members share; ``params`` has a row a member, or one row for all.

    Raises ``ValueError`` for a missing, misshapen or non-finite parameter and for a wrong input.
    """

    def __init__(self, kernels: CompiledLagrangian, ensemble: Ensemble, inputs: Inputs, start: float) -> None:
        self.kernels = kernels
        self.ensemble = ensemble
        self.n_dof = ensemble.q.shape[1]
        given = ensemble.parameters()
        self.size_values = kernels.sizes(self.n_dof, given)
        for parameter, value in {**given, **self.size_values}.items():
            if not np.isfinite(reals(value, f"the parameter {parameter}")).all():
                raise ValueError(f"the parameter {parameter} is not finite: {value}")
        self._index_values = kernels.index_values(self.n_dof, given)
        self.sizes, self.ints, packed = kernels.pack(given, self.n_dof)
        self._index_arrays, self._plans = self.ints, {}
        self.params = packed[None]
        if ensemble.varied:
            ends = np.cumsum([np.size(kernels.named(given)[p]) for p in kernels.float_parameters])
            self.params = np.repeat(self.params, ensemble.size, axis=0)
            for p, end in zip(kernels.float_parameters, ends, strict=True):
                if p in ensemble.varied:
                    rows = ensemble.varied[p].reshape(ensemble.size, -1)
                    self.params[:, end - rows.shape[1] : end] = rows
        self._inputs = inputs
        self.n_inputs = self.signal(start).size
        self.is_driven = self.n_inputs > 0 and (
            callable(inputs) or any(callable(value) for value in (inputs or {}).values())
        )

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        return self.kernels.system.constraints

    def check_constraints(self, time: float) -> None:
        """``ValueError`` for an initial state that is not on the constraints."""
        kernels, count = self.kernels, int(self.kernels.constrained.count.subs(self.size_values))
        for member, off in enumerate(self.at_start(kernels.constrained.residual_kernel, time, 4 * count)):
            if not (kernels.inconsistency(off) <= CONSISTENT).all():
                index = np.unravel_index(member, self.ensemble.batch) if self.ensemble.batch else ()
                where = f" of member {tuple(map(int, index))}" if index else ""
                worst = kernels.worst_constraint(off, self.size_values)
                raise ValueError(
                    f"the initial state{where} is not on the constraints: {worst} "
                    "(system.compile().project(q0, v0, ...) moves it there)"
                )

    def projected(self, q: np.ndarray, v: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """States ``(m, s, n_dof)`` at ``times`` moved onto the constraints."""
        moved = self.evaluate(self.kernels.constrained.projected_kernel, q, v, times, 2 * self.n_dof)
        return np.ascontiguousarray(moved[..., : self.n_dof]), np.ascontiguousarray(moved[..., self.n_dof :])

    def of(self, ensemble: Ensemble, time: float) -> Model:
        """The same system and inputs with other members."""
        return Model(self.kernels, ensemble, self._inputs, time)

    def inputs_at(self, time: float) -> Mapping[Any, Any] | None:
        """The inputs by name at a time. ``TypeError`` where they are not given by name."""
        inputs = self._inputs(time) if callable(self._inputs) else self._inputs
        if inputs is None:
            return None
        if not isinstance(inputs, Mapping):
            raise TypeError(f"inputs are given by name, as {{a: value}}, not as {type(inputs).__name__}")
        return {name: value(time) if callable(value) else value for name, value in inputs.items()}

    def signal(self, time: float) -> np.ndarray:
        """The inputs at a time as the kernels take them."""
        return self.kernels.input_values(self.inputs_at(time), self.size_values, batched=False)

    def function(self, kernel: CompiledKernel) -> Callable[..., None]:
        """A kernel ready to be called with ``ints``, indices checked. ``ValueError`` for one that leaves its array."""
        self.kernels.check(kernel, self._index_values)
        if isinstance(kernel, PlannedKernel) and kernel.slot not in self._plans:
            self._plans[kernel.slot] = kernel.plans.make(self.sizes, self._index_arrays)
            self.ints = with_plans(self._index_arrays, self._plans)
        return kernel.function

    def called(self, kernel: CompiledKernel) -> Callable[..., None]:
        """As ``function``, for calls from Python."""
        self.function(kernel)
        return kernel.at(self.sizes)

    def evaluate(self, kernel: CompiledKernel, q: np.ndarray, v: np.ndarray, times: np.ndarray, length: int) -> Any:
        """The output of a kernel at states ``(m, s, n_dof)`` of the members at ``times`` (s,): ``(m, s, length)``."""
        members, count = q.shape[:2]
        if count == 0:
            return np.empty((members, 0, length))
        if self.is_driven:
            signals = np.array([self.signal(time) for time in times])
        else:
            signals = np.broadcast_to(self.signal(float(times[0])), (count, self.n_inputs))
        total, out = members * count, np.empty((members * count, length))
        drive = np.broadcast_to(signals, (members, *signals.shape))
        rows = [np.require(x, float, ["C", "W"]).reshape(total, x.shape[2]) for x in (q, v, drive)]
        threads.run(
            cache.load_module("symdfi.dynamics.loops.batch").over, total, self.function(kernel), self.sizes, self.ints,
            rows[0], rows[1], self.params, rows[2], np.tile(times, members), out,
        )  # fmt: skip
        return out.reshape(members, count, length)

    def at_start(self, kernel: CompiledKernel, time: float, length: int) -> np.ndarray:
        """The output of a kernel at the initial states, ``(m, length)``."""
        q, v = self.ensemble.q[:, None], self.ensemble.v[:, None]
        return self.evaluate(kernel, q, v, np.array([time]), length)[:, 0]

    def energy(self, q: np.ndarray, v: np.ndarray, times: np.ndarray) -> np.ndarray:
        """The energy of states ``(m, s, n_dof)``: ``(m, s)``."""
        return self.evaluate(self.kernels.energy_kernel, q, v, times, 1)[..., 0]

    def acceleration(self, time: float) -> np.ndarray:
        """q̈ at the initial states. ``SingularMatrixError`` or ``DivergenceError`` where there is none."""
        a = self.at_start(self.kernels.acceleration_kernel, time, self.n_dof)
        for member in np.flatnonzero(~np.isfinite(a).all(axis=1)):
            if np.isfinite(self.at_start(self.kernels.forcing_kernel, time, self.n_dof)[member]).all():
                self.refuse_singular(int(member), time)
            where = int(np.argmin(np.isfinite(a[member])))
            raise DivergenceError(
                f"the acceleration is not finite at the initial state: q̈[{where}] = {a[member, where]}",
                member=int(member),
            )
        return a

    def refuse_singular(self, member: int, time: float) -> None:
        """``SingularMatrixError`` if the mass matrix of a member is singular at its initial state."""
        start = self.ensemble
        try:
            q, v, params = start.q[member], start.v[member], start.parameters(member)
            self.kernels.refuse_singular(
                self.kernels.read_states(q, v, {**params, **self.size_values}, time, self.inputs_at(time))
            )
        except SingularMatrixError as error:
            error.details["member"] = member
            raise
