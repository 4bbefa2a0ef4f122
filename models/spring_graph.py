"""A graph of masses and hardening springs, 10 000 of them: the gradient by every spring at once.

    ẍᵢ = −xᵢ − Σ_s ±(K_s d_s + α d_s³),  d_s = x_l(s) − x_r(s),    C = ½ Σᵢ xᵢ(T)²/n,    from a random initial state

A random graph in index arrays: the equations are one loop over springs that gathers and scatters, and cost the same
to derive and compile at any size. By the leapfrog, and the gradient by one march back (theory of EP, "The doubled
action"): time linear in springs and steps. The orbit is held against the same leapfrog in a few lines of NumPy.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdfi as sd
from symdfi.running import PROPAGATION, Experiment, Outcome, PropagationModel, Settings, nudging, positive, rule

from .random_graphs import ring_with_chords

n, e = sp.symbols("n e", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)
x, v = sd.coordinates("x", n)
K = sp.IndexedBase("K", shape=(e,))
left, right = (sp.IndexedBase(sp.Symbol(name, integer=True), shape=(e,)) for name in ("l", "r"))
alpha = sp.Symbol("alpha")
apart = x[left[j]] - x[right[j]]

L = (
    sp.Sum(v[i] ** 2 / 2 - x[i] ** 2 / 2, (i, 0, n - 1))
    - sp.Sum(K[j] * apart**2 / 2 + alpha * apart**4 / 4, (j, 0, e - 1))
)  # fmt: skip
SYSTEM = sd.Lagrangian(L, x, v, parameters=[K, alpha, left, right])
COST = sd.Cost(terminal=sp.Sum(x[i] ** 2, (i, 0, n - 1)) / (2 * n))


def build(s: Settings) -> Experiment:
    positive(s, "T")
    size, rng = int(s["n"]), np.random.default_rng(int(s["seed"]))
    ends = ring_with_chords(size, int(s["springs"]) - size, rng)
    boundary = sd.InitialState(rng.normal(size=size), np.zeros(size), float(s["T"]))
    trainer = sd.EPTrainer(SYSTEM, COST, boundary, int(s["steps"]), [K], nudging(s), rule=rule(s))
    params = {
        K: rng.uniform(0.5, 1.5, ends.shape[1]), alpha: float(s["alpha"]), left: ends[0], right: ends[1]
    }  # fmt: skip
    return Experiment(trainer, params)


def leapfrog(q: np.ndarray, params: dict, steps: int, T: float) -> np.ndarray:
    """The positions (steps + 1, n) by Störmer and Verlet from q at rest."""
    h, path, kick = T / steps, [q], 0.5
    velocity = np.zeros_like(q)
    for _ in range(steps):
        d = path[-1][params[left]] - path[-1][params[right]]
        pull = params[K] * d + params[alpha] * d**3
        ends = np.concatenate([params[left], params[right]])
        force = -path[-1] - np.bincount(ends, np.concatenate([pull, -pull]), q.size)
        velocity, kick = velocity + kick * h * force, 1.0
        path.append(path[-1] + h * velocity)
    return np.array(path)


def reference(s: Settings, outcome: Outcome) -> dict[str, float]:
    if s["rule"] != "trapezoidal":
        return {}
    orbit = outcome.orbit
    own = leapfrog(orbit.q[0], dict(outcome.experiment.params), int(s["steps"]), float(s["T"]))
    return {"error of the orbit, same leapfrog": float(np.max(np.abs(orbit.q - own)) / np.max(np.abs(own)))}


MODEL = PropagationModel(
    name="spring_graph",
    title="Random graph of springs",
    description="Ten thousand springs between five thousand masses: the gradient by every spring.",
    defaults={
        **PROPAGATION, "steps": 256, "rule": "trapezoidal", "n": 5000, "springs": 10_000, "alpha": 0.1, "T": 8.0,
        "seed": 0,
    },
    build=build,
    reference=reference,
)  # fmt: skip
