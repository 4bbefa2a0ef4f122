"""Galerkin actions of high order."""

from __future__ import annotations

import numpy as np
from numpy.polynomial import Polynomial, legendre

from symdfi.ep.rules.base import Rule
from symdfi.numbers import count


class Galerkin(Rule):
    """Polynomials of a ``degree`` m on each interval through its Gauss–Lobatto nodes, and Gauss quadrature with m
    points: of order 2m (4 for the default, m = 2; m = 1 is the midpoint rule).

    Source: J. E. Marsden and M. West, Acta Numerica 10 (2001) 357, section 2.6. ``ValueError`` for m < 1 or m > 12.
    """

    def __init__(self, degree: int = 2) -> None:
        degree = count(degree, "degree", 1)
        if degree > 12:
            raise ValueError(f"degree = {degree} must be at most 12: beyond, take more steps")
        inner = legendre.Legendre.basis(degree).deriv().roots() if degree > 1 else []
        nodes = np.concatenate([[0.0], 0.5 * (np.sort(np.real(inner)) + 1), [1.0]])
        nodes = 0.5 * (nodes + 1 - nodes[::-1])
        points, weights = legendre.leggauss(degree)
        places = 0.5 * (points + 1)
        basis = [Polynomial.fromroots(np.delete(nodes, a)) for a in range(degree + 1)]
        basis = [p / p(own) for p, own in zip(basis, nodes, strict=True)]
        values = np.stack([p(places) for p in basis], axis=1)
        slopes = np.stack([p.deriv()(places) for p in basis], axis=1)
        super().__init__(values, slopes, 0.5 * weights, places, nodes, 2 * degree)

    def __repr__(self) -> str:
        return f"Galerkin({self.degree})"
