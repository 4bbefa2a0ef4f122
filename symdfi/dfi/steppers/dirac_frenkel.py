"""Dirac–Frenkel dynamics without inertia."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from symdfi.dfi.schemes import Motion, Scheme, Step
from symdfi.dfi.steppers.base import Stepper, at_most_one, scheme_of
from symdfi.dfi.steppers.field import AnchoredField
from symdfi.dfi.steppers.solves import Solves
from symdfi.linalg import AnchoredSolver, Auto, TruncatedSVD


@dataclass(frozen=True)
class DiracFrenkel(Stepper):
    """Dirac–Frenkel: v = argmin ‖J v − f‖² + γ‖v‖² (Tikhonov, ``gamma``), or the minimum-norm solution with
    singular values below ``rtol`` σ₁ cut off (``rtol``). Exactly one of the two is given.

    ``relative`` counts γ in units of σ₁(J)²; γ = 0 is plain Dirac–Frenkel, singular where J loses rank. ``scheme``:
    a ``Scheme``, or the name of one, as of ``DFI``.
    """

    gamma: float | None = None
    rtol: float | None = None
    relative: bool = False
    scheme: str | Scheme = "rk4"
    solver: AnchoredSolver = field(default_factory=Auto)

    def __post_init__(self) -> None:
        scheme_of(self.scheme)
        at_most_one(gamma=self.gamma, rtol=self.rtol)
        if self.gamma is None and self.rtol is None:
            raise ValueError("give one of gamma and rtol")

    def velocity(self, solves: Solves, motion: Motion, time: float, h: float) -> np.ndarray:
        return self._field(solves)(motion.theta, time, motion.velocity)

    def step(self, solves: Solves, motion: Motion, time: float, h: float) -> Step:
        return scheme_of(self.scheme).step(self._field(solves), motion, time, h)

    def _field(self, solves: Solves) -> AnchoredField:
        solver, gamma = (self.solver, self.gamma) if self.gamma is not None else (TruncatedSVD(self.rtol or 0.0), 0.0)
        return AnchoredField(solves, solver, lambda span, fade: (gamma, 0.0), self.relative)
