"""Gradients by compiled loops over samples: what is solved step by step gives the same, and says why where they do not
answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.ep import frame
from symdfi.ep.batches import Batches, Packing
from symdfi.ep.direct import ByLeaps, ByNewton
from symdfi.ep.frame import TwoPoint
from symdfi.ep.samples import Samples
from symdfi.linalg import FrontalLU

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x, u = sd.coordinates("x", n)
k, c = sp.IndexedBase("k", shape=(n,)), sp.IndexedBase("c", shape=(n - 1,))
f, y, g, m = sp.symbols("f y g m")
RATE = 1.3
T = 2 * np.pi / RATE
KINETIC = sp.Sum(m * u[i] ** 2 / 2, (i, 0, n - 1))
POTENTIAL = (
    sp.Sum(k[i] * x[i] ** 2 / 2 + x[i] ** 4 / 8, (i, 0, n - 1))
    + sp.Sum(c[i] * (x[i + 1] - x[i]) ** 2 / 2, (i, 0, n - 2)) - f * x[0]
)  # fmt: skip
CHAIN = sd.Lagrangian(KINETIC - POTENTIAL, x, u, inputs=[f])
DAMPED = sd.Lagrangian(KINETIC - POTENTIAL, x, u, inputs=[f], dissipation=g * sp.Sum(u[i] ** 2, (i, 0, n - 1)) / 2)
RUNNING = sd.Cost((x[n - 1] - y) ** 2 / 2 + g * x[0] ** 2, targets=[y])
TERMINAL = sd.Cost((x[n - 1] - y) ** 2 / 2, terminal=g * sp.Sum(x[i] ** 2, (i, 0, n - 1)), targets=[y])
BOUNDARIES = {
    "periodic": lambda d: sd.Periodic(T),
    "fixed ends": lambda d: sd.FixedEnds(0.3 * np.ones(d), -0.05 * np.arange(d), 0.9),
    "an end": lambda d: sd.FixedEnds({x: 0.3 * np.ones(d)}, {}, 0.9),
}


def springs(d: int) -> dict:
    return {k: 3 + 0.4 * np.sin(1 + 1.7 * np.arange(d)), c: 2 + np.cos(np.arange(d - 1.0)), g: 0.2, m: 1.1}


def apart(one: dict, other: dict) -> float:
    a, b = (np.concatenate([np.ravel(found[name]) for name in other]) for found in (one, other))
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


@pytest.mark.parametrize(
    ("d", "system", "cost", "rule", "boundary"),
    [
        (9, CHAIN, RUNNING, sd.Midpoint(), "periodic"),
        (9, DAMPED, TERMINAL, sd.Midpoint(), "fixed ends"),
        (2, DAMPED, TERMINAL, sd.Midpoint(), "periodic"),
        (2, CHAIN, RUNNING, sd.Galerkin(), "periodic"),
        (2, CHAIN, TERMINAL, sd.Trapezoidal(), "fixed ends"),
        (2, CHAIN, TERMINAL, sd.Trapezoidal(), "periodic"),
        (2, CHAIN, TERMINAL, sd.Midpoint(), "an end"),
        (2, DAMPED, RUNNING, sd.Galerkin(), "an end"),
    ],
)
def test_as_step_by_step(d: int, system, cost, rule, boundary: str) -> None:
    trainer = sd.EPTrainer(system, cost, BOUNDARIES[boundary](d), 12, [c, k, g, m], rule=rule)
    signals = {f: 2 * np.cos(RATE * trainer.times)}, {y: 0.3 * np.sin(RATE * trainer.times)}
    params = springs(d)
    loss, found = trainer.gradient(params, *signals)
    assert isinstance(trainer._direct, ByNewton)
    (again,) = trainer.directly(params, [(*signals, None)])
    assert again is not None and again.cost == loss and apart(again.by_name(trainer.trainable), found) == 0
    free = trainer.free(params, *signals)
    room = 1e3 * np.finfo(float).eps / free.rcond**0.5
    assert again.path is not None and np.abs(again.path - free.q).max() < room * np.abs(free.q).max()
    assert loss == pytest.approx(free.cost, rel=room)
    assert apart(found, trainer.response(free)) < room


@pytest.mark.parametrize("boundary", ["periodic", "fixed ends"])
@pytest.mark.parametrize("system", [CHAIN, DAMPED])
@pytest.mark.parametrize("d", [1, 3])
def test_segments_as_fronts(monkeypatch, d: int, system, boundary: str) -> None:
    """Long paths of few coordinates are eliminated in segments side by side: the same as front by front."""
    given = [BOUNDARIES[boundary](d), 90, [c, k, g, m] if d > 1 else [k, g, m]]
    times = sd.EPTrainer(system, TERMINAL, *given).times
    values = springs(d), {f: 2 * np.cos(RATE * times)}, {y: 0.3 * np.sin(RATE * times)}
    plans, found = [], []
    for largest in (7, 0):
        monkeypatch.setattr(frame, "_SEGMENTED", largest)
        frame._plan.cache_clear()
        trainer = sd.EPTrainer(system, TERMINAL, *given)
        found.append(trainer.gradient(*values))
        way, free = trainer._direct, trainer.free(*values)
        assert isinstance(way, ByNewton) and isinstance(free.linear, TwoPoint)
        assert isinstance(free.linear.factor, FrontalLU)
        plans.append(way.newton.plan.arrays[0].size)
        room = 1e3 * np.finfo(float).eps / free.rcond**0.5
        assert found[0][0] == pytest.approx(found[-1][0], rel=room)
        assert apart(found[0][1], trainer.response(free)) < room
    frame._plan.cache_clear()
    assert plans == [4, 3]


def batch_of(trainer: sd.EPTrainer, params: dict, data, executor=None, warm=None):
    packing = Packing(params, trainer.trainable)
    batches = Batches(trainer, packing, Samples(data), None, None, executor)
    return batches.evaluate(packing.start, range(len(batches.samples)), warm or {})


@pytest.mark.parametrize("mass", [m, 1.1])
@pytest.mark.parametrize("kind", ["periodic", "from its beginning"])
def test_batches_as_sample_by_sample(kind: str, mass) -> None:
    d, count = 3, 7
    if kind == "periodic":
        trainer = sd.EPTrainer(CHAIN, RUNNING, sd.Periodic(T), 16, [k, c, m], rule=sd.Trapezoidal())
        way = ByNewton
    else:
        start = sd.InitialState(0.3 * np.arange(d), np.ones(d), T)
        system = sd.Lagrangian(KINETIC.subs(m, mass) - POTENTIAL, x, u, inputs=[f])
        trainer = sd.EPTrainer(system, RUNNING, start, 16, [k, c], rule=sd.Trapezoidal())
        way = ByLeaps
    params = {key: value for key, value in springs(d).items() if key != m or mass == m or kind == "periodic"}
    sizes = np.linspace(0.2, 1.5, count)[:, None]
    data = {f: 2 * sizes * np.cos(RATE * trainer.times), y: 0.3 * sizes * np.sin(RATE * trainer.times)}
    whole = batch_of(trainer, params, data)
    assert isinstance(trainer._direct, way) and whole.solved == count
    apart_given = batch_of(trainer, params, [{key: rows[s] for key, rows in data.items()} for s in range(count)])
    assert apart_given.loss == whole.loss and np.array_equal(apart_given.gradient, whole.gradient)
    each = [trainer.gradient(params, {f: data[f][s]}, {y: data[y][s]}) for s in range(count)]
    packed = [np.concatenate([np.ravel(found[name]) for name in trainer.trainable]) for _, found in each]
    # The same numbers, added up in another order; side by side they are rounded otherwise than alone.
    alone = kind == "periodic" or mass == m
    rounding = (4 * count if alone else 1e3) * np.finfo(float).eps
    assert whole.loss == pytest.approx(np.mean([loss for loss, _ in each]), rel=rounding)
    assert (np.abs(whole.gradient - np.mean(packed, axis=0)) <= rounding * np.mean(np.abs(packed), axis=0)).all()
    for workers in (1, 2):
        with ThreadPoolExecutor(workers) as executor:
            shared = batch_of(trainer, params, data, executor)
        assert shared.loss == whole.loss and np.array_equal(shared.gradient, whole.gradient)
    if kind == "periodic":
        near = {s: path + 1e-3 for s, path in whole.paths.items()}
        again = batch_of(trainer, params, data, warm=near)
        assert again.loss == pytest.approx(whole.loss, rel=1e-12)


@pytest.mark.parametrize(("d", "mass"), [(1, 1.1), (3, 1.1), (8, 1.1), (3, m)])
def test_samples_do_not_depend_on_those_beside_them(d: int, mass) -> None:
    """From their beginning: to the last bit, wherever they are among others, and where others leave the numbers."""
    start = sd.InitialState(0.3 * np.ones(d), np.zeros(d), 20.0)
    drag, weighed = g * sp.Sum(u[i] ** 2, (i, 0, n - 1)) / 2, mass == m
    system = sd.Lagrangian(KINETIC.subs(m, mass) - POTENTIAL, x, u, inputs=[f], dissipation=drag)
    trainer = sd.EPTrainer(system, TERMINAL, start, 200, [k, c, g], rule=sd.Trapezoidal())
    rng, params = np.random.default_rng(0), {key: value for key, value in springs(d).items() if key != m or weighed}
    samples = [({f: a}, {y: b}, None) for a, b in rng.normal(size=(37, 2, 201))]
    samples[5][0][f][100], samples[20][1][y][3] = 1e200, np.inf
    whole = trainer.directly(params, samples)
    assert [number for number, found in enumerate(whole) if found is None] == [5, 20]
    order = rng.permutation(37)
    parts = [order[:1], order[1:20], order[20:]]
    for number, again in zip(
        order, [f for p in parts for f in trainer.directly(params, [samples[q] for q in p])], strict=True
    ):
        own = whole[number]
        if own is None:
            assert again is None
            continue
        assert again is not None and again.cost == own.cost and np.array_equal(again.theta, own.theta)
        loss, found = trainer.gradient(params, *samples[number])
        assert own.cost == pytest.approx(loss, rel=1e3 * np.finfo(float).eps)
        assert apart(own.by_name(trainer.trainable), found) < 1e4 * np.finfo(float).eps


def test_samples_that_are_given_otherwise() -> None:
    """Numbers, functions and shapes of signals: how a sample is solved does not depend on those beside it."""
    for boundary in (sd.Periodic(T), sd.InitialState([0.1, 0.2], [0.0, 0.0], T)):
        trainer = sd.EPTrainer(CHAIN, RUNNING, boundary, 16, [k, c], rule=sd.Trapezoidal())
        shape = 2 * np.cos(RATE * trainer.times)
        signals = [{f: shape, y: 0.1}, {f: shape, y: 0.1 * shape}, {f: lambda t: np.cos(RATE * t), y: 0.1}]
        params = {**springs(2), m: 1.0}
        packing = Packing(params, trainer.trainable)
        data = [{**signals[s % 3]} for s in range(20)]
        whole = Batches(trainer, packing, Samples(data), None, None, None).evaluate(packing.start, range(20), {})
        with ThreadPoolExecutor(2) as executor:
            other = Batches(trainer, packing, Samples(data), None, None, executor).evaluate(
                packing.start, range(20), {}
            )
        assert whole.solved == 20 and whole.loss == other.loss and np.array_equal(whole.gradient, other.gradient)


def test_rows_of_numbers_of_any_kind() -> None:
    """Samples side by side: lists, whole numbers and doubles are the same; what is no row of numbers finds nothing."""
    trainer = sd.EPTrainer(CHAIN, RUNNING, sd.InitialState([0.1, 0.2], [0.0, 0.0], T), 16, [k, c], rule="trapezoidal")
    row, params = np.arange(17.0) % 4, {**springs(2), m: 1.0}
    kinds = [row, row.tolist(), row.astype(int), row.astype(np.float32), row.astype(np.longdouble)]
    for given in (kinds[:4], kinds):
        found = list(trainer.directly(params, [({f: own}, {y: own}, None) for own in given]))
        for own in found:
            assert own is not None and own.cost == found[0].cost and np.array_equal(own.theta, found[0].theta)
    for bad in (row[1:], row[:, None], row + 1j, ["a"] * 17, None, np.nan * row):
        first, other = trainer.directly(params, [({f: row}, {y: row}, None), ({f: bad}, {y: row}, None)])
        assert first is not None and first.cost == found[0].cost and other is None


def test_samples_that_fail_say_why() -> None:
    """One has no orbit within the steps of the search, one a free phase, as nothing drives it."""
    d = 2
    trainer = sd.EPTrainer(CHAIN, RUNNING, sd.Periodic(T), 16, [k, c])
    shape = np.cos(RATE * trainer.times)
    sizes = np.array([1.0, 0.0, 0.5])[:, None]
    data = {f: 2 * sizes * shape, y: np.zeros((3, 16))}
    soft = {**springs(d), k: np.array([-3.0, 1.0])}
    turning = trainer.free(soft, {f: 3 * shape}, {y: 0.0}).q
    whole = batch_of(trainer, soft, data, warm=dict.fromkeys(range(3), turning))
    one = [trainer.directly(soft, [({f: data[f][s]}, {y: data[y][s]}, turning)])[0] for s in range(3)]
    failed = {s for s, _ in whole.failures}
    assert {s for s in range(3) if one[s] is not None} <= set(range(3)) - failed
    for s, reason in whole.failures:
        with pytest.raises((sd.ConvergenceError, sd.SingularMatrixError), match=".") as caught:
            trainer.gradient(soft, {f: data[f][s]}, {y: data[y][s]})
        assert reason == f"{type(caught.value).__name__}: {caught.value}"


def test_derivatives_that_are_zero_for_a_while() -> None:
    """Couplings may vanish, and come back."""
    d = 9
    trainer = sd.EPTrainer(CHAIN, RUNNING, sd.Periodic(T), 16, [k, c])
    signals = {f: 2 * np.cos(RATE * trainer.times)}, {y: 0.1}
    params = springs(d)
    apart_for_now = {**params, c: np.where(np.arange(d - 1) < 4, params[c], 0.0)}
    for given in (apart_for_now, params, apart_for_now):
        loss, found = trainer.gradient(given, *signals)
        free = trainer.free(given, *signals)
        assert loss == pytest.approx(free.cost, rel=1e-13) and apart(found, trainer.response(free)) < 1e-11


@pytest.mark.parametrize("rule", [sd.Midpoint(), sd.Trapezoidal()])
def test_one_sample_after_the_other(rule) -> None:
    """What was found is the caller's, and what is given the next time is read anew: also of an L that holds the time,
    which is to be periodic at every call."""
    trainer = sd.EPTrainer(CHAIN, RUNNING, sd.Periodic(T), 16, [k, c], rule=rule)
    w = sp.Symbol("w")
    clock = sd.Lagrangian((KINETIC - POTENTIAL).subs(f, 2 * sp.cos(w * sd.t)), x, u)
    timed = sd.EPTrainer(clock, RUNNING, sd.Periodic(T), 16, [k, c], rule=rule)
    shape, params = 2 * np.cos(RATE * trainer.times), springs(3)
    first = trainer.gradient(params, {f: shape}, {y: 0.1 * shape})
    kept = {name: values.copy() for name, values in first[1].items()}
    harder = {**params, k: 2 * params[k]}
    for given, share in ((harder, 1.0), (params, 0.5), (params, 1.0)):
        loss, found = trainer.gradient(given, {f: share * shape}, {y: 0.1 * shape})
        fresh = sd.EPTrainer(CHAIN, RUNNING, sd.Periodic(T), 16, [k, c], rule=rule)
        again, other = fresh.gradient(given, {f: share * shape}, {y: 0.1 * shape})
        assert loss == again and apart(found, other) == 0
    assert loss == first[0] and apart(kept, first[1]) == 0 and apart(found, kept) == 0
    for _ in range(2):
        loss, found = timed.gradient({**params, w: RATE}, {}, {y: 0.1 * shape})
        assert loss == pytest.approx(first[0], rel=1e-11) and apart(found, kept) < 1e-10
    with pytest.raises(ValueError, match="not periodic"):
        timed.gradient({**params, w: 1.1 * RATE}, {}, {y: 0.1 * shape})


def test_what_is_not_given_as_before() -> None:
    trainer = sd.EPTrainer(CHAIN, RUNNING, sd.Periodic(T), 16, [k, c])
    shape = 2 * np.cos(RATE * trainer.times)
    first = trainer.gradient(springs(2), {f: shape}, {y: 0.1})
    longer = trainer.gradient(springs(3), {f: shape}, {y: 0.1 * shape})
    as_functions = trainer.gradient(springs(2), {f: lambda t: 2 * np.cos(RATE * t)}, {y: 0.1})
    assert longer[1]["k"].shape == (3,)
    assert as_functions[0] == pytest.approx(first[0], rel=1e-12) and apart(as_functions[1], first[1]) < 1e-11
    with pytest.raises(ValueError, match="k"):
        trainer.gradient({**springs(2), k: np.array([1.0, np.nan])}, {f: shape}, {y: 0.1})
    with pytest.raises(ValueError, match="guess"):
        trainer.gradient(springs(2), {f: shape}, {y: 0.1}, guess=np.zeros((5, 2)))
