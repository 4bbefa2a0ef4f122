"""S3: the FPUT-α chain (recurrence, energy) and the Toda lattice (Lax invariants, soliton) by Verlet."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.dynamics import Lagrangian, integrate

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
alpha, shift = sp.symbols("alpha shift", real=True)
x, v = sd.coordinates("x", n)
KINETIC = sp.Sum(v[i] ** 2, (i, 0, n - 1)) / 2


def walls(V) -> Lagrangian:
    """A chain of n particles between two walls."""
    return Lagrangian(KINETIC - V(x[0]) - sp.Sum(V(x[i + 1] - x[i]), (i, 0, n - 2)) - V(-x[n - 1]), x, v)


FPUT = walls(lambda r: r**2 / 2 + alpha * r**3 / 3)
TODA_BETWEEN_WALLS = walls(lambda r: sp.exp(-r))
TODA_RING = Lagrangian(KINETIC - sp.Sum(sp.exp(x[i] - x[i + 1]), (i, 0, n - 2)) - sp.exp(x[n - 1] - x[0] - shift), x, v)


def first_mode(particles: int, dt: float, periods: float):
    """t in fundamental periods, the share of the energy in mode 1, and the trajectory."""
    k = np.arange(1, particles + 1)
    frequency = 2 * np.sin(np.pi * k / (2 * (particles + 1)))
    modes = np.sqrt(2 / (particles + 1)) * np.sin(np.pi * np.outer(k, k) / (particles + 1))
    period = 2 * np.pi / frequency[0]
    trajectory = integrate(
        FPUT, np.sin(np.pi * k / (particles + 1)), np.zeros(particles),
        (0, periods * period), dt, {alpha: 0.25},
        save_every=round(period / dt / 30),
    )  # fmt: skip
    energy = ((trajectory.v @ modes) ** 2 + (trajectory.q @ modes * frequency) ** 2) / 2
    return trajectory.t / period, energy[:, 0] / energy[0, 0], trajectory


@pytest.mark.parametrize(
    ("particles", "dt", "expected", "within"),
    [
        # The calculation of Fermi, Pasta, Ulam and Tsingou: 32 springs, dt² = 1/8. Its 157 periods hold the
        # error of that step; with a small one the recurrence of 31 particles comes after 146.4 periods.
        (31, 8**-0.5, 157.5, 1.0),
        (31, 0.02, 146.4, 0.2),
        # 32 moving particles: 153.4 once converged.
        (32, 0.25, 157.5, 1.5),
        (32, 0.02, 153.4, 0.2),
    ],
)
def test_recurrence(particles, dt, expected, within):
    periods, share, _ = first_mode(particles, dt, 170)
    late = periods > 100
    peak = np.argmax(share[late])
    assert share[late][peak] > 0.97
    assert abs(periods[late][peak] - expected) < within
    assert share.min() < 0.1  # in between the energy is elsewhere


def test_energy_of_verlet_stays_bounded():
    _, _, trajectory = first_mode(32, 0.1, 1000)
    error = np.abs(trajectory.energy / trajectory.energy[0] - 1)
    half = error.size // 2
    assert error.max() < 2e-4
    assert error[half:].max() < 1.1 * error[:half].max()
    assert abs(np.mean(trajectory.energy[half:]) / np.mean(trajectory.energy[:half]) - 1) < 1e-5


def lax(q: np.ndarray, p: np.ndarray, length: float = 0.0) -> np.ndarray:
    """The eigenvalues of Flaschka's matrix of a Toda ring: b_i = p_i/2, a_i = exp((x_i − x_{i+1})/2)/2."""
    a = np.exp((q - np.append(q[1:], q[0] + length)) / 2) / 2
    size = q.size
    matrix = np.diag(p / 2)
    for k in range(size):
        matrix[k, (k + 1) % size] += a[k]
        matrix[(k + 1) % size, k] += a[k]
    return np.linalg.eigvalsh(matrix)


def mirrored(values: np.ndarray) -> np.ndarray:
    """A chain between walls as half of an odd ring."""
    return np.concatenate([[0.0], values, [0.0], -values[::-1]])


@pytest.mark.parametrize("between_walls", [False, True])
def test_lax_invariants(between_walls):
    size = 9
    rng = np.random.default_rng(3)
    q0, v0 = rng.normal(size=size) / 2, rng.normal(size=size)
    system, params = (TODA_BETWEEN_WALLS, {}) if between_walls else (TODA_RING, {shift: 0.5})

    def spectrum(q, p):
        return lax(mirrored(q), mirrored(p)) if between_walls else lax(q, p, 0.5)

    before = spectrum(q0, v0)
    assert np.unique(np.round(before, 8)).size >= size
    errors = []
    for dt in (0.02, 0.01, 0.005):
        end = integrate(system, q0, v0, (0, 10), dt, params, save_every=10**6)
        errors.append(np.abs(spectrum(end.q[-1], end.v[-1]) - before).max())
    assert errors[-1] < 2e-5
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(2, abs=0.1)
    exact = integrate(system, q0, v0, (0, 10), 10, params, method="dop853")
    assert np.abs(spectrum(exact.q[-1], exact.v[-1]) - before).max() < 1e-9


def soliton(sites: int, kappa: float, time: float) -> tuple[np.ndarray, np.ndarray]:
    """x_k = ln(τ_{k−1}/τ_k), τ_k = 1 + exp 2(κ k − t sinh κ), and its velocity."""
    phase = lambda k: 2 * (kappa * k - np.sinh(kappa) * time)  # noqa: E731
    k = np.arange(sites) - sites // 2
    tau = lambda k: np.logaddexp(0.0, phase(k))  # noqa: E731
    rate = lambda k: -2 * np.sinh(kappa) / (1 + np.exp(-phase(k)))  # noqa: E731
    return tau(k - 1) - tau(k), rate(k - 1) - rate(k)


def test_soliton():
    """Its speed is sinh κ / κ: after a time t it stands t·sinh κ/κ sites further, its shape unchanged."""
    sites, kappa, time = 80, 0.9, 20.0
    q0, v0 = soliton(sites, kappa, 0.0)
    errors = []
    for dt in (0.02, 0.01):
        end = integrate(TODA_RING, q0, v0, (0, time), dt, {shift: -2 * kappa}, save_every=10**6)
        q, v = soliton(sites, kappa, time)
        errors.append(max(np.abs(end.q[-1] - q).max(), np.abs(end.v[-1] - v).max()))
    assert errors[1] < 1e-3
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.05)
    exact = integrate(TODA_RING, q0, v0, (0, time), time, {shift: -2 * kappa}, method="dop853")
    np.testing.assert_allclose(exact.v[-1], v, atol=1e-9)
    np.testing.assert_allclose(exact.q[-1], q, atol=1e-9)
