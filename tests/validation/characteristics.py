"""Transport in the plane, u_t + c(x)·∇u = 0, periodic on [−1, 1)².

Exact solutions u(x, t) = u₀(x(−t)), traced back along x′ = c(x), and an ansatz for fields that are positive.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import sympy as sp

import symdfi as sd
from symdfi.dfi.target import Target
from tests.validation.results import table

#: c at points (dim, n), of the same shape.
Flow = Callable[[np.ndarray], np.ndarray]


def traced_back(flow: Flow, points: np.ndarray, ago: float, step: float) -> np.ndarray:
    """Where the points (dim, n) were a time ``ago``, by Runge–Kutta steps of order 4."""
    count = max(1, int(np.ceil(ago / step - 1e-9)))
    h = -ago / count
    for _ in range(count if ago > 0 else 0):
        k1 = flow(points)
        k2 = flow(points + h / 2 * k1)
        k3 = flow(points + h / 2 * k2)
        k4 = flow(points + h * k3)
        points = points + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return points


class Transported:
    """u₀ of points (dim, n) carried along by ``flow``, at the same ``points`` (n, dim) at times that increase."""

    def __init__(self, flow: Flow, u0: Callable[[np.ndarray], np.ndarray], points: np.ndarray, step: float) -> None:
        self.points, self._flow, self._u0, self._step = points, flow, u0, step
        self._time, self._feet = 0.0, points.T.copy()

    def __call__(self, at: float) -> np.ndarray:
        """u (n,). The flow is steady: feet are traced on from those of the time before."""
        self._feet = traced_back(self._flow, self._feet, at - self._time, self._step)
        self._time = at
        return self._u0(self._feet)


def uniform(size: int) -> np.ndarray:
    """size² points of [−1, 1)², none of them on a line that a grid of cells shares."""
    axis = -1 + 2 * (np.arange(size) + 0.37) / size
    return np.stack([part.ravel() for part in np.meshgrid(axis, axis, indexing="ij")], axis=1)


def nearest(x: np.ndarray) -> np.ndarray:
    """The image in [−1, 1) of a coordinate of period 2."""
    return (x + 1) % 2 - 1


def positive(variables: Sequence[sp.Symbol], widths: Sequence[int]) -> sd.Ansatz:
    """û = exp(−N) with a periodic network N. All of its parameters act where û is, those of a network everywhere."""
    net = sd.mlp(variables, widths, period=[2] * len(variables))
    # N begins at 4, so that û begins small.
    start = lambda bounds, generator: {**net.start(bounds, generator), "d": np.array(4.0)}  # noqa: E731
    return sd.Ansatz(sp.exp(-net.expr), net.variables, net.parameters, start=start)


def errors(solution: sd.Solution, exact: Transported) -> np.ndarray:
    """Relative L² errors at the saved times."""
    found = []
    for t, theta in zip(solution.t, solution.theta, strict=True):
        truth = exact(t)
        off = solution.problem.evaluate(theta, exact.points) - truth
        found.append(np.linalg.norm(off) / np.linalg.norm(truth))
    return np.array(found)


class Measured(NamedTuple):
    """The mean error over the saved times after the start, and a table of all."""

    average: float
    table: str


def measured(problem: sd.Problem, u0: Target, T: float, dt: float, save_every: int, exact: Transported) -> Measured:
    """Fit and evolve at γ = 1e-10."""
    problem.compile()
    began = time.process_time()
    theta0 = sd.fit(problem, u0, iterations=60)
    fitted, began = time.process_time() - began, time.process_time()
    solution = sd.evolve(problem, theta0, (0, T), dt, sd.DFI(gamma=1e-10), save_every=save_every)
    evolved = time.process_time() - began
    found = errors(solution, exact)
    columns = ["parameters", "points", "fit", "average", f"at t = {T:g}", "fitted, CPU s", "evolved, CPU s"]
    row = [theta0.size, len(problem.points), found[0], found[1:].mean(), found[-1], fitted, evolved]
    return Measured(found[1:].mean(), table(columns, [row]))
