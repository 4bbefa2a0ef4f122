"""Matrix-free least squares by LSMR."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.sparse.linalg import LinearOperator, lsmr

from symdfi.errors import ConvergenceError
from symdfi.linalg.anchored.base import AnchoredSolution, AnchoredSolver, Factor
from symdfi.linalg.anchored.rows import zero_jacobian
from symdfi.linalg.anchored.source import Source
from symdfi.linalg.spectrum import Array, Spectrum, largest_eigenvalue

#: SciPy's verdicts that are none: the condition limit, here of working precision, or that of iterations is reached.
_NOT_SOLVED = (3, 6, 7)


@dataclass(frozen=True)
class Unseen(Spectrum):
    """The singular values of a J that is only multiplied with."""

    source: Source
    known_sigma_max: float | None

    def sigma_max(self) -> float:
        return _sigma_max(self.source) if self.known_sigma_max is None else self.known_sigma_max

    def effective_rank(self) -> float:
        return float("nan")

    def undecided(self, v: Array) -> Array:
        return np.full(v.shape, np.nan)


@dataclass(frozen=True)
class ProductFactor(Factor):
    """The products with J: nothing is factorised. Reduced right-hand sides are residuals f - J target, (n,)."""

    spectrum: Unseen
    source: Source
    settings: LSMR

    def reduce(self, source: Source, target: Array | None) -> Array:
        return source.residuals(target, self.shape[0])

    def minimiser(self, reduced: Array, target: Array | None) -> Array:
        return self.solution(reduced, target).v

    def solution(self, reduced: Array, target: Array | None) -> AnchoredSolution:
        gamma, (n, p), own = self.spectrum.gamma, self.shape, self.settings
        limit = own.iterations if own.iterations is not None else 10 * min(n, p) + 100
        operator = LinearOperator((n, p), self.source.product, self.source.pulled, dtype=np.float64)
        increment, verdict, count, residual, normal, norm, condition, _ = lsmr(
            operator, reduced, damp=np.sqrt(gamma), atol=own.rtol, btol=own.rtol, conlim=0, maxiter=limit
        )
        if verdict in _NOT_SOLVED or not np.isfinite(increment).all():
            relative = normal / (norm * residual) if norm * residual > 0 else np.inf
            raise ConvergenceError(
                f"LSMR did not converge in {count} iterations (limit {limit}): the gradient is {relative:.2g} of what "
                f"it may be, not rtol = {own.rtol:.2g}, at a condition of [J; sqrt(gamma) I] of about {condition:.2g}, "
                f"gamma = {gamma:.3g}; use a larger gamma, rtol or iterations, or QR",
                partial=increment,
                iterations=count,
                gamma=gamma,
            )
        v = increment if target is None else target + increment
        return AnchoredSolution(v, gamma, self.spectrum, iterations=int(count))


@dataclass(frozen=True)
class LSMR(AnchoredSolver):
    """Least squares on [J; sqrt(gamma) I] for the increment by Golub-Kahan bidiagonalisation (Fong and Saunders,
    SIAM J. Sci. Comput. 33 (2011), 2950), needing J only in products J v and J^T r.

    Between 2 n p and that times the condition sigma_1 / sqrt(gamma) operations: for J too large to factorise. Of rows
    given as such J is held; a `Products`, or a problem's rows, has no J in memory. The increment's relative error is
    about rtol times the condition, or its square where the residual is large (theory of DFI, "The step").

    Parameters
    ----------
    rtol
        SciPy's atol and btol: the normal residual ||J^T r|| relative to ||J|| ||r||, or the residual relative to
        ||f - J mu v_n||, at which it stops.
    iterations
        At most so many; 10 min(n, p) + 100 if not given.

    Raises
    ------
    ConvergenceError
        The tolerance is not reached; ``partial`` is the increment so far, ``iterations`` how many it took.
    """

    rtol: float = 1e-12
    iterations: int | None = field(default=None)

    def __post_init__(self) -> None:
        if not 0 <= self.rtol < 1:
            raise ValueError(f"rtol must satisfy 0 <= rtol < 1, got {self.rtol}")
        if self.iterations is not None and self.iterations < 1:
            raise ValueError(f"iterations must be at least 1, got {self.iterations}")

    def _factorise(
        self, source: Source, target: Array | None, gamma: float, relative: bool
    ) -> tuple[ProductFactor, Array]:
        source = source.again()
        shape = source.shape()
        assert shape is not None
        sigma_max = _sigma_max(source) if relative else None
        if sigma_max is not None:
            if sigma_max == 0:
                raise zero_jacobian()
            gamma = gamma * sigma_max**2
        factor = ProductFactor(shape, Unseen(gamma, source, sigma_max), source, self)
        return factor, source.residuals(target, shape[0])


def _sigma_max(source: Source) -> float:
    shape = source.shape()
    assert shape is not None
    return float(np.sqrt(largest_eigenvalue(lambda v: source.pulled(source.product(v)), shape[1])))
