"""Time schemes for θ̇ = v, where v at any θ is a least-squares solve anchored at a nearby velocity.

Each is one small class; a new one needs ``step`` only (THEORY-DFI, §1–2).
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

#: ``field(theta, time, anchor, factor)``: the velocity at θ anchored at ``anchor``, with γ times ``factor``.
Field = Callable[[np.ndarray, float, np.ndarray, float], np.ndarray]


@dataclass(frozen=True)
class Motion:
    """Parameters, the velocity there (or the latest solved one), and the velocity a step before it."""

    theta: np.ndarray
    velocity: np.ndarray
    previous: np.ndarray | None = None


class Scheme(abc.ABC):
    """One step of a time scheme."""

    @abc.abstractmethod
    def step(self, field: Field, motion: Motion, time: float, h: float) -> tuple[Motion, np.ndarray]:
        """The motion a step later, and the velocity used at the step's beginning (for its residual)."""


@dataclass(frozen=True)
class Euler(Scheme):
    """v⁺ = solve at θ_n anchored at v_n, θ⁺ = θ_n + h v⁺: order 1."""

    def step(self, field: Field, motion: Motion, time: float, h: float) -> tuple[Motion, np.ndarray]:
        v = field(motion.theta, time, motion.velocity, 1.0)
        return Motion(motion.theta + h * v, v, motion.velocity), v


@dataclass(frozen=True)
class BDF2(Scheme):
    """θ by Adams–Bashforth 2, then v⁺ at θ⁺ anchored at (4v_n − v_{n−1})/3 with weight 3/2 γ: order 2.

    The first step is Heun's. The step must stay constant.
    """

    def step(self, field: Field, motion: Motion, time: float, h: float) -> tuple[Motion, np.ndarray]:
        v, before = motion.velocity, motion.previous
        if before is None:
            v = field(motion.theta, time, v, 1.0)
            ahead = field(motion.theta + h * v, time + h, v, 1.0)
            return Motion(motion.theta + 0.5 * h * (v + ahead), ahead, v), v
        theta = motion.theta + h * (1.5 * v - 0.5 * before)
        ahead = field(theta, time + h, (4 * v - before) / 3, 1.5)
        return Motion(theta, ahead, v), v


@dataclass(frozen=True)
class RK4(Scheme):
    """The classical Runge–Kutta scheme in θ, every stage anchored at the stage before it.

    Formally of order 1 in the inertia with a tiny constant, of order 4 where J has full rank and γ is small.
    """

    def step(self, field: Field, motion: Motion, time: float, h: float) -> tuple[Motion, np.ndarray]:
        theta = motion.theta
        k1 = field(theta, time, motion.velocity, 1.0)
        k2 = field(theta + 0.5 * h * k1, time + 0.5 * h, k1, 1.0)
        k3 = field(theta + 0.5 * h * k2, time + 0.5 * h, k2, 1.0)
        k4 = field(theta + h * k3, time + h, k3, 1.0)
        return Motion(theta + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), k4, motion.velocity), k1


@dataclass(frozen=True)
class ExtrapolatedRK4(Scheme):
    """RK4 in θ, the stages anchored on the line through the last two velocities: order 2.

    Null components of v grow linearly; damp them (μ < 1).
    """

    def step(self, field: Field, motion: Motion, time: float, h: float) -> tuple[Motion, np.ndarray]:
        theta, v = motion.theta, motion.velocity
        slope = np.zeros_like(v) if motion.previous is None else v - motion.previous
        k1 = field(theta, time, v, 1.0)
        k2 = field(theta + 0.5 * h * k1, time + 0.5 * h, v + 0.5 * slope, 1.0)
        k3 = field(theta + 0.5 * h * k2, time + 0.5 * h, v + 0.5 * slope, 1.0)
        k4 = field(theta + h * k3, time + h, v + slope, 1.0)
        return Motion(theta + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), k4, v), k1
