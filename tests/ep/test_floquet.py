"""Floquet's multipliers against SciPy's integration of the linearised equations, and exact ones."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

import symdfi as sd

q, v = sd.coordinates("q")
x, xd = sd.coordinates("x")
k, e, mu = sp.symbols("k e mu")
mathieu = sd.Lagrangian(v**2 / 2 - (k + e * sp.cos(sd.t)) * q**2 / 2, q, v)
damped = sd.Lagrangian(v**2 / 2 - (k + e * sp.cos(sd.t)) * q**2 / 2, q, v, dissipation=mu * v**2 / 2)


def reference(a: float, b: float, c: float) -> np.ndarray:
    def flow(t: float, y: np.ndarray) -> np.ndarray:
        Y = y.reshape(2, 2)
        return np.concatenate([Y[1], -(a + b * np.cos(t)) * Y[0] - c * Y[1]])

    return solve_ivp(flow, (0, 2 * np.pi), np.eye(2).ravel(), rtol=1e-12, atol=1e-13).y[:, -1].reshape(2, 2)


@pytest.mark.parametrize("a, b", ((1.37, 0.4), (0.25, 0.3)))
def test_mathieu(a: float, b: float) -> None:
    """A stable and an unstable one; the product is 1."""
    orbit = sd.extremize(mathieu, sd.Periodic(2 * np.pi), 40, {k: a, e: b}, rule=sd.Galerkin(4))
    assert orbit.monodromy == pytest.approx(reference(a, b, 0.0), abs=1e-9)
    assert np.prod(orbit.multipliers).real == pytest.approx(1, rel=1e-12)
    assert np.abs(orbit.multipliers[0]) == pytest.approx(
        np.abs(np.linalg.eigvals(reference(a, b, 0.0))).max(), abs=1e-8
    )
    coarse, fine = (
        np.abs(sd.extremize(mathieu, sd.Periodic(2 * np.pi), N, {k: a, e: b}).monodromy - reference(a, b, 0.0)).max()
        for N in (100, 200)
    )
    assert coarse / fine == pytest.approx(4, rel=0.05)


def test_damped() -> None:
    """det = e^{−μT}."""
    given = {k: 1.37, e: 0.4, mu: 0.1}
    orbit = sd.extremize(damped, sd.Periodic(2 * np.pi), 40, given, rule=sd.Galerkin(4))
    assert np.prod(orbit.multipliers).real == pytest.approx(np.exp(-0.2 * np.pi), rel=1e-9)
    assert orbit.monodromy == pytest.approx(reference(1.37, 0.4, 0.1), abs=1e-9)


@pytest.mark.parametrize("a, b, c", ((1.37, 0.4, 0.0), (0.25, 0.3, 0.0), (1.37, 0.4, 0.1)))
def test_mathieu_by_harmonic_balance(a: float, b: float, c: float) -> None:
    """About an orbit by harmonics, stable, unstable and damped: to the accuracy of the reference."""
    orbit = sd.extremize(damped, sd.Periodic(2 * np.pi), None, {k: a, e: b, mu: c}, rule=sd.Fourier(6))
    assert orbit.monodromy == pytest.approx(reference(a, b, c), abs=1e-10)
    assert np.prod(orbit.multipliers).real == pytest.approx(np.exp(-2 * np.pi * c), rel=1e-11)
    assert (orbit.symplectic_error < 1e-11) == (c == 0)


def test_driven_orbit_by_harmonic_balance() -> None:
    """Duffing's, its drive given at the nodes: as on a fine grid of order eight."""
    drive = sp.Symbol("drive")
    duffing = sd.Lagrangian(v**2 / 2 * (1 + q**2 / 5) - k * q**2 / 2 - q**4 / 4 + drive * q, q, v, inputs=[drive])
    T = 2 * np.pi / 1.3
    given = {"params": {k: 4.1}, "inputs": {drive: lambda t: np.cos(1.3 * t)}}
    fine = sd.extremize(duffing, sd.Periodic(T), 60, rule=sd.Galerkin(4), **given)
    found = sd.extremize(duffing, sd.Periodic(T), None, rule=sd.Fourier(15), **given)
    assert np.sort_complex(found.multipliers) == pytest.approx(np.sort_complex(fine.multipliers), abs=1e-9)
    too_fast = sd.Lagrangian(v**2 / 2 - 1e11 * q**2 / 2 * (1 + sp.cos(sd.t) / 9), q, v)
    orbit = sd.extremize(too_fast, sd.Periodic(2 * np.pi), None, rule=sd.Fourier(1))
    with pytest.raises(sd.ConvergenceError, match="too fast for 1024 steps in a period"):
        _ = orbit.multipliers


def test_limit_cycle() -> None:
    """Van der Pol's, at μ = 1: 1 and exp(∮ μ(1 − x²) dt)."""
    system = sd.Lagrangian(xd**2 / 2 - x**2 / 2, x, xd, forces={x: mu * (1 - x**2) * xd})
    guess = 2 * np.cos(2 * np.pi * np.arange(181) / 180)[:, None]
    orbit = sd.extremize(system, sd.LimitCycle(6.3), 60, {mu: 1.0}, guess=guess, rule=sd.Galerkin(3))
    at, weights = orbit.system.points(orbit.setting, orbit.q)[0][:, 0], orbit.setting.weights
    assert orbit.multipliers.real == pytest.approx([1, np.exp(weights @ (1 - at**2))], rel=1e-5)
    guess = 2 * np.cos(2 * np.pi * np.arange(62) / 61)[:, None]
    orbit = sd.extremize(system, sd.LimitCycle(6.3), None, {mu: 1.0}, guess=guess, rule=sd.Fourier(30))
    at, weights = orbit.system.points(orbit.setting, orbit.q)[0][:, 0], orbit.setting.weights
    assert orbit.multipliers.real == pytest.approx([1, np.exp(weights @ (1 - at**2))], rel=1e-9)


def test_chain_with_sparse_blocks() -> None:
    """The harmonic chain: e^{±iωT} of its modes; the map is symplectic."""
    n, i = sp.Symbol("n", integer=True, positive=True), sp.Symbol("i", integer=True)
    y, yd = sd.coordinates("y", n)
    L = sp.Sum(yd[i] ** 2 / 2 - y[i] ** 2 / 2, (i, 0, n - 1)) - sp.Sum((y[i + 1] - y[i]) ** 2 / 2, (i, 0, n - 2))
    orbit = sd.extremize(sd.Lagrangian(L, y, yd), sd.Periodic(2.0), 30, {"n": 12}, rule=sd.Galerkin(3))
    stiffness = 2 * np.eye(12) + np.diag(np.r_[0, np.ones(10), 0]) - np.eye(12, k=1) - np.eye(12, k=-1)
    phases = np.exp(2j * np.sqrt(np.linalg.eigvalsh(stiffness)))
    expected = np.concatenate([phases, phases.conj()])
    assert np.sort_complex(np.round(orbit.multipliers, 7)) == pytest.approx(
        np.sort_complex(np.round(expected, 7)), abs=3e-7
    )
    J = np.block([[np.zeros((12, 12)), np.eye(12)], [-np.eye(12), np.zeros((12, 12))]])
    assert np.abs(orbit.monodromy.T @ J @ orbit.monodromy - J).max() < 1e-12


def test_refusals() -> None:
    ends = sd.extremize(mathieu, sd.FixedEnds(0.0, 1.0, 2.0), 10, {k: 1.0, e: 0.1})
    assert ends.monodromy.shape == (2, 2)
    with pytest.raises(sd.SymbolicError, match="does not come back"):
        _ = ends.multipliers
    still = sd.extremize(sd.Lagrangian(-(q**2), q, v), sd.Static(0.3))
    with pytest.raises(sd.SymbolicError, match="no monodromy"):
        _ = still.monodromy
    massless = sd.Lagrangian(v**2 / 2 - q**2 / 2 + q * x - x**2, [q, x], [v, xd])
    orbit = sd.extremize(massless, sd.Periodic(2.0), 10, rule=sd.Trapezoidal())
    with pytest.raises(sd.SingularMatrixError, match="a coordinate without a mass"):
        _ = orbit.multipliers
