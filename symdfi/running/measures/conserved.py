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

#: The part of what an integral sums up that may be rounding.
_NOTHING = 1e3 * float(np.finfo(float).eps)


@dataclass(frozen=True)
class Conserved:
    """What ``measure`` finds, and ``invariants`` along the solution: expressions by name in ``Integral``s over the
    domain, as for ``Conserving``, summed on the problem's quadrature.

    A drift is relative to the first value, and absolute where that is 0 but for rounding: ``scale`` in the dataset.
    """

    measure: Measure
    invariants: Mapping[str, sp.Expr]

    def __call__(self, settings: Settings, solution: Solution, u0: InitialValue, /) -> Measured:
        found = self.measure(settings, solution, u0)
        functionals = Functionals(solution.problem, self.invariants)
        rows, data = list(found.rows), dict(found.data)
        moments = [functionals.at(theta) for theta in solution.theta]
        for k, name in enumerate(self.invariants):
            values = np.array([moment.values[k] for moment in moments])
            first = float(abs(values[0]))
            scale = first if first > _NOTHING * moments[0].scales[k] else 1.0
            rows.append((f"drift of the {name}", f"{np.abs(values - values[0]).max() / scale:.2e}"))
            data[name] = ("time", values, {"role": "invariant", "scale": scale})
        return Measured(rows, data)
