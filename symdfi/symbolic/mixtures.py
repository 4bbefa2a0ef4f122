"""Ready-made ansatz functions: mixtures of Gaussians, on the line, on a circle, and in d dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

from symdfi.errors import SymbolicError
from symdfi.symbolic import given
from symdfi.symbolic.ansatz import Ansatz
from symdfi.symbolic.given import expression
from symdfi.symbolic.private import Private
from symdfi.symbolic.ready import array, periods

_COVARIANCES = ("diagonal", "isotropic", "full")


def gaussians(
    variables: Sequence[sp.Symbol],
    count: int | sp.Expr,
    *,
    period: Sequence | None = None,
    covariance: str = "diagonal",
) -> Ansatz:
    """A mixture û = Σᵢ aᵢ exp(−|Wᵢ (x − bᵢ)|²) of ``count`` Gaussians.

    The covariance of a unit is (2 WᵀW)⁻¹: positive for every W of full rank, and never negative for any. It is

    - ``"diagonal"``: W = diag(w_{i,1}, …, w_{i,d}), 1/(√2 w) the standard deviations; w of shape (count, dim);
    - ``"isotropic"``: W = w_i 1, one width for all directions; w of shape (count,);
    - ``"full"``: W lower triangular, its rows one after the other in w of shape (count, dim (dim + 1)/2):
      w_{i,0} = W₀₀, w_{i,1} = W₁₀, w_{i,2} = W₁₁, w_{i,3} = W₂₀, …

    In one dimension all three are the same, w of shape (count,). Parameters a (count), w and b (count, or (count, dim)
    in more than one dimension).

    ``period`` gives each variable's period P (or None): x − b is then measured on the circle, by
    P/π sin(π (x − b)/P), so that a unit is a constant times exp(κ cos(2π (x − b)/P)), the von Mises density. A full
    covariance has no periodic variables: products of sines of two half angles change their sign on the way round.

    Raises ``SymbolicError`` for a number that is not positive, periods that do not fit the variables, and
    ``ValueError`` for an unknown ``covariance``.
    """
    variables, number = given.variables(variables, "variables"), expression(count, "the number of Gaussians")
    if number.is_positive is False or number.is_integer is False:
        raise SymbolicError(f"a mixture of {number} Gaussians: the number must be positive")
    if covariance not in _COVARIANCES:
        raise ValueError(f"covariance = {covariance!r} is none of {', '.join(map(repr, _COVARIANCES))}")
    i = Private("e", 0, "i", integer=True)
    lengths = periods(period, variables)
    dim = len(variables)
    if covariance == "full" and dim > 1 and any(p is not None for p in lengths):
        raise SymbolicError(
            f"period = {list(lengths)} with a full covariance: the products of two directions are not periodic"
        )
    a, b = array("a", number), array("b", *((number, dim) if dim > 1 else (number,)))
    distances = []
    for d, (x, length) in enumerate(zip(variables, lengths, strict=True)):
        distance = x - b[(i, d) if dim > 1 else (i,)]
        distances.append(distance if length is None else length / sp.pi * sp.sin(sp.pi * distance / length))
    if dim == 1 or covariance == "isotropic":
        w = array("w", number)
        exponent = sp.Add(*((w[i] * distance) ** 2 for distance in distances))
    elif covariance == "diagonal":
        w = array("w", number, dim)
        exponent = sp.Add(*((w[i, d] * distance) ** 2 for d, distance in enumerate(distances)))
    else:
        w = array("w", number, dim * (dim + 1) // 2)
        rows = [[w[i, d * (d + 1) // 2 + e] * distances[e] for e in range(d + 1)] for d in range(dim)]
        exponent = sp.Add(*(sp.Add(*row) ** 2 for row in rows))
    expr = sp.Sum(a[i] * sp.exp(-exponent), (i, 0, number - 1))

    # With a symbol for the count nothing says how many to start from.
    start = GaussianStart(int(number), dim, "isotropic" if dim == 1 else covariance) if number.is_Integer else None
    return Ansatz(expr, variables, [a, w, b], start)


@dataclass(frozen=True)
class GaussianStart:
    """Gaussians side by side, each as wide as one and a half of their distances."""

    number: int
    dim: int
    covariance: str

    def __call__(self, bounds: np.ndarray, generator: np.random.Generator) -> dict[str, np.ndarray]:
        number, dim = self.number, len(bounds)
        lengths = bounds[:, 1] - bounds[:, 0]
        if dim == 1:
            centres = bounds[:, 0] + lengths * (np.arange(number)[:, None] + 0.5) / number
        else:
            centres = bounds[:, 0] + lengths * generator.random((number, dim))
        widths = number ** (1 / dim) / (1.5 * lengths)
        if self.covariance == "isotropic":
            w = np.full(number, np.prod(widths) ** (1 / dim))
        elif self.covariance == "diagonal":
            w = np.tile(widths, (number, 1))
        else:
            w = np.tile(np.diag(widths)[np.tril_indices(dim)], (number, 1))
        return {"a": np.zeros(number), "w": w, "b": centres if dim > 1 else centres[:, 0]}
