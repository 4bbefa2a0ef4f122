"""The exact solution, where it is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.dfi import Problem, Solution
from symdfi.dfi.target import in_time
from symdfi.running.measures.base import InitialValue, Measured, of_errors, uniform_points
from symdfi.running.settings import Settings


@dataclass(frozen=True)
class Exact:
    """Relative L² errors against the ``solution`` on uniform points of the domain, which must be finite.

    It is an expression in the variables and t, of several fields one each, by field, or a function
    ``solution(settings, x, t)`` where it depends on the settings: x is (n,) in one dimension and (n, dim) in more, its
    value (n,), or (F, n) of F fields.
    """

    solution: sp.Expr | Mapping[AppliedUndef, sp.Expr] | Callable[[Settings, np.ndarray, float], np.ndarray]

    def __call__(self, settings: Settings, solution: Solution, u0: InitialValue, /) -> Measured:
        points = uniform_points(solution.problem.domain)
        x = points[:, 0] if points.shape[1] == 1 else points
        at = self._of(solution.problem, settings)
        return of_errors("exact solution", solution, points, (at(x, t) for t in solution.t.tolist()))

    def _of(self, problem: Problem, settings: Settings) -> Callable[[np.ndarray, float], np.ndarray]:
        """The solution at points and a time."""
        given = self.solution
        if not isinstance(given, Mapping) and not isinstance(given, sp.Expr):
            return lambda x, t: given(settings, x, t)
        known = in_time(problem, given)

        def values(x: np.ndarray, t: float) -> np.ndarray:
            return problem.components.joined(problem.components.stacked([one(x) for one in known(t)]))

        return values
