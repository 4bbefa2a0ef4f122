"""What a rule of discretisation says of one interval of the time grid."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from symdfi.showing import Settings


@dataclass(frozen=True)
class Rule(Settings):
    """A discrete action: paths that are polynomials on each interval, and a quadrature of their Lagrangian,

        S = Σ_k h Σ_s b_s L(Σ_a φ_sa x_a, Σ_a φ'_sa x_a / h, t_k + c_s h),    x_a the interval's nodes, a = 0 … m.

    ``values`` φ and ``slopes`` φ' (in units of 1/h) are of shape (s, m + 1), ``weights`` b and ``places`` c of length
    s, ``nodes`` the places of the m + 1 nodes, the first 0 and the last 1. ``order`` is that of the orbits. Every
    derivative of the theorem is exact for every such action; what differs is how near it is to the continuous one.
    """

    values: np.ndarray
    slopes: np.ndarray
    weights: np.ndarray
    places: np.ndarray
    nodes: np.ndarray
    order: int
    #: Whether one interval is a whole period.
    spans: ClassVar[bool] = False

    @property
    def degree(self) -> int:
        """m, the number of nodes that an interval adds."""
        return len(self.nodes) - 1

    @property
    def shares_ends(self) -> bool:
        """Whether the points at the two ends of neighbouring intervals are at one time."""
        return bool(self.places[0] == 0 and self.places[-1] == 1)

    @property
    def is_symmetric(self) -> bool:
        """Whether an interval looks the same from its end, so that motions run backward by the rule."""
        pairs = (
            (self.values, self.values[::-1, ::-1]), (self.slopes, -self.slopes[::-1, ::-1]),
            (self.weights, self.weights[::-1]), (self.places, 1 - self.places[::-1]),
        )  # fmt: skip
        return all(np.allclose(one, other, rtol=1e-12, atol=1e-12) for one, other in pairs)

    def n_nodes(self, steps: int) -> int:
        """The number of nodes of a path."""
        return steps * self.degree + 1

    def node_times(self, steps: int, T: float) -> np.ndarray:
        """The times of a path's nodes."""
        starts = np.arange(steps)[:, None]
        return T * np.append((starts + self.nodes[:-1]).reshape(-1) / steps, 1.0)

    def times(self, steps: int, T: float) -> np.ndarray:
        """The times at which inputs and targets are sampled, in order, each once."""
        places = self.places[:-1] if self.shares_ends else self.places
        found = T * ((np.arange(steps)[:, None] + places).reshape(-1) / steps)
        return np.append(found, T) if self.shares_ends else found

    def samples(self, steps: int) -> np.ndarray:
        """Which of ``times`` each point is at, interval by interval."""
        count = len(self.places)
        own = np.arange(steps)[:, None] * (count - self.shares_ends)
        return (own + np.arange(count)).reshape(-1)

    def assembled(self, h: float, parts: Sequence[np.ndarray]) -> np.ndarray:
        """∂r_a/∂x_c of an interval's nodes, (N, m + 1, m + 1, size), from ∂G/∂q, ∂G/∂v, ∂P/∂q and ∂P/∂v at the points,
        each (N, s, size)."""
        (steps, _, width), count = parts[0].shape, self.degree + 1
        found = np.zeros((steps, count * count, width), parts[0].dtype)
        for power, coupling, rows in zip((h, 1.0, 1.0, 1 / h), self.couplings, parts, strict=True):
            found += (power * coupling).reshape(len(coupling), -1).T @ rows
        return found.reshape(steps, count, count, width)

    @functools.cached_property
    def couplings(self) -> np.ndarray:
        """(4, s, m + 1, m + 1): the products b φφ, b φφ', b φ'φ, b φ'φ' of which an interval's second derivative is
        made."""
        b, f, g = self.weights, self.values, self.slopes
        pairs = ((f, f), (f, g), (g, f), (g, g))
        return np.array([np.einsum("s,sa,sb->sab", b, one, other) for one, other in pairs])
