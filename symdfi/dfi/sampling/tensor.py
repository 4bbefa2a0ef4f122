"""Tensor rules: equidistant points and Gauss–Legendre, on every axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symdfi.dfi.domain import Box
from symdfi.dfi.sampling.base import Quadrature, Rule, product
from symdfi.numbers import count

#: Nodes of higher order than this take minutes to find (an eigenvalue problem of that size).
_HIGHEST = 2000


@dataclass(frozen=True)
class Grid(Quadrature):
    """Equidistant cell midpoints, ``size`` of them on every axis (or one number an axis): the midpoint rule.

    Of spectral accuracy on periodic axes, second order on others.
    """

    size: int | tuple[int, ...]

    def nodes(self, domain: Box) -> Rule:
        domain.need_finite("a Grid")
        sizes = self._sizes(domain)
        return product([self._cells(b, n, 0.5) for b, n in zip(domain.bounds, sizes, strict=True)])

    def independent(self, domain: Box) -> Rule:
        domain.need_finite("a Grid")
        axes = []
        for n, bounds, periodic in zip(self._sizes(domain), domain.bounds, domain.periodic, strict=True):
            count = max(1, (2 * n) // 3)
            if periodic:
                # An irrational part of a cell away, so that no symmetry of the nodes is shared.
                axes.append(self._cells(bounds, count, 0.5 * (np.sqrt(5) - 1)))
            else:
                # Midpoints of m and n cells never meet if one of m and n is odd and the other even.
                axes.append(self._cells(bounds, count + (count + n + 1) % 2, 0.5))
        return product(axes)

    def along(self, axis: int) -> Grid:
        return Grid(self.size[axis]) if isinstance(self.size, Sequence) else self

    def _sizes(self, domain: Box) -> tuple[int, ...]:
        sizes = self.size if isinstance(self.size, Sequence) else (self.size,) * domain.dim
        if len(sizes) != domain.dim:
            raise ValueError(f"Grid({self.size}) does not fit a domain of dimension {domain.dim}")
        return tuple(count(size, "the size of a Grid", 1) for size in sizes)

    @staticmethod
    def _cells(bounds: tuple[float, float], n: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
        h = (bounds[1] - bounds[0]) / n
        return bounds[0] + h * (np.arange(n) + shift), np.full(n, h)


@dataclass(frozen=True)
class GaussLegendre(Quadrature):
    """Gauss–Legendre with ``order`` nodes on each of ``panels`` equal parts of every axis."""

    order: int
    panels: int = 1

    def nodes(self, domain: Box) -> Rule:
        return self._composite(domain, 0)

    def independent(self, domain: Box) -> Rule:
        return self._composite(domain, 1)

    def along(self, axis: int) -> GaussLegendre:
        return self

    def _composite(self, domain: Box, more: int) -> Rule:
        domain.need_finite("GaussLegendre")
        order = count(self.order, "the order of GaussLegendre", 1) + more
        panels = count(self.panels, "the panels of GaussLegendre", 1)
        if order > _HIGHEST:
            raise ValueError(f"the order of GaussLegendre is {order}: above {_HIGHEST} take more panels")
        nodes, weights = np.polynomial.legendre.leggauss(order)
        axes = []
        for a, b in domain.bounds:
            edges = np.linspace(a, b, panels + 1)
            half = 0.5 * np.diff(edges)[:, None]
            axes.append(((edges[:-1, None] + half * (1 + nodes)).ravel(), (half * weights).ravel()))
        return product(axes)
