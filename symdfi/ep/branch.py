"""Branches of orbits."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from symdfi.ep.homotopy import Equations
from symdfi.ep.integrals import cost_of
from symdfi.ep.orbit import Orbit
from symdfi.ep.sensitivity import shaped
from symdfi.ep.setting import Setting
from symdfi.pickling import Bare
from symdfi.plotting import plot_branch
from symdfi.results import save

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Point(Bare):
    """An orbit's nodes ``q`` (nodes, d) on the grid of ``setting``, where on the way it is, and the unknowns ``u``."""

    s: float
    setting: Setting
    q: np.ndarray
    u: np.ndarray

    @property
    def T(self) -> float:
        return self.setting.boundary.T

    @property
    def amplitude(self) -> float:
        """max |q|."""
        return float(np.max(np.abs(self.q)))


@dataclass(frozen=True)
class Branch(Bare):
    """Orbits along a change of what is given: ``points`` in order, ``folds`` and ``branch_points`` among them, and the
    ``reason`` why it ends."""

    equations: Equations
    points: tuple[Point, ...]
    folds: tuple[Point, ...]
    branch_points: tuple[Point, ...]
    reason: str

    def __repr__(self) -> str:
        return (
            f"Branch({len(self.points)} points, s = {self.s[0]:g} to {self.s[-1]:.6g}, {len(self.folds)} folds, "
            f"{len(self.branch_points)} branch points; {self.reason})"
        )

    @property
    def is_complete(self) -> bool:
        """Whether what was asked for was reached."""
        return self.points[-1].s == 1

    @property
    def s(self) -> np.ndarray:
        """Where on the way the points are: from 0, what was, to 1, what was asked for."""
        return np.array([point.s for point in self.points])

    def params(self, point: Point) -> dict[str, np.ndarray]:
        """The parameters of a point by name."""
        shapes = self.equations.homotopy.system.shapes(point.setting)
        return shaped(point.setting.params, shapes)

    def beta(self, point: Point) -> float:
        """The nudge of a point."""
        return float(np.real(self.equations.homotopy.beta(point.s)))

    def orbit(self, point: Point | None = None) -> Orbit:
        """A point, the last if none is named, as an orbit, with factors, gradients and multipliers; at a fold the
        equations are singular, and a gradient has no meaning."""
        point = self.points[-1] if point is None else point
        return self.equations.orbit(point.u, point.s)

    @functools.cached_property
    def dataset(self) -> xr.Dataset:
        """s, T, β, amplitude and cost of the points, and their nodes; s and amplitude of folds and branch points."""
        import xarray as xr  # slow to import

        points, system = self.points, self.equations.homotopy.system
        costs = [point.setting.share * cost_of(system, point.setting, point.q) for point in points]
        data = {
            "s": ("point", self.s, {"long_name": "part of the way"}),
            "T": ("point", [point.T for point in points], {"long_name": "period or end time"}),
            "beta": ("point", [self.beta(point) for point in points], {"long_name": "nudge"}),
            "amplitude": ("point", [point.amplitude for point in points], {"long_name": "largest |q|"}),
            "cost": ("point", costs, {"long_name": "cost"}),
            "q": (("point", "node", "dof"), np.array([point.q for point in points]), {"long_name": "nodes"}),
        }
        for name, marked in (("fold", self.folds), ("branch_point", self.branch_points)):
            data[f"{name}_s"] = (name, np.array([point.s for point in marked]), {"long_name": "part of the way"})
            sizes = np.array([point.amplitude for point in marked])
            data[f"{name}_amplitude"] = (name, sizes, {"long_name": "largest |q|"})
        return xr.Dataset(data, attrs={"reason": self.reason, "lagrangian": str(system.system.lagrangian)})

    def save(self, path: str | Path) -> Path:
        """Write the dataset as netCDF."""
        return save(self.dataset, path)

    def plot(self) -> Figure:
        """The amplitude along the way, folds and branch points marked."""
        return plot_branch(self.dataset)
