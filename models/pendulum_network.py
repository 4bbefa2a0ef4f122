"""Pendulums joined by torsion springs in a ring, with friction: which springs bring the last one where it is wanted.

    θ̈ᵢ = −g sin θᵢ − γ θ̇ᵢ + K_{i−1} (θᵢ₋₁ − θᵢ) + Kᵢ (θᵢ₊₁ − θᵢ)    (indices modulo n)
    C = 1 − cos(θ_{n−1}(T) − φ),    at rest but for the first, which is let go at the angle θ₀

A terminal cost: the nudge is a kick −β∇Ψ of the final momenta. Friction leaves no echo, and the gradient is read off
the doubled action (theory of EP, "The doubled action"): by springs, gravity, friction, and the target angle φ. The
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

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
theta, rate = sd.coordinates("theta", n)
K = sp.IndexedBase("K", shape=(n,))
g, friction, angle = sp.symbols("g gamma phi")
every = (i, 0, n - 1)

L = sp.Sum(
    rate[i] ** 2 / 2 + g * sp.cos(theta[i]) - K[i] * (theta[sp.Mod(i + 1, n)] - theta[i]) ** 2 / 2, every
)  # fmt: skip
R = friction * sp.Sum(rate[i] ** 2 / 2, every)
SYSTEM = sd.Lagrangian(L, theta, rate, parameters=[K, g, friction], dissipation=R)
COST = sd.Cost(terminal=1 - sp.cos(theta[n - 1] - angle))


def build(s: Settings) -> Experiment:
    positive(s, "n", "T", "g")
    not_negative(s, "gamma", "seed")
    size, rng = int(s["n"]), np.random.default_rng(int(s["seed"]))
    boundary = sd.AtRest(float(s["T"]), float(s["theta0"]) * np.eye(size)[0])
    trainer = sd.EPTrainer(SYSTEM, COST, boundary, int(s["steps"]), [K, g, friction, angle], nudging(s), rule=rule(s))
    params = {
        K: rng.uniform(0.5, 1.5, size), g: float(s["g"]), friction: float(s["gamma"]), angle: float(s["phi"])
    }  # fmt: skip
    return Experiment(trainer, params)


def equations(s: Settings, params: dict) -> Acceleration:
    springs, weight, gamma = (params[p] for p in (K, g, friction))

    def acceleration(t: float, q: np.ndarray, u: np.ndarray) -> np.ndarray:
        pull = springs * (np.roll(q, -1) - q)
        return -weight * np.sin(q) - gamma * u + pull - np.roll(pull, 1)

    return acceleration


MODEL = PropagationModel(
    name="pendulum_network",
    title="Ring of pendulums",
    description="Torsion springs and friction, from rest: the gradient of a terminal cost.",
    defaults={
        **PROPAGATION, "steps": 100, "n": 5, "g": 1.0, "gamma": 0.1, "theta0": 2.0, "phi": 1.0, "T": 10.0, "seed": 0
    },
    build=build,
    reference=from_rest(equations),
)  # fmt: skip
