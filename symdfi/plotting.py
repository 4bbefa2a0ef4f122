"""Figures of datasets, made with matplotlib's object interface (no global state, no window)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

#: The elements of an array of coordinates are drawn as lines up to this many.
_MOST_LINES = 6


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
        _draw_residual(figure.subplots(), dataset)
        return figure
    # The drift stands below the residual, or beside it where there is no second row.
    rows, columns = len(fields), 4 if invariants and len(fields) == 1 else 3
    figure = Figure(figsize=(4 * columns, 3.6 * rows), layout=ConstrainedLayoutEngine(w_pad=0.1))
    grid = figure.subplots(rows, columns, squeeze=False)
    for name, pair in zip(fields, grid, strict=False):
        _draw_field(figure, pair[:2], dataset[name], dataset["time"].values)
    _draw_residual(grid[0, 2], dataset)
    if invariants:
        _draw_drift(grid[0, 3] if rows == 1 else grid[1, 2], dataset, invariants)
    for axis in grid.flat:
        if not axis.has_data():
            axis.remove()
    return figure


def _draw_field(figure: Any, axes: Any, field: Any, time: np.ndarray) -> None:
    """One field: its map over space and time and its profiles, or its maps over the plane."""
    space, u, label = [name for name in field.dims if name != "time"], field.values, field.name.replace("$", r"\$")
    if len(space) == 1:
        x = field[space[0]].values
        image = axes[0].pcolormesh(x, time, u, shading="nearest", rasterized=True, **_colours(u))
        figure.colorbar(image, ax=axes[0], label=label)
        axes[0].set(xlabel=space[0], ylabel="t", title=f"{label}({space[0]}, t)")
        for k in np.unique(np.linspace(0, len(time) - 1, 5).astype(int)):
            axes[1].plot(x, u[k], label=f"t = {time[k]:.3g}")
        axes[1].set(xlabel=space[0], ylabel=label, title="profiles")
        axes[1].legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
        return
    x, y = (field[name].values for name in space)
    # One scale: what fades is seen to fade.
    ends = u[[0, -1]]
    colours = {"vmin": ends.min(), "vmax": ends.max(), **_colours(ends)}
    images = []
    for axis, k in zip(axes, (0, -1), strict=True):
        images.append(axis.pcolormesh(x, y, u[k].T, shading="nearest", rasterized=True, **colours))
        axis.set(xlabel=space[0], ylabel=space[1], title=f"{label}, t = {time[k]:.3g}", aspect="equal")
    figure.colorbar(images[-1], ax=axes, pad=0.01)


def _draw_residual(axis: Any, dataset: Any) -> None:
    time = dataset["time"].values
    rate = np.where(dataset["rate"].values > 0, dataset["rate"].values, 1.0)
    axis.semilogy(time, dataset["residual"].values / rate, label="independent points")
    axis.semilogy(time, dataset["residual_solved"].values / rate, "--", label="solved points")
    label, title = "‖J v − f‖ / ‖f‖", "relative residual"
    errors = [values for values in dataset.data_vars.values() if values.attrs.get("role") == "error"]
    for values, style in zip(errors, (":", "-."), strict=False):
        # What begins without an error has none that a logarithm could show.
        axis.semilogy(time, np.where(values > 0, values, np.nan), style, color="black", label=values.long_name)
        label, title = "relative L²", "residual and error"
    axis.set(xlabel="t", ylabel=label, title=title)
    _hide_rounding(axis)
    axis.legend(frameon=False, fontsize="small")


def _hide_rounding(axis: Any) -> None:
    """Cut off what is orders below the rest of its line, as an error that begins at rounding."""
    medians = [np.nanmedian(y) for y in (line.get_ydata() for line in axis.lines) if np.isfinite(y).any()]
    lowest = 1e-3 * min((m for m in medians if m > 0), default=0.0)
    if axis.dataLim.ymin < lowest:
        axis.set_ylim(bottom=lowest)


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
        axis.legend(frameon=False, fontsize="small")
    _draw_residual(last, dataset)
    return figure


def _draw_drift(axis: Any, dataset: Any, invariants: Sequence[str]) -> None:
    """How far what is conserved has moved from its first value."""
    for name in invariants:
        values = dataset[name].values
        drift = np.abs(values - values[0]) / dataset[name].attrs["scale"]
        axis.semilogy(dataset["time"].values, np.where(drift > 0, drift, np.nan), label=name)
    axis.set(xlabel="t", ylabel="|ΔI| / |I₀|", title="drift of what is conserved")
    axis.legend(frameon=False, fontsize="small")


def plot_rivals(dataset: Any) -> Any:
    """One field of a solution in one space dimension beside the best of its rivals (``running.measures.Rivals``): maps,
    the last profiles, errors in time, and errors at the end against γ. ``plot_field`` where there are no rivals."""
    from symdfi.figures import Figure

    if "rival_error" not in dataset:
        return plot_field(dataset)
    name = next(name for name, values in dataset.data_vars.items() if values.attrs.get("role") == "field")
    (across,) = [axis for axis in dataset[name].dims if axis != "time"]
    x, time, gammas = (dataset[axis].values for axis in (across, "time", "gamma_tried"))
    labels, best = ["DFI", *dataset["method"].values.tolist()], dataset["rival_gamma"].values
    scans = dataset["rival_error"].values
    fields = [dataset[name].values, *dataset[f"rival_{name}"].values]
    chosen = (scan[np.argmax(gammas == gamma)] for scan, gamma in zip(scans, best, strict=True))
    errors = [dataset["relative_error"].values, *chosen]
    titles = ["DFI", *(f"{label}, γ = {gamma:.0e} σ₁²" for label, gamma in zip(labels[1:], best, strict=True))]
    columns, styles = max(3, len(fields)), ("-", "--", ":", "-.")
    figure = Figure(figsize=(4 * columns, 7.6), layout="constrained")
    grid = figure.subplots(2, columns)
    colours = {"vmin": min(map(np.min, fields)), "vmax": max(map(np.max, fields)), **_colours(np.stack(fields))}
    profile, in_time, of_gamma = grid[1, :3]
    images = []
    for k, (field, error) in enumerate(zip(fields, errors, strict=True)):
        images.append(grid[0, k].pcolormesh(x, time, field, shading="nearest", rasterized=True, **colours))
        grid[0, k].set(xlabel=across, ylabel="t")
        grid[0, k].set_title(titles[k], fontsize="medium")
        drawn = {"linestyle": styles[k % 4], "color": f"C{k}", "label": labels[k]}
        profile.plot(x, field[-1], **drawn)
        in_time.semilogy(time, np.where(error > 0, error, np.nan), **drawn)
        if k:
            of_gamma.loglog(gammas, scans[k - 1, :, -1], marker="o", ms=4, **drawn)
        else:
            of_gamma.axhline(error[-1], **drawn)
    figure.colorbar(images[-1], ax=grid[0], label=name)
    figure.suptitle(f"The same start and steps, every rival with the best of {gammas.size} γ")
    profile.set(xlabel=across, ylabel=name, title=f"t = {time[-1]:.3g}")
    in_time.set(xlabel="t", ylabel="relative L²", title="errors")
    of_gamma.set(xlabel="γ / σ₁²", ylabel="relative L²", title=f"errors at t = {time[-1]:.3g}")
    figure.legend(handles=in_time.lines, loc="outside lower center", ncols=len(labels), frameon=False)
    for axis in grid.flat:
        if not axis.has_data():
            axis.remove()
    return figure


#: What a label shows of a name.
_LONGEST = 20
#: Below it Matplotlib takes the two ends of an axis for one.
_LOWEST = 1e-280


def plot_trajectory(dataset: Any, path: tuple[np.ndarray, np.ndarray] | None = None) -> Any:
    """A mechanical motion: coordinates against time, the phase plane (or ``path`` in the plane), the energy.

    Scalar coordinates and the elements of short arrays are drawn as lines; every longer array is a map of its
    elements, in row-major order, against time.
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
        if q.shape[1] > _MOST_LINES:
            maps.append((name, q))
            continue
        for k, index in enumerate(np.ndindex(dataset[name].shape[1:])):
            lines.append((_greek(dataset[name].long_name, index), q[:, k], v[:, k]))
    panels = len(maps) + 1 + bool(lines) + (path is not None or bool(lines))
    figure = Figure(figsize=(4.4 * panels, 3.8), layout="constrained")
    axes = iter(figure.subplots(1, panels, squeeze=False)[0])
    if lines:
        _draw_lines(next(axes), [(label, time, q) for label, q, _ in lines], "time", "coordinates", "motion")
    for name, q in maps:
        axis = next(axes)
        _draw_map(figure, axis, time, q, "element", _greek(dataset[name].long_name))
        axis.set(title="motion")
    if path is not None:
        _draw_path(next(axes), *path)
    elif lines:
        axis = next(axes)
        across = lines[0][0] if len(lines) == 1 else "coordinate"
        _draw_lines(axis, [(label, q, v) for label, q, v in lines], across, "velocity", "phase plane")
        if len(lines) == 1:
            axis.set(ylabel=_greek(dataset[velocities[0]].long_name))
    _draw_energy(next(axes), time, dataset["energy"].values)
    return figure


def _draw_lines(axis: Any, lines: list[tuple[str, np.ndarray, np.ndarray]], across: str, up: str, title: str) -> None:
    """Curves by label; a single one needs no legend."""
    for label, x, y in lines:
        axis.plot(x, y, lw=1, label=label)
    axis.set(xlabel=across, ylabel=lines[0][0] if len(lines) == 1 else up, title=title)
    if len(lines) > 1:
        _legend_below(axis)


def _draw_path(axis: Any, x: np.ndarray, y: np.ndarray) -> None:
    axis.plot(x, y, lw=0.8)
    axis.plot(x[0], y[0], "o", color="tab:green", ms=5, label="start")
    axis.plot(x[-1], y[-1], "s", color="tab:red", ms=5, label="end")
    axis.set(xlabel="x", ylabel="y", title="path", aspect="equal")
    _legend_below(axis)


def plot_modes(
    time: np.ndarray, energies: np.ndarray, modes: Sequence[int], total: np.ndarray, title: str, unit: str = "time"
) -> Any:
    """The energies (s, k) of the ``modes`` with these numbers against time, and the error of the total energy."""
    from symdfi.figures import Figure

    figure = Figure(figsize=(11, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    for mode, energy in zip(modes, energies.T, strict=True):
        left.plot(time, energy, lw=1, label=f"mode {mode}")
    left.set(
        xlabel=unit,
        ylabel="energy",
        title=title,
        xlim=(time[0], time[-1]),
        ylim=(0, 1.22 * max(energies.max(), _LOWEST)),
    )
    left.legend(frameon=False, loc="upper center", ncols=energies.shape[1], fontsize="small")
    _draw_energy(right, time, total, unit)
    return figure


def plot_space_time(time: np.ndarray, values: np.ndarray, total: np.ndarray, title: str, label: str) -> Any:
    """Values on a lattice (s, n) as a map over site and time, and the error of the total energy."""
    from symdfi.figures import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_map(figure, left, time, values, "site", label)
    left.set(title=title)
    _draw_energy(right, time, total)
    return figure


def _draw_map(figure: Any, axis: Any, time: np.ndarray, values: np.ndarray, across: str, label: str) -> None:
    sites = np.arange(values.shape[1])
    image = axis.pcolormesh(sites, time, values, shading="nearest", rasterized=True, **_colours(values))
    figure.colorbar(image, ax=axis, label=label)
    axis.set(xlabel=across, ylabel="time")


def _colours(values: np.ndarray) -> dict[str, Any]:
    """Colours of a map, symmetric about zero unless the values have one sign."""
    largest = float(np.abs(values).max()) or 1.0
    both = values.min() < -0.02 * largest and values.max() > 0.02 * largest
    return {"vmin": -largest, "vmax": largest, "cmap": "RdBu_r"} if both else {"cmap": "viridis"}


def _draw_energy(axis: Any, time: np.ndarray, energy: np.ndarray, unit: str = "time") -> None:
    start = float(energy[0])
    with np.errstate(over="ignore", invalid="ignore"):  # of a motion that an error has kept
        change = (energy - start) / (abs(start) or 1.0)
    axis.plot(time, change, lw=0.8, color="tab:gray")
    axis.axhline(0.0, lw=0.5, color="black")
    axis.set(xlabel=unit, ylabel="ΔE / |E₀|" if start else "ΔE", title="error of the energy")
    axis.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))


def _legend_below(axis: Any) -> None:
    axis.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=4)


def _greek(name: str, index: tuple[int, ...] = ()) -> str:
    """A coordinate's name as TeX: theta1 as θ₁, an element of an array with its index; as it is where it is none."""
    from sympy import Symbol, latex

    letter, element = latex(Symbol(name)), ", ".join(map(str, index))
    text = f"${{{letter}}}_{{{element}}}$" if index else f"${letter}$"
    if len(name) <= _LONGEST and _is_formula(text):
        return text
    plain = " ".join(name.split())
    plain = (plain if len(plain) <= _LONGEST else plain[:_LONGEST] + "…").replace("$", r"\$")
    return f"{plain}[{element}]" if index else plain


def _is_formula(text: str) -> bool:
    """Whether matplotlib can set ``text``."""
    from matplotlib.mathtext import MathTextParser

    try:
        MathTextParser("path").parse(text)
    except ValueError:
        return False
    return True


def plot_training(dataset: Any) -> Any:
    """Loss, norm of the gradient, and skipped samples where there are some, against the epochs."""
    from symdfi.figures import Figure

    figure = Figure(figsize=(4.4 * (2 + bool(dataset["skipped"].values.any())), 3.6), layout="constrained")
    draw_training(figure, dataset)
    return figure


def draw_training(figure: Any, dataset: Any) -> None:
    """The panels of ``plot_training``, in a figure or a part of one."""
    skips = bool(dataset["skipped"].values.any())
    axes, epoch = figure.subplots(1, 2 + skips), dataset["epoch"].values
    for axis, name, label in zip(axes, ("loss", "gradient_norm"), ("loss", "‖gradient‖"), strict=False):
        values = dataset[name].values
        axis.plot(epoch, values, lw=1)
        axis.set(xlabel="epoch", ylabel=label, title=dataset[name].long_name)
        if values.size and (values > 0).all():
            axis.set_yscale("log")
    if skips:
        axes[2].step(epoch, dataset["skipped"].values, where="mid", lw=1)
        axes[2].set(xlabel="epoch", ylabel="samples", title=dataset["skipped"].long_name)


def plot_nudges(dataset: Any) -> Any:
    """The errors of gradients against the size of the nudge, a line a scheme."""
    from symdfi.figures import Figure

    figure = Figure(figsize=(4.8, 3.8), layout="constrained")
    axis = figure.subplots()
    for name in dataset.data_vars:
        axis.loglog(dataset["beta"].values, dataset[name].values, ".-", label=name)
    axis.set(xlabel="size of the nudge", ylabel="relative error of the gradient", title="nudges")
    axis.legend()
    return figure


def plot_branch(dataset: Any) -> Any:
    """The amplitude of the orbits of a branch along the way, folds and branch points marked."""
    from symdfi.figures import Figure

    figure = Figure(figsize=(4.8, 3.8), layout="constrained")
    axis = figure.subplots()
    axis.plot(dataset["s"].values, dataset["amplitude"].values, ".-")
    for name, mark in (("fold", "o"), ("branch_point", "s")):
        if dataset.sizes[name]:
            at = (dataset[f"{name}_{key}"].values for key in ("s", "amplitude"))
            axis.plot(*at, mark, fillstyle="none", label=f"{name.replace('_', ' ')}s")
            axis.legend()
    axis.set(xlabel="part of the way", ylabel="largest |q|", title="branch of orbits")
    return figure


def plot_orbit(dataset: Any) -> Any:
    """The coordinates of an orbit against time: scalars and elements of short arrays as lines, every longer array as a
    map. Of an equilibrium the values."""
    from symdfi.figures import Figure

    figure = Figure(layout="constrained")
    figure.set_size_inches(4.8 * draw_orbit(figure, dataset), 3.8)
    return figure


def draw_orbit(figure: Any, dataset: Any) -> int:
    """The panels of ``plot_orbit``, in a figure or a part of one; how many they are."""
    time = dataset["time"].values
    columns = [(name, dataset[name].values.reshape(time.size, -1)) for name in dataset.data_vars]
    still = time.size == 1
    short = [(name, q) for name, q in columns if still or q.shape[1] <= _MOST_LINES]
    long = [(name, q) for name, q in columns if not still and q.shape[1] > _MOST_LINES]
    panels = len(long) + bool(short)
    axes = iter(figure.subplots(1, panels, squeeze=False)[0])
    if short:
        axis, lines = next(axes), []
        for name, q in short:
            indices = np.ndindex(dataset[name].shape[1:])
            lines += [(_greek(dataset[name].long_name, index), q[:, k]) for k, index in enumerate(indices)]
        if still:
            axis.plot([float(q[0]) for _, q in lines], "o")
            axis.set(xlabel="element", ylabel="coordinates", title="equilibrium")
        else:
            _draw_lines(axis, [(label, time, q) for label, q in lines], "time", "coordinates", "orbit")
    for name, q in long:
        axis = next(axes)
        _draw_map(figure, axis, time, q, "element", _greek(dataset[name].long_name))
        axis.set(title="orbit")
    return panels
