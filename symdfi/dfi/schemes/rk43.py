"""The classical Runge–Kutta scheme with an estimate of its error."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from symdfi.dfi.schemes.base import Estimate, Field, Motion, Scheme, Step
from symdfi.dfi.schemes.rk4 import RK4

#: A fifth stage at 3/4 of the step, and what the weights of RK4 are more than those of the result of order 3.
_STAGE = np.array([5, 7, 13, -1]) / 32
_MORE = np.array([2, -6, -6, -6, 16]) / 3


@dataclass(frozen=True)
class RK43(Scheme):
    """``RK4``, and a fifth stage for a result of order 3 to compare with (Zonneveld's pair; Hairer, Nørsett and Wanner,
    Solving Ordinary Differential Equations I, §II.4). Steps are those of ``RK4``."""

    def step(self, field: Field, motion: Motion, time: float, h: float) -> Step:
        taken = RK4().step(field, motion, time, h)
        velocities = [stage.velocity for stage in taken.stages]
        at = motion.theta + h * (_STAGE @ velocities)
        velocities.append(field(at, time + 0.75 * h, velocities[-1], span=0.25, fade=0.0))
        other = taken.motion.theta - h * (_MORE @ velocities)
        both = [field.problem.weighted(theta, fresh=False) for theta in (taken.motion.theta, other)]
        return replace(taken, estimate=Estimate(float(np.linalg.norm(both[1] - both[0])), 3))
