"""Files that hold no result, or another one than was written: refused, and nothing of them is done."""

from __future__ import annotations

import json
import os

import h5netcdf
import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi import results
from symdfi.archive import files
from symdfi.errors import CheckpointError

q, v = sd.coordinates("q")
k = sp.Symbol("k")
PENDULUM = sd.Lagrangian(v**2 / 2 + k * sp.cos(q), q, v, parameters=[k])


@pytest.fixture
def path(tmp_path):
    return sd.integrate(PENDULUM, 0.3, 0.0, (0, 1), 0.1, params={k: 1.0}).save(tmp_path / "run.nc")


def changed(path, change, signed=True):
    """The file with a change, and with a digest that fits it where it is ``signed``."""
    with h5netcdf.File(path, "a") as file:
        group = file.groups["symdfi"]
        change(file, group)
        if signed:
            group.attrs["digest"] = files._digest(file)


def rewritten(path, change):
    """The file with another record, signed."""

    def write(file, group):
        document = json.loads(group.attrs["record"])
        change(document)
        group.attrs["record"] = json.dumps(document)

    changed(path, write)


def test_what_was_written_is_loaded(path):
    found = sd.load(path)
    assert isinstance(found, sd.Trajectory) and found.params == {k: 1.0} and found.system.L == PENDULUM.L
    again = sd.load(found.save(path.with_name("again.nc")))
    assert again == found and again.dataset.equals(found.dataset)


@pytest.mark.parametrize("what", ["q", "energy", "k", "time"])
def test_numbers_that_were_changed(path, what):
    def change(file, group):
        file.variables[what][...] = np.asarray(file.variables[what][...]) + 1

    changed(path, change, signed=False)
    with pytest.raises(CheckpointError, match="damaged or was changed"):
        sd.load(path)


def test_attributes_that_were_changed(path):
    changed(path, lambda file, group: file.attrs.update({"method": "rk4"}), signed=False)
    with pytest.raises(CheckpointError, match="damaged or was changed"):
        sd.load(path)


@pytest.mark.parametrize("name", ["system", "os.system", "builtins.eval", "subprocess.run", "sympify", "Popen"])
def test_names_of_what_would_be_executed(path, name):
    mark = path.with_name("executed")
    rewritten(path, lambda document: document["objects"].__setitem__(0, [name, [f"touch {mark}"], {}]))
    with pytest.raises(CheckpointError, match="is no class that files may hold"):
        sd.load(path)
    assert not mark.exists()


def test_texts_are_never_evaluated(path):
    mark = path.with_name("executed")
    code = f"__import__('pathlib').Path({str(mark)!r}).touch()"

    def change(document):
        for row in document["objects"]:
            if row[0] == "Lagrangian":
                row[1][0] = code

    rewritten(path, change)
    with pytest.raises(CheckpointError, match="text is not evaluated"):
        sd.load(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.clear(),
        lambda document: document.update(value={"object": 10**6}),
        lambda document: document.update(value=3),
        lambda document: document["objects"].reverse(),
        lambda document: document["objects"][0].append(1),
        lambda document: document["expressions"].insert(0, ["exec", [], "1"]),
        lambda document: document["expressions"].pop(),
    ],
)
def test_records_that_are_none(path, change):
    rewritten(path, change)
    with pytest.raises(CheckpointError):
        sd.load(path)


def test_what_is_no_result(path, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*nowhere\.nc"):
        sd.load(tmp_path / "nowhere.nc")
    plain = results.save(results.load(path), tmp_path / "plain.nc")
    with pytest.raises(CheckpointError, match=r"read its data by xarray\.open_dataset"):
        sd.load(plain)
    text = tmp_path / "text.nc"
    text.write_text("no data")
    with pytest.raises(CheckpointError, match="is no result, or is damaged"):
        sd.load(text)
    content = path.read_bytes()
    text.write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError):
        sd.load(text)
    changed(path, lambda file, group: group.attrs.update({"format": 99}))
    with pytest.raises(CheckpointError, match="is of format 99, this version reads 1"):
        sd.load(path)


def test_a_file_is_replaced_as_a_whole(path, monkeypatch):
    before, kept = path.read_bytes(), os.listdir(path.parent)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda *names: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="run.nc"):
            sd.load(path).save(path)
    assert path.read_bytes() == before and os.listdir(path.parent) == kept


def test_attributes_that_mean_something_to_readers(tmp_path):
    import xarray as xr

    data = xr.Dataset({"x": ("time", np.arange(3.0)), "y": ("time", np.arange(3.0))}, attrs={"coordinates": "x, y"})
    with xr.open_dataset(results.save(data, tmp_path / "own.nc")) as found:
        assert set(found.data_vars) == {"x", "y"} and found.attrs["coordinates_"] == "x, y"
