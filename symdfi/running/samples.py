"""Initial data from a file: samples x, u₀ of a periodic function."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline

#: Fewer samples than this describe no profile.
_FEWEST = 8


def read(path: Path) -> np.ndarray:
    """Rows (x, u₀), (n, 2), from a ``.npy`` array or from text: two columns, separated by commas, semicolons or
    blanks, with or without a header; lines that begin with # are skipped.

    Raises ``ValueError`` that names file and row (line of the text, row of the array), ``OSError`` for a file that
    cannot be read.
    """
    rows = _array(path) if path.suffix == ".npy" else _text(path)
    if len(rows) < _FEWEST:
        raise ValueError(f"{path} holds {len(rows)} samples: at least {_FEWEST} are needed")
    for number, x, u in rows:
        if not (np.isfinite(x) and np.isfinite(u)):
            raise ValueError(f"{path}, row {number}: {x}, {u} is not finite")
    return np.array([(x, u) for _, x, u in rows])


def _array(path: Path) -> list[tuple[int, float, float]]:
    try:
        values = np.load(path, allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"{path} is no array of numbers: {error}") from None
    if values.ndim != 2 or values.shape[1] != 2 or values.dtype.kind not in "fiu":
        raise ValueError(f"{path} holds an array of shape {values.shape} ({values.dtype}): expected (n, 2), real")
    return [(k, float(x), float(u)) for k, (x, u) in enumerate(values)]


def _text(path: Path) -> list[tuple[int, float, float]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text file") from None
    rows: list[tuple[int, float, float]] = []
    header = True
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        fields = re.split(r"\s*[,;]\s*|\s+", line.strip())
        try:
            numbers = [float(field) for field in fields]
        except ValueError:
            if header:
                header = False
                continue
            raise ValueError(f"{path}, row {number}: {line.strip()!r} is not two numbers") from None
        header = False
        if len(numbers) != 2:
            raise ValueError(f"{path}, row {number}: {len(numbers)} columns, expected two, x and u0")
        rows.append((number, numbers[0], numbers[1]))
    return rows


def periodic(path: Path, samples: np.ndarray, low: float, high: float) -> Callable[[np.ndarray], np.ndarray]:
    """The periodic cubic spline through ``samples`` (n, 2) on [low, high); both ends may be given if they agree.

    Raises ``ValueError`` for samples outside, given twice, with a wide gap, or of a function that is not periodic.
    """
    x, u = samples[np.argsort(samples[:, 0], kind="stable")].T
    length, slack = high - low, 1e-9 * (high - low)
    for bad in x[(x < low - slack) | (x > high + slack)]:
        raise ValueError(f"{path}: x = {bad:g} lies outside the domain, {low:g} to {high:g}")
    if x[-1] - x[0] > length - slack:
        if abs(u[-1] - u[0]) > 1e-3 * np.ptp(u):
            raise ValueError(
                f"{path}: u0({x[0]:g}) = {u[0]:g} and u0({x[-1]:g}) = {u[-1]:g}, but the domain is periodic"
            )
        x, u = x[:-1], u[:-1]
    gaps = np.diff(x, append=x[0] + length)
    if gaps.min() <= slack:
        raise ValueError(f"{path}: x = {x[np.argmin(gaps)]:g} is given twice")
    if gaps.max() > length / 8:
        k = int(np.argmax(gaps))
        raise ValueError(f"{path}: no samples between x = {x[k]:g} and {x[k] + gaps[k]:g}: they must cover the domain")
    spline = CubicSpline(np.append(x, x[0] + length), np.append(u, u[0]), bc_type="periodic")
    return lambda at: spline(x[0] + np.mod(np.asarray(at) - x[0], length))
