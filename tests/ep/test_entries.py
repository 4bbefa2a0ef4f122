"""Second derivatives listed entry by entry are those of full blocks."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.ep import discrete
from symdfi.ep.discrete import discretised

n, e = sp.symbols("n e", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x, u = sd.coordinates("x", n)
z, w = sd.coordinates("z")
K, g = (sp.IndexedBase(name, shape=(e,)) for name in "Kg")
left, right = (sp.IndexedBase(sp.Symbol(name, integer=True), shape=(e,)) for name in "lr")
f = sp.Symbol("f")
apart, slip = x[left[i]] - x[right[i]], u[left[i]] - u[right[i]]
# Of two coordinates, with entries in all four matrices, and a hub that meets every element.
SYSTEM = sd.Lagrangian(
    sp.Sum(u[i] ** 2 * (1 + x[i] ** 2) / 2 - x[i] ** 2 - x[i] ** 4 / 8 + z * x[i] / 4, (i, 0, n - 1)) + w**2 / 2 - z**2
    - sp.Sum(K[i] * apart**2 / 2 + apart**4 / 4, (i, 0, e - 1)) + f * x[0],
    [x, z], [u, w], inputs=[f], dissipation=sp.Sum(g[i] * slip**2 / 2, (i, 0, e - 1)),
)  # fmt: skip


def given(nodes: int, edges: int) -> dict:
    rng = np.random.default_rng(nodes)
    ends = rng.integers(nodes, size=(2, edges))
    return {K: rng.uniform(0.5, 2, edges), g: rng.uniform(0.1, 1, edges), left: ends[0], right: ends[1]}


@pytest.mark.parametrize("rule", (sd.Midpoint(), sd.Trapezoidal(), sd.Galerkin()))
def test_entries_are_those_of_full_blocks(monkeypatch: pytest.MonkeyPatch, rule) -> None:
    nodes, steps = 70, 4
    system, found = discretised(SYSTEM), []
    params = {**given(nodes, 80), "n": nodes}
    setting = system.read(sd.Periodic(2.0), rule, steps, nodes + 1, params, {f: 0.3})
    rng = np.random.default_rng(0)
    paths = rng.normal(size=(2, rule.n_nodes(steps), nodes + 1))
    for path in (paths[0], paths[0] + 1e-3j * paths[1]):
        found = []
        for least in (2, 10**6):
            monkeypatch.setattr(discrete, "_LISTED", least)
            system._remembered.clear()
            assert system.lists(setting) == (least == 2)
            blocks = system.blocks(setting, path)
            full = np.zeros((*blocks.entries.shape[:3], (nodes + 1) ** 2), blocks.entries.dtype)
            full[..., blocks.pattern.at] = blocks.entries
            found.append(full)
        listed, dense = found
        assert np.abs(listed - dense).max() <= 64 * np.finfo(float).eps * np.abs(dense).max()
    system._remembered.clear()


def test_large_chains_and_graphs_take_no_full_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of d² numbers is made, and the orbits and gradients are those that were."""
    y = sp.Symbol("y")
    trainer = sd.EPTrainer(
        SYSTEM, sd.Cost(sp.Sum((x[i] - y) ** 2, (i, 0, n - 1)), targets=[y]), sd.Periodic(2.0), 6, [K, g]
    )
    params, found = {**given(90, 150), "n": 90}, []
    for least in (64, 10**6):
        monkeypatch.setattr(discrete, "_LISTED", least)
        trainer.discrete._remembered.clear()
        found.append(trainer.free(params, {f: lambda t: 0.2 * np.cos(np.pi * t)}, {y: 0.1}))
    trainer.discrete._remembered.clear()
    listed, dense = found
    assert np.abs(listed.q - dense.q).max() <= 1e4 * np.finfo(float).eps * np.abs(dense.q).max()
    assert np.isnan(listed.grid_error) == np.isnan(dense.grid_error)
    for name, value in trainer.response(dense).items():
        assert np.abs(trainer.response(listed)[name] - value).max() <= 1e-11 * np.abs(value).max()
