"""Figures of fields: over space and time, their profiles, residuals and errors; moments of densities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdfi.plotting.captions import described
from symdfi.plotting.style import (
    colours_of,
    draw_map,
    draw_orders,
    hide_rounding,
    legend,
    letter,
    styled,
    without_empty,
)


@styled
def plot_field(dataset: Any) -> Any:
    """The fields û(x, t) of an evolution in one space dimension, profiles at five times, and the residual (and the
    error and the drift of invariants, where the dataset has them).

    Every field has a row. In two dimensions there are maps at the first and last time instead, in more the residual
    alone.
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    from symdfi.figures import Figure

    fields, invariants = (
        [name for name, values in dataset.data_vars.items() if values.attrs.get("role") == role]
        for role in ("field", "invariant")
    )
    if not fields:
        figure = Figure(figsize=(5, 3.6), layout="constrained")
        draw_residual(figure.subplots(), dataset)
        return described(figure, dataset)
    # The drift stands below the residual, or beside it where there is no second row.
    rows, columns = len(fields), 4 if invariants and len(fields) == 1 else 3
    figure = Figure(figsize=(4 * columns, 3.6 * rows), layout=ConstrainedLayoutEngine(w_pad=0.1))
    grid = figure.subplots(rows, columns, squeeze=False)
    for name, pair in zip(fields, grid, strict=False):
        _draw_field(figure, pair[:2], dataset[name], dataset["time"].values)
    draw_residual(grid[0, 2], dataset)
    if invariants:
        _draw_drift(grid[0, 3] if rows == 1 else grid[1, 2], dataset, invariants)
    without_empty(grid)
    return described(figure, dataset)


def _draw_field(figure: Any, axes: Any, field: Any, time: np.ndarray) -> None:
    """One field: its map over space and time and its profiles, or its maps over the plane."""
    from matplotlib import colormaps

    space, u, label = [name for name in field.dims if name != "time"], field.values, letter(field.name)
    if len(space) == 1:
        x = field[space[0]].values
        if len(time) > 1:
            figure.colorbar(draw_map(figure, axes[0], x, time, u), ax=axes[0])
            axes[0].set(xlabel=space[0], ylabel="t", title=f"{label}({space[0]}, t)")
        for k in np.unique(np.linspace(0, len(time) - 1, 5).astype(int)):
            colour = colormaps["viridis"](0.9 * k / max(1, len(time) - 1))
            axes[1].plot(x, u[k], color=colour, label=f"t = {time[k]:.3g}")
        axes[1].set(xlabel=space[0], title=f"profiles of {label}")
        legend(axes[1])
        return
    x, y = (field[name].values for name in space)
    # One scale: what fades is seen to fade.
    ends = u[[0, -1]]
    colours = {"vmin": ends.min(), "vmax": ends.max(), **colours_of(ends)}
    images = []
    for axis, k in zip(axes, (0, -1), strict=True):
        images.append(draw_map(figure, axis, x, y, u[k].T, **colours))
        axis.set(xlabel=space[0], ylabel=space[1], title=f"{label}, t = {time[k]:.3g}", aspect="equal")
    figure.colorbar(images[-1], ax=axes, pad=0.01)


def draw_residual(axis: Any, dataset: Any) -> None:
    time = dataset["time"].values
    rate = np.where(dataset["rate"].values > 0, dataset["rate"].values, 1.0)
    draw_orders(axis, time, dataset["residual"].values / rate, label="independent points")
    draw_orders(axis, time, dataset["residual_solved"].values / rate, "--", label="solved points")
    label, title = "‖J v − f‖ / ‖f‖", "relative residual"
    errors = [values for values in dataset.data_vars.values() if values.attrs.get("role") == "error"]
    for values, style in zip(errors, (":", "-."), strict=False):
        draw_orders(axis, time, values.values, style, color="black", label=values.long_name)
        label, title = "relative L²", "residual and error"
    axis.set(xlabel="t", ylabel=label, title=title)
    hide_rounding(axis)
    legend(axis, 2)


@styled
def plot_moments(dataset: Any) -> Any:
    """Mean and variances of a density in many dimensions, with the exact ones where the dataset has them, and errors.

    ``mean`` (time, d), ``covariance`` (time, d, d), ``exact_mean`` and ``exact_covariance``; a line a dimension.
    """
    from matplotlib import colormaps

    from symdfi.figures import Figure

    figure = Figure(figsize=(12, 3.8), layout="constrained")
    *axes, last = figure.subplots(1, 3)
    time = dataset["time"].values
    for axis, name, label in zip(axes, ("mean", "covariance"), ("mean", "variance"), strict=True):
        if name not in dataset:
            axis.set(xlabel="t", title=f"no {label}")
            continue
        for key, style in ((name, "-"), (f"exact_{name}", ":")):
            values = dataset[key].values
            values = values if values.ndim == 2 else np.diagonal(values, axis1=1, axis2=2)
            for k, line in enumerate(values.T):
                color = "black" if style == ":" else colormaps["viridis"](0.9 * k / max(1, values.shape[1] - 1))
                first = k == 0 or (style == "-" and k == values.shape[1] - 1)
                text = ("exact" if style == ":" else f"dimension {k + 1}") if first else None
                axis.plot(time, line, style, color=color, lw=1.2, label=text)
        axis.set(xlabel="t", title=label)
        legend(axis, 2)
    draw_residual(last, dataset)
    return described(figure, dataset)


def _draw_drift(axis: Any, dataset: Any, invariants: Sequence[str]) -> None:
    """How far what is conserved has moved from its first value."""
    for name in invariants:
        values = dataset[name].values
        drift = np.abs(values - values[0]) / dataset[name].attrs["scale"]
        draw_orders(axis, dataset["time"].values, drift, label=letter(name))
    axis.set(xlabel="t", ylabel="|ΔI| / |I₀|", title="drift of what is conserved")
    legend(axis, 2)
