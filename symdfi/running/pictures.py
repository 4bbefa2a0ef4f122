"""Pictures of a trajectory that a model can ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from symdfi.compile.kernels.function import compile as compile_function
from symdfi.dynamics import Trajectory
from symdfi.plotting import plot_modes, plot_space_time, plot_trajectory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Picture = Callable[[Trajectory], "Figure"]


def coordinates(trajectory: Trajectory) -> Figure:
    """Coordinates and energy over time."""
    return plot_trajectory(trajectory.dataset)


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
    """The part of a trajectory worth drawing: before its states grow by three orders of magnitude."""
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
