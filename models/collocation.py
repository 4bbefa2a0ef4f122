"""SciPy's collocation for orbits of boundary value problems: what extremal orbits are held against."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.integrate import solve_bvp

from symdfi.ep import Orbit
from symdfi.errors import ConvergenceError

#: q̈ at times (t,), positions (d, t) and velocities (d, t).
Acceleration = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def error_of(orbit: Orbit, acceleration: Acceleration, tolerance: float = 1e-9) -> float:
    """max |q − q*| / max |q*| over the nodes, with q* a solution of q̈ = f(t, q, q̇) by collocation near the orbit: of
    the orbit's period, or with its ends. ``ConvergenceError`` where there is none."""
    d, periodic = orbit.q.shape[1], orbit.setting.boundary.periodic

    def at_ends(first: np.ndarray, last: np.ndarray) -> np.ndarray:
        if periodic:
            return first - last
        return np.concatenate([first[:d] - orbit.q[0], last[:d] - orbit.q[-1]])

    def right(t: np.ndarray, z: np.ndarray) -> np.ndarray:
        return np.concatenate([z[d:], acceleration(t, z[:d], z[d:])])

    begin = np.concatenate([orbit.q.T, np.gradient(orbit.q, orbit.t, axis=0).T])
    found = solve_bvp(right, at_ends, orbit.t, begin, tol=tolerance, max_nodes=20_000)
    if not found.success:
        raise ConvergenceError(f"no solution by collocation near the orbit: {found.message}")
    exact = found.sol(orbit.t)[:d].T
    return float(np.max(np.abs(orbit.q - exact)) / np.max(np.abs(exact)))
