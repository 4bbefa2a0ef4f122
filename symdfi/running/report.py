"""What a run leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from symdfi.running.config import in_a_line
from symdfi.running.settings import Settings

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from symdfi.plotting import Film


@dataclass(frozen=True)
class RunResult:
    """What a run leaves behind: rows of a summary table, the data, a picture, and a film where something moves."""

    summary: list[tuple[str, str]]
    dataset: xr.Dataset
    figure: Callable[[], Figure]
    film: Callable[[], Film] | None = None


def reported(
    model: Any,
    settings: Settings,
    summary: list[tuple[str, str]],
    dataset: xr.Dataset,
    picture: Callable[[], Figure],
    film: Callable[[], Film] | None = None,
) -> RunResult:
    """The result of a model's run: model and settings stand in the dataset and under the picture.

    The picture raises ``TypeError`` where the model's own is none.
    """
    from symdfi.plotting import captioned

    text = in_a_line(settings)

    def figure() -> Figure:
        found = picture()
        if not hasattr(found, "savefig"):
            raise TypeError(f"picture of the model {model.name} is to return a figure of matplotlib, not {found!r:.60}")
        return captioned(found, model.title or model.name, text)

    def moving() -> Film:
        assert film is not None
        found = film()
        captioned(found.figure, "", text)
        return found

    kept = dataset.assign_attrs(model=model.name, title=model.title, settings=text)
    return RunResult(summary, kept, figure, None if film is None else moving)
