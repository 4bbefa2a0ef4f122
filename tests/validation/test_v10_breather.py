"""V10: the sine-Gordon breather 4 arctan(k cos(w t) / (w cosh(k x))), k = sqrt(1 - w**2), from its Lagrangian density.

It is 4 arctan(a sech(k x)) with a collective coordinate a(t) = (k/w) cos(w t), and its energy is 16 k.
"""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.models import sine_gordon

t, x, u, DENSITY = sd.t, sine_gordon.X, sine_gordon.u, sine_gordon.DENSITY
OMEGA = 0.8
K = np.sqrt(1 - OMEGA**2)
BOX, QUADRATURE = sd.Box([(-40, 40)]), sd.GaussLegendre(16, 40)
a, b, X = sp.symbols("a b X", real=True)
PERIOD = 2 * np.pi / OMEGA


def breather(at, time):
    return 4 * np.arctan(K / OMEGA * np.cos(OMEGA * time) / np.cosh(K * at))


def test_field_and_evolution_equations_hold_for_the_breather():
    w = sp.Rational(4, 5)
    k = sp.sqrt(1 - w**2)
    exact = 4 * sp.atan(k / w * sp.cos(w * t) / sp.cosh(k * x))
    (equation,) = DENSITY.field_equations
    rates = DENSITY.evolution_equations
    (p,) = DENSITY.momentum_fields
    residuals = [equation.lhs, *(e.lhs - e.rhs for e in rates)]
    for residual in residuals:
        left = residual.subs(p, exact.diff(t)).subs(u, exact).doit()
        for at in ({x: 0.3, t: 0.7}, {x: -2.1, t: 4.0}):
            assert abs(left.subs(at).evalf(30)) < 1e-14
    energy = sp.lambdify([x, t], DENSITY.energy.subs(u, exact).doit())
    points, weights = QUADRATURE.nodes(BOX)
    for time in (0.0, 1.3):
        assert energy(points[:, 0], time) @ weights == pytest.approx(16 * K, rel=1e-10)


@pytest.fixture(scope="module")
def standing():
    ansatz = sd.Ansatz(4 * sp.atan(a / sp.cosh(sp.Float(K) * x)), [x], [a])
    return DENSITY.reduce(ansatz, BOX, QUADRATURE)


@pytest.mark.parametrize("order", [2, 4])
def test_the_collective_coordinate_is_exact(standing, order):
    def error(steps):
        method = sd.ImplicitMidpoint(order=order)
        found = sd.integrate(standing, K / OMEGA, 0.0, (0, PERIOD), PERIOD / steps, method=method)
        return np.abs(found.q[:, 0] - K / OMEGA * np.cos(OMEGA * found.t)).max(), found

    (coarse, _), (fine, found) = error(50), error(100)
    assert np.log2(coarse / fine) == pytest.approx(order, abs=0.3)
    assert found.energy[0] == pytest.approx(16 * K, rel=1e-10)


def test_the_breather_over_a_long_time(standing):
    """As long as a breather of this frequency is followed elsewhere, with energy and field to 1e-8."""
    found = sd.integrate(standing, K / OMEGA, 0.0, (0, 20), 0.02, method=sd.ImplicitMidpoint(order=6))
    at = np.linspace(-10, 10, 101)
    exact = np.array([breather(at, time) for time in found.t])
    assert found.energy_drift <= 1e-8
    assert np.abs(standing.evaluate(found.q, at) - exact).max() <= 1e-7


def test_a_kink_moves_at_any_speed():
    """4 arctan exp(b (x - X)): two collective coordinates, with the width of the boost as a relative equilibrium."""
    speed = 0.6
    width = 1 / np.sqrt(1 - speed**2)
    kink = DENSITY.reduce(sd.Ansatz(4 * sp.atan(sp.exp(b * (x - X))), [x], [X, b]), BOX, QUADRATURE)
    found = sd.integrate(kink, [-3.0, width], [speed, 0.0], (0, 10), 0.05, method="rk4")
    assert found.q[-1] == pytest.approx([3.0, width], abs=1e-8)
    assert found.energy == pytest.approx(8 * width, rel=1e-8)
    mass = kink.compile().mass_matrix([0.0, 1.25], [0.0, 0.0])
    assert mass == pytest.approx(np.diag([8 * 1.25, 2 * np.pi**2 / 3 / 1.25**3]), abs=1e-8)


def test_the_evolution_equation_evolves_the_breather():
    """(u, p) with p = u_t, by Dirac-Frenkel dynamics, on an ansatz that holds the breather: of the scheme's order."""
    (p,) = DENSITY.momentum_fields
    c = sp.Symbol("c", real=True)
    bell = 1 / sp.cosh(sp.Float(K) * x)
    ansatz = sd.Ansatz({u: 4 * sp.atan(a * bell), p: 4 * c * bell / (1 + a**2 * bell**2)}, [x], [a, c])
    problem = sd.Problem(DENSITY.evolution(), ansatz, BOX, QUADRATURE)

    def error(dt):
        found = sd.evolve(problem, [K / OMEGA, 0.0], (0, 2), dt, sd.DiracFrenkel(rtol=1e-10))
        return np.abs(found.theta[-1] - K / OMEGA * np.array([np.cos(2 * OMEGA), -OMEGA * np.sin(2 * OMEGA)])).max()

    assert np.log2(error(0.2) / error(0.1)) == pytest.approx(4, abs=0.4)
