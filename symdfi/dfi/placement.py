"""Where the units of a mixture begin: one after the other where the most is missing (matching pursuit).

What it gains, and what it does not: two solitons of the KdV equation by 10 periodic Gaussians (k = 1, √5, phases 0 and
10.73, period 30) are fitted to 3e-5 … 6e-5 in five seconds, 4e-3 from units side by side. 1e-5 was not reached: the
best of many random starts, and of units taken out and placed anew, was 2.5e-5. Of one such minimum MINPACK and the
homotopy gained nothing more; its Jacobian has the effective rank 25 of 30. More units gain little, 2.3e-5 with 12,
1.7e-5 with 14, 9e-6 with 20, while J's effective rank stays below 30.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from symdfi.dfi.problem import Problem
from symdfi.dfi.search import Search
from symdfi.dfi.start import Rows, extent
from symdfi.symbolic.mixtures import GaussianUnits

#: How often at most all units so far are fitted together before the last is placed.
_TOGETHER = 12
#: Widths tried for a unit, and the steps of the search for it alone.
_WIDTHS, _ALONE = 16, 30
#: How many starts there are at most, and for how many multiplications.
_STARTS, _WORK = 6, 1e11
#: Steps of the search for all units so far, one number a start: more are not always better.
_STEPS = (60, 30, 150)


class Placement:
    """Starts of a mixture for ``goal``, √w u₀ (n,), at points (n, dim).

    A unit goes where |u₀ − û| is largest (in later starts where a point drawn by its square lies), with the width that
    takes most of it away; then it is fitted alone, and all so far together.
    """

    def __init__(
        self, problem: Problem, units: GaussianUnits, points: np.ndarray, weights: np.ndarray, goal: np.ndarray
    ) -> None:
        self._problem, self._units, self._points, self._goal = problem, units, points, goal
        self._root = np.sqrt(weights)
        length = int(problem.ansatz.count)
        #: Where in θ the parameters of each unit are.
        self._places = {n: v.astype(int) for n, v in problem.ansatz.unpack(np.arange(length)).items()}
        self._length = length
        low, high = extent(problem, points).T
        finest = max(4.0, len(points) ** (1 / len(low)) / 4)
        self._widths = np.geomspace(1.0, finest, _WIDTHS)[:, None] / (high - low)

    def starts(self, rows: Rows, target: float, seed: int) -> Iterator[np.ndarray]:
        """θ after θ, the work for all of them bounded."""
        work = 0.0
        for attempt in range(_STARTS):
            if attempt and 2 * work > (attempt + 1) * _WORK:
                return
            generator = np.random.default_rng([seed, attempt]) if attempt > 1 else None
            search_work, theta = self._placed(rows, target, _STEPS[attempt % len(_STEPS)], generator)
            work += search_work
            yield theta

    def _placed(
        self, rows: Rows, target: float, steps: int, generator: np.random.Generator | None
    ) -> tuple[float, np.ndarray]:
        number = self._units.number
        together = set(np.unique(np.linspace(1, number, min(_TOGETHER, number)).round().astype(int)))
        theta = np.zeros(self._length)
        for name in ("w", "b"):
            # A unit of amplitude 0 must be finite, no more.
            theta[self._places[name]] = 1.0 if name == "w" else self._points.mean(axis=0).reshape(-1)[: self._units.dim]
        work = 0.0
        for k in range(number):
            missing = self._goal - rows(theta)[1]
            theta = self._with_unit(theta, k, self._centre(missing, generator), missing)
            if number <= _TOGETHER:
                theta = self._searched(rows, theta, [k], _ALONE, target, uphill=False)
                work += _ALONE * self._cost(1)
            if k + 1 in together and k + 1 < number:
                theta = self._searched(rows, theta, list(range(k + 1)), steps, target, uphill=True)
                work += steps * self._cost(k + 1)
        return work, theta

    def _cost(self, units: int) -> float:
        """The multiplications of a search's step, and as many as its calls take the time of."""
        return len(self._goal) * (self._length * units / self._units.number) ** 2 + 1e6

    def _centre(self, missing: np.ndarray, generator: np.random.Generator | None) -> np.ndarray:
        squares = missing**2
        if generator is None or not squares.sum() > 0:
            with np.errstate(divide="ignore", invalid="ignore"):
                pointwise = np.where(self._root > 0, np.abs(missing) / self._root, 0.0)
            return self._points[int(np.argmax(pointwise))]
        return self._points[generator.choice(len(squares), p=squares / squares.sum())]

    def _with_unit(self, theta: np.ndarray, k: int, centre: np.ndarray, missing: np.ndarray) -> np.ndarray:
        """θ with unit k at a centre, of the width and amplitude that take most of what is missing away."""
        places, best = self._places, (-1.0, theta)
        for along in self._widths:
            alone = theta.copy()
            alone[places["a"]] = 0.0
            alone[places["a"][k]] = 1.0
            alone[places["w"][k]] = self._units.widths(along)
            alone[places["b"][k]] = centre if self._units.dim > 1 else centre[0]
            value = self._root * self._problem.values(alone, self._points)[:, 0]
            square = float(value @ value)
            if not 0 < square < np.inf:
                continue
            amplitude = float(value @ missing) / square
            if amplitude**2 * square > best[0]:
                alone[places["a"]] = theta[places["a"]]
                alone[places["a"][k]] = amplitude
                best = amplitude**2 * square, alone
        return best[1]

    def _searched(
        self, rows: Rows, theta: np.ndarray, units: list[int], steps: int, target: float, *, uphill: bool
    ) -> np.ndarray:
        """θ after a search in the parameters of some units."""
        chosen = np.sort(np.concatenate([place[units].ravel() for place in self._places.values()]))

        def some(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            whole = theta.copy()
            whole[chosen] = part
            jacobian, value = rows(whole)
            return np.ascontiguousarray(jacobian[:, chosen]), value

        search = Search(some, self._goal, theta[chosen], uphill=uphill)
        search.run(steps, target)
        found = theta.copy()
        found[chosen] = search.best
        return found
