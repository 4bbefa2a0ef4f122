"""Six coupled oscillators, driven at the first and read at the fourth: the gradient by an echo.

    ẍᵢ = −kᵢ xᵢ − α xᵢ³ − Σⱼ ½ (Kᵢⱼ + Kⱼᵢ)(xᵢ − xⱼ) + δᵢ₀ F cos Ωt
    C = ∫₀ᵀ ½ (x₃ − y)² dt + (x₂(T) − ½)²,    y = Y sin Ωt

The trajectory is run, its final momenta are reversed, and the same machine runs back under the replayed drive and a
nudge ±β of the error: what the two echoes differ in at the beginning, and what they left in ∫∂_θL dt, is the gradient
(recurrent Hamiltonian echo learning, arXiv:2506.05259; theory of EP, "The echo"). By the leapfrog, 43 parameters at
once. An echo without a nudge comes back to where it began. The orbit is held against SciPy's DOP853.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdfi as sd
from symdfi.running import PROPAGATION, Experiment, Outcome, PropagationModel, Settings, nudging, positive, rule

from .near_orbits import Acceleration, initial_value_error

i, j = sp.symbols("i j", integer=True)
x, v = sd.coordinates("x", 6)
k, K = sp.IndexedBase("k", shape=(6,)), sp.IndexedBase("K", shape=(6, 6))
alpha, drive, y = sp.symbols("alpha drive y")
every = (i, 0, 5)

L = (
    sp.Sum(v[i] ** 2 / 2 - k[i] * x[i] ** 2 / 2 - alpha * x[i] ** 4 / 4, every)
    - sp.Sum(K[i, j] * (x[i] - x[j]) ** 2 / 4, (j, 0, 5), every) + drive * x[0]
)  # fmt: skip
SYSTEM = sd.Lagrangian(L, x, v, parameters=[k, K, alpha], inputs=[drive])
COST = sd.Cost((x[3] - y) ** 2 / 2, [y], terminal=(x[2] - sp.Rational(1, 2)) ** 2)


def build(s: Settings) -> Experiment:
    positive(s, "T", "frequency")
    rng, omega = np.random.default_rng(int(s["seed"])), float(s["frequency"])
    boundary = sd.InitialState(0.3 * rng.normal(size=6), 0.3 * rng.normal(size=6), float(s["T"]))
    trainer = sd.EPTrainer(SYSTEM, COST, boundary, int(s["steps"]), [k, K, alpha], nudging(s), rule=rule(s))
    params = {k: rng.uniform(0.5, 1.5, 6), K: 0.3 * rng.random((6, 6)), alpha: float(s["alpha"])}
    return Experiment(
        trainer, params, {drive: lambda t: float(s["F"]) * np.cos(omega * t)},
        {y: lambda t: float(s["Y"]) * np.sin(omega * t)},
    )  # fmt: skip


def equations(s: Settings, params: dict) -> Acceleration:
    own, pair, quartic = (params[p] for p in (k, K, alpha))
    pull = (pair + pair.T) / 2
    matrix, first = np.diag(own + pull.sum(axis=1)) - pull, float(s["F"]) * np.eye(6)[0]

    def acceleration(t: float, q: np.ndarray, u: np.ndarray) -> np.ndarray:
        return first * np.cos(float(s["frequency"]) * t) - matrix @ q - quartic * q**3

    return acceleration


def reference(s: Settings, outcome: Outcome) -> dict[str, float]:
    acceleration, boundary = equations(s, dict(outcome.experiment.params)), outcome.experiment.trainer.boundary
    assert isinstance(boundary, sd.InitialState)
    return {
        "error of the orbit": initial_value_error(outcome.orbit, acceleration, boundary.v0),
        "echo without a nudge misses by": sd.Echo().return_error(outcome.orbit),
    }


MODEL = PropagationModel(
    name="six_oscillators",
    title="Six coupled oscillators",
    description="Leapfrog from an initial state; the gradient by an echo, from the pinned final state back.",
    defaults={
        **PROPAGATION, "steps": 400, "rule": "trapezoidal", "nudging": "echo", "alpha": 0.4, "T": 12.0,
        "frequency": 1.1, "F": 1.2, "Y": 0.3, "seed": 0,
    },
    build=build,
    reference=reference,
)  # fmt: skip
