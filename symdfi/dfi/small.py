"""Euler steps of small problems without the interpreter: tens of thousands a second where a call from Python each makes
a few thousand."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from symdfi.compile.kernels import cache
from symdfi.dfi.defect import StepError, sound
from symdfi.dfi.problem import Problem
from symdfi.dfi.schemes import Motion
from symdfi.dfi.source import Division
from symdfi.dfi.steppers import DFI, Stepper
from symdfi.linalg import AnchoredSolver, Auto, Cholesky
from symdfi.linalg.blas import one_blas_thread

#: The largest p for which the interpreter takes a good part of a step.
_LARGEST = 64
#: So many steps at a time: some tenths of a second, after which Ctrl-C is seen.
_CHUNK = 4096


@dataclass(frozen=True)
class SmallRun:
    """Steps that were made.

    Attributes
    ----------
    motion
        Where they end.
    asked, done
        How many were to be made and were: less where a solve is singular or something is not finite. The stepper
        itself, from ``motion`` on, then says what.
    theta, velocity
        Of the steps that are saved, at their beginnings, (s, p).
    residuals
        Of these ‖J v − f‖ and ‖f‖ on the points solved on, the same on fresh ones, the effective rank, ‖v − v_n‖, and
        the share of v that the data do not decide (``AnchoredSolution.undecided``), (s, 7).
    measured
        Of every step what a ``StepError`` holds, (done, 6).
    gamma
        The regularisation of all.
    """

    motion: Motion
    asked: int
    done: int
    theta: np.ndarray
    velocity: np.ndarray
    residuals: np.ndarray
    measured: np.ndarray
    gamma: float

    @property
    def whole(self) -> bool:
        """Whether all steps were made that were asked for."""
        return self.done == self.asked

    def errors(self) -> list[StepError]:
        """The measurement of every step."""
        return [StepError(*row) for row in self.measured.tolist()]


class SmallSteps:
    """Steps of a run that the compiled loop takes, up to one that it leaves to the stepper: where a solve is singular
    or wants another solver, something is not finite, or a step does not follow the equation."""

    def __init__(self, problem: Problem, gamma: float, mu: float, least: float, save_every: int) -> None:
        self._problem, self._gamma, self._least = problem, gamma, least
        self._more = {"mu": mu, "save_every": save_every}

    @staticmethod
    def of(problem: Problem, stepper: Stepper, p: int, h: float, save_every: int) -> SmallSteps | None:
        """None where the stepper's steps are not those of the loop, or the problem is not small."""
        if type(stepper) is not DFI or problem.quadrature.changes or not is_small(problem, p):
            return None
        plain, least = stepper.plain(h), _least(stepper.solver, problem.row_count, p)
        return None if plain is None or least is None else SmallSteps(problem, *plain, least, save_every)

    def run(self, motion: Motion, start: float, first: int, steps: int, h: float) -> SmallRun:
        """Up to so many steps, number ``first`` and on."""
        take = lambda many: euler(  # noqa: E731
            self._problem,
            motion,
            start,
            min(many, _CHUNK),
            h,
            self._gamma,
            least=self._least,
            first=first,
            **self._more,
        )
        run = take(steps)
        residual, defect, unresolved, _, rate, size = run.measured.T
        followed = sound(residual, defect, unresolved, rate, size)
        # What was passed on the way to the first step with a fault is not kept.
        return run if followed.all() else replace(take(int(np.argmin(followed))), asked=run.asked)


def _least(solver: AnchoredSolver, rows: int, p: int) -> float | None:
    """γ over the sum of all σ² from which on the solver is ``Cholesky``, None where it may be another."""
    if type(solver) is Cholesky:
        return 0.0
    return solver.needed if type(solver) is Auto and rows >= p else None


def is_small(problem: Problem, p: int) -> bool:
    """Whether ``euler`` takes the problem: one block of rows, few parameters, no nonlocal term and no
    boundary condition."""
    return (
        not problem.nonlocals.terms
        and not problem.boundary.conditions
        and p <= _LARGEST
        and Division.of(len(problem.points), problem.row_count, p).groups == 1
    )


def euler(
    problem: Problem, motion: Motion, start: float, steps: int, h: float, gamma: float, *, mu: float = 1.0,
    least: float = 0.0, first: int = 0, save_every: int = 1,
) -> SmallRun:  # fmt: skip
    """``steps`` Euler steps of inertia, v⁺ = argmin ‖J v − f‖² + γ‖v − μ v_n‖² by Cholesky's factor and
    θ⁺ = θ_n + h v⁺ (theory of DFI, "The step"), step number ``first`` at ``start + first * h``, from a motion that has
    a velocity.

    θ is that of ``DFI(epsilon=gamma * h, mu=mu, scheme="euler")`` to the last bit, measurements are those of
    ``StepMeter`` up to rounding. Saved are the steps whose number is a multiple of ``save_every``. Ends where γ falls
    below ``least`` times the sum of all σ².
    """
    theta, velocity = motion.theta.copy(), motion.velocity.copy()
    previous = np.full_like(theta, np.nan)
    count = lambda until: -(-until // save_every) - -(-first // save_every)  # noqa: E731
    shape = count(first + steps), theta.size
    thetas, velocities, residuals = np.empty(shape), np.empty(shape), np.empty((shape[0], 7))
    measured, done = np.empty((steps, 6)), np.zeros(1, np.int64)
    before, _, driven = problem.arrival(theta, velocity, start + first * h)
    with one_blas_thread():
        cache.load_module("symdfi.dfi.loops.euler").advance(
            *problem.for_loops(theta), theta, velocity, previous, before, driven, start, first, h, gamma, least, mu,
            save_every, thetas, velocities, residuals, measured, done,
        )  # fmt: skip
    made = int(done[0])
    end = replace(motion, theta=theta, velocity=velocity, previous=previous if made else motion.previous)
    end = replace(end, steps=motion.steps + made)
    kept = slice(count(first + made))
    return SmallRun(end, steps, made, thetas[kept], velocities[kept], residuals[kept], measured[:made], gamma)
