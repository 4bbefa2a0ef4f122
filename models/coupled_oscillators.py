"""Oscillators on a network of springs, against their normal modes.

    L = Σᵢ ½ mᵢ ẋᵢ² − ½ kᵢ xᵢ² − Σ_s ½ K_s (x_a(s) − x_b(s))²

A ring with chords at random, its springs in index arrays. With M ẍ = −S x and the modes S U = M U Ω², Uᵀ M U = 1, the
motion from rest is x(t) = U cos(Ωt) Uᵀ M x(0) (H. Goldstein, Classical Mechanics, section 6.3): what it is measured by.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdfi as sd
from symdfi.dynamics import Lagrangian, Trajectory
from symdfi.running import MechanicsModel, Settings, not_negative

n, e = sp.symbols("n e", integer=True, positive=True)
i, s = sp.symbols("i s", integer=True)
x, v = sd.coordinates("x", n)
m, k = (sp.IndexedBase(sp.Symbol(name, real=True), shape=(n,)) for name in "mk")
K = sp.IndexedBase(sp.Symbol("K", real=True), shape=(e,))
a, b = (sp.IndexedBase(sp.Symbol(name, integer=True), shape=(e,)) for name in "ab")

# Spring s joins the oscillators a[s] and b[s].
L = (
    sp.Sum(m[i] * v[i] ** 2 / 2 - k[i] * x[i] ** 2 / 2, (i, 0, n - 1))
    - sp.Sum(K[s] * (x[a[s]] - x[b[s]]) ** 2 / 2, (s, 0, e - 1))
)  # fmt: skip


def build(settings: Settings) -> Lagrangian:
    return Lagrangian(L, x, v, parameters=[m, k, K, a, b])


def initial(settings: Settings) -> tuple[np.ndarray, np.ndarray, dict]:
    """A ring with random chords; the first oscillator is pulled out."""
    size, chords = int(settings["n"]), int(settings["chords"])
    if size < 3 or chords < 0:
        raise ValueError(f"a ring has n >= 3 oscillators and chords >= 0, not {size} and {chords}")
    if size == 3 and chords:
        raise ValueError(f"chords = {chords}: a ring of n = 3 has no oscillators that are not neighbours")
    # Springs pull back, so that all modes oscillate.
    not_negative(settings, "stiffness", "coupling", "seed")
    rng = np.random.default_rng(int(settings["seed"]))
    ends = np.stack([np.arange(size), np.roll(np.arange(size), -1)])
    starts = rng.integers(0, size, chords)
    ends = np.concatenate([ends, [starts, (starts + rng.integers(2, size - 1, chords)) % size]], axis=1)
    params = {
        m: rng.uniform(0.8, 1.25, size), k: np.full(size, float(settings["stiffness"])),
        K: rng.uniform(0.5, 1.5, ends.shape[1]) * float(settings["coupling"]), a: ends[0], b: ends[1],
    }  # fmt: skip
    return np.eye(size)[0], np.zeros(size), params


def normal_modes(params: dict) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies ω and modes U of M ẍ = −K x: K U = M U ω², Uᵀ M U = 1."""
    root = np.sqrt(np.asarray(params[m]))
    matrix = np.diag(params[k]).astype(float)
    for stiffness, start, stop in zip(params[K], params[a], params[b], strict=True):
        matrix[[start, stop], [start, stop]] += stiffness
        matrix[[start, stop], [stop, start]] -= stiffness
    squares, modes = np.linalg.eigh(matrix / np.outer(root, root))
    # A mode that no spring holds has ω = 0, which roundoff may have made slightly negative.
    return np.sqrt(np.maximum(squares, 0.0)), modes / root[:, None]


def reference(settings: Settings, trajectory: Trajectory) -> dict[str, float]:
    q0, _, params = initial(settings)
    frequencies, modes = normal_modes(params)
    amplitudes = modes.T @ (np.asarray(params[m]) * q0)
    exact = (np.cos(np.outer(trajectory.t, frequencies)) * amplitudes) @ modes.T
    return {
        "lowest frequency": float(frequencies[0]),
        "highest frequency": float(frequencies[-1]),
        "error of the positions": float(np.abs(trajectory.q - exact).max()),
    }


MODEL = MechanicsModel(
    name="coupled_oscillators",
    title="Coupled oscillators",
    description="Oscillators on a ring of springs with chords; the first one is pulled out and let go.",
    defaults={
        "n": 16, "chords": 4, "stiffness": 1.0, "coupling": 1.0, "seed": 0,
        "t_end": 40.0, "dt": 0.01, "method": "verlet", "save_every": 10,
    },
    build=build,
    initial=initial,
    reference=reference,
)  # fmt: skip
