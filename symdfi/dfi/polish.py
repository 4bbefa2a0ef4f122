"""The homotopy polish: the last of a fit's error taken off by the dynamics themselves.

With c = u₀ − Φ(θ_a) frozen, J(θ) θ′ ≈ c is integrated over τ ∈ [0, 1]: along an exact solution û moves straight from
Φ(θ_a) to u₀. What is left over is the error of a regularised solve and of the steps; it is taken as the next c.
"""

from __future__ import annotations

import numpy as np

from symdfi.dfi.discretised import Theta
from symdfi.dfi.problem import Problem
from symdfi.dfi.start import Rows
from symdfi.dfi.target import Fitted, Target, samples
from symdfi.errors import SingularMatrixError
from symdfi.linalg import QR
from symdfi.linalg.blas import one_blas_thread
from symdfi.numbers import count, real

#: A round that leaves more of the error than this is repeated with a larger γ, up to the largest.
_GAIN, _LARGEST, _RAISED = 0.8, 1e-3, 100.0


def polish(
    problem: Problem,
    theta: Theta,
    u0: Target,
    *,
    gamma: float = 1e-8,
    steps: int = 8,
    rounds: int = 20,
    tolerance: float = 1e-6,
) -> Fitted:
    """θ with û(·; θ) closer to u₀ than at the one given, by homotopy; ``fit`` does it in the end.

    A round freezes c = u₀ − Φ(θ) and takes ``steps`` RK4 steps over τ ∈ [0, 1] with
    θ′ = argmin ‖J θ′ − c‖² + γ σ₁(J)² ‖θ′‖². It is repeated while the error falls, with a larger γ where it does not,
    at most ``rounds`` times, and until the relative error is below ``tolerance``. The θ given is returned if none
    helps, as in a minimum of the error, where Jᵀc = 0: it is for what is not one yet, as the end of a gradient descent.

    u₀ is what it is to ``fit``, and kept with θ as there. Raises ``ValueError`` for bad input.
    """
    theta = problem.theta(theta)
    gamma, tolerance = real(gamma, "gamma"), real(tolerance, "tolerance")
    steps, rounds = count(steps, "steps", 1), count(rounds, "rounds", 0)
    if gamma <= 0:
        raise ValueError(f"gamma = {gamma} must be positive")
    points, weights, values = samples(problem, u0)
    goal = (problem.roots(weights) * values).ravel()
    target = tolerance * float(np.linalg.norm(goal))
    rows = lambda theta: problem.fit_rows(theta, points, weights)  # noqa: E731
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return Fitted(homotopy(rows, goal, theta, target, gamma, steps, rounds), u0, problem)


def homotopy(
    rows: Rows,
    goal: np.ndarray,
    theta: np.ndarray,
    target: float,
    gamma: float = 1e-8,
    steps: int = 8,
    rounds: int = 20,
) -> np.ndarray:
    """The polish of √w û (n,) = ``rows(θ)[1]`` towards ``goal`` (n,), until their distance is below ``target``."""
    missing = goal - rows(theta)[1]
    error = float(np.linalg.norm(missing))
    for _ in range(rounds):
        if not error > target:
            break
        moved = _along(rows, theta, missing, gamma, steps)
        left = np.full_like(goal, np.inf) if moved is None else goal - rows(moved)[1]
        reached = float(np.linalg.norm(left))
        gained = reached < _GAIN * error
        if moved is not None and reached < error:
            theta, missing, error = moved, left, reached
        if not gained:
            gamma *= _RAISED
            if gamma > _LARGEST:
                break
    return theta


def _along(rows: Rows, theta: np.ndarray, missing: np.ndarray, gamma: float, steps: int) -> np.ndarray | None:
    """θ(1) of J(θ) θ′ ≈ c, None where the way there leaves the finite numbers."""
    h, solver, zero = 1 / steps, QR(), np.zeros(theta.size)

    def velocity(at: np.ndarray) -> np.ndarray:
        jacobian, _ = rows(at)
        if not np.isfinite(jacobian).all():
            raise SingularMatrixError("J is not finite")
        return solver.solve([(jacobian, missing)], zero, gamma, relative=True).v

    try:
        for _ in range(steps):
            first = velocity(theta)
            second = velocity(theta + h / 2 * first)
            third = velocity(theta + h / 2 * second)
            fourth = velocity(theta + h * third)
            theta = theta + h / 6 * (first + 2 * second + 2 * third + fourth)
    except SingularMatrixError:
        return None
    return theta if np.isfinite(theta).all() else None
