"""An oscillator between two fixed ends: the smallest problem whose gradient is known in closed form.

    q̈ = −ω² q,    q(0) = q₀,  q(T) = q_T,    C = ½ ∫₀ᵀ q² dt
    q = (q₀ sin ω(T − t) + q_T sin ωt)/sin ωT
    C = [(q₀² + q_T²)(T/2 − sin 2ωT/4ω) + q₀ q_T (sin ωT/ω − T cos ωT)] / (2 sin² ωT)

With the ends held the action is an extremum, seldom a minimum, and the boundary term of the theorem vanishes
(theory of EP, "The theorem"). Where sin ωT = 0 the ends are conjugate and there is no such orbit: it is refused. With
the default values dC/dω = 0.2891924.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdfi as sd
from symdfi.running import PROPAGATION, Experiment, Outcome, PropagationModel, Settings, nudging, positive, rule

q, v = sd.coordinates("q")
omega = sp.Symbol("omega")
SYSTEM = sd.Lagrangian(v**2 / 2 - omega**2 * q**2 / 2, q, v, parameters=[omega])
COST = sd.Cost(q**2 / 2)


def build(s: Settings) -> Experiment:
    positive(s, "omega", "T")
    boundary = sd.FixedEnds(float(s["q0"]), float(s["qT"]), float(s["T"]))
    trainer = sd.EPTrainer(SYSTEM, COST, boundary, int(s["steps"]), [omega], nudging(s), rule=rule(s))
    return Experiment(trainer, {omega: float(s["omega"])})


def exact_cost(s: Settings, w: complex) -> complex:
    q0, qT, T = (float(s[name]) for name in ("q0", "qT", "T"))
    S, C = np.sin(w * T), np.cos(w * T)
    return ((q0**2 + qT**2) * (T / 2 - S * C / (2 * w)) + q0 * qT * (S / w - T * C)) / (2 * S**2)


def reference(s: Settings, outcome: Outcome) -> dict[str, float]:
    w, T, t = float(s["omega"]), float(s["T"]), outcome.orbit.t
    path = (float(s["q0"]) * np.sin(w * (T - t)) + float(s["qT"]) * np.sin(w * t)) / np.sin(w * T)
    slope = exact_cost(s, w + 1e-30j).imag / 1e-30  # the complex step: no cancellation
    return {
        "error of the orbit": float(np.max(np.abs(outcome.orbit[q] - path)) / np.max(np.abs(path))),
        "error of the cost": abs(outcome.orbit.cost / exact_cost(s, w).real - 1),
        "dC/domega, exact": slope,
        "error of the gradient, exact": abs(float(outcome.gradient["omega"]) / slope - 1),
    }


MODEL = PropagationModel(
    name="boundary_problem",
    title="Oscillator between fixed ends",
    description="A boundary value problem whose orbit, cost and gradient are known in closed form.",
    defaults={**PROPAGATION, "steps": 50, "omega": 1.1, "T": 2.0, "q0": 0.4, "qT": -0.7},
    build=build,
    reference=reference,
)
