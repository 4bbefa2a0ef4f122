"""Coupled van der Pol oscillators from an initial state: gain, nonlinear damping, the doubled action.

    ẍᵢ = μᵢ (1 − xᵢ²) ẋᵢ − ωᵢ² xᵢ + κ (xᵢ₊₁ − 2xᵢ + xᵢ₋₁) on a ring,    C = ∫₀ᵀ ½ (x₀ − x_h)² dt,  h = n/2

B. van der Pol, Phil. Mag. 2 (1926) 978. No action has these motions for its extrema, and no echo brings them back. The
doubled action does (C. R. Galley, Phys. Rev. Lett. 110, 174301, 2013; theory of EP, "The doubled action"): nudged in
the mean of its two copies they come apart as β times the adjoint. The cost asks opposite oscillators to move in phase.
The orbit is held against SciPy's DOP853.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdfi as sd
from symdfi.running import PROPAGATION, Experiment, PropagationModel, Settings, nudging, positive, rule

from .near_orbits import Acceleration, from_rest

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x, v = sd.coordinates("x", n)
mu, omega = (sp.IndexedBase(name, shape=(n,)) for name in ("mu", "omega"))
kappa = sp.Symbol("kappa")
every = (i, 0, n - 1)

L = sp.Sum(
    v[i] ** 2 / 2 - omega[i] ** 2 * x[i] ** 2 / 2 - kappa * (x[sp.Mod(i + 1, n)] - x[i]) ** 2 / 2, every
)  # fmt: skip
R = -sp.Sum(mu[i] * (1 - x[i] ** 2) * v[i] ** 2 / 2, every)
SYSTEM = sd.Lagrangian(L, x, v, parameters=[mu, omega, kappa], dissipation=R)
COST = sd.Cost((x[0] - x[sp.floor(n / 2)]) ** 2 / 2)


def build(s: Settings) -> Experiment:
    positive(s, "T", "n")
    size, rng = int(s["n"]), np.random.default_rng(int(s["seed"]))
    boundary = sd.InitialState(rng.normal(size=size), np.zeros(size), float(s["T"]))
    trainer = sd.EPTrainer(SYSTEM, COST, boundary, int(s["steps"]), [mu, omega, kappa], nudging(s), rule=rule(s))
    params = {
        mu: float(s["mu"]) * rng.uniform(0.8, 1.2, size), omega: rng.uniform(0.9, 1.1, size), kappa: float(s["kappa"])
    }  # fmt: skip
    return Experiment(trainer, params)


def equations(s: Settings, params: dict) -> Acceleration:
    gain, own, spring = (params[p] for p in (mu, omega, kappa))

    def acceleration(t: float, q: np.ndarray, u: np.ndarray) -> np.ndarray:
        return gain * (1 - q**2) * u - own**2 * q + spring * (np.roll(q, 1) - 2 * q + np.roll(q, -1))

    return acceleration


MODEL = PropagationModel(
    name="van_der_pol_network",
    title="Ring of van der Pol oscillators",
    description="Self-excited oscillators from an initial state: any dissipation, by the doubled action.",
    defaults={**PROPAGATION, "steps": 200, "n": 4, "mu": 1.0, "kappa": 0.3, "T": 12.0, "seed": 0},
    build=build,
    reference=from_rest(equations),
)
