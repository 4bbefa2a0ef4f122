"""Time integration methods for Lagrangian systems: each advances a state from one save to the next."""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symdfi.compile.kernels import cache
from symdfi.compile.kernels.kernel import CompiledKernel
from symdfi.dynamics.system import CompiledLagrangian
from symdfi.errors import DivergenceError, SymbolicError


@dataclass
class State:
    """A state on its way: time, coordinates, velocities, and what the method carries along."""

    time: float
    q: np.ndarray
    v: np.ndarray
    carry: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def is_finite(self) -> bool:
        return bool(np.isfinite(self.q).all() and np.isfinite(self.v).all())


class Model:
    """A compiled system with its numbers: sizes, parameters and input signals.

    Raises ``ValueError`` for a missing, misshapen or non-finite parameter and for a wrong input.
    """

    def __init__(
        self,
        kernels: CompiledLagrangian,
        n_dof: int,
        params: Mapping[Any, Any] | None,
        inputs: Callable[[float], Mapping[Any, Any]] | Mapping[Any, Any] | None,
        start: float,
    ) -> None:
        self.kernels = kernels
        self.sizes = kernels.sizes(n_dof, params)
        self.given = {**(params or {}), **self.sizes}
        self._limits = kernels.limits(n_dof, params)
        self.packed = kernels.pack(params, n_dof)
        for parameter, value in self.given.items():
            if not np.isfinite(value).all():
                raise ValueError(f"the parameter {parameter} is not finite: {value}")
        self._inputs = inputs
        self.n_inputs = self.signal(start).size

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
        return self.kernels.input_values(self.inputs_at(time), self.sizes, batched=False)

    def signals(self, start: float, h: float, steps: int) -> np.ndarray:
        """A row of input values every half step; a single empty row without inputs."""
        if not self.n_inputs:
            return np.empty((1, 0))
        return np.array([self.signal(start + 0.5 * h * k) for k in range(2 * steps + 1)])

    def function(self, kernel: CompiledKernel) -> Callable[..., None]:
        """A kernel ready to be called, its indices checked. ``ValueError`` for one that leaves its array."""
        self.kernels.check(kernel, self._limits)
        return kernel.function

    def call(self, kernel: CompiledKernel, state: State, length: int) -> np.ndarray:
        """The output of a kernel at a state."""
        sizes, ints, packed = self.packed
        out = np.empty(length)
        signal = self.signal(state.time)
        self.function(kernel)(sizes, ints, state.q, state.v, packed, signal, state.time, out)
        return out

    def acceleration(self, state: State) -> np.ndarray:
        """q̈ at the initial state. ``SingularMatrixError`` or ``DivergenceError`` where there is none."""
        a = self.call(self.kernels.acceleration_kernel, state, state.q.size)
        if not np.isfinite(a).all():
            self.kernels.acceleration(state.q, state.v, self.given, state.time, self.inputs_at(state.time))
            where = int(np.argmin(np.isfinite(a)))
            raise DivergenceError(f"the acceleration is not finite at the initial state: q̈[{where}] = {a[where]}")
        return a


class Method(abc.ABC):
    """A fixed-step method: one loop compiled for all models."""

    @abc.abstractmethod
    def begin(self, model: Model, state: State) -> None:
        """Prepare what the method carries (``state.carry``); refuse a system it is not made for."""

    @abc.abstractmethod
    def advance(self, model: Model, state: State, h: float, every: int, out_q: np.ndarray, out_v: np.ndarray) -> int:
        """Steps of size h in place: ``every`` of them before each row of the outputs.

        Returns the steps done, fewer than asked for where an implicit step could not be solved.
        """


@dataclass(frozen=True)
class Verlet(Method):
    """Störmer–Verlet (kick-drift-kick): order 2, symplectic, explicit; for accelerations a(q, t)."""

    def begin(self, model: Model, state: State) -> None:
        if not model.kernels.system.is_velocity_free:
            raise SymbolicError(
                "Störmer–Verlet needs accelerations that do not depend on velocities; "
                "use method='midpoint' (variational) or 'rk4'"
            )
        state.carry["a"] = model.acceleration(state)

    def advance(self, model: Model, state: State, h: float, every: int, out_q: np.ndarray, out_v: np.ndarray) -> int:
        sizes, ints, packed = model.packed
        steps = every * len(out_q)
        kernel = model.kernels.acceleration_kernel
        cache.load_around("symdfi.dynamics.loops.verlet", kernel.source, kernel.entry).advance(
            sizes, ints, state.q, state.v, packed,
            model.signals(state.time, h, steps), state.time, h, every, state.carry["a"], out_q, out_v,
        )  # fmt: skip
        return steps


@dataclass(frozen=True)
class RK4(Method):
    """The classical Runge–Kutta scheme of order 4: any system, not symplectic."""

    def begin(self, model: Model, state: State) -> None:
        model.acceleration(state)

    def advance(self, model: Model, state: State, h: float, every: int, out_q: np.ndarray, out_v: np.ndarray) -> int:
        sizes, ints, packed = model.packed
        steps = every * len(out_q)
        cache.load_module("symdfi.dynamics.loops.rk4").advance(
            model.function(model.kernels.acceleration_kernel), sizes, ints, state.q, state.v, packed,
            model.signals(state.time, h, steps), state.time, h, every, out_q, out_v,
        )  # fmt: skip
        return steps


@dataclass(frozen=True)
class ImplicitMidpoint(Method):
    """The variational midpoint rule: order 2, symplectic, for any Lagrangian, implicit.

    The discrete Lagrangian ``h L((q₀+q₁)/2, (q₁−q₀)/h)`` with forces at the midpoint (Lagrange–d'Alembert);
    each step is solved by Newton's method with the structure of the system's own Hessian kept.
    Velocities are those of the momenta p = ∂L/∂v at the saved states.
    """

    tolerance: float = 1e-14
    iterations: int = 50

    def begin(self, model: Model, state: State) -> None:
        n = state.q.size
        self._check_mass(model, state)
        state.carry["p"] = model.call(model.kernels.discrete_kernel, state, 2 * n)[:n].copy()
        state.carry["middle"] = state.v.copy()

    def _check_mass(self, model: Model, state: State) -> None:
        """The saved velocities follow from p = ∂L/∂v: ``SingularMatrixError`` where M = ∂p/∂v is singular."""
        solved = np.ones(state.q.size)
        sizes, ints, packed = model.packed
        solve = model.function(model.kernels.legendre_kernel)
        solve(sizes, ints, state.q, state.v, packed, model.signal(state.time), state.time, 1.0, solved)
        if not np.isfinite(solved).all():
            model.kernels.refuse_singular(state.q, state.v, model.given, state.time, model.inputs_at(state.time))
            raise DivergenceError("the mass matrix is not finite at the initial state")

    def advance(self, model: Model, state: State, h: float, every: int, out_q: np.ndarray, out_v: np.ndarray) -> int:
        sizes, ints, packed = model.packed
        kernels = (
            model.kernels.discrete_kernel,
            model.kernels.midpoint_kernel,
            model.kernels.legendre_kernel,
        )
        return cache.load_module("symdfi.dynamics.loops.midpoint").advance(
            *(model.function(kernel) for kernel in kernels), sizes, ints, state.q, state.carry["middle"],
            state.carry["p"], packed, model.signals(state.time, h, every * len(out_q)), state.time, h, every,
            self.tolerance, self.iterations, out_q, out_v,
        )  # fmt: skip


@dataclass(frozen=True)
class DOP853:
    """SciPy's adaptive Dormand–Prince method of order 8 on the compiled right-hand side."""

    rtol: float = 1e-10
    atol: float = 1e-12
    max_step: float = np.inf

    def solve(self, model: Model, state: State, times: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The states (coordinates, velocities) at ``times[1:]``, one after the other.

        Raises ``DivergenceError`` where the step has become too small to go on.
        """
        import scipy.integrate  # slow to import

        n = state.q.size
        model.acceleration(state)
        kernel = model.function(model.kernels.acceleration_kernel)
        sizes, ints, packed = model.packed
        out = np.empty(2 * n)

        def slope(time: float, y: np.ndarray) -> np.ndarray:
            out[:n] = y[n:]
            kernel(sizes, ints, y[:n], y[n:], packed, model.signal(time), time, out[n:])
            return out.copy()

        y0 = np.concatenate([state.q, state.v])
        with np.errstate(all="ignore"):
            solver = scipy.integrate.DOP853(
                slope, times[0], y0, times[-1], rtol=self.rtol, atol=self.atol, max_step=self.max_step
            )
        following = 1
        while solver.status == "running":
            with np.errstate(all="ignore"):
                message = solver.step()
            if solver.status == "failed" or not np.isfinite(solver.y).all():
                reached = float(solver.t)
                raise DivergenceError(
                    f"DOP853 stopped at t = {reached:.6g}: {message or 'the state is not finite'}",
                    time=reached,
                )
            until = np.searchsorted(times, solver.t, side="right")
            if until > following:
                inside = solver.dense_output()(times[following:until])
                for column in inside.T:
                    yield column[:n].copy(), column[n:].copy()
                following = until


@functools.cache
def named(name: str) -> Method | DOP853:
    """A method by its name, with default settings. ``ValueError`` for an unknown one."""
    table = {"verlet": Verlet, "midpoint": ImplicitMidpoint, "rk4": RK4, "dop853": DOP853}
    if name.lower() not in table:
        raise ValueError(f"unknown method {name!r}: one of {', '.join(table)}")
    return table[name.lower()]()
