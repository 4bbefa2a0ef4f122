"""A ladder of LC cells: charges as coordinates, inductances as masses, inverse capacitances as springs.

    L_i Q̈ᵢ + Qᵢ/C_i + (Qᵢ − Qᵢ₋₁)/D + (Qᵢ − Qᵢ₊₁)/D = δᵢ₀ U cos Ωt,    periodic, T = 2π/Ω
    C = ∫₀ᵀ ½ Q_{n−1}² dt = T A_{n−1}²/4

Linear, and so known exactly: Q = A cos Ωt with (K − Ω²M) A = U e₀. Then dC/dθ = ½ T A_{n−1} ∂_θA_{n−1} with
∂_θA = −(K − Ω²M)⁻¹ ∂_θ(K − Ω²M) A, for the gradient by the inductances M = diag(L) and by the elastances S = 1/C_i in
K. Analogy of circuits and mechanics: H. Goldstein, Classical Mechanics, section 2.5.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdfi as sd
from symdfi.running import PROPAGATION, Experiment, Outcome, PropagationModel, Settings, nudging, positive, rule

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
Q, current = sd.coordinates("Q", n)
inductance, elastance = (sp.IndexedBase(name, shape=(n,)) for name in "LS")
coupling, voltage = sp.symbols("coupling voltage")

L = (
    sp.Sum(inductance[i] * current[i] ** 2 / 2 - elastance[i] * Q[i] ** 2 / 2, (i, 0, n - 1))
    - coupling * sp.Sum((Q[i + 1] - Q[i]) ** 2, (i, 0, n - 2)) / 2 + voltage * Q[0]
)  # fmt: skip
SYSTEM = sd.Lagrangian(L, Q, current, parameters=[inductance, elastance, coupling], inputs=[voltage])
COST = sd.Cost(Q[n - 1] ** 2 / 2)


def build(s: Settings) -> Experiment:
    positive(s, "n", "frequency", "coupling")
    size, omega = int(s["n"]), float(s["frequency"])
    trainer = sd.EPTrainer(
        SYSTEM, COST, sd.Periodic(2 * np.pi / omega), int(s["steps"]), [inductance, elastance, coupling], nudging(s),
        rule=rule(s),
    )  # fmt: skip
    rng = np.random.default_rng(int(s["seed"]))
    params = {
        n: size, inductance: rng.uniform(0.8, 1.2, size), elastance: rng.uniform(0.8, 1.2, size),
        coupling: float(s["coupling"]),
    }  # fmt: skip
    return Experiment(trainer, params, {voltage: lambda t: float(s["U"]) * np.cos(omega * t)})


def exact(s: Settings, params: dict) -> tuple[np.ndarray, float, dict[str, np.ndarray]]:
    """Amplitudes A, (n,), the cost, and its gradient by name."""
    size, omega = int(s["n"]), float(s["frequency"])
    difference = np.diff(np.eye(size), axis=0)
    ladder = difference.T @ difference
    inverse = np.linalg.inv(
        np.diag(params[elastance]) + params[coupling] * ladder - omega**2 * np.diag(params[inductance])
    )
    A = float(s["U"]) * inverse[0]
    share = np.pi / omega * A[-1] * inverse[-1]  # of ½ T A_{n−1} (K − Ω²M)⁻¹
    gradient = {"L": omega**2 * share * A, "S": -share * A, "coupling": -share @ ladder @ A}
    return A, np.pi / omega * A[-1] ** 2 / 2, gradient


def reference(s: Settings, outcome: Outcome) -> dict[str, float]:
    A, cost, gradient = exact(s, dict(outcome.experiment.params))
    orbit, wave = outcome.orbit, np.cos(float(s["frequency"]) * outcome.orbit.t)
    flat, right = (np.concatenate([np.ravel(g[name]) for name in gradient]) for g in (outcome.gradient, gradient))
    return {
        "error of the orbit": float(np.max(np.abs(orbit.q - np.outer(wave, A))) / np.max(np.abs(A))),
        "error of the cost": abs(orbit.cost / cost - 1),
        "error of the gradient, exact": float(np.linalg.norm(flat - right) / np.linalg.norm(right)),
    }


MODEL = PropagationModel(
    name="lc_circuit",
    title="Ladder of LC cells",
    description="A linear circuit driven at its first cell, periodic, against the exact amplitudes and their gradient.",
    defaults={**PROPAGATION, "n": 5, "coupling": 0.5, "frequency": 1.3, "U": 1.0, "seed": 0},
    build=build,
    reference=reference,
)
