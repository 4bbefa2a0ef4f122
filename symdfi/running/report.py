"""What a run leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class RunResult:
    """What a run leaves behind: rows of a summary table, the data, and a picture."""

    summary: list[tuple[str, str]]
    dataset: xr.Dataset
    figure: Callable[[], Figure]
