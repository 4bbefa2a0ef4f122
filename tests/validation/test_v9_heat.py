"""V9: the heat equation in the square with cold walls, which are built into the ansatz (published: 9.3e-4, absolute).
Equation, walls and exact solution are those of the model `heat`, to T = 4."""

import numpy as np
import pytest

import symdfi as sd
from symdfi.models.heat import EQUATION, MODEL, SQUARE, exact, walled, x, y
from symdfi.running.measures import uniform_points
from tests.validation import bounds

SIDE = np.linspace(-np.pi, np.pi, 41)
POINTS = np.stack(np.meshgrid(SIDE, SIDE), axis=-1).reshape(-1, 2)


@pytest.mark.parametrize("inner", [sd.mlp([x, y], [8, 8]), sd.gaussians([x, y], 6)], ids=["network", "gaussians"])
@pytest.mark.parametrize(("scheme", "dt"), [("rk4", 0.05), ("esdirk4", 0.2)])
def test_heat(inner, scheme, dt):
    problem = sd.Problem(EQUATION, walled(inner), SQUARE, sd.Grid(24), {"kappa": 1.0}, boundary="in the ansatz")
    theta = sd.fit(problem, MODEL.profile(MODEL.settings), tolerance=1e-7)
    solution = sd.evolve(problem, theta, (0, 4), dt, sd.DFI(scheme=scheme), save_every=round(1 / dt))
    errors = [np.abs(solution.evaluate(POINTS, t) - exact(MODEL.settings, POINTS, t)).max() for t in solution.t]
    assert max(errors) <= 1e-5
    inside = uniform_points(SQUARE)
    absolute = bounds.absolute_errors(solution, inside, lambda t: exact(MODEL.settings, inside, t))
    for bound in (solution.error_bound, solution.bound(MODEL.lipschitz(MODEL.settings))):
        bounds.holds(absolute, bound)
    walls = POINTS[np.abs(POINTS).max(axis=1) == np.pi]
    # 1 − x²/π² is a rounding error of 1 there, and what it multiplies is of order 1.
    assert np.abs(solution.evaluate(walls)).max() <= 1000 * np.finfo(float).eps
