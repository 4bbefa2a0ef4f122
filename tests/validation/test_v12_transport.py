"""V12: transport in the plane, periodic on [−1, 1)², T = 20 (published with a phase that is not given: 1.23e-2 on
average with 3265 parameters; here x₀ = y₀ = 0).

    u_t + c·∇u = 0,   c = (1 + 0.6 sin(3π (x − x₀)), 0.8 (1 + 0.3 cos(2π (y − y₀))))

u₀ = exp(−((x + 0.2)² + y²)/(8e-3 π)), the exact solution by characteristics. u is pressed together and drawn out three
times on its way round.
"""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from tests.validation.characteristics import Transported, errors, measured, nearest, positive, traced_back, uniform
from tests.validation.results import publish

X, Y = sp.symbols("x y", real=True)
u = sp.Function("u")(sd.t, X, Y)
CX = 1 + sp.Rational(3, 5) * sp.sin(3 * sp.pi * X)
CY = sp.Rational(4, 5) * (1 + sp.Rational(3, 10) * sp.cos(2 * sp.pi * Y))
EQUATION = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -CX * u.diff(X) - CY * u.diff(Y)))
_cx, _cy = sp.lambdify(X, CX), sp.lambdify(Y, CY)


def flow(points):
    return np.stack([_cx(points[0]), _cy(points[1])])


def initial(points):
    return np.exp(-(nearest(points[0] + 0.2) ** 2 + nearest(points[1]) ** 2) / (8e-3 * np.pi))


def at_start(points):
    return initial(points.T)


def problem(widths, size):
    box = sd.Box([(-1, 1)] * 2, periodic=True)
    return sd.Problem(EQUATION, positive([X, Y], widths), box, sd.Grid(size))


def test_the_reference():
    coarse, fine = (initial(traced_back(flow, uniform(12).T, 20.0, step)) for step in (0.002, 0.001))
    assert np.abs(coarse - fine).max() <= 1e-8


def test_the_beginning():
    small = problem([8, 8], 40)
    theta0 = sd.fit(small, at_start, iterations=60)
    assert sd.fit_error(small, theta0, at_start) <= 1e-3
    solution = sd.evolve(small, theta0, (0, 0.2), 0.02, save_every=5)
    assert errors(solution, Transported(flow, initial, uniform(60), 0.005)).max() <= 3e-2


@pytest.mark.slow
def test_transport():
    """To T = 8. γ is smaller than by default for the same reason as in V8.

    On to T = 20 this network of 385 parameters is too small: 1.2e-2 at t = 9, 5.8e-2 at t = 12.
    """
    exact = Transported(flow, initial, uniform(120), 0.002)
    found = measured(problem([12, 12, 12], 64), at_start, 8, 0.0125, 80, exact)
    text = (
        "`pytest -m slow tests/validation/test_v12_transport.py`: `sd.DFI(gamma=1e-10)`, steps of 0.0125 to t = 8, "
        "û = exp(−N) with a periodic network N of three layers of 12, x₀ = y₀ = 0. Published with another phase (DFO): "
        "1.23e-2 on average over T = 20, with 3265 parameters and 262144 points.\n\n"
    )
    publish("V12: transport in the plane", text + found.table)
    assert found.average <= 1e-2
