"""Trajectories of a discrete system under boundary conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from symdfi.dynamics.axes import with_sizes
from symdfi.dynamics.system import Lagrangian
from symdfi.ep.boundary import Boundary, Closed, Static
from symdfi.ep.closed import closed
from symdfi.ep.discrete import DiscreteSystem, discretised
from symdfi.ep.integrals import with_integrals
from symdfi.ep.march import march
from symdfi.ep.newton import newton
from symdfi.ep.orbit import Orbit
from symdfi.ep.rules import Rule, rule_of
from symdfi.ep.setting import PARAMS, Setting, Signals
from symdfi.errors import SymbolicError
from symdfi.linalg.blas import one_blas_thread
from symdfi.numbers import count, finite_reals, real
from symdfi.symbolic.given import mapping


def extremize(
    system: Lagrangian,
    boundary: Boundary,
    steps: int | None = None,
    params: Mapping[Any, Any] | None = None,
    inputs: Signals | None = None,
    *,
    rule: Rule | str | None = None,
    guess: np.ndarray | None = None,
    tolerance: float = 1e-12,
    iterations: int = 100,
) -> Orbit:
    """The trajectory of a system on ``steps`` intervals under a boundary condition: the extremum of its action, where
    it has one, and with dissipation or generalized forces what the doubled action's extremum is without a nudge.

    ``boundary`` is ``Periodic``, ``FixedEnds``, ``InitialState``, ``AtRest``, ``Static`` (which takes no steps), or for
    closed orbits of systems without a clock ``Autonomous`` or ``LimitCycle``, which need a ``guess``;
    ``rule`` is ``Midpoint()`` if not given, ``Trapezoidal()``, ``Galerkin(degree)``, or for periodic orbits, without
    steps, ``Fourier(harmonics)``, or one by name, "trapezoidal". ``inputs`` are constants, arrays
    over the times at which the rule samples (the midpoints t_{k+1/2} by default), or functions of time. ``guess`` is a
    path (nodes, d), or of the coordinate's shape (nodes, n, m), to begin from: a straight line, or rest, if not given.
    Newton's method stops when max |∂S/∂q| ≤ ``tolerance`` ‖∂²S/∂q∂q‖₁ max |q|, and one more step takes it to roundoff;
    for initial states it takes each interval to roundoff. Each step is solved by factors, but for periodic orbits by
    ``Midpoint``, ``Trapezoidal`` and ``Fourier`` of 256 coordinates or more that meet as in a graph or a lattice, whose
    factors would fill up: by GMRES, as exactly (``Orbit.solved_by`` says which).

    Raises ``ConvergenceError`` and, on Ctrl-C, ``Interrupted`` (the path so far as ``partial``; the former with
    ``residual``); ``SingularMatrixError`` at a conjugate point or a resonance, of the discrete action or so close to
    one of the continuous action that at least half of the path would be the grid's error (``Orbit.grid_error``), and
    for an autonomous orbit, whose phase is free; ``DivergenceError`` where what is computed, of an orbit as well,
    overflows; ``ValueError`` for bad input, for an L or a drive that is not of the period of ``Periodic`` among it, and
    for factors that would not fit into memory; and ``SymbolicError`` for a system that has no such trajectory
    and for any other boundary condition.
    """
    options: dict[str, Any] = {"rule": rule, "guess": guess, "tolerance": tolerance, "iterations": iterations}
    return solve(discretised(system), boundary, steps, params, inputs, **options)


@one_blas_thread()
def solve(
    system: DiscreteSystem,
    boundary: Boundary,
    steps: int | None,
    params: Mapping[Any, Any] | None,
    signals: Signals | None,
    *,
    rule: Rule | str | None = None,
    guess: np.ndarray | None = None,
    tolerance: float = 1e-12,
    iterations: int = 100,
    setting: Setting | None = None,
) -> Orbit:
    """``extremize`` for a system with a cost, whose targets are among the signals; what is read of them already is the
    ``setting``."""
    check_boundary(boundary)
    iterations = count(iterations, "iterations", 0)
    if not (tolerance := real(tolerance, "tolerance")) >= 0:
        raise ValueError(f"tolerance = {tolerance} must not be negative")
    guess = None if guess is None else finite_reals(guess, "the guess")
    if setting is None:
        setting = read(system, boundary, steps, params, signals, rule, guess)
    if guess is not None and np.ndim(guess) > 2:
        guess = np.reshape(guess, (len(guess), -1))
    path = _start(setting, guess)
    system.check_period(setting)
    if boundary.is_marched:
        found = march(system, setting, max(iterations, 1))
    elif isinstance(boundary, Closed):
        found = closed(system, setting, path, tolerance, iterations)
    else:
        found = newton(system, setting, path, tolerance, iterations)
    return replace(found, setting=with_integrals(system, found.setting, found.q))


def read(
    system: DiscreteSystem, boundary: Boundary, steps: int | None, params: Mapping[Any, Any] | None,
    signals: Signals | None, rule: Rule | str | None = None, guess: np.ndarray | None = None,
) -> Setting:  # fmt: skip
    """What is given as numbers on a grid. Errors as of ``extremize``, for bad input."""
    rule = boundary.rule(rule_of(rule))
    steps = _steps(boundary, rule, steps)
    boundary.check_system(system.system, rule)
    params = boundary.with_sizes(system.system, None if params is None else mapping(params, *PARAMS))
    if guess is not None and np.ndim(guess) > 2:
        params = with_sizes(system.system, "a node of the guess", np.shape(guess)[1:], params)
    told = None if guess is None or guess.ndim < 2 else np.prod(guess.shape[1:], dtype=int).item()
    return system.read(boundary, rule, steps, told, params, signals)


def check_boundary(boundary: Boundary) -> None:
    """``SymbolicError`` for what is no boundary condition."""
    if not isinstance(boundary, Boundary):
        own = isinstance(boundary, type) and issubclass(boundary, Boundary)
        made = f"; {boundary.__name__} is a class: give an object, {boundary.__name__}(...)" if own else ""
        raise SymbolicError(
            f"{boundary!r} is no boundary condition: use Periodic(T), FixedEnds(q0, qT, T), InitialState(q0, v0, T), "
            f"AtRest(T), Autonomous(T), LimitCycle(T) or Static(){made}"
        )


def _steps(boundary: Boundary, rule: Rule, steps: int | None) -> int:
    if isinstance(boundary, Static):
        return 1
    if rule.spans:
        if not boundary.periodic:
            raise SymbolicError(f"{rule} is of periodic orbits: {type(boundary).__name__} is none")
        if steps is not None:
            raise ValueError(f"{rule} takes no steps: its harmonics say how fine it is; give None")
        return 1
    if steps is None:
        raise ValueError("the number of steps is missing: only Static and the rule Fourier do without")
    return count(steps, "steps", 1 if boundary.is_marched else 2)


def _start(setting: Setting, guess: np.ndarray | None) -> np.ndarray:
    """The path to begin with."""
    nodes, d = setting.rule.n_nodes(setting.steps), setting.places.n_dof
    if guess is None:
        times = setting.rule.node_times(setting.steps, 1.0)
        return setting.boundary.guess(setting.places, times)
    if guess.shape != (nodes, d):
        raise ValueError(f"the guess has shape {guess.shape}, expected (nodes, n_dof) = ({nodes}, {d})")
    return guess
