"""Nudging schemes: dC/dθ ≈ Σ_m w_m ∂_θS(β_m), S(β) the action nudged by β (signs: see ``symdfi.ep``)."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import numpy as np

from symdfi.numbers import one_real


class Nudging(abc.ABC):
    """The nudges of a scheme and their weights."""

    @property
    @abc.abstractmethod
    def points(self) -> tuple[tuple[float, float], ...]:
        """Pairs ``(β_m, w_m)``; β = 0 stands for the free phase."""


@dataclass(frozen=True)
class OneSided(Nudging):
    """(∂_θS(β) − ∂_θS(0))/β: bias O(β)."""

    beta: float = 1e-3

    def __post_init__(self) -> None:
        _check(self.beta)

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        return ((self.beta, 1 / self.beta), (0.0, -1 / self.beta))


@dataclass(frozen=True)
class Centered(Nudging):
    """(∂_θS(β) − ∂_θS(−β))/2β: bias O(β²).

    None at any β for L quadratic and c linear in the path (a quadratic cost frozen at its error e, c = e·q):
    then the path is linear in β, and ∂_θS quadratic.
    """

    beta: float = 1e-3

    def __post_init__(self) -> None:
        _check(self.beta)

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        return ((self.beta, 0.5 / self.beta), (-self.beta, -0.5 / self.beta))


def _check(beta: float) -> None:
    if not 0 < abs(one_real(beta, "the nudge beta")) < np.inf:
        raise ValueError(f"the nudge beta = {beta} must be finite and not zero")
    if abs(beta) < 1 / np.finfo(float).max:
        raise ValueError(f"the nudge beta = {beta} is too small: its inverse is not finite")
