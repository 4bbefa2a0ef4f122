"""Initial parameters: the ansatz fitted to a function or to data."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from symdfi.dfi.problem import Problem, Theta
from symdfi.dfi.start import Rows, proposals
from symdfi.dfi.target import Target, samples
from symdfi.errors import ConvergenceError, DivergenceError, Interrupted, SingularMatrixError
from symdfi.linalg import Cholesky
from symdfi.linalg.blas import one_blas_thread
from symdfi.numbers import count, real

#: Steps without progress after which a fit stops.
_PATIENCE = 100
#: Random proposals from which a fit is tried, and for how many steps each.
_TRIED, _EACH = 6, 40
#: The relative error above which a fit tries more, and warns in the end.
_POOR = 1e-2


def fit(
    problem: Problem,
    u0: Target,
    *,
    start: Theta | None = None,
    sizes: Mapping[Any, int] | None = None,
    seed: int = 0,
    tolerance: float = 1e-6,
    iterations: int = 400,
    required: float | None = None,
) -> np.ndarray:
    """θ with û(·; θ) ≈ u₀, by Levenberg–Marquardt on min Σ w_s (û(x_s; θ) − u₀(x_s))².

    u₀ is a SymPy expression, a function of the points, or data ``(points, values)`` (weighted equally). Of several
    fields there is one each, in a list or by field, ``{u: u0, w: w0}``, or data with values (n, F). ``start``
    is θ or values by name. Without it the ready-made ansätze propose one (random parts from ``seed``). For any other,
    or where that leads nowhere, the best of some hundred random θ (from ``seed``) are tried, in which parameters that û
    is linear in are solved for. What the others mean it cannot know: units of several kinds, deep nests, a unit's
    offset in a domain far from 0, and very many units may need a ``start``, another ``seed``, or a proposal of their
    own in ``Ansatz(..., start=...)``. ``sizes`` gives numbers for an ansatz whose sizes are symbols.

    Damping is ``λ ‖Δθ‖²`` with λ relative to σ₁(J)²: it keeps redundant parameters bounded. A step may lead uphill
    if it goes on in the direction of the last, (1 − cos ∠) e_new < e (Transtrum and Sethna, arXiv:1201.5885):
    networks have long curved valleys, and this reaches errors a hundred times smaller in the same number of
    steps. Stops at the relative error ``tolerance``, or when nothing improves: the minimum found is a local one.

    Warns if the relative error (``fit_error``) stays above 1e-2. Raises ``ValueError`` for bad input,
    ``ConvergenceError`` (θ so far as ``partial``) if it stays above ``required``, or û is finite at no start tried.
    """
    seed, iterations = count(seed, "seed", 0), count(iterations, "iterations", 0)
    tolerance, required = real(tolerance, "tolerance"), None if required is None else real(required, "required")
    points, weights, values = samples(problem, u0)
    rows = lambda theta: problem.fit_rows(theta, points, weights)  # noqa: E731
    goal = (problem.roots(weights) * values).ravel()
    scale = float(np.linalg.norm(goal)) or 1.0
    searches: list[_Search] = []  # all that were begun
    # A trial step may overflow; it is then refused.
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        try:
            given = _given(problem, start, seed)
            if given is not None:
                _search(searches, rows, goal, given, None, iterations, tolerance * scale)
            if start is None and not (searches and searches[-1].least <= _POOR * scale):
                length = problem.ansatz.length(sizes) if given is None else given.size
                found = proposals(problem, rows, goal, length, seed, _TRIED)
                short = []
                for proposal in found:
                    short.append(_Search(rows, goal, *proposal, uphill=False))
                    searches.append(short[-1])
                for one in short:
                    one.run(_EACH, tolerance * scale)
                for one in sorted(short, key=lambda one: one.least)[:1]:
                    _search(searches, rows, goal, one.best, one.units, iterations, tolerance * scale)
        except KeyboardInterrupt as error:
            best = min(searches, key=lambda one: one.least, default=None)
            reached = "before the first step" if best is None else f"at the relative error {best.least / scale:.2g}"
            raise Interrupted(f"fit interrupted {reached}", partial=None if best is None else best.best) from error
        if not searches:
            raise ConvergenceError(
                "the ansatz is finite and has an effect at none of the random θ tried: give fit(..., start=...)"
            )
        search = min(searches, key=lambda one: one.least)
    error, advice = search.least / scale, "try another start, seed or a larger ansatz"
    if required is not None and not error <= required:
        raise ConvergenceError(
            f"the fit stopped at the relative error {error:.2g}, above {required:g}: {advice}",
            partial=search.best,
            error=error,
        )
    if error > _POOR:
        warnings.warn(f"the fit stopped at the relative error {error:.2g}: {advice}", stacklevel=2)
    return search.best


class _Search:
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
        """J in the units, √w û, and the error, infinite where one of the two is not finite."""
        jacobian, value = self._rows(theta)
        jacobian *= self.units
        sound = np.isfinite(jacobian).all() and np.isfinite(value).all()
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


def fit_error(problem: Problem, theta: Theta, u0: Target) -> float:
    """‖û − u₀‖/‖u₀‖ in the problem's quadrature (or over the data), of all fields together.

    ``DivergenceError`` where it is not finite.
    """
    points, weights, values = samples(problem, u0)
    root = problem.roots(weights)
    with np.errstate(over="ignore", invalid="ignore"):
        difference = root * (problem.values(problem.theta(theta), points) - values)
        error = float(np.linalg.norm(difference) / (np.linalg.norm(root * values) or 1.0))
    if not np.isfinite(error):
        raise DivergenceError("‖û − u₀‖/‖u₀‖ is not finite: û overflows at some point, or its square does")
    return error


def _search(
    searches: list[_Search],
    rows: Rows,
    goal: np.ndarray,
    theta: np.ndarray,
    units: np.ndarray | None,
    iterations: int,
    target: float,
) -> None:
    """Search from θ to the end; what is begun is added to ``searches``."""
    search = _Search(rows, goal, theta, units, uphill=True)
    if not np.isfinite(search.least):
        raise ValueError("the ansatz is not finite at the parameters the fit starts from")
    searches.append(search)
    search.run(iterations, target)
    if search.least > target and search.stuck:
        # Again from where it came closest: a way uphill may have ended on a plateau.
        searches.append(_Search(rows, goal, search.best, units, uphill=False))
        searches[-1].run(iterations, target)


def _given(problem: Problem, start: Theta | None, seed: int) -> np.ndarray | None:
    """The θ to begin from: the one given, or the ansatz's own proposal, if there is either."""
    ansatz = problem.ansatz
    if start is not None:
        return problem.theta(start, "start")
    if ansatz.start is not None:
        return ansatz.pack(ansatz.start(np.array(problem.domain.bounds), np.random.default_rng(seed)))
    return None
