"""The Toda lattice on a ring: a soliton, and as many invariants as particles.

    L = Σ ½ ẋᵢ² − Σ exp(−(xᵢ₊₁ − xᵢ)),    xₙ = x₀ + c

(M. Toda, J. Phys. Soc. Japan 22, 431, 1967.) The soliton xₖ = ln(τₖ₋₁/τₖ), τₖ = 1 + exp 2(κk − t sinh κ), goes round
at sinh κ/κ sites a time; H. Flaschka's matrix (Phys. Rev. B 9, 1924, 1974) keeps its eigenvalues. Measured by the
velocities against the soliton's, by its speed, and by the drift of these eigenvalues.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdfi as sd
from symdfi.dynamics import Lagrangian, Trajectory
from symdfi.running import MechanicsModel, Settings, positive
from symdfi.running.pictures import VelocityField

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
c = sp.Symbol("c", real=True)
x, v = sd.coordinates("x", n)

# c is how much longer the ring is than at rest.
L = (
    sp.Sum(v[i] ** 2 / 2, (i, 0, n - 1))
    - sp.Sum(sp.exp(-(x[i + 1] - x[i])), (i, 0, n - 2)) - sp.exp(-(x[0] + c - x[n - 1]))
)  # fmt: skip


def build(settings: Settings) -> Lagrangian:
    return Lagrangian(L, x, v, parameters=[c])


def soliton(sites: int, kappa: float, time: float) -> tuple[np.ndarray, np.ndarray]:
    """x_k = ln(τ_{k−1}/τ_k) and its velocity, τ_k = 1 + exp 2(κ k − t sinh κ), k counted from the middle."""
    k = np.arange(sites) - sites // 2

    def log_tau(k: np.ndarray) -> np.ndarray:
        return np.logaddexp(0.0, 2 * (kappa * k - np.sinh(kappa) * time))

    def rate(k: np.ndarray) -> np.ndarray:
        return -np.sinh(kappa) * (1 + np.tanh(kappa * k - np.sinh(kappa) * time))

    return log_tau(k - 1) - log_tau(k), rate(k - 1) - rate(k)


def initial(s: Settings) -> tuple[np.ndarray, np.ndarray, dict]:
    if int(s["n"]) < 3:
        raise ValueError(f"the setting n = {s['n']}: a ring has at least three particles")
    positive(s, "kappa")
    q, v = soliton(int(s["n"]), float(s["kappa"]), 0.0)
    return q, v, {c: -2 * float(s["kappa"])}


def lax(q: np.ndarray, p: np.ndarray, longer: float) -> np.ndarray:
    """The invariants: eigenvalues of Flaschka's matrix, p/2 on its diagonal, e^((x_i − x_{i+1})/2)/2 off it."""
    a = np.exp((q - np.append(q[1:], q[0] + longer)) / 2) / 2
    matrix = np.diag(p / 2)
    for k in range(q.size):
        matrix[k, (k + 1) % q.size] += a[k]
        matrix[(k + 1) % q.size, k] += a[k]
    return np.linalg.eigvalsh(matrix)


def reference(s: Settings, trajectory: Trajectory) -> dict[str, float]:
    """The velocities against the soliton, which is back at its place after n κ / sinh κ; its speed, measured."""
    sites, kappa = int(s["n"]), float(s["kappa"])
    speed = np.sinh(kappa) / kappa
    errors = []
    for time, rates in zip(trajectory.t, trajectory.v, strict=True):
        turns = np.round(time * speed / sites)
        sides = [soliton(sites, kappa, time - (turns + k) * sites / speed)[1] for k in (-1, 0, 1)]
        errors.append(np.abs(rates - np.sum(sides, axis=0)).max())
    before, after = (lax(trajectory.q[k], trajectory.v[k], -2 * kappa) for k in (0, -1))
    return {
        "speed of the soliton": measured_speed(trajectory, speed),
        "speed of the soliton, exact": speed,
        "error of the velocities": float(np.max(errors)),
        "drift of the Lax invariants": float(np.abs(after - before).max()),
    }


def measured_speed(trajectory: Trajectory, expected: float) -> float:
    """Sites per unit of time, from the phase φ of the velocities' first Fourier mode: the place is −n φ/2π.

    A wave that keeps its shape turns φ at a constant rate; the slope is that of the straight line of least squares.
    ``expected`` tells how often the wave went round between two saves.
    """
    sites, t = trajectory.v.shape[1], trajectory.t
    turned = -np.angle(np.fft.fft(trajectory.v, axis=1)[:, 1]) * sites / (2 * np.pi)
    ahead = np.unwrap(turned - expected * t, period=sites)
    return expected + float(np.polyfit(t, ahead, 1)[0])


MODEL = MechanicsModel(
    name="toda",
    title="Toda lattice",
    description="A ring of particles with exponential springs, with one soliton on it.",
    defaults={
        "n": 64, "kappa": 0.9, "t_end": 120.0, "dt": 0.01, "method": "verlet", "save_every": 50,
    },
    build=build,
    initial=initial,
    reference=reference,
    picture=VelocityField("a soliton on a ring"),
)  # fmt: skip
