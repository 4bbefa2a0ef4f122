"""A damped network of oscillators, its gradient by one run of the same network: no nudge, no backward pass.

    mᵢ ẍᵢ + kᵢ xᵢ + cᵢ ẋᵢ + Σ_s K_s (xᵢ − xⱼ) + b_s (ẋᵢ − ẋⱼ) = δᵢ₀ F cos Ωt,    springs and dashpots s between i and j
    C = ∫₀ᵀ ½ (x_{n−1} − y)² dt,    from an initial state

Linear, with symmetric M, D and K: damping is no obstacle then. The network at rest, driven by the time-reversed error
at its output, moves as the adjoint does, and one run of any amplitude reads dC by springs, dashpots and masses
(reciprocity: theory of EP, "Linear systems"; Bösch, Gediz and Türeci, "Unifying Physical Backpropagation", 2026). The
orbit is held against SciPy's DOP853.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdfi as sd
from symdfi.running import (
    PROPAGATION,
    Experiment,
    PropagationModel,
    Settings,
    not_negative,
    nudging,
    positive,
    rule,
)

from .near_orbits import Acceleration, from_rest
from .random_graphs import ring_with_chords

n, e = sp.symbols("n e", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)
x, v = sd.coordinates("x", n)
m, k, c = (sp.IndexedBase(name, shape=(n,)) for name in "mkc")
K, b = (sp.IndexedBase(name, shape=(e,)) for name in "Kb")
left, right = (sp.IndexedBase(sp.Symbol(name, integer=True), shape=(e,)) for name in ("l", "r"))
drive, y = sp.symbols("drive y")

L = (
    sp.Sum(m[i] * v[i] ** 2 / 2 - k[i] * x[i] ** 2 / 2, (i, 0, n - 1))
    - sp.Sum(K[j] * (x[left[j]] - x[right[j]]) ** 2 / 2, (j, 0, e - 1)) + drive * x[0]
)  # fmt: skip
R = sp.Sum(c[i] * v[i] ** 2 / 2, (i, 0, n - 1)) + sp.Sum(b[j] * (v[left[j]] - v[right[j]]) ** 2 / 2, (j, 0, e - 1))
SYSTEM = sd.Lagrangian(L, x, v, parameters=[m, k, c, K, b, left, right], inputs=[drive], dissipation=R)
COST = sd.Cost((x[n - 1] - y) ** 2 / 2, targets=[y])


def build(s: Settings) -> Experiment:
    positive(s, "T", "frequency")
    not_negative(s, "damping", "seed")
    size, rng = int(s["n"]), np.random.default_rng(int(s["seed"]))
    ends = ring_with_chords(size, int(s["chords"]), rng)
    count, damping = ends.shape[1], float(s["damping"])
    params = {
        m: rng.uniform(0.8, 1.2, size), k: rng.uniform(0.8, 1.2, size), c: damping * rng.uniform(0.5, 1.5, size),
        K: rng.uniform(0.2, 0.6, count), b: damping * rng.uniform(0.5, 1.5, count), left: ends[0], right: ends[1],
    }  # fmt: skip
    boundary = sd.InitialState(0.5 * np.eye(size)[-1], np.zeros(size), float(s["T"]))
    trainer = sd.EPTrainer(SYSTEM, COST, boundary, int(s["steps"]), [m, k, c, K, b], nudging(s), rule=rule(s))
    wave = {drive: lambda t: float(s["F"]) * np.cos(float(s["frequency"]) * t)}
    return Experiment(trainer, params, wave, {y: float(s["y"])})


def matrices(params: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Masses (n,), and D and K, (n, n)."""
    size, count = len(params[m]), len(params[K])
    apart = np.zeros((count, size))
    np.add.at(apart, (np.arange(count), params[left]), 1.0)
    np.add.at(apart, (np.arange(count), params[right]), -1.0)
    D, stiffness = (
        np.diag(own) + apart.T @ (pair[:, None] * apart)
        for own, pair in ((params[c], params[b]), (params[k], params[K]))
    )
    return np.asarray(params[m]), D, stiffness


def equations(s: Settings, params: dict) -> Acceleration:
    masses, D, stiffness = matrices(params)
    first = float(s["F"]) * np.eye(masses.size)[0]

    def acceleration(t: float, q: np.ndarray, u: np.ndarray) -> np.ndarray:
        return (first * np.cos(float(s["frequency"]) * t) - D @ u - stiffness @ q) / masses

    return acceleration


MODEL = PropagationModel(
    name="damped_network",
    title="Damped network of oscillators",
    description="Linear and reciprocal, from an initial state: the gradient by one more run of the network itself.",
    defaults={
        **PROPAGATION, "steps": 100, "nudging": "reciprocal", "n": 6, "chords": 3, "damping": 0.2, "T": 12.0,
        "frequency": 1.1, "F": 1.0, "y": 0.3, "seed": 0,
    },
    build=build,
    reference=from_rest(equations),
)  # fmt: skip
