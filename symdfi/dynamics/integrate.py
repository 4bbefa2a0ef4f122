"""``integrate``: the motion of a Lagrangian system from an initial state, or from many."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from symdfi.choices import chosen
from symdfi.dynamics.adaptive import DOP853, AdaptiveMethod, Schedule
from symdfi.dynamics.events import Event, read_events
from symdfi.dynamics.fixed import Grid
from symdfi.dynamics.methods import RK4, ImplicitMidpoint, Method, Verlet
from symdfi.dynamics.model import Inputs, Model
from symdfi.dynamics.named_states import flat_state, told_by
from symdfi.dynamics.pieces import Checkpoint, in_pieces
from symdfi.dynamics.resumption import Resumption
from symdfi.dynamics.runs import run_members, unmoved
from symdfi.dynamics.scipy_methods import NAMES, SciPy
from symdfi.dynamics.states import Ensemble, read_ensemble
from symdfi.dynamics.system import Lagrangian, check_system
from symdfi.dynamics.trajectory import Trajectory
from symdfi.errors import SymbolicError
from symdfi.numbers import finite_reals, interval, real


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
    checkpoint: str | Path | None = None,
    checkpoint_every: float = 10.0,
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

    ``checkpoint`` names a file that keeps a long motion about every ``checkpoint_every`` seconds, and when Ctrl-C stops
    it: ``symdfi.load(checkpoint).resume()`` is, to the last bit, the motion that was not interrupted.

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
    check_system(system)
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
        plan = Grid.of(start, stop, dt, save_every)
    else:
        times = _read_times(start, stop, dt, save_every, t_eval, ensemble)
        plan = Schedule(start, stop, times, read_events(events), dense)
    if system.constraints:
        Model(kernels, ensemble, inputs, start).check_constraints(start)
    resumption = Resumption(chosen, inputs, ensemble, plan, dt, save_every, stop)
    label = method if isinstance(method, str) else _label(method)
    found = {**(params or {}), **{s: value for s, value in ensemble.shared.items() if s in system.sizes}}
    if checkpoint is not None:
        kept = Checkpoint(Path(checkpoint), float(real(checkpoint_every, "checkpoint_every")))
        nothing = unmoved(plan, ensemble)
        begun = resumption.trajectory(Trajectory.of(system, nothing, ensemble.batch, found, label), nothing)
        return in_pieces(begun, plan, executor, kept)
    outcome = run_members((system, chosen, inputs, plan), ensemble, executor)
    trajectory = resumption.trajectory(Trajectory.of(system, outcome, ensemble.batch, found, label), outcome)
    if outcome.failure is not None:
        outcome.failure.partial = trajectory
        raise outcome.failure
    return trajectory


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


def _read_times(
    start: float, stop: float, dt: float | None, save_every: int, t_eval: ArrayLike | None, ensemble: Ensemble
) -> np.ndarray | None:
    """The times at which states are saved, None for all steps."""
    if t_eval is None:
        if dt is not None:
            return np.append(Grid.of(start, stop, dt, save_every).times[:-1], stop)
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
