"""The velocity field that a stepper gives its time scheme."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from symdfi.dfi.problem import Problem
from symdfi.dfi.steppers.solves import Solves
from symdfi.linalg import AnchoredSolver


@dataclass
class AnchoredField:
    """v = argmin ‖J v − f‖² + γ‖v − μ a‖² by ``solver``, γ in units of σ₁(J)² if ``relative``.

    ``weights(span, fade)`` gives γ and μ over a part of a step (``schemes.Field``).
    """

    solves: Solves
    solver: AnchoredSolver
    weights: Callable[[float, float], tuple[float, float]]
    relative: bool

    @property
    def problem(self) -> Problem:
        return self.solves.problem

    def __call__(
        self, theta: np.ndarray, time: float, anchor: np.ndarray, *, span: float = 1.0, fade: float = 1.0
    ) -> np.ndarray:
        gamma, mu = self.weights(span, fade)
        return self.solves.solve(self.solver, theta, time, anchor, gamma, relative=self.relative, mu=mu)

    def change(
        self, stage: Problem, theta: np.ndarray, time: float, v: np.ndarray, anchor: np.ndarray, *, span: float = 1.0,
        fade: float = 1.0,
    ) -> tuple[np.ndarray, float, np.ndarray]:  # fmt: skip
        gamma, mu = self.weights(span, fade)
        target = mu * anchor
        y = self.solves.solve(self.solver, theta, time, target - v, gamma, relative=self.relative, rows_of=stage)
        assert self.solves.last is not None
        return y, self.solves.last.gamma, target

    def allowed(self, theta: np.ndarray, time: float, v: np.ndarray) -> np.ndarray:
        return self.solves.allowed(theta, time, v)
