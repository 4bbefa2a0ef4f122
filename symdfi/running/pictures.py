"""Pictures of a trajectory that a model can ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from symdfi.compile.kernels.function import compile as compile_function
from symdfi.dynamics import Trajectory
from symdfi.plotting import (
    Film,
    draw_orbit,
    draw_training,
    film_of_elements,
    film_of_path,
    plot_modes,
    plot_space_time,
    plot_trajectory,
)
from symdfi.plotting.motions import MOST_LINES
from symdfi.plotting.style import greek, legend, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from symdfi.ep import Orbit as Extremal
    from symdfi.ep import Training

Picture = Callable[[Trajectory], "Figure"]


@dataclass(frozen=True)
class Coordinates:
    """Coordinates and energy over time; of an ensemble those of its first member."""

    def __call__(self, trajectory: Trajectory) -> Figure:
        return plot_trajectory(_one(trajectory).dataset)

    def film(self, trajectory: Trajectory) -> Film:
        """The elements of the longest coordinate side by side, or the points in the phase plane."""
        one = _one(trajectory)
        longest = max((one[q].reshape(len(one.t), -1) for q in one.system.coordinates), key=lambda q: q.shape[1])
        if longest.shape[1] > MOST_LINES:
            return film_of_elements(one.t, longest, "displacements")
        return film_of_path(one.t, one.q, one.v, "coordinate", "velocity")


coordinates = Coordinates()


def _one(trajectory: Trajectory) -> Trajectory:
    return trajectory.member(*(0 for _ in trajectory.batch)) if trajectory.batch else trajectory


@dataclass(frozen=True)
class Orbit:
    """Coordinates and energy over time, and the path of the point (x, y): expressions in coordinates and parameters."""

    x: sp.Expr
    y: sp.Expr

    def __call__(self, trajectory: Trajectory) -> Figure:
        return plot_trajectory(trajectory.dataset, path=self._path(trajectory))

    def film(self, trajectory: Trajectory) -> Film:
        """The point on its path."""
        return film_of_path(trajectory.t, *self._path(trajectory), "x", "y", equal=True)

    def _path(self, trajectory: Trajectory) -> tuple[np.ndarray, np.ndarray]:
        symbols = sorted(self.x.free_symbols | self.y.free_symbols, key=str)
        known = trajectory.params
        values = {s: known[s] if s in known else trajectory[s] for s in symbols}
        point = compile_function({"x": self.x, "y": self.y}, symbols)(values)
        return point["x"], point["y"]


@dataclass(frozen=True)
class VelocityField:
    """The velocities of a lattice over place and time."""

    title: str

    def __call__(self, trajectory: Trajectory) -> Figure:
        conserved = trajectory.system.conserves_energy
        work = None if conserved else trajectory.work
        return plot_space_time(
            trajectory.t, trajectory.v, trajectory.energy, self.title, conserved=conserved, work=work
        )

    def film(self, trajectory: Trajectory) -> Film:
        """The velocities side by side."""
        return film_of_elements(trajectory.t, trajectory.v, self.title)


@dataclass(frozen=True)
class ModeEnergies:
    """The five strongest modes' energies (s, n) over periods of the first mode; ``modes`` gives frequencies (n,) and
    energies."""

    modes: Callable[[Trajectory], tuple[np.ndarray, np.ndarray]]

    def film(self, trajectory: Trajectory) -> Film:
        """The displacements side by side."""
        return film_of_elements(trajectory.t, trajectory.q, "displacements")

    def __call__(self, trajectory: Trajectory) -> Figure:
        frequencies, energies = self.modes(trajectory)
        conserved = trajectory.system.conserves_energy
        periods = trajectory.t * frequencies[0] / (2 * np.pi)
        # Those that ever hold most: with the first mode excited, the lowest ones.
        most = np.sort(np.argsort(-energies.max(axis=0), kind="stable")[:5])
        return plot_modes(
            periods, energies[:, most], (most + 1).tolist(), trajectory.energy,
            "energy of the strongest modes", "periods of the first mode",
            conserved=conserved, work=None if conserved else trajectory.work,
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


@styled
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
        line = axis.plot(at, np.ravel(found), "o", fillstyle="none", label=greek(name))[0]
        axis.plot(at, np.ravel(adjoint[name]), ".", ms=4, color=line.get_color())
        start += found.size
    axis.axhline(0, lw=0.5, color="black")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set_xlim(-0.5, start - 0.5)
    axis.set(xlabel="parameter", ylabel="dC/dθ", title="gradient (circles), adjoint (dots)")
    legend(axis, 4)
    if training is not None:
        draw_training(parts[2], training.dataset)
    return figure


def film_of_orbit(orbit: Extremal) -> Film:
    """The elements of many coordinates side by side, or each of a few against time."""
    dataset = orbit.dataset
    time = dataset["time"].values
    own = [values for values in dataset.data_vars.values() if values.attrs.get("role") == "coordinate"]
    q = np.concatenate([values.values.reshape(len(time), -1) for values in own], axis=1)
    if q.shape[1] > MOST_LINES:
        return film_of_elements(time, q, "displacements")
    return film_of_path(time, np.repeat(time[:, None], q.shape[1], axis=1), q, "time", "coordinates")
