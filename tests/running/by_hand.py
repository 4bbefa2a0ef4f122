"""Periodic problems with their Fourier multipliers written out: what those read off the equations are held against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Multiplier = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class SpectralProblem:
    """∂ₜu = L u + G g(u) on [``start``, ``stop``), periodic: ``linear`` and ``outer`` give L(k) and G(k)."""

    start: float
    stop: float
    linear: Multiplier
    outer: Multiplier
    inner: Callable[[np.ndarray], np.ndarray]

    def points(self, size: int) -> np.ndarray:
        return self.start + (self.stop - self.start) * np.arange(size) / size

    def wavenumbers(self, size: int) -> np.ndarray:
        """Two thirds of those that ``size`` points resolve: of a quadratic g none is aliased."""
        return 2 * np.pi / (self.stop - self.start) * np.arange(size // 3 + 1)

    def nonlinear(self, size: int) -> Callable[[np.ndarray, float], np.ndarray]:
        k = self.wavenumbers(size)
        outer = self.outer(k)
        return lambda v, time: outer * np.fft.rfft(self.inner(np.fft.irfft(v, size)))[: k.size]
