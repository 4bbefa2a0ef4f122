"""How well the parameters of an ansatz are told apart by û: the spectrum of J."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdfi.dfi.discretised import Theta
from symdfi.dfi.problem import Problem
from symdfi.errors import DivergenceError

#: The γ, relative to σ₁², of effective ranks: what a regularised step resolves at once.
GAMMA = 1e-8


@dataclass(frozen=True, eq=False)
class Conditioning:
    """The singular values σ₁ ≥ σ₂ ≥ … of J = √w ∂û/∂θ, all p of them.

    A fit may be tight and yet no start for an evolution, where û needs parameters that cancel each other: σ_p/σ₁ and
    the effective rank Σ σ²/(σ² + γσ₁²) are then small beside 1 and p.
    """

    singular_values: np.ndarray

    @property
    def ratio(self) -> float:
        """σ_p/σ₁, 0 for J = 0."""
        return float(self.singular_values[-1] / self.singular_values[0]) if self.singular_values[0] > 0 else 0.0

    def effective_rank(self, gamma: float = GAMMA) -> float:
        """Σ σ²/(σ² + γσ₁²), 0 for J = 0."""
        if not self.singular_values[0] > 0:
            return 0.0
        squares = (self.singular_values / self.singular_values[0]) ** 2
        return float((squares / (squares + gamma)).sum())

    def __repr__(self) -> str:
        p = len(self.singular_values)
        return f"Conditioning(ratio={self.ratio:.2g}, effective rank {self.effective_rank():.1f} of {p})"


def conditioning(problem: Problem, theta: Theta) -> Conditioning:
    """The conditioning of J at θ, in the problem's quadrature. ``DivergenceError`` where J is not finite."""
    theta = problem.theta(theta)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return of_jacobian(problem.fit_rows(theta, problem.points, problem.weights)[0])


def of_jacobian(jacobian: np.ndarray) -> Conditioning:
    """The conditioning of J (n, p)."""
    if not np.isfinite(jacobian).all():
        raise DivergenceError("J is not finite at these parameters")
    found = np.zeros(jacobian.shape[1])
    values = np.linalg.svd(jacobian, compute_uv=False)
    found[: len(values)] = values
    return Conditioning(found)
