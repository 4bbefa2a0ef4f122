"""Runs kept in a file: gone on with to the last bit, and files that are none are named."""

import dataclasses

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi import results
from symdfi.dfi.checkpoint import Checkpoint
from symdfi.dfi.schemes import Motion
from symdfi.dfi.solution import _SCALARS

X = sp.Symbol("x")
u = sp.Function("u")(sd.t, X)
PDE = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(X, 2) / 50 - u * u.diff(X) + sp.sin(sd.t) / 10))
THETA = {"a": [1.0, -0.5, 0.3], "w": [1.0, 1.5, 0.7], "b": [-1.0, 0.5, 1.5]}
RUN = ((0.3, 1.0), 0.035)
SAVED = ("t", "theta", "velocity", "step_t", "step_dt", "step_residual", "step_defect", *_SCALARS)


def problem(quadrature=None, box=None):
    return sd.Problem(PDE, sd.gaussians([X], 3), box or sd.Box([(-5, 5)]), quadrature or sd.Grid(120))


def same(found, known):
    """To the last bit."""
    for name in SAVED:
        np.testing.assert_array_equal(getattr(found, name), getattr(known, name), err_msg=name)
    for field in dataclasses.fields(known.last):
        own, its = getattr(found.last, field.name), getattr(known.last, field.name)
        pairs = [(own, its)]
        if isinstance(its, dict):
            assert own.keys() == its.keys()
            pairs = [(own[key], its[key]) for key in its]
        elif isinstance(its, tuple):
            pairs = list(zip(own, its, strict=True))
        for one, other in pairs:
            np.testing.assert_array_equal(one, other, err_msg=field.name)
    assert (found.stepper, found.dt, found.initial_error) == (known.stepper, known.dt, known.initial_error)
    assert (found.spectrum is None) == (known.spectrum is None)
    if known.spectrum is not None:
        np.testing.assert_array_equal(found.spectrum, known.spectrum)


def written(monkeypatch, path, every, *args, **more):
    """The files that a run has written on its way, and its solution."""
    files, write = [], Checkpoint.write

    def noted(self, run):
        write(self, run)
        files.append((run.step, path.read_bytes()))

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "write", noted)
        solution = sd.evolve(*args, checkpoint=path, checkpoint_every=every, **more)
    return files, solution


def interrupted(path, after, *args, **more):
    """A run that Ctrl-C ends in its step after so many."""

    def stop(step, time, solution):
        if step == after:
            raise KeyboardInterrupt

    with pytest.raises(sd.Interrupted):
        sd.evolve(*args, checkpoint=path, on_step=stop, **more)


@pytest.mark.parametrize(
    "stepper",
    [
        None,
        sd.DFI(epsilon=1e-5, scheme="euler", solver=sd.Cholesky()),
        sd.DFI(gamma=1e-7, scheme="bdf2"),
        sd.DFO(tau=0.1, scheme="rk4"),
        sd.RSNG(5, sd.DFI(gamma=1e-6, scheme="euler")),
    ],
    ids=["default", "compiled loop", "bdf2", "dfo", "rsng"],
)
@pytest.mark.parametrize(
    "more",
    [{}, {"save_every": 3, "measure_every": 4, "spectrum": True, "initial": sp.exp(-(X**2))}],
    ids=["all", "few"],
)
def test_a_resumed_run_is_the_run(tmp_path, monkeypatch, stepper, more):
    path, p = tmp_path / "run.nc", problem()
    whole = sd.evolve(p, THETA, *RUN, stepper, **more)
    files, kept = written(monkeypatch, path, 7, p, THETA, *RUN, stepper, **more)
    same(kept, whole)
    assert [step for step, _ in files] == [0, 7, 14, 20]
    # As of a process that ended at any of them. It is kept on: of a run that has ended the file gives the whole.
    for step, content in files:
        path.write_bytes(content)
        same(sd.resume(path, problem() if step == 7 else p, stepper), whole)
    same(sd.resume(path, p, stepper), whole)


@pytest.mark.parametrize("every", [4, 1000])
def test_wherever_it_stopped(tmp_path, every):
    path, p = tmp_path / "run.nc", problem()
    whole = sd.evolve(p, THETA, *RUN)
    for after in (1, 19):
        interrupted(path, after, p, THETA, *RUN, checkpoint_every=every)
        same(sd.resume(path, p), whole)


@pytest.mark.parametrize(
    "quadrature",
    [sd.QuasiMonteCarlo(256, redraw=True), sd.GaussianSamples(400, covariance=1.0), sd.MixtureSamples(400)],
    ids=lambda one: type(one).__name__,
)
def test_samples_that_change(tmp_path, quadrature):
    box = sd.Box([(-5, 5)]) if isinstance(quadrature, sd.QuasiMonteCarlo) else sd.Box([(-np.inf, np.inf)])
    path, p = tmp_path / "run.nc", problem(quadrature, box)
    theta = {**THETA, "a": [1.0, 0.5, 0.3]}
    whole = sd.evolve(p, theta, *RUN)
    interrupted(path, 8, p, theta, *RUN, checkpoint_every=3)
    same(sd.resume(path, p), whole)


def test_what_trust_keeps_is_kept(tmp_path):
    """A γ that was raised, which the next steps begin with."""
    path, p, stepper = tmp_path / "run.nc", problem(), sd.DFI(gamma=1e-8)
    start = Motion(p.theta(THETA), np.zeros(9), own={"gamma": 1e-3, "excess": 0.5})
    more = {"initial": sp.exp(-(X**2))}
    whole = sd.evolve(p, start, *RUN, stepper, **more)
    assert whole.last.own["gamma"] > 1e-5
    interrupted(path, 6, p, start, *RUN, stepper, **more)
    same(sd.resume(path, p, stepper), whole)


def test_divergence_leaves_the_last_good_step(tmp_path):
    a = sp.Symbol("a")
    grow = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), 5 * u**2))
    p, path = sd.Problem(grow, sd.Ansatz(a + 0 * X, [X], [a]), sd.Box([(0, 1)]), sd.Grid(8)), tmp_path / "run.nc"
    for stepper in (sd.DFI(epsilon=1e-6), sd.DFI(epsilon=1e-6, scheme="euler", solver=sd.Cholesky())):
        with pytest.raises(sd.DivergenceError) as raised:
            sd.evolve(p, [1.0], (0, 3), 0.02, stepper, checkpoint=path, save_every=4)
        with pytest.raises(sd.DivergenceError) as again:
            sd.resume(path, p, stepper)
        assert (str(again.value), again.value.step) == (str(raised.value), raised.value.step)
        same(again.value.partial, raised.value.partial)


def test_a_run_that_was_told_to_stop_may_go_on(tmp_path):
    path, p = tmp_path / "run.nc", problem()
    whole = sd.evolve(p, THETA, *RUN)
    half = sd.evolve(p, THETA, *RUN, checkpoint=path, on_step=lambda step, time, so_far: step == 9)
    assert len(half.step_t) == 9
    seen = []
    same(sd.resume(path, p, on_step=lambda step, time, so_far: seen.append(step)), whole)
    assert seen == list(range(10, 21))


@dataclasses.dataclass(frozen=True)
class Keeping(sd.dfi.Stepper):
    """Euler's steps that keep something."""

    what: object

    def velocity(self, solves, motion, time, h):
        return sd.DFI(gamma=1e-6).velocity(solves, motion, time, h)

    def step(self, solves, motion, time, h):
        taken = sd.DFI(gamma=1e-6, trust=False, scheme="euler").step(solves, motion, time, h)
        return dataclasses.replace(taken, motion=dataclasses.replace(taken.motion, own={"what": self.what}))


def test_what_a_stepper_of_ones_own_keeps(tmp_path):
    path, p = tmp_path / "run.nc", problem()
    kept = {"n": 3, "x": 0.1, "inf": np.inf, "yes": True, "none": None, "name": "κ/0", "of": [1, (2.5, np.arange(3))]}
    stepper = Keeping(kept)
    whole = sd.evolve(p, THETA, *RUN, stepper)
    interrupted(path, 5, p, THETA, *RUN, stepper)
    found = sd.resume(path, p, stepper)
    own = found.last.own["what"]
    same(dataclasses.replace(found, last=dataclasses.replace(found.last, own={})), dataclasses.replace(
        whole, last=dataclasses.replace(whole.last, own={})))  # fmt: skip
    assert own == kept or own["of"][1][1].tolist() == [0, 1, 2]
    with pytest.raises(TypeError, match="run_motion_own_what is set, which no checkpoint can hold"):
        sd.evolve(p, THETA, *RUN, Keeping({1, 2}), checkpoint=path)


def test_files_that_are_no_checkpoints(tmp_path):
    path, p = tmp_path / "run.nc", problem()
    with pytest.raises(FileNotFoundError):
        sd.resume(path, p)
    solution = sd.evolve(p, THETA, *RUN, checkpoint=path)
    good = path.read_bytes()
    for damaged in (b"", b"no file of any kind", good[: len(good) // 2], good[:-100]):
        path.write_bytes(damaged)
        with pytest.raises(sd.CheckpointError, match="is no checkpoint, or is damaged"):
            sd.resume(path, p)
    # One number changed, where nothing of the format would show it.
    theta = solution.last.theta.tobytes()
    where = good.index(theta)
    path.write_bytes(good[:where] + (solution.last.theta + 1e-9).tobytes() + good[where + len(theta) :])
    with pytest.raises(sd.CheckpointError, match=r"damaged"):
        sd.resume(path, p)
    solution.save(path)
    with pytest.raises(sd.CheckpointError, match="is no checkpoint"):
        sd.resume(path, p)
    path.write_bytes(good)
    dataset = results.load(path)
    results.save(dataset.assign_attrs(symdfi_checkpoint=99), path)
    with pytest.raises(sd.CheckpointError, match="format 99, this version reads 1"):
        sd.resume(path, p)


def test_checkpoints_of_something_else(tmp_path):
    path, p = tmp_path / "run.nc", problem()
    sd.evolve(p, THETA, *RUN, checkpoint=path)
    walled = sd.Problem(PDE, p.ansatz, p.domain, p.quadrature, boundary=[sd.BoundaryCondition(sp.Eq(u, 0))])
    for other in (problem(sd.Grid(121)), problem(box=sd.Box([(-5, 6)])), walled):
        with pytest.raises(sd.CheckpointError, match="is of another problem"):
            sd.resume(path, other)
    with pytest.raises(sd.CheckpointError, match=r"is of another stepper: DFI\(.*, not DFI\("):
        sd.resume(path, p, sd.DFI(gamma=1e-5))
    with pytest.raises(ValueError, match="checkpoint_every = 0"):
        sd.evolve(p, THETA, *RUN, checkpoint=path, checkpoint_every=0)


def test_a_path_that_cannot_be_written_is_told_at_once(tmp_path):
    (tmp_path / "run.nc").mkdir()
    steps = []
    with pytest.raises(OSError, match=r"run\.nc"):
        sd.evolve(problem(), THETA, *RUN, checkpoint=tmp_path / "run.nc", on_step=lambda *_: steps.append(1))
    assert not steps


def test_what_stood_there_is_kept_where_writing_fails(tmp_path, monkeypatch):
    path, p = tmp_path / "run.nc", problem()
    whole = sd.evolve(p, THETA, *RUN)
    interrupted(path, 7, p, THETA, *RUN, checkpoint_every=5)
    good = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(results.os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(OSError, match="No space left"):
            sd.resume(path, p)
    assert path.read_bytes() == good and len(list(tmp_path.iterdir())) == 1
    same(sd.resume(path, p), whole)
