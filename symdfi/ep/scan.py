"""How the gradient of a finite nudge depends on its size."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from symdfi.ep.nudging import Finite, adjoint
from symdfi.ep.orbit import Orbit
from symdfi.errors import ConvergenceError, PrecisionWarning
from symdfi.numbers import finite_reals
from symdfi.pickling import Bare
from symdfi.plotting import plot_nudges

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class NudgeScan(Bare):
    """Relative errors of gradients, ‖g − g*‖/‖g*‖ with the exact g*, by scheme and size of the nudge: (sizes,), NaN
    where a nudge was refused."""

    betas: np.ndarray
    errors: dict[str, np.ndarray]

    def best(self, scheme: str) -> float:
        """The size with the smallest error."""
        return float(self.betas[np.nanargmin(self.errors[scheme])])

    @functools.cached_property
    def dataset(self) -> xr.Dataset:
        """The errors by β."""
        import xarray as xr  # slow to import

        data = {name: ("beta", values, {"long_name": "relative error"}) for name, values in self.errors.items()}
        return xr.Dataset(data, {"beta": ("beta", self.betas, {"long_name": "size of the nudge"})})

    def plot(self) -> Figure:
        """The errors against β, in logarithms."""
        return plot_nudges(self.dataset)


def scan(
    free: Orbit, names: Sequence[str], betas: np.ndarray, schemes: dict[str, Callable[[float], Finite]]
) -> NudgeScan:
    """The errors at a free orbit, of the derivatives by parameters named. ``ValueError`` for sizes that are not
    positive, ``SymbolicError`` where nudges do not give the gradient."""
    betas = finite_reals(betas, "the sizes of nudges")
    if betas.ndim != 1 or not betas.size or not np.all(betas > 0):
        raise ValueError("the sizes of nudges are a list of positive numbers")

    def flat(gradient: dict[str, np.ndarray]) -> np.ndarray:
        return np.concatenate([np.ravel(gradient[name]) for name in names])

    exact = flat(adjoint(free))
    size, errors = float(np.linalg.norm(exact)) or 1.0, {}
    for label, scheme in schemes.items():
        found = np.full(betas.size, np.nan)
        for k, beta in enumerate(betas):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", PrecisionWarning)  # it is what the scan shows
                try:
                    found[k] = np.linalg.norm(flat(scheme(float(beta)).gradient(free)) - exact) / size
                except ConvergenceError:
                    continue
        errors[label] = found
    return NudgeScan(betas, errors)
