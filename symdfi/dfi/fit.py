"""Initial parameters: the ansatz fitted to a function or to data."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from symdfi.dfi.conditioning import of_jacobian
from symdfi.dfi.discretised import Theta
from symdfi.dfi.placement import Placement
from symdfi.dfi.polish import homotopy
from symdfi.dfi.problem import Problem
from symdfi.dfi.search import Search
from symdfi.dfi.start import Rows, extent, proposals
from symdfi.dfi.target import Fitted, Target, samples
from symdfi.errors import ConvergenceError, DivergenceError, Interrupted
from symdfi.linalg.blas import one_blas_thread
from symdfi.numbers import count, real
from symdfi.symbolic.mixtures import units_of

#: Random proposals from which a fit is tried, and for how many steps each.
_TRIED, _EACH = 6, 40
#: The relative error above which a fit tries more, and warns in the end.
_POOR = 1e-2
#: The relative error below which a mixture is placed no more, and the factor between errors that are equally good.
_GOOD, _EQUAL = 1e-5, 1.5


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
) -> Fitted:
    """θ with û(·; θ) ≈ u₀, by Levenberg–Marquardt on min Σ w_s (û(x_s; θ) − u₀(x_s))².

    Of a mixture of Gaussians some more starts are made by placing its units one after the other where the most is
    missing (``placement``), until the relative error is 1e-5. Of θ whose errors are as good (within 1.5 ×) the one is
    taken that û tells apart best (``conditioning``): a tight fit by units that cancel each other is no start for an
    evolution. A homotopy (``polish``) takes off what it can in the end.

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

    The array that it gives keeps u₀ as its ``target``: ``evolve`` measures the initial error by it.

    Warns if the relative error (``fit_error``) stays above 1e-2. Raises ``ValueError`` for bad input,
    ``ConvergenceError`` (θ so far as ``partial``) if it stays above ``required``, or û is finite at no start tried.
    """
    seed, iterations = count(seed, "seed", 0), count(iterations, "iterations", 0)
    tolerance, required = real(tolerance, "tolerance"), None if required is None else real(required, "required")
    points, weights, values = samples(problem, u0)
    rows = lambda theta: problem.fit_rows(theta, points, weights)  # noqa: E731
    goal = (problem.roots(weights) * values).ravel()
    scale = float(np.linalg.norm(goal)) or 1.0
    searches: list[Search] = []  # all that were begun
    # A trial step may overflow; it is then refused.
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        try:
            given = _given(problem, points, start, seed)
            if given is not None:
                _search(searches, rows, goal, given, None, iterations, tolerance * scale)
            units, good = units_of(problem.ansatz), max(_GOOD, tolerance) * scale
            one = problem.components.count == 1
            if start is None and iterations and units is not None and one and not _least(searches) <= good:
                placement = Placement(problem, units, points, weights, goal)
                for placed in placement.starts(rows, tolerance * scale, seed):
                    _search(searches, rows, goal, placed, None, iterations, tolerance * scale)
                    if _least(searches) <= good:
                        break
            if start is None and not _least(searches) <= _POOR * scale:
                length = problem.ansatz.length(sizes) if given is None else given.size
                found = proposals(problem, points, rows, goal, length, seed, _TRIED)
                short = []
                for proposal in found:
                    short.append(Search(rows, goal, *proposal, uphill=False))
                    searches.append(short[-1])
                for one in short:
                    one.run(_EACH, tolerance * scale)
                for one in sorted(short, key=lambda one: one.least)[:1]:
                    _search(searches, rows, goal, one.best, one.units, iterations, tolerance * scale)
            if not searches:
                raise ConvergenceError(
                    "the ansatz is finite and has an effect at none of the random θ tried: give fit(..., start=...)"
                )
            theta = _chosen(searches, rows)
            if iterations:
                theta = homotopy(rows, goal, theta, tolerance * scale)
            left = float(np.linalg.norm(goal - rows(theta)[1]))
        except KeyboardInterrupt as error:
            best = min(searches, key=lambda one: one.least, default=None)
            reached = "before the first step" if best is None else f"at the relative error {best.least / scale:.2g}"
            raise Interrupted(f"fit interrupted {reached}", partial=None if best is None else best.best) from error
    error, advice = left / scale, "try another start, seed or a larger ansatz"
    if required is not None and not error <= required:
        raise ConvergenceError(
            f"the fit stopped at the relative error {error:.2g}, above {required:g}: {advice}",
            partial=theta,
            error=error,
        )
    if error > _POOR:
        warnings.warn(f"the fit stopped at the relative error {error:.2g}: {advice}", stacklevel=2)
    return Fitted(theta, u0, problem)


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
    searches: list[Search],
    rows: Rows,
    goal: np.ndarray,
    theta: np.ndarray,
    units: np.ndarray | None,
    iterations: int,
    target: float,
) -> None:
    """Search from θ to the end; what is begun is added to ``searches``."""
    search = Search(rows, goal, theta, units, uphill=True)
    if not np.isfinite(search.least):
        raise ValueError(
            "the ansatz, or a sum of squares of its derivatives, is not finite at the parameters the fit starts from"
        )
    searches.append(search)
    search.run(iterations, target)
    if search.least > target and search.stuck:
        # Again from where it came closest: a way uphill may have ended on a plateau.
        searches.append(Search(rows, goal, search.best, units, uphill=False))
        searches[-1].run(iterations, target)


def _least(searches: list[Search]) -> float:
    return min((one.least for one in searches), default=np.inf)


def _chosen(searches: list[Search], rows: Rows) -> np.ndarray:
    """The θ of the least error; of several that are as good, the one whose parameters û tells apart best."""
    least = _least(searches)
    equal = [one.best for one in searches if one.least <= _EQUAL * least]
    return equal[0] if len(equal) == 1 else max(equal, key=lambda at: of_jacobian(rows(at)[0]).effective_rank())


def _given(problem: Problem, points: np.ndarray, start: Theta | None, seed: int) -> np.ndarray | None:
    """The θ to begin from: the one given, or the ansatz's own proposal, if there is either."""
    ansatz = problem.ansatz
    if start is not None:
        return problem.theta(start, "start")
    if ansatz.start is not None:
        return ansatz.pack(ansatz.start(extent(problem, points), np.random.default_rng(seed)))
    return None
