"""Euler's scheme."""

from __future__ import annotations

from dataclasses import dataclass

from symdfi.dfi.schemes.base import Field, Motion, Scheme, Stage, Step


@dataclass(frozen=True)
class Euler(Scheme):
    """v⁺ = solve at θ_n anchored at v_n, θ⁺ = θ_n + h v⁺: order 1."""

    def step(self, field: Field, motion: Motion, time: float, h: float) -> Step:
        v = field(motion.theta, time, motion.velocity)
        moved = Motion(motion.theta + h * v, v, motion.velocity)
        # Both ends of the path: from its beginning alone the error of the time step would look like a defect.
        return Step(moved, v, (Stage(0.5, motion.theta, time, v), Stage(0.5, moved.theta, time + h, v)))
