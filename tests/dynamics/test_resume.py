"""Motions in files: equal when they are read again, and gone on with as if they had not stopped."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from sympy.physics.mechanics import dynamicsymbols

import symdfi as sd
from symdfi.errors import CheckpointError
from symdfi.plotting import plot_trajectory

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x, v = sd.coordinates("x", n)
y, w = sd.coordinates("y", n)
k, a = sp.IndexedBase("k", shape=(n,)), sp.Symbol("a", positive=True)
f = sp.Symbol("f")
PAIRS = sd.Lagrangian(
    sp.Sum(v[i] ** 2 / 2 + w[i] ** 2 / 2 - k[i] * (x[i] - y[i]) ** 2 / 2 - a * x[i] ** 4, (i, 0, n - 1)),
    [x, y], [v, w], parameters=[k, a],
)  # fmt: skip
Q, V = np.linspace(0.1, 0.7, 6), np.linspace(-0.5, 0.5, 6)
PARAMS = {k: np.array([1.0, 2.0, 3.0]), a: 0.3}
theta = dynamicsymbols("theta")
PENDULUM = sd.Lagrangian(theta.diff(sd.t) ** 2 / 2 + sp.cos(theta) + f * theta, theta, inputs=[f])


def pairs(until, **options):
    options = {"dt": 0.05, "params": PARAMS, "save_every": 3, **options}
    return sd.integrate(PAIRS, Q, V, (0, until), **options)


def again(result, tmp_path):
    found = sd.load(result.save(tmp_path / "run.nc"))
    assert found == result and hash(found) == hash(result) and found is not result
    return found


@pytest.mark.parametrize("method", ["verlet", "midpoint", "rk4", sd.ImplicitMidpoint(order=4)])
def test_equal_steps_go_on_to_the_last_bit(method, tmp_path):
    # 20 steps and every third is saved: the last save is none that the longer run has.
    whole, half = pairs(2.0, method=method), pairs(1.0, method=method)
    assert half != whole
    found = again(half, tmp_path)
    assert found.resume(2.0) == whole and half.resume(1.5).resume(2.0) == whole
    assert again(found.resume(2.0), tmp_path).resume(2.5).t[-1] == 2.5


def test_members_of_an_ensemble_go_on(tmp_path):
    start = np.random.default_rng(1).normal(size=(2, 3, 6))
    given = {"params": {k: np.array([[[1.0, 2.0, 3.0]], [[3.0, 2.0, 1.0]]]), a: 0.3}, "dt": 0.05}
    whole, half = (sd.integrate(PAIRS, start, 0 * start, (0, until), **given) for until in (1.0, 0.5))
    found = again(half, tmp_path)
    assert found.resume(1.0) == whole
    assert found.dataset["k"].dims == ("member_0", "member_1", "n") and found.dataset["a"].dims == ()
    assert found.member(1, 2) == half.member(1, 2)


def test_constraints_and_motions_of_first_order_go_on(tmp_path):
    (p, pdot), (q, qdot) = sd.coordinates("p"), sd.coordinates("q")
    circle = sd.Lagrangian(pdot**2 / 2 + qdot**2 / 2 - q, [p, q], [pdot, qdot], constraints=[p**2 + q**2 - 1])
    canonical = sd.Lagrangian(p * qdot - p**2 / 2 - q**4, [p, q], [pdot, qdot])
    held, moving = (circle, ([1.0, 0.0], [0.0, 0.3]), "verlet"), (canonical, ([0.2, 0.5], None), "midpoint")
    for system, state, method in (held, moving):
        whole, half = (sd.integrate(system, *state, (0, end), 0.125, method=method) for end in (2.0, 1.0))
        assert again(half, tmp_path).resume(2.0) == whole


GOING_ON = ["dop853", "scipy:RK23", "scipy:RK45", "scipy:DOP853", "scipy:Radau", "scipy:BDF", "scipy:LSODA"]


@pytest.mark.parametrize("method", GOING_ON)
@pytest.mark.parametrize("saved", [{"dt": None}, {}, {"dt": None, "t_eval": [0.3, 1]}])
def test_adaptive_steps_go_on_to_the_last_bit(method, saved, tmp_path):
    """What the end has shortened is taken back: steps, saves, events and dense output are those of the longer run."""
    tolerances = {"rtol": 1e-5, "atol": 1e-7} if method != "dop853" else {}
    events = [x[0] - 0.05, sd.Event(w[1], direction=1), sd.Event(v[0], terminal=50)]
    given = {"method": method, "dense": True, "events": events, "save_every": 1, **tolerances, **saved}
    longer = {"t_eval": [1.2, 2.0]} if "t_eval" in saved else {}
    half = pairs(1.0, **given)
    whole = pairs(2.0, **{**given, **({"t_eval": [0.3, 1.0, 1.2, 2.0]} if longer else {})})
    found = again(half, tmp_path)
    assert found.resume(2.0, **longer) == whole
    if not longer:
        assert again(half.resume(1.17), tmp_path).resume(2.0) == whole
    if saved == {"dt": None}:  # the end has a say in the first step already
        assert pairs(1e-9, **given).resume(2.0) == whole
    again(whole, tmp_path)


def test_adaptive_members_go_on_each_in_steps_of_its_own(tmp_path):
    start = np.random.default_rng(1).normal(size=(2, 3, 6))
    given = {"method": "dop853", "dt": 0.05, "params": {k: np.array([1.0, 2.0, 3.0]), a: 0.3}, "dense": True}
    given["events"] = [sd.Event(x[0] + 1.2, terminal=True), y[1]]
    whole, half = (sd.integrate(PAIRS, start, 0 * start, (0, until), **given) for until in (1.0, 0.5))
    assert np.isnan(whole.q).any() and not np.isnan(whole.q).all(axis=(2, 3)).any()
    found = again(half, tmp_path)
    assert found.resume(1.0) == whole == half.resume(0.75).resume(1.0)


def test_driven_and_held_adaptive_motions_go_on(tmp_path):
    def drive(time):
        return np.sin(3 * time)

    whole, half = (sd.integrate(PENDULUM, 0.1, 0.0, (0, end), method="dop853", inputs={f: drive}) for end in (2.0, 1.0))
    assert half.resume(2.0) == whole
    (p, pdot), (q, qdot) = sd.coordinates("p"), sd.coordinates("q")
    circle = sd.Lagrangian(pdot**2 / 2 + qdot**2 / 2 - q, [p, q], [pdot, qdot], constraints=[p**2 + q**2 - 1])
    for method in ("dop853", "scipy:RK45"):
        whole, half = (
            sd.integrate(circle, [1.0, 0.0], [0.0, 0.3], (0, end), 0.125, method=method) for end in (-2.0, -1.0)
        )
        assert again(half, tmp_path).resume(-2.0) == whole


def test_ctrl_c_and_on(tmp_path, monkeypatch):
    """The rest of a motion that was interrupted, wherever that was, is that of one that was not."""
    import symdfi.dynamics.methods
    from symdfi.compile.kernels import threads

    run = threads.run
    monkeypatch.setattr("symdfi.dynamics.fixed._WORK", 600)
    monkeypatch.setattr("symdfi.dynamics.adaptive._ATTEMPTS", 1)
    for method, given in (("verlet", {}), ("midpoint", {"save_every": 7}), ("dop853", {"dt": None})):
        given = {"save_every": 1, "method": method, **given}
        whole = pairs(2.0, **given)
        for calls in (0, 1, 3):
            left = [calls]

            def interrupted(*args, left=left, **kwargs):
                left[0] -= 1
                if left[0] < 0:
                    raise KeyboardInterrupt
                return run(*args, **kwargs)

            monkeypatch.setattr(symdfi.dynamics.methods.threads, "run", interrupted)
            with pytest.raises(sd.errors.Interrupted) as error:
                pairs(2.0, **given)
            monkeypatch.setattr(symdfi.dynamics.methods.threads, "run", run)
            partial = again(error.value.partial, tmp_path)
            assert partial.t[-1] < 2.0 and partial.resume() == whole
    with pytest.raises(ValueError, match="has come to its end, t = 2"):
        whole.resume()


PIECES = [("verlet", {"save_every": 7}), ("midpoint", {}), ("dop853", {}), ("dop853", {"dt": None, "save_every": 1}),
          ("scipy:RK45", {}), ("scipy:LSODA", {"dt": None, "save_every": 1, "t_eval": [0.3, 1.9]})]  # fmt: skip


@pytest.mark.parametrize(("method", "given"), PIECES)
def test_kept_while_it_is_under_way(method, given, tmp_path, monkeypatch):
    """Piece by piece, killed at any of them and gone on with: all the same as at one go."""
    path, saved = tmp_path / "run.nc", []
    save = sd.Trajectory.save

    def keep(motion, where):
        saved.append(save(motion, tmp_path / f"{len(saved)}.nc"))
        return save(motion, where)

    monkeypatch.setattr(sd.Trajectory, "save", keep)
    monkeypatch.setattr("symdfi.dynamics.pieces._WRITING", np.inf)
    monkeypatch.setattr("symdfi.dynamics.pieces._LEAST", 0.1)
    whole = pairs(2.0, method=method, **given)
    assert pairs(2.0, method=method, **given, checkpoint=path, checkpoint_every=0.0) == whole
    assert path.exists() and len(saved) > 2
    monkeypatch.undo()
    for killed in saved[:: max(1, len(saved) // 3)]:
        assert sd.load(killed).resume() == whole
    assert sd.load(saved[0]).resume(checkpoint=path, checkpoint_every=0.0) == whole


def test_members_and_events_piece_by_piece(tmp_path, monkeypatch):
    monkeypatch.setattr("symdfi.dynamics.pieces._LEAST", 0.2)
    start = np.random.default_rng(1).normal(size=(4, 6))
    given = {"method": "dop853", "dt": 0.05, "params": PARAMS, "t_span": (0, 1), "v0": 0 * start}
    for level in (-1.2, -0.5, 3.0):
        given["events"] = [sd.Event(x[0] - level, terminal=True)]
        for q0, v0 in ((start, 0 * start), (start[1], 0 * start[1])):
            state = {"q0": q0, "v0": v0}
            whole = sd.integrate(PAIRS, **{**given, **state})
            kept = sd.integrate(PAIRS, **{**given, **state}, checkpoint=tmp_path / "run.nc", checkpoint_every=0.0)
            assert kept == whole


def test_what_does_not_go_on_says_why(tmp_path):
    stopped = pairs(1.0, method="dop853", dt=None, save_every=1, events=sd.Event(x[0] - 0.05, terminal=True))
    with pytest.raises(ValueError, match=r"an event has ended it at t = 0\.\d+; integrate anew from the last state"):
        again(stopped, tmp_path).resume(2.0)
    falling = sd.Lagrangian(theta.diff(sd.t) ** 2 / 2 + theta**4, theta)
    for given in ({"dt": 0.05, "method": "rk4"}, {"method": "dop853"}, {"method": "scipy:RK45"}):
        with pytest.raises(sd.DivergenceError) as error:
            sd.integrate(falling, 1.0, 1.0, (0, 40), **given)
        partial = again(error.value.partial, tmp_path)
        assert partial.dataset.attrs["ended"] == str(error.value)
        with pytest.raises(ValueError, match="this motion does not go on: .*; integrate anew from the last state"):
            partial.resume()


@pytest.mark.parametrize("method", GOING_ON)
def test_dense_output_and_events_are_kept(method, tmp_path):
    kept = {"method": method, "dense": True, "dt": None, "save_every": 1}
    kept |= {"rtol": 1e-8, "atol": 1e-8} if method == "scipy:RK23" else {}  # a fifth of the steps
    half = pairs(1.0, **kept, events=[x[0] - 0.05, sd.Event(w[1], direction=1)])
    found = again(half, tmp_path)
    times = np.linspace(0, 1, 7)
    np.testing.assert_array_equal(found(times), half(times))
    longer = found.resume(2.0)
    assert longer == half.resume(2.0) and longer.t[-1] == 2.0 and np.all(np.diff(longer.t) > 0)
    assert len(longer.events[0]) >= len(half.events[0])
    np.testing.assert_allclose(longer(times[:-1])[0], half(times[:-1])[0], atol=1e-8)
    assert np.isfinite(longer(np.linspace(1, 2, 5))).all()
    np.testing.assert_allclose(
        longer(1.5)[0], pairs(2.0, method="dop853", dense=True, dt=None, save_every=1)(1.5)[0], atol=1e-6
    )
    again(longer, tmp_path)


def test_where_adaptive_methods_save_when_they_go_on():
    every = pairs(1.0, method="dop853").resume(2.0)
    np.testing.assert_allclose(np.diff(every.t)[-4:], [0.15, 0.15, 0.15, 0.05], atol=1e-12)
    listed = pairs(1.0, method="dop853", dt=None, save_every=1, t_eval=[0.5, 1.0])
    assert listed.resume(2.0, t_eval=[1.5, 2.0]).t.tolist() == [0.5, 1.0, 1.5, 2.0]
    with pytest.raises(ValueError, match="say at what times"):
        listed.resume(2.0)
    with pytest.raises(ValueError, match="after 1 and up to 2"):
        listed.resume(2.0, t_eval=[0.7])


def test_ends_that_no_steps_lead_to():
    half = pairs(1.0)
    with pytest.raises(ValueError, match=r"do not end at t_end = 1\.33: take 1\.3 or 1\.35"):
        half.resume(1.33)
    for method in ("verlet", "dop853"):
        with pytest.raises(ValueError, match="not beyond"):
            pairs(1.0, method=method).resume(0.5)
    with pytest.raises(ValueError, match="t_eval is for adaptive methods"):
        half.resume(2.0, t_eval=[1.5])
    stopped = pairs(1.0, method="dop853", dt=None, save_every=1, events=sd.Event(x[0] - 0.05, terminal=True))
    assert stopped.t[-1] < 1.0
    with pytest.raises(ValueError, match="an event has ended it"):
        stopped.resume(2.0)


def test_inputs_that_no_file_can_hold(tmp_path):
    def drive(time):
        return np.sin(3 * time)

    whole, half = (sd.integrate(PENDULUM, 0.1, 0.0, (0, end), 0.125, inputs={f: drive}) for end in (2.0, 1.0))
    found = sd.load(half.save(tmp_path / "run.nc"))
    np.testing.assert_array_equal(found[theta], half[theta])
    assert "drive" in found.dataset.attrs["inputs"] and found.energy_drift == half.energy_drift
    with pytest.raises(CheckpointError, match="the inputs hold drive, .* give inputs="):
        found.resume(2.0)
    assert found.resume(2.0, inputs={f: drive}) == whole
    constant = sd.integrate(PENDULUM, 0.1, 0.0, (0, 1), 0.125, inputs={"f": 0.5})
    assert again(constant, tmp_path).resume(2.0) == sd.integrate(PENDULUM, 0.1, 0.0, (0, 2), 0.125, inputs={"f": 0.5})


class Slow(sd.Verlet):
    """A method of a user's own."""


def test_methods_that_no_file_can_hold(tmp_path):
    whole, half = (pairs(end, method=Slow()) for end in (2.0, 1.0))
    found = sd.load(half.save(tmp_path / "run.nc"))
    with pytest.raises(CheckpointError, match=r"the method was the Slow Slow\(\), .* give method="):
        found.resume(2.0)
    with pytest.raises(CheckpointError, match="not the RK4"):
        found.resume(2.0, method=sd.RK4())
    np.testing.assert_array_equal(found.resume(2.0, method=Slow()).q, whole.q)


def test_plain_xarray_keeps_every_variable(tmp_path):
    half = pairs(1.0).described({x: "m", "k": "N/m", sd.t: "seconds"}, {y: "place of the other"})
    path = half.save(tmp_path / "run.nc")
    with xr.open_dataset(path) as data:
        assert set(data.data_vars) == {"x", "y", "xdot", "ydot", "energy", "k", "a"} and set(data.coords) == {"time"}
        assert data["x"].dims == data["y"].dims == data["xdot"].dims == ("time", "n") and data["k"].dims == ("n",)
        assert (data["x"].units, data["time"].units, data["y"].long_name) == ("m", "s", "place of the other")
        assert data["time"].dtype == float
        for name in (
            "method_settings",
            "dt",
            "lagrangian",
            "date_created",
            *(f"{p}_version" for p in ("symdfi", "numba", "python")),
        ):
            assert data.attrs[name], name
        assert "coordinates" not in data.attrs and data.attrs["method_settings"] == "Verlet()"
        np.testing.assert_array_equal(data["y"], half[y])
        assert len(plot_trajectory(data).axes) == 3
    found = sd.load(path)
    assert found == half and found.dataset["x"].units == "m" and found.resume(2.0).dataset["x"].units == "m"
    with pytest.raises(ValueError, match="z is no variable of this result: .*energy"):
        half.described({"z": "m"})
    with pytest.raises(TypeError, match="the units of x is 3"):
        half.described({x: 3})


def test_coordinates_of_names_that_a_dataset_needs(tmp_path):
    names = ("energy", "time", "member", "n", "coordinates")
    several = [sd.coordinates(name) for name in names]
    (z, zdot), size = sd.coordinates("z", n), sp.Symbol("index_5")
    kinetic = sum((s**2 / 2 for _, s in several), sp.Sum(zdot[i] ** 2 / 2, (i, 0, n - 1)))
    several = [pair for pair in several if pair[0].name != "n"]
    kinetic = sum((s**2 / 2 for _, s in several), sp.Sum(zdot[i] ** 2 / 2 - size * z[i] ** 2, (i, 0, n - 1)))
    system = sd.Lagrangian(kinetic, [q for q, _ in several] + [z], [s for _, s in several] + [zdot], parameters=[size])
    start = np.arange(1.0, 7 + 1e-9)
    for lead in ((), (2,)):
        state = np.broadcast_to(start, (*lead, 7))
        motion = sd.integrate(system, state, state, (0, 1), 0.25, params={size: 1.0})
        with xr.open_dataset(motion.save(tmp_path / "run.nc")) as data:
            stored = {own.attrs.get("symbol"): own for own in data.data_vars.values()}
            for q, s in several:
                np.testing.assert_array_equal(stored[str(q)], motion[q])
                np.testing.assert_array_equal(stored[str(s)], motion[s])
            np.testing.assert_array_equal(data["energy"], motion.energy)
            np.testing.assert_array_equal(data["time"], motion.t)
        assert sd.load(tmp_path / "run.nc") == motion


def test_equality_is_of_every_bit(tmp_path):
    one = pairs(1.0)
    assert one == pairs(1.0) and one != "text"
    assert one != pairs(1.0, params={**PARAMS, a: np.nextafter(0.3, 1)})
    assert len({one, pairs(1.0)}) == 1
    lost = sd.integrate(PAIRS, np.stack([Q, Q]), np.stack([V, -V]), (0, 1), method="dop853", t_eval=[0.5, 1.0],
                        params=PARAMS, events=sd.Event(x[0] - 0.05, terminal=True))  # fmt: skip
    assert np.isnan(lost.q).any() and again(lost, tmp_path) == lost
