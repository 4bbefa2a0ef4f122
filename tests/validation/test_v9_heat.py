"""V9: the heat equation in the square with cold walls, which are built into the ansatz (published: 9.3e-4, absolute).

u_t = u_xx + u_yy on [−π, π]²,   u = 0 on its boundary,   u = e^{−t/2} cos(x/2) cos(y/2),   T = 4
"""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

T = 4.0
x, y = sp.symbols("x y")
u = sp.Function("u")(sd.t, x, y)
WALLS = (1 - x**2 / sp.pi**2) * (1 - y**2 / sp.pi**2)
SIDE = np.linspace(-np.pi, np.pi, 41)
POINTS = np.stack(np.meshgrid(SIDE, SIDE), axis=-1).reshape(-1, 2)


def exact(points, t):
    return np.exp(-t / 2) * np.cos(points[:, 0] / 2) * np.cos(points[:, 1] / 2)


@pytest.mark.parametrize("network", [sd.mlp([x, y], [8, 8]), sd.gaussians([x, y], 6)], ids=["network", "gaussians"])
@pytest.mark.parametrize(("scheme", "dt"), [("rk4", 0.05), ("esdirk4", 0.2)])
def test_heat(network, scheme, dt):
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(x, 2) + u.diff(y, 2)))
    ansatz = sd.Ansatz(WALLS * network.expr, [x, y], network.parameters, network.start)
    problem = sd.Problem(pde, ansatz, sd.Box([(-sp.pi, sp.pi)] * 2), sd.Grid(24))
    theta = sd.fit(problem, lambda points: exact(points, 0.0), tolerance=1e-7)
    solution = sd.evolve(problem, theta, (0, T), dt, sd.DFI(scheme=scheme), save_every=round(1 / dt))
    errors = [np.abs(solution.evaluate(POINTS, t) - exact(POINTS, t)).max() for t in solution.t]
    assert max(errors) <= 1e-5
    walls = POINTS[np.abs(POINTS).max(axis=1) == np.pi]
    # 1 − x²/π² is a rounding error of 1 there, and what it multiplies is of order 1.
    assert np.abs(solution.evaluate(walls)).max() <= 1000 * np.finfo(float).eps
