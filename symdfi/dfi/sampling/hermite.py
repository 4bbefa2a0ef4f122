"""Gauss–Hermite quadrature of the whole space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdfi.dfi.domain import Box
from symdfi.dfi.sampling.base import Quadrature, Rule, product
from symdfi.dfi.sampling.normal import Normal
from symdfi.numbers import count

#: The weights of higher orders are smaller than a float64 can be.
_HIGHEST = 180


@dataclass(frozen=True, eq=False, repr=False)
class GaussHermite(Quadrature):
    """The tensor Gauss–Hermite rule of ``order`` nodes a dimension, at the scale of N(``mean``, ``covariance``).

    Σ w_s g(x_s) = ∫ g dx over the whole space, exact for the density of that Gaussian times a polynomial of degree up
    to 2 ``order`` − 1 in every direction of the covariance's Cholesky factor. ``covariance`` is a matrix, a list of
    variances, or one variance. It has order^dim nodes.

    Raises ``ValueError`` for a covariance that is not positive definite, an order above 180, and a box with an end.
    """

    order: int
    mean: Any = 0.0
    covariance: Any = 1.0

    def __post_init__(self) -> None:
        order = count(self.order, "the order of GaussHermite", 1)
        if order > _HIGHEST:
            raise ValueError(f"the order of GaussHermite is {order}: its weights underflow above {_HIGHEST}")

    def nodes(self, domain: Box) -> Rule:
        return self._scaled(domain, self.order)

    def independent(self, domain: Box) -> Rule:
        # Two orders of different parity share no node, not even the one in the middle.
        return self._scaled(domain, self.order + 1)

    def along(self, axis: int) -> GaussHermite:
        mean, covariance = np.asarray(self.mean, dtype=float), np.asarray(self.covariance, dtype=float)
        if covariance.ndim == 2:
            if np.any(covariance != np.diag(np.diagonal(covariance))):
                raise ValueError("GaussHermite along one axis needs a diagonal covariance")
            covariance = np.diagonal(covariance)
        one = lambda values: values[axis] if values.ndim else values  # noqa: E731
        return GaussHermite(self.order, float(one(mean)), float(one(covariance)))

    def _scaled(self, domain: Box, order: int) -> Rule:
        if np.isfinite(domain.bounds).any():
            raise ValueError(f"GaussHermite needs a box without ends, not {domain.bounds}")
        normal = Normal.of(np.broadcast_to(self.mean, domain.dim), self.covariance, "GaussHermite")
        nodes, weights = np.polynomial.hermite.hermgauss(order)
        standard, around = product([(np.sqrt(2) * nodes, np.sqrt(2) * weights * np.exp(nodes**2))] * domain.dim)
        return Rule(normal.at(standard), around * np.prod(np.diag(normal.factor)))
