"""Periodic trajectories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from symdfi.dynamics.system import Lagrangian
from symdfi.ep.boundary.base import Boundary, Places, positive
from symdfi.ep.boundary.fixed_ends import check_rule
from symdfi.ep.frame import Ring
from symdfi.ep.rules import Rule

#: What two values of something periodic may differ by, in parts of its size: a period is known to rounding, and a
#: signal that turns over it many times is off by that many roundings.
PERIODIC = 1e-9


@dataclass(frozen=True, init=False)
class Periodic(Boundary):
    """q(0) = q(T) and p(0) = p(T), the period T given (that of the drive).

    ``ValueError`` where L, a force or a drive is not of period T.
    """

    T: float
    periodic = True

    def __init__(self, T: float) -> None:
        object.__setattr__(self, "T", positive(T))

    def check_system(self, system: Lagrangian, rule: Rule) -> None:
        check_rule(system, rule)

    def check_signal(self, name: str, values: np.ndarray, function: Callable | None, times: np.ndarray) -> None:
        if function is None:
            # Sampled at both ends, it is to be the same there; sampled between them there is nothing to compare.
            if times[0] == 0 and times[-1] == self.T and not _is_close(values[0], values[-1], values):
                raise ValueError(f"{name} is not periodic: it is {values[0]} at t = 0 and {values[-1]} at T = {self.T}")
            return
        first, last = np.asarray(function(0.0), float), np.asarray(function(self.T), float)
        if _is_close(first, last, values):
            return
        # It may jump where the period ends: then it is the same one period later.
        try:
            later = np.array([function(time + self.T) for time in times], float).reshape(values.shape)
        except (ValueError, ArithmeticError, LookupError):  # known up to T alone
            later = np.full(values.shape, np.nan)
        if not _is_close(values, later, values):
            raise ValueError(
                f"{name} is not of period T = {self.T}: it is {first} at t = 0 and {last} at T, and another one a "
                "period later"
            )

    def frame(self, places: Places, nodes: int, degree: int) -> Ring:
        return Ring(degree, (nodes - 1) // degree)

    def guess(self, places: Places, part: np.ndarray) -> np.ndarray:
        return np.zeros((part.size, places.n_dof))


def _is_close(one: np.ndarray, other: np.ndarray, scale: np.ndarray) -> bool:
    size = float(np.max(np.abs(scale), initial=0.0))
    return bool(np.all(np.abs(np.asarray(one) - other) <= PERIODIC * size))
