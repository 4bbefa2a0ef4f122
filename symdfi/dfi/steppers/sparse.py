"""Random sparse updates: a few of the parameters move in a step."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from symdfi.dfi.schemes import Motion, Step
from symdfi.dfi.steppers.base import Stepper
from symdfi.dfi.steppers.inertia import DFI
from symdfi.dfi.steppers.solves import Solves, SpaceRule
from symdfi.linalg.anchored.subspace import Entries
from symdfi.numbers import count, real


@dataclass(frozen=True)
class RSNG(Stepper):
    """Randomized sparse Neural Galerkin (arXiv:2310.04867) around any stepper of least squares: in every step as many
    ``columns`` of J as given move, a number of them or a share in (0, 1), drawn anew for each and kept over its stages.

    The velocity solves the ``stepper``'s own problem, min ‖J v − f‖² + γ‖v − μ a‖², over the v that vanish in all other
    entries: solves cost n s² + s³ for s columns, and J of a redundant ansatz is better conditioned in fewer of them.
    The choice is a function of ``seed`` and the number of the step, so that a run that is taken up again makes the same
    ones.

    Raises ``ValueError`` for a share outside (0, 1), and in the run for more columns than there are; ``TypeError`` in
    the run for a stepper that solves no such problem (``DFO``).
    """

    columns: int | float
    stepper: Stepper = field(default_factory=DFI)
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.columns, float):
            if not 0 < real(self.columns, "columns") < 1:
                raise ValueError(f"columns = {self.columns} is neither a number of columns nor a share between 0 and 1")
        else:
            count(self.columns, "columns", 1)
        count(self.seed, "the seed of RSNG", 0)
        if not isinstance(self.stepper, Stepper):
            raise TypeError(f"the stepper of RSNG is a {type(self.stepper).__name__}: give a Stepper, DFI() say")

    def step(self, solves: Solves, motion: Motion, time: float, h: float) -> Step:
        with solves.within(self._rule(motion)):
            return self.stepper.step(solves, motion, time, h)

    def velocity(self, solves: Solves, motion: Motion, time: float, h: float) -> np.ndarray:
        with solves.within(self._rule(motion)):
            return self.stepper.velocity(solves, motion, time, h)

    def begin(self, solves: Solves, theta: np.ndarray, time: float, h: float) -> np.ndarray:
        with solves.within(self._rule(Motion(theta, np.zeros(theta.size)))):
            return self.stepper.begin(solves, theta, time, h)

    def chosen(self, step: int, p: int) -> np.ndarray:
        """The columns of step ``step`` = 0, 1, ..., ascending."""
        s = self.columns if isinstance(self.columns, int | np.integer) else max(1, round(self.columns * p))
        if s > p:
            raise ValueError(f"RSNG is to move {s} columns of {p}")
        return np.sort(np.random.default_rng([self.seed, step]).permutation(p)[:s])

    def _rule(self, motion: Motion) -> SpaceRule:
        entries = Entries(self.chosen(motion.steps, motion.theta.size), motion.theta.size)
        return lambda theta, time, spaces: entries
