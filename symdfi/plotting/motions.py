"""Figures of mechanical motions: coordinates, phase planes, paths, modes, and the energy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from symdfi.plotting.captions import described
from symdfi.plotting.style import draw_map, greek, legend, styled

#: The elements of an array of coordinates are drawn as lines up to this many.
MOST_LINES = 6
#: Along the last axis of several, up to this many are components, with a map each.
MOST_COMPONENTS = 3
#: Below it Matplotlib takes the two ends of an axis for one.
_LOWEST = 1e-280


@styled
def plot_trajectory(dataset: Any, path: tuple[np.ndarray, np.ndarray] | None = None) -> Any:
    """A mechanical motion: coordinates against time, the phase plane (or ``path`` in the plane), the energy.

    Scalar coordinates and the elements of short arrays are drawn as lines; every longer array is a map of its
    elements, in row-major order, against time, or one a component, as of n positions in space.
    """
    from symdfi.figures import Figure

    names, velocities = (
        [name for name, values in dataset.data_vars.items() if values.attrs.get("role") == role]
        for role in ("coordinate", "velocity")
    )
    time = dataset["time"].values
    lines: list[tuple[str, np.ndarray, np.ndarray]] = []
    maps: list[tuple[str, np.ndarray]] = []
    for name, velocity in zip(names, velocities, strict=True):
        q, v = (dataset[key].values.reshape(time.size, -1) for key in (name, velocity))
        shape, shown = dataset[name].shape[1:], greek(dataset[name].long_name)
        if q.shape[1] > MOST_LINES:
            if len(shape) > 1 and shape[-1] <= MOST_COMPONENTS:
                maps += [(f"{shown}, component {c}", q[:, c :: shape[-1]]) for c in range(shape[-1])]
            else:
                maps.append((shown, q))
            continue
        for k, index in enumerate(np.ndindex(shape)):
            lines.append((greek(dataset[name].long_name, index), q[:, k], v[:, k]))
    energy, conserved = dataset["energy"].values, bool(dataset["energy"].attrs.get("conserved", True))
    work = dataset["work"].values if dataset.get("work") is not None and not conserved else None
    panels = len(maps) + 1 + (work is not None) + bool(lines) + (path is not None or bool(lines))
    figure = Figure(figsize=(4.4 * panels, 3.8), layout="constrained")
    axes = iter(figure.subplots(1, panels, squeeze=False)[0])
    if lines:
        draw_lines(next(axes), [(label, time, q) for label, q, _ in lines], "time", "coordinates", "motion")
    for shown, q in maps:
        _draw_elements(figure, next(axes), time, q, "element", f"motion of {shown}")
    if path is not None:
        _draw_path(next(axes), *path)
    elif lines:
        axis = next(axes)
        across = lines[0][0] if len(lines) == 1 else "coordinate"
        draw_lines(axis, [(label, q, v) for label, q, v in lines], across, "velocity", "phase plane")
        if len(lines) == 1:
            axis.set(ylabel=greek(dataset[velocities[0]].long_name))
    draw_energy(axes, time, energy, conserved, work)
    return described(figure, dataset)


def draw_lines(axis: Any, lines: list[tuple[str, np.ndarray, np.ndarray]], across: str, up: str, title: str) -> None:
    """Curves by label; a single one needs no legend."""
    for label, x, y in lines:
        axis.plot(x, y, lw=1, label=label)
    axis.set(xlabel=across, ylabel=lines[0][0] if len(lines) == 1 else up, title=title)
    if len(lines) > 1:
        legend(axis, 4)


def _draw_path(axis: Any, x: np.ndarray, y: np.ndarray) -> None:
    axis.plot(x, y, lw=0.8)
    axis.plot(x[0], y[0], "o", color="tab:green", ms=5, label="start")
    axis.plot(x[-1], y[-1], "s", color="tab:red", ms=5, label="end")
    axis.set(xlabel="x", ylabel="y", title="path", aspect="equal")
    legend(axis, 4)


@styled
def plot_modes(
    time: np.ndarray,
    energies: np.ndarray,
    modes: Sequence[int],
    total: np.ndarray,
    title: str,
    unit: str = "time",
    *,
    conserved: bool = True,
    work: np.ndarray | None = None,
) -> Any:
    """The energies (s, k) of the ``modes`` with these numbers against time, and the total energy: its error where it is
    ``conserved``, else what the ``work`` done makes of it."""
    from symdfi.figures import Figure

    work = None if conserved else work
    figure = Figure(figsize=(11 if work is None else 14.5, 3.8), layout="constrained")
    left, *right = figure.subplots(1, 2 + (work is not None), width_ratios=(2, 1, 1)[: 2 + (work is not None)])
    for mode, energy in zip(modes, energies.T, strict=True):
        left.plot(time, energy, lw=1, label=f"mode {mode}")
    left.set(
        xlabel=unit,
        ylabel="energy",
        title=title,
        xlim=(time[0], time[-1]),
        ylim=(0, 1.05 * max(energies.max(), _LOWEST)),
    )
    legend(left, energies.shape[1])
    draw_energy(iter(right), time, total, conserved, work, unit)
    return figure


@styled
def plot_space_time(
    time: np.ndarray, values: np.ndarray, total: np.ndarray, title: str, *, conserved: bool = True,
    work: np.ndarray | None = None,
) -> Any:  # fmt: skip
    """Values on a lattice (s, n) as a map over site and time, and the total energy: its error where it is
    ``conserved``, else what the ``work`` done makes of it."""
    from symdfi.figures import Figure

    work = None if conserved else work
    figure = Figure(figsize=(10 if work is None else 14, 4.2), layout="constrained")
    left, *right = figure.subplots(1, 2 + (work is not None))
    _draw_elements(figure, left, time, values, "site", title)
    draw_energy(iter(right), time, total, conserved, work)
    return figure


def _draw_elements(figure: Any, axis: Any, time: np.ndarray, values: np.ndarray, across: str, label: str) -> None:
    draw_elements(figure, axis, time, values)
    axis.set(xlabel=across, ylabel="time", title=label)


def draw_elements(figure: Any, axis: Any, time: np.ndarray, values: np.ndarray) -> None:
    """The elements (s, n) of an array as a map over their numbers and time."""
    figure.colorbar(draw_map(figure, axis, np.arange(values.shape[1]), time, values, whole=True), ax=axis)


def draw_energy(
    axes: Iterator[Any], time: np.ndarray, energy: np.ndarray, conserved: bool, work: np.ndarray | None,
    unit: str = "time",
) -> None:  # fmt: skip
    """How far the energy is off where it is conserved; where it is not, what it is, and beside it, if the ``work`` is
    known, how far it is from what that makes of it."""
    if work is None:
        _draw_energy(next(axes), time, energy, conserved, unit)
        return
    axis = next(axes)
    lines = (("E", energy, "tab:blue"), ("work W", work, "tab:orange"), ("E − W", energy - work, "tab:gray"))
    for label, values, color in lines:
        axis.plot(time, values, lw=0.8, color=color, label=label)
    axis.set(xlabel=unit, title="energy, and the work done")
    legend(axis, 3)
    axis = next(axes)
    off, scale = energy - work - energy[0], float(np.abs(energy).max()) or 1.0
    axis.plot(time, off / scale, lw=0.8, color="tab:gray")
    axis.axhline(0.0, lw=0.5, color="black")
    axis.set(xlabel=unit, ylabel="(E − W − E₀) / max |E|", title="error of the balance")
    axis.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))


def _draw_energy(axis: Any, time: np.ndarray, energy: np.ndarray, conserved: bool = True, unit: str = "time") -> None:
    """How far the energy is off where it is conserved; what it is where it is not."""
    start = float(energy[0])
    with np.errstate(over="ignore", invalid="ignore"):  # of a motion that an error has kept
        shown = (energy - start) / (abs(start) or 1.0) if conserved else energy
    axis.plot(time, shown, lw=0.8, color="tab:gray")
    axis.axhline(0.0, lw=0.5, color="black")
    if conserved:
        axis.set(xlabel=unit, ylabel="ΔE / |E₀|" if start else "ΔE", title="error of the energy")
    else:
        axis.set(xlabel=unit, ylabel="E", title="energy, which is not conserved")
    axis.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
