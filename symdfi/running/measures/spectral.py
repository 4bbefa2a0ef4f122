"""A spectral solution of the equation, where it is periodic in one space variable."""

from __future__ import annotations

from dataclasses import dataclass

from symdfi.dfi import Solution
from symdfi.errors import ConvergenceError, DivergenceError, SymbolicError
from symdfi.running.measures.base import InitialValue, Measured, of_errors
from symdfi.running.pseudospectral import SpectralEquation
from symdfi.running.settings import Settings
from symdfi.running.spectral import reference
from symdfi.symbolic.given import name_of


@dataclass(frozen=True)
class SpectralReference:
    """Relative L² errors against a spectral solution, whose points are doubled until it changes by less than
    ``tolerance``, up to ``largest`` points. The summary says why where there is none."""

    tolerance: float = 2e-5
    largest: int = 4096

    def __call__(self, settings: Settings, solution: Solution, u0: InitialValue, /) -> Measured:
        problem = solution.problem
        (low, high), *_ = problem.domain.bounds
        if problem.domain.periodic != (True,):
            return Measured([("reference", "none: the domain is no circle")])
        params = {name_of(symbol): value for symbol, value in problem.param_values.items()}
        try:
            spectral = SpectralEquation(problem.equation, low, high, params)
            truth = reference(spectral, u0, solution.t, tolerance=self.tolerance, largest=self.largest)
        except (ConvergenceError, DivergenceError, SymbolicError) as error:
            return Measured([("reference", f"none: {error}")])
        which = f"spectral, {len(truth.x)} points (half as many: {truth.change:.1e} away)"
        return of_errors(which, solution, truth.x[:, None], map(truth.at, solution.t.tolist()))
