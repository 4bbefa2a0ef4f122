"""Equilibria."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdfi.ep.boundary.base import Boundary, Places, flat
from symdfi.ep.frame import Open
from symdfi.ep.rules import Rule


class Rest(Rule):
    """One point, without time."""

    def __init__(self) -> None:
        one = np.ones(1)
        super().__init__(np.ones((1, 1)), np.zeros((1, 1)), one, 0 * one, 0 * one, 1)

    def node_times(self, steps: int, T: float) -> np.ndarray:
        return np.zeros(1)

    def __repr__(self) -> str:
        return "a point"


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Static(Boundary):
    """An equilibrium, q̇ = 0: ∂L/∂q + Q − ∂R/∂v = 0 at q, with v = 0 and t = 0. The extremum of L = T − V is then one of
    V, and the gradient ordinary equilibrium propagation, for forces without a potential by the doubled action.

    ``guess`` is where the search begins: flat, by coordinate, or 0. ``steps`` has no meaning here.
    """

    near: Any
    T: float

    def __init__(self, guess: Any = None) -> None:
        object.__setattr__(self, "near", flat(guess, "the guess")[0])
        object.__setattr__(self, "T", 1.0)

    @property
    def n_dof(self) -> int | None:
        return self.near.size if isinstance(self.near, np.ndarray) else None

    def rule(self, chosen: Rule) -> Rule:
        return Rest()

    def frame(self, places: Places, nodes: int, degree: int) -> Open:
        unheld, none = np.full(places.n_dof, np.nan), np.zeros(places.n_dof)
        return Open(1, 1, unheld, unheld, none, none)

    def guess(self, places: Places, part: np.ndarray) -> np.ndarray:
        return places.state(self.near, "the guess", 0.0)[None]
