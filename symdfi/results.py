"""What results share: datasets on disk, and values between the saved times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def save(dataset: Any, path: str | Path) -> Path:
    """Write an ``xarray.Dataset`` as netCDF 4; directories are made as needed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.to_netcdf(path, engine="h5netcdf")
    return path


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
    Raises ``ValueError`` for a time outside ``times``.
    """
    from scipy.interpolate import CubicHermiteSpline  # slow to import

    at = np.asarray(t, dtype=float)
    slack = 1e-12 * max(1.0, abs(times[0]), abs(times[-1]))
    outside = at[~((at >= times[0] - slack) & (at <= times[-1] + slack))]
    if outside.size:
        raise ValueError(f"t = {outside.flat[0]:g} lies outside the computed times, {times[0]:g} to {times[-1]:g}")
    if times.size == 1:
        return np.broadcast_to(rates[0] if derivative else values[0], (*at.shape, values.shape[1])).copy()
    return CubicHermiteSpline(times, values, rates)(at, nu=derivative)
