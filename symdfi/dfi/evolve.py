"""``evolve``: the loop over time steps, the same for every stepper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from symdfi.dfi.advance import advance, sampled_for
from symdfi.dfi.checkpoint import Checkpoint, read
from symdfi.dfi.discretised import Theta
from symdfi.dfi.problem import Problem
from symdfi.dfi.record import Record
from symdfi.dfi.run import Run
from symdfi.dfi.schemes import Motion
from symdfi.dfi.solution import Solution
from symdfi.dfi.steppers import Stepper, stepper_of
from symdfi.dfi.target import Fitted, Target, distance
from symdfi.numbers import count, interval, real

#: From here on t + h = t to within a few digits.
_MOST_STEPS = 1e14


def evolve(
    problem: Problem,
    theta0: Theta | Motion,
    t_span: tuple[float, float],
    dt: float,
    stepper: Stepper | str | None = None,
    *,
    velocity0: Theta | None = None,
    initial: Target | None = None,
    save_every: int = 1,
    measure_every: int = 1,
    spectrum: bool = False,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 1000,
    on_step: Callable[[int, float, Any], Any] | None = None,
) -> Solution:
    """Evolve the parameters θ from ``theta0`` over ``t_span`` in steps of about ``dt`` (made to divide it).

    Saved every ``save_every``-th step: θ, its velocity, and the residual ‖J v − f‖ on points independent of
    those solved on; of every step, by how much it strays from the equation (``dfi.defect``). ``theta0`` is a vector or
    values by parameter, ``{"a": [...], ...}``, or the ``last`` motion of an earlier solution, which is then continued
    as if it had not stopped; ``velocity0`` only gives the velocity to start from. Without ``stepper``: ``DFI()``; one
    with the settings of its class may be called by name, "dfi", "dfo", or "tikhonov" (Dirac–Frenkel's velocity with
    γ = 1e-8 σ₁(J)²) and "dirac-frenkel" (by truncated singular values, rtol = 1e-8).

    ``initial`` is the initial value u₀, anything that ``fit`` takes: of it the error bound holds ‖û − u₀‖, measured on
    independent points. The θ that ``fit`` gives knows its own. Without either û(·; θ₀) is itself the initial value.

    Residuals, what the steps stray, effective ranks and shares of the null space cost a few hundredths of a step, up to
    a tenth of a cheap one (Euler's); ``measure_every`` takes them every so many steps only, several steps measured
    together as one path, which the error bound holds as well. ``spectrum`` adds the singular values of J, whose cost is
    that of many steps.

    ``checkpoint`` is a file that keeps the run, written at its beginning, after every ``checkpoint_every`` steps, and
    where it ends, by Ctrl-C or divergence too, with the last good step: ``resume`` goes on from there.

    ``on_step(step, time, solution)`` is called after every step with its number, the time it has led to, and the
    solution so far (made when one of its attributes is asked for); where it returns True the run ends there.

    A stepper of your own says what a step is (``dfi.Stepper``); what it keeps goes into the motion:

        >>> import dataclasses
        >>> import symdfi as sd
        >>> from symdfi.dfi.schemes import Motion, Stage, Step
        >>> @dataclasses.dataclass(frozen=True)
        ... class Ridge(sd.dfi.Stepper):
        ...     gamma: float
        ...     def velocity(self, solves, motion, time, h):
        ...         rows = solves.at(motion.theta, time)
        ...         solves.last = sd.QR().solve(rows, 0 * motion.theta, self.gamma)
        ...         return solves.last.v
        ...     def step(self, solves, motion, time, h):
        ...         v = self.velocity(solves, motion, time, h)
        ...         moved = Motion(motion.theta + h * v, v, motion.velocity)
        ...         return Step(moved, v, (Stage(1.0, motion.theta, time, v),))

    Raises ``ValueError`` for bad input; ``DivergenceError`` where a step leaves the finite numbers or does not follow
    the equation (û moves by half of itself and far more than f can move it), and ``SingularMatrixError`` where a
    solve is singular, ``ConvergenceError`` where the iteration of an implicit scheme fails, all naming step and time
    and keeping the solution up to there as ``partial``, and so does ``Interrupted`` (Ctrl-C).
    """
    stepper = stepper_of(stepper)
    motion = _initial(problem, theta0, velocity0)
    start, stop, steps = _read_steps(t_span, dt)
    save_every, measure_every = count(save_every, "save_every", 1), count(measure_every, "measure_every", 1)
    checkpoint_every = count(checkpoint_every, "checkpoint_every", 1)
    kept = None if checkpoint is None else Checkpoint(Path(checkpoint), checkpoint_every)
    error = _initial_error(sampled_for(problem, motion), theta0, motion, initial)
    record = Record(problem, stepper, (stop - start) / steps, error, measure_every, spectrum)
    return advance(Run(problem, stepper, start, stop, steps, save_every, record, motion), kept, on_step)


def resume(
    path: str | Path,
    problem: Problem,
    stepper: Stepper | str | None = None,
    *,
    on_step: Callable[[int, float, Any], Any] | None = None,
) -> Solution:
    """The solution of a run that was kept by ``evolve(..., checkpoint=path)``, gone on with from where the file has it:
    the same to the last bit as if it had not stopped. It is kept on in the file as before.

    ``problem`` and ``stepper`` are those of the run. Raises ``FileNotFoundError``, ``CheckpointError`` for a file that
    is no checkpoint, is damaged, or is of another problem or stepper, and what ``evolve`` raises.
    """
    return advance(*read(path, problem, stepper_of(stepper)), on_step)


def _read_steps(t_span: tuple[float, float], dt: float) -> tuple[float, float, int]:
    """The ends of the interval, and the number of steps."""
    (start, stop), dt = interval(t_span, "t_span"), real(dt, "dt")
    if not start < stop or not 0 < dt <= (stop - start) * (1 + 1e-12):
        raise ValueError(f"dt = {dt} must be positive and at most the length of t_span = {t_span}")
    if not (stop - start) / dt < _MOST_STEPS:
        raise ValueError(f"t_span = {t_span} in steps of dt = {dt} makes {(stop - start) / dt:.3g} steps")
    return start, stop, max(1, round((stop - start) / dt))


def _initial_error(problem: Problem, theta0: Theta | Motion, motion: Motion, initial: Target | None) -> float:
    """‖û − u₀‖ at the start: 0 where u₀ is û, NaN where it is not known, as where a run goes on, and of θ that were
    fitted to other fields."""
    if initial is None and isinstance(theta0, Fitted) and theta0.target is not None:
        if theta0.fields != tuple(problem.equation.names):
            return np.nan
        initial = theta0.target
    if initial is None:
        return np.nan if isinstance(theta0, Motion) else 0.0
    return distance(problem.resample(motion.steps, motion.theta), motion.theta, initial)


def _initial(problem: Problem, theta0: Theta | Motion, velocity0: Theta | None) -> Motion:
    """The motion to start from, its velocity NaN if there is none yet."""
    if isinstance(theta0, Motion):
        if velocity0 is not None:
            raise ValueError("a motion has its velocity: velocity0 is for parameters alone")
        problem.theta(theta0.theta, "theta0")
        return theta0
    theta = problem.theta(theta0, "theta0")
    if velocity0 is None:
        return Motion(theta, np.full(theta.size, np.nan))
    if not isinstance(velocity0, Mapping) and np.shape(velocity0) != theta.shape:
        raise ValueError(f"velocity0 has shape {np.shape(velocity0)}, expected {theta.shape}")
    return Motion(theta, problem.theta(velocity0, "velocity0"))
