"""Fixed-step methods for Lagrangian systems: each advances the members of an ensemble by equal steps."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field

import numpy as np

from symdfi.compile.kernels import cache, threads
from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.dynamics.compositions import substeps
from symdfi.dynamics.constrained import load_loops
from symdfi.dynamics.first_order import initial_rates, midpoint_steps
from symdfi.dynamics.model import Model
from symdfi.errors import DivergenceError, SymbolicError
from symdfi.numbers import real
from symdfi.showing import Settings


@dataclass
class Motion:
    """States on their way, (m, n_dof) each, and what the method carries along."""

    q: np.ndarray
    v: np.ndarray
    carry: dict[str, np.ndarray] = field(default_factory=dict)

    def copied(self) -> dict[str, np.ndarray]:
        """All of it, as it is now."""
        return {name: values.copy() for name, values in {"q": self.q, "v": self.v, **self.carry}.items()}


@dataclass(frozen=True)
class Span:
    """Steps of size ``h`` from the time ``start`` + ``done`` h on, ``every`` of them before each of ``rows`` saves."""

    start: float
    done: int
    h: float
    every: int
    rows: int

    @property
    def steps(self) -> int:
        return self.every * self.rows

    def signals(self, model: Model) -> np.ndarray:
        """A row of input values every half step; a single empty row without inputs."""
        if not model.n_inputs:
            return np.empty((1, 0))
        halves = range(2 * self.done, 2 * (self.done + self.steps) + 1)
        if not model.is_driven:
            return np.tile(model.signal(self.start), (len(halves), 1))
        return np.array([model.signal(self.start + 0.5 * self.h * k) for k in halves])


class Method(Settings, abc.ABC):
    """A fixed-step method: one loop compiled for all models."""

    @abc.abstractmethod
    def begin(self, model: Model, time: float, motion: Motion) -> None:
        """Prepare what the method carries (``motion.carry``); refuse a system it is not made for."""

    @abc.abstractmethod
    def advance(
        self, model: Model, motion: Motion, span: Span, out_q: np.ndarray, out_v: np.ndarray, row: int
    ) -> np.ndarray:
        """Steps in place, into the rows of the outputs (m, s, n_dof) from ``row`` on.

        Returns the steps done by each member, fewer than asked for where an implicit step could not be solved.
        """


@dataclass(frozen=True)
class Verlet(Method):
    """Störmer–Verlet (kick-drift-kick): order 2, symplectic, explicit; for accelerations a(q, t).

    Under holonomic constraints it is RATTLE (Andersen, J. Comput. Phys. 52, 1983), symplectic as well, which keeps
    them and their time derivatives to rounding; the mass matrix is constant then.
    """

    def begin(self, model: Model, time: float, motion: Motion) -> None:
        if model.constraints:
            self._check_constraints(model)
            model.acceleration(time)
            count = model.n_dof + int(model.kernels.constrained.count.subs(model.size_values))
            motion.carry["a"] = np.full((len(motion.q), count), np.nan)  # with multipliers; found by the first step
            return
        if felt := model.kernels.velocities_felt:
            raise SymbolicError(
                "Störmer–Verlet needs accelerations that do not depend on velocities, here they do on "
                f"{' and '.join(map(str, felt))}: use method='midpoint' (variational) or 'rk4'"
            )
        motion.carry["a"] = model.acceleration(time)

    def _check_constraints(self, model: Model) -> None:
        for constraint in model.constraints:
            if not constraint.is_holonomic:
                raise SymbolicError(f"{constraint.shown} is nonholonomic: RATTLE ('verlet') cannot keep it, use 'rk4'")
        if felt := model.kernels.constrained.felt:
            raise SymbolicError(
                "RATTLE ('verlet' under constraints) needs a constant mass matrix and forces that do not depend on "
                f"velocities, here these depend on {' and '.join(map(str, felt))}: use method='rk4' or 'dop853'"
            )

    def advance(
        self, model: Model, motion: Motion, span: Span, out_q: np.ndarray, out_v: np.ndarray, row: int
    ) -> np.ndarray:
        if model.constraints:
            found = model.kernels.constrained
            kernels = (found.dynamics, found.geometry)
            return _constrained("rattle", kernels, model, motion, span, out_q, out_v, row, motion.carry["a"])
        kernel = model.kernels.acceleration_kernel
        model.function(kernel)
        loop = cache.load_around("symdfi.dynamics.loops.verlet", kernel.source, kernel.entry).over
        threads.run(
            loop, len(motion.q), model.sizes, model.ints, motion.q, motion.v, model.params, span.signals(model),
            span.start, span.done, span.h, span.every, motion.carry["a"], out_q, out_v, row, row + span.rows, least=1,
        )  # fmt: skip
        return np.full(len(motion.q), span.steps)


@dataclass(frozen=True)
class RK4(Method):
    """The classical Runge–Kutta scheme of order 4: any system, not symplectic. Under constraints each step is
    followed by a projection onto them."""

    def begin(self, model: Model, time: float, motion: Motion) -> None:
        model.acceleration(time)

    def advance(
        self, model: Model, motion: Motion, span: Span, out_q: np.ndarray, out_v: np.ndarray, row: int
    ) -> np.ndarray:
        if model.constraints:
            found = model.kernels.constrained
            kernels = (found.acceleration_kernel, found.project_kernel)
            return _constrained("projected", kernels, model, motion, span, out_q, out_v, row)
        threads.run(
            cache.load_module("symdfi.dynamics.loops.rk4").over, len(motion.q),
            model.function(model.kernels.acceleration_kernel), model.sizes, model.ints, motion.q, motion.v,
            model.params, span.signals(model), span.start, span.done, span.h, span.every, out_q, out_v,
            row, row + span.rows, least=1,
        )  # fmt: skip
        return np.full(len(motion.q), span.steps)


@dataclass(frozen=True)
class ImplicitMidpoint(Method):
    """The variational midpoint rule: order 2, symplectic, for any Lagrangian, implicit.

    The discrete Lagrangian ``h L((q₀+q₁)/2, (q₁−q₀)/h)`` with forces at the midpoint (Lagrange–d'Alembert);
    each step is solved by Newton's method with the structure of the system's own Hessian kept.
    Velocities are those of the momenta p = ∂L/∂v at the saved states.

    Where L is linear in the velocities, the motion is of first order, and this is the implicit midpoint rule of its
    equations (see ``dynamics.first_order``); v0 is not used then.

    Where such a motion leaves velocities open, as that of an ansatz with redundant parameters does, steps with ``rtol``
    (1e-9, say) are solved by the shortest corrections of least squares, from the singular values of Ω above ``rtol``
    σ₁: what is left open keeps its velocity.

    ``order`` 4 or 6 makes a step of 5 or 9 substeps (``dynamics.compositions``), for systems without driven inputs.
    """

    tolerance: float = 1e-14
    iterations: int = 50
    order: int = 2
    rtol: float | None = None

    def __post_init__(self) -> None:
        substeps(self.order)
        if self.rtol is not None and not 0 < real(self.rtol, "rtol") < 1:
            raise ValueError(f"rtol = {self.rtol} must lie between 0 and 1")

    def begin(self, model: Model, time: float, motion: Motion) -> None:
        for constraint in model.constraints:
            raise SymbolicError(
                f"'midpoint' does not keep {constraint.shown}: use 'verlet' (RATTLE), 'rk4' or 'dop853'"
            )
        if self.order > 2 and model.is_driven:
            raise SymbolicError(
                f"a midpoint rule of order {self.order} takes no inputs that change in time: use order 2"
            )
        if model.kernels.system.is_first_order:
            motion.v[:] = initial_rates(model, time, self.rtol, self.iterations)
            motion.carry["middle"] = motion.v.copy()
            return
        if self.rtol is not None:
            raise SymbolicError(
                "rtol is a setting for Lagrangians that are linear in the velocities: L here has a mass"
            )
        self._check_mass(model, time)
        n = model.n_dof
        motion.carry["p"] = model.at_start(model.kernels.discrete_kernel, time, 2 * n)[:, :n].copy()
        motion.carry["middle"] = motion.v.copy()

    def _check_mass(self, model: Model, time: float) -> None:
        """The saved velocities follow from p = ∂L/∂v: ``SingularMatrixError`` where M = ∂p/∂v is singular."""
        solve, start, signal = model.function(model.kernels.legendre_kernel), model.ensemble, model.signal(time)
        for member in range(start.size):
            solved, own = np.ones(model.n_dof), model.params[member if len(model.params) > 1 else 0]
            solve(model.sizes, model.ints, start.q[member], start.v[member], own, signal, time, 1.0, solved)
            if not np.isfinite(solved).all():
                model.refuse_singular(member, time)
                raise DivergenceError("the mass matrix is not finite at the initial state", member=member)

    def advance(
        self, model: Model, motion: Motion, span: Span, out_q: np.ndarray, out_v: np.ndarray, row: int
    ) -> np.ndarray:
        if model.kernels.system.is_first_order:
            times = (span.start, span.done, span.h)
            return midpoint_steps(
                model, motion.carry["middle"], motion.q, span.signals(model), times, substeps(self.order), span.every,
                self.rtol, self.tolerance, self.iterations, (out_q, out_v), (row, row + span.rows),
            )  # fmt: skip
        found, steps = model.kernels, np.zeros(len(motion.q), np.int64)
        kernels = (found.discrete_kernel, found.midpoint_kernel, found.legendre_kernel)
        threads.run(
            cache.load_module("symdfi.dynamics.loops.midpoint").over, len(motion.q),
            *(model.function(kernel) for kernel in kernels), model.sizes, model.ints, motion.q, motion.carry["middle"],
            motion.carry["p"], model.params, span.signals(model), span.start, span.done, span.h,
            substeps(self.order), span.every, self.tolerance, self.iterations, out_q, out_v, row, row + span.rows,
            steps, least=1,
        )  # fmt: skip
        return steps


def _constrained(
    loop: str,
    kernels: tuple[CompiledKernel, CompiledKernel],
    model: Model,
    motion: Motion,
    span: Span,
    out_q: np.ndarray,
    out_v: np.ndarray,
    row: int,
    *carried: np.ndarray,
) -> np.ndarray:
    """Steps under constraints: how many each member has done."""
    steps = np.zeros(len(motion.q), np.int64)
    threads.run(
        load_loops(loop).over, len(motion.q), *map(model.function, kernels), model.sizes, model.ints, motion.q,
        motion.v, model.params, span.signals(model), span.start, span.done, span.h, span.every, *carried, out_q, out_v,
        row, row + span.rows, steps, least=1,
    )  # fmt: skip
    return steps
