"""Training: a teacher's springs recovered, the same numbers for any workers, samples that fail, ends and goings on."""

from __future__ import annotations

import dataclasses
import functools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.ep import Infinitesimal, Training
from symdfi.ep.batches import Batches
from symdfi.errors import CheckpointError, ConvergenceError, DivergenceError, Interrupted

n, e = sp.symbols("n e", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x, u = sd.coordinates("x", n)
K = sp.IndexedBase("K", shape=(e,))
left, right = (sp.IndexedBase(sp.Symbol(name, integer=True), shape=(e,)) for name in ("l", "m"))
f, y = (sp.IndexedBase(name, shape=(n,)) for name in "fy")
a = sp.Symbol("a")

#: Five masses, each with a spring of its own that hardens, all joined by springs, and driven.
network = sd.Lagrangian(
    sp.Sum(u[i] ** 2 / 2 - x[i] ** 2 / 2 - a * x[i] ** 4 / 4 + f[i] * x[i], (i, 0, n - 1))
    - sp.Sum(K[i] * (x[left[i]] - x[right[i]]) ** 2, (i, 0, e - 1)) / 2,
    x, u, inputs=[f],
)  # fmt: skip
cost = sd.Cost(sp.Sum((x[i] - y[i]) ** 2, (i, 0, n - 1)) / 2, targets=[y])
T, STEPS, NODES = 2 * np.pi / 4, 16, 5  # faster than any mode: far from resonance
EDGES = np.array([(i, j) for i in range(NODES) for j in range(i)])
SPRINGS = np.random.default_rng(1).uniform(0.3, 1.2, len(EDGES))
GIVEN = {n: NODES, K: np.full(len(EDGES), 0.7), a: 0.2, left: EDGES[:, 0], right: EDGES[:, 1]}
trainer = sd.EPTrainer(network, cost, sd.Periodic(T), STEPS, [K])


def drives(samples: int) -> np.ndarray:
    """Random phases and amplitudes at all nodes."""
    rng, times = np.random.default_rng(2), (np.arange(STEPS) + 0.5) * T / STEPS
    phases, sizes = 2 * np.pi * rng.random((samples, 1, NODES)), 5 * rng.normal(size=(samples, 1, NODES))
    return sizes * np.cos(2 * np.pi / T * times[:, None] + phases)


@functools.cache
def taught() -> dict:
    """Three drives, and the motion of the network with the springs to be found."""
    driven = drives(3)
    paths = [trainer.free({**GIVEN, K: SPRINGS}, {f: drive}, {y: np.zeros(NODES)}).q for drive in driven]
    return {f: driven, y: np.array([(path[1:] + path[:-1]) / 2 for path in paths])}


#: Of the shapes of what is taught.
SHAPED = {f: drives(3), y: np.zeros((3, STEPS, NODES))}


def same(one: Training, other: Training) -> bool:
    """To the last bit."""
    rows = all(np.array_equal(getattr(one, k), getattr(other, k)) for k in ("loss", "gradient_norm", "skipped"))
    return rows and all(np.array_equal(p["K"], o["K"]) for p, o in ((one.params, other.params), (one.best, other.best)))


def test_a_teacher_is_recovered() -> None:
    """E6: ten springs to 1e-6, and the curves of EP and the adjoint are one."""
    optimizer = sd.LBFGS(bounds={K: (0, None)})
    run = trainer.train(GIVEN, taught(), 100, optimizer=optimizer)
    assert "NORM OF PROJECTED GRADIENT" in run.message and not run.failures
    assert np.abs(run.best["K"] - SPRINGS).max() < 1e-6
    # Quadratic in what the springs are off by, which was 0.46.
    assert run.best_loss < 1e-11 * run.loss[0]
    adjoint = trainer.train(GIVEN, taught(), 12, optimizer=optimizer, gradient="adjoint")
    assert run.loss[:12] == pytest.approx(adjoint.loss, rel=1e-9)


OPTIMIZERS = {
    "sgd": (sd.SGD(3.0, 0.5, bounds={K: (0.1, 2)}), {"batch": 2, "seed": 4}),
    "adam": (sd.Adam(0.02), {"batch": 2}),
    "lbfgs": (sd.LBFGS(bounds={"K": (np.full(10, 0.1), None)}), {}),
}


@pytest.mark.parametrize("optimizer, options", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_the_same_for_any_workers_and_when_gone_on_with(optimizer, options, tmp_path, monkeypatch) -> None:
    whole = trainer.train(GIVEN, taught(), 6, optimizer=optimizer, **options)
    assert len(whole.loss) == 6 and whole.message == "6 epochs done" and whole.loss[5] < whole.loss[0]
    with ThreadPoolExecutor(2) as two:
        assert same(trainer.train(GIVEN, taught(), 6, optimizer=optimizer, executor=two, **options), whole)
    # Stopped within an epoch, then after one, and gone on with to more epochs.
    path, calls, evaluate = tmp_path / "run.nc", [], Batches.evaluate

    def stopped(self, *args):
        calls.append(0)
        if len(calls) == (3 if isinstance(optimizer, sd.LBFGS) else 6):
            raise KeyboardInterrupt
        return evaluate(self, *args)

    with monkeypatch.context() as patch, pytest.raises(Interrupted, match="after [1-3] epochs") as caught:
        patch.setattr(Batches, "evaluate", stopped)
        trainer.train(GIVEN, taught(), 4, optimizer=optimizer, checkpoint=path, checkpoint_every=10, **options)
    done = len(caught.value.partial.loss)
    assert np.array_equal(caught.value.partial.loss, whole.loss[:done])
    part = trainer.resume(path, taught(), optimizer=optimizer)
    assert np.array_equal(part.loss, whole.loss[:4]) and part.message == "4 epochs done"
    assert same(trainer.resume(path, taught(), 6, optimizer=optimizer), whole)


def test_processes() -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        apart = trainer.train(GIVEN, taught(), 2, optimizer=sd.Adam(), executor=executor)
    assert same(apart, trainer.train(GIVEN, taught(), 2, optimizer=sd.Adam()))


def test_a_nudging_beside_the_default() -> None:
    near = trainer.train(GIVEN, taught(), 3, optimizer=sd.Adam(0.1), gradient=sd.Centered(1e-3))
    exact = trainer.train(GIVEN, taught(), 3, optimizer=sd.Adam(0.1), gradient=Infinitesimal())
    assert near.loss == pytest.approx(exact.loss, rel=1e-6) and not same(near, exact)


def test_optimizers_by_hand() -> None:
    """The same steps written out anew, from the gradients of one sample."""
    data = {f: taught()[f][:1], y: taught()[y][:1]}
    sample = {f: taught()[f][0]}, {y: taught()[y][0]}
    for optimizer in (sd.SGD(2.0, 0.5), sd.Adam(0.1, (0.8, 0.9), 1e-6)):
        theta, m, s, losses = GIVEN[K], 0.0, 0.0, []
        for k in range(1, 4):
            loss, by_name = trainer.gradient({**GIVEN, K: theta}, *sample)
            g = by_name["K"]
            losses.append(loss)
            if isinstance(optimizer, sd.SGD):
                m = 0.5 * m + g
                theta = theta - 2.0 * m
            else:
                m, s = 0.8 * m + 0.2 * g, 0.9 * s + 0.1 * g * g
                theta = theta - 0.1 * (m / (1 - 0.8**k)) / (np.sqrt(s / (1 - 0.9**k)) + 1e-6)
        run = trainer.train(GIVEN, data, 3, optimizer=optimizer)
        assert run.params["K"] == pytest.approx(theta, rel=1e-12)
        assert run.loss == pytest.approx(losses, rel=1e-12)


def lost() -> dict:
    """The same, and a sample that no motion answers."""
    data = taught()
    return {f: np.concatenate([data[f], 1e200 * data[f][:1]]), y: np.concatenate([data[y], data[y][:1]])}


@pytest.mark.parametrize("optimizer", (sd.Adam(0.02), sd.LBFGS()))
def test_samples_that_fail_are_skipped(optimizer) -> None:
    run = trainer.train(GIVEN, lost(), 3, optimizer=optimizer)
    assert run.skipped.tolist() == [1, 1, 1]
    assert run.failures[0].sample == 3 and "Error: " in run.failures[0].reason
    assert np.array_equal(run.loss, trainer.train(GIVEN, taught(), 3, optimizer=optimizer).loss)
    assert "3 samples skipped" in repr(run)
    with pytest.raises(ConvergenceError, match="none of the 1 samples of .* was solved; sample 0: ") as caught:
        trainer.train(GIVEN, {f: lost()[f][3:], y: lost()[y][3:]}, 3, optimizer=optimizer)
    assert isinstance(caught.value.partial, Training) and len(caught.value.partial.loss) == 0


def test_a_trial_that_is_not_solved_is_turned_back_from(monkeypatch) -> None:
    evaluate, calls = Batches.evaluate, []

    def once(self, *args):
        calls.append(0)
        found = evaluate(self, *args)
        return dataclasses.replace(found, failures=((1, "lost"),)) if len(calls) == 2 else found

    monkeypatch.setattr(Batches, "evaluate", once)
    run = trainer.train(GIVEN, taught(), 4, optimizer=sd.LBFGS())
    assert [(failure.epoch, failure.sample, failure.reason) for failure in run.failures] == [(1, 1, "lost")]
    assert np.all(np.diff(run.loss) < 0) and run.skipped.tolist() == [0, 1, 0, 0]


class Lost(sd.SGD):
    """Leaves the numbers in its third step."""

    def step(self, theta, gradient, state):
        u = state["u"]
        return theta + (np.inf if u[0] == 2 else 0.0), {"u": u + 1}


def test_ends() -> None:
    assert trainer.train(GIVEN, taught(), 9, optimizer=sd.SGD(1e3), patience=2).message == "no lower loss in 2 epochs"
    seen = []
    run = trainer.train(GIVEN, taught(), 9, on_epoch=lambda k, so_far: seen.append((k, len(so_far.loss))) or k == 2)
    assert seen == [(1, 1), (2, 2)] and run.message == "ended by on_epoch"
    with pytest.raises(DivergenceError, match="not finite in epoch 2: reduce the rate = 2") as caught:
        trainer.train(GIVEN, taught(), 9, optimizer=Lost(2.0))
    assert len(caught.value.partial.loss) == 2


def test_initial_values_and_a_sequence_of_samples() -> None:
    """Each sample a mapping, with functions of time; no two-point problem, so no warm start."""
    q, v = sd.coordinates("q")
    k, c, z, w = sp.symbols("k c z w")
    damped = sd.Lagrangian(v**2 / 2 - k * q**2 / 2 + w * q, q, v, dissipation=c * v**2 / 2, inputs=[w])
    own = sd.EPTrainer(damped, sd.Cost((q - z) ** 2, targets=[z]), sd.InitialState(0.5, 0.0, 3.0), 24, [k, c])
    data = [{w: np.cos, z: 0.3}, {w: 0.2, "z": np.linspace(0, 1, 24)}]
    run = own.train({k: 1.0, "c": 0.1}, data, 3, optimizer=sd.Adam(0.1))
    grads = [own.gradient({k: 1.0, c: 0.1}, {w: s[w]}, {z: s.get(z, s.get("z"))}) for s in data]
    assert run.loss[0] == pytest.approx(sum(loss for loss, _ in grads) / 2)
    mean = np.array([[g["k"], g["c"]] for _, g in grads]).mean(axis=0)
    assert run.gradient_norm[0] == pytest.approx(np.linalg.norm(mean)) and run.loss[2] < run.loss[0]
    assert np.shape(run.params["c"]) == ()


def test_dataset_and_figure(tmp_path: Path) -> None:
    run = trainer.train(GIVEN, lost(), 2)
    dataset = run.dataset
    assert dataset["loss"].shape == (2,) and dataset["K"].shape == (10,) and dataset["best_K"].shape == (10,)
    assert "sample 3: " in dataset.attrs["failures"]
    assert sd.results.load(run.save(tmp_path / "run.nc")).identical(dataset)
    assert len(run.plot().axes) == 3


BAD = {
    "no epoch": ({"epochs": 0}, ValueError, "epochs"),
    "no batch": ({"batch": 0}, ValueError, "batch"),
    "an optimiser": ({"optimizer": "adamax"}, ValueError, "unknown optimizer .adamax.: one of adam, lbfgs"),
    "a batch for L-BFGS": ({"optimizer": sd.LBFGS(), "batch": 2}, ValueError, "all samples at once"),
    "a gradient": ({"gradient": "backpropagation"}, ValueError, "'adjoint'"),
    "bounds of another": ({"optimizer": sd.SGD(1.0, bounds={a: (0, 1)})}, ValueError, "not trained"),
    "no pair": ({"optimizer": sd.SGD(1.0, bounds={K: cast("tuple", (0, 1, 2))})}, ValueError, "pair"),
    "empty bounds": ({"optimizer": sd.SGD(1.0, bounds={K: (1, 0)})}, ValueError, "nothing between"),
    "bounds of a shape": ({"optimizer": sd.SGD(1.0, bounds={K: (np.zeros(3), 1)})}, ValueError, "shape"),
    "data": ({"data": 3.0}, TypeError, "data are arrays by name"),
    "no sample": ({"data": []}, ValueError, "no sample"),
    "lengths": ({"data": {f: SHAPED[f], y: SHAPED[y][:1]}}, ValueError, "3 of f, 1 of y"),
    "not finite": ({"data": {f: SHAPED[f] * np.nan, y: SHAPED[y]}}, ValueError, "finite"),
    "no target": ({"data": {f: SHAPED[f]}}, ValueError, "no value for the target y"),
    "an executor": ({"executor": 2}, TypeError, "executor"),
    "on_epoch": ({"on_epoch": 3}, TypeError, "on_epoch is 3: give a function"),
    "given twice": ({"data": {**SHAPED, "y": SHAPED[y]}}, ValueError, "the data: two values are given for y"),
    "no value": ({"params": {n: NODES}}, ValueError, "no value for the parameter K"),
}


@pytest.mark.parametrize("options, error, match", BAD.values(), ids=BAD)
def test_refused(options, error, match) -> None:
    with pytest.raises(error, match=match):
        trainer.train(**{"params": GIVEN, "data": taught(), "epochs": 1, **options})


def test_a_sample_is_named() -> None:
    with pytest.raises(ValueError, match="shape") as caught:
        trainer.train(GIVEN, [{f: taught()[f][0], y: taught()[y][0]}, {f: taught()[f][1][:3], y: 0.0}], 1)
    assert caught.value.__notes__ == ["in sample 1"]


@pytest.mark.parametrize(
    "make, match",
    [
        (lambda: sd.SGD(0.0), "rate"),
        (lambda: sd.SGD(1.0, 1.0), "momentum"),
        (lambda: sd.Adam(decays=cast("tuple", (0.9,))), "two numbers"),
        (lambda: sd.Adam(decays=(0.9, 1.5)), "decay"),
        (lambda: sd.Adam(epsilon=0), "epsilon"),
        (lambda: sd.LBFGS(memory=0), "memory"),
        (lambda: sd.LBFGS(ftol=-1), "ftol"),
    ],
)
def test_bad_optimizers(make, match) -> None:
    with pytest.raises(ValueError, match=match):
        make()


def test_bounds_are_given_by_name() -> None:
    for make in (sd.Adam, sd.LBFGS):
        with pytest.raises(TypeError, match="bounds is a list: give a dict such as"):
            make(bounds=cast("dict", [(0, 1)]))


def test_bad_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "run.nc"
    trainer.train(GIVEN, taught(), 1, checkpoint=path)
    for given in (
        (taught(), {"optimizer": sd.Adam(0.5)}, "another optimizer"),
        ({f: taught()[f] + 1, y: taught()[y]}, {}, "another data"),
        (taught(), {"gradient": "adjoint"}, "another gradient"),
    ):
        data, options, match = given
        with pytest.raises(CheckpointError, match=match):
            trainer.resume(path, data, **options)
    other = sd.EPTrainer(network, cost, sd.Periodic(T), STEPS + 1, [K])
    with pytest.raises(CheckpointError, match="another trainer"):
        other.resume(path, taught())
    with pytest.raises(FileNotFoundError):
        trainer.resume(tmp_path / "none.nc", taught())
