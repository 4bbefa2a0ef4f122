"""The spectral reference read off an evolution equation."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.running.pseudospectral import SpectralEquation
from symdfi.running.spectral import integrate, reference
from tests.running.by_hand import SpectralProblem

X, nu = sp.Symbol("x"), sp.Symbol("nu")
u, w = (sp.Function(name)(sd.t, X) for name in "uw")


def spectral(right_sides, start, stop, **params):
    equations = [sp.Eq(field.diff(sd.t), side) for field, side in zip((u, w), right_sides, strict=False)]
    return SpectralEquation(sd.EvolutionEquation(equations), start, stop, params)


def test_it_is_the_one_written_by_hand():
    """Burgers' equation, with both forms of its flux."""
    own = spectral([nu * u.diff(X, 2) - u * u.diff(X)], -1, 1, nu=0.02)
    hand = SpectralProblem(-1, 1, lambda k: -0.02 * k**2, lambda k: -0.5j * k, np.square)
    k = own.wavenumbers(64)
    np.testing.assert_allclose(own.linear(k), hand.linear(k))
    u0 = np.exp(np.sin(np.pi * own.points(128)))
    found, expected = (integrate(one, u0, np.array([0.0, 0.3]), 2e-3) for one in (own, hand))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_terms_with_constant_coefficients_are_linear():
    k = np.arange(5.0)
    own = spectral([2 * (u.diff(X, 2) + u) - u**3 + 3 * u * sp.cos(X), u.diff(X) - 4 * w.diff(X)], 0, 2 * np.pi)
    np.testing.assert_allclose(own.linear(k), [2 - 2 * k**2, -4j * k])
    x = own.points(16)
    values = np.stack([np.sin(x), 0 * x])
    rate = np.fft.irfft(own.nonlinear(16)(np.fft.rfft(values)[:, :6], 0.0), 16)
    expected = [-(values[0] ** 3) + 3 * values[0] * np.cos(x), np.cos(x)]
    np.testing.assert_allclose(rate, expected, atol=1e-13)


def test_two_fields_against_the_exact_solution():
    """u_t = w, w_t = u_xx + 2 cos(t) sin(x), of which u = t sin(t) sin(x) is a solution."""
    own = spectral([w, u.diff(X, 2) + 2 * sp.cos(sd.t) * sp.sin(X)], 0, 2 * np.pi)

    def exact(x, t):
        return np.stack([t * np.sin(t) * np.sin(x), (np.sin(t) + t * np.cos(t)) * np.sin(x)])

    found = reference(own, lambda x: exact(x, 0.5), [0.5, 1.0, 2.0], size=16, dt=0.1, tolerance=1e-7)
    assert found.u.shape == (3, 2, len(found.x))
    errors = [found.relative_error(t, lambda x, t=t: exact(x, t)) for t in found.t]
    assert max(errors) <= 1e-7


def test_what_it_is_not_for():
    psi, y = sp.Function("psi")(sd.t, X), sp.Symbol("y")
    light = sd.EvolutionEquation(sp.Eq(psi.diff(sd.t), sp.I * psi.diff(X, 2)))
    plane = sp.Function("u")(sd.t, X, y)
    heat = sd.EvolutionEquation(sp.Eq(plane.diff(sd.t), plane.diff(X, 2) + plane.diff(y, 2)))
    for equation in (light, heat):
        with pytest.raises(sd.SymbolicError, match="is not of real fields in one space variable"):
            SpectralEquation(equation, 0, 1, {})
