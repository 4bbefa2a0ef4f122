"""The α chain of Fermi, Pasta, Ulam and Tsingou: the energy put into one mode comes back."""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdfi as sd
from symdfi.dynamics import Lagrangian, Trajectory

from .base import MechanicsModel, Settings, lattice_modes

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


def mode_energies(trajectory: Trajectory) -> np.ndarray:
    """The harmonic energy of every mode, (s, n)."""
    frequencies, modes = lattice_modes(trajectory.q.shape[1])
    return ((trajectory.v @ modes) ** 2 + (trajectory.q @ modes * frequencies) ** 2) / 2


def reference(s: Settings, trajectory: Trajectory) -> dict[str, float]:
    """The recurrence: when, after it has been low, the mode's energy is highest, and how much is back."""
    mode = int(s["mode"]) - 1
    share = mode_energies(trajectory)[:, mode]
    share = share / share[0]
    frequencies, _ = lattice_modes(trajectory.q.shape[1])
    periods = trajectory.t * frequencies[mode] / (2 * np.pi)
    low = int(np.argmax(share < 0.5))
    found = {"lowest share of the mode": float(share.min())}
    if low:
        back = low + int(np.argmax(share[low:]))
        found |= {"recurrence, in periods": float(periods[back]), "share that is back": float(share[back])}
    return found


def plot(trajectory: Trajectory):
    from symdfi.plotting import plot_modes

    frequencies, _ = lattice_modes(trajectory.q.shape[1])
    periods = trajectory.t * frequencies[0] / (2 * np.pi)
    energies = mode_energies(trajectory)
    # Those that ever hold most: with the first mode excited, the lowest ones.
    most = np.sort(np.argsort(-energies.max(axis=0), kind="stable")[:5])
    return plot_modes(
        periods, energies[:, most], (most + 1).tolist(), trajectory.energy,
        "energy of the strongest modes", "periods of the first mode",
    )  # fmt: skip


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
    plot=plot,
)  # fmt: skip
