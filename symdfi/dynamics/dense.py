"""Dense output: states between the steps of an adaptive method, from what it kept of every step."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


class Interpolant(abc.ABC):
    """The states of one member between its steps."""

    @property
    @abc.abstractmethod
    def span(self) -> tuple[float, float]:
        """The first and the last time."""

    @abc.abstractmethod
    def __call__(self, t: ArrayLike) -> np.ndarray:
        """States (..., 2 n_dof), coordinates first, at times (...)."""


@dataclass(frozen=True)
class StepPolynomials(Interpolant):
    """One polynomial a step: ``t``, ``h`` (k,) and the states ``y`` (k, n) the steps begin with, and the coefficients
    ``F`` (k, degree, n) in x = (t − t_k)/h_k, multiplied by x and 1 − x in turn (Hairer,
    Nørsett & Wanner, II.6), up to the time ``end``."""

    t: np.ndarray
    h: np.ndarray
    y: np.ndarray
    F: np.ndarray
    end: float

    @property
    def span(self) -> tuple[float, float]:
        return float(self.t[0]), self.end

    def __call__(self, t: ArrayLike) -> np.ndarray:
        at = np.asarray(t, dtype=float)
        ahead = 1.0 if self.h[0] > 0 else -1.0
        step = np.clip(np.searchsorted(ahead * self.t, ahead * at.ravel(), side="right") - 1, 0, len(self.t) - 1)
        x = ((at.ravel() - self.t[step]) / self.h[step])[:, None]
        total = np.zeros((at.size, self.y.shape[1]))
        for c in range(self.F.shape[1] - 1, -1, -1):
            total = (total + self.F[step, c]) * (1.0 - x if c % 2 else x)
        return (self.y[step] + total).reshape(*at.shape, -1)


@dataclass(frozen=True)
class SciPyPolynomials(Interpolant):
    """A ``scipy.integrate.OdeSolution``."""

    solution: Any

    @property
    def span(self) -> tuple[float, float]:
        return float(self.solution.ts[0]), float(self.solution.ts[-1])

    def __call__(self, t: ArrayLike) -> np.ndarray:
        at = np.asarray(t, dtype=float)
        return self.solution(at.ravel()).T.reshape(*at.shape, -1)


def resting(t: float, y: np.ndarray) -> Interpolant:
    """What there is before the first step: the state ``y`` at the time ``t`` alone."""
    return StepPolynomials(np.array([t]), np.ones(1), y[None], np.zeros((1, 1, y.size)), t)
