"""Chains and graphs: what is sparse is solved as such, and gives what is solved in full gives."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.ep import blocks, course, leaps, march
from symdfi.linalg import BlockTridiagonalLU, FrontalLU, SparseChainLU
from symdfi.linalg.frontal import factors

n, e = sp.symbols("n e", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x, u = sd.coordinates("x", n)
k, g = (sp.IndexedBase(name, shape=(n,)) for name in "kg")
K = sp.IndexedBase("K", shape=(e,))
left, right = (sp.IndexedBase(sp.Symbol(name, integer=True), shape=(e,)) for name in "lr")
f, y = sp.symbols("f y")
graph = sd.Lagrangian(
    sp.Sum(u[i] ** 2 / 2 - k[i] * x[i] ** 2 / 2 - x[i] ** 4 / 8, (i, 0, n - 1))
    - sp.Sum(K[i] * (x[left[i]] - x[right[i]]) ** 2 / 2, (i, 0, e - 1)) + f * x[0],
    x, u, inputs=[f], dissipation=sp.Sum(g[i] * u[i] ** 2 / 2, (i, 0, n - 1)),
)  # fmt: skip
readout = sd.Cost((x[n - 1] - y) ** 2 / 2, targets=[y])
T = 2 * np.pi / 1.3
DRIVE, TARGET = {f: lambda t: 3 * np.cos(1.3 * t)}, {y: lambda t: 0.3 * np.sin(1.3 * t)}


def springs(nodes: int, edges: int) -> dict:
    rng = np.random.default_rng(nodes)
    one = rng.integers(nodes, size=edges)
    other = (one + 1 + rng.integers(nodes - 1, size=edges)) % nodes
    return {
        k: rng.uniform(3, 4, nodes), K: rng.uniform(0.5, 2, edges), left: one, right: other,
        g: rng.uniform(0.05, 0.2, nodes),
    }  # fmt: skip


def apart(one: dict, other: dict) -> float:
    a, b = (np.concatenate([v.ravel() for v in found.values()]) for found in (one, other))
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


@pytest.mark.parametrize("rule", (sd.Midpoint(), sd.Trapezoidal(), sd.Galerkin()))
@pytest.mark.parametrize("kind", ("periodic", "ends", "by coordinate"))
def test_sparse_and_full_agree(monkeypatch: pytest.MonkeyPatch, rule, kind: str) -> None:
    nodes = 10
    ends = np.random.default_rng(1).normal(size=(2, nodes))
    boundary = sd.Periodic(T) if kind == "periodic" else sd.FixedEnds(*ends, 1.0)
    if kind == "by coordinate":
        # Two coordinates in one system, one held at the beginning, one at the end.
        z, w = sd.coordinates("z", n)
        both = sd.Lagrangian(
            graph.L + sp.Sum(w[i] ** 2 / 2 - z[i] ** 2 / 2 - x[i] * z[i] / 4, (i, 0, n - 1)), [x, z], [u, w],
            inputs=[f], dissipation=graph.dissipation,
        )  # fmt: skip
        system, boundary = both, sd.FixedEnds({x: ends[0]}, {z: ends[1]}, 1.0)
    else:
        system = graph
    trainer = sd.EPTrainer(system, readout, boundary, 12, [k, K, g], rule=rule)
    params = springs(nodes, 15)
    found = []
    ways = [(8, 0, SparseChainLU), (10**6, 0, BlockTridiagonalLU), (8, 1e6, FrontalLU), (10**6, 1e6, FrontalLU)]
    for smallest, growth, expected in ways:
        monkeypatch.setattr(blocks, "SMALLEST", smallest)
        monkeypatch.setattr(factors, "GROWTH", growth)
        free = trainer.free(params, DRIVE, TARGET)
        assert isinstance(free.linear.factor, expected)
        found.append((free, trainer.response(free)))
    (sparse, one), *others = found
    for full, other in others:
        room = 1e3 * np.finfo(float).eps / full.rcond**0.5
        assert np.abs(sparse.q - full.q).max() < room * np.abs(full.q).max()
        assert apart(one, other) < room


def test_explicit_steps_and_full_matrices_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = 12
    rng = np.random.default_rng(2)
    trainer = sd.EPTrainer(
        graph, readout, sd.InitialState(rng.normal(size=nodes), np.zeros(nodes), 6.0), 60, [k, K, g],
        rule=sd.Trapezoidal(),
    )  # fmt: skip
    params = springs(nodes, 20)
    explicit = trainer.free(params, DRIVE, TARGET)
    found = [(explicit, trainer.response(explicit))]
    monkeypatch.setattr(leaps.Leaps, "of", classmethod(lambda cls, system, setting: None))
    for of in (course.room, lambda system, course: (1.0, np.empty((nodes, nodes)))):
        for module in (course, march):
            monkeypatch.setattr(module, "room", of)
        free = trainer.free(params, DRIVE, TARGET)
        found.append((free, trainer.response(free)))
    *others, (full, other) = found
    # Two to an interval: one to solve, one to see that it is solved.
    assert [free.iterations for free, _ in others] == [0, 2 * 60]
    for free, gradient in others:
        assert np.abs(free.q - full.q).max() < 60 * 1e3 * np.finfo(float).eps * np.abs(full.q).max()
        assert apart(gradient, other) < 1e-11


def test_damping_between_sites_is_iterated(monkeypatch: pytest.MonkeyPatch) -> None:
    """With friction along the edges a step is explicit but for the damping."""
    nodes = 12
    rubbed = sd.Lagrangian(
        graph.L, x, u, inputs=[f], dissipation=sp.Sum(K[i] * (u[left[i]] - u[right[i]]) ** 2 / 20, (i, 0, e - 1))
    )
    start = sd.InitialState(np.random.default_rng(3).normal(size=nodes), np.zeros(nodes), 6.0)
    trainer = sd.EPTrainer(rubbed, readout, start, 60, [k, K], rule=sd.Trapezoidal())
    params, found = {s: v for s, v in springs(nodes, 20).items() if s is not g}, []
    for explicit in (1, 64):
        monkeypatch.setattr(course, "EXPLICIT", explicit)
        free = trainer.free(params, DRIVE, TARGET)
        found.append((free, trainer.response(free)))
    assert np.abs(found[0][0].q - found[1][0].q).max() < 1e-12
    assert apart(found[0][1], found[1][1]) < 1e-10
