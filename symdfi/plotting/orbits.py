"""Figures of equilibrium propagation: orbits, branches of them, nudges, trainings."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdfi.plotting.captions import described
from symdfi.plotting.motions import MOST_LINES, draw_elements, draw_lines
from symdfi.plotting.style import greek, legend, styled


@styled
def plot_training(dataset: Any) -> Any:
    """Loss, norm of the gradient, and skipped samples where there are some, against the epochs."""
    from symdfi.figures import Figure

    figure = Figure(figsize=(4.4 * (2 + bool(dataset["skipped"].values.any())), 3.6), layout="constrained")
    draw_training(figure, dataset)
    return described(figure, dataset)


@styled
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


@styled
def plot_nudges(dataset: Any) -> Any:
    """The errors of gradients against the size of the nudge, a line a scheme."""
    from symdfi.figures import Figure

    figure = Figure(figsize=(4.8, 3.8), layout="constrained")
    axis = figure.subplots()
    for name in dataset.data_vars:
        axis.loglog(dataset["beta"].values, dataset[name].values, ".-", label=name)
    axis.set(xlabel="size of the nudge", ylabel="relative error of the gradient", title="nudges")
    legend(axis, 2)
    return figure


@styled
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
            legend(axis)
    axis.set(xlabel="part of the way", ylabel="largest |q|", title="branch of orbits")
    return figure


@styled
def plot_orbit(dataset: Any) -> Any:
    """The coordinates of an orbit against time: scalars and elements of short arrays as lines, every longer array as a
    map. Of an equilibrium the values."""
    from symdfi.figures import Figure

    figure = Figure(layout="constrained")
    figure.set_size_inches(4.8 * draw_orbit(figure, dataset), 3.8)
    return described(figure, dataset)


@styled
def draw_orbit(figure: Any, dataset: Any) -> int:
    """The panels of ``plot_orbit``, in a figure or a part of one; how many they are."""
    time = dataset["time"].values
    own = [name for name, values in dataset.data_vars.items() if values.attrs.get("role") == "coordinate"]
    columns = [(name, dataset[name].values.reshape(time.size, -1)) for name in own]
    still = time.size == 1
    short = [(name, q) for name, q in columns if still or q.shape[1] <= MOST_LINES]
    long = [(name, q) for name, q in columns if not still and q.shape[1] > MOST_LINES]
    panels = len(long) + bool(short)
    axes = iter(figure.subplots(1, panels, squeeze=False)[0])
    if short:
        axis, lines = next(axes), []
        for name, q in short:
            indices = np.ndindex(dataset[name].shape[1:])
            lines += [(greek(dataset[name].long_name, index), q[:, k]) for k, index in enumerate(indices)]
        if still:
            axis.plot([float(q[0]) for _, q in lines], "o")
            axis.set(xlabel="element", ylabel="coordinates", title="equilibrium")
        else:
            draw_lines(axis, [(label, time, q) for label, q in lines], "time", "coordinates", "orbit")
    for name, q in long:
        axis = next(axes)
        draw_elements(figure, axis, time, q)
        axis.set(xlabel="element", ylabel="time", title=f"orbit of {greek(dataset[name].long_name)}")
    return panels
