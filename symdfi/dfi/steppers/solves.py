"""The least-squares solves of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from symdfi.dfi.problem import Problem
from symdfi.dfi.source import Rows, Workspace
from symdfi.errors import SingularMatrixError
from symdfi.linalg import AnchoredSolution, AnchoredSolver
from symdfi.linalg.anchored.normal import tikhonov_curve
from symdfi.linalg.anchored.source import Formed
from symdfi.linalg.anchored.subspace import Subspace, solve_within
from symdfi.linalg.subnormals import flushed

#: ``rule(theta, time, spaces)``: the subspace of velocities at θ, in the coordinates of the last of ``spaces``.
SpaceRule = Callable[[np.ndarray, float, list[Subspace]], Subspace]
#: The most parameters whose normal equations are formed to see how fast they move.
_FORMED = 2**14
_EPS = float(np.finfo(float).eps)


@dataclass
class Solves:
    """The latest rows, a workspace that is used again, the latest solution, and how many there were."""

    problem: Problem
    rows: Rows | None = None
    last: AnchoredSolution | None = None
    count: int = 0
    workspace: Workspace = field(default_factory=Workspace, repr=False)
    _rules: list[SpaceRule] = field(default_factory=list, repr=False)
    _formed: tuple[np.ndarray, float, Formed] | None = field(default=None, repr=False)

    def at(self, theta: np.ndarray, time: float) -> Rows:
        """The rows at θ, for a solver to ask for in the form it needs.

        Raises ``TypeError`` ``within`` a subspace, which only ``solve`` sees to.
        """
        if self._rules:
            raise TypeError("this stepper asks for all rows as they are, and cannot be restricted to some velocities")
        return self._at(theta, time)

    def solve(
        self, solver: AnchoredSolver, theta: np.ndarray, time: float, anchor: np.ndarray, gamma: float, *,
        relative: bool = False, mu: float = 1.0, rows_of: Problem | None = None,
    ) -> np.ndarray:  # fmt: skip
        """v = argmin ‖J v − f‖² + γ‖v − μ a‖² at θ by ``solver``, over the velocities that there are; J and f are those
        of ``rows_of`` where given, the stage of an implicit scheme."""
        rows = self._at(theta, time, rows_of)
        spaces, known, source = self._spaces(theta, time), self._formed, rows
        if not (spaces or rows_of) and known is not None and known[0] is theta and known[1] == time:
            source = known[2]
        self.last = solve_within(spaces, solver, source, anchor, gamma, relative=relative, mu=mu)
        return self.last.v

    def curve(
        self, solver: AnchoredSolver, theta: np.ndarray, time: float
    ) -> Callable[[float], tuple[float, float] | None]:
        """‖v‖ and ‖J v − f‖/‖f‖ of v = argmin ‖J v − f‖² + γσ₁²‖v‖² at θ, by γ; None where γ is too small to tell.

        By normal equations, which serve the next solve too if it is at the same θ; by singular values where there are
        fewer rows than parameters; by ``solver`` where there are very many of these, or velocities are restricted.
        """
        rows = self._at(theta, time)
        n, p = rows.shape() or (0, 0)
        if self._rules or p > _FORMED:
            return lambda gamma: self._point(solver, theta, time, gamma)
        if n < p:
            return _by_singular_values(*rows.whole())
        with flushed():
            formed = rows.normal(None)
        self._formed = theta, time, Formed(rows, formed, self.workspace.lender)
        _, side = self.problem.tangents(theta, np.zeros(p), time, fresh=False)
        return tikhonov_curve(formed.grams, formed.gradient, float(np.linalg.norm(side)), self.workspace.lender)

    def _point(
        self, solver: AnchoredSolver, theta: np.ndarray, time: float, gamma: float
    ) -> tuple[float, float] | None:
        try:
            v = self.solve(solver, theta, time, np.zeros(theta.size), gamma, relative=True)
        except SingularMatrixError:
            return None
        moved, side = self.problem.tangents(theta, v, time, fresh=False)
        left, size = float(np.linalg.norm(moved - side)), float(np.linalg.norm(side))
        return float(np.linalg.norm(v)), max(left / size, _EPS) if size > 0 else 1.0

    def allowed(self, theta: np.ndarray, time: float, v: np.ndarray) -> np.ndarray:
        """The part of v among the velocities that there are."""
        spaces = self._spaces(theta, time)
        for space in spaces:
            v = space.onto(v)
        for space in reversed(spaces):
            v = space.into(v)
        return v

    @contextmanager
    def within(self, rule: SpaceRule) -> Iterator[None]:
        """In this context velocities are restricted; rules apply from the innermost context outwards."""
        self._rules.append(rule)
        try:
            yield
        finally:
            self._rules.pop()

    def _spaces(self, theta: np.ndarray, time: float) -> list[Subspace]:
        spaces: list[Subspace] = []
        for rule in reversed(self._rules):
            spaces.append(rule(theta, time, spaces))
        return spaces

    def _at(self, theta: np.ndarray, time: float, rows_of: Problem | None = None) -> Rows:
        self.rows = (rows_of or self.problem).source(theta, time, self.workspace)
        self.count += 1
        return self.rows

    def fault(self) -> str | None:
        """What is not finite (or too large to be squared) in the latest rows, and where; None if nothing is."""
        return None if self.rows is None else self.rows.fault()


def _by_singular_values(jacobian: np.ndarray, f: np.ndarray) -> Callable[[float], tuple[float, float]]:
    left, sigma, _ = np.linalg.svd(jacobian, full_matrices=False)
    parts, size = left.T @ f, float(np.linalg.norm(f))
    beside = float(np.linalg.norm(f - left @ parts))

    def point(gamma: float) -> tuple[float, float]:
        if not (sigma[0] > 0 and size > 0):
            return 0.0, 1.0
        square = gamma * sigma[0] ** 2
        shares = parts / (sigma**2 + square)
        residual = float(np.hypot(np.linalg.norm(square * shares), beside)) / size
        return float(np.linalg.norm(sigma * shares)), max(residual, _EPS)

    return point
