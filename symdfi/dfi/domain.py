"""Domains and quadrature rules."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symdfi.numbers import count, reals

#: Nodes of higher order than this take minutes to find (an eigenvalue problem of that size).
_HIGHEST = 2000


@dataclass(frozen=True, init=False)
class Box:
    """The box [a₁, b₁] × … × [a_d, b_d]; ``periodic`` names the axes (or says for all) whose ends are one point."""

    bounds: tuple[tuple[float, float], ...]
    periodic: tuple[bool, ...]

    def __init__(self, bounds: Sequence[tuple[float, float]], periodic: bool | Sequence[bool] = False) -> None:
        ends = reals(bounds, "the bounds of the box")
        if ends.ndim != 2 or ends.shape[1] != 2 or len(ends) == 0:
            raise ValueError(f"a box is given by a pair of numbers a dimension, [(a, b), ...], not by {bounds}")
        pairs = tuple((float(a), float(b)) for a, b in ends)
        for a, b in pairs:
            if not (np.isfinite(a) and np.isfinite(b) and a < b and np.isfinite(b - a)):
                raise ValueError(f"the interval ({a}, {b}) of the box is empty or not finite")
        flags = (periodic,) * len(pairs) if isinstance(periodic, bool) else periodic
        if not isinstance(flags, Sequence) or not all(isinstance(flag, bool) for flag in flags):
            raise TypeError(f"periodic is True, False or a list of them, a dimension each, not {periodic!r}")
        flags = tuple(flags)
        if len(flags) != len(pairs):
            raise ValueError(f"{len(flags)} periodic flags for a box of dimension {len(pairs)}")
        object.__setattr__(self, "bounds", pairs)
        object.__setattr__(self, "periodic", flags)

    @property
    def dim(self) -> int:
        return len(self.bounds)

    @property
    def volume(self) -> float:
        return float(np.prod([b - a for a, b in self.bounds]))


class Quadrature(abc.ABC):
    """Points x_s and weights w_s with Σ w_s g(x_s) ≈ ∫ g dx."""

    @abc.abstractmethod
    def nodes(self, domain: Box) -> tuple[np.ndarray, np.ndarray]:
        """Points (n, dim) and weights (n,)."""

    @abc.abstractmethod
    def independent(self, domain: Box) -> tuple[np.ndarray, np.ndarray]:
        """Another set of points and weights of the same quality, none of them a node: for honest residuals."""


def _product(axes: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    points = np.meshgrid(*(x for x, _ in axes), indexing="ij")
    weights = np.ones(1)
    for _, w in axes:
        weights = np.multiply.outer(weights, w)
    return np.stack([p.ravel() for p in points], axis=1), weights.ravel()


@dataclass(frozen=True)
class Grid(Quadrature):
    """Equidistant cell midpoints, ``size`` of them on every axis (or one number an axis): the midpoint rule.

    Of spectral accuracy on periodic axes, second order on others.
    """

    size: int | tuple[int, ...]

    def nodes(self, domain: Box) -> tuple[np.ndarray, np.ndarray]:
        sizes = self._sizes(domain)
        return _product([self._cells(b, n, 0.5) for b, n in zip(domain.bounds, sizes, strict=True)])

    def independent(self, domain: Box) -> tuple[np.ndarray, np.ndarray]:
        axes = []
        for n, bounds, periodic in zip(self._sizes(domain), domain.bounds, domain.periodic, strict=True):
            count = max(1, (2 * n) // 3)
            if periodic:
                # An irrational part of a cell away, so that no symmetry of the nodes is shared.
                axes.append(self._cells(bounds, count, 0.5 * (np.sqrt(5) - 1)))
            else:
                # Midpoints of m and n cells never meet if one of m and n is odd and the other even.
                axes.append(self._cells(bounds, count + (count + n + 1) % 2, 0.5))
        return _product(axes)

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

    def nodes(self, domain: Box) -> tuple[np.ndarray, np.ndarray]:
        return self._composite(domain, 0)

    def independent(self, domain: Box) -> tuple[np.ndarray, np.ndarray]:
        return self._composite(domain, 1)

    def _composite(self, domain: Box, more: int) -> tuple[np.ndarray, np.ndarray]:
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
        return _product(axes)
