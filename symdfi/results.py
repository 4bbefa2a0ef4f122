"""Datasets on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any


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
