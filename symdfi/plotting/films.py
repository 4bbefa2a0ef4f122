"""Films: a figure whose lines move, frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from symdfi.plotting.style import colours_of, draw_map, letter, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Frames of a film, at most, and how many of them a second.
_FRAMES, _A_SECOND = 120, 20
#: How much of a path before a point is drawn, in frames.
_TRAIL = 40


@dataclass(frozen=True)
class Film:
    """A figure of so many ``frames``; ``draw(k)`` makes it the k-th."""

    figure: Figure
    frames: int
    draw: Callable[[int], Any]

    def save(self, path: str | Path, dpi: float = 90) -> Path:
        """Write it as an animated GIF."""
        from matplotlib.animation import PillowWriter

        writer = PillowWriter(fps=_A_SECOND)
        with writer.saving(self.figure, str(path), dpi):
            for k in range(self.frames):
                self.draw(k)
                writer.grab_frame()
        return Path(path)


def film_of_fields(dataset: Any) -> Callable[[], Film] | None:
    """What makes the film of the fields of an evolution, in one or two space dimensions; None where there are none."""
    fields = [values for values in dataset.data_vars.values() if values.attrs.get("role") == "field"]
    if not fields or dataset.sizes["time"] < 2:
        return None
    return styled(lambda: _of_fields(dataset["time"].values, fields))


def _of_fields(time: np.ndarray, fields: list[Any]) -> Film:
    from symdfi.figures import Figure

    figure = Figure(figsize=(4.4 * len(fields), 3.4), layout="constrained")
    moving: list[Callable[[int], Any]] = []
    for field, axis in zip(fields, np.atleast_1d(figure.subplots(1, len(fields))), strict=True):
        space, u = [name for name in field.dims if name != "time"], field.values
        if len(space) == 1:
            x = field[space[0]].values
            axis.plot(x, u[0], color="0.8", lw=0.8)
            (line,) = axis.plot(x, u[0])
            axis.set(xlabel=space[0], title=letter(field.name), xlim=(x[0], x[-1]), ylim=_span(u))
            moving.append(lambda k, line=line, u=u: line.set_ydata(u[k]))
        else:
            x, y = (field[name].values for name in space)
            colours = {"vmin": np.nanmin(u), "vmax": np.nanmax(u), **colours_of(u)}
            image = draw_map(figure, axis, x, y, u[0].T, **colours)
            figure.colorbar(image, ax=axis)
            axis.set(xlabel=space[0], ylabel=space[1], title=letter(field.name), aspect="equal")
            moving.append(lambda k, image=image, u=u: image.set_array(u[k].T))
    return _film(figure, time, moving)


@styled
def film_of_elements(time: np.ndarray, values: np.ndarray, label: str) -> Film:
    """The elements (s, n) of an array, side by side."""
    from symdfi.figures import Figure

    figure = Figure(figsize=(5.2, 3.4), layout="constrained")
    axis = figure.subplots()
    few = ".-" if values.shape[1] <= 100 else "-"
    (line,) = axis.plot(np.arange(values.shape[1]), values[0], few, lw=1)
    axis.axhline(0.0, lw=0.5, color="black")
    axis.set(xlabel="element", title=label, ylim=_span(values))
    return _film(figure, time, [lambda k: line.set_ydata(values[k])])


@styled
def film_of_path(time: np.ndarray, x: np.ndarray, y: np.ndarray, across: str, up: str, *, equal: bool = False) -> Film:
    """Points (s, n) that move in the plane, each with its trail."""
    from symdfi.figures import Figure

    figure = Figure(figsize=(4.4, 4.0), layout="constrained")
    axis = figure.subplots()
    x, y = (values.reshape(len(time), -1) for values in (x, y))
    moving: list[Callable[[int], Any]] = []
    for n in range(x.shape[1]):
        axis.plot(x[:, n], y[:, n], color="0.88", lw=0.6)
        (trail,) = axis.plot([], [], color=f"C{n % 10}", lw=1)
        (point,) = axis.plot([], [], "o", color=f"C{n % 10}", ms=6)
        every = max(1, len(time) // _FRAMES)

        def move(k: int, n: int = n, trail: Any = trail, point: Any = point, every: int = every) -> None:
            rows = slice(max(0, k - _TRAIL * every), k + 1)
            trail.set_data(x[rows, n], y[rows, n])
            point.set_data(x[k : k + 1, n], y[k : k + 1, n])

        moving.append(move)
    axis.set(xlabel=across, ylabel=up, xlim=_span(x), ylim=_span(y))
    if equal:
        axis.set_aspect("equal", adjustable="box")
    return _film(figure, time, moving)


def _film(figure: Figure, time: np.ndarray, moving: list[Callable[[int], Any]]) -> Film:
    """With the time above, and no more frames than a film has."""
    rows = np.unique(np.linspace(0, len(time) - 1, min(len(time), _FRAMES)).astype(int))
    heading = figure.suptitle(f"t = {time[0]:.3g}")

    def draw(k: int) -> None:
        heading.set_text(f"t = {time[rows[k]]:.3g}")
        for move in moving:
            move(int(rows[k]))

    return Film(figure, len(rows), draw)


def _span(values: np.ndarray) -> tuple[float, float]:
    """The ends of an axis that holds all values, which may be one."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room
