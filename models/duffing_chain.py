"""A chain of Duffing oscillators, driven at one end and read at the other: a gradient under periodicity.

    ẍᵢ = −kᵢ xᵢ − α xᵢ³ + κ (xᵢ₊₁ − 2xᵢ + xᵢ₋₁) + δᵢ₀ F cos Ωt    (free ends: of the first and last one spring only)
    C = ∫₀ᵀ ½ (x_{n−1} − y)² dt,    y = Y sin Ωt,    T = 2π/Ω

The orbit of the drive's period is an extremum of the action, and dC/dθ the response to a nudge of the impulse ∫∂_θL dt
of the momentum conjugate to θ (the theorem: arXiv:2505.07363, abstract). The orbit is held against SciPy's collocation
of the equation written out by hand.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdfi as sd
from symdfi.running import PROPAGATION, Experiment, Outcome, PropagationModel, Settings, nudging, positive, rule

from .near_orbits import boundary_value_error

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x, v = sd.coordinates("x", n)
k = sp.IndexedBase("k", shape=(n,))
alpha, kappa, drive, y = sp.symbols("alpha kappa drive y")

L = (
    sp.Sum(v[i] ** 2 / 2 - k[i] * x[i] ** 2 / 2 - alpha * x[i] ** 4 / 4, (i, 0, n - 1))
    - kappa * sp.Sum((x[i + 1] - x[i]) ** 2, (i, 0, n - 2)) / 2 + drive * x[0]
)  # fmt: skip
SYSTEM = sd.Lagrangian(L, x, v, parameters=[k, alpha, kappa], inputs=[drive])
COST = sd.Cost((x[n - 1] - y) ** 2 / 2, targets=[y])


def build(s: Settings) -> Experiment:
    positive(s, "n", "frequency")
    size, omega = int(s["n"]), float(s["frequency"])
    trainer = sd.EPTrainer(
        SYSTEM, COST, sd.Periodic(2 * np.pi / omega), int(s["steps"]), [k, alpha, kappa], nudging(s), rule=rule(s)
    )
    params = {n: size, k: stiffness(size), alpha: float(s["alpha"]), kappa: float(s["kappa"])}
    return Experiment(
        trainer, params, {drive: lambda t: float(s["F"]) * np.cos(omega * t)},
        {y: lambda t: float(s["Y"]) * np.sin(omega * t)},
    )  # fmt: skip


def stiffness(size: int) -> np.ndarray:
    return 1 + 0.3 * np.sin(2.0 * np.arange(size))


def reference(s: Settings, outcome: Outcome) -> dict[str, float]:
    size, omega = int(s["n"]), float(s["frequency"])
    own, force = stiffness(size)[:, None], np.eye(size)[:, :1] * float(s["F"])

    def acceleration(t: np.ndarray, q: np.ndarray, _: np.ndarray) -> np.ndarray:
        pull = np.diff(q, axis=0, prepend=q[:1], append=q[-1:])
        return (
            np.diff(float(s["kappa"]) * pull, axis=0) - own * q - float(s["alpha"]) * q**3 + force * np.cos(omega * t)
        )

    return {"error of the orbit": boundary_value_error(outcome.orbit, acceleration)}


MODEL = PropagationModel(
    name="duffing_chain",
    title="Driven chain of Duffing oscillators",
    description="Periodic orbits: driven at the first oscillator, read out at the last.",
    defaults={
        **PROPAGATION, "n": 6, "alpha": 0.5, "kappa": 0.7, "frequency": 1.7, "F": 0.9, "Y": 0.3
    },
    build=build,
    reference=reference,
)  # fmt: skip
