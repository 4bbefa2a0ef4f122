"""Figures of datasets, made with matplotlib's object interface (no global state, no window)."""

from __future__ import annotations

from typing import Any

import numpy as np


def plot_field(dataset: Any) -> Any:
    """û(x, t) of an evolution in one space dimension, profiles at five times, and the residual (and the error, where
    the dataset has one).

    In two dimensions the profiles are maps at the first and last time.
    """
    from matplotlib.figure import Figure

    space = [name for name in dataset["u"].dims if name != "time"] if "u" in dataset else []
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    axes = figure.subplots(1, 3)
    time = dataset["time"].values
    if len(space) == 1:
        x, u = dataset[space[0]].values, dataset["u"].values
        image = axes[0].pcolormesh(x, time, u, shading="nearest", cmap="viridis", rasterized=True)
        figure.colorbar(image, ax=axes[0], label="u")
        axes[0].set(xlabel=space[0], ylabel="t", title="u(x, t)")
        for k in np.unique(np.linspace(0, len(time) - 1, 5).astype(int)):
            axes[1].plot(x, u[k], label=f"t = {time[k]:.3g}")
        axes[1].set(xlabel=space[0], ylabel="u", title="profiles")
        axes[1].legend(frameon=False, fontsize="small")
    elif len(space) == 2:
        for axis, k in zip(axes[:2], (0, -1), strict=True):
            x, y = (dataset[name].values for name in space)
            image = axis.pcolormesh(x, y, dataset["u"].values[k].T, shading="nearest", cmap="viridis", rasterized=True)
            figure.colorbar(image, ax=axis, label="u")
            axis.set(xlabel=space[0], ylabel=space[1], title=f"t = {time[k]:.3g}", aspect="equal")
    rate = np.where(dataset["rate"].values > 0, dataset["rate"].values, 1.0)
    axes[2].semilogy(time, dataset["residual"].values / rate, label="independent points")
    axes[2].semilogy(time, dataset["residual_solved"].values / rate, "--", label="solved points")
    label, title = "‖J v − f‖ / ‖f‖", "relative residual"
    if "relative_error" in dataset:
        axes[2].semilogy(time, dataset["relative_error"].values, ":", color="black", label="error of u")
        label, title = "relative L²", "residual and error"
    axes[2].set(xlabel="t", ylabel=label, title=title)
    axes[2].legend(frameon=False, fontsize="small")
    return figure


def plot_trajectory(dataset: Any, path: tuple[np.ndarray, np.ndarray] | None = None) -> Any:
    """A mechanical motion: coordinates against time, the phase plane (or ``path`` in the plane), the energy.

    An indexed coordinate is drawn as a map of its elements against time.
    """
    from matplotlib.figure import Figure

    names = dataset.attrs["coordinates"].split(", ")
    velocities = dataset.attrs["velocities"].split(", ")
    time = dataset["time"].values
    scalars = [pair for pair in zip(names, velocities, strict=True) if dataset[pair[0]].ndim == 1]
    indexed = [name for name in names if dataset[name].ndim == 2]
    middle = path is not None or bool(scalars)
    figure = Figure(figsize=(13 if middle else 9.5, 3.8), layout="constrained")
    axes = list(figure.subplots(1, 3 if middle else 2))
    if scalars:
        for name, _ in scalars:
            axes[0].plot(time, dataset[name].values, lw=1, label=_greek(name))
        one = len(scalars) == 1
        axes[0].set(xlabel="time", ylabel=_greek(scalars[0][0]) if one else "coordinates", title="motion")
        if not one:
            _legend_below(axes[0])
    else:
        _draw_map(figure, axes[0], time, dataset[indexed[0]].values, "element", _greek(indexed[0]))
        axes[0].set(title="motion")
    if path is not None:
        axes[1].plot(*path, lw=0.8)
        axes[1].plot(path[0][0], path[1][0], "o", color="tab:green", ms=5, label="start")
        axes[1].plot(path[0][-1], path[1][-1], "s", color="tab:red", ms=5, label="end")
        axes[1].set(xlabel="x", ylabel="y", title="path", aspect="equal")
        _legend_below(axes[1])
    elif scalars:
        for name, velocity in scalars:
            axes[1].plot(dataset[name].values, dataset[velocity].values, lw=0.8, label=_greek(name))
        names = [_greek(name) for name in scalars[0]] if len(scalars) == 1 else ["coordinate", "velocity"]
        axes[1].set(xlabel=names[0], ylabel=names[1], title="phase plane")
        if len(scalars) > 1:
            _legend_below(axes[1])
    _draw_energy(axes[-1], time, dataset["energy"].values)
    return figure


def plot_modes(time: np.ndarray, energies: np.ndarray, total: np.ndarray, title: str, unit: str = "time") -> Any:
    """The energies of modes (s, k) against time, and the error of the total energy."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    for k in range(energies.shape[1]):
        left.plot(time, energies[:, k], lw=1, label=f"mode {k + 1}")
    left.set(xlabel=unit, ylabel="energy", title=title, xlim=(time[0], time[-1]), ylim=(0, 1.22 * energies.max()))
    left.legend(frameon=False, loc="upper center", ncols=energies.shape[1], fontsize="small")
    _draw_energy(right, time, total, unit)
    return figure


def plot_space_time(time: np.ndarray, values: np.ndarray, total: np.ndarray, title: str, label: str) -> Any:
    """Values on a lattice (s, n) as a map over site and time, and the error of the total energy."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_map(figure, left, time, values, "site", label)
    left.set(title=title)
    _draw_energy(right, time, total)
    return figure


def _draw_map(figure: Any, axis: Any, time: np.ndarray, values: np.ndarray, across: str, label: str) -> None:
    """A map whose colours are symmetric about zero, unless the values have one sign."""
    largest = float(np.abs(values).max()) or 1.0
    both = values.min() < -0.02 * largest and values.max() > 0.02 * largest
    limits = {"vmin": -largest, "vmax": largest, "cmap": "RdBu_r"} if both else {"cmap": "viridis"}
    sites = np.arange(values.shape[1])
    image = axis.pcolormesh(sites, time, values, shading="nearest", rasterized=True, **limits)
    figure.colorbar(image, ax=axis, label=label)
    axis.set(xlabel=across, ylabel="time")


def _draw_energy(axis: Any, time: np.ndarray, energy: np.ndarray, unit: str = "time") -> None:
    start = float(energy[0])
    axis.plot(time, (energy - start) / (abs(start) or 1.0), lw=0.8, color="tab:gray")
    axis.axhline(0.0, lw=0.5, color="black")
    axis.set(xlabel=unit, ylabel="ΔE / |E₀|" if start else "ΔE", title="error of the energy")
    axis.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))


def _legend_below(axis: Any) -> None:
    axis.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=4)


def _greek(name: str) -> str:
    """A coordinate's name as TeX: theta1 as θ₁."""
    from sympy import Symbol, latex

    return f"${latex(Symbol(name))}$"
