"""How fast an equation lets errors grow: its one-sided Lipschitz constant, estimated along a solution."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.linalg import eigh, eigvalsh

from symdfi.dfi.problem import Problem

#: Squared singular values of J below this part of the largest are left out: what û does along them is rounding.
_LEAST = 1e-10
#: Numbers in a block of rows.
_BLOCK = 2**20
#: At how many saved times λ is taken, at least and at most, and about how many operations this may cost in all.
_FEWEST, _MOST, _OPERATIONS = 5, 64, 1e11
#: JᵀJ of more parameters is not made.
_LARGEST = 2**12


def logarithmic_norm(problem: Problem, theta: np.ndarray, time: float, directions: np.ndarray | None = None) -> float:
    """λ = max ⟨f′(û) w, w⟩/‖w‖² over the tangent space w = J z: the largest eigenvalue of ½(Jᵀ F + Fᵀ J) against JᵀJ
    with F = ∂f/∂θ = f′(û) J, on points independent of those solved on, all fields with their weights.

    An error w that û could take on itself grows by e^{λt} at most, to first order in w. Of the tangents only those are
    taken that have z = ``directions`` y, (p, d), if given. 0 where J = 0, infinite where J or F is not finite.
    """
    gram, rates = np.zeros((2, theta.size, theta.size))
    step = max(1, _BLOCK // theta.size)
    for start in range(0, len(problem.fresh_points), step):
        jacobian, moved = problem.linearised(theta, time, slice(start, start + step))
        gram += jacobian.T @ jacobian
        rates += jacobian.T @ moved
    if not (np.isfinite(gram).all() and np.isfinite(rates).all()):
        return np.inf
    if directions is not None:
        gram, rates = (directions.T @ matrix @ directions for matrix in (gram, rates))
    sizes, axes = eigh(gram)
    kept = sizes > _LEAST * max(sizes[-1], np.finfo(float).tiny)
    if not kept.any():
        return 0.0
    basis = axes[:, kept] / np.sqrt(sizes[kept])
    growth = basis.T @ rates @ basis
    return float(eigvalsh(0.5 * (growth + growth.T))[-1])


def along(
    problem: Problem,
    times: np.ndarray,
    thetas: np.ndarray,
    norm: Callable[[Problem, np.ndarray, float], float] = logarithmic_norm,
) -> tuple[np.ndarray, np.ndarray]:
    """Some of the times and λ at these, the first and the last among them: 64, or fewer where that is costly.

    Raises ``ValueError`` for an ansatz of more than 4096 parameters, ``CompileError`` where f has no compiled
    derivative.
    """
    p = thetas.shape[1]
    if p > _LARGEST:
        raise ValueError(f"no estimate of the growth of errors with {p} parameters: give solution.bound(lipschitz)")
    rows = problem.row_count * len(problem.fresh_points) / len(problem.points)
    count = int(np.clip(_OPERATIONS / (4 * rows * p**2 + 10 * p**3), _FEWEST, _MOST))
    chosen = np.unique(np.linspace(0, len(times) - 1, min(count, len(times))).round().astype(int))
    moments = zip(moved(problem, thetas[chosen]), thetas[chosen], times[chosen].tolist(), strict=True)
    return times[chosen], np.array([norm(*moment) for moment in moments])


def moved(problem: Problem, thetas: np.ndarray) -> Iterator[Problem]:
    """The problem at every θ (s, p): with samples that follow it where they change."""
    for step, theta in enumerate(thetas):
        problem = problem.resample(step, theta)
        yield problem
