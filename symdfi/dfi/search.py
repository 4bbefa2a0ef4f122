"""The Levenberg–Marquardt search of a fit."""

from __future__ import annotations

import numpy as np

from symdfi.dfi.start import Rows
from symdfi.errors import SingularMatrixError
from symdfi.linalg import Cholesky

#: Steps without progress after which a search stops.
_PATIENCE = 100


class Search:
    """A Levenberg–Marquardt search that may lead uphill, and the best parameters it has met.

    ``units`` (p,) are the sizes of a step's components that count alike, 1 each if not given.
    """

    def __init__(
        self, rows: Rows, goal: np.ndarray, theta: np.ndarray, units: np.ndarray | None = None, *, uphill: bool
    ) -> None:
        self._rows, self._goal, self._uphill, self._solver = rows, goal, uphill, Cholesky()
        self._damping, self._direction, self._since = 1e-2, np.zeros(theta.size), 0
        self.units = np.ones(theta.size) if units is None else units
        self.theta, self.best, self.stuck = theta, theta, False
        self._jacobian, self._value, self.error = self._at(theta)
        self.least = self.error

    def _at(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """J in the units, √w û, and the error, infinite where one of the two, or a sum of squares, is not finite."""
        jacobian, value = self._rows(theta)
        jacobian *= self.units
        sound = np.isfinite(np.vdot(jacobian, jacobian)) and np.isfinite(value).all()
        return jacobian, value, float(np.linalg.norm(self._goal - value)) if sound else np.inf

    def run(self, iterations: int, target: float) -> None:
        """Steps until the error is below ``target`` or nothing improves."""
        for _ in range(iterations):
            if self.least <= target or not self.step():
                break

    def step(self) -> bool:
        """Try one step; False when there is no more progress."""
        zero, rows = np.zeros(self.theta.size), [(self._jacobian, self._goal - self._value)]
        try:
            # 1e-13: below that, roundoff in JᵀJ would decide.
            step = self._solver.solve(rows, zero, self._damping + 1e-13, relative=True).v
        except SingularMatrixError:
            self.stuck = True  # J = 0
            return False
        theta = self.theta + self.units * step
        jacobian, value, error = self._at(theta)
        if (1 - self._alignment(step)) * error < self.error and error < 10 * self.least:
            self.theta, self._jacobian, self._value, self.error = theta, jacobian, value, error
            self._damping, self._direction = max(self._damping / 3, 1e-13), step
        else:
            self._damping *= 2
        self._since = 0 if self.error < (1 - 1e-3) * self.least else self._since + 1
        if self.error < self.least:
            self.best, self.least = self.theta, self.error
        self.stuck = self._since >= _PATIENCE or self._damping > 1e12
        return not self.stuck

    def _alignment(self, step: np.ndarray) -> float:
        """Cosine of the angle to the last step, where it is to count."""
        length = float(np.linalg.norm(step) * np.linalg.norm(self._direction))
        return max(float(step @ self._direction) / length, 0.0) if self._uphill and length > 0 else 0.0
