"""Integration in equal steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from symdfi.dynamics.methods import Method, Motion, Span
from symdfi.dynamics.model import Model
from symdfi.dynamics.outcome import Failure, Outcome
from symdfi.dynamics.states import Ensemble
from symdfi.errors import ConvergenceError, DivergenceError, Interrupted
from symdfi.numbers import count, real

#: From here on t + h = t to within a few digits.
_MOST_STEPS = 1e14
#: More states than any memory holds.
_MOST_SAVED = 10**11
#: About so many numbers are worked on before a call returns, so that Ctrl-C is heard.
_WORK = 1_000_000


@dataclass(frozen=True)
class Grid:
    """Steps of size h from ``start``, and after which of them the state is saved: after every ``every``-th and the
    last, from the first mark on, 0 unless a motion goes on."""

    start: float
    h: float
    marks: np.ndarray
    every: int

    @classmethod
    def of(cls, start: float, stop: float, dt: float | None, save_every: int) -> Grid:
        """Steps of about ``dt`` from ``start`` to ``stop``, which they divide. ``ValueError`` where there are none."""
        length = abs(stop - start)
        if dt is None:
            raise ValueError(
                "dt is missing: a method of fixed steps needs integrate(..., dt=0.01); 'dop853' chooses its own"
            )
        if not 0 < (dt := real(dt, "dt")) <= length * (1 + 1e-12):
            backward = "; to go backward give t_span = (t1, t0)" if dt < 0 else ""
            raise ValueError(f"dt = {dt} must be positive and at most the length of t_span{backward}")
        save_every = count(save_every, "save_every", 1)
        if not length < _MOST_STEPS * dt:
            raise ValueError(f"t_span = ({start}, {stop}) in steps of dt = {dt} makes {length / dt:.3g} steps")
        steps = max(1, round(length / dt))
        if steps // save_every > _MOST_SAVED:
            raise ValueError(f"of {steps} steps of dt = {dt} every {save_every}. is saved: take a larger save_every")
        marks = np.unique(np.append(np.arange(0, steps + 1, save_every), steps))
        return cls(start, (stop - start) / steps, marks, save_every)

    @property
    def times(self) -> np.ndarray:
        return self.start + self.h * self.marks

    @property
    def regular(self) -> int:
        """The last step that is saved as every ``every``-th is: as if there were more."""
        return int(self.marks[-1]) // self.every * self.every

    def time(self, step: int) -> float:
        return self.start + step * self.h

    def spans(self, most: int) -> Iterator[tuple[Span, int]]:
        """The steps in spans of at most ``most``, and the first row that each saves to. A span that ends between two
        saves, for which there is no row, is marked with −1."""
        last = self.marks.size
        regular = last if self.marks[-1] - self.marks[-2] == self.every else last - 1
        rows = max(1, most // self.every)
        parts = [(k, min(k + rows, regular), self.every) for k in range(1, regular, rows)]
        parts += [(k, k + 1, int(self.marks[k] - self.marks[k - 1])) for k in range(regular, last)]
        for first, until, every in parts:
            done = int(self.marks[first - 1])
            while every > most:
                yield Span(self.start, done, self.h, most, 1), -1
                done, every = done + most, every - most
            yield Span(self.start, done, self.h, every, until - first), first


def run_steps(method: Method, model: Model, grid: Grid, report: Callable[[float], None]) -> Outcome:
    """Fixed steps from the initial states; ``report`` is told the part of all the steps that has been done."""
    members, n = model.ensemble.q.shape
    qs, vs = np.empty((members, grid.marks.size, n)), np.empty((members, grid.marks.size, n))
    motion = Motion(model.ensemble.q.copy(), model.ensemble.v.copy())
    qs[:, 0], vs[:, 0] = motion.q, motion.v
    rows = 1
    failure: Failure | None = None
    good, last = np.ones(members, int), {}
    # Of the state's length alone, so that a member moves the same in an ensemble of any size.
    most = max(1, _WORK // (100 + n**2 if model.kernels.system.mass_structure.kind == "dense" else 100 + n))
    try:
        if model.ensemble.carry:
            motion.carry = {name: values.copy() for name, values in model.ensemble.carry.items()}
        else:
            method.begin(model, grid.time(int(grid.marks[0])), motion)
        vs[:, 0] = motion.v
        between = np.empty((members, 1, n)), np.empty((members, 1, n))
        for span, first in grid.spans(most):
            if span.done % grid.every == 0:
                last = motion.copied() | {"v": vs[:, rows - 1].copy()}
            if first < 0:
                done, saved = method.advance(model, motion, span, *between, 0), rows
                broken = ~(np.isfinite(between[0]) & np.isfinite(between[1])).all(axis=(1, 2))
                good = np.full(members, rows)
            else:
                done, saved = method.advance(model, motion, span, qs, vs, first), first + span.rows
                finite = np.isfinite(qs[:, first:saved]).all(axis=2) & np.isfinite(vs[:, first:saved]).all(axis=2)
                finite &= np.arange(span.rows) < (done // span.every)[:, None]
                good = first + np.argmin(np.append(finite, np.zeros((members, 1), bool), axis=1), axis=1)
                broken = good < saved
            failed = np.flatnonzero(broken | (done < span.steps))
            if failed.size:
                failure = _failure(method, model, grid, span, int(failed[0]), done, qs, vs, good)
                break
            rows = saved
            report(span.steps / (grid.marks[-1] - grid.marks[0]))
        if grid.marks[-1] == grid.regular:  # velocities as they are saved, which some methods do without
            last = motion.copied() | {"v": vs[:, rows - 1].copy()}
    except KeyboardInterrupt:
        failure, good = Interrupted(), np.full(members, rows)
    going = failure is None or isinstance(failure, Interrupted)
    return Outcome(grid.times, qs, vs, good, failure=failure, last=last if going else {})


def _failure(
    method: Method, model: Model, grid: Grid, span: Span, member: int, done: np.ndarray, qs: np.ndarray, vs: np.ndarray,
    good: np.ndarray,
) -> Failure:  # fmt: skip
    """What stopped a member in a span of steps, in words."""
    if done[member] < span.steps:
        step = span.done + int(done[member]) + 1
        solved = "the constraints could not be met" if model.constraints else "Newton's method did not converge"
        return ConvergenceError(
            f"{solved} in step {step} (to t = {grid.time(step):.6g}): "
            f"reduce dt = {abs(grid.h):.3g}",
            step=step, time=grid.time(step), member=member,
        )  # fmt: skip
    row = good[member] - 1
    saved = Ensemble(qs[member, row][None], vs[member, row][None], (), model.ensemble.parameters(member), {})
    step = _first_bad(method, model.of(saved, grid.start), grid, int(grid.marks[row]), span.done + span.steps)
    return DivergenceError(
        f"the state is not finite after step {step} (t = {grid.time(step):.6g}): reduce dt = {abs(grid.h):.3g}",
        step=step, time=grid.time(step), member=member,
    )  # fmt: skip


def _first_bad(method: Method, model: Model, grid: Grid, done: int, last: int) -> int:
    """The first step after which the only member, at its initial state after ``done`` steps, is not finite."""
    motion = Motion(model.ensemble.q.copy(), model.ensemble.v.copy())
    row_q, row_v = np.empty((1, 1, model.n_dof)), np.empty((1, 1, model.n_dof))
    method.begin(model, grid.time(done), motion)
    for step in range(done, last - 1):
        method.advance(model, motion, Span(grid.start, step, grid.h, 1, 1), row_q, row_v, 0)
        if not (np.isfinite(row_q).all() and np.isfinite(row_v).all()):
            return step + 1
    return last
