"""A student network learns the springs of a hidden one from its motion under random drives.

    ẍᵢ = −xᵢ − α xᵢ³ − Σ_j K_ij (xᵢ − xⱼ) + fᵢ(t),    C = ½ ∫₀ᵀ Σᵢ (xᵢ − yᵢ)² dt,    periodic

The teacher, springs K* between all pairs of nodes, is driven at every node with random amplitudes and phases; y is its
motion. The student begins with springs all alike and is trained on all samples by L-BFGS-B with gradients by the nudge,
K ≥ 0. The teacher is recovered. With exact gradients the curve of the loss is that of the adjoint (theory of EP, "The
theorem"). The gradient that a run reports is that of the first sample, before the training.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdfi as sd
from symdfi.ep import Rule
from symdfi.running import PROPAGATION, Experiment, Outcome, PropagationModel, Settings, nudging, positive, rule

n, e = sp.symbols("n e", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)
x, v = sd.coordinates("x", n)
K = sp.IndexedBase("K", shape=(e,))
left, right = (sp.IndexedBase(sp.Symbol(name, integer=True), shape=(e,)) for name in ("l", "r"))
f, y = (sp.IndexedBase(name, shape=(n,)) for name in "fy")
alpha = sp.Symbol("alpha")

L = (
    sp.Sum(v[i] ** 2 / 2 - x[i] ** 2 / 2 - alpha * x[i] ** 4 / 4 + f[i] * x[i], (i, 0, n - 1))
    - sp.Sum(K[j] * (x[left[j]] - x[right[j]]) ** 2, (j, 0, e - 1)) / 2
)  # fmt: skip
SYSTEM = sd.Lagrangian(L, x, v, parameters=[K, alpha, left, right], inputs=[f])
COST = sd.Cost(sp.Sum((x[i] - y[i]) ** 2, (i, 0, n - 1)) / 2, targets=[y])


def springs(s: Settings) -> np.ndarray:
    """K* of the teacher."""
    size = int(s["n"])
    return np.random.default_rng(int(s["seed"])).uniform(0.3, 1.2, size * (size - 1) // 2)


def lessons(s: Settings, trainer: sd.EPTrainer, params: dict) -> dict:
    """Drives and the teacher's motion at the times at which the rule samples, both (samples, times, n)."""
    size, count = int(s["n"]), int(s["samples"])
    rng, times, rows = np.random.default_rng(int(s["seed"]) + 1), trainer.times, trainer.times.size
    phases, sizes = 2 * np.pi * rng.random((count, 1, size)), 5 * rng.normal(size=(count, 1, size))
    drives = sizes * np.cos(2 * np.pi / float(s["T"]) * times[:, None] + phases)
    paths = [
        trainer.free({**params, K: springs(s)}, {f: drive}, {y: np.zeros((rows, size))}) for drive in drives
    ]  # fmt: skip
    return {f: drives, y: np.array([sampled(trainer.rule, path.q) for path in paths])}


def sampled(rule: Rule, q: np.ndarray) -> np.ndarray:
    """The positions (times, n) at which the rule samples, of those at its nodes. Its points lie within
    their intervals."""
    starts = rule.degree * np.arange((len(q) - 1) // rule.degree)[:, None]
    return np.einsum("sa,kad->ksd", rule.values, q[starts + np.arange(rule.degree + 1)]).reshape(-1, q.shape[1])


def build(s: Settings) -> Experiment:
    positive(s, "n", "T", "samples", "epochs", "start")
    size = int(s["n"])
    if s["rule"] == "trapezoidal":
        raise ValueError("the teacher is sampled within intervals: rule = midpoint or galerkin")
    if size < 2:
        raise ValueError(f"n = {size}: springs are between two nodes or more")
    boundary = sd.Periodic(float(s["T"]))
    trainer = sd.EPTrainer(SYSTEM, COST, boundary, int(s["steps"]), [K], nudging(s), rule=rule(s))
    ends = np.array([(a, b) for a in range(size) for b in range(a)])
    params = {
        n: size, K: np.full(len(ends), float(s["start"])), alpha: float(s["alpha"]), left: ends[:, 0], right: ends[:, 1]
    }  # fmt: skip
    data = lessons(s, trainer, params)
    return Experiment(trainer, params, {f: data[f][0]}, {y: data[y][0]})


def train(s: Settings, experiment: Experiment) -> sd.Training:
    data = lessons(s, experiment.trainer, dict(experiment.params))
    return experiment.train(data, int(s["epochs"]), optimizer=sd.LBFGS(bounds={K: (0, None)}))


def reference(s: Settings, outcome: Outcome) -> dict[str, float]:
    assert outcome.training is not None
    return {"error of the springs": float(np.max(np.abs(outcome.training.best["K"] - springs(s))))}


MODEL = PropagationModel(
    name="teacher_student",
    title="Teacher and student networks",
    description="A student learns a hidden network's springs from its periodic motion under random drives.",
    defaults={
        **PROPAGATION, "steps": 16, "rule": "midpoint", "n": 5, "alpha": 0.2, "T": 1.57, "start": 0.7, "samples": 3,
        "epochs": 60, "seed": 1,
    },
    build=build,
    reference=reference,
    train=train,
)  # fmt: skip
