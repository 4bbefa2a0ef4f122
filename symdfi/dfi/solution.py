"""The result of ``evolve``."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from symdfi.dfi.problem import Problem
from symdfi.dfi.schemes import Motion
from symdfi.plotting import plot_field
from symdfi.results import save

#: What a solution holds at each saved time.
_SAVED = ("t", "theta", "velocity", "residual", "residual_solved", "rate", "gamma", "effective_rank")


@dataclass(frozen=True)
class Solution:
    """Parameters ``theta`` and ``velocity`` (s, p) at the saved times ``t`` (s,).

    ``residual`` and ``residual_solved`` are ‖J v − f‖ in L² on independent points and on those solved on, ``rate``
    is ‖f‖ on the independent points, ``effective_rank`` Σσ²/(σ² + γ) of the last solve before the save. ``last``
    is the motion at the end, from which ``evolve`` continues.
    """

    problem: Problem
    t: np.ndarray
    theta: np.ndarray
    velocity: np.ndarray
    residual: np.ndarray
    residual_solved: np.ndarray
    rate: np.ndarray
    gamma: np.ndarray
    effective_rank: np.ndarray
    dt: float
    stepper: str
    last: Motion

    def evaluate(self, x: np.ndarray, t: float | None = None) -> np.ndarray:
        """û at points ``x`` ((n,) or (n, dim)) and time ``t`` (default: the last); θ is interpolated between
        saves by cubic Hermite polynomials of θ and v."""
        return self.problem.evaluate(self.theta_at(self.t[-1] if t is None else t), x)

    def theta_at(self, t: float) -> np.ndarray:
        """θ(t). ``ValueError`` outside the times computed."""
        if not self.t[0] - 1e-12 <= t <= self.t[-1] + 1e-12:
            raise ValueError(f"t = {t} lies outside the solution, {self.t[0]} to {self.t[-1]}")
        k = int(np.clip(np.searchsorted(self.t, t) - 1, 0, max(len(self.t) - 2, 0)))
        if len(self.t) == 1 or t == self.t[k]:
            return self.theta[k]
        width = self.t[k + 1] - self.t[k]
        s = (t - self.t[k]) / width
        blend = np.array([(1 + 2 * s) * (1 - s) ** 2, s * (1 - s) ** 2, s**2 * (3 - 2 * s), s**2 * (s - 1)])
        ends = np.array([self.theta[k], width * self.velocity[k], self.theta[k + 1], width * self.velocity[k + 1]])
        return blend @ ends

    def then(self, later: Solution) -> Solution:
        """This solution and one that continues it, as one; the moment in common is taken from ``later``.

        Raises ``ValueError`` if ``later`` does not begin where this one ends.
        """
        if later.problem is not self.problem or abs(later.t[0] - self.t[-1]) > 1e-9 * max(1.0, abs(self.t[-1])):
            raise ValueError(f"a solution from t = {later.t[0]} does not continue one until t = {self.t[-1]}")
        joined = {n: np.concatenate([getattr(self, n)[:-1], getattr(later, n)]) for n in _SAVED}
        return dataclasses.replace(later, **joined)

    @property
    def relative_residual(self) -> np.ndarray:
        """‖J v − f‖/‖f‖ on independent points."""
        return self.residual / np.where(self.rate > 0, self.rate, 1.0)

    @property
    def error_bound(self) -> np.ndarray:
        """∫‖J v − f‖ dt at the saved times: ``bound`` for a right-hand side with one-sided Lipschitz constant 0.

        It bounds what the ansatz cannot follow. The error of the time steps and of the initial value is not in
        it: a run with too large a step can stay below this bound and still be wrong."""
        return self.bound(0.0)

    def bound(self, lipschitz: float, initial_error: float = 0.0) -> np.ndarray:
        """‖e(t)‖ ≤ e^{ℓt}‖e₀‖ + ∫ e^{ℓ(t−s)}‖r(s)‖ ds, ℓ a one-sided Lipschitz constant of f, for
        exact integration in time (THEORY-DFI, §1)."""
        time = self.t - self.t[0]
        scaled = self.residual * np.exp(-lipschitz * time)
        pieces = 0.5 * np.diff(time) * (scaled[1:] + scaled[:-1])
        return np.exp(lipschitz * time) * (initial_error + np.concatenate([[0.0], np.cumsum(pieces)]))

    @functools.cached_property
    def dataset(self) -> Any:
        """Everything saved as an ``xarray.Dataset``, with û on a uniform grid in one and two dimensions."""
        import xarray as xr

        data: dict[str, Any] = {
            "theta": (("time", "parameter"), self.theta),
            "velocity": (("time", "parameter"), self.velocity),
            **{
                n: ("time", getattr(self, n))
                for n in ("residual", "residual_solved", "rate", "gamma", "effective_rank", "error_bound")
            },
        }
        coordinates: dict[str, Any] = {"time": self.t}
        names = [str(x) for x in self.problem.ansatz.variables]
        bounds = self.problem.domain.bounds
        if len(bounds) <= 2:
            axes = [np.linspace(a, b, 401 if len(bounds) == 1 else 101) for a, b in bounds]
            points = np.stack([m.ravel() for m in np.meshgrid(*axes, indexing="ij")], axis=1)
            shape = tuple(len(axis) for axis in axes)
            field = np.stack([self.problem.evaluate(theta, points).reshape(shape) for theta in self.theta])
            data["u"] = (("time", *names), field)
            coordinates |= dict(zip(names, axes, strict=True))
        return xr.Dataset(
            data,
            coordinates,
            {
                "equation": str(self.problem.equation),
                "ansatz": str(self.problem.ansatz.expr),
                "stepper": self.stepper,
                "dt": self.dt,
            },
        )

    def save(self, path: str | Path) -> Path:
        """Write the dataset as netCDF."""
        return save(self.dataset, path)

    def plot(self) -> Any:
        """A figure of û over space and time, profiles, and the residual."""
        return plot_field(self.dataset)
