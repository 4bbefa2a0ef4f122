"""Harmonic balance: exact gradients of its discrete cost, and spectral accuracy."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp
from scipy.special import ellipk

import symdfi as sd

q, v = sd.coordinates("q")
r, s = sd.coordinates("r")
k, b, f, d, y = sp.symbols("k b f d y")
EPS, TINY, OMEGA = np.finfo(float).eps, 1e-30, 1.3
T = 2 * np.pi / OMEGA
VALUES = {k: 1.7, b: 0.6, d: 0.2}
DRIVE, TARGET = {f: lambda t: np.cos(OMEGA * t)}, {y: lambda t: np.sin(OMEGA * t)}
bent = v**2 / 2 * (1 + b * q**2) - k * q**2 / 2 - q**4 / 4 + f * q
damped = sd.Lagrangian(bent, q, v, inputs=[f], dissipation=d * v**2 / 2 * (1 + q**2))
reversible = sd.Lagrangian(bent, q, v, inputs=[f])
cost = sd.Cost((q - y) ** 2 / 2 + v**4 / 7, [y])


def balanced(theta: np.ndarray, path: np.ndarray, K: int) -> complex:
    """The cost after Newton's steps on the balance of harmonics, all by fast Fourier transforms."""
    M = 2 * K + 1
    times = np.arange(M) * T / M
    power = 1j * OMEGA * np.fft.fftfreq(M, 1 / M)

    def slope(x: np.ndarray) -> np.ndarray:
        return np.fft.ifft(power * np.fft.fft(x))

    def equation(x: np.ndarray, c: np.ndarray) -> np.ndarray:
        u = slope(x)
        G = u**2 * c[1] * x - c[0] * x - x**3 + np.cos(OMEGA * times) - c[2] * u * (1 + x**2)
        return G - slope(u * (1 + c[1] * x**2))

    x, real = path.astype(complex), theta.real
    matrix = np.array([(equation(path + h, real) - equation(path - h, real)).real for h in 1e-6 * np.eye(M)]).T / 2e-6
    for _ in range(12):
        x = x - np.linalg.solve(matrix, equation(x, theta))
    return T / M * np.sum((x - np.sin(OMEGA * times)) ** 2 / 2 + slope(x) ** 4 / 7)


@pytest.mark.parametrize("K", (3, 8, 15))
def test_gradient_against_fourier_transforms(K: int) -> None:
    trainer = sd.EPTrainer(damped, cost, sd.Periodic(T), None, [k, b, d], rule=sd.Fourier(K))
    loss, found = trainer.gradient(VALUES, DRIVE, TARGET)
    free = trainer.free(VALUES, DRIVE, TARGET)
    theta, exact = np.array([1.7, 0.6, 0.2]), []
    for j in range(3):
        # By differences of an analytic function around a circle: the transforms mix real and imaginary parts.
        turns = np.exp(2j * np.pi * np.arange(8) / 8)
        moved = [balanced(theta + 3e-3 * turn * np.eye(3)[j], free.q[:-1, 0], K) for turn in turns]
        exact.append(np.mean(np.array(moved) / turns).real / 3e-3)
    assert loss == pytest.approx(balanced(theta.astype(complex), free.q[:-1, 0], K).real, rel=1e-12)
    assert [found[name] for name in "kbd"] == pytest.approx(exact, rel=1e-10)
    assert trainer.adjoint(free)["k"] == pytest.approx(found["k"], rel=1e-12)


def test_nudged() -> None:
    """The identity of the theorem for harmonic balance, too."""
    trainer = sd.EPTrainer(reversible, cost, sd.Periodic(T), None, [k, b], rule=sd.Fourier(8))
    values = {k: 1.7, b: 0.6}
    free = trainer.free(values, DRIVE, TARGET)
    exact = trainer.response(free)
    for nudging, error in ((sd.Centered(), 1e-8), (sd.Holomorphic(8), 1e-11)):
        found = nudging.gradient(free)
        assert [float(found[name] / exact[name]) for name in "kb"] == pytest.approx([1, 1], rel=error)
    check = trainer.check_gradient(values, DRIVE, TARGET)
    assert check.error < 1e-12
    assert check.finite_difference_error < 1e-7


def test_spectral_accuracy() -> None:
    """Against SciPy's integration to 1e-12, of the motion from the state that the finest balance begins with."""

    def orbit(K: int) -> sd.Orbit:
        return sd.extremize(damped, sd.Periodic(T), None, VALUES, DRIVE, rule=sd.Fourier(K))

    fine = orbit(48)
    start = fine.system.points(fine.setting, fine.q)

    def flow(t: float, z: np.ndarray) -> list[float]:
        x, u = z
        G = u**2 * 0.6 * x - 1.7 * x - x**3 + np.cos(OMEGA * t) - 0.2 * u * (1 + x**2)
        return [u, (G - 1.2 * x * u**2) / (1 + 0.6 * x**2)]

    def error(path: sd.Orbit) -> float:
        found = solve_ivp(flow, (0, T), (start[0][0, 0], start[1][0, 0]), "DOP853", path.t, rtol=1e-13, atol=1e-14)
        return float(np.abs(path.q[:, 0] - found.y[0]).max())

    errors = [error(orbit(K)) for K in (4, 12, 20, 28)]
    assert error(fine) < 1e-11
    assert np.all(np.diff(np.log(errors)) < -4)  # a factor for each eight harmonics, and not a power of them


def test_chain() -> None:
    """Sparse blocks, and a coordinate without a mass that follows: r = q/2."""
    n, i = sp.Symbol("n", integer=True, positive=True), sp.Symbol("i", integer=True)
    x, xd = sd.coordinates("x", n)
    L = sp.Sum(xd[i] ** 2 / 2 - k * x[i] ** 2 / 2 - x[i] ** 4 / 4, (i, 0, n - 1)) + f * x[0]
    chain = sd.Lagrangian(L - sp.Sum((x[i + 1] - x[i]) ** 2, (i, 0, n - 2)) / 2, x, xd, inputs=[f])
    of_chain = sd.Cost(x[n - 1] ** 2 * xd[0] ** 2)
    found = {}
    for rule, steps in ((sd.Fourier(10), None), (sd.Galerkin(4), 40)):
        trainer = sd.EPTrainer(chain, of_chain, sd.Periodic(T), steps, [k], rule=rule)
        found[steps] = trainer.gradient({k: 3.0, "n": 12}, DRIVE)
    assert found[None][0] == pytest.approx(found[40][0], rel=1e-9)
    assert found[None][1]["k"] == pytest.approx(found[40][1]["k"], rel=1e-8)
    massless = sd.Lagrangian(v**2 / 2 - q**2 / 2 + q * r - r**2 + f * q, [q, r], [v, s], inputs=[f])
    orbit = sd.extremize(massless, sd.Periodic(T), None, None, DRIVE, rule=sd.Fourier(4))
    assert np.abs(orbit["r"] - orbit["q"] / 2).max() < 100 * EPS


def test_closed_orbits() -> None:
    """The pendulum of a given energy: T = 4K(sin²(A/2))."""
    pendulum = sd.Lagrangian(v**2 / 2 + sp.cos(q), q, v)
    guess = np.cos(2 * np.pi * np.arange(32) / 31)[:, None]
    orbit = sd.extremize(pendulum, sd.Autonomous(6.3, energy=-0.4), None, guess=guess, rule=sd.Fourier(15))
    assert pytest.approx(4 * ellipk(0.3), rel=1e-12) == orbit.setting.boundary.T


def test_samples_and_refusals() -> None:
    rule, given = sd.Fourier(6), {"params": VALUES}
    times = rule.times(1, T)
    one = sd.extremize(damped, sd.Periodic(T), None, VALUES, {f: np.cos(OMEGA * times)}, rule=rule)
    assert one.q == pytest.approx(sd.extremize(damped, sd.Periodic(T), None, VALUES, DRIVE, rule=rule).q, abs=1e-13)
    with pytest.raises(ValueError, match="takes no steps"):
        sd.extremize(damped, sd.Periodic(T), 10, inputs=DRIVE, rule=rule, **given)
    with pytest.raises(sd.SymbolicError, match="of periodic orbits: FixedEnds is none"):
        sd.extremize(damped, sd.FixedEnds(0.0, 1.0, T), None, inputs=DRIVE, rule=rule, **given)
    with pytest.raises(ValueError, match="harmonics"):
        sd.Fourier(0)
    with pytest.raises(sd.SymbolicError, match="none of the rule Fourier"):
        _ = one.reversibility_error
