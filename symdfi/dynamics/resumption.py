"""How a motion goes on from where it has come to."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from symdfi.archive import Missing
from symdfi.archive.values import missing_in
from symdfi.dynamics.adaptive import STATUS, STOPPED, AdaptiveMethod, Schedule
from symdfi.dynamics.fixed import Grid
from symdfi.dynamics.joining import continued, followed
from symdfi.dynamics.methods import Method
from symdfi.dynamics.model import Inputs
from symdfi.dynamics.outcome import Outcome
from symdfi.dynamics.pieces import Checkpoint, in_pieces
from symdfi.dynamics.runs import run_members
from symdfi.dynamics.states import Ensemble
from symdfi.errors import CheckpointError, Interrupted
from symdfi.numbers import finite_reals, real, whole_steps

#: A ``Trajectory``, which holds its resumption.
Trajectory = Any


@dataclass(frozen=True)
class Resumption:
    """The method, the inputs and the times of a motion, and in ``ensemble`` the states it goes on from: those that it
    would have been in, in any longer run, with all that the method's next steps depend on. ``dt`` and ``save_every``
    are as they were given, ``until`` is where the motion is to end; ``ended`` says why it does not go on, if so."""

    method: Method | AdaptiveMethod | Missing
    inputs: Any
    ensemble: Ensemble
    plan: Grid | Schedule
    dt: float | None
    save_every: int
    until: float
    ended: str = ""

    @property
    def settings(self) -> dict[str, Any]:
        """For a dataset."""
        found: dict[str, Any] = {"method_settings": repr(self.method)}
        if isinstance(self.plan, Grid):
            found |= {"dt": self.plan.h, "save_every": self.save_every}
        else:
            saved = "at every step" if self.plan.times is None else f"at {len(self.plan.times)} times"
            found |= {"saved": saved if self.dt is None else f"every dt = {self.dt:g}", "dense": str(self.plan.dense)}
            found |= {"events": "; ".join(map(str, self.plan.events))} if self.plan.events else {}
        return found | ({"ended": self.ended} if self.ended else {})

    def trajectory(self, found: Trajectory, outcome: Outcome) -> Trajectory:
        """A trajectory with how it goes on, or why it does not."""
        return dataclasses.replace(found, resumption=self._after(outcome))

    def _after(self, outcome: Outcome) -> Resumption:
        failure, ensemble, plan = outcome.failure, self.ensemble, self.plan
        if failure is not None and not isinstance(failure, Interrupted):
            return replace(self, ended=str(failure))
        if outcome.last:
            carry = {name: values for name, values in outcome.last.items() if name not in ("q", "v")}
            ensemble = replace(ensemble, q=outcome.last["q"], v=outcome.last["v"], carry=carry)
        elif outcome.rows.max() > 1 or ensemble.carry:
            return replace(self, ended="it was interrupted when some of its members had not moved")
        if isinstance(plan, Grid):
            if outcome.rows.min() < outcome.rows.max():
                return replace(self, ended="it was interrupted when some of its members had not moved")
            return replace(self, ensemble=ensemble, plan=replace(plan, marks=plan.marks[: outcome.rows[0]]))
        if not ensemble.carry:  # before the first step
            return replace(self, plan=replace(plan, stop=plan.start))
        status, times = ensemble.carry["counts"][:, STATUS], ensemble.carry["clock"][:, 0]
        if (status == STOPPED).all():
            ended = f"an event has ended it at t = {times[-1]:.6g}"
            return replace(self, ensemble=ensemble, plan=plan, ended=ended)
        if failure is not None:
            ahead = np.sign(plan.stop - plan.start)
            plan = replace(plan, stop=float(plan.start + ahead * np.max(ahead * (times - plan.start))))
        return replace(self, ensemble=ensemble, plan=plan)

    def resume(
        self, so_far: Trajectory, t_end: float | None, t_eval: ArrayLike | None, inputs: Inputs, method: Any,
        executor: Executor | None, checkpoint: Checkpoint | None,
    ) -> Trajectory:  # fmt: skip
        """See ``Trajectory.resume``."""
        if self.ended:
            hint = "integrate anew from the last state"
            raise ValueError(f"this motion does not go on: {self.ended}; {hint}, .q[-1] and .v[-1] at .t[-1]")
        known = replace(self, method=self._chosen(method), inputs=self.inputs if inputs is None else inputs)
        for lost in missing_in(known.inputs):
            raise CheckpointError(f"the inputs hold {lost}, which no file can hold: give inputs= as they were")
        if t_end is None and self._come_to == self.until:
            raise ValueError(f"the motion has come to its end, t = {self.until:g}: say until when it is to go on")
        end = self.until if t_end is None else float(real(t_end, "t_end"))
        plan = self._longer(end, t_eval)
        known = replace(known, until=end)
        if checkpoint is None:
            return known.onward(so_far, plan, executor)
        return in_pieces(dataclasses.replace(so_far, resumption=known), plan, executor, checkpoint)

    def onward(
        self, so_far: Trajectory, plan: Grid | Schedule, executor: Executor | None,
        report: Callable[[float], Any] | None = None,
    ) -> Trajectory:  # fmt: skip
        """The motion gone on with by a longer plan. Raises what ``integrate`` does."""
        outcome = run_members((so_far.system, self.method, self.inputs, plan), self.ensemble, executor, report)
        if isinstance(plan, Grid):
            assert isinstance(self.plan, Grid)
            rows = int(np.searchsorted(self.plan.marks, self.plan.regular))
            plan = replace(plan, marks=np.append(self.plan.marks[:rows], plan.marks))
            outcome = followed(so_far, outcome, rows)
        else:
            outcome = continued(so_far, outcome, self.ensemble.carry, every=plan.times is None)
        ahead = type(so_far).of(so_far.system, outcome, self.ensemble.batch, so_far.params, so_far.method)
        found = dataclasses.replace(ahead, labels=so_far.labels, made=so_far.made)
        found = replace(self, plan=plan).trajectory(found, outcome)
        if isinstance(outcome.failure, Interrupted) and found.resumption.ended:
            found = dataclasses.replace(so_far, resumption=self)  # from where all members were
        if outcome.failure is not None:
            outcome.failure.partial = found
            raise outcome.failure
        return found

    def _chosen(self, method: Any) -> Any:
        if not isinstance(self.method, Missing):
            return self.method
        if method is None:
            raise CheckpointError(f"the method was {self.method}, which no file can hold: give method= as it was")
        if (own := Missing.of(method)) != self.method:
            raise CheckpointError(f"the method was {self.method}, not {own}")
        return method

    @property
    def _come_to(self) -> float:
        if isinstance(self.plan, Schedule):
            return self.plan.stop
        # Of the planned end not a rounding away.
        return self.until if self.plan.marks[-1] == round((self.until - self.plan.start) / self.plan.h) else np.nan

    def _longer(self, t_end: float, t_eval: ArrayLike | None) -> Grid | Schedule:
        """The times until ``t_end``: of equal steps from here on, of an adaptive method from the beginning on."""
        plan = self.plan
        if isinstance(plan, Grid):
            if t_eval is not None:
                raise ValueError("t_eval is for adaptive methods: this motion goes on in its own steps")
            steps = whole_steps(plan.start, plan.h, int(plan.marks[-1]), t_end)
            marks = np.unique(np.append(np.arange(plan.regular, steps + 1, plan.every), steps))
            return replace(plan, marks=marks)
        ahead = np.sign(self.until - plan.start)
        if not ahead * (t_end - plan.stop) > 0 or not np.isfinite(t_end):
            raise ValueError(f"the motion has come to t = {plan.stop:g}: t_end = {t_end:g} is not beyond")
        return replace(plan, stop=t_end, times=self._times(plan, t_end, t_eval, ahead))

    def _times(self, plan: Schedule, t_end: float, t_eval: ArrayLike | None, ahead: float) -> np.ndarray | None:
        if plan.times is None:
            if t_eval is not None:
                raise ValueError("t_eval: this motion is saved at its steps")
            return None
        if t_eval is not None:
            times = np.atleast_1d(finite_reals(t_eval, "t_eval").copy())
            inside = (ahead * times > ahead * plan.stop) & (ahead * times <= ahead * t_end)
            if times.ndim != 1 or not inside.all() or (ahead * np.diff(times) <= 0).any():
                raise ValueError(f"t_eval are times in order, after {plan.stop:g} and up to {t_end:g}")
            return np.append(plan.times[ahead * plan.times <= ahead * plan.stop], times)
        if t_end == self.until:
            return plan.times
        if self.dt is None:
            raise ValueError("the motion was saved at t_eval: say at what times it goes on to be, t_eval=[...]")
        times = np.append(Grid.of(plan.start, t_end, self.dt, self.save_every).times[:-1], t_end)
        common = plan.times[ahead * plan.times < ahead * plan.stop]
        if np.array_equal(times[: len(common)], common):
            return times
        # Of a dt that does not divide both spans alike.
        h = self.dt * self.save_every
        more = np.arange(1, np.ceil(ahead * (t_end - common[-1]) / h - 1e-9))
        return np.concatenate([common, common[-1] + ahead * h * more, [t_end]])
