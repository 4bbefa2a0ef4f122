"""Integrations of all members of an ensemble, block by block, on all cores or by workers."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import numpy as np

from symdfi import progress
from symdfi.dynamics.adaptive import Schedule
from symdfi.dynamics.events import Occurrences
from symdfi.dynamics.fixed import Grid, run_steps
from symdfi.dynamics.methods import ImplicitMidpoint, Method
from symdfi.dynamics.model import Inputs, Model
from symdfi.dynamics.outcome import Failure, Outcome, joined
from symdfi.dynamics.states import Ensemble
from symdfi.dynamics.system import Lagrangian
from symdfi.errors import DivergenceError, Interrupted, SingularMatrixError
from symdfi.linalg.blas import one_blas_thread
from symdfi.linalg.structured import AT_ONCE
from symdfi.workers import blocks, run

#: Without an executor, so many members at a time are on their way, on all cores.
_TOGETHER = 256
#: What is common to all members, as it is sent to the workers: the system, the method, the inputs, the plan.
Task = tuple[Lagrangian, Any, Inputs, Any]


def bar(size: int) -> Any:
    """The progress of so many members."""
    look = "{desc}: {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]"
    return progress.bar(total=size, desc="integrate", bar_format=look)


def run_members(
    task: Task, ensemble: Ensemble, executor: Executor | None, report: Callable[[float], Any] | None = None
) -> Outcome:
    """The outcome of all members, block by block; after a failure, of what there was until then. ``report`` is told how
    many are done, by and by; without it a bar is shown."""
    if report is None:
        with bar(ensemble.size) as shown:
            return run_members(task, ensemble, executor, shown.update)
    parts = blocks(ensemble.size, _TOGETHER if executor is None else None)
    outcomes: list[Outcome] = []
    work = functools.partial(_integrated, report=report) if executor is None else _integrated
    try:
        with contextlib.closing(run(work, [(task, ensemble.rows(*part)) for part in parts], executor)) as coming:
            for outcome in coming:
                outcomes.append(outcome)
                if executor is not None:
                    report(len(outcome.q))
                if outcome.failure is not None:
                    break
    except KeyboardInterrupt:
        if len(outcomes) < len(parts):
            waiting = ensemble.rows(*parts[len(outcomes)])
            outcomes.append(unmoved(task[3], waiting, Interrupted()))
        outcomes[-1].failure = Interrupted()
    found = joined(outcomes, ensemble.size)
    if ensemble.batch and found.failure is not None and not isinstance(found.failure, Interrupted):
        details = found.failure.details
        flat = parts[len(outcomes) - 1][0] + details["member"]
        details["member"] = tuple(int(k) for k in np.unravel_index(flat, ensemble.batch))
        found.failure.args = (f"member {details['member']}: {found.failure}",)
    return found


def _integrated(task: Task, ensemble: Ensemble, report: Callable[[float], Any] = lambda part: None) -> Outcome:
    """The outcome of a block of members, here or on a worker; ``report`` is told how many are done, by and by."""
    system, method, inputs, plan = task
    model = Model(system.compile(), ensemble, inputs, plan.start)

    def shared(part: float) -> None:
        report(part * ensemble.size)

    # Full matrices are solved with by LAPACK.
    full = system.mass_structure.kind == "dense" or isinstance(method, ImplicitMidpoint)
    alone = one_blas_thread() if full and ensemble.q.shape[1] > AT_ONCE else contextlib.nullcontext()
    try:
        go = run_steps if isinstance(method, Method) else type(method).run
        with alone:
            outcome = go(method, model, plan, shared)
    except (DivergenceError, SingularMatrixError) as error:
        return unmoved(plan, ensemble, error)
    if model.constraints and isinstance(plan, Schedule):
        _project_saved(model, outcome)
    last = int(outcome.rows.max())
    outcome.energy = np.empty(outcome.q.shape[:2])
    outcome.energy[:, :last] = model.energy(outcome.q[:, :last], outcome.v[:, :last], outcome.t[:last])
    if outcome.failure is None:
        outcome.failure = _overflow(outcome)
    return outcome


def _overflow(outcome: Outcome) -> DivergenceError | None:
    """The error for the first member whose state or energy at a saved time is no finite number."""
    saved = np.arange(outcome.energy.shape[1]) < outcome.rows[:, None]
    states = np.asarray(np.isfinite(outcome.q).all(axis=-1) & np.isfinite(outcome.v).all(axis=-1))
    lost = np.argwhere(saved & ~(states & np.isfinite(outcome.energy)))
    if not lost.size:
        return None
    member, row = map(int, lost[0])
    time = float(outcome.t[row])
    if states[member, row]:
        what = f"the energy is not finite at t = {time:.6g}, though the state is"
    else:  # in steps that end in finite ones
        what = f"the state is not finite at t = {time:.6g}, between two steps"
    return DivergenceError(what, time=time, member=member)


def _project_saved(model: Model, outcome: Outcome) -> None:
    """What was interpolated between steps, moved onto the constraints: saved states and those of events."""
    last = int(outcome.rows.max())
    outcome.q[:, :last], outcome.v[:, :last] = model.projected(
        outcome.q[:, :last], outcome.v[:, :last], outcome.t[:last]
    )
    for found in outcome.events:
        for member in np.unique(found.member):
            own, params = found.member == member, model.ensemble.parameters(int(member))
            # M and constraints do not depend on inputs.
            drive = model.inputs_at(float(outcome.t[0]))
            found.q[own], found.v[own] = model.kernels.project(found.q[own], found.v[own], params, found.t[own], drive)


def unmoved(plan: Grid | Schedule, ensemble: Ensemble, failure: Failure | None = None) -> Outcome:
    """The outcome of members that have not moved."""
    times = np.array([plan.start]) if plan.times is None else plan.times
    at_start = int(times.size > 0 and times[0] == plan.start)
    q, v = (np.full((ensemble.size, len(times), x.shape[1]), np.nan) for x in (ensemble.q, ensemble.v))
    q[:, :at_start], v[:, :at_start] = ensemble.q[:, None][:, :at_start], ensemble.v[:, None][:, :at_start]
    energy, events = np.full(q.shape[:2], np.nan), () if isinstance(plan, Grid) else plan.events
    nothing = Occurrences.listed([], np.empty(0, int), len(events), q.shape[2])
    return Outcome(times, q, v, np.full(ensemble.size, at_start), nothing, [], failure, energy)
