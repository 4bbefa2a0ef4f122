"""Samples that follow the solution: importance sampling by a Gaussian fitted to it, or by its own mixture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdfi.dfi.domain import Box
from symdfi.dfi.sampling.base import Quadrature, Rule, Sampled
from symdfi.dfi.sampling.normal import Normal
from symdfi.dfi.sampling.random import check_engine, cube
from symdfi.errors import DivergenceError
from symdfi.numbers import count, real
from symdfi.symbolic.mixtures import units_of


@dataclass(frozen=True, eq=False, repr=False)
class _Following(Quadrature):
    """Samples x_s of q = Σ_k p_k N(m_k, C_k) with weights 1/(n q(x_s)), those outside the box with weight 0.

    Where the box is periodic, q is taken as it is: it must be narrow beside the period.
    """

    n: int
    mean: Any
    covariance: Any
    seed: int
    widening: float
    engine: str

    def __post_init__(self) -> None:
        count(self.n, f"the number of points of {type(self).__name__}", 1)
        count(self.seed, f"the seed of {type(self).__name__}", 0)
        check_engine(self.engine)
        if not real(self.widening, f"the widening of {type(self).__name__}") > 0:
            raise ValueError(f"the widening of {type(self).__name__} is {self.widening}: it must be positive")

    def nodes(self, domain: Box) -> Rule:
        return self._drawn(domain, *self._first(domain), 0, 0)

    def independent(self, domain: Box) -> Rule:
        return self._drawn(domain, *self._first(domain), 0, 1)

    @property
    def changes(self) -> bool:
        return True

    def _first(self, domain: Box) -> tuple[np.ndarray, Sequence[Normal]]:
        what = type(self).__name__
        return np.ones(1), [Normal.of(np.broadcast_to(self.mean, domain.dim), self.covariance, what)]

    def _drawn(self, domain: Box, shares: np.ndarray, normals: Sequence[Normal], step: int, which: int) -> Rule:
        from scipy.special import logsumexp, ndtri  # slow to import

        if any(domain.periodic):
            raise ValueError(f"{type(self).__name__} draws from Gaussians, which are not periodic as the box is")
        shares = shares / shares.sum()
        normals = [normal.widened(self.widening) for normal in normals]
        # One coordinate more chooses the component.
        points = cube(self.engine, self.n, domain.dim + 1, self.seed, step, which)
        chosen = np.minimum(np.searchsorted(np.cumsum(shares), points[:, -1], side="right"), len(shares) - 1)
        standard = ndtri(points[:, :-1])
        points = np.empty_like(standard)
        for k in np.unique(chosen):
            points[chosen == k] = normals[k].at(standard[chosen == k])
        with np.errstate(divide="ignore"):
            logs = np.stack([normal.log_density(points) for normal in normals]) + np.log(shares)[:, None]
        weights = np.exp(-logsumexp(logs, axis=0)) / self.n
        inside = domain.contains(points)
        if not inside.any():
            raise DivergenceError(f"all samples of {type(self).__name__} lie outside the box {domain.bounds}")
        return Rule(points, np.where(inside, weights, 0.0))


@dataclass(frozen=True, eq=False, repr=False)
class GaussianSamples(_Following):
    """``n`` samples of a Gaussian q that follows |û|, with weights 1/(n q): for boxes of any dimension, ends or none.

    q starts at N(``mean``, ``covariance``) (a matrix, variances, or one variance). At every step its moments are those
    of |û| (of √Σ û² for several fields), by self-normalised sums over the samples before: m = Σ w|û|x / Σ w|û|, and
    the covariance likewise times ``widening``, above 1 so that the tails are met.

    ``engine`` is ``"sobol"``, ``"halton"`` or ``"random"``; samples depend on ``seed``, the step's number and the
    samples before. Raises ``DivergenceError`` where |û| is 0 or not finite at the samples, or its covariance singular.
    """

    n: int
    mean: Any = 0.0
    covariance: Any = 1.0
    seed: int = 0
    widening: float = 1.5
    engine: str = "sobol"

    @property
    def evaluations(self) -> int:
        return self.n

    def at(self, step: int, problem: Sampled, theta: np.ndarray) -> tuple[Rule, Rule]:
        values = problem.evaluate(theta, problem.points)
        sizes = problem.weights * np.linalg.norm(np.atleast_2d(values), axis=0)
        if not 0 < sizes.sum() < np.inf:
            raise DivergenceError("the moments of |û| are not finite, or û is 0 at all samples")
        sizes = sizes / sizes.sum()
        mean = sizes @ problem.points
        away = problem.points - mean
        try:
            q = Normal(mean, np.linalg.cholesky((away.T * sizes) @ away))
        except np.linalg.LinAlgError:
            raise DivergenceError("the covariance of |û| over its samples is singular: more samples?") from None
        first = np.ones(1), [q], step
        return self._drawn(problem.domain, *first, 0), self._drawn(problem.domain, *first, 1)


@dataclass(frozen=True, eq=False, repr=False)
class MixtureSamples(_Following):
    """``n`` samples of the mixture that û itself is, with weights 1/(n q): for an ansatz of ``sd.gaussians``.

    q = Σ_k p_k N(b_k, ``widening`` · (2 WᵀW)⁻¹), p_k in proportion to ∫|a_k exp(−|W_k(x − b_k)|²)|. Before there is a
    solution, in ``fit`` say, q is N(``mean``, ``covariance``).

    ``engine`` is ``"sobol"``, ``"halton"`` or ``"random"``; samples depend on ``seed``, the step's number and θ.
    Raises ``ValueError`` for another ansatz, ``DivergenceError`` where a unit has no width.
    """

    n: int
    mean: Any = 0.0
    covariance: Any = 1.0
    seed: int = 0
    widening: float = 1.5
    engine: str = "sobol"

    def at(self, step: int, problem: Sampled, theta: np.ndarray) -> tuple[Rule, Rule]:
        units = units_of(problem.ansatz)
        if units is None:
            raise ValueError("MixtureSamples needs the ansatz of sd.gaussians(...), with a number for the count")
        shares, means, factors = units.components(problem.ansatz.unpack(theta))
        if not (shares.sum() > 0 and all(np.isfinite(part).all() for part in (shares, means, factors))):
            raise DivergenceError("a unit of the mixture has no width, or all amplitudes are 0")
        normals = [Normal(mean, factor) for mean, factor in zip(means, factors, strict=True)]
        return self._drawn(problem.domain, shares, normals, step, 0), self._drawn(
            problem.domain, shares, normals, step, 1
        )
