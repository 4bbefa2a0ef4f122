"""What a run leaves behind."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symdfi import results
from symdfi.archive.files import write
from symdfi.running.config import in_a_line
from symdfi.running.settings import Settings

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from symdfi.plotting import Film


@dataclass(frozen=True)
class RunResult:
    """What a run leaves behind: rows of a summary table, the data, a picture, and a film where something moves.

    ``result`` is the object that the data are of (a ``Trajectory``, a ``Solution``, an ``Orbit``), which
    ``symdfi.load`` makes again of the file of the data, None where there is none; ``others`` are further results, each
    written to a file of its name."""

    summary: list[tuple[str, str]]
    dataset: xr.Dataset
    figure: Callable[[], Figure]
    film: Callable[[], Film] | None = None
    result: Any = None
    others: Mapping[str, Any] = field(default_factory=dict)

    def save(self, folder: Path) -> list[Path]:
        """Write the data, ``data.nc``, and the further results; the files. ``OSError`` where one cannot be."""
        path = folder / "data.nc"
        one = results.save(self.dataset, path) if self.result is None else write(self.result, self.dataset, path)
        return [one, *(other.save(folder / f"{name}.nc") for name, other in self.others.items())]


def reported(
    model: Any,
    settings: Settings,
    summary: list[tuple[str, str]],
    dataset: xr.Dataset,
    picture: Callable[[], Figure],
    film: Callable[[], Film] | None = None,
    result: Any = None,
    others: Mapping[str, Any] | None = None,
) -> RunResult:
    """The result of a model's run: model and settings stand in the dataset, in the objects that are kept with it, and
    under the picture.

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

    of = {"model": model.name, "title": model.title, "settings": text}

    def made(one: Any) -> Any:
        return dataclasses.replace(one, made={**one.made, **of})

    further = {name: made(one) for name, one in (others or {}).items()}
    return RunResult(
        summary, dataset.assign_attrs(of), figure, None if film is None else moving,
        None if result is None else made(result), further,
    )  # fmt: skip
