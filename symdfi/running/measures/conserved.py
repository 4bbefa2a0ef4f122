"""What the equation conserves, and how well a solution keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import sympy as sp

from symdfi.dfi import Solution
from symdfi.dfi.invariants import Functionals
from symdfi.running.measures.base import InitialValue, Measure, Measured
from symdfi.running.settings import Settings


@dataclass(frozen=True)
class Conserved:
    """What ``measure`` finds, and ``invariants`` along the solution: expressions by name in ``Integral``s over the
    domain, as for ``Conserving``, summed on the problem's quadrature."""

    measure: Measure
    invariants: Mapping[str, sp.Expr]

    def __call__(self, settings: Settings, solution: Solution, u0: InitialValue, /) -> Measured:
        found = self.measure(settings, solution, u0)
        functionals = Functionals(solution.problem, self.invariants)
        rows, data = list(found.rows), dict(found.data)
        along = np.array([functionals.at(theta).values for theta in solution.theta]).T
        for name, values in zip(self.invariants, along, strict=True):
            drift = np.abs(values - values[0]).max() / (abs(values[0]) or 1.0)
            rows.append((f"drift of the {name}", f"{drift:.2e}"))
            data[name] = ("time", values, {"role": "invariant"})
        return Measured(rows, data)
