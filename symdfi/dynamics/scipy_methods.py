"""SciPy's adaptive methods on the compiled right-hand side: for stiff systems, and for comparison."""

from __future__ import annotations

import functools
import itertools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from symdfi.dynamics.adaptive import AdaptiveMethod, Schedule, check_tolerances, is_endless, tolerance_of
from symdfi.dynamics.dense import Interpolant, SciPyPolynomials, resting
from symdfi.dynamics.events import Occurrences, event_kernel
from symdfi.dynamics.model import Model
from symdfi.dynamics.outcome import Failure, Outcome
from symdfi.dynamics.scipy_memory import Standing, comes_to_the_end, felt, kept, together
from symdfi.errors import ConvergenceError, DivergenceError, Interrupted, SymbolicError

#: The least rtol that SciPy does not replace.
_SMALLEST = 100 * np.finfo(float).eps
#: So many steps, each within this part of the time on average, lead nowhere: what follows may not be finite.
_MANY, _ROUNDING = 2000, 100 * np.finfo(float).eps
_MULTISTEP = ("BDF", "LSODA")
NAMES = ("RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA")


@dataclass(frozen=True, repr=False)
class SciPy(AdaptiveMethod):
    """A solver of ``scipy.integrate`` by its name: RK23, RK45, DOP853, Radau, BDF or LSODA, the last three for stiff
    systems. Its steps run in Python, one member after the other. Tolerances as in ``symdfi.DOP853``, but a
    number for ``rtol``. Under constraints each step is projected onto them, where the solver permits (not BDF, LSODA).

    Raises ``ValueError`` for another name and for tolerances that are no positive numbers.
    """

    name: str
    rtol: float = 1e-10
    atol: ArrayLike = 1e-12
    max_step: float = np.inf

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise ValueError(f"SciPy has no solver {self.name!r}: one of {', '.join(NAMES)}")
        check_tolerances(self.rtol, self.atol, self.max_step)
        if np.ndim(self.rtol) or not self.rtol >= _SMALLEST:
            raise ValueError(f"rtol of a solver of SciPy is a number of at least {_SMALLEST:.1e}, not {self.rtol}")

    def run(self, model: Model, schedule: Schedule, report: Callable[[float], None]) -> Outcome:
        for constraint in model.constraints if self.name in _MULTISTEP else ():
            raise SymbolicError(
                f"{self.name} remembers earlier steps, so that its states cannot be moved onto {constraint.shown}: use "
                "'dop853', 'scipy:Radau' or a Runge-Kutta method"
            )
        model.acceleration(schedule.start)
        runs = [_Member(self, model, schedule, member) for member in range(model.ensemble.size)]
        failure = None
        try:
            for run in runs:
                failure = run.finish(lambda part: report(part / len(runs)))
                if failure is not None:
                    break
        except KeyboardInterrupt:
            failure = Interrupted()
        n, t = model.n_dof, np.array(runs[0].t) if schedule.times is None else schedule.times
        if len(runs) == 1 and runs[0].stopped:
            t = np.array(runs[0].t)
        y = np.empty((len(runs), len(t), 2 * n))
        for row, run in zip(y, runs, strict=True):
            row[: len(run.y)] = np.reshape(run.y, (-1, 2 * n))
        members = np.concatenate([np.empty(0, int), *(np.full(len(run.found), k) for k, run in enumerate(runs))])
        found = [row for run in runs for row in run.found]
        events = Occurrences.listed(found, members, len(schedule.events), n)
        rows, dense = np.array([len(run.y) for run in runs]), [run.dense() for run in runs] if schedule.dense else []
        q, v = np.ascontiguousarray(y[..., :n]), np.ascontiguousarray(y[..., n:])
        going = failure is None or isinstance(failure, Interrupted)
        return Outcome(t, q, v, rows, events, dense, failure, last=together(runs) if going else {})


class _Member:
    """One member on its way: the saved times ``t`` and states ``y``, and rows (event, time, state) of ``found``."""

    def __init__(self, method: SciPy, model: Model, schedule: Schedule, member: int) -> None:
        self.method, self.model, self.schedule, self.member = method, model, schedule, member
        start = model.ensemble
        self.y0 = np.concatenate([start.q[member], start.v[member]])
        self.params = model.params[member if len(model.params) > 1 else 0]
        self.t: list[float] = []
        self.y: list[np.ndarray] = []
        self.found: list[np.ndarray] = []
        self.pieces: list[Any] = []
        self.ends = [schedule.start]
        self.left = [event.limit for event in schedule.events]
        self.happened = [0] * len(self.left)
        self.stopped = False
        self.steps, self.since, self.values = 0, schedule.start, np.zeros(len(self.left))
        self.standing = Standing.of(model.ensemble, member)

    @np.errstate(all="ignore")
    def finish(self, report: Callable[[float], None]) -> Failure | None:
        """Step to the end, a terminal event or a failure, which is returned."""
        import scipy.integrate  # slow to import

        method, schedule, n = self.method, self.schedule, self.model.n_dof
        kernel, atol = self.model.called(self.model.kernels.acceleration_kernel), tolerance_of(method.atol, n)
        sizes, ints, span = self.model.sizes, self.model.ints, schedule.stop - schedule.start
        ours: list[ValueError] = []

        def slope(time: float, y: np.ndarray) -> np.ndarray:
            y = np.ascontiguousarray(y)
            out = np.empty(2 * n)
            out[:n] = y[n:]
            try:
                kernel(sizes, ints, y[:n], y[n:], self.params, self.model.signal(time), time, out[n:])
            except ValueError as error:
                ours.append(error)
                raise
            return out

        def guarded(call: Callable[[], Any]) -> Any:
            """What SciPy makes of a call, or the words of its failure; it warns of some, and of a few says no more."""
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                try:
                    found = call()
                except ValueError as error:  # SciPy raises one where its own numbers are not finite
                    if error in ours:
                        raise
                    return f"{error}"
            return found or "; ".join(str(w.message) for w in warned) or None

        def failed(time: float, message: str | None) -> DivergenceError:
            return DivergenceError(
                f"{method.name} stopped at t = {time:.6g}: {message or 'the state is not finite'}",
                time=time, step=self.steps, member=self.member,
            )  # fmt: skip

        kind = getattr(scipy.integrate, method.name)
        options = {"rtol": method.rtol, "atol": atol, "max_step": method.max_step}
        known = self.standing
        if known.steps:
            self._restore(known)
            if self.stopped:
                return None
        begins, moment = (known.y, known.time) if known.steps else (self.y0, schedule.start)
        solver = guarded(lambda: kind(slope, moment, begins, schedule.stop, **options))
        if isinstance(solver, str):
            return failed(moment, solver)
        if known.steps:
            known.put(solver)
        else:
            if schedule.times is None or (schedule.times.size and schedule.times[0] == schedule.start):
                self._save(schedule.start, self.y0)
            self.values = self._values(schedule.start, self.y0)
        marked = not known.steps and felt(solver, slope)
        while solver.status == "running" and not self.stopped:
            before = float(solver.t)
            if not marked:
                self.standing = self._now(solver)
                marked = comes_to_the_end(solver)
            message = guarded(solver.step)
            if solver.t == before or solver.status == "failed" or not np.isfinite(solver.y).all():
                return failed(float(solver.t), message)
            self.steps += 1
            if is_endless(schedule, float(solver.t), self.steps):
                return failed(float(solver.t), f"steps of {abs(solver.t - before):.1e} would take more than 1e14")
            if self.steps % _MANY == 0:
                if abs(solver.t - self.since) <= _MANY * _ROUNDING * abs(self.since):
                    return failed(float(solver.t), f"steps of {abs(solver.t - before):.1e} are rounding of the time")
                self.since = float(solver.t)
            inside = solver.dense_output()
            if self.model.constraints and not self._project(solver, slope):
                return ConvergenceError(
                    f"the constraints could not be met after step {self.steps} (t = {solver.t:.6g}): reduce max_step",
                    time=float(solver.t), step=self.steps, member=self.member,
                )  # fmt: skip
            end = float(solver.t)
            if schedule.events:
                self.values, end = self._watch(inside, float(solver.t_old), float(solver.t), self.values)
            self._save_until(inside, end, solver)
            self.ends.append(end)
            self.pieces.append(inside)
            report((end - solver.t_old) / span)
        if self.stopped:
            self.standing = self._now(solver)
        return None

    def _now(self, solver: Any) -> Standing:
        """Where the member stands, and all that its next steps depend on."""
        values, left, happened = self.values.copy(), np.array(self.left, int), np.array(self.happened, int)
        end = self.ends[-1] if self.stopped else float(solver.t)
        rows = 0 if self.schedule.times is None else len(self.t)
        return Standing(
            end, np.array(solver.y), self.steps, rows, self.stopped, values, left, happened, self.since, kept(solver)
        )

    def _restore(self, known: Standing) -> None:
        """A member of a motion that goes on: the states that it has saved before are with that."""
        self.steps, self.since, self.stopped = known.steps, known.since, known.stopped
        self.values, self.left, self.happened = known.values.copy(), known.left.tolist(), known.happened.tolist()
        self.ends = [known.time]
        if self.schedule.times is not None:
            self.t, self.y = self.schedule.times[: known.rows].tolist(), [known.y] * known.rows
        else:
            self._save(known.time, known.y)

    def dense(self) -> Interpolant:
        """The states between all steps."""
        from scipy.integrate import OdeSolution  # slow to import

        if not self.pieces:
            return resting(self.schedule.start, self.y0)
        return SciPyPolynomials(OdeSolution(self.ends, self.pieces))

    def _project(self, solver: Any, slope: Callable[[float, np.ndarray], np.ndarray]) -> bool:
        """The last state moved onto the constraints, and its slope; False if that did not succeed."""
        model, n = self.model, self.model.n_dof
        y, time = np.array(solver.y), float(solver.t)
        project = model.function(model.kernels.constrained.project_kernel)
        if not project(model.sizes, model.ints, y[:n], y[n:], self.params, model.signal(time), time):
            return False
        solver.y, solver.f = y, slope(time, y)
        return True

    def _save(self, time: float, y: np.ndarray) -> None:
        self.t.append(time)
        self.y.append(np.array(y))

    def _save_until(self, inside: Any, end: float, solver: Any) -> None:
        """The wanted states of the last step, up to the time ``end``."""
        times, ahead = self.schedule.times, solver.direction
        if times is not None:
            while len(self.t) < len(times) and ahead * times[len(self.t)] <= ahead * end:
                time = times[len(self.t)]
                self._save(time, solver.y if time == solver.t else inside(time))
        if (times is None or self.stopped) and (not self.t or self.t[-1] != end):
            self._save(end, inside(end) if self.stopped else solver.y)

    def _values(self, time: float, y: np.ndarray) -> np.ndarray:
        out, n = np.empty(len(self.schedule.events)), self.model.n_dof
        if self.schedule.events:
            y = np.ascontiguousarray(y)
            watch = self.model.function(event_kernel(self.model.kernels, self.schedule.events))
            signal = np.zeros(self.model.n_inputs)
            watch(self.model.sizes, self.model.ints, y[:n], y[n:], self.params, signal, time, out)
        return out

    def _watch(self, inside: Any, start: float, stop: float, values: np.ndarray) -> tuple[np.ndarray, float]:
        """The events of a step and until when it goes, as in ``loops/adaptive.py``."""
        from scipy.optimize import brentq  # slow to import

        marks = np.linspace(start, stop, 9)
        for a, b in itertools.pairwise(marks):
            now, happened = self._values(b, inside(b)), []
            for k, event in enumerate(self.schedule.events):
                rises, falls = values[k] < 0 <= now[k], values[k] > 0 >= now[k]
                if (rises and event.direction >= 0) or (falls and event.direction <= 0):
                    vanish = functools.partial(lambda t, k: self._values(t, inside(t))[k], k=k)
                    happened.append((b if now[k] == 0 else brentq(vanish, a, b, xtol=1e-300, rtol=1e-15), k))
            for time, k in sorted(happened, key=lambda pair: pair[0] * np.sign(stop - start)):
                self.found.append(np.concatenate([[k, time], inside(time)])[None])
                self.happened[k] += 1
                self.left[k] -= 1
                if self.left[k] == 0:
                    self.stopped = True
                    return now, float(time)
            values = now
        return values, stop
