"""``integrate``: the motion of a Lagrangian system from an initial state, or from many."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from symdfi import progress
from symdfi.choices import chosen
from symdfi.dynamics.adaptive import DOP853, AdaptiveMethod, Schedule
from symdfi.dynamics.events import Event, Occurrences, read_events
from symdfi.dynamics.fixed import Grid, run_steps
from symdfi.dynamics.methods import RK4, ImplicitMidpoint, Method, Verlet
from symdfi.dynamics.model import Inputs, Model
from symdfi.dynamics.named_states import flat_state, told_by
from symdfi.dynamics.outcome import Failure, Outcome, joined
from symdfi.dynamics.scipy_methods import NAMES, SciPy
from symdfi.dynamics.states import Ensemble, read_ensemble
from symdfi.dynamics.system import Lagrangian
from symdfi.dynamics.trajectory import Trajectory
from symdfi.errors import DivergenceError, Interrupted, SingularMatrixError, SymbolicError
from symdfi.linalg.blas import one_blas_thread
from symdfi.linalg.structured import AT_ONCE
from symdfi.numbers import count, finite_reals, interval, real
from symdfi.workers import blocks, run

#: From here on t + h = t to within a few digits.
_MOST_STEPS = 1e14
#: More states than any memory holds.
_MOST_SAVED = 10**11
#: Without an executor, so many members at a time are on their way, on all cores.
_TOGETHER = 256
#: What is common to all members, as it is sent to the workers: the system, the method, the inputs, the plan.
Task = tuple[Lagrangian, Any, Inputs, Any]


def integrate(
    system: Lagrangian,
    q0: Any,
    v0: Any | None,
    t_span: tuple[float, float],
    dt: float | None = None,
    params: Mapping[Any, Any] | None = None,
    *,
    method: str | Method | AdaptiveMethod = "verlet",
    inputs: Inputs = None,
    save_every: int = 1,
    t_eval: ArrayLike | None = None,
    events: Event | Any | Iterable[Any] = (),
    dense: bool = False,
    rtol: ArrayLike | None = None,
    atol: ArrayLike | None = None,
    max_step: float | None = None,
    executor: Executor | None = None,
) -> Trajectory:
    """Integrate M q̈ = F (+ Gᵀλ under constraints) from (q0, v0) over ``t_span``, which may go backward.

    ``q0`` and ``v0`` have length n_dof (a number for one degree of freedom), or the shape of the system's only
    coordinate, which then tells its sizes, or are given by coordinate, ``{x: values}``, symbols or names, and 0 for
    those that are not named. Leading axes of q0, v0 and parameters make an ensemble: they broadcast, and
    its members, each with its own steps, are integrated on all cores, or by the ``executor``'s workers (any
    ``concurrent.futures.Executor``), with the same numbers however many there are.

    ``method`` is "verlet", "midpoint", "rk4", "dop853", "scipy:RK45" (…, "scipy:Radau", "scipy:LSODA"), or such a
    method with settings of its own; ``rtol``, ``atol`` and ``max_step`` are those of an adaptive one given by name.
    Where L is linear in the velocities the motion is of first order: v0 may be None, the saved velocities are those of
    the equations, and the method is "midpoint", or ``ImplicitMidpoint(order=4)``.
    ``inputs`` are constants or functions of time by name, or one function of time that returns them all.

    In fixed steps of ``dt`` every ``save_every``-th is saved; the last lands on the end of the interval: dt is made to
    divide it. An adaptive method saves at the times ``t_eval``, or at every dt, or without both (one member only) at
    its steps; ``dense`` keeps its dense output, so that ``trajectory(t)`` is as good as the steps are; ``events``
    (expressions, or ``Event``) are found to rounding and listed in ``trajectory.events``, and a terminal one ends the
    motion of its member.

    Constraints are kept to rounding: "verlet" is RATTLE then, other methods project each step onto positions and
    velocities that obey them, by Gauss–Newton steps in the metric of M, and so are saved states. The initial state has
    to obey them to 1e-10 of what rounding in it is measured by: ``system.compile().project`` moves it there.

    Raises ``ValueError`` for a wrong shape, a non-finite state, one off the constraints or a missing parameter;
    ``SymbolicError`` for a method that is not made for the system; ``SingularMatrixError`` for a mass matrix that is
    singular at the start. No number of the trajectory is infinite or NaN but where a member of an ensemble has ended:
    ``DivergenceError`` (also for steps so small that they would never reach the end) and ``ConvergenceError`` name the
    step and time, and the ``member`` of an ensemble; they, and ``Interrupted`` (Ctrl-C), keep what was computed as
    ``partial``.
    """
    chosen = _read_method(method, rtol=rtol, atol=atol, max_step=max_step)
    kernels = system.compile()
    q0 = flat_state(system, q0, "q0", params, is_velocity=False)
    if v0 is None:
        if not system.is_first_order:
            raise ValueError("v0 is None: only a Lagrangian that is linear in the velocities has a motion without v0")
        v0 = np.zeros(np.shape(q0))
    if isinstance(v0, Mapping):
        # Sizes that v0 leaves open are those of q0.
        v0 = flat_state(system, v0, "v0", told_by(system, np.shape(q0), params), is_velocity=True)
    ensemble = read_ensemble(kernels, q0, v0, params)
    start, stop = interval(t_span, "t_span")
    if system.is_first_order and not isinstance(chosen, ImplicitMidpoint):
        raise SymbolicError(
            f"{system.lagrangian} is linear in the velocities: its mass matrix is singular everywhere, and its motion, "
            f"of first order, is integrated by method='midpoint', not {_label(method)}"
        )
    plan: Grid | Schedule
    if isinstance(chosen, Method):
        for name, given in (("t_eval", t_eval is not None), ("events", events != ()), ("dense", dense)):
            if given:
                raise ValueError(f"{name} needs an adaptive method such as 'dop853', not {_label(method)}")
        plan = _read_grid(start, stop, dt, save_every)
    else:
        times = _read_times(start, stop, dt, save_every, t_eval, ensemble)
        plan = Schedule(start, stop, times, read_events(events), dense)
    if system.constraints:
        Model(kernels, ensemble, inputs, start).check_constraints(start)
    outcome = _run((system, chosen, inputs, plan), ensemble, executor)
    label = method if isinstance(method, str) else _label(method)
    for member in np.flatnonzero(outcome.rows < len(outcome.t)) if ensemble.batch else ():
        for values in (outcome.q, outcome.v, outcome.energy):
            values[member, outcome.rows[member] :] = np.nan
    q, v, energy = (x.reshape(*ensemble.batch, *x.shape[1:]) for x in (outcome.q, outcome.v, outcome.energy))
    t = outcome.t
    if not ensemble.batch:
        t, q, v, energy = (x[: outcome.rows[0]] for x in (t, q, v, energy))
    found = {**(params or {}), **{s: value for s, value in ensemble.shared.items() if s in system.sizes}}
    trajectory = Trajectory(system, t, q, v, energy, found, label, tuple(outcome.events), tuple(outcome.dense))
    if outcome.failure is not None:
        outcome.failure.partial = trajectory
        raise outcome.failure
    return trajectory


def _run(task: Task, ensemble: Ensemble, executor: Executor | None) -> Outcome:
    """The outcome of all members, block by block; after a failure, of what there was until then."""
    parts = blocks(ensemble.size, _TOGETHER if executor is None else None)
    outcomes: list[Outcome] = []
    look = "{desc}: {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]"
    with progress.bar(total=ensemble.size, desc="integrate", bar_format=look) as bar:
        work = functools.partial(_integrated, report=bar.update) if executor is None else _integrated
        try:
            with contextlib.closing(run(work, [(task, ensemble.rows(*part)) for part in parts], executor)) as coming:
                for outcome in coming:
                    outcomes.append(outcome)
                    if executor is not None:
                        bar.update(len(outcome.q))
                    if outcome.failure is not None:
                        break
        except KeyboardInterrupt:
            if len(outcomes) < len(parts):
                waiting = ensemble.rows(*parts[len(outcomes)])
                outcomes.append(_begun(task[3], waiting, Interrupted()))
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
        return _begun(plan, ensemble, error)
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


def _begun(plan: Grid | Schedule, ensemble: Ensemble, failure: Failure) -> Outcome:
    """The outcome of members that have not moved."""
    times = np.array([plan.start]) if plan.times is None else plan.times
    at_start = int(times.size > 0 and times[0] == plan.start)
    q, v = (np.full((ensemble.size, len(times), x.shape[1]), np.nan) for x in (ensemble.q, ensemble.v))
    q[:, :at_start], v[:, :at_start] = ensemble.q[:, None][:, :at_start], ensemble.v[:, None][:, :at_start]
    energy, events = np.full(q.shape[:2], np.nan), () if isinstance(plan, Grid) else plan.events
    nothing = Occurrences.listed([], np.empty(0, int), len(events), q.shape[2])
    return Outcome(times, q, v, np.full(ensemble.size, at_start), nothing, [], failure, energy)


_FIXED: dict[str, type[Method]] = {"verlet": Verlet, "midpoint": ImplicitMidpoint, "rk4": RK4}


def _read_method(method: Any, **settings: Any) -> Method | AdaptiveMethod:
    """A method, by its name with these settings of adaptive ones. ``ValueError`` for an unknown one."""
    given = {name: value for name, value in settings.items() if value is not None}
    names: dict[str, Any] = {**_FIXED, "dop853": functools.partial(DOP853, **given)}
    names |= {f"scipy:{solver}": functools.partial(SciPy, solver, **given) for solver in NAMES}
    known = [name.lower() for name in names]
    if isinstance(method, str) and method.lower() not in known and f"scipy:{method.lower()}" in known:
        raise ValueError(f"method = {method!r}: those of SciPy are called 'scipy:{method}'")
    found = chosen(method, (Method, AdaptiveMethod), names, "method", "DOP853()")
    if not isinstance(method, str):
        for name in given:
            raise ValueError(f"{name} is given along with a method that has settings: give it to {_label(method)}(...)")
    elif isinstance(found, Method):
        for setting in given:
            raise ValueError(f"{setting} is a setting of adaptive methods: {method} makes steps of dt")
    return found


def _label(method: Any) -> str:
    return method if isinstance(method, str) else type(method).__name__


def _read_grid(start: float, stop: float, dt: float | None, save_every: int) -> Grid:
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
    return Grid(start, (stop - start) / steps, marks, save_every)


def _read_times(
    start: float, stop: float, dt: float | None, save_every: int, t_eval: ArrayLike | None, ensemble: Ensemble
) -> np.ndarray | None:
    """The times at which states are saved, None for all steps."""
    if t_eval is None:
        if dt is not None:
            return np.append(_read_grid(start, stop, dt, save_every).times[:-1], stop)
        if ensemble.batch:
            raise ValueError("the members of an ensemble make steps of their own: give t_eval (or dt), to save at")
        return None
    if dt is not None:
        raise ValueError(f"states are saved at t_eval or every dt = {dt}, not both")
    times = np.atleast_1d(finite_reals(t_eval, "t_eval").copy())
    ahead = 1.0 if stop > start else -1.0
    inside = (ahead * times >= ahead * start) & (ahead * times <= ahead * stop)
    for time in times[~inside] if times.ndim == 1 else ():
        raise ValueError(f"t_eval has {time:g}, outside t_span = ({start:g}, {stop:g})")
    if times.ndim != 1 or times.size == 0 or (ahead * np.diff(times) <= 0).any():
        raise ValueError("t_eval is a list of times in the order in which t_span passes them")
    return times
