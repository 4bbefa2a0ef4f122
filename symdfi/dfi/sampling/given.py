"""Samples that the user gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdfi.dfi.domain import Box
from symdfi.dfi.sampling.base import Quadrature, Rule
from symdfi.dfi.sampling.random import QuasiMonteCarlo
from symdfi.numbers import reals


@dataclass(frozen=True, eq=False, repr=False)
class Samples(Quadrature):
    """Given ``points``, of shape (n, dim) or (n,), and ``weights`` (n,), which are |box|/n each if not given.

    ``fresh``, a pair of points and weights, are those that residuals are taken on. Without it they are as many Sobol
    points of the box, which must then be finite.

    Raises ``ValueError`` for shapes that do not fit, and where an infinite box needs what is not given.
    """

    points: Any
    weights: Any = None
    fresh: tuple[Any, Any] | None = None

    def nodes(self, domain: Box) -> Rule:
        return self._rule(domain, self.points, self.weights, "point").checked(domain, "node")

    def independent(self, domain: Box) -> Rule:
        if self.fresh is not None:
            points, weights = self.fresh
            return self._rule(domain, points, weights, "fresh point").checked(domain, "independent point")
        if not domain.finite:
            raise ValueError(f"Samples on {domain.bounds} need fresh=(points, weights): the box is not finite")
        return QuasiMonteCarlo(len(self.nodes(domain).weights)).independent(domain)

    def _rule(self, domain: Box, points: Any, weights: Any, name: str) -> Rule:
        points = reals(points, f"the {name}s of Samples")
        points = points[:, None] if points.ndim == 1 else points
        if weights is None:
            if not domain.finite:
                raise ValueError(f"Samples on {domain.bounds} need weights: the box is not finite")
            weights = np.full(len(points), domain.volume / max(len(points), 1))
        return Rule(points, reals(weights, f"the weights of Samples ({name}s)"))
