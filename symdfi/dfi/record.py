"""What is measured and saved of a run."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.linalg import svdvals

from symdfi.dfi.defect import StepError, StepMeter
from symdfi.dfi.problem import Problem
from symdfi.dfi.schemes import Motion
from symdfi.dfi.small import SmallRun
from symdfi.dfi.solution import SAVED, STEPS, Solution
from symdfi.dfi.steppers import Solves, Stepper


@dataclass(frozen=True)
class Path:
    """Steps that are not measured yet: where they began, the velocity there, and how far they have come."""

    motion: Motion
    velocity: np.ndarray
    time: float
    length: float
    steps: int


@dataclass(frozen=True)
class Mark:
    """How much was recorded at some moment."""

    rows: int
    steps: int
    measured: int
    path: Path | None


class Record:
    """What is saved of a run in steps of h: steps, and what is costly of the saves, are measured ``every`` so often,
    with the singular values of J (``spectrum``) if wanted."""

    def __init__(
        self, problem: Problem, stepper: Stepper, h: float, initial_error: float, every: int, spectrum: bool
    ) -> None:
        self.problem, self.stepper, self.h = problem, stepper, h
        self.initial_error, self.every, self.spectrum = initial_error, every, spectrum
        self._rows: list[tuple[Any, ...]] = []
        self._steps: list[tuple[float, float, float, float]] = []
        self._measured = -every
        self._path: Path | None = None
        self._meter: tuple[Problem, StepMeter] | None = None

    @property
    def _time(self) -> float | None:
        """Of the latest save."""
        return self._rows[-1][0] if self._rows else None

    def mark(self) -> Mark:
        return Mark(len(self._rows), len(self._steps), self._measured, self._path)

    def restore(self, mark: Mark) -> Record:
        """Forget what was recorded after a moment."""
        del self._rows[mark.rows :], self._steps[mark.steps :]
        self._measured, self._path, self._meter = mark.measured, mark.path, None
        return self

    def copy(self) -> Record:
        other = Record(self.problem, self.stepper, self.h, self.initial_error, self.every, self.spectrum)
        other._rows, other._steps = self._rows.copy(), self._steps.copy()
        other._measured, other._path = self._measured, self._path
        return other

    def state(self) -> dict[str, Any]:
        """All that is recorded, in numbers and arrays."""
        times, thetas, velocities, *scalars = zip(*self._rows, strict=True) if self._rows else ([],) * 3
        spectra = scalars.pop() if self.spectrum and scalars else []
        path = self._path
        return {
            "settings": [self.initial_error, self.every, self.spectrum],
            "rows": [np.array(part, dtype=float) for part in (times, thetas, velocities, scalars, spectra)],
            "steps": np.array(self._steps, dtype=float),
            "measured": self._measured,
            "path": None if path is None else [vars(path.motion), path.velocity, path.time, path.length, path.steps],
        }

    @staticmethod
    def of(problem: Problem, stepper: Stepper, h: float, state: dict[str, Any]) -> Record:
        """The record that had this state."""
        found = Record(problem, stepper, h, *state["settings"])
        times, thetas, velocities, scalars, spectra = state["rows"]
        columns = [times.tolist(), list(thetas), list(velocities), *scalars.tolist()]
        found._rows = list(zip(*columns, *([list(spectra)] if found.spectrum else []), strict=True))
        found._steps = [tuple(step) for step in state["steps"].tolist()]
        found._measured = state["measured"]
        if state["path"] is not None:
            motion, *rest = state["path"]
            found._path = Path(Motion(**motion), *rest)
        return found

    @staticmethod
    def of_solution(solution: Solution, stepper: Stepper, h: float, every: int, mark: Mark) -> Record:
        """The record that led to a solution, as it was at a moment."""
        found = Record(solution.problem, stepper, h, solution.initial_error, every, solution.spectrum is not None)
        columns = [getattr(solution, name)[: mark.rows] for name in SAVED]
        columns += [] if solution.spectrum is None else [solution.spectrum[: mark.rows]]
        numbers = [list(part) if part.ndim > 1 else part.tolist() for part in columns]
        found._rows = list(zip(*numbers, strict=True))
        steps = [getattr(solution, name)[: mark.steps].tolist() for name in STEPS]
        found._steps = list(zip(*steps, strict=True))
        return found.restore(mark)

    # Steps

    def took(
        self, motion: Motion, velocity: np.ndarray, moved: Motion, time: float, end: float, h: float, solves: Solves
    ) -> StepError | None:
        """A step of length h from ``motion`` at ``time``, where the velocity is ``velocity``, to ``moved`` at ``end``:
        its measurement, with the steps before it that were not, where it is due."""
        before = self._path
        path = before or Path(motion, velocity, time, 0.0, 0)
        self._path = replace(path, length=path.length + h, steps=path.steps + 1)
        if self._path.steps < self.every:
            return None
        found = self._along(self._path, moved, end, solves)
        if found.fault and before is not None:
            # One cubic may be too coarse for several steps: they have a fault if the last of them, alone, has one.
            step = StepMeter(solves.problem).measure(motion, velocity, moved, time, h)
            if step.fault:
                self._path = before
                return step
        self._keep(self._path, found)
        self._path = None
        return found if before is None else None

    def _along(self, path: Path, moved: Motion, end: float, solves: Solves) -> StepError:
        """What the steps up to ``moved``, at ``end``, stray as one path."""
        if self._meter is None or self._meter[0] is not solves.problem:
            self._meter = solves.problem, StepMeter(solves.problem)
        return self._meter[1].measure(path.motion, path.velocity, moved, path.time, path.length, end)

    def _keep(self, path: Path, found: StepError) -> None:
        """A single step with a fault is none. Of several, what they stray is a bound even where their path is poor."""
        if found.fault is None or (path.steps > 1 and np.isfinite([found.residual, found.defect]).all()):
            self._steps.append((path.time, path.length, found.residual, found.defect))

    def _close(self, moved: Motion, solves: Solves) -> None:
        """Measure the steps up to ``moved`` that were not."""
        if self._path is not None:
            end = self._path.time + self._path.length
            self._keep(self._path, self._along(self._path, moved, end, solves))
            self._path = None

    def ran(self, run: SmallRun, first: int, start: float, h: float, save_every: int) -> None:
        """Steps number ``first`` and on of the compiled loop."""
        times = start + h * np.arange(first, first + run.done)
        measured = run.measured
        self._steps.extend(
            zip(times.tolist(), [h] * run.done, measured[:, 0].tolist(), measured[:, 1].tolist(), strict=True)
        )
        saved = -(-first // save_every) * save_every + save_every * np.arange(len(run.theta))
        for step, theta, velocity, row in zip(saved.tolist(), run.theta, run.velocity, run.residuals, strict=True):
            solved, _, fresh, rate, rank, change, share = row.tolist()
            self._rows.append((start + step * h, theta, velocity, run.gamma, change, fresh, solved, rate, rank, share))
            self._measured = step
        self._meter = None

    # Saves

    def add(self, step: int, time: float, motion: Motion, velocity: np.ndarray, solves: Solves) -> None:
        """Save θ and the velocity there of the moment that so many steps have led to."""
        last, change = solves.last, float(np.linalg.norm(velocity - motion.velocity))
        row = (time, motion.theta, velocity, np.nan if last is None else last.gamma, change)
        if step - self._measured >= self.every:
            row += self._measure(time, motion.theta, velocity, solves)
            self._measured = step
        else:
            row += (np.nan,) * 5
            if self.spectrum:  # the first save is measured
                row += (np.full_like(self._rows[-1][-1], np.nan),)
        self._rows.append(row)

    def _measure(self, time: float, theta: np.ndarray, velocity: np.ndarray, solves: Solves) -> tuple[Any, ...]:
        """What is costly of a save."""
        fresh, rate = solves.problem.residual(theta, velocity, time)
        solved, _ = solves.problem.residual(theta, velocity, time, fresh=False)
        last = solves.last
        shares = (np.nan, np.nan) if last is None else (last.effective_rank, last.undecided)
        if not self.spectrum:
            return fresh, solved, rate, *shares
        return fresh, solved, rate, *shares, svdvals(solves.problem.source(theta, time).whole()[0], overwrite_a=True)

    # Ends

    def finished(self, step: int, time: float, last: Motion, velocity: np.ndarray, solves: Solves) -> Solution:
        """The solution up to a step, with the velocity there."""
        self._close(last, solves)
        self._measured = -self.every  # the end is measured
        self.add(step, time, last, velocity, solves)
        return self._solution(last)

    def failed(self, step: int, time: float, last: Motion, solves: Solves) -> Solution:
        """The solution up to where step ``step`` could not be taken from."""
        self._close(last, solves)
        if self._time == time:
            return self._solution(last)
        return self.finished(step, time, last, last.velocity, solves)

    def stopped(self, step: int, time: float, last: Motion, solves: Solves) -> Solution | None:
        """The solution up to a step that was taken, None before there is a velocity."""
        return None if np.isnan(last.velocity).any() else self.failed(step, time, last, solves)

    def _solution(self, last: Motion) -> Solution:
        times, thetas, velocities, *scalars = zip(*self._rows, strict=True)
        spectra = np.array(scalars.pop()) if self.spectrum else None
        steps = np.array(self._steps).reshape(-1, 4).T
        return Solution(
            self.problem,
            np.array(times),
            np.array(thetas),
            np.array(velocities),
            *(np.array(s, dtype=float) for s in scalars),
            *(np.ascontiguousarray(part) for part in steps),
            dt=self.h,
            stepper=repr(self.stepper),
            last=last,
            initial_error=self.initial_error,
            spectrum=spectra,
        )


class SoFar:
    """The solution up to a step, made when it is asked for."""

    def __init__(self, record: Record, solves: Solves, step: int, time: float, last: Motion) -> None:
        self._made: Callable[[], Solution | None] = functools.cache(
            lambda: record.copy().stopped(step, time, last, solves)
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made(), name)
