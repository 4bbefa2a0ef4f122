"""What is saved of a run."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from symdfi.dfi.defect import StepError
from symdfi.dfi.problem import Problem
from symdfi.dfi.schemes import Motion
from symdfi.dfi.solution import Solution
from symdfi.dfi.steppers import Solves, Stepper


class Record:
    """What is saved of a run."""

    def __init__(self, problem: Problem, stepper: Stepper, h: float, initial_error: float) -> None:
        self.problem, self.stepper, self.h, self.initial_error = problem, stepper, h, initial_error
        self.rows: list[tuple[Any, ...]] = []
        self.steps: list[tuple[float, StepError]] = []

    @property
    def time(self) -> float | None:
        return self.rows[-1][0] if self.rows else None

    def copy(self) -> Record:
        other = Record(self.problem, self.stepper, self.h, self.initial_error)
        other.rows, other.steps = self.rows.copy(), self.steps.copy()
        return other

    def add(self, time: float, theta: np.ndarray, velocity: np.ndarray, solves: Solves) -> None:
        fresh, scale = solves.problem.residual(theta, velocity, time)
        solved, _ = solves.problem.residual(theta, velocity, time, fresh=False)
        last = solves.last
        gamma, rank = (last.gamma, last.effective_rank) if last is not None else (np.nan, np.nan)
        self.rows.append((time, theta, velocity, fresh, solved, scale, gamma, rank))

    def stopped(self, step: int, time: float, last: Motion, solves: Solves) -> Solution | None:
        """The solution up to a step, None before there is a velocity."""
        if np.isnan(last.velocity).any():
            return None
        del self.steps[step:]
        if self.time != time:
            self.add(time, last.theta, last.velocity, solves)
        return self.solution(last)

    def solution(self, last: Motion) -> Solution:
        times, thetas, velocities, *scalars = zip(*self.rows, strict=True)
        return Solution(
            self.problem,
            np.array(times),
            np.array(thetas),
            np.array(velocities),
            *(np.array(s, dtype=float) for s in scalars),
            step_t=np.array([time for time, _ in self.steps]),
            step_dt=np.full(len(self.steps), self.h),
            step_residual=np.array([strayed.residual for _, strayed in self.steps]),
            step_defect=np.array([strayed.defect for _, strayed in self.steps]),
            dt=self.h,
            stepper=repr(self.stepper),
            last=last,
            initial_error=self.initial_error,
        )


class SoFar:
    """The solution up to a step, made when it is asked for."""

    def __init__(self, record: Record, solves: Solves, step: int, last: Motion, h: float, start: float) -> None:
        self._made: Callable[[], Solution | None] = functools.cache(
            lambda: record.copy().stopped(step, start + step * h, last, solves)
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made(), name)
