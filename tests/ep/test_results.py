"""Orbits and trainings in files: equal when they are read again, and trainings gone on with."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdfi as sd
from symdfi.ep.nudging import nudged
from symdfi.errors import CheckpointError

q, qdot = sd.coordinates("q")
omega, f, y, unit = sp.symbols("omega f y unit")
DRIVEN = sd.Lagrangian(qdot**2 / 2 - omega**2 * q**2 / 2 - q**4 / 4 + f * q, q, qdot, inputs=[f], parameters=[omega])
FREE = sd.Lagrangian(qdot**2 / 2 - omega**2 * q**2 / 2 - q**4 / 4, q, qdot, parameters=[omega])
COST = sd.Cost(running=(q - y) ** 2 / 2, targets=[y])
TRAINER = sd.EPTrainer(DRIVEN, COST, sd.FixedEnds(0.1, 0.3, 1.0), 20, [omega])
PARAMS = {omega: 1.3}
CIRCLE = np.cos(2 * np.pi * np.linspace(0, 1, 41))[:, None]


def wave(time):
    return np.cos(2 * np.pi * time / 5)


def again(result, tmp_path):
    found = sd.load(result.save(tmp_path / "run.nc"))
    assert found == result and hash(found) == hash(result) and found is not result
    return found


def closeness(orbit):
    """Of what comes of equations factorised anew: BLAS may round otherwise where an array lies elsewhere in memory."""
    return 1e3 * np.finfo(float).eps / (orbit.rcond if np.isfinite(orbit.rcond) else 1.0)


@pytest.mark.parametrize(
    ("system", "boundary", "steps", "more"),
    [
        (DRIVEN, sd.Periodic(5.0), 40, {"inputs": {f: wave}}),
        (DRIVEN, sd.Periodic(5.0), None, {"inputs": {f: wave}, "rule": sd.Fourier(9)}),
        (FREE, sd.FixedEnds(0.1, 0.3, 1.0), 20, {"rule": sd.Galerkin(2)}),
        (FREE, sd.InitialState({q: 0.1}, 0.3, 1.0), 20, {}),
        (FREE, sd.InitialState(0.1, 0.3, 1.0), 20, {"rule": sd.Trapezoidal()}),
        (FREE, sd.Static(0.1), None, {}),
        (FREE, sd.Autonomous(4.0, energy=1.0), 40, {"guess": CIRCLE}),
    ],
    ids=lambda one: type(one).__name__,
)
def test_orbits(tmp_path, system, boundary, steps, more):
    orbit = sd.extremize(system, boundary, steps, PARAMS, **more)
    found = again(orbit, tmp_path)
    close = closeness(orbit)
    np.testing.assert_allclose(found.rcond, orbit.rcond, rtol=close)
    assert (found.value, found.cost, found.solved_by) == (orbit.value, orbit.cost, orbit.solved_by)
    push = np.ones(orbit.q.shape)
    wanted = orbit.linear.adjoint(push)
    np.testing.assert_allclose(found.linear.adjoint(push), wanted, rtol=0, atol=close * np.abs(wanted).max())
    if steps:
        assert orbit != sd.extremize(system, boundary, steps, {omega: 1.31}, **more)


def test_an_orbit_from_a_file_gives_the_gradient(tmp_path):
    orbit = TRAINER.free(PARAMS, {f: 0.1}, {y: 0.2})
    found = again(orbit, tmp_path)
    np.testing.assert_allclose(TRAINER.response(found)["omega"], TRAINER.response(orbit)["omega"], closeness(orbit))
    assert found.cost == orbit.cost
    with xr.open_dataset(tmp_path / "run.nc") as data:
        assert set(data.data_vars) == {"q", "omega"} and set(data.coords) == {"time"} and data["omega"] == 1.3
        assert data.attrs["boundary"] == "FixedEnds" and data.attrs["date_created"] and data.attrs["python_version"]


DATA = {f: np.random.default_rng(0).normal(size=(8, 20)), y: np.random.default_rng(1).normal(size=8)}


@pytest.mark.parametrize(
    ("optimizer", "more"),
    [(sd.Adam(1e-2), {"batch": 3, "seed": 4}), (sd.SGD(1e-2, momentum=0.5), {"gradient": "adjoint"}), (sd.LBFGS(), {})],
    ids=["adam", "sgd", "lbfgs"],
)
def test_trainings_go_on_to_the_last_bit(tmp_path, optimizer, more):
    whole, half = (TRAINER.train(PARAMS, DATA, epochs, optimizer=optimizer, **more) for epochs in (5, 3))
    found = again(half, tmp_path)
    assert half != whole and found.resume(5) == whole and half.resume(4).resume(5) == whole
    with pytest.raises(ValueError, match="3 epochs already"):
        found.resume(3)
    for one in (found, half):
        with pytest.raises(CheckpointError, match="the data are 8 samples"):
            one.resume(5, data={**DATA, y: DATA[y] + 1})


def test_data_that_no_file_can_hold(tmp_path):
    data = [{f: wave, y: 0.2}, {f: 0.1, y: 0.1}]
    whole, half = (TRAINER.train(PARAMS, data, epochs) for epochs in (4, 2))
    found = sd.load(half.save(tmp_path / "run.nc"))
    np.testing.assert_array_equal(found.loss, half.loss)
    with pytest.raises(CheckpointError, match="the data holds wave, .* give data="):
        found.resume(4)
    with pytest.raises(CheckpointError, match="the data are 2 samples"):
        found.resume(4, data=[data[0], {f: 0.1, y: 0.3}])
    assert found.resume(4, data=data).loss.tolist() == whole.loss.tolist()


def test_a_training_in_plain_xarray(tmp_path):
    half = TRAINER.train(PARAMS, DATA, 2, seed=7).described({"omega": "1/s"})
    with xr.open_dataset(half.save(tmp_path / "run.nc")) as data:
        assert set(data.data_vars) == {"loss", "gradient_norm", "skipped", "omega", "best_omega"}
        assert data["omega"].units == "1/s" and data.attrs["seed"] == 7 and "FixedEnds" in data.attrs["boundary"]
        assert "Adam" in data.attrs["optimizer"] and data.attrs["symdfi_version"]


n, e, i = *sp.symbols("n e", integer=True, positive=True), sp.Symbol("i", integer=True)
x, u = sd.coordinates("x", n)
k, K = sp.IndexedBase("k", shape=(n,)), sp.IndexedBase("K", shape=(e,))
left, right = (sp.IndexedBase(sp.Symbol(name, integer=True), shape=(e,)) for name in "lr")
GRAPH = sd.Lagrangian(
    sp.Sum(u[i] ** 2 / 2 - k[i] * x[i] ** 2 / 2 - x[i] ** 4 / 8, (i, 0, n - 1)) + f * x[0]
    - sp.Sum(K[i] * (x[left[i]] - x[right[i]]) ** 2 / 2, (i, 0, e - 1)), x, u, inputs=[f],
)  # fmt: skip


def test_an_orbit_that_is_iterated_with(tmp_path, monkeypatch):
    """Solved by GMRES: its preconditioner is made again of the path it was made of."""
    for name, value in (("discrete._LISTED", 2), ("iterated.LEAST", 2), ("iterated.FILL", 0)):
        monkeypatch.setattr(f"symdfi.ep.{name}", value)
    rng = np.random.default_rng(0)
    one = rng.integers(30, size=60)
    other = (one + 1 + rng.integers(29, size=60)) % 30
    params = {k: rng.uniform(4.5, 5.5, 30), K: rng.uniform(0.5, 2, 60), left: one, right: other}
    trainer = sd.EPTrainer(GRAPH, sd.Cost(x[n - 1] ** 2 / 2), sd.Periodic(2 * np.pi / 1.3), 40, [k, K])
    trainer.discrete._remembered.clear()
    free = trainer.free(params, {f: lambda time: 3 * np.cos(1.3 * time)})
    assert free.solved_by.startswith("GMRES")
    found = again(free, tmp_path)
    assert found.solved_by.startswith("GMRES") and found.cost == free.cost
    there, here = trainer.response(found), trainer.response(free)
    for name, values in here.items():
        scale = np.abs(values).max()
        np.testing.assert_allclose(there[name], values, rtol=0, atol=1e4 * np.finfo(float).eps / free.rcond * scale)


@pytest.mark.parametrize("beta", [1e-2, 1e-2 + 2e-2j])
@pytest.mark.parametrize("boundary", [sd.FixedEnds(0.1, 0.3, 1.0), sd.Periodic(5.0)])
def test_nudged_orbits(tmp_path, boundary, beta):
    """Of real and of complex β, each with the factors of its own path."""
    free = sd.EPTrainer(DRIVEN, COST, boundary, 40, [omega]).free(PARAMS, {f: wave}, {y: 0.2})
    one = nudged(free, beta)
    found = again(one, tmp_path)
    assert found.beta == beta and found.q.dtype == one.q.dtype and found != free
    close = closeness(free) * np.abs(one.q).max()
    np.testing.assert_allclose(nudged(again(free, tmp_path), beta).q, one.q, rtol=0, atol=close)
    with xr.open_dataset(again(one, tmp_path).save(tmp_path / "again.nc")) as data:
        assert {"q", "omega"} <= set(data.data_vars) | {name[:-3] for name in data.data_vars}
