"""V10: Schroedinger's equation in a harmonic trap, i psi_t = -psi_xx/2 + x**2 psi/2, from its Lagrangian density.

Gaussians stay Gaussians, in the units and by the formulas of the model ``schrodinger``.
"""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.models import schrodinger

t, x, psi = sd.t, schrodinger.X, schrodinger.psi
bar = sp.conjugate(psi)
DENSITY = sd.LagrangianDensity(
    sp.I / 2 * (bar * psi.diff(t) - psi * bar.diff(t)) - sp.Abs(psi.diff(x)) ** 2 / 2 - x**2 * sp.Abs(psi) ** 2 / 2,
    [psi],
    [x],
)
PARAMETERS = sp.symbols("a b alpha beta q p", real=True)
BOX, QUADRATURE = sd.Box([(-12, 12)]), sd.Grid(96)
Q0, P0 = 1.0, 0.5
#: Squeezed, and coherent, which is the same with less in it.
STATES = [1.6, pytest.param(1.0, marks=pytest.mark.slow)]
#: How long.
ENDS = [5, pytest.param(20, marks=pytest.mark.slow)]


def exact(at, time, s):
    return schrodinger.exact({"squeezing": s, "q": Q0, "p": P0}, at, time)


def start(s):
    return np.array([(s / np.pi) ** 0.25, 0.0, s, 0.0, Q0, P0])


@pytest.fixture(scope="module")
def gaussian():
    a, b, alpha, beta, q, p = PARAMETERS
    expr = (a + sp.I * b) * sp.exp(-(alpha + sp.I * beta) * (x - q) ** 2 / 2 + sp.I * p * (x - q))
    return DENSITY.reduce(sd.Ansatz(expr, [x], PARAMETERS), BOX, QUADRATURE)


@pytest.mark.parametrize("s", STATES)
@pytest.mark.parametrize("order", [2, 4, 6])
def test_order_of_the_time_dependent_variational_principle(gaussian, s, order):
    at = np.linspace(-8, 8, 201)

    def error(dt):
        found = sd.integrate(gaussian, start(s), None, (0, 1), dt, method=sd.ImplicitMidpoint(order=order))
        return np.abs(gaussian.evaluate(found.q[-1], at) - exact(at, 1.0, s)).max()

    step = 0.1 if order == 2 else 0.2
    assert np.log2(error(step) / error(step / 2)) == pytest.approx(order, abs=0.25)


@pytest.mark.parametrize("s", STATES)
@pytest.mark.parametrize("end", ENDS)
def test_norm_and_energy_over_a_long_time(gaussian, s, end):
    found = sd.integrate(gaussian, start(s), None, (0, end), 0.04, method=sd.ImplicitMidpoint(order=6))
    points, weights = QUADRATURE.nodes(BOX)
    norm = np.abs(gaussian.evaluate(found.q, points)) ** 2 @ weights
    assert np.abs(norm - 1).max() <= 1e-8
    assert found.energy[0] == pytest.approx((s + 1 / s) / 4 + (Q0**2 + P0**2) / 2, rel=1e-12)
    assert found.energy_drift <= 1e-8
    values = gaussian.evaluate(found.q[-1], points[:, 0])
    assert np.sqrt(np.abs(values - exact(points[:, 0], end, s)) ** 2 @ weights) <= 1e-7


@pytest.mark.parametrize("end", ENDS)
def test_a_redundant_gaussian(end):
    """Coherent states with an amplitude (a + i b) exp(g): one direction of five that nothing tells."""
    a, b, q, p, g = own = sp.symbols("a b q p g", real=True)
    expr = (a + sp.I * b) * sp.exp(g - (x - q) ** 2 / 2 + sp.I * p * (x - q))
    redundant = DENSITY.reduce(sd.Ansatz(expr, [x], own), BOX, QUADRATURE)
    begin = np.array([0.6 * np.pi**-0.25, 0.0, Q0, P0, np.log(1 / 0.6)])
    with pytest.raises(sd.SingularMatrixError, match=r"is singular at .* along .*g.*; with 5 coordinates"):
        sd.integrate(redundant, begin, None, (0, 1), 0.1, method="midpoint")
    found = sd.integrate(redundant, begin, None, (0, end), 0.02, method=sd.ImplicitMidpoint(order=6, rtol=1e-9))
    points, weights = QUADRATURE.nodes(BOX)
    norm = np.abs(redundant.evaluate(found.q, points)) ** 2 @ weights
    assert np.abs(norm - 1).max() <= 1e-8
    assert found.energy_drift <= 1e-8
    values = redundant.evaluate(found.q[-1], points[:, 0])
    assert np.sqrt(np.abs(values - exact(points[:, 0], end, 1.0)) ** 2 @ weights) <= 1e-7


def test_redundant_parameters_are_told(gaussian):
    """Where the wave function vanishes, its centre, width and momentum say nothing."""
    with pytest.raises(sd.SingularMatrixError, match="the symplectic matrix Ω of .* is singular"):
        sd.integrate(gaussian, [0.0, 0.0, 1.0, 0.0, 1.0, 0.5], None, (0, 1), 0.1, method="midpoint")


@pytest.mark.parametrize("end", ENDS)
def test_redundant_gaussians_by_dirac_frenkel_dynamics_with_inertia(end):
    """The squeezed state as the sum of two Gaussians that are the same: half of the directions are redundant."""
    problem = sd.Problem(DENSITY.evolution(), schrodinger.packets(2), sd.Box([(-9, 9)], periodic=True), sd.Grid(96))
    theta = np.repeat(start(1.6), 2)
    theta[:2] /= 2
    stepper = sd.DFI(gamma=1e-13, scheme="rk4")
    found = sd.evolve(problem, theta, (0, end), 0.003, stepper, save_every=400)
    points, weights = problem.points[:, 0], problem.weights
    values = found.evaluate(points, found.t)
    slopes = np.fft.ifft(2j * np.pi * np.fft.fftfreq(96, 18 / 96) * np.fft.fft(values, axis=1), axis=1)
    norm = np.abs(values) ** 2 @ weights
    energy = (np.abs(slopes) ** 2 + points**2 * np.abs(values) ** 2) @ weights / 2
    assert np.abs(norm - 1).max() <= 1e-8
    assert np.abs(energy / energy[0] - 1).max() <= 1e-8
    assert np.sqrt(np.abs(values[-1] - exact(points, end, 1.6)) ** 2 @ weights) <= 1e-6
