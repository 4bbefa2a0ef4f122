"""``evolve``: the loop over time steps, the same for every stepper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from symdfi import progress
from symdfi.dfi.checkpoint import Checkpoint, read
from symdfi.dfi.problem import Problem, Theta
from symdfi.dfi.record import Record, SoFar
from symdfi.dfi.run import Run
from symdfi.dfi.schemes import Motion
from symdfi.dfi.small import SmallSteps
from symdfi.dfi.solution import Solution
from symdfi.dfi.steppers import Solves, Stepper, stepper_of
from symdfi.dfi.target import Fitted, Target, distance
from symdfi.errors import ConvergenceError, DivergenceError, Interrupted, SingularMatrixError
from symdfi.linalg.blas import one_blas_thread
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

    Residuals, what the steps stray, effective ranks and shares of the null space cost a few hundredths of a step, and a
    good part of a cheap one (Euler's); ``measure_every`` takes them every so many steps only, several steps measured
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
    error = _initial_error(_sampled(problem, motion), theta0, motion, initial)
    record = Record(problem, stepper, (stop - start) / steps, error, measure_every, spectrum)
    return _advance(Run(problem, stepper, start, stop, steps, save_every, record, motion), kept, on_step)


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
    return _advance(*read(path, problem, stepper_of(stepper)), on_step)


def _sampled(problem: Problem, motion: Motion) -> Problem:
    """The problem at the samples of a motion."""
    return problem if motion.samples is None else problem.sampled(motion.samples)


def _advance(run: Run, kept: Checkpoint | None, on_step: Callable[[int, float, Any], Any] | None) -> Solution:
    """The run to its end."""
    problem, stepper, record, h, steps = run.problem, run.stepper, run.record, run.h, run.steps
    motion, step, time = run.motion, run.step, run.time(run.step)
    sampled = _sampled(problem, motion)
    solves, small = Solves(sampled), None
    if on_step is None and sampled is problem and record.every == 1 and not record.spectrum:
        small = SmallSteps.of(problem, stepper, motion.theta.size, h, run.save_every)
    done = (step, motion, record.mark())

    def keep() -> None:
        """Write what was done last."""
        if kept is not None and not np.isnan(done[1].velocity).any():
            kept.write(replace(run, step=done[0], motion=done[1], record=record.copy().restore(done[2])))

    # What overflows on the way to a divergence is reported by the exception, not by NumPy's warnings.
    with (
        one_blas_thread(),
        np.errstate(over="ignore", invalid="ignore", divide="ignore"),
        progress.bar(total=steps, initial=step, desc="evolve") as bar,
    ):
        try:
            if np.isnan(motion.velocity).any():
                motion = replace(motion, velocity=stepper.begin(solves, motion.theta, time, h))
                done = (step, motion, record.mark())
            keep()
            due = steps + 1 if kept is None else kept.next(step)
            while step < steps:
                if step >= due:
                    keep()
                    due = kept.next(step) if kept is not None else due
                if small is not None:
                    taken = small.run(motion, run.start, step, min(steps, due) - step, h)
                    record.ran(taken, step, run.start, h, run.save_every)
                    motion, step = taken.motion, step + taken.done
                    done = (step, motion, record.mark())
                    bar.update(taken.done)
                    if not taken.done:
                        small = None  # this problem wants another solver
                    elif taken.whole:
                        continue
                time = run.start + step * h
                step += 1
                if problem.quadrature.changes:
                    sampled = solves.problem = sampled.resample(motion.steps, motion.theta)
                taken = stepper.step(solves, motion, time, h)
                moved, used = replace(taken.motion, steps=motion.steps + 1), taken.velocity
                if sampled is not problem:
                    moved = replace(moved, samples=(sampled.points, sampled.weights))
                if not (np.isfinite(moved.theta).all() and np.isfinite(moved.velocity).all()):
                    raise DivergenceError("theta is not finite after the step")
                strayed = record.took(motion, used, moved, time, h, solves)
                if (step - 1) % run.save_every == 0:
                    record.add(step - 1, time, motion, used, solves)
                if strayed is not None and strayed.fault:
                    raise DivergenceError(strayed.fault)
                motion = moved
                done = (step, moved, record.mark())  # in one: an interrupt may come between any two statements
                bar.update()
                now = run.time(step)
                if on_step is not None and on_step(step, now, SoFar(record, solves, step, now, moved)):
                    break
            keep()
            time = run.time(step)
            final = stepper.velocity(solves, motion, time, h)
        except (ConvergenceError, DivergenceError, SingularMatrixError, ValueError) as error:
            fault = solves.fault()
            if isinstance(error, ValueError) and fault is None:
                raise
            keep()
            kind = DivergenceError if isinstance(error, ValueError) else type(error)
            advice = "" if kind is SingularMatrixError else f"; reduce dt = {h:.3g}"
            raise kind(
                f"step {step} (from t = {time:.6g}): {fault or error}{advice}",
                partial=record.failed(step, time, motion, solves),
                step=step,
                time=time,
            ) from error
        except KeyboardInterrupt as error:
            keep()
            step, motion, mark = done
            raise Interrupted(
                f"interrupted after step {step} of {steps} (t = {run.time(step):.6g})",
                partial=record.restore(mark).stopped(step, run.time(step), motion, solves),
            ) from error
        return record.finished(step, time, motion, final, solves)


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
