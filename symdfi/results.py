"""What results share: datasets on disk, and values between the saved times."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from symdfi.errors import DivergenceError
from symdfi.numbers import reals


def save(dataset: Any, path: str | Path) -> Path:
    """Write an ``xarray.Dataset`` as netCDF 4; directories are made as needed.

    What stood there before is replaced once all is written and on the disk, and kept where that fails. Raises
    ``OSError`` with the path and the cause.
    """
    # Made in memory: HDF5 ends the process with a fault some time after a write to the disk has failed.
    image = _netcdf(dataset)
    with replacing(path) as aside:
        aside.write_bytes(image.getbuffer())
    return Path(path)


def distinct(names: Iterable[str], taken: Iterable[str]) -> list[str]:
    """The names under which a dataset holds variables: their own, with an underscore where that is taken."""
    used, found = set(taken), []
    for name in names:
        while name in used:
            name += "_"
        used.add(name)
        found.append(name)
    return found


def _storable(dataset: Any) -> Any:
    """The dataset under names, and with texts, that a file can hold: without slashes, not empty, without zeros."""
    names = [*dataset.variables, *(d for d in dataset.dims if d not in dataset.variables)]
    kept = [name for name in names if name not in ("", ".", "..") and not set("/\0") & set(name)]
    others = [name for name in names if name not in kept]
    shown = [re.sub("[/\0]", "\N{DIVISION SLASH}", name).replace(".", "\N{ONE DOT LEADER}") or "_" for name in others]
    renamed = dataset.rename(dict(zip(others, distinct(shown, kept), strict=True)))
    for part in (renamed, *renamed.variables.values()):
        attributes = {key: _attribute(value) for key, value in part.attrs.items()}
        part.attrs = {re.sub("[/\0]", "\N{DIVISION SLASH}", key): value for key, value in attributes.items()}
    return renamed


def _attribute(value: Any) -> Any:
    """An attribute that a file can hold: text without zeros, and 1 for what is true."""
    if isinstance(value, str):
        return value.replace("\0", "\\0")
    return np.asarray(value, dtype=np.int8) if np.asarray(value).dtype == bool else value


def _netcdf(dataset: Any) -> io.BytesIO:
    import h5netcdf
    from xarray.backends import H5NetCDFStore

    dataset = _storable(dataset)
    image = io.BytesIO()
    with h5netcdf.File(image, "w") as file:
        dataset.dump_to_store(H5NetCDFStore(file))
    return image


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A name beside ``path``, with the same suffix, for a file that takes its place when the block ends.

    Where the block fails the file is removed, and what stands at ``path`` stays. Raises ``OSError`` with the path.
    """
    final = Path(os.path.realpath(path))
    final.parent.mkdir(parents=True, exist_ok=True)
    if final.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    aside = final.with_name(f".symdfi-{secrets.token_hex(8)}{final.suffix}")
    try:
        yield aside
        if final.exists():
            shutil.copymode(final, aside)
        with open(aside, "r+b") as file:
            os.fsync(file.fileno())
        os.replace(aside, final)
    except BaseException as error:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            aside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None and error.filename in (None, str(aside)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    if os.name == "posix":
        directory = os.open(final.parent, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):  # some file systems have no such thing, and the data are safe
                os.fsync(directory)
        finally:
            os.close(directory)


def load(path: str | Path) -> Any:
    """Read a dataset into memory."""
    import xarray as xr

    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        return dataset.load()


def hermite(
    times: np.ndarray, values: np.ndarray, rates: np.ndarray, t: ArrayLike, *, derivative: int = 0
) -> np.ndarray:
    """Values ``(s, n)`` and rates of change ``(s, n)`` at the ``times`` (s,), interpolated to ``t``: ``(*t.shape, n)``.

    Between two times the cubic with these values and slopes at its ends (Hermite), or a derivative of it.
    Raises ``ValueError`` for a time outside ``times``, ``DivergenceError`` where finite values and rates have a cubic
    between them that is not.
    """
    from scipy.interpolate import PPoly  # slow to import

    at = within(t, times[0], times[-1])
    if times.size == 1:
        return np.broadcast_to(rates[0] if derivative else values[0], (*at.shape, values.shape[1])).copy()
    order = slice(None) if times[-1] > times[0] else slice(None, None, -1)
    x, y, dy = times[order], values[order], rates[order]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        h = np.diff(x)[:, None]
        slope = np.diff(y, axis=0) / h
        third = (dy[:-1] + dy[1:] - 2 * slope) / h
        # Not CubicHermiteSpline: it refuses all where one member of an ensemble has ended, with NaN from there on.
        found = PPoly(np.array([third / h, (slope - dy[:-1]) / h - third, dy[:-1], y[:-1]]), x)(at, nu=derivative)
    lost = ~np.isfinite(found).all(axis=-1)
    if lost.any() and np.isfinite(values).all() and np.isfinite(rates).all():
        time = float(at[lost].flat[0])
        raise DivergenceError(f"between the saved times the cubic is not finite at t = {time:.6g}", time=time)
    return found


def within(t: ArrayLike, start: float, stop: float) -> np.ndarray:
    """The times ``t`` as an array. ``ValueError`` for one that lies outside those computed, ``start`` to ``stop``."""
    at = reals(t, "t")
    low, high = min(start, stop), max(start, stop)
    slack = 1e-12 * max(abs(start), abs(stop))
    outside = at[~((at >= low - slack) & (at <= high + slack))]
    if outside.size:
        raise ValueError(f"t = {outside.flat[0]:g} lies outside the computed times, {start:g} to {stop:g}")
    return np.clip(at, low, high)
