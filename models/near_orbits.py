"""SciPy's solutions of the equations of motion written out by hand: what extremal orbits are held against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.integrate import solve_bvp, solve_ivp

from symdfi.ep import Orbit
from symdfi.errors import ConvergenceError
from symdfi.running import Outcome, Settings

#: q̈ at times, positions and velocities: at one time, (d,) each, or at many, (d, t).
Acceleration = Callable[..., np.ndarray]


def boundary_value_error(orbit: Orbit, acceleration: Acceleration, tolerance: float = 1e-9) -> float:
    """max |q − q*| / max |q*| over the nodes, with q* a solution of q̈ = f(t, q, q̇) by collocation near the orbit: of
    the orbit's period, or with its ends. ``ConvergenceError`` where there is none."""
    d, periodic = orbit.q.shape[1], orbit.setting.boundary.periodic

    def at_ends(first: np.ndarray, last: np.ndarray) -> np.ndarray:
        if periodic:
            return first - last
        return np.concatenate([first[:d] - orbit.q[0], last[:d] - orbit.q[-1]])

    begin = np.concatenate([orbit.q.T, np.gradient(orbit.q, orbit.t, axis=0).T])
    found = solve_bvp(_right(acceleration, d), at_ends, orbit.t, begin, tol=tolerance, max_nodes=20_000)
    return _distance(orbit, found, found.sol)


def initial_value_error(orbit: Orbit, acceleration: Acceleration, v0: np.ndarray, tolerance: float = 1e-11) -> float:
    """The same with the solution from the orbit's beginning and the velocity ``v0``, by DOP853."""
    d = orbit.q.shape[1]
    found = solve_ivp(
        _right(acceleration, d), (0.0, orbit.t[-1]), np.concatenate([orbit.q[0], v0]), "DOP853", dense_output=True,
        rtol=tolerance, atol=tolerance,
    )  # fmt: skip
    return _distance(orbit, found, found.sol)


def from_rest(equations: Callable[[Settings, dict], Acceleration]) -> Callable[[Settings, Outcome], dict[str, float]]:
    """The reference of a model whose motions begin at rest, with q̈ given by its settings and parameters."""

    def reference(s: Settings, outcome: Outcome) -> dict[str, float]:
        acceleration, orbit = equations(s, dict(outcome.experiment.params)), outcome.orbit
        return {"error of the orbit": initial_value_error(orbit, acceleration, np.zeros(orbit.q.shape[1]))}

    return reference


def _right(acceleration: Acceleration, d: int) -> Callable[[float, np.ndarray], np.ndarray]:
    return lambda t, z: np.concatenate([z[d:], acceleration(t, z[:d], z[d:])])


def _distance(orbit: Orbit, found: Any, solution: Callable[[np.ndarray], np.ndarray]) -> float:
    if not found.success:
        raise ConvergenceError(f"SciPy finds no orbit to compare with: {found.message}")
    exact = solution(orbit.t)[: orbit.q.shape[1]].T
    return float(np.max(np.abs(orbit.q - exact)) / np.max(np.abs(exact)))
