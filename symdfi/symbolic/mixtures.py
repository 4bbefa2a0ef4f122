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
    normalized: bool = False,
    scale: float | sp.Expr = 1,
) -> Ansatz:
    """A mixture û = ``scale`` · Σᵢ aᵢ exp(−|Wᵢ (x − bᵢ)|²) of ``count`` Gaussians.

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

    With ``normalized`` a unit is aᵢ det Wᵢ π^(−d/2) exp(−|Wᵢ (x − bᵢ)|²), and aᵢ its integral (where det Wᵢ > 0): for
    densities. In many dimensions the height of a density changes by orders of magnitude with its width, the share of a
    unit does not, and û tells all parameters apart equally well whatever the widths are.

    ``scale``, a number or an expression in ``count``, says in what û counts amplitudes, and so what ȧ weighs
    beside ḃ and ẇ in a velocity of least norm. With 1/count û is the mean of its units, and their velocities do not
    depend on how many there are; without it, of many units that are alike each has a small aᵢ, a change of it is cheap,
    and what sets units apart grows at a rate of the order of ``count``.

    Raises ``SymbolicError`` for a number that is not positive, a scale that holds variables, periods that do not fit
    the variables or that are to be normalized, and ``ValueError`` for an unknown ``covariance`` and a scale of 0.
    """
    variables, number = given.variables(variables, "variables"), expression(count, "the number of Gaussians")
    if number.is_positive is False or number.is_integer is False:
        raise SymbolicError(f"a mixture of {number} Gaussians: the number must be positive")
    if covariance not in _COVARIANCES:
        raise ValueError(f"covariance = {covariance!r} is none of {', '.join(map(repr, _COVARIANCES))}")
    size = expression(scale, "the scale of a mixture")
    if size.free_symbols & set(variables):
        raise SymbolicError(f"the scale {size} of a mixture depends on where it is")
    if size.is_zero:
        raise ValueError("the scale of a mixture is 0: then û is")
    i = Private("e", 0, "i", integer=True)
    lengths = periods(period, variables)
    dim = len(variables)
    if covariance == "full" and dim > 1 and any(p is not None for p in lengths):
        raise SymbolicError(
            f"period = {list(lengths)} with a full covariance: the products of two directions are not periodic"
        )
    if normalized and any(p is not None for p in lengths):
        raise SymbolicError(f"period = {list(lengths)} with normalized = True: of periodic units none is a Gaussian")
    a, b = array("a", number), array("b", *((number, dim) if dim > 1 else (number,)))
    distances = []
    for d, (x, length) in enumerate(zip(variables, lengths, strict=True)):
        distance = x - b[(i, d) if dim > 1 else (i,)]
        distances.append(distance if length is None else length / sp.pi * sp.sin(sp.pi * distance / length))
    if dim == 1 or covariance == "isotropic":
        w = array("w", number)
        widths = [w[i]] * dim
        exponent = sp.Add(*((w[i] * distance) ** 2 for distance in distances))
    elif covariance == "diagonal":
        w = array("w", number, dim)
        widths = [w[i, d] for d in range(dim)]
        exponent = sp.Add(*((w[i, d] * distance) ** 2 for d, distance in enumerate(distances)))
    else:
        w = array("w", number, dim * (dim + 1) // 2)
        widths = [w[i, d * (d + 3) // 2] for d in range(dim)]
        rows = [[w[i, d * (d + 1) // 2 + e] * distances[e] for e in range(d + 1)] for d in range(dim)]
        exponent = sp.Add(*(sp.Add(*row) ** 2 for row in rows))
    height = sp.Mul(*widths) / sp.pi ** sp.Rational(dim, 2) if normalized else sp.S.One
    expr = sp.Sum(size * a[i] * height * sp.exp(-exponent), (i, 0, number - 1))

    # With a symbol for the count nothing says how many to start from.
    kind = "isotropic" if dim == 1 else covariance
    start = GaussianUnits(int(number), dim, kind, normalized) if number.is_Integer else None
    return Ansatz(expr, variables, [a, w, b], start)


@dataclass(frozen=True)
class GaussianUnits:
    """The units of a mixture in ``dim`` dimensions: where a fit starts from, and what each of them is."""

    number: int
    dim: int
    covariance: str
    normalized: bool = False

    def __call__(self, bounds: np.ndarray, generator: np.random.Generator) -> dict[str, np.ndarray]:
        """Units side by side, each as wide as one and a half of their distances."""
        number, dim = self.number, len(bounds)
        lengths = bounds[:, 1] - bounds[:, 0]
        if dim == 1:
            centres = bounds[:, 0] + lengths * (np.arange(number)[:, None] + 0.5) / number
        else:
            centres = bounds[:, 0] + lengths * generator.random((number, dim))
        w = self.widths(number ** (1 / dim) / (1.5 * lengths))
        return {
            "a": np.zeros(number),
            "w": np.tile(w, (number, *[1] * w.ndim)),
            "b": centres if dim > 1 else centres[:, 0],
        }

    def widths(self, w: np.ndarray) -> np.ndarray:
        """The widths w of one unit, of its parameters' shape, from those along the axes (dim,)."""
        if self.dim == 1 or self.covariance == "isotropic":
            return np.asarray(np.prod(w) ** (1 / self.dim))
        return w if self.covariance == "diagonal" else np.diag(w)[np.tril_indices(self.dim)]

    def components(self, values: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """∫|unit| (count,) without the scale, centres (count, dim), and triangular factors F of the covariances
        F Fᵀ = (2 WᵀW)⁻¹."""
        W, dim = self._widths(values), self.dim
        determinants = np.abs(np.diagonal(W, axis1=1, axis2=2)).prod(axis=1)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            heights = determinants / np.pi ** (dim / 2) if self.normalized else 1.0
            shares = np.abs(values["a"]) * heights * np.pi ** (dim / 2) / determinants
        factors = np.full(W.shape, np.inf)
        for k in np.flatnonzero(determinants > 0):
            # W⁻¹ is triangular as W is, so that F differs from it by signs.
            inverse = np.linalg.inv(W[k]) / np.sqrt(2)
            factors[k] = inverse * np.sign(np.diag(inverse))
        return shares, values["b"].reshape(len(W), dim), factors

    def moments(self, values: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Mean (dim,) and covariance (dim, dim) of û as a density, ∫ x û and ∫ (x − mean)(x − mean)ᵀ û over ∫ û; not
        finite where a unit has no width or ∫ û is 0."""
        sizes, centres, factors = self.components(values)
        turns = np.sign(np.diagonal(self._widths(values), axis1=1, axis2=2)).prod(axis=1) if self.normalized else 1.0
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.sign(values["a"]) * turns * sizes
            shares = shares / shares.sum()
            mean = shares @ centres
            within = np.einsum("k,kde,kfe->df", shares, factors, factors)
            return mean, within + ((centres - mean).T * shares) @ (centres - mean)

    def _widths(self, values: dict[str, np.ndarray]) -> np.ndarray:
        """W of every unit, (count, dim, dim)."""
        number, dim = len(values["a"]), self.dim
        W = np.zeros((number, dim, dim))
        if self.covariance == "full" and dim > 1:
            W[(slice(None), *np.tril_indices(dim))] = values["w"]
        else:
            w = values["w"] if self.covariance == "diagonal" and dim > 1 else values["w"].reshape(number, 1)
            W[:, np.arange(dim), np.arange(dim)] = w
        return W


def units_of(ansatz: Ansatz) -> GaussianUnits | None:
    """The units of an ansatz that ``gaussians`` has made; None for any other, also one that borrows its start."""
    return ansatz.start if isinstance(ansatz.start, GaussianUnits) and ansatz.names == ("a", "w", "b") else None
