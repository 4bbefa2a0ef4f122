"""The periodic orbit of a random graph of 5000 masses and 10 000 springs and its exact gradient, in a process of its
own: seconds and memory. ``python -m tests.benchmarks.graph_orbit``."""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np
import sympy as sp

import symdfi as sd

NODES, EDGES, STEPS, RATE = 5000, 10_000, 256, 1.3


def megabytes() -> float:
    """The peak of what the process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def main() -> dict[str, float]:
    before = megabytes()
    n, e = sp.symbols("n e", integer=True, positive=True)
    i = sp.Symbol("i", integer=True)
    x, u = sd.coordinates("x", n)
    k, K = sp.IndexedBase("k", shape=(n,)), sp.IndexedBase("K", shape=(e,))
    left, right = (sp.IndexedBase(s, shape=(e,), integer=True) for s in "lr")
    g, f, y = sp.symbols("g f y")
    graph = sd.Lagrangian(
        sp.Sum(u[i] ** 2 / 2 - k[i] * x[i] ** 2 / 2 - x[i] ** 4 / 8, (i, 0, n - 1)) + f * x[0]
        - sp.Sum(K[i] * (x[left[i]] - x[right[i]]) ** 2 / 2, (i, 0, e - 1)), x, u, inputs=[f],
        dissipation=g * sp.Sum(u[i] ** 2, (i, 0, n - 1)) / 2,
    )  # fmt: skip
    trainer = sd.EPTrainer(
        graph, sd.Cost((x[n - 1] - y) ** 2 / 2, targets=[y]), sd.Periodic(2 * np.pi / RATE), STEPS,
        [K, k, g], rule=sd.Trapezoidal(),
    )  # fmt: skip
    rng = np.random.default_rng(0)
    params = {
        K: rng.uniform(0.5, 1, EDGES), k: np.ones(NODES), left: rng.integers(NODES, size=EDGES),
        right: rng.integers(NODES, size=EDGES), g: 0.1,
    }  # fmt: skip
    angle = RATE * trainer.times
    found = {}
    for name in ("with compilation", "seconds"):
        cpu, wall = time.process_time(), time.perf_counter()
        trainer.gradient(params, {f: 3 * np.cos(angle)}, {y: 0.3 * np.sin(angle)})
        found |= {name: time.process_time() - cpu, f"{name}, wall": time.perf_counter() - wall}
    return {**found, "megabytes": megabytes() - before}


if __name__ == "__main__":
    print(json.dumps(main()))
