"""The α chain of Fermi, Pasta, Ulam and Tsingou: the energy put into one mode comes back.

    L = Σ ½ ẋᵢ² − Σ V(xᵢ₊₁ − xᵢ),    V(r) = ½ r² + ⅓ α r³,    between two walls

(E. Fermi, J. Pasta and S. Ulam, Studies of nonlinear problems, Los Alamos report LA-1940, 1955.) All the energy is in
one mode of the harmonic chain, xₖ ∝ sin(πjk/(n + 1)) of frequency 2 sin(πj/(2(n + 1))). Measured by when it is back
there, and how much of it: with 32 particles most of it, after about 150 periods.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdfi as sd
from symdfi.dynamics import Lagrangian, Trajectory
from symdfi.running import MechanicsModel, Settings
from symdfi.running.pictures import ModeEnergies

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
alpha = sp.Symbol("alpha", real=True)
x, v = sd.coordinates("x", n)


def V(r: sp.Expr) -> sp.Expr:
    """The potential of a spring stretched by r."""
    return r**2 / 2 + alpha * r**3 / 3


# n particles between two walls: n + 1 springs.
L = (
    sp.Sum(v[i] ** 2 / 2, (i, 0, n - 1))
    - V(x[0]) - sp.Sum(V(x[i + 1] - x[i]), (i, 0, n - 2)) - V(-x[n - 1])
)  # fmt: skip


def build(settings: Settings) -> Lagrangian:
    return Lagrangian(L, x, v, parameters=[alpha])


def initial(s: Settings) -> tuple[np.ndarray, np.ndarray, dict]:
    particles = int(s["n"])
    if particles < 1:
        raise ValueError(f"the setting n = {particles}: a chain has at least one particle")
    if not float(s["amplitude"]):
        raise ValueError("the setting amplitude = 0: the chain stays at rest")
    k = np.arange(1, particles + 1)
    if not 1 <= int(s["mode"]) <= particles:
        raise ValueError(f"mode = {s['mode']}: a chain of {particles} particles has the modes 1 to {particles}")
    shape = float(s["amplitude"]) * np.sin(np.pi * int(s["mode"]) * k / (particles + 1))
    return shape, np.zeros(particles), {alpha: s["alpha"]}


def mode_energies(trajectory: Trajectory) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies (n,) of the harmonic chain between two walls, and the energy of every mode, (s, n)."""
    particles = trajectory.q.shape[1]
    k = np.arange(1, particles + 1)
    frequencies = 2 * np.sin(np.pi * k / (2 * (particles + 1)))
    modes = np.sqrt(2 / (particles + 1)) * np.sin(np.pi * np.outer(k, k) / (particles + 1))
    return frequencies, ((trajectory.v @ modes) ** 2 + (trajectory.q @ modes * frequencies) ** 2) / 2


def reference(s: Settings, trajectory: Trajectory) -> dict[str, float]:
    """The recurrence: when, after it has been low, the mode's energy is highest, and how much is back."""
    mode = int(s["mode"]) - 1
    frequencies, energies = mode_energies(trajectory)
    share = energies[:, mode] / energies[0, mode]
    periods = trajectory.t * frequencies[mode] / (2 * np.pi)
    low = int(np.argmax(share < 0.5))
    found = {"lowest share of the mode": float(share.min())}
    if low:
        back = low + int(np.argmax(share[low:]))
        found |= {"recurrence, in periods": float(periods[back]), "share that is back": float(share[back])}
    return found


MODEL = MechanicsModel(
    name="fput",
    title="Fermi–Pasta–Ulam–Tsingou chain",
    description="n particles between two walls, springs with a quadratic force, all the energy in one mode.",
    defaults={
        "n": 32, "alpha": 0.25, "amplitude": 1.0, "mode": 1,
        "t_end": 12000.0, "dt": 0.1, "method": "verlet", "save_every": 50,
    },
    build=build,
    initial=initial,
    reference=reference,
    picture=ModeEnergies(mode_energies),
)  # fmt: skip
