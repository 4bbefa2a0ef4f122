"""The plane pendulum: a point mass on a rigid rod, released from rest.

    L = ½ m l² θ̇² + m g l cos θ,    θ̈ = −(g/l) sin θ

θ(t) = 2 arcsin(k cd(ω₀t, k)) with k = sin(θ₀/2), ω₀ = √(g/l), of the period T = 4 K(k²)/ω₀ (NIST Digital Library of
Mathematical Functions, section 22.19): what the motion is held against, and the period its passages through θ = 0 tell.
"""

from __future__ import annotations

import numpy as np
import scipy.special
import sympy as sp

import symdfi as sd
from symdfi.dynamics import Lagrangian, Trajectory
from symdfi.running import MechanicsModel, Settings, positive

m, l, g = sp.symbols("m l g", positive=True)
theta, omega = sd.coordinates("theta")

L = m * l**2 * omega**2 / 2 + m * g * l * sp.cos(theta)


def build(settings: Settings) -> Lagrangian:
    return Lagrangian(L, theta, omega, parameters=[m, l, g])


def initial(s: Settings) -> tuple[float, float, dict]:
    positive(s, "m", "l", "g")
    return float(s["angle"]), 0.0, {m: s["m"], l: s["l"], g: s["g"]}


def exact(s: Settings, t: np.ndarray) -> np.ndarray:
    """θ(t) = θ̄ + 2 arcsin(k cd(ω₀t, k)), k = sin((θ₀ − θ̄)/2): from rest at θ₀, θ̄ the lowest point next to it."""
    bottom = lowest(s)
    k, frequency = np.sin((float(s["angle"]) - bottom) / 2), np.sqrt(float(s["g"]) / float(s["l"]))
    _, cn, dn, _ = scipy.special.ellipj(frequency * t, k**2)
    return bottom + 2 * np.arcsin(k * cn / dn)


def lowest(s: Settings) -> float:
    """The lowest point, a multiple of 2π, that the pendulum swings about."""
    return 2 * np.pi * np.round(float(s["angle"]) / (2 * np.pi))


def period(s: Settings) -> float:
    """T = 4 K(sin²(θ₀/2)) √(l/g)."""
    return 4 * scipy.special.ellipk(np.sin(float(s["angle"]) / 2) ** 2) * np.sqrt(float(s["l"]) / float(s["g"]))


def reference(s: Settings, trajectory: Trajectory) -> dict[str, float]:
    angle, t = trajectory[theta] - lowest(s), trajectory.t
    found = {"period, exact": period(s)}
    down = np.flatnonzero((angle[:-1] > 0) & (angle[1:] <= 0))
    if down.size > 1:
        # Through the lowest point: cubic in time with the slopes at both ends (Hermite).
        crossings = [_zero(t[k : k + 2], angle[k : k + 2], trajectory[omega][k : k + 2]) for k in down]
        found["period, measured"] = (crossings[-1] - crossings[0]) / (down.size - 1)
    found["error of the angle"] = float(np.abs(trajectory[theta] - exact(s, t)).max())
    return found


def _zero(t: np.ndarray, q: np.ndarray, v: np.ndarray) -> float:
    from scipy.interpolate import CubicHermiteSpline

    roots = CubicHermiteSpline(t, q, v).roots(extrapolate=False)
    return float(roots[0])


MODEL = MechanicsModel(
    name="pendulum",
    title="Plane pendulum",
    description="A point mass on a rigid rod, released from rest. Angles in radians from the vertical.",
    defaults={
        "m": 1.0, "l": 1.0, "g": 9.81, "angle": 2.0,
        "t_end": 20.0, "dt": 0.005, "method": "verlet", "save_every": 4,
    },
    build=build,
    initial=initial,
    reference=reference,
)  # fmt: skip
