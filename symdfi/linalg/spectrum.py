"""What a least-squares solve knows of the singular values of its Jacobian, evaluated only when asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import get_blas_funcs, get_lapack_funcs

Array = NDArray[np.float64]

_gemv, _trmv = get_blas_funcs(("gemv", "trmv"), dtype=np.float64)
_trtri, _stev, _potrs = get_lapack_funcs(("trtri", "stev", "potrs"), dtype=np.float64)


@dataclass(frozen=True)
class Spectrum(ABC):
    """What a finished solve knows of the singular values of J, and the gamma it used."""

    gamma: float

    @abstractmethod
    def sigma_max(self) -> float:
        """sigma_1(J)."""

    @abstractmethod
    def effective_rank(self) -> float:
        """sum_i sigma_i^2 / (sigma_i^2 + gamma)."""

    @abstractmethod
    def undecided(self, v: Array) -> Array:
        """gamma (J^T J + gamma I)^-1 v, (p,): what of v the anchor decides and not the data."""


@dataclass(frozen=True)
class SingularValues(Spectrum):
    """All singular values, largest first, and the directions v_i (k, p) they belong to."""

    sigma: Array
    directions: Array

    def sigma_max(self) -> float:
        return float(self.sigma[0]) if self.sigma.size else 0.0

    def effective_rank(self) -> float:
        positive = self.sigma[self.sigma > 0]
        return float(np.sum((positive / np.hypot(positive, np.sqrt(self.gamma))) ** 2))

    def undecided(self, v: Array) -> Array:
        length = np.hypot(self.sigma, np.sqrt(self.gamma))
        decided = (self.sigma / np.where(length > 0, length, 1.0)) ** 2
        return v - self.directions.T @ (decided * (self.directions @ v))


@dataclass(frozen=True)
class TriangularFactor(Spectrum):
    """Triangular T with T T^T (lower) or T^T T (upper) equal to G + gamma I, G = J^T J, or J J^T of ``rows`` J."""

    triangle: Array
    lower: bool
    known_sigma_max: float | None
    rows: Array | None = None

    def sigma_max(self) -> float:
        if self.known_sigma_max is not None:
            return self.known_sigma_max
        first, second = (1, 0) if self.lower else (0, 1)

        def apply(x: Array) -> Array:
            y = _trmv(self.triangle, x, lower=self.lower, trans=first)
            return _trmv(self.triangle, y, lower=self.lower, trans=second, overwrite_x=1) - self.gamma * x

        return float(np.sqrt(largest_eigenvalue(apply, len(self.triangle))))

    def effective_rank(self) -> float:
        size = len(self.triangle)
        if self.gamma == 0:
            return float(size)
        inverse, _ = _trtri(self.triangle, lower=self.lower)
        return float(size - self.gamma * np.sum(inverse**2))

    def undecided(self, v: Array) -> Array:
        if self.rows is None:
            return _potrs(self.triangle, self.gamma * v, lower=self.lower)[0]
        return v - self.rows.T @ _potrs(self.triangle, self.rows @ v, lower=self.lower)[0]


@dataclass(frozen=True)
class BlockFactor(Spectrum):
    """The factors of the diagonal blocks of G + gamma I."""

    parts: tuple[TriangularFactor, ...]

    def sigma_max(self) -> float:
        return max(part.sigma_max() for part in self.parts)

    def effective_rank(self) -> float:
        return sum(part.effective_rank() for part in self.parts)

    def undecided(self, v: Array) -> Array:
        ends = np.cumsum([len(part.triangle) for part in self.parts])
        return np.concatenate([part.undecided(w) for part, w in zip(self.parts, np.split(v, ends[:-1]), strict=True)])


def largest_eigenvalue(apply: Callable[[Array], Array], size: int, steps: int = 60, rtol: float = 1e-3) -> float:
    """Largest eigenvalue of a positive semidefinite operator by Lanczos iteration with reorthogonalisation.

    Deterministic start. Stops when the residual of the Ritz pair is below rtol of the Ritz value; the error
    of the value is at most that residual, and of second order in it where the eigenvalue is separated. Never
    more than the true value.
    """
    steps = min(steps, size)
    basis = np.empty((steps, size))
    diagonal, offdiagonal = np.zeros(steps), np.zeros(steps)
    vector = np.random.default_rng(0).standard_normal(size)
    basis[0] = vector / np.sqrt(vector @ vector)
    ritz = 0.0
    for k in range(steps):
        vector = apply(basis[k])
        diagonal[k] = basis[k] @ vector
        known = basis[: k + 1].T
        vector = _gemv(-1.0, known, _gemv(1.0, known, vector, trans=1), beta=1.0, y=vector, overwrite_y=1)
        beta = float(np.sqrt(vector @ vector))
        values, vectors, _ = _stev(diagonal[: k + 1], offdiagonal[: max(k, 1)])
        ritz = max(float(values[-1]), 0.0)
        if k + 1 == steps or beta * abs(float(vectors[-1, -1])) <= rtol * ritz:
            break
        offdiagonal[k] = beta
        basis[k + 1] = vector / beta
    return ritz
