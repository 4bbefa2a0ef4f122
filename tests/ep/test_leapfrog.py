"""Explicit leapfrog: which systems admit it, and that its gradients are those of the steps solved by iteration."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.ep import leaps
from symdfi.ep.discrete import discretised
from symdfi.ep.leaps import leapfrog
from symdfi.symbolic.given import name_of

n, e = sp.symbols("n e", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x, v = sd.coordinates("x", n)
m, k = (sp.IndexedBase(name, shape=(n,)) for name in "mk")
c = sp.IndexedBase("c", shape=(n - 1,))
f, y, g, mu = sp.symbols("f y g mu")
KINETIC = sp.Sum(m[i] * v[i] ** 2 / 2, (i, 0, n - 1))
POTENTIAL = sp.Sum(k[i] * x[i] ** 2 / 2 + x[i] ** 4 / 8, (i, 0, n - 1)) + sp.Sum(
    c[i] * (x[i + 1] - x[i]) ** 2 / 2, (i, 0, n - 2)
)
L = KINETIC - POTENTIAL + f * x[0] * sp.cos(sd.t)
DRAG = g * sp.Sum(v[i] ** 2, (i, 0, n - 1)) / 2
COST = sd.Cost((x[n - 1] - y) ** 2 / 2 + k[0] * x[0] ** 2, targets=[y], terminal=(x[0] - y) ** 2 * m[0])
T, STEPS = 5.0, 40
EPS = np.finfo(float).eps


def made(**more) -> sd.Lagrangian:
    return sd.Lagrangian(L, x, v, inputs=[f], **more)


SYSTEMS = {
    "undamped": made(),
    "damped": made(dissipation=DRAG),
    "not reciprocal, van der Pol": made(forces={x[i]: mu * (1 - x[i] ** 2) * v[i] + mu * x[sp.Mod(i + 1, n)] / 3}),
    "a slope at rest": made(dissipation=DRAG + mu * sp.Sum(v[i], (i, 0, n - 1))),
}
OTHERS = {
    "cubic drag": made(dissipation=g * sp.Sum(v[i] ** 4, (i, 0, n - 1))),
    "dry friction": made(dissipation=g * sp.Sum(sp.Abs(v[i]), (i, 0, n - 1))),
    "coupled damping": made(dissipation=g * sp.Sum((v[i + 1] - v[i]) ** 2, (i, 0, n - 2))),
    "masses that move": sd.Lagrangian(L + sp.Sum(x[i] ** 2 * v[i] ** 2, (i, 0, n - 1)), x, v, inputs=[f]),
    "masses in time": sd.Lagrangian(L + KINETIC * sd.t, x, v, inputs=[f]),
    "coupled masses": sd.Lagrangian(L + sp.Sum(v[i + 1] * v[i], (i, 0, n - 2)) / 3, x, v, inputs=[f]),
    "a magnetic field": sd.Lagrangian(L + sp.Sum(x[i + 1] * v[i], (i, 0, n - 2)), x, v, inputs=[f]),
    "relativistic": sd.Lagrangian(L - KINETIC - sp.Sum(sp.sqrt(1 - v[i] ** 2), (i, 0, n - 1)), x, v, inputs=[f]),
}


def trainer(system: sd.Lagrangian, d: int = 3, cost: sd.Cost = COST, **start) -> sd.EPTrainer:
    rng = np.random.default_rng(1)
    start = start or {"v0": 0.3 * rng.normal(size=d)}
    boundary = sd.InitialState(0.4 * rng.normal(size=d), T=T, **start)
    names = discretised(system, cost).kernels.differentiable
    return sd.EPTrainer(system, cost, boundary, STEPS, names, rule=sd.Trapezoidal())


def given(system: sd.Lagrangian, d: int = 3, seed: int = 0) -> tuple[dict, dict, dict]:
    rng = np.random.default_rng(seed)
    values = {m: rng.uniform(1, 2, d), k: rng.uniform(1, 2, d), c: rng.uniform(0.2, 0.4, d - 1), g: 0.3, mu: 0.2}
    names = set(map(name_of, system.parameters))
    params = {p: value for p, value in values.items() if name_of(p) in names}
    times = np.linspace(0, T, STEPS + 1)
    return params, {f: np.cos(times) * rng.normal()}, {y: np.sin(times)}


def apart(one: dict, other: dict) -> float:
    left, right = (np.concatenate([np.ravel(found[name]) for name in other]) for found in (one, other))
    return float(np.abs(left - right).max() / np.abs(right).max())


def iterated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps solved by iteration from here on."""
    monkeypatch.setattr(leaps.Leaps, "of", classmethod(lambda cls, system, setting: None))


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_same_by_iteration(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    system = SYSTEMS[name]
    assert leapfrog(discretised(system, COST)).is_explicit
    both, values = trainer(system), given(system)
    loss, found = both.gradient(*values)
    free = both.free(*values)
    whole = both.sensitivity(free)
    iterated(monkeypatch)
    other = both.free(*values)
    assert np.abs(free.q - other.q).max() < 1e3 * EPS * np.abs(other.q).max()
    assert free.linear.pN == pytest.approx(other.linear.pN, rel=1e4 * EPS, abs=1e4 * EPS)
    assert loss == pytest.approx(other.cost, rel=1e3 * EPS)
    assert apart(found, both.response(other)) < 1e4 * EPS
    exact = both.sensitivity(other)
    assert apart(whole.params, exact.params) < 1e4 * EPS
    assert apart(whole.signals, exact.signals) < 1e4 * EPS
    for ours, theirs in ((whole.q0, exact.q0), (whole.v0, exact.v0), (whole.p0, exact.p0)):
        assert ours == pytest.approx(theirs, rel=1e4 * EPS, abs=1e4 * EPS)


@pytest.mark.parametrize("name", OTHERS)
def test_others_are_left_to_iteration(name: str) -> None:
    assert not leapfrog(discretised(OTHERS[name], COST)).is_explicit


def test_from_a_momentum(monkeypatch: pytest.MonkeyPatch) -> None:
    system = SYSTEMS["damped"]
    both, values = trainer(system, p0=np.array([0.3, -0.2, 0.1])), given(system)
    loss, found = both.gradient(*values)
    iterated(monkeypatch)
    other = both.free(*values)
    assert loss == pytest.approx(other.cost, rel=1e3 * EPS)
    assert apart(found, both.response(other)) < 1e4 * EPS


def test_a_constant_momentum_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """L + v·a with a constant a moves as L: that its momenta do not vanish at rest shows in numbers alone."""
    a = sp.Symbol("a")
    system = sd.Lagrangian(L + a * sp.Sum(v[i], (i, 0, n - 1)), x, v, inputs=[f])
    params, *signals = given(system)
    params[a] = 0.7
    (loss, found), (plain, other) = (trainer(s).gradient(p, *signals) for s, p in (
        (system, params), (SYSTEMS["undamped"], {key: value for key, value in params.items() if key is not a}),
    ))  # fmt: skip
    assert loss == pytest.approx(plain, rel=1e3 * EPS)
    assert apart({name: found[name] for name in other}, other) < 1e4 * EPS


@pytest.mark.parametrize(
    "cost",
    [
        sd.Cost(sp.Sum(v[i] ** 2, (i, 0, n - 1)) + y * x[0], targets=[y]),
        sd.Cost(integrals={mu: x[0] ** 2}, of_integrals=mu**2, running=y * x[0], targets=[y]),
    ],
    ids=["of velocities", "of integrals"],
)
def test_costs_of_more_than_states(cost: sd.Cost, monkeypatch: pytest.MonkeyPatch) -> None:
    system = SYSTEMS["damped"]
    both, values = trainer(system, cost=cost), given(system)
    loss, found = both.gradient(*values)
    iterated(monkeypatch)
    other = both.free(*values)
    assert loss == pytest.approx(other.cost, rel=1e3 * EPS)
    assert apart(found, both.response(other)) < 1e4 * EPS


def test_masses_that_vanish_are_refused() -> None:
    system = SYSTEMS["undamped"]
    both, (params, *signals) = trainer(system), given(system)
    both.gradient(params, *signals)
    with pytest.raises((sd.ConvergenceError, sd.SingularMatrixError)):
        both.gradient({**params, m: np.array([1.0, 0.0, 1.0])}, *signals)


def test_what_leaves_the_numbers_is_refused() -> None:
    system = SYSTEMS["undamped"]
    both, (params, *signals) = trainer(system), given(system)
    both.gradient(params, *signals)
    with pytest.raises((sd.ConvergenceError, sd.DivergenceError)):
        both.gradient({**params, k: np.full(3, 1e9)}, *signals)


def test_repeated_calls_read_what_they_are_given() -> None:
    """A trainer that has met the shapes reads no less of what it is given: values, keys, shapes, kinds."""
    system = SYSTEMS["damped"]
    both = trainer(system)
    for seed, d in ((0, 3), (1, 3), (1, 3)):
        values = given(system, d, seed)
        fresh = trainer(system).gradient(*values)
        found = both.gradient(*values)
        assert found[0] == fresh[0]
        assert all(np.array_equal(found[1][name], fresh[1][name]) for name in fresh[1])
    params, inputs, targets = given(system)
    loss, found = both.gradient(params, inputs, targets)
    by_name = {name_of(key): value for key, value in params.items()}
    lists = {key: np.asarray(value).tolist() for key, value in params.items()}
    for other in (by_name, lists, dict(reversed(params.items()))):
        again = both.gradient(other, inputs, targets)
        assert again[0] == loss
        assert all(np.array_equal(again[1][name], found[name]) for name in found)
    constant = both.gradient(params, {f: 0.5}, {y: lambda t: np.sin(t)})
    assert constant[0] == pytest.approx(both.gradient(params, {f: np.full(STEPS + 1, 0.5)}, targets)[0], rel=1e3 * EPS)
    found["g"][...] = np.nan  # the caller's own
    assert both.gradient(params, inputs, targets)[0] == loss


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({g: np.nan}, "parameter g is nan"),
        ({m: np.array([1.0, np.inf, 1.0])}, r"parameter m\[1\] is inf"),
        ({k: np.ones(4)}, "degrees of freedom"),
        ({"z": 1.0}, "z is no parameter"),
        ({c: "text"}, "parameter c"),
    ],
)
def test_bad_input_is_refused_at_repeated_calls(change: dict, words: str) -> None:
    system = SYSTEMS["damped"]
    both, (params, inputs, targets) = trainer(system), given(system)
    both.gradient(params, inputs, targets)
    with pytest.raises(ValueError, match=words):
        both.gradient({**params, **change}, inputs, targets)
    with pytest.raises(ValueError, match="target y"):
        both.gradient(params, inputs, {y: np.full(STEPS + 1, np.nan)})
    with pytest.raises(ValueError, match="input f has shape"):
        both.gradient(params, {f: np.ones(STEPS)}, targets)
    with pytest.raises(ValueError, match="no value for the target y"):
        both.gradient(params, inputs)


def test_threads_have_their_own_room() -> None:
    system = SYSTEMS["not reciprocal, van der Pol"]
    both, samples = trainer(system), [given(system, seed=s) for s in range(24)]
    alone = [both.gradient(*values) for values in samples]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda values: both.gradient(*values), samples * 4))
    for found, own in zip(together, alone * 4, strict=True):
        assert found[0] == own[0]
        assert all(np.array_equal(found[1][name], own[1][name]) for name in own[1])


def test_graphs_with_other_edges_are_read_anew() -> None:
    """Index arrays count by what they hold, also where an array has been written to."""
    q, w = sd.coordinates("q", n)
    left, right = (sp.IndexedBase(name, shape=(e,), integer=True) for name in ("l", "r"))
    s = sp.IndexedBase("s", shape=(e,))
    rest = sp.Sum(w[i] ** 2 / 2 - q[i] ** 4 / 4, (i, 0, n - 1))
    system = sd.Lagrangian(rest - sp.Sum(s[i] * (q[left[i]] - q[right[i]]) ** 2 / 2, (i, 0, e - 1)), q, w)
    boundary = sd.InitialState(np.arange(4.0), np.zeros(4), T)
    both = sd.EPTrainer(system, sd.Cost(q[0] ** 2), boundary, STEPS, [s], rule=sd.Trapezoidal())
    assert leapfrog(both.discrete).is_explicit
    one, other, edges = np.array([0, 1, 2]), np.array([1, 2, 3]), {s: np.array([1.0, 2.0, 3.0])}
    params = {left: one, right: other, **edges}
    loss, _ = both.gradient(params)
    other[2] = 0
    changed, found = both.gradient(params)
    assert changed != loss
    fresh = sd.EPTrainer(system, sd.Cost(q[0] ** 2), boundary, STEPS, [s], rule=sd.Trapezoidal()).gradient(params)
    assert changed == fresh[0]
    assert np.array_equal(found["s"], fresh[1]["s"])
    other[2] = 4
    with pytest.raises(ValueError, match="4"):
        both.gradient(params)
