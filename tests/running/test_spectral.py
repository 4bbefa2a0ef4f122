"""The spectral reference against exact solutions, and its own report of its accuracy."""

import numpy as np
import pytest

from symdfi import ConvergenceError
from symdfi.running.spectral import integrate, reference
from tests.running.by_hand import SpectralProblem

NU = 0.05


def burgers(nu=NU):
    return SpectralProblem(-np.pi, np.pi, lambda k: -nu * k**2, lambda k: -0.5j * k, np.square)


def cole_hopf(x, t):
    """u = −2ν φ_x/φ of the heat kernel solution φ = 1 + e^{−νt} cos(x)/2."""
    decay = 0.5 * np.exp(-NU * t)
    return 2 * NU * decay * np.sin(x) / (1 + decay * np.cos(x))


def test_burgers_against_cole_hopf():
    problem = burgers()
    x, times = problem.points(64), np.linspace(0, 2, 5)
    u = integrate(problem, cole_hopf(x, 0.0), times, 0.05)
    np.testing.assert_allclose(u, [cole_hopf(x, t) for t in times], atol=1e-11)


def test_fourth_order_in_time():
    """The logistic equation u' = u − u², with the linear part in the exponential."""
    problem = SpectralProblem(0, 1, np.ones_like, np.ones_like, lambda u: -(u**2))
    exact = 1 / (1 + 9 * np.exp(-3))
    errors = [
        abs(integrate(problem, np.full(8, 0.1), np.array([0.0, 3.0]), h)[-1] - exact).max() for h in (0.2, 0.1, 0.05)
    ]
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 4, atol=0.3)


def test_linear_equations_are_exact():
    problem = SpectralProblem(-10, 10, lambda k: -1j * k - 0.1 * k**2, np.zeros_like, np.zeros_like)
    u = integrate(problem, np.exp(-(problem.points(256) ** 2)), np.array([0.0, 2.0]), 1.0)[-1]
    exact = np.exp(-((problem.points(256) - 2) ** 2) / 1.8) / np.sqrt(1.8)
    np.testing.assert_allclose(u, exact, atol=1e-11)


def test_the_reported_change_bounds_the_error():
    found = reference(burgers(), lambda x: cole_hopf(x, 0.0), [0.0, 0.5, 1.0], size=16, dt=0.5, tolerance=1e-6)
    errors = [found.relative_error(t, lambda x, t=t: cole_hopf(x, t)) for t in found.t]
    assert max(errors) <= found.change <= 1e-6
    with pytest.raises(ValueError, match="no values at t = 0.7"):
        found.at(0.7)


def test_what_is_not_resolved_is_said():
    with pytest.raises(ConvergenceError, match="not resolved") as raised:
        reference(burgers(1e-4), np.sin, [0.0, 3.0], size=32, largest=64, dt=0.01)
    assert raised.value.partial.x.size == 64
    with pytest.raises(ValueError, match="must increase"):
        reference(burgers(), np.sin, [0.0, 0.0])
