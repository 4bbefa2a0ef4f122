"""``evolve``: the loop over time steps, the same for every stepper."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdfi.dfi.problem import Problem
from symdfi.dfi.schemes import Motion
from symdfi.dfi.solution import Solution
from symdfi.dfi.steppers import Solves, Stepper
from symdfi.errors import DivergenceError, SingularMatrixError
from symdfi.linalg.blas import one_blas_thread


def evolve(
    problem: Problem,
    theta0: np.ndarray | Motion,
    t_span: tuple[float, float],
    dt: float,
    stepper: Stepper,
    *,
    velocity0: np.ndarray | None = None,
    save_every: int = 1,
) -> Solution:
    """Evolve the parameters θ from ``theta0`` over ``t_span`` in steps of about ``dt`` (made to divide it).

    Saved every ``save_every``-th step: θ, its velocity, and the residual ‖J v − f‖ on points independent of
    those solved on. ``theta0`` may be the ``last`` motion of an earlier solution, which is then continued as if it
    had not stopped; ``velocity0`` only gives the velocity to start from.

    Raises ``ValueError`` for bad input; ``DivergenceError`` where a step leaves the finite numbers and
    ``SingularMatrixError`` where a solve is singular, both naming step and time and keeping the solution up to
    there as ``partial``.
    """
    from tqdm.auto import tqdm  # slow to import

    motion = _initial(problem, theta0, velocity0)
    start, stop = (float(x) for x in t_span)
    if not stop > start or not 0 < dt <= (stop - start) * (1 + 1e-12):
        raise ValueError(f"dt = {dt} must be positive and at most the length of t_span = {t_span}")
    if save_every < 1:
        raise ValueError(f"save_every = {save_every} must be at least 1")
    steps = max(1, round((stop - start) / dt))
    h = (stop - start) / steps
    record = _Record(problem, stepper, h)
    solves = Solves(problem)
    step, time = 0, start
    with one_blas_thread():
        try:
            if np.isnan(motion.velocity).any():
                motion = Motion(motion.theta, stepper.begin(solves, motion.theta, start, h))
            for step in tqdm(range(1, steps + 1), desc="evolve", disable=None, leave=False):
                time = start + (step - 1) * h
                moved, used = stepper.step(solves, motion, time, h)
                if not (np.isfinite(moved.theta).all() and np.isfinite(moved.velocity).all()):
                    raise DivergenceError("theta is not finite after the step")
                if (step - 1) % save_every == 0:
                    record.add(time, motion.theta, used, solves)
                motion = moved
            time = stop
            final = stepper.velocity(solves, motion.theta, stop, motion.velocity, 1.0, h)
        except (DivergenceError, SingularMatrixError, ValueError) as error:
            fault = solves.fault()
            if isinstance(error, ValueError) and fault is None:
                raise
            if record.time != time:
                record.add(time, motion.theta, motion.velocity, solves)
            kind = SingularMatrixError if isinstance(error, SingularMatrixError) else DivergenceError
            advice = f"; reduce dt = {h:.3g}" if kind is DivergenceError else ""
            raise kind(
                f"step {step} (from t = {time:.6g}): {fault or error}{advice}",
                partial=record.solution(motion),
                step=step,
                time=time,
            ) from error
        record.add(stop, motion.theta, final, solves)
    return record.solution(motion)


def _initial(problem: Problem, theta0: np.ndarray | Motion, velocity0: np.ndarray | None) -> Motion:
    """The motion to start from, its velocity NaN if there is none yet."""
    if isinstance(theta0, Motion):
        if velocity0 is not None:
            raise ValueError("a motion has its velocity: velocity0 is for parameters alone")
        return theta0
    theta = np.array(theta0, dtype=float)
    if theta.ndim != 1:
        raise ValueError(f"theta0 has shape {theta.shape}, expected (p,)")
    problem.ansatz.size_values(theta.size)
    velocity = np.full(theta.size, np.nan) if velocity0 is None else np.array(velocity0, dtype=float)
    if velocity.shape != theta.shape:
        raise ValueError(f"velocity0 has shape {velocity.shape}, expected {theta.shape}")
    for name, values in (("theta0", theta), ("velocity0", velocity if velocity0 is not None else theta)):
        if not np.isfinite(values).all():
            bad = int(np.argmin(np.isfinite(values)))
            raise ValueError(f"{name}[{bad}] is {values[bad]}: the initial value must be finite")
    return Motion(theta, velocity)


class _Record:
    """What is saved of a run."""

    def __init__(self, problem: Problem, stepper: Stepper, h: float) -> None:
        self.problem, self.stepper, self.h = problem, stepper, h
        self.rows: list[tuple[Any, ...]] = []

    @property
    def time(self) -> float | None:
        return self.rows[-1][0] if self.rows else None

    def add(self, time: float, theta: np.ndarray, velocity: np.ndarray, solves: Solves) -> None:
        fresh, scale = self.problem.residual(theta, velocity, time)
        solved, _ = self.problem.residual(theta, velocity, time, fresh=False)
        last = solves.last
        gamma, rank = (last.gamma, last.effective_rank) if last is not None else (np.nan, np.nan)
        self.rows.append((time, theta, velocity, fresh, solved, scale, gamma, rank))

    def solution(self, last: Motion) -> Solution:
        times, thetas, velocities, *scalars = zip(*self.rows, strict=True)
        return Solution(
            self.problem,
            np.array(times),
            np.array(thetas),
            np.array(velocities),
            *(np.array(s, dtype=float) for s in scalars),
            dt=self.h,
            stepper=repr(self.stepper),
            last=last,
        )
