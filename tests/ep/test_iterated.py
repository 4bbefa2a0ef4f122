"""Periodic orbits of graphs by iteration: what factors of their rings give, where these would fill up."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.ep import discrete, iterated
from symdfi.ep.discrete import discretised
from symdfi.ep.frame import Ring
from symdfi.ep.iterated import IteratedRing
from symdfi.ep.linearised import Linearised
from symdfi.ep.nested import coarser, finer
from symdfi.errors import ConvergenceError, SingularMatrixError

n, e = sp.symbols("n e", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x, u = sd.coordinates("x", n)
k, g = (sp.IndexedBase(name, shape=(n,)) for name in "kg")
K = sp.IndexedBase("K", shape=(e,))
left, right = (sp.IndexedBase(sp.Symbol(name, integer=True), shape=(e,)) for name in "lr")
f, y = sp.symbols("f y")
L = (
    sp.Sum(u[i] ** 2 / 2 - k[i] * x[i] ** 2 / 2 - x[i] ** 4 / 8, (i, 0, n - 1)) + f * x[0]
    - sp.Sum(K[i] * (x[left[i]] - x[right[i]]) ** 2 / 2, (i, 0, e - 1))
)  # fmt: skip
CLOSED = sd.Lagrangian(L, x, u, inputs=[f])
DAMPED = sd.Lagrangian(L, x, u, inputs=[f], dissipation=sp.Sum(g[i] * u[i] ** 2 / 2, (i, 0, n - 1)))
READOUT = sd.Cost((x[n - 1] - y) ** 2 / 2, targets=[y])
T = 2 * np.pi / 1.3
DRIVE, TARGET = {f: lambda t: 3 * np.cos(1.3 * t)}, {y: lambda t: 0.3 * np.sin(1.3 * t)}
EPS = np.finfo(float).eps


def springs(nodes: int, edges: int, damped: bool) -> dict:
    rng = np.random.default_rng(nodes)
    one = rng.integers(nodes, size=edges)
    other = (one + 1 + rng.integers(nodes - 1, size=edges)) % nodes
    found = {k: rng.uniform(4.5, 5.5, nodes), K: rng.uniform(0.5, 2, edges), left: one, right: other}
    return {**found, g: rng.uniform(0.05, 0.2, nodes)} if damped else found


def apart(one: dict, other: dict) -> float:
    a, b = (np.concatenate([v.ravel() for v in found.values()]) for found in (one, other))
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


@pytest.fixture
def iterating(monkeypatch: pytest.MonkeyPatch):
    """Whether small rings are iterated with."""

    def put(system, on: bool) -> None:
        monkeypatch.setattr(discrete, "_LISTED", 2 if on else 10**6)
        monkeypatch.setattr(iterated, "LEAST", 2 if on else 10**6)
        monkeypatch.setattr(iterated, "FILL", 0)
        system._remembered.clear()

    yield put
    for system in (CLOSED, DAMPED):
        discretised(system, READOUT)._remembered.clear()


@pytest.mark.parametrize("rule", (sd.Midpoint(), sd.Trapezoidal(), sd.Fourier(12)))
@pytest.mark.parametrize("system", (CLOSED, DAMPED))
def test_orbits_and_gradients_are_those_of_factors(iterating, system, rule) -> None:
    steps = None if rule.spans else 200
    trainer = sd.EPTrainer(system, READOUT, sd.Periodic(T), steps, [k, K], rule=rule)
    params, found = springs(30, 60, system is DAMPED), []
    for on in (False, True):
        iterating(trainer.discrete, on)
        free = trainer.free(params, DRIVE, TARGET)
        assert isinstance(free.linear.factor, IteratedRing) == on
        assert free.solved_by.startswith("GMRES with harmonics") == on
        found.append((free, trainer.response(free), trainer.adjoint(free)))
    (full, *exact), (free, *own) = found
    room = 1e3 * EPS / full.rcond**0.5
    assert np.abs(free.q - full.q).max() < room * np.abs(full.q).max()
    assert max(map(apart, own, exact)) < min(10 * room, 1e-10)
    assert 0.2 * full.rcond < free.rcond * (20 if rule.spans else 1) and free.rcond < 5 * full.rcond
    assert free.grid_error == pytest.approx(full.grid_error, rel=0.05, nan_ok=True)
    # Nudges, also in the complex plane, are steps with the same.
    nudged = sd.EPTrainer(system, READOUT, sd.Periodic(T), steps, [k, K], sd.Holomorphic(4), rule=rule)
    if system is CLOSED and rule.spans:
        assert apart(nudged.response(free), exact[0]) < 1e-6


def test_travels_by_what_it_is_made_of(iterating) -> None:
    trainer = sd.EPTrainer(DAMPED, READOUT, sd.Periodic(T), 40, [k, K])
    iterating(trainer.discrete, True)
    free = trainer.free(springs(30, 60, True), DRIVE, TARGET)
    there = pickle.loads(pickle.dumps(free))
    assert isinstance(there.linear.factor, IteratedRing)
    assert apart(trainer.response(there), trainer.response(free)) < 1e-11


def test_products_are_those_of_the_matrix(iterating) -> None:
    """Whatever entries there are, with both kinds of derivatives, in all rules."""
    w = sp.IndexedBase("w", shape=(n,))
    system = sd.Lagrangian(
        sp.Sum(u[i] ** 2 * (1 + x[i] ** 2) / 2 - x[i] ** 4 / 8 + w[i] * x[i] * u[i], (i, 0, n - 1))
        - sp.Sum(K[i] * (x[left[i]] - x[right[i]]) ** 2 / 2, (i, 0, e - 1)) + f * x[0],
        x, u, inputs=[f], dissipation=sp.Sum(K[i] * (u[left[i]] - u[right[i]]) ** 2 / 2, (i, 0, e - 1)),
        forces={x[i]: -(x[i] ** 2) * u[i] ** 3},
    )  # fmt: skip
    found, rng = discretised(system), np.random.default_rng(0)
    params = {w: rng.normal(size=9), **{s: v for s, v in springs(9, 14, False).items() if s is not k}}
    for rule, steps in ((sd.Midpoint(), 5), (sd.Trapezoidal(), 5), (sd.Galerkin(), 3), (sd.Fourier(3), 1)):
        setting = found.read(sd.Periodic(2.0), rule, steps, None, params, {f: 0.3})
        path = rng.normal(size=(rule.n_nodes(steps), 9))
        path[-1] = path[0]
        matrix = setting.frame.sparse(found.blocks(setting, path)).toarray()
        shape = setting.frame.taken(path).shape
        for transposed, exact in ((False, matrix), (True, matrix.T)):
            columns = [
                Linearised(found, setting, path).times(one.reshape(shape), transposed) for one in np.eye(len(matrix))
            ]
            own = np.stack([c.reshape(-1) for c in columns], axis=1)
            assert np.abs(own - exact).max() < 64 * EPS * np.abs(exact).max()


def test_resonances_are_refused(iterating) -> None:
    """At the frequency of an oscillator on the grid."""
    steps = 40
    angle = 2 * np.pi / steps
    own = 4 / (T / steps) ** 2 * np.tan(angle / 2) ** 2
    still = sd.Lagrangian(
        sp.Sum(u[i] ** 2 / 2 - k[i] * x[i] ** 2 / 2, (i, 0, n - 1)) + f * x[0]
        - sp.Sum(K[i] * (x[left[i]] - x[right[i]]) ** 2 / 2, (i, 0, e - 1)), x, u, inputs=[f],
    )  # fmt: skip
    trainer = sd.EPTrainer(still, READOUT, sd.Periodic(T), steps, [k, K])
    params = {**springs(30, 60, False), k: np.full(30, own)}
    for on in (False, True):
        iterating(trainer.discrete, on)
        with pytest.raises(SingularMatrixError) as caught:
            trainer.free(params, DRIVE, TARGET)
        assert caught.value.rcond < 1e-8


def test_what_does_not_converge_says_so(iterating, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = sd.EPTrainer(DAMPED, READOUT, sd.Periodic(T), 40, [k, K])
    iterating(trainer.discrete, True)
    monkeypatch.setattr(iterated, "_CYCLES", 0)
    with pytest.raises(ConvergenceError, match="GMRES with harmonics .* comes to a residual of 1 ") as caught:
        trainer.free(springs(30, 60, True), DRIVE, TARGET)
    assert caught.value.residual > 0 and caught.value.partial.shape == (41, 30)


def test_graphs_are_iterated_with_and_chains_are_not() -> None:
    rng = np.random.default_rng(0)
    ends = {"chain": (np.arange(399), np.arange(1, 400)), "graph": rng.integers(400, size=(2, 900))}
    found = discretised(DAMPED)
    for kind, (one, other) in ends.items():
        params = {k: np.ones(400), g: np.ones(400), K: np.ones(len(one)), left: one, right: other}
        for boundary, rule, steps in (
            (sd.Periodic(T), sd.Midpoint(), 8), (sd.Periodic(T), sd.Galerkin(), 8), (sd.Periodic(T), sd.Fourier(4), 1),
            (sd.FixedEnds(np.zeros(400), np.zeros(400), T), sd.Midpoint(), 8),
        ):  # fmt: skip
            setting = found.read(boundary, rule, steps, None, params, {f: 0.0})
            expected = kind == "graph" and isinstance(setting.frame, Ring) and not isinstance(rule, sd.Galerkin)
            assert iterated.is_iterated(found, setting) == expected


def test_what_factors_would_not_fit_is_refused() -> None:
    """Between two ends, and by rules of more nodes a step."""
    count, rng = 3000, np.random.default_rng(0)
    ends = rng.integers(count, size=(2, 2 * count))
    params = {k: np.ones(count), K: np.ones(2 * count), left: ends[0], right: ends[1]}
    held = sd.FixedEnds(np.zeros(count), np.ones(count), 1.0)
    for boundary, rule, steps in ((held, sd.Midpoint(), 1000), (sd.Periodic(T), sd.Galerkin(8), 125)):
        with pytest.raises(ValueError, match="the factors of 1001 nodes of 3000 degrees of freedom"):
            sd.extremize(CLOSED, boundary, steps, params, {f: 0.0}, rule=rule)


@pytest.mark.parametrize("rule", (sd.Midpoint(), sd.Trapezoidal()))
def test_coarser_grids_are_those_of_the_same_orbit(rule) -> None:
    found = discretised(DAMPED)
    signals = {f: lambda t: 0.5 * np.cos(1.3 * t)}
    fine = found.read(sd.Periodic(T), rule, 256, None, springs(5, 8, True), signals)
    coarse, own = coarser(fine), found.read(sd.Periodic(T), rule, 64, None, springs(5, 8, True), signals)
    assert coarse is not None and coarse.steps == 64
    for one, other in ((coarse.times, own.times), (coarse.weights, own.weights), (coarse.sampled, own.sampled)):
        assert np.allclose(one, other, rtol=1e-14, atol=1e-14)
    assert np.abs(coarse.signals[:, 0] - own.signals[:, 0]).max() < 1e-3
    assert coarser(coarse) is None
    t = np.linspace(0, T, 65)
    path = np.stack([np.cos(2.6 * t), np.sin(1.3 * t) + 1], axis=1)
    t = np.linspace(0, T, 257)
    assert np.abs(finer(path, 256) - np.stack([np.cos(2.6 * t), np.sin(1.3 * t) + 1], axis=1)).max() < 64 * EPS
