"""Results on disk: whole or not there, and what stood there before is kept until the new ones are whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5netcdf
import numpy as np
import pytest
import xarray as xr

from symdfi import results
from symdfi.errors import DivergenceError
from symdfi.results import hermite, within

POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX")


def dataset(value: float, rows: int = 3) -> xr.Dataset:
    return xr.Dataset({"q": (("time", "node"), np.full((rows, 4), value))}, attrs={"model": "chain"})


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """An older result."""
    return results.save(dataset(1.0), tmp_path / "data.nc")


def is_old(path: Path) -> bool:
    return os.listdir(path.parent) == [path.name] and results.load(path).identical(dataset(1.0))


def test_what_is_saved_is_loaded(tmp_path):
    path = results.save(dataset(2.0), tmp_path / "a" / "b" / "data.nc")
    assert results.load(path).identical(dataset(2.0))
    assert os.listdir(path.parent) == ["data.nc"]


def test_a_newer_result_takes_the_place(old):
    results.save(dataset(2.0), old)
    assert results.load(old).identical(dataset(2.0))


def test_data_that_netcdf_does_not_know(old):
    with pytest.raises((TypeError, ValueError)):
        results.save(xr.Dataset({"q": ("time", [object(), {}])}), old)
    assert is_old(old)


def test_a_block_that_fails(old):
    with pytest.raises(ZeroDivisionError), results.replacing(old) as aside:
        aside.write_text("half")
        raise ZeroDivisionError
    assert is_old(old)


def test_a_file_that_is_not_written(old):
    with pytest.raises(FileNotFoundError, match="data.nc"), results.replacing(old):
        pass
    assert is_old(old)


def test_a_folder_in_the_place(tmp_path):
    (tmp_path / "data.nc").mkdir()
    with pytest.raises(IsADirectoryError, match="data.nc"):
        results.save(dataset(1.0), tmp_path / "data.nc")
    assert os.listdir(tmp_path) == ["data.nc"]


@POSIX
def test_an_open_reader_keeps_what_it_reads(old):
    with h5netcdf.File(old, "r") as reader:
        results.save(dataset(2.0), old)
        assert (reader["q"][...] == 1.0).all()
    assert results.load(old).identical(dataset(2.0))


@POSIX
def test_a_link_stays_a_link(old):
    link = old.with_name("latest.nc")
    link.symlink_to(old)
    results.save(dataset(2.0), link)
    assert link.is_symlink() and results.load(old).identical(dataset(2.0))


@POSIX
def test_permissions_stay(old):
    old.chmod(0o640)
    results.save(dataset(2.0), old)
    assert old.stat().st_mode & 0o777 == 0o640


FULL = """
import resource, sys
import numpy as np, xarray as xr
from symdfi import results
from symdfi.errors import DivergenceError
from symdfi.results import hermite, within
data = xr.Dataset({"q": (("time", "node"), np.random.default_rng(0).random((2000, 20)))})
for limit in (0, 100, 5_000, 100_000, 319_999):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        results.save(data, sys.argv[1])
    except OSError as error:
        assert error.filename == sys.argv[1] and error.strerror, error
    else:
        raise AssertionError(limit)
"""


@POSIX
def test_a_full_disk(old):
    """As full as a limit on the size of files makes it, at several places in the file."""
    done = subprocess.run([sys.executable, "-c", FULL, str(old)], capture_output=True, text=True, timeout=900)
    assert (done.returncode, done.stderr) == (0, "")
    assert is_old(old)


WRITER = """
import sys
import numpy as np, xarray as xr
from symdfi import results
from symdfi.errors import DivergenceError
from symdfi.results import hermite, within
print("ready", flush=True)
value = 1.0
while True:
    value += 1.0
    results.save(xr.Dataset({"q": (("time", "node"), np.full((3000, 40), value))}), sys.argv[1])
"""


@POSIX
def test_killed_while_writing(old):
    """Whole after every kill, the old one or a newer one."""
    for k in range(2):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(old)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        with writer, writer.stdout as ready:
            assert ready.readline() == "ready\n"
            time.sleep(0.1 + 0.37 * k)
            writer.send_signal(signal.SIGKILL)
        values = results.load(old)["q"].values
        assert (values == values[0, 0]).all()


def test_interpolation_beside_what_has_ended():
    """NaN of one column are no matter of the others, nor of the times before."""
    t = np.array([0.0, 1.0, 2.0])
    values, rates = np.stack([t**3, [0.0, 1.0, np.nan]], axis=1), np.stack([3 * t**2, np.ones(3)], axis=1)
    np.testing.assert_allclose(hermite(t, values, rates, [0.5, 1.5]), [[0.125, 0.5], [3.375, np.nan]], rtol=1e-15)


def test_interpolation_that_overflows():
    with pytest.raises(DivergenceError, match="the cubic is not finite at t = 0.5"):
        hermite(np.array([0.0, 1.0]), np.array([[1.7e308], [-1.7e308]]), np.zeros((2, 1)), 0.5)


def test_times_outside_of_a_short_interval():
    with pytest.raises(ValueError, match="outside the computed times"):
        within(1e-13, 0.0, 1e-300)
    assert within(0.3 + 1e-16, 0.1, 0.3) == 0.3
