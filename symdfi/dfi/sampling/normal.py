"""Normal distributions: what is drawn from them, and their densities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdfi.numbers import finite_reals


@dataclass(frozen=True, eq=False)
class Normal:
    """N(mean, F Fᵀ), F lower triangular with a positive diagonal: mean (dim,), factor (dim, dim)."""

    mean: np.ndarray
    factor: np.ndarray

    @staticmethod
    def of(mean: Any, covariance: Any, what: str) -> Normal:
        """From a covariance (dim, dim), variances (dim,), or one variance. ``ValueError`` if it is not positive."""
        mean = np.atleast_1d(finite_reals(mean, f"the mean of {what}"))
        covariance = finite_reals(covariance, f"the covariance of {what}")
        if mean.ndim != 1 or covariance.shape not in ((), mean.shape, mean.shape * 2):
            raise ValueError(f"{what} has a mean of shape {mean.shape} and a covariance of shape {covariance.shape}")
        if covariance.ndim < 2:
            covariance = np.diag(np.broadcast_to(covariance, mean.shape))
        if not np.allclose(covariance, covariance.T, rtol=1e-10, atol=0):
            raise ValueError(f"the covariance of {what} is not symmetric")
        try:
            return Normal(mean, np.linalg.cholesky(covariance))
        except np.linalg.LinAlgError:
            raise ValueError(f"the covariance of {what} is not positive definite") from None

    def at(self, standard: np.ndarray) -> np.ndarray:
        """Points from standard normal ones (n, dim)."""
        return self.mean + standard @ self.factor.T

    def log_density(self, points: np.ndarray) -> np.ndarray:
        from scipy.linalg import solve_triangular  # slow to import

        z = solve_triangular(self.factor, (points - self.mean).T, lower=True)
        constant = 0.5 * len(self.mean) * np.log(2 * np.pi) + np.log(np.diag(self.factor)).sum()
        return -0.5 * (z**2).sum(axis=0) - constant

    def widened(self, factor: float) -> Normal:
        """With ``factor`` times the covariance."""
        return Normal(self.mean, np.sqrt(factor) * self.factor)
