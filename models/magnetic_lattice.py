"""Charges on a line of traps in a magnetic field: the gradient by an echo through a mirror.

    L = Σ ½ (ẋᵢ² + ẏᵢ²) + ½ Bᵢ (xᵢ ẏᵢ − yᵢ ẋᵢ) − ½ kᵢ (xᵢ² + yᵢ²) − ¼ α (xᵢ² + yᵢ²)² − ½ κ Σ |rᵢ₊₁ − rᵢ|² + f x₀
    C = ∫₀ᵀ ½ (x_{n−1}² + y_{n−1}²) dt

A magnetic field turns velocities the same way forward and backward, so that reversed they do not retrace the motion: an
echo of the machine itself fails. Seen in a mirror, y → −y, the field is turned round: from (x, −y) with (−ẋ, ẏ) the
same charges run back through the mirror image, and nudged there they give the exact gradient (Bösch, Gediz and Türeci,
"Unifying Physical Backpropagation", 2026; theory of EP, "Mirrors"). The orbit is held against SciPy's DOP853.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdfi as sd
from symdfi.running import PROPAGATION, Experiment, PropagationModel, Settings, nudging, positive, rule

from .near_orbits import Acceleration, from_rest

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
(x, xd), (y, yd) = sd.coordinates("x", n), sd.coordinates("y", n)
B, k = (sp.IndexedBase(name, shape=(n,)) for name in "Bk")
alpha, kappa, push = sp.symbols("alpha kappa push")
radius = x[i] ** 2 + y[i] ** 2

L = (
    sp.Sum(
        (xd[i] ** 2 + yd[i] ** 2) / 2 + B[i] * (x[i] * yd[i] - y[i] * xd[i]) / 2 - k[i] * radius / 2
        - alpha * radius**2 / 4, (i, 0, n - 1),
    )
    - kappa * sp.Sum((x[i + 1] - x[i]) ** 2 + (y[i + 1] - y[i]) ** 2, (i, 0, n - 2)) / 2 + push * x[0]
)  # fmt: skip
SYSTEM = sd.Lagrangian(L, [x, y], [xd, yd], parameters=[B, k, alpha, kappa], inputs=[push])
COST = sd.Cost((x[n - 1] ** 2 + y[n - 1] ** 2) / 2)


def build(s: Settings) -> Experiment:
    positive(s, "n", "T", "frequency")
    size, rng = int(s["n"]), np.random.default_rng(int(s["seed"]))
    start = {x: 0.3 * rng.normal(size=size), y: 0.3 * rng.normal(size=size)}
    boundary = sd.InitialState(start, {x: np.zeros(size), y: np.zeros(size)}, float(s["T"]))
    mirror = [1.0] * size + [-1.0] * size
    trainer = sd.EPTrainer(
        SYSTEM, COST, boundary, int(s["steps"]), [B, k, alpha, kappa], nudging(s, mirror), rule=rule(s)
    )
    params = {
        n: size, B: float(s["B"]) * rng.uniform(0.8, 1.2, size), k: rng.uniform(0.8, 1.2, size),
        alpha: float(s["alpha"]), kappa: float(s["kappa"]),
    }  # fmt: skip
    return Experiment(trainer, params, {push: lambda t: float(s["F"]) * np.cos(float(s["frequency"]) * t)})


def equations(s: Settings, params: dict) -> Acceleration:
    field, own, quartic, bond = (params[p] for p in (B, k, alpha, kappa))
    size = len(field)

    def acceleration(t: float, q: np.ndarray, u: np.ndarray) -> np.ndarray:
        r, w = q.reshape(2, size), u.reshape(2, size)
        force = -(own + quartic * np.sum(r**2, axis=0)) * r + field * np.stack([w[1], -w[0]])
        force += bond * np.diff(np.diff(r, axis=1, prepend=r[:, :1], append=r[:, -1:]), axis=1)
        force[0, 0] += float(s["F"]) * np.cos(float(s["frequency"]) * t)
        return force.reshape(-1)

    return acceleration


MODEL = PropagationModel(
    name="magnetic_lattice",
    title="Charges in a magnetic field",
    description="A gyroscopic lattice from an initial state: the gradient by an echo through a mirror.",
    defaults={
        **PROPAGATION, "steps": 100, "nudging": "mirror", "n": 3, "B": 0.7, "alpha": 0.3, "kappa": 0.4, "T": 8.0,
        "frequency": 1.3, "F": 0.5, "seed": 0,
    },
    build=build,
    reference=from_rest(equations),
)  # fmt: skip
