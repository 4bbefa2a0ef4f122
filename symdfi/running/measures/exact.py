"""The exact solution, where it is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from symdfi.dfi import Solution
from symdfi.running.measures.base import InitialValue, Measured, of_errors, uniform_points
from symdfi.running.settings import Settings


@dataclass(frozen=True)
class Exact:
    """Relative L² errors against ``solution(settings, x, t)`` on uniform points of the domain, which must be finite.

    x is (n,) in one dimension and (n, dim) in more, the solution (n,), or (F, n) of F fields.
    """

    solution: Callable[[Settings, np.ndarray, float], np.ndarray]

    def __call__(self, settings: Settings, solution: Solution, u0: InitialValue, /) -> Measured:
        points = uniform_points(solution.problem.domain)
        x = points[:, 0] if points.shape[1] == 1 else points
        errors = []
        for t, theta in zip(solution.t.tolist(), solution.theta, strict=True):
            exact = self.solution(settings, x, t)
            off = solution.problem.evaluate(theta, points) - exact
            errors.append(np.linalg.norm(off) / (np.linalg.norm(exact) or 1.0))
        return of_errors("exact solution", solution.t, np.array(errors))
