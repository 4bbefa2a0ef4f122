"""Initial parameters: the ansatz fitted to a function or to data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy as sp

from symdfi.compile.function import compile as compile_function
from symdfi.dfi.problem import Problem
from symdfi.errors import ConvergenceError, SingularMatrixError
from symdfi.linalg import Cholesky
from symdfi.linalg.blas import one_blas_thread

#: A SymPy expression in the variables, a function of points (n, dim) or (n,), or ``(points, values)``.
Target = sp.Expr | Callable | tuple
#: Steps without progress after which a fit stops.
_PATIENCE = 100


def fit(
    problem: Problem,
    u0: Target,
    *,
    start: np.ndarray | Mapping[Any, Any] | None = None,
    seed: int = 0,
    tolerance: float = 1e-6,
    iterations: int = 400,
    required: float = 1.0,
) -> np.ndarray:
    """θ with û(·; θ) ≈ u₀, by Levenberg–Marquardt on min Σ w_s (û(x_s; θ) − u₀(x_s))².

    u₀ is a SymPy expression, a function of the points, or data ``(points, values)`` (weighted equally). ``start``
    is θ or values by name; without it the ansatz proposes one (random parts from ``seed``). Damping is ``λ
    ‖Δθ‖²`` with λ relative to σ₁(J)²: it keeps redundant parameters bounded. A step may lead uphill if it
    goes on in the direction of the last, (1 − cos ∠) e_new < e (Transtrum and Sethna, arXiv:1201.5885):
    networks have long curved valleys, and this reaches errors a hundred times smaller in the same number of
    steps. Stops at the relative error ``tolerance``, or when nothing improves.

    Raises ``ValueError`` for bad input, ``ConvergenceError`` (θ so far as ``partial``) if the relative error stays
    above ``required``.
    """
    points, weights, values = _samples(problem, u0)
    theta = _start(problem, start, seed)
    root = np.sqrt(weights)
    goal = root * values
    scale = float(np.linalg.norm(goal)) or 1.0
    best, least = theta, float(np.linalg.norm(goal - problem.fit_rows(theta, points, weights)[1]))
    if not np.isfinite(least):
        raise ValueError("the ansatz is not finite at the parameters the fit starts from")
    with one_blas_thread():
        for uphill in (True, False):
            # The second time from where the first came closest: a way uphill may have ended on a plateau.
            search = _Search(problem, points, weights, goal, best, uphill)
            for _ in range(iterations):
                if search.least <= tolerance * scale or not search.step():
                    break
            best, least = search.best, search.least
            if least <= tolerance * scale or not search.stuck:
                break
    if not least <= required * scale:
        raise ConvergenceError(
            f"the fit stopped at the relative error {least / scale:.2g}, above {required:g}: try another start, "
            "seed or a larger ansatz",
            partial=best,
            error=least / scale,
        )
    return best


class _Search:
    """A Levenberg–Marquardt search that may lead uphill, and the best parameters it has met."""

    def __init__(
        self,
        problem: Problem,
        points: np.ndarray,
        weights: np.ndarray,
        goal: np.ndarray,
        theta: np.ndarray,
        uphill: bool,
    ) -> None:
        self._rows = lambda at: problem.fit_rows(at, points, weights)
        self._goal, self._uphill, self._solver = goal, uphill, Cholesky()
        self._damping, self._direction, self._since = 1e-2, np.zeros(theta.size), 0
        self.theta, self.best, self.stuck = theta, theta, False
        self._jacobian, self._value = self._rows(theta)
        self.error = self.least = float(np.linalg.norm(goal - self._value))

    def step(self) -> bool:
        """Try one step; False when there is no more progress."""
        zero, rows = np.zeros(self.theta.size), [(self._jacobian, self._goal - self._value)]
        try:
            # 1e-13: below that, roundoff in JᵀJ would decide.
            step = self._solver.solve(rows, zero, self._damping + 1e-13, relative=True).v
        except SingularMatrixError:
            self.stuck = True  # J = 0
            return False
        jacobian, value = self._rows(self.theta + step)
        error = float(np.linalg.norm(self._goal - value))
        if (1 - self._alignment(step)) * error < self.error and error < 10 * self.least:
            self.theta, self._jacobian, self._value, self.error = self.theta + step, jacobian, value, error
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


def fit_error(problem: Problem, theta: np.ndarray, u0: Target) -> float:
    """‖û − u₀‖/‖u₀‖ in the problem's quadrature (or over the data)."""
    points, weights, values = _samples(problem, u0)
    root = np.sqrt(weights)
    difference = root * (problem.evaluate(theta, points) - values)
    return float(np.linalg.norm(difference) / (np.linalg.norm(root * values) or 1.0))


def _samples(problem: Problem, u0: Target) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (n, dim), weights and values."""
    if isinstance(u0, tuple):
        points, values = (np.asarray(a, dtype=float) for a in u0)
        points = points[:, None] if points.ndim == 1 else points
        if points.ndim != 2 or points.shape[1] != problem.domain.dim or values.shape != (len(points),):
            raise ValueError(
                f"data of shapes {points.shape} and {values.shape}: expected (n, {problem.domain.dim}) and (n,)"
            )
        if len(points) == 0:
            raise ValueError("the data holds no sample")
        weights = np.full(len(points), problem.domain.volume / len(points))
    else:
        points, weights = problem.points, problem.weights
        values = _evaluated(problem, u0, points)
    for name, array in (("point", points), ("initial value", values)):
        if not np.isfinite(array).all():
            bad = int(np.argmin(np.isfinite(array).reshape(len(points), -1).all(axis=1)))
            raise ValueError(f"the {name} at sample {bad} (x = {points[bad]}) is not finite: {array[bad]}")
    return np.require(points, requirements=["C", "W"]), weights, values


def _evaluated(problem: Problem, u0: Any, points: np.ndarray) -> np.ndarray:
    if isinstance(u0, sp.Expr | int | float):
        variables = problem.ansatz.variables
        function = compile_function({"value": sp.sympify(u0)}, list(variables))
        values = function(**{str(x): points[:, k] for k, x in enumerate(variables)})["value"]
    elif callable(u0):
        values = np.asarray(u0(points[:, 0] if problem.domain.dim == 1 else points), dtype=float)
    else:
        raise ValueError(f"u0 is a SymPy expression, a function or (points, values), not {type(u0).__name__}")
    if values.shape != (len(points),):
        raise ValueError(f"u0 gave values of shape {values.shape} at {len(points)} points")
    return values


def _start(problem: Problem, start: Any, seed: int) -> np.ndarray:
    ansatz = problem.ansatz
    if isinstance(start, Mapping):
        return ansatz.pack(start)
    if start is not None:
        theta = np.array(start, dtype=float)
        if theta.ndim != 1 or not np.isfinite(theta).all():
            raise ValueError(f"the start of a fit is a finite vector, not an array of shape {theta.shape}")
        ansatz.size_values(theta.size)
        return theta
    if ansatz.start is None:
        raise ValueError("this ansatz proposes no start: give fit(..., start={parameter: values})")
    return ansatz.pack(ansatz.start(np.array(problem.domain.bounds), np.random.default_rng(seed)))
