"""``evolve``: the loop over time steps, the same for every stepper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from symdfi.dfi.problem import Problem, Theta
from symdfi.dfi.record import Record, SoFar
from symdfi.dfi.schemes import Motion
from symdfi.dfi.small import SmallSteps
from symdfi.dfi.solution import Solution
from symdfi.dfi.steppers import DFI, Solves, Stepper
from symdfi.dfi.target import Fitted, Target, distance
from symdfi.errors import DivergenceError, Interrupted, SingularMatrixError
from symdfi.linalg.blas import one_blas_thread
from symdfi.numbers import count, finite_reals, real

#: From here on t + h = t to within a few digits.
_MOST_STEPS = 1e14


def evolve(
    problem: Problem,
    theta0: Theta | Motion,
    t_span: tuple[float, float],
    dt: float,
    stepper: Stepper | None = None,
    *,
    velocity0: Theta | None = None,
    initial: Target | None = None,
    save_every: int = 1,
    measure_every: int = 1,
    spectrum: bool = False,
    on_step: Callable[[int, float, Any], Any] | None = None,
) -> Solution:
    """Evolve the parameters θ from ``theta0`` over ``t_span`` in steps of about ``dt`` (made to divide it).

    Saved every ``save_every``-th step: θ, its velocity, and the residual ‖J v − f‖ on points independent of
    those solved on; of every step, by how much it strays from the equation (``dfi.defect``). ``theta0`` is a vector or
    values by parameter, ``{"a": [...], ...}``, or the ``last`` motion of an earlier solution, which is then continued
    as if it had not stopped; ``velocity0`` only gives the velocity to start from. Without ``stepper``: ``DFI()``.

    ``initial`` is the initial value u₀, anything that ``fit`` takes: of it the error bound holds ‖û − u₀‖, measured on
    independent points. The θ that ``fit`` gives knows its own. Without either û(·; θ₀) is itself the initial value.

    Residuals, what the steps stray, effective ranks and shares of the null space cost a few hundredths of a step, and a
    good part of a cheap one (Euler's); ``measure_every`` takes them every so many steps only, several steps measured
    together as one path, which the error bound holds as well. ``spectrum`` adds the singular values of J, whose cost is
    that of many steps.

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
    solve is singular, both naming step and time and keeping the solution up to there as ``partial``, and so does
    ``Interrupted`` (Ctrl-C).
    """
    from tqdm.auto import tqdm  # slow to import

    stepper = DFI() if stepper is None else stepper
    motion = _initial(problem, theta0, velocity0)
    start, stop, steps = _read_steps(t_span, dt)
    save_every, measure_every = count(save_every, "save_every", 1), count(measure_every, "measure_every", 1)
    h = (stop - start) / steps
    sampled = problem if motion.samples is None else problem.sampled(motion.samples)
    record = Record(problem, stepper, h, _initial_error(sampled, theta0, motion, initial), measure_every, spectrum)
    solves, small = Solves(sampled), None
    if on_step is None and sampled is problem and measure_every == 1 and not spectrum:
        small = SmallSteps.of(problem, stepper, motion.theta.size, h, save_every)
    step, time = 0, start
    done = (0, motion, record.mark())
    # What overflows on the way to a divergence is reported by the exception, not by NumPy's warnings.
    with (
        one_blas_thread(),
        np.errstate(over="ignore", invalid="ignore", divide="ignore"),
        tqdm(total=steps, desc="evolve", disable=None, leave=False) as bar,
    ):
        try:
            if np.isnan(motion.velocity).any():
                motion = replace(motion, velocity=stepper.begin(solves, motion.theta, start, h))
                done = (0, motion, record.mark())
            while step < steps:
                if small is not None:
                    run = small.run(motion, start, step, steps - step, h)
                    record.ran(run, step, start, h, save_every)
                    motion, step = run.motion, step + run.done
                    done = (step, motion, record.mark())
                    bar.update(run.done)
                    if not run.done:
                        small = None  # this problem wants another solver
                    elif run.whole:
                        continue
                time = start + step * h
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
                if (step - 1) % save_every == 0:
                    record.add(step - 1, time, motion, used, solves)
                if strayed is not None and strayed.fault:
                    raise DivergenceError(strayed.fault)
                motion = moved
                done = (step, moved, record.mark())  # in one: an interrupt may come between any two statements
                bar.update()
                if on_step is not None and on_step(step, start + step * h, SoFar(record, solves, *done[:2], h, start)):
                    break
            time = stop if step == steps else start + step * h
            final = stepper.velocity(solves, motion, time, h)
        except (DivergenceError, SingularMatrixError, ValueError) as error:
            fault = solves.fault()
            if isinstance(error, ValueError) and fault is None:
                raise
            kind = SingularMatrixError if isinstance(error, SingularMatrixError) else DivergenceError
            advice = f"; reduce dt = {h:.3g}" if kind is DivergenceError else ""
            raise kind(
                f"step {step} (from t = {time:.6g}): {fault or error}{advice}",
                partial=record.failed(step, time, motion, solves),
                step=step,
                time=time,
            ) from error
        except KeyboardInterrupt as error:
            step, motion, mark = done
            time = start + step * h
            record.restore(mark)
            raise Interrupted(
                f"interrupted after step {step} of {steps} (t = {time:.6g})",
                partial=record.stopped(step, time, motion, solves),
            ) from error
        return record.finished(step, time, motion, final, solves)


def _read_steps(t_span: tuple[float, float], dt: float) -> tuple[float, float, int]:
    """The ends of the interval, and the number of steps."""
    ends, dt = finite_reals(t_span, "t_span"), real(dt, "dt")
    if ends.shape != (2,):
        raise ValueError(f"t_span = {t_span} is no interval of time: give its two ends")
    start, stop = map(float, ends)
    if not start < stop or not 0 < dt <= (stop - start) * (1 + 1e-12):
        raise ValueError(f"dt = {dt} must be positive and at most the length of t_span = {t_span}")
    if not (stop - start) / dt < _MOST_STEPS:
        raise ValueError(f"t_span = {t_span} in steps of dt = {dt} makes {(stop - start) / dt:.3g} steps")
    return start, stop, max(1, round((stop - start) / dt))


def _initial_error(problem: Problem, theta0: Theta | Motion, motion: Motion, initial: Target | None) -> float:
    """‖û − u₀‖ at the start: 0 where u₀ is û, NaN where a run goes on and what it started from is not known."""
    if initial is None and isinstance(theta0, Fitted):
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
