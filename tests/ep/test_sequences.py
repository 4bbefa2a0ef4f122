"""Time series told apart: sampled inputs of shape (samples, times), the softmax of time averages."""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdfi as sd

i, c = (sp.Symbol(name, integer=True) for name in "ic")
n = sp.Symbol("n", integer=True, positive=True)
x, u = sd.coordinates("x", n)
k, inlet = (sp.IndexedBase(name, shape=(n,)) for name in ("k", "inlet"))
w, z, y = sp.IndexedBase("w", shape=(2, n)), sp.IndexedBase("z", shape=(2,)), sp.IndexedBase("y", shape=(2,))
f, r = sp.symbols("f r")
T, STEPS, NODES = 12.0, 48, 3

network = sd.Lagrangian(
    sp.Sum(u[i] ** 2 / 2 - k[i] * x[i] ** 2 / 2 + inlet[i] * f * x[i], (i, 0, n - 1)),
    x, u, inputs=[f], dissipation=r * sp.Sum(u[i] ** 2, (i, 0, n - 1)) / 2,
)  # fmt: skip
cost = sd.Cost(
    targets=[y],
    integrals={z[c]: sp.Sum(w[c, i] * x[i] ** 2, (i, 0, n - 1)) / T},
    of_integrals=sp.log(sp.Sum(sp.exp(z[c]), (c, 0, 1))) - sp.Sum(y[c] * z[c], (c, 0, 1)),
)


def test_slow_and_fast_series() -> None:
    trainer = sd.EPTrainer(network, cost, sd.AtRest(T), STEPS, [k, w, r])
    rng = np.random.default_rng(5)
    classes = np.arange(8) % 2
    rates = np.where(classes == 0, 0.9, 1.6) + 0.1 * rng.normal(size=8)
    series = np.sin(rates[:, None] * trainer.times + 6 * rng.random((8, 1)))
    data = {f: series, y: np.eye(2)[classes]}
    assert series.shape == (8, STEPS)
    start = {k: np.array([0.6, 1.4, 3.0]), inlet: np.ones(NODES), w: 0.1 * rng.normal(size=(2, NODES)), r: 0.3}
    run = trainer.train(start, data, 14, optimizer=sd.LBFGS(bounds={k: (0.1, 9), r: (0.05, 2)}))
    assert run.loss[0] > 0.6 and run.best_loss < 0.2
    seen = [trainer.free(run.best, {f: row}, {y: np.zeros(2)}).integrals["z"] for row in series]
    assert np.array_equal(np.argmax(seen, axis=1), classes)
    # The integrals by hand: at the midpoints.
    free = trainer.free(run.best, {f: series[0]}, {y: np.zeros(2)})
    middle = (free.q[1:] + free.q[:-1]) / 2
    assert np.allclose(free.integrals["z"], run.best["w"] @ (middle**2).mean(axis=0), rtol=1e-12)
