"""What all steppers share."""

from __future__ import annotations

import abc

import numpy as np

from symdfi.choices import chosen
from symdfi.dfi.schemes import SCHEMES, Motion, Scheme, Step
from symdfi.dfi.steppers.solves import Solves
from symdfi.numbers import one_real
from symdfi.showing import Settings


class Stepper(Settings, abc.ABC):
    """Advances the parameters of an ansatz in time. It holds settings only: what it keeps from step to step is in the
    ``own`` of the run's ``Motion``."""

    @abc.abstractmethod
    def velocity(self, solves: Solves, motion: Motion, time: float, h: float) -> np.ndarray:
        """θ̇ where the motion has come to, as it is saved at the end of a run."""

    @abc.abstractmethod
    def step(self, solves: Solves, motion: Motion, time: float, h: float) -> Step:
        """The step of length h."""

    def begin(self, solves: Solves, theta: np.ndarray, time: float, h: float) -> np.ndarray:
        """The velocity to start from."""
        return self.velocity(solves, Motion(theta, np.zeros(theta.size)), time, h)


def scheme_of(scheme: str | Scheme) -> Scheme:
    """A scheme, or the one of that name. ``ValueError`` for another name."""
    return chosen(scheme, Scheme, SCHEMES, "scheme", "sd.dfi.RK43()")


def at_most_one(**values: float | None) -> None:
    """``ValueError`` if several are given, or one that is negative or not finite."""
    given = {name: value for name, value in values.items() if value is not None}
    if len(given) > 1:
        raise ValueError(f"give only one of {' and '.join(values)}")
    for name, value in given.items():
        if not 0 <= one_real(value, name) < np.inf:
            raise ValueError(f"{name} = {value} must be finite and not negative")
