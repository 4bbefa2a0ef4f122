"""The two-step scheme of order 2."""

from __future__ import annotations

from dataclasses import dataclass

from symdfi.dfi.schemes.base import Field, Motion, Scheme, Stage, Step


@dataclass(frozen=True)
class BDF2(Scheme):
    """θ by Adams–Bashforth 2, then v⁺ at θ⁺ anchored at (4v_n − v_{n−1})/3 with weight 3/2 γ: order 2.

    The first step is Heun's, v by implicit Euler. The step must stay constant.
    """

    def step(self, field: Field, motion: Motion, time: float, h: float) -> Step:
        start, v, before = motion.theta, motion.velocity, motion.previous
        if before is None:
            theta = start + h * v
            ahead = field(theta, time + h, v)
            moved = Motion(start + 0.5 * h * (v + ahead), ahead, v)
        else:
            theta = start + h * (1.5 * v - 0.5 * before)
            ahead = field(theta, time + h, (4 * v - before) / 3, span=2 / 3)
            moved = Motion(theta, ahead, v)
        return Step(moved, v, (Stage(0.5, start, time, v), Stage(0.5, theta, time + h, ahead)))
