"""The classical Runge–Kutta scheme."""

from __future__ import annotations

from dataclasses import dataclass

from symdfi.dfi.schemes.base import Field, Motion, Scheme, Stage, Step


@dataclass(frozen=True)
class RK4(Scheme):
    """The classical Runge–Kutta scheme in θ, every stage anchored at the one before it, a quarter of a step away.

    Of order 4 where J has full rank and γ is small; of order 1 in the inertia, with a tiny constant.
    """

    def step(self, field: Field, motion: Motion, time: float, h: float) -> Step:
        theta, v = motion.theta, motion.velocity
        stages: list[Stage] = []
        for weight, part in ((1 / 6, 0.0), (1 / 3, 0.5), (1 / 3, 0.5), (1 / 6, 1.0)):
            at = theta + part * h * v if stages else theta
            v = field(at, time + part * h, v, span=0.25, fade=0.25)
            stages.append(Stage(weight, at, time + part * h, v))
        moved = Motion(theta + h * sum(s.weight * s.velocity for s in stages), v, motion.velocity)
        return Step(moved, stages[0].velocity, tuple(stages))
