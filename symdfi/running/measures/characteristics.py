"""What a steady flow carries along: u_t + c(x)·∇u = 0, solved by its characteristics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import sympy as sp

from symdfi.dfi import Box, Problem, Solution
from symdfi.errors import SymbolicError
from symdfi.running.measures.base import InitialValue, Measured, of_errors, uniform_points
from symdfi.running.settings import Settings
from symdfi.symbolic.evolution import EvolutionEquation

#: c at points (n, dim), of the same shape.
Flow = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Characteristics:
    """Relative L² errors against u(x, t) = u₀(x(−t)) on uniform points, traced back along x′ = c(x) by Runge–Kutta
    steps of order 4, of ``step`` at most. The flow is read off the equation.

    Raises ``SymbolicError`` for an equation that is not u_t = −c(x)·∇u.
    """

    step: float

    def __call__(self, settings: Settings, solution: Solution, u0: InitialValue, /) -> Measured:
        domain, flow = solution.problem.domain, flow_of(solution.problem)
        points = uniform_points(domain)

        def carried() -> Iterator[np.ndarray]:
            feet, before = points, solution.t[0]
            for t in solution.t:
                # The flow is steady: feet are traced on from those of the time before.
                feet, before = traced_back(flow, feet, t - before, self.step), t
                yield u0(wrapped(domain, feet))

        return of_errors(f"characteristics, in steps of {self.step:g}", solution, points, carried())


def velocities(equation: EvolutionEquation) -> list[sp.Expr]:
    """c of u_t = −c(x)·∇u, by variable. ``SymbolicError`` for any other equation."""
    u = equation.fields[0]
    slopes = {x: sp.Dummy() for x in equation.variables}
    held = {order: slopes[order[0]] if len(order) == 1 else sp.Dummy() for order in equation.derivatives_of(u)}
    side = equation.with_values({u: held})[0] if len(equation.fields) == 1 else sp.nan
    found = [-sp.diff(side, slope) for slope in slopes.values()]
    rest = sp.expand(side + sp.Add(*(c * slope for c, slope in zip(found, slopes.values(), strict=True))))
    if rest != 0 or any(c.free_symbols - {*equation.variables, *equation.parameters} for c in found):
        raise SymbolicError(f"{equation} is no transport by a steady flow: u_t = -c(x)·∇u")
    return found


def flow_of(problem: Problem) -> Flow:
    """c(x) of the problem's equation, at points that may lie periods away from the domain."""
    given = {p: sp.Float(value) for p, value in problem.param_values.items()}
    variables = problem.ansatz.variables
    by = dict(zip(problem.equation.variables, velocities(problem.equation), strict=True))
    function = sp.lambdify(variables, [by[x].xreplace(given) for x in variables], "numpy", cse=True)

    def flow(points: np.ndarray) -> np.ndarray:
        columns = function(*wrapped(problem.domain, points).T)
        return np.stack([np.broadcast_to(column, len(points)) for column in columns], axis=1)

    return flow


def traced_back(flow: Flow, points: np.ndarray, ago: float, step: float) -> np.ndarray:
    """Where the points (n, dim) were a time ``ago``, by Runge–Kutta steps of order 4."""
    count = max(1, int(np.ceil(ago / step - 1e-9)))
    h = -ago / count
    for _ in range(count if ago > 0 else 0):
        k1 = flow(points)
        k2 = flow(points + h / 2 * k1)
        k3 = flow(points + h / 2 * k2)
        k4 = flow(points + h * k3)
        points = points + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return points


def wrapped(domain: Box, points: np.ndarray) -> np.ndarray:
    """The images of points (n, dim) in the domain, along its periodic axes."""
    low, high = np.array(domain.bounds).T
    axes = np.array(domain.periodic)
    found = np.array(points)
    found[:, axes] = low[axes] + np.mod(points[:, axes] - low[axes], (high - low)[axes])
    return found
