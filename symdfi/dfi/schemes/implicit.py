"""What diagonally implicit Runge–Kutta schemes share."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from symdfi.dfi.gauss_newton import GaussNewton
from symdfi.dfi.schemes.base import Estimate, Field, Motion, Scheme, Stage, Step

#: The rows a_{i1} … a_{ii} of a tableau, the last of which are the weights b.
Tableau = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class DiagonallyImplicit(Scheme, abc.ABC):
    """û_i − h a_ii f(û_i) = û_n + h Σ_{j<i} a_ij f_j, i = 1 … m, and û⁺ = û_m: schemes for stiff right sides.

    The equations hold for û, not for θ: each stage is the θ whose û comes closest, by regularised Gauss–Newton
    (``newton``), θ_i = θ_n + h Σ_{j<i} a_ij v_j + h a_ii v_i with v_i anchored at the stage before it. So every step
    ends as close to where it should as the ansatz allows, where explicit steps add up what tangents miss.

    f_j is the rate (û_j − b)/(h a_jj) that the stage equation û_j − h a_jj f_j = b gives, not f at û_j: a stiff f makes
    much of what the ansatz does not hold. A first row (0,) is an explicit stage at the beginning of the
    step, whose rate is J v.
    """

    newton: GaussNewton = field(default_factory=GaussNewton)

    @property
    @abc.abstractmethod
    def tableau(self) -> Tableau:
        """a by rows."""

    @property
    def embedded(self) -> tuple[tuple[float, ...], int] | None:
        """The weights of an embedded result, and the order of the less accurate one of the two."""
        return None

    def step(self, field: Field, motion: Motion, time: float, h: float) -> Step:
        problem, rows = field.problem, self.tableau
        start = problem.weighted(motion.theta, fresh=False)
        part = 1 / len(rows)
        v, stages, rates = motion.velocity, [], []
        for weight, row in zip(rows[-1], rows, strict=True):
            *before, own = row
            at = time + h * sum(row)
            if own == 0:
                theta, v = motion.theta, field(motion.theta, time, v, span=part, fade=part)
                rate = problem.tangents(theta, v, time, fresh=False)[0]
            else:
                base = motion.theta + h * _sum(before, [stage.velocity for stage in stages])
                known, span = start + h * _sum(before, rates), h * own
                v = self.newton.solve(field, base, known, span, at, v, part)
                theta = base + span * v
                rate = (problem.weighted(theta, fresh=False) - known) / span
            stages.append(Stage(weight, theta, at, v))
            rates.append(rate)
        first = stages[0].velocity
        return Step(Motion(stages[-1].theta, v, motion.velocity), first, tuple(stages), self._estimate(h, rates))

    def _estimate(self, h: float, rates: list[np.ndarray]) -> Estimate | None:
        if self.embedded is None:
            return None
        weights, order = self.embedded
        differences = [own - other for own, other in zip(self.tableau[-1], weights, strict=True)]
        return Estimate(h * float(np.linalg.norm(_sum(differences, rates))), order)


def _sum(weights: Sequence[float], parts: list[np.ndarray]) -> np.ndarray | float:
    """Σ weight part."""
    return sum((weight * part for weight, part in zip(weights, parts, strict=True)), 0.0)
