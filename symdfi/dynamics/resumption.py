"""How a motion goes on from where it has come to."""

from __future__ import annotations

import dataclasses
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from symdfi.archive import Missing
from symdfi.archive.values import missing_in
from symdfi.dynamics.adaptive import AdaptiveMethod, Schedule
from symdfi.dynamics.dense import Joined
from symdfi.dynamics.events import Occurrences
from symdfi.dynamics.fixed import Grid
from symdfi.dynamics.methods import Method
from symdfi.dynamics.model import Inputs
from symdfi.dynamics.outcome import Outcome
from symdfi.dynamics.runs import run_members
from symdfi.dynamics.states import Ensemble
from symdfi.errors import CheckpointError
from symdfi.numbers import finite_reals, real, whole_steps

#: A ``Trajectory``, which holds its resumption.
Trajectory = Any


@dataclass(frozen=True)
class Resumption:
    """The method, the inputs and the times of a motion, and in ``ensemble`` the states it goes on from: those at the
    last save that it would have had in any longer run. ``dt`` and ``save_every`` are as they were given."""

    method: Method | AdaptiveMethod | Missing
    inputs: Any
    ensemble: Ensemble
    plan: Grid | Schedule
    dt: float | None
    save_every: int

    @property
    def settings(self) -> dict[str, Any]:
        """For a dataset."""
        found: dict[str, Any] = {"method_settings": repr(self.method)}
        if isinstance(self.plan, Grid):
            return found | {"dt": self.plan.h, "save_every": self.save_every}
        saved = "at every step" if self.plan.times is None else f"at {len(self.plan.times)} times"
        found |= {"saved": saved if self.dt is None else f"every dt = {self.dt:g}", "dense": str(self.plan.dense)}
        return found | ({"events": "; ".join(map(str, self.plan.events))} if self.plan.events else {})

    def trajectory(self, found: Trajectory, outcome: Outcome) -> Trajectory:
        """A trajectory with its resumption: none where it ended before its time."""
        if outcome.failure is not None:
            return found
        ensemble = self.ensemble
        if outcome.last:
            q, v, *_ = outcome.last.values()
            carry = {name: values for name, values in outcome.last.items() if name not in ("q", "v")}
            ensemble = replace(ensemble, q=q, v=v, carry=carry)
        elif isinstance(self.plan, Schedule):
            if not len(found.t) or found.t[-1] != self.plan.stop or np.isnan(found.q[..., -1, :]).any():
                return found
            q, v = (np.ascontiguousarray(x[..., -1, :].reshape(ensemble.q.shape)) for x in (found.q, found.v))
            ensemble = replace(ensemble, q=q, v=v)
        return dataclasses.replace(found, resumption=replace(self, ensemble=ensemble))

    def resume(
        self, so_far: Trajectory, t_end: float, t_eval: ArrayLike | None, inputs: Inputs, method: Any,
        executor: Executor | None,
    ) -> Trajectory:  # fmt: skip
        """See ``Trajectory.resume``."""
        known = replace(self, method=self._chosen(method), inputs=self.inputs if inputs is None else inputs)
        for lost in missing_in(known.inputs):
            raise CheckpointError(f"the inputs hold {lost}, which no file can hold: give inputs= as they were")
        later = replace(known, plan=self._longer(float(real(t_end, "t_end")), t_eval))
        task = so_far.system, later.method, later.inputs, later.plan
        outcome = run_members(task, self.ensemble, executor)
        if isinstance(later.plan, Grid) and isinstance(self.plan, Grid):
            marks = later.plan.marks
            later = replace(later, plan=replace(later.plan, marks=np.append(self.plan.marks[self._kept], marks)))
        ahead = type(so_far).of(so_far.system, outcome, self.ensemble.batch, so_far.params, so_far.method)
        found = later.trajectory(self._joined(so_far, ahead), outcome)
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
    def _kept(self) -> slice:
        """The saves before the one that a run in equal steps goes on from."""
        assert isinstance(self.plan, Grid)
        return slice(0, int(np.searchsorted(self.plan.marks, self.plan.regular)))

    def _longer(self, t_end: float, t_eval: ArrayLike | None) -> Grid | Schedule:
        """The times from here to ``t_end``."""
        plan = self.plan
        if isinstance(plan, Grid):
            if t_eval is not None:
                raise ValueError("t_eval is for adaptive methods: this motion goes on in its own steps")
            steps = whole_steps(plan.start, plan.h, int(plan.marks[-1]), t_end)
            marks = np.unique(np.append(np.arange(plan.regular, steps + 1, plan.every), steps))
            return replace(plan, marks=marks)
        ahead = np.sign(plan.stop - plan.start)
        if not ahead * (t_end - plan.stop) > 0 or not np.isfinite(t_end):
            raise ValueError(f"the motion has come to t = {plan.stop:g}: t_end = {t_end:g} is not beyond")
        times = None
        if t_eval is not None:
            times = np.atleast_1d(finite_reals(t_eval, "t_eval").copy())
            inside = (ahead * times > ahead * plan.stop) & (ahead * times <= ahead * t_end)
            if times.ndim != 1 or not inside.all() or (ahead * np.diff(times) <= 0).any():
                raise ValueError(f"t_eval are times in order, after {plan.stop:g} and up to {t_end:g}")
        elif self.dt is not None and plan.times is not None:
            h = ahead * self.dt * self.save_every
            count = int(np.ceil(ahead * (t_end - plan.stop) / abs(h) - 1e-9))
            times = np.append(plan.stop + h * np.arange(1, count), t_end)
        elif plan.times is not None:
            raise ValueError("the motion was saved at t_eval: say at what times it goes on to be, t_eval=[...]")
        return replace(plan, start=plan.stop, stop=t_end, times=times)

    def _joined(self, before: Trajectory, after: Trajectory) -> Trajectory:
        """Two motions of which one goes on where the other has come to."""
        kept, own = slice(None), slice(None)
        if isinstance(self.plan, Grid):
            kept = self._kept
        elif len(after.t) and after.t[0] == before.t[-1]:
            own = slice(1, None)
        parts = {"t": np.append(before.t[kept], after.t[own])}
        for name in ("q", "v"):
            one, other = getattr(before, name), getattr(after, name)
            parts[name] = np.concatenate([one[..., kept, :], other[..., own, :]], axis=-2)
        parts["energy"] = np.concatenate([before.energy[..., kept], after.energy[..., own]], axis=-1)
        events = [_all(pair) for pair in zip(before.events, after.events, strict=True)]
        dense = tuple(Joined.of(*pair) for pair in zip(before.dense, after.dense, strict=True))
        return dataclasses.replace(before, **parts, events=tuple(events), dense=dense, resumption=None)


def _all(parts: tuple[Occurrences, Occurrences]) -> Occurrences:
    """What happened before and after, by members and in order of time."""
    found = Occurrences.joined(parts, (0, 0))
    order = np.argsort(found.member, kind="stable")
    return Occurrences(found.t[order], found.q[order], found.v[order], found.member[order])
