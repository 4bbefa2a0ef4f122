"""Integration in steps of adapted size: the compiled DOP853, and SciPy's methods."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from symdfi.compile.kernels import cache, threads
from symdfi.dynamics.dense import Interpolant, StepPolynomials, resting
from symdfi.dynamics.events import Event, Occurrences, event_kernel
from symdfi.dynamics.model import Model
from symdfi.dynamics.outcome import Failure, Outcome
from symdfi.dynamics.tableau import source
from symdfi.errors import DivergenceError, Interrupted
from symdfi.numbers import reals
from symdfi.showing import Settings

#: As in loops/adaptive.py.
RUNNING, _FINISHED, STOPPED, _UNDERFLOW, _NEAR = range(5)
STATUS, ROW, ACCEPTED, _TRAIL, _FOUND, _REJECTED, _MARKED = range(7)
_NOW, _STEP, _ERROR, _LOW = range(4)
_PARTS = 8
#: About so many attempted steps of a small system are made before a call returns, so that Ctrl-C is heard.
_ATTEMPTS = 20_000
#: After so many steps it is clear whether the end is reached in as many as can ever be made.
_TRIED, _MOST_STEPS = 2000, 1e14
#: The least relative tolerance.
_SMALLEST = 2.0**-50


@dataclass(frozen=True)
class Schedule:
    """From ``start`` to ``stop``, before it or after; states are wanted at the ``times`` (None: at every step), and
    between all steps if ``dense``."""

    start: float
    stop: float
    times: np.ndarray | None
    events: tuple[Event, ...] = ()
    dense: bool = False


class AdaptiveMethod(Settings, abc.ABC):
    """A method that chooses its own steps, within tolerances."""

    @abc.abstractmethod
    def run(self, model: Model, schedule: Schedule, report: Callable[[float], None]) -> Outcome:
        """Integrate; ``report`` is told the part of the time that has been covered, bit by bit."""


@dataclass(frozen=True, repr=False)
class DOP853(AdaptiveMethod):
    """The Dormand–Prince method of order 8, with error estimates of orders 5 and 3 and dense output of order 7
    (Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I, II.5): a compiled loop.

    A step is accepted where the root mean square of error/(``atol`` + ``rtol`` |y|) is below one, over coordinates and
    velocities. Tolerances are numbers or arrays: (n_dof,) for each coordinate and its velocity, or (2 n_dof,). Under
    constraints each accepted step is projected onto them.
    ``max_step`` bounds the steps.

    Raises ``ValueError`` for a tolerance that is negative, of another shape or too small, and for a ``max_step`` that
    is not positive.
    """

    rtol: ArrayLike = 1e-10
    atol: ArrayLike = 1e-12
    max_step: float = np.inf

    def __post_init__(self) -> None:
        check_tolerances(self.rtol, self.atol, self.max_step)

    def run(self, model: Model, schedule: Schedule, report: Callable[[float], None]) -> Outcome:
        return _Run(self, model, schedule).finish(report)


class _Run:
    """The arrays of one integration by ``loops/adaptive.py``, a row a member."""

    def __init__(self, method: DOP853, model: Model, schedule: Schedule) -> None:
        self.model, self.schedule = model, schedule
        self.loop = cache.load_module("symdfi.dynamics.loops.adaptive")
        self.steps = cache.load_module("symdfi.dynamics.loops.dop853", source())
        self.events = schedule.events
        self.project = self.loop.anywhere
        if model.constraints:
            self.project = model.function(model.kernels.constrained.project_kernel)
        members, n = model.ensemble.q.shape
        self.members, self.width = members, 2 * n
        self.kernel = model.function(model.kernels.acceleration_kernel)
        self.watch = model.function(event_kernel(model.kernels, self.events)) if self.events else self.kernel
        self.y, self.f = np.concatenate([model.ensemble.q, model.ensemble.v], axis=1), np.zeros((members, 2 * n))
        self.low, self.clock = np.zeros((members, 2 * n)), np.zeros((members, 4))
        self.clock[:, 0] = schedule.start
        self.counts = np.zeros((members, 7), np.int64)
        self.times = np.empty(0) if schedule.times is None else np.ascontiguousarray(schedule.times)
        # What a motion that goes on has saved before is with it: here a state of its own stands there.
        self.out = np.repeat(self.y[:, None], self.times.size, axis=1)
        if self.times.size and self.times[0] == schedule.start:
            self.counts[:, ROW] = 1
        self.values = np.zeros((members, len(self.events)))
        kinds = np.array([(e.direction, e.limit) for e in self.events], np.int64).reshape(-1, 2)
        self.kinds = np.tile(kinds, (members, 1, 1))
        self.happened = np.zeros((members, len(self.events)), np.int64)
        self._restore()
        self.noted = {name: values.copy() for name, values in self._standing().items()}
        # Of large systems a few at a time: what the loop works in is made anew in every call.
        room = max(8, _ATTEMPTS // (members * (1 + n // 50)))
        self.attempts = 1 if model.is_driven else room
        kept = 0 if schedule.times is not None and not schedule.dense else 2 + 2 * n
        self.trail = np.empty((members, self.attempts if kept else 0, kept + 14 * n * schedule.dense))
        parts = _PARTS * len(self.events)
        self.found = np.empty((members, parts + min(parts * self.attempts, 256, 16_384 // (n + 1)), 2 + 2 * n))
        rtol, atol = (tolerance_of(x, n) for x in (method.rtol, method.atol))
        self.limits = (schedule.stop, rtol, atol, float(method.max_step))
        self.trails: list[list[np.ndarray]] = [[] for _ in range(members)]
        self.occurred: list[np.ndarray] = []
        self.whose: list[np.ndarray] = []

    def _standing(self) -> dict[str, np.ndarray]:
        """Where the members are, and all that their next steps depend on."""
        n = self.width // 2
        return {
            "q": self.y[:, :n], "v": self.y[:, n:], "low": self.low, "f": self.f, "clock": self.clock,
            "counts": self.counts, "values": self.values, "left": self.kinds[:, :, 1], "happened": self.happened,
        }  # fmt: skip

    def _restore(self) -> None:
        """Members of a motion that goes on stand where they stood; those without a step begin anew."""
        carry = self.model.ensemble.carry
        own = carry["counts"][:, ACCEPTED] > 0 if carry else np.zeros(self.members, bool)
        for name, values in carry.items():
            self._standing()[name][own] = values[own]
        self.counts[own & (self.counts[:, STATUS] == RUNNING), STATUS] = _NEAR

    def _note(self, members: np.ndarray) -> None:
        """What a longer run goes on from."""
        for name, values in self._standing().items():
            self.noted[name][members] = values[members]

    def _approach(self) -> None:
        """Members that are near the end go there from now on, once it is noted where they stand."""
        for member in np.flatnonzero(self.counts[:, STATUS] == _NEAR):
            tally, at = self.counts[member], self.clock[member]
            tally[STATUS] = RUNNING
            if tally[ACCEPTED] == 0:  # already the first step is such: a longer run begins anew
                tally[_MARKED] = 1
                continue
            self._note(np.array([member]))
            left = (self.schedule.stop - at[_NOW]) - at[_LOW]
            if abs(at[_STEP]) >= abs(left) * (1.0 - 1e-10):
                at[_STEP], tally[_MARKED] = left, 1

    def finish(self, report: Callable[[float], None]) -> Outcome:
        """Step until all members are done, one of them fails, or Ctrl-C."""
        span, failure = self.schedule.stop - self.schedule.start, None
        covered = float(np.mean((self.clock[:, 0] - self.schedule.start) / span))
        try:
            first = (self.kernel, self.watch, 8)
            self._call(self.loop.begin, first, self._signals(0.0), self.y, self.f, self.clock, self.values, self.counts)
            if not np.isfinite(self.f).all():
                self.model.acceleration(self.schedule.start)
            again = (
                self.attempts, self.steps.attempt, self.steps.interpolate, self.project, self.kernel, self.watch,
                (8, 12, 16, 7, int(bool(self.model.constraints))),
            )  # fmt: skip
            self._approach()
            while failure is None and (self.counts[:, STATUS] == RUNNING).any():
                try:
                    self._call(
                        self.loop.advance, again, self._signals(self.clock[:, 1]), self.y, self.low, self.f, self.clock,
                        self.counts, self.times, self.out, self.values, self.kinds, self.found, self.trail,
                    )  # fmt: skip
                finally:
                    self._collect()
                    self._approach()
                status, steps = self.counts[:, STATUS], self.counts[:, ACCEPTED]
                endless = (status == RUNNING) & is_endless(self.schedule, self.clock[:, 0], steps)
                for member in np.flatnonzero(endless | (status == _UNDERFLOW))[:1]:
                    failure = self._failure(int(member))
                now = float(np.mean((self.clock[:, 0] - self.schedule.start) / span))
                report(now - covered)
                covered = now
        except KeyboardInterrupt:
            failure = Interrupted()
        return self._outcome(failure)

    def _call(self, function: Callable[..., None], before: tuple, inputs: np.ndarray, *arrays: np.ndarray) -> None:
        model = self.model
        threads.run(
            function,
            self.members,
            *before,
            model.sizes,
            model.ints,
            model.params,
            inputs,
            *arrays,
            *self.limits,
            least=1,
        )

    def _signals(self, steps: ArrayLike) -> np.ndarray:
        """The inputs: one row for all, or where they vary a row a stage of every member's next step."""
        model = self.model
        if not model.is_driven:
            return model.signal(self.schedule.start)[None, None]
        ahead = np.broadcast_to(steps, self.members)[:, None] * np.array(self.steps.C)
        return np.array([[model.signal(time) for time in stages] for stages in self.clock[:, :1] + ahead])

    def _collect(self) -> None:
        """Take what the loop has written to its buffers, and empty them."""
        for member in np.flatnonzero(self.counts[:, _TRAIL]):
            self.trails[member].append(self.trail[member, : self.counts[member, _TRAIL]].copy())
        for member in np.flatnonzero(self.counts[:, _FOUND]):
            rows = self.found[member, : self.counts[member, _FOUND]].copy()
            self.occurred.append(rows)
            self.whose.append(np.full(len(rows), member))
            self.happened[member] += np.bincount(rows[:, 0].astype(int), minlength=len(self.events))
        self.counts[:, [_TRAIL, _FOUND]] = 0

    def _failure(self, member: int) -> DivergenceError:
        time, step = float(self.clock[member, 0]), int(self.counts[member, ACCEPTED])
        return DivergenceError(
            f"DOP853 stopped at t = {time:.6g}: after {step} steps the next would be of {self.clock[member, 1]:.1e}",
            time=time, step=step, member=member,
        )  # fmt: skip

    def _outcome(self, failure: Failure | None) -> Outcome:
        n, t, y, rows = self.width // 2, self.times, self.out, self.counts[:, ROW].copy()
        trails = [np.concatenate([self.trail[member, :0], *parts]) for member, parts in enumerate(self.trails)]
        if self.schedule.times is None:
            t, y = np.append(trails[0][:, 0], self.clock[0, 0]), np.append(trails[0][:, 2 : 2 + 2 * n], self.y, axis=0)
            y, rows = y[None], np.array([len(t)])
        elif (
            self.members == 1
            and (self.counts[0, STATUS] == STOPPED or isinstance(failure, Interrupted))
            and self.clock[0, 0] not in t[: rows[0]]
        ):
            # A single run that an event or Ctrl-C has stopped ends there.
            t, y = np.append(t[: rows[0]], self.clock[0, 0]), np.append(y[0, : rows[0]], self.y, axis=0)[None]
            rows = rows + 1
        found = Occurrences.listed(
            self.occurred, np.concatenate([np.empty(0, int), *self.whose]), len(self.events), n
        )  # fmt: skip
        dense = [self._dense(member, trail) for member, trail in enumerate(trails)] if self.schedule.dense else []
        q, v = np.ascontiguousarray(y[..., :n]), np.ascontiguousarray(y[..., n:])
        last = self._last() if failure is None or isinstance(failure, Interrupted) else {}
        return Outcome(t, q, v, rows, found, dense, failure, last=last)

    def _last(self) -> dict[str, np.ndarray]:
        status = self.counts[:, STATUS]
        self._note(np.flatnonzero((status == STOPPED) | ((status == RUNNING) & (self.counts[:, _MARKED] == 0))))
        self.noted["counts"][:, _MARKED] = 0
        return self.noted

    def _dense(self, member: int, trail: np.ndarray) -> Interpolant:
        if not len(trail):
            return resting(self.schedule.start, self.y[member])
        count, end = self.width, float(self.clock[member, 0])
        F = trail[:, 2 + count :].reshape(len(trail), -1, count)
        return StepPolynomials(trail[:, 0], trail[:, 1], trail[:, 2 : 2 + count], F, end)


def is_endless(schedule: Schedule, time: Any, steps: Any) -> Any:
    """Whether ``steps`` such as those made until ``time`` would never reach the end."""
    return (steps >= _TRIED) & (
        abs(time - schedule.start) * (_MOST_STEPS / np.maximum(steps, 1)) < abs(schedule.stop - time)
    )


def tolerance_of(tolerance: ArrayLike, n_dof: int) -> np.ndarray:
    """A tolerance for each of the coordinates, then of the velocities. ``ValueError`` for a wrong shape."""
    given = reals(tolerance, "a tolerance")
    if given.shape not in ((), (n_dof,), (2 * n_dof,)):
        raise ValueError(f"a tolerance has shape {given.shape}, expected a number, ({n_dof},) or ({2 * n_dof},)")
    return np.tile(given, 2) if given.shape == (n_dof,) else np.broadcast_to(given, 2 * n_dof).copy()


def check_tolerances(rtol: ArrayLike, atol: ArrayLike, max_step: float) -> None:
    """``ValueError`` for tolerances and a largest step that no method could keep."""
    relative, absolute = reals(rtol, "rtol"), reals(atol, "atol")
    if not ((relative == 0) | (relative >= _SMALLEST) & np.isfinite(relative)).all():
        raise ValueError(f"rtol = {rtol} must be zero or at least {_SMALLEST:.1e}, the rounding of a step")
    if not ((absolute > 0) & np.isfinite(absolute)).all():
        raise ValueError(f"atol = {atol} must be positive")
    if reals(max_step, "max_step").ndim or not max_step > 0:
        raise ValueError(f"max_step = {max_step} must be positive")
