"""What time schemes for θ̇ = v share, where v at any θ is a least-squares solve anchored at a nearby velocity."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from symdfi.dfi.problem import Problem
from symdfi.showing import Settings


@dataclass(frozen=True)
class Motion:
    """Parameters, the velocity there (or the latest solved one), and the velocity a step before it.

    ``own`` is what a stepper keeps from step to step besides, ``steps`` how many there were, and ``samples`` the points
    and weights of the last one where they change: all this belongs to the run, and survives resumption.
    """

    theta: np.ndarray
    velocity: np.ndarray
    previous: np.ndarray | None = None
    own: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 0
    samples: tuple[np.ndarray, np.ndarray] | None = None


class Field(Protocol):
    """The velocity at θ and t, anchored at ``anchor``.

    ``span`` is the part of a step that the anchor is old: ε v̇ = Jᵀ(f − J v) by implicit Euler over span·h has
    the weight γ = ε/(span·h). ``fade`` is the part of the step's damping μ of the anchor that is taken here. Over a
    step the fades add up to 1, so that ε and μ mean the same in every scheme.
    """

    def __call__(
        self, theta: np.ndarray, time: float, anchor: np.ndarray, /, *, span: float = 1.0, fade: float = 1.0
    ) -> np.ndarray: ...

    @property
    def problem(self) -> Problem:
        """The problem at the samples of the step."""
        ...

    def change(
        self, stage: Problem, theta: np.ndarray, time: float, v: np.ndarray, anchor: np.ndarray, /, *,
        span: float = 1.0, fade: float = 1.0,
    ) -> tuple[np.ndarray, float, np.ndarray]:  # fmt: skip
        """y = argmin ‖M y − g‖² + γ‖v + y − μ a‖² with M and g of a ``stage`` (``Problem.stage``) at θ, γ, and μ a."""
        ...

    def allowed(self, theta: np.ndarray, time: float, v: np.ndarray, /) -> np.ndarray:
        """v, or what is left of it where a stepper restricts velocities."""
        ...


@dataclass(frozen=True)
class Stage:
    """A place and velocity on the way of a step: it means to arrive at û⁺ = û + h Σ weight f, to better than the error
    that the time step makes."""

    weight: float
    theta: np.ndarray
    time: float
    velocity: np.ndarray


@dataclass(frozen=True)
class Estimate:
    """By how much û of an embedded result differs, in L² on the points solved on; it goes as h^{order + 1}."""

    error: float
    order: int


@dataclass(frozen=True)
class Step:
    """Where a step has led, the velocity at its beginning, its stages, and an estimate of its error if the scheme has
    one."""

    motion: Motion
    velocity: np.ndarray
    stages: tuple[Stage, ...]
    estimate: Estimate | None = None


class Scheme(Settings, abc.ABC):
    """One step of a time scheme."""

    @abc.abstractmethod
    def step(self, field: Field, motion: Motion, time: float, h: float) -> Step:
        """The step from ``motion`` at ``time``; ``field`` solves for velocities."""
