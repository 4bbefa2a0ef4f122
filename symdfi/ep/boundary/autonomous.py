"""Closed orbits of systems without a clock: their phase is free, and often their period."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdfi.dynamics.system import Lagrangian
from symdfi.ep.boundary.base import Boundary, Places, positive
from symdfi.ep.boundary.fixed_ends import check_rule
from symdfi.ep.frame import Ring
from symdfi.ep.rules import Rule
from symdfi.errors import SymbolicError
from symdfi.numbers import finite_reals, real


class Closed(Boundary):
    """A closed orbit that may begin anywhere on itself: ``phase`` pins where.

    Rows φ of conditions φ·(q − q*) = 0, with q* the guess: (k, d), on the state at t = 0, or (k, nodes, d), on the
    whole path; one, the velocity of the guess, ∫ q̇*·(q − q*) dt = 0, if not given. As many as the orbit has soft
    directions: one for its phase, and one for each symmetry and each further family that it belongs to. They hold
    neither parameters nor the nudge, so that the theorem holds as it is.
    """

    phase: np.ndarray | None
    periodic = True

    @property
    def seeks_period(self) -> bool:
        """Whether the period is an unknown."""
        return True

    @property
    def is_mean(self) -> bool:
        """Whether the observable is the mean C/T."""
        return False

    @property
    def takes_functions(self) -> bool:
        return not self.seeks_period

    def check_signal(self, name: str, values: np.ndarray, function: Callable | None, times: np.ndarray) -> None:
        if np.ptp(values, axis=0).any():
            raise ValueError(f"{name} changes with time: then the orbit is none of an autonomous system; use Periodic")

    def frame(self, places: Places, nodes: int, degree: int) -> Ring:
        return Ring(degree, (nodes - 1) // degree)

    def guess(self, places: Places, part: np.ndarray) -> np.ndarray:
        raise ValueError("the search for a closed orbit needs a path to begin with: guess=(nodes, n_dof)")

    def stretched(self, T: float) -> Closed:
        """The same with another period."""
        found = object.__new__(type(self))
        vars(found).update(vars(self), T=T)
        return found


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Autonomous(Closed):
    """Closed orbits of a system without dissipation and without a clock, of a given period T, or of a given ``energy``
    E or ``action`` J = ∮p dq/2π, the search for T then beginning at the one given.

    The extremum over q, and over T where it is free, of (theory of EP, "Closed orbits")

        S (T given),    S + ET (E given),    (2πJ − S)/T = E(J) (J given),

    with the nudge in S. The gradient is that of C = ∫₀ᵀ c dt; where J is given it is that of the mean ⟨c⟩ = C/T, and
    ``Orbit.cost`` is that mean (the semiclassical statement, d⟨c⟩/dθ at fixed J = −d/dβ ⟨∂H/∂θ⟩). Inputs are constant,
    targets arrays over the phase. ``phase``: see ``symdfi.ep.boundary.autonomous.Closed``.

    Raises ``ValueError`` for both an energy and an action.
    """

    T: float
    energy: float | None
    action: float | None
    phase: np.ndarray | None

    def __init__(
        self, T: float, *, energy: float | None = None, action: float | None = None, phase: Any = None
    ) -> None:
        if energy is not None and action is not None:
            raise ValueError("give either the energy or the action: each tells the other")
        for name, value in (("T", positive(T)), ("phase", _rows(phase))):
            object.__setattr__(self, name, value)
        for name, value in (("energy", energy), ("action", action)):
            object.__setattr__(self, name, None if value is None else real(value, f"the {name}"))

    @property
    def seeks_period(self) -> bool:
        return self.energy is not None or self.action is not None

    @property
    def is_mean(self) -> bool:
        return self.action is not None

    def check_system(self, system: Lagrangian, rule: Rule) -> None:
        check_rule(system, rule)
        if system.dissipation != 0 or any(force != 0 for force in system.external_forces):
            raise SymbolicError(
                "with dissipation or generalized forces no energy or action is kept along an orbit, and its period is "
                "not free: use LimitCycle"
            )


@dataclass(frozen=True, init=False, eq=False, repr=False)
class LimitCycle(Closed):
    """The closed orbit of a system with dissipation or generalized forces and without a clock, which tells its own
    period: the search begins at T. The gradient is that of the doubled action. ``phase``: one row, see
    ``symdfi.ep.boundary.autonomous.Closed``."""

    T: float
    phase: np.ndarray | None

    def __init__(self, T: float, *, phase: Any = None) -> None:
        object.__setattr__(self, "T", positive(T))
        object.__setattr__(self, "phase", _rows(phase))
        if self.phase is not None and len(self.phase) != 1:
            raise ValueError(f"a limit cycle stands alone but for its phase: give one row, not {len(self.phase)}")

    def check_system(self, system: Lagrangian, rule: Rule) -> None:
        check_rule(system, rule)
        if system.dissipation == 0 and not any(force != 0 for force in system.external_forces):
            raise SymbolicError(
                "without dissipation or generalized forces a closed orbit is one of a family: use Autonomous, which "
                "takes its period, its energy or its action"
            )


def _rows(phase: Any) -> np.ndarray | None:
    if phase is None:
        return None
    found = finite_reals(phase, "the phase")
    if found.ndim not in (2, 3) or not len(found):
        raise ValueError(f"the phase has shape {found.shape}: give rows (k, n_dof), or (k, nodes, n_dof)")
    return found
