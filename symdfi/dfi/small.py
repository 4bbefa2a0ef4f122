"""Euler steps of small problems without the interpreter: tens of thousands a second where a call from Python each makes
a few thousand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdfi.compile.kernels import cache
from symdfi.dfi.defect import StepError
from symdfi.dfi.problem import Problem
from symdfi.dfi.schemes import Motion
from symdfi.dfi.source import Division
from symdfi.linalg.blas import one_blas_thread

#: The largest p for which the interpreter takes a good part of a step.
_LARGEST = 64


@dataclass(frozen=True)
class SmallRun:
    """Steps that were made.

    Attributes
    ----------
    motion
        Where they end.
    done
        How many: less than asked for where a solve is singular or something is not finite. The stepper itself, from
        ``motion`` on, then says what.
    theta, velocity
        Of the steps that are saved, at their beginnings, (s, p).
    residuals
        Of these ‖J v − f‖ and ‖f‖ on the points solved on, the same on fresh ones, and the effective rank, (s, 5).
    """

    motion: Motion
    done: int
    theta: np.ndarray
    velocity: np.ndarray
    residuals: np.ndarray
    measured: np.ndarray

    def errors(self) -> list[StepError]:
        """The measurement of every step."""
        return [StepError(*row) for row in self.measured.tolist()]


def is_small(problem: Problem, p: int) -> bool:
    """Whether ``euler`` takes the problem: one block of rows, few parameters, no nonlocal term and no
    boundary condition."""
    return (
        not problem.nonlocals.terms
        and p <= _LARGEST
        and Division.of(len(problem.points), problem.row_count, p).groups == 1
    )


def euler(
    problem: Problem, motion: Motion, start: float, steps: int, h: float, gamma: float, *, mu: float = 1.0,
    first: int = 0, save_every: int = 1,
) -> SmallRun:  # fmt: skip
    """``steps`` Euler steps of inertia, v⁺ = argmin ‖J v − f‖² + γ‖v − μ v_n‖² by Cholesky's factor and
    θ⁺ = θ_n + h v⁺ (THEORY-DFI, §1), step number ``first`` at ``start + first * h``, from a motion that has a velocity.

    θ is that of ``DFI(epsilon=gamma * h, mu=mu, scheme="euler")`` to the last bit, measurements are those of
    ``StepMeter`` up to rounding. Saved are the steps whose number is a multiple of ``save_every``.
    """
    theta, velocity = motion.theta.copy(), motion.velocity.copy()
    previous = np.full_like(theta, np.nan)
    count = lambda until: -(-until // save_every) - -(-first // save_every)  # noqa: E731
    shape = count(first + steps), theta.size
    thetas, velocities, residuals = np.empty(shape), np.empty(shape), np.empty((shape[0], 5))
    measured, done = np.empty((steps, 6)), np.zeros(1, np.int64)
    before = problem.weighted(theta)
    with one_blas_thread():
        cache.load_module("symdfi.dfi.loops.euler").advance(
            *problem.for_loops(theta), theta, velocity, previous, before, start, first, h, gamma, mu, save_every,
            thetas, velocities, residuals, measured, done,
        )  # fmt: skip
    made = int(done[0])
    kept = count(first + made)
    end = Motion(theta, velocity, previous if made else motion.previous)
    return SmallRun(end, made, thetas[:kept], velocities[:kept], residuals[:kept], measured[:made])
