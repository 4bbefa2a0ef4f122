"""Reference solutions of periodic problems: Fourier in space, ETDRK4 in time, refined until they stop changing.

    ∂ₜu = L u + N(u, t),    L a Fourier multiplier.

Kassam and Trefethen, Fourth-order time stepping for stiff PDEs, SIAM J. Sci. Comput. 26 (2005) 1214.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from symdfi.errors import ConvergenceError, DivergenceError


class Spectral(Protocol):
    """∂ₜu = L u + N(u, t), periodic; of several fields u is (F, n), of one (n,), and so are transforms and L."""

    def points(self, size: int) -> np.ndarray: ...

    def wavenumbers(self, size: int) -> np.ndarray: ...

    def linear(self, k: np.ndarray, /) -> np.ndarray: ...

    def nonlinear(self, size: int) -> Callable[[np.ndarray, float], np.ndarray]:
        """The transform of N from that of u, and the time."""
        ...


@dataclass(frozen=True)
class Reference:
    """u (s, n), or (s, F, n) of F fields, at times ``t`` (s,) and points ``x`` (n,); ``change`` is the largest
    relative L² difference to the run before it, of half the points and twice the step."""

    x: np.ndarray
    t: np.ndarray
    u: np.ndarray
    change: float

    def relative_error(self, t: float, u: Callable[[np.ndarray], np.ndarray]) -> float:
        """Relative L² error of ``u``, of all fields together, at one of the reference's times."""
        exact = self.at(t)
        return float(np.linalg.norm(u(self.x) - exact) / (np.linalg.norm(exact) or 1.0))

    def at(self, t: float) -> np.ndarray:
        """u at the points. ``ValueError`` for a time that was not asked for."""
        k = int(np.argmin(np.abs(self.t - t)))
        if abs(self.t[k] - t) > 1e-9 * max(1.0, abs(t)):
            raise ValueError(f"the reference has no values at t = {t}")
        return self.u[k]


def reference(
    problem: Spectral,
    u0: Callable[[np.ndarray], np.ndarray],
    times: Sequence[float] | np.ndarray,
    *,
    tolerance: float = 1e-6,
    size: int = 512,
    dt: float = 4e-3,
    largest: int = 8192,
) -> Reference:
    """u at ``times`` (the first is where u₀ is given), points doubled and step halved from ``size`` and ``dt`` on
    until the result changes by less than ``tolerance`` (relative L², on the points in common), or ``largest`` is
    reached; ``change`` says how far it got.

    Raises ``ConvergenceError`` (the result as ``partial``) if it still changes by more than 1 %.
    """
    marks = np.asarray(times, dtype=float)
    if marks.ndim != 1 or len(marks) < 1 or (np.diff(marks) <= 0).any():
        raise ValueError("the times of a reference must increase")
    before: np.ndarray | None = None
    change = np.inf
    while True:
        try:
            u = integrate(problem, u0(problem.points(size)), marks, dt)
        except DivergenceError:
            # Too coarse; the finest grid has no such excuse.
            if size >= largest:
                raise
            u = None
        if u is not None and before is not None:
            norms = _norms(u[..., ::2])
            change = float((_norms(u[..., ::2] - before) / np.where(norms > 0, norms, 1.0)).max())
        if u is not None and (change <= tolerance or size >= largest):
            break
        before, size, dt = u, 2 * size, dt / 2
    result = Reference(problem.points(size), marks, u, change)
    if not change <= 1e-2:
        raise ConvergenceError(
            f"the spectral reference still changes by {change:.1e} at {size} points: the solution is not resolved",
            partial=result,
            change=change,
        )
    return result


def _norms(u: np.ndarray) -> np.ndarray:
    return np.linalg.norm(u.reshape(len(u), -1), axis=1)


def integrate(problem: Spectral, u0: np.ndarray, times: np.ndarray, dt: float) -> np.ndarray:
    """u (s, n) or (s, F, n) at ``times`` from u₀ at the first of them, by ETDRK4 with steps of at most ``dt``."""
    size = u0.shape[-1]
    k = problem.wavenumbers(size)
    linear, nonlinear = problem.linear(k), problem.nonlinear(size)
    v = np.fft.rfft(u0)[..., : k.size]
    values = [np.array(u0, dtype=float)]
    for begin, end in itertools.pairwise(times):
        steps = max(1, int(np.ceil((end - begin) / dt - 1e-9)))
        h = (end - begin) / steps
        half, whole, q, f1, f2, f3 = _coefficients(linear, h)
        for step in range(steps):
            time = begin + step * h
            nv = nonlinear(v, time)
            a = half * v + q * nv
            na = nonlinear(a, time + h / 2)
            nb = nonlinear(half * v + q * na, time + h / 2)
            nc = nonlinear(half * a + q * (2 * nb - nv), time + h)
            v = whole * v + f1 * nv + 2 * f2 * (na + nb) + f3 * nc
        if not np.isfinite(v).all():
            raise DivergenceError(f"the spectral reference diverged before t = {end:.6g} (h = {dt:.3g})")
        values.append(np.fft.irfft(v, size))
    return np.stack(values)


def _coefficients(linear: np.ndarray, h: float) -> tuple[np.ndarray, ...]:
    """e^{hL/2}, e^{hL} and the φ-functions of ETDRK4, as means over a circle about each h L: no cancellation."""
    circle = np.exp(2j * np.pi * (np.arange(32) + 0.5) / 32)
    z = h * linear[..., None] + circle
    ez = np.exp(z)
    q = (np.exp(z / 2) - 1) / z
    f1 = (-4 - z + ez * (4 - 3 * z + z**2)) / z**3
    f2 = (2 + z + ez * (z - 2)) / z**3
    f3 = (-4 - 3 * z - z**2 + ez * (4 - z)) / z**3
    means = [h * f.mean(axis=-1) for f in (q, f1, f2, f3)]
    return (
        np.exp(h * linear / 2),
        np.exp(h * linear),
        *(m if np.iscomplexobj(linear) else m.real for m in means),
    )
