"""Harmonic balance: trigonometric polynomials over a period."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symdfi.ep.rules.base import Rule
from symdfi.numbers import count


class Fourier(Rule):
    """Periodic orbits as trigonometric polynomials of so many ``harmonics`` K, by their values at M = 2K + 1 times
    t_j = jT/M, and the quadrature S = T/M Σ_j L(x_j, (Dx)_j, t_j) with the derivative D of the polynomials,

        D_jk = (π/T) (−1)^{j−k} / sin(π(j − k)/M), j ≠ k.

    Its extrema are the balance of K harmonics, and converge faster than any power of 1/M where the orbit is smooth. One
    interval is the whole period: no ``steps`` are given. Inputs and targets are sampled at the t_j. Of ``Periodic``
    orbits, and of closed ones (``Autonomous``, ``LimitCycle``).

    Source: L. N. Trefethen, Spectral Methods in MATLAB (2000), chapter 3. ``ValueError`` for K < 1.
    """

    spans = True

    def __init__(self, harmonics: int = 15) -> None:
        M = 2 * count(harmonics, "harmonics", 1) + 1
        j = np.arange(M)
        apart = j[:, None] - j
        with np.errstate(divide="ignore"):
            D = np.where(apart == 0, 0.0, np.pi * (-1.0) ** apart / np.sin(np.pi * apart / M))
        closed = np.zeros((M, 1))
        super().__init__(
            np.hstack([np.eye(M), closed]), np.hstack([D, closed]), np.full(M, 1 / M), j / M, np.append(j / M, 1.0), M
        )

    def assembled(self, h: float, parts: Sequence[np.ndarray]) -> np.ndarray:
        qq, qv, vq, vv = (rows[0] / self.degree for rows in parts)
        M, D = self.degree, self.slopes[:, :-1]
        inner = D[:, :, None] * qv[:, None] + D.T[:, :, None] * vq[None]
        if np.ptp(vv, axis=0).any():
            inner += np.tensordot(D.T, D[:, :, None] * vv[:, None], 1) / h
        else:
            inner += (D.T @ D)[:, :, None] * (vv[0] / h)
        inner[np.arange(M), np.arange(M)] += h * qq
        found = np.zeros((1, M + 1, M + 1, qq.shape[1]))
        found[0, :M, :M] = inner
        return found

    def interpolation(self, parts: np.ndarray) -> np.ndarray:
        """What makes values at any parts of the period of those at the t_j, (len(parts), M): with x = part − j/M
        Dirichlet's kernel sin(πMx) / (M sin πx)."""
        M = self.degree
        apart = np.pi * (parts[:, None] - np.arange(M) / M)
        sine = np.sin(apart)
        near = np.abs(sine) < 1e-8  # where it is 1 but for rounding
        return np.where(near, 1.0, np.sin(M * apart) / (M * np.where(near, 1.0, sine)))

    def __repr__(self) -> str:
        return f"Fourier({self.degree // 2})"
