"""What results share: datasets on disk, and values between the saved times."""

from __future__ import annotations

import contextlib
import datetime
import errno
import importlib.metadata
import io
import os
import platform
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
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


class Families:
    """Names of dimensions: one for all axes that belong together, none of them ``taken``.

    An extent that is a symbol names its own. Of an extent that is a number k the axes that are ``related``, by a
    representative each (``symbolic.families``), are one dimension: ``index_k`` is that of the first, ``index_k_x`` that
    of others, x the array that is met first. Further axes of an array in the same dimension have a number.
    """

    def __init__(self, taken: Iterable[str], related: Mapping[tuple[str, int], tuple[str, int]] | None = None) -> None:
        self._taken, self._known, self._related = set(taken), {}, related or {}
        self._firsts: dict[str, tuple[str, int]] = {}

    def of(self, array: str, extents: Sequence[Any]) -> tuple[str, ...]:
        """The dimensions of an array that is declared with these extents."""
        shown = [self._family(array, axis, f"{extent}") for axis, extent in enumerate(extents)]
        found = []
        for k, family in enumerate(shown):
            earlier = shown[:k].count(family)
            found.append(self._named(family, earlier))
        return tuple(found)

    def _family(self, array: str, axis: int, extent: str) -> tuple[str, Any, str]:
        """What an axis is of, and the name that it asks for."""
        if not extent.isdigit():
            return extent, None, extent
        root = self._related.get((array, axis), (array, axis))
        first = self._firsts.setdefault(extent, root)
        known = next((family for family, _ in self._known if family[:2] == (extent, root)), None)
        return known or (extent, root, f"index_{extent}" + (f"_{array}" if root != first else ""))

    def _named(self, family: tuple[str, Any, str], earlier: int) -> str:
        if (family, earlier) not in self._known:
            name = f"{family[2]}_{earlier + 1}" if earlier else family[2]
            (own,) = distinct([re.sub(r"\W+", "_", name).strip("_") or "index"], self._taken)
            self._taken.add(own)
            self._known[family, earlier] = own
        return self._known[family, earlier]


def provenance() -> dict[str, str]:
    """What a result is made by, and when, in UTC: attributes of its dataset."""
    versions = {name: importlib.metadata.version(name) for name in ("symdfi", "numpy", "numba", "sympy")}
    versions["python"] = platform.python_version()
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {"date_created": now} | {f"{name}_version": version for name, version in versions.items()}


def shown(value: Any) -> Any:
    """A setting as an attribute: numbers, texts and arrays of numbers as they are, "none", or as it is written."""
    if value is None:
        return "none"
    if isinstance(value, str | int | float | np.integer | np.floating):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and value.ndim <= 1:
        return value
    return re.sub(r" at 0x[0-9A-Fa-f]+", "", repr(value))


#: Units under which readers of netCDF would make dates or spans of numbers, and their symbols.
_DATES = {"second": "s", "minute": "min", "hour": "h", "day": "d"}


def unit(text: str) -> str:
    """A unit as it is written: of times by symbol, as numbers of "seconds" are read as dates by some."""
    return _DATES.get(text.strip().lower().removesuffix("s"), text)


def labelled(dataset: Any, labels: Mapping[str, Mapping[str, str]]) -> Any:
    """The dataset with these attributes of its variables, by the ``symbol`` that they stand for, or by name."""
    for name, values in dataset.variables.items():
        values.attrs.update(labels.get(values.attrs.get("symbol", name), {}))
    return dataset


#: Attributes that mean something to readers of netCDF.
_RESERVED = ("coordinates", "dimensions", "_FillValue", "scale_factor", "add_offset")


def storable(dataset: Any) -> Any:
    """The dataset under names, and with texts, that a file can hold: without slashes, not empty, without zeros; what a
    reader would take for a statement about the file gets an underscore."""
    names = [*dataset.variables, *(d for d in dataset.dims if d not in dataset.variables)]
    kept = [name for name in names if name not in ("", ".", "..") and not set("/\0") & set(name)]
    others = [name for name in names if name not in kept]
    shown = [re.sub("[/\0]", "\N{DIVISION SLASH}", name).replace(".", "\N{ONE DOT LEADER}") or "_" for name in others]
    renamed = dataset.rename(dict(zip(others, distinct(shown, kept), strict=True)))
    for part in (renamed, *renamed.variables.values()):
        attributes = {key: _attribute(value) for key, value in part.attrs.items()}
        keys = distinct((re.sub("[/\0]", "\N{DIVISION SLASH}", key) for key in attributes), _RESERVED)
        part.attrs = dict(zip(keys, attributes.values(), strict=True))
    return renamed


def _attribute(value: Any) -> Any:
    """An attribute that a file can hold: text without zeros, and 1 for what is true."""
    if isinstance(value, str):
        return value.replace("\0", "\\0")
    kind = np.asarray(value).dtype.kind
    if kind == "c":
        return str(value)
    return np.asarray(value, dtype=np.int8) if kind == "b" else value


def _netcdf(dataset: Any) -> io.BytesIO:
    import h5netcdf
    from xarray.backends import H5NetCDFStore

    dataset = storable(dataset)
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
