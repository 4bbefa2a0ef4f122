"""A solution beside those of other methods."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdfi.plotting.captions import described
from symdfi.plotting.fields import plot_field
from symdfi.plotting.style import colours_of, draw_map, draw_orders, legend, letter, styled, without_empty


@styled
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
    every = np.stack(fields)  # of rivals that break off there is none
    colours = {"vmin": np.nanmin(every), "vmax": np.nanmax(every), **colours_of(every)}
    profile, in_time, of_gamma = grid[1, :3]
    images = []
    for k, (field, error) in enumerate(zip(fields, errors, strict=True)):
        images.append(draw_map(figure, grid[0, k], x, time, field, **colours))
        grid[0, k].set(xlabel=across, ylabel="t")
        grid[0, k].set_title(titles[k], fontsize="medium")
        drawn = {"linestyle": styles[k % 4], "color": f"C{k}", "label": labels[k]}
        profile.plot(x, field[-1], **drawn)
        draw_orders(in_time, time, error, **drawn)
        if k:
            of_gamma.loglog(gammas, scans[k - 1, :, -1], marker="o", ms=4, **drawn)
        else:
            of_gamma.axhline(error[-1], **drawn)
    figure.colorbar(images[-1], ax=grid[0])
    figure.suptitle(f"The same start and steps, every rival with the best of {gammas.size} γ")
    profile.set(xlabel=across, title=f"{letter(name)} at t = {time[-1]:.3g}")
    in_time.set(xlabel="t", ylabel="relative L²", title="errors")
    of_gamma.set(xlabel="γ / σ₁²", ylabel="relative L²", title=f"errors at t = {time[-1]:.3g}")
    legend(in_time, len(labels))
    without_empty(grid)
    return described(figure, dataset)
