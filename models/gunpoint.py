"""A damped network of oscillators learns to tell a hand that draws a gun from one that points.

    ẍᵢ + cᵢ ẋᵢ + kᵢ xᵢ + K_{i−1} (xᵢ − x_{i−1}) + Kᵢ (xᵢ − x_{i+1}) = bᵢ f(t),    a ring, from rest
    h_r = 1/T ∫₀ᵀ tanh(Σᵢ o_ri xᵢ + u_r) dt,    C = −log softmax(Σ_r w_ar h_r + β_a)_class + ½ λ Σ w²

GunPoint (Ratanamahatana and Keogh, 2004; the UCR archive): 50 series of 150 samples to train on, 150 to test, each f
the place of a hand, of mean 0 and variance 1. Detectors that saturate tell how long an output is above a threshold.
Adam trains springs, dashpots, drives and detectors. The network is linear and reciprocal, whatever the cost: one more
run of itself from rest, driven by the reversed error, reads the gradient off, and damping is no obstacle (theory of EP,
"Linear systems"). The settings were chosen by cross-validation of the 50.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

import symdfi as sd
from symdfi.running import PROPAGATION, Experiment, Outcome, PropagationModel, nudging, rule
from symdfi.running.settings import Settings, not_negative, positive

from . import time_series

n, m = sp.symbols("n m", integer=True, positive=True)
i, r, a = sp.symbols("i r a", integer=True)
x, v = sd.coordinates("x", n)
k, c, K, b = (sp.IndexedBase(name, shape=(n,)) for name in "kcKb")
o, w = sp.IndexedBase("o", shape=(m, n)), sp.IndexedBase("w", shape=(2, m))
u, h = (sp.IndexedBase(name, shape=(m,)) for name in "uh")
beta, y = (sp.IndexedBase(name, shape=(2,)) for name in ("beta", "y"))
f, T, decay = sp.symbols("f T lambda")
every, detectors, both = (i, 0, n - 1), (r, 0, m - 1), (a, 0, 1)

L = sp.Sum(
    v[i] ** 2 / 2 - k[i] * x[i] ** 2 / 2 - K[i] * (x[i] - x[sp.Mod(i + 1, n)]) ** 2 / 2 + f * b[i] * x[i], every
)  # fmt: skip
SYSTEM = sd.Lagrangian(L, x, v, parameters=[k, c, K, b], inputs=[f], dissipation=sp.Sum(c[i] * v[i] ** 2 / 2, every))
output = sp.Sum(w[a, r] * h[r], detectors) + beta[a]
COST = sd.Cost(
    integrals={h[r]: sp.tanh(sp.Sum(o[r, i] * x[i], every) + u[r]) / T},
    of_integrals=sp.log(sp.Sum(sp.exp(output), both)) - sp.Sum(y[a] * output, both)
    + decay * sp.Sum(w[a, r] ** 2, detectors, both) / 2,
    targets=[y],
)  # fmt: skip
TRAINED = (k, c, K, b, o, u, w, beta)


@functools.cache
def series() -> tuple[dict[Any, np.ndarray], ...]:
    """Drives and classes to train on, 50 samples, and to test on, 150."""
    return tuple({f: drives, y: classes} for drives, classes in time_series.gunpoint())


def start(s: Settings) -> dict[Any, Any]:
    """Oscillators of ``lowest`` to ``highest`` frequency and one quality factor, and random detectors."""
    size, count = int(s["n"]), int(s["m"])
    rng = np.random.default_rng(int(s["seed"]))
    omega = np.geomspace(float(s["lowest"]), float(s["highest"]), size)
    return {
        n: size, m: count, T: float(s["T"]), decay: float(s["lambda"]),
        k: omega**2 * rng.uniform(0.8, 1.2, size), c: omega / float(s["quality"]), K: 0.1 * omega**2,
        b: omega**2 * rng.choice([-1.0, 1.0], size), o: 0.5 * rng.normal(size=(count, size)),
        u: 0.5 * rng.normal(size=count), w: rng.normal(size=(2, count)) / np.sqrt(count), beta: np.zeros(2),
    }  # fmt: skip


def build(s: Settings) -> Experiment:
    positive(s, "n", "m", "T", "lowest", "highest", "quality", "epochs", "rate")
    not_negative(s, "lambda", "seed")
    if s["rule"] != "trapezoidal" or int(s["steps"]) != 149:
        raise ValueError("the series have 150 samples, at the nodes: rule = trapezoidal, steps = 149")
    rest, steps = sd.AtRest(float(s["T"])), int(s["steps"])
    trainer = sd.EPTrainer(SYSTEM, COST, rest, steps, TRAINED, nudging(s), rule=rule(s))
    # By functions, so that the equations are shown without the extra.
    drive = {f: lambda t: np.interp(t, trainer.times, series()[0][f][0])}
    return Experiment(trainer, start(s), drive, {y: lambda t: series()[0][y][0]})


def optimizer(s: Settings) -> sd.Adam:
    """Springs and dashpots do not turn over, and no oscillator is let go."""
    first = start(s)
    return sd.Adam(float(s["rate"]), bounds={k: (0.05 * first[k], None), c: (0.05 * first[c], None), K: (0, None)})


def train(s: Settings, experiment: Experiment) -> sd.Training:
    return experiment.train(series()[0], int(s["epochs"]), optimizer=optimizer(s))


def accuracy(trainer: sd.EPTrainer, params: Mapping[Any, Any], data: Mapping[Any, np.ndarray]) -> float:
    """The share of series whose class is that of the greater output."""
    right = []
    for drive, of_class in zip(data[f], data[y], strict=True):
        averages = trainer.free(params, {f: drive}, {y: of_class}).integrals["h"]
        right.append(np.argmax(params["w"] @ averages + params["beta"]) == np.argmax(of_class))
    return float(np.mean(right))


def reference(s: Settings, outcome: Outcome) -> dict[str, float]:
    assert outcome.training is not None
    learned, left = (accuracy(outcome.experiment.trainer, outcome.training.best, data) for data in series())
    return {"accuracy in training": learned, "accuracy in the test": left}


MODEL = PropagationModel(
    name="gunpoint",
    title="A network of oscillators that classifies time series",
    description="Trained on GunPoint by runs of the damped network itself, driven by the reversed error.",
    defaults={
        **PROPAGATION, "steps": 149, "rule": "trapezoidal", "nudging": "reciprocal", "n": 12, "T": 29.8, "lowest": 0.3,
        "highest": 3.0, "quality": 4.0, "m": 8, "lambda": 1e-4, "rate": 0.02, "epochs": 360, "seed": 0,
    },
    build=build,
    reference=reference,
    train=train,
)  # fmt: skip
