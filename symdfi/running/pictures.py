"""Pictures of a trajectory that a model can ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from symdfi.compile.kernels.function import compile as compile_function
from symdfi.dynamics import Trajectory
from symdfi.plotting import draw_orbit, draw_training, plot_modes, plot_space_time, plot_trajectory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from symdfi.ep import Orbit as Extremal
    from symdfi.ep import Training

Picture = Callable[[Trajectory], "Figure"]


def coordinates(trajectory: Trajectory) -> Figure:
    """Coordinates and energy over time; of an ensemble those of its first member."""
    return plot_trajectory(
        (trajectory.member(*(0 for _ in trajectory.batch)) if trajectory.batch else trajectory).dataset
    )


@dataclass(frozen=True)
class Orbit:
    """Coordinates and energy over time, and the path of the point (x, y): expressions in coordinates and parameters."""

    x: sp.Expr
    y: sp.Expr

    def __call__(self, trajectory: Trajectory) -> Figure:
        symbols = sorted(self.x.free_symbols | self.y.free_symbols, key=str)
        known = trajectory.params
        values = {s: known[s] if s in known else trajectory[s] for s in symbols}
        point = compile_function({"x": self.x, "y": self.y}, symbols)(values)
        return plot_trajectory(trajectory.dataset, path=(point["x"], point["y"]))


@dataclass(frozen=True)
class VelocityField:
    """The velocities of a lattice over place and time."""

    title: str

    def __call__(self, trajectory: Trajectory) -> Figure:
        return plot_space_time(trajectory.t, trajectory.v, trajectory.energy, self.title, "velocity")


@dataclass(frozen=True)
class ModeEnergies:
    """The five strongest modes' energies (s, n) over periods of the first mode; ``modes`` gives frequencies (n,) and
    energies."""

    modes: Callable[[Trajectory], tuple[np.ndarray, np.ndarray]]

    def __call__(self, trajectory: Trajectory) -> Figure:
        frequencies, energies = self.modes(trajectory)
        periods = trajectory.t * frequencies[0] / (2 * np.pi)
        # Those that ever hold most: with the first mode excited, the lowest ones.
        most = np.sort(np.argsort(-energies.max(axis=0), kind="stable")[:5])
        return plot_modes(
            periods, energies[:, most], (most + 1).tolist(), trajectory.energy,
            "energy of the strongest modes", "periods of the first mode",
        )  # fmt: skip


def before_explosion(trajectory: Trajectory) -> Trajectory:
    """The part of a trajectory worth drawing: before its states grow by three orders of magnitude. An ensemble is left
    whole."""
    if trajectory.batch:
        return trajectory
    size = np.maximum(np.abs(trajectory.q).max(axis=1), np.abs(trajectory.v).max(axis=1))
    wild = np.append(size > 1e3 * (1 + size[0]), True)
    rows = slice(max(2, int(np.argmax(wild))))
    return replace(
        trajectory,
        t=trajectory.t[rows],
        q=trajectory.q[rows],
        v=trajectory.v[rows],
        energy=trajectory.energy[rows],
    )


def propagation(
    orbit: Extremal, gradient: Mapping[str, np.ndarray], adjoint: Mapping[str, np.ndarray], training: Training | None
) -> Figure:
    """An orbit, the elements of the gradient and the adjoint's, and the history of a training."""
    from symdfi.figures import Figure

    widths = [4.8, 4.4] + [8.8] * (training is not None)
    figure = Figure(figsize=(sum(widths), 3.8), layout="constrained")
    parts: Any = figure.subfigures(1, len(widths), width_ratios=widths)
    draw_orbit(parts[0], orbit.dataset)
    axis, start = parts[1].subplots(), 0
    for name, found in gradient.items():
        at = start + np.arange(found.size)
        line = axis.plot(at, np.ravel(found), "o", fillstyle="none", label=name)[0]
        axis.plot(at, np.ravel(adjoint[name]), ".", ms=4, color=line.get_color())
        start += found.size
    axis.axhline(0, lw=0.5, color="black")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set(xlabel="parameter", ylabel="dC/dθ", title="gradient (circles), adjoint (dots)")
    axis.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=4)
    if training is not None:
        draw_training(parts[2], training.dataset)
    return figure
