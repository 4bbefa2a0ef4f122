"""The result of ``evolve``."""

from __future__ import annotations

import dataclasses
import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from symdfi.dfi.problem import Problem
from symdfi.dfi.schemes import Motion
from symdfi.errors import DivergenceError
from symdfi.numbers import real, reals
from symdfi.pickling import Bare
from symdfi.plotting import plot_field
from symdfi.results import distinct, hermite, save

#: What a solution holds at each saved time.
_SAVED = ("t", "theta", "velocity", "residual", "residual_solved", "rate", "gamma", "effective_rank")
#: The logarithm of the largest number.
_LARGEST = float(np.log(np.finfo(float).max))
#: ... and of each step.
_STEPS = ("step_t", "step_dt", "step_residual", "step_defect")


@dataclass(frozen=True)
class Solution(Bare):
    """Parameters ``theta`` and ``velocity`` (s, p) at the saved times ``t`` (s,).

    ``residual`` and ``residual_solved`` are ‖J v − f‖ in L² on independent points and on those solved on, ``rate``
    is ‖f‖ on the independent points, ``effective_rank`` Σσ²/(σ² + γ) of the last solve before the save.

    Of each of the k steps, from ``step_t`` (k,) on and ``step_dt`` long, on independent points in L²: ``step_residual``
    is ∫‖J θ̇ − f‖ dt along the path through the step, ``step_defect`` ‖û⁺ − û − ∫f dt‖ (``dfi.defect``).

    ``last`` is the motion at the end, from which ``evolve`` continues.
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
    step_t: np.ndarray
    step_dt: np.ndarray
    step_residual: np.ndarray
    step_defect: np.ndarray
    dt: float
    stepper: str
    last: Motion

    def __repr__(self) -> str:
        return f"Solution(t = {self.t[0]:g} to {self.t[-1]:g}, {len(self.t)} saves of {self.theta.shape[1]} parameters)"

    def evaluate(self, x: np.ndarray, t: float | np.ndarray | None = None) -> np.ndarray:
        """û at points ``x`` ((n,) or (n, dim)) and time ``t`` (default: the last) as ``Problem.evaluate`` gives it,
        (n,) or (F, n) of F fields, one after the other for several times, (len(t), n) or (len(t), F, n); θ is
        interpolated between saves by cubic Hermite polynomials of θ and v.

        Raises ``ValueError`` for a time outside those computed.
        """
        times = reals(self.t[-1] if t is None else t, "t")
        if times.ndim > 1:
            raise ValueError(f"times of shape {times.shape}: expected a number or (k,)")
        values = [self.problem.evaluate(theta, x) for theta in self.theta_at(np.atleast_1d(times))]
        if times.ndim == 0:
            return values[0]
        return np.stack(values) if values else np.empty((0, *self.problem.evaluate(self.theta[-1], x).shape))

    def theta_at(self, t: float | np.ndarray) -> np.ndarray:
        """θ(t), (p,) or (k, p) for k times. ``ValueError`` outside the times computed."""
        return hermite(self.t, self.theta, self.velocity, t)

    def then(self, later: Solution) -> Solution:
        """This solution and one that continues it, as one; the moment in common is taken from ``later``.

        Raises ``ValueError`` if ``later`` does not begin where this one ends.
        """
        if later.problem is not self.problem or abs(later.t[0] - self.t[-1]) > 1e-9 * max(1.0, abs(self.t[-1])):
            raise ValueError(f"a solution from t = {later.t[0]} does not continue one until t = {self.t[-1]}")
        saved = {n: np.concatenate([getattr(self, n)[:-1], getattr(later, n)]) for n in _SAVED}
        steps = {n: np.concatenate([getattr(self, n), getattr(later, n)]) for n in _STEPS}
        return dataclasses.replace(later, **saved, **steps)

    @property
    def relative_residual(self) -> np.ndarray:
        """‖J v − f‖/‖f‖ on independent points."""
        return self.residual / np.where(self.rate > 0, self.rate, 1.0)

    @property
    def error_bound(self) -> np.ndarray:
        """``bound`` at the saved times for a right-hand side with one-sided Lipschitz constant 0 (advection, diffusion)
        and an exact initial value: what the steps stray, added up."""
        return self.bound(0.0)

    def bound(self, lipschitz: float, initial_error: float = 0.0) -> np.ndarray:
        """‖e‖ in L² at the saved times at most: e_{k+1} = e^{ℓh} e_k + max(1, e^{ℓh}) δ_k from the given e₀ on.

        ℓ is a one-sided Lipschitz constant of f, ⟨f(u) − f(w), u − w⟩ ≤ ℓ‖u − w‖², and δ_k = ∫‖J θ̇ − f‖ dt over the
        step, or its defect ‖û⁺ − û − ∫f dt‖ if that is larger, as it is where the path is not resolved
        (THEORY-DFI, §1; ``dfi.defect``). Both what the ansatz cannot follow and the error of the time steps are in it,
        the latter with order 1 (Euler), 2 (BDF2) and 3 (RK4, the resolution). It is as good as the quadratures in
        space and time: of what no independent point sees it knows nothing. ``DivergenceError`` where it overflows.
        """
        lipschitz, grown = real(lipschitz, "lipschitz"), [real(initial_error, "initial_error")]
        strays = np.maximum(self.step_residual, self.step_defect)
        for h, strayed in zip(self.step_dt.tolist(), strays.tolist(), strict=True):
            factor = math.exp(min(lipschitz * h, _LARGEST))
            grown.append(factor * grown[-1] + max(1.0, factor) * strayed)
        if not np.isfinite(grown).all():
            step = int(np.argmin(np.isfinite(grown)))
            raise DivergenceError(f"the bound is not finite after step {step}, of lipschitz = {lipschitz:g}", step=step)
        # A saved time is the end of as many steps as have their middle before it.
        return np.array(grown)[np.searchsorted(self.step_t + 0.5 * self.step_dt, self.t)]

    @functools.cached_property
    def dataset(self) -> Any:
        """Everything saved as an ``xarray.Dataset``, with û on a uniform grid in one and two dimensions: as "u", or of
        several fields each under its name."""
        import xarray as xr

        data: dict[str, Any] = {
            "theta": (("time", "parameter"), self.theta),
            "velocity": (("time", "parameter"), self.velocity),
            **{
                n: ("time", getattr(self, n))
                for n in ("residual", "residual_solved", "rate", "gamma", "effective_rank", "error_bound")
            },
            **{n: ("step", getattr(self, n)) for n in _STEPS},
        }
        coordinates: dict[str, Any] = {"time": self.t}
        taken = [*data, "time", "step", "parameter"]
        fields = distinct(self.problem.field_names, taken)
        names = distinct(map(str, self.problem.ansatz.variables), [*taken, *fields])
        bounds = self.problem.domain.bounds
        if len(bounds) <= 2:
            axes = [np.linspace(a, b, 401 if len(bounds) == 1 else 101) for a, b in bounds]
            points = np.stack([m.ravel() for m in np.meshgrid(*axes, indexing="ij")], axis=1)
            shape = tuple(len(axis) for axis in axes)
            values = np.stack([self.problem.values(theta, points) for theta in self.theta])
            for component, name in enumerate(fields):
                of = values[..., component].reshape(len(self.theta), *shape)
                data[name] = (("time", *names), of, {"role": "field"})
            coordinates |= dict(zip(names, axes, strict=True))
        return xr.Dataset(
            data,
            coordinates,
            {
                "equation": str(self.problem.equation),
                "ansatz": ", ".join(map(str, self.problem.ansatz.exprs)),
                "stepper": self.stepper,
                "dt": self.dt,
            },
        )

    def save(self, path: str | Path) -> Path:
        """Write the dataset as netCDF."""
        return save(self.dataset, path)

    def plot(self) -> Any:
        """A figure of û over space and time and profiles, of every field, and the residual."""
        return plot_field(self.dataset)
