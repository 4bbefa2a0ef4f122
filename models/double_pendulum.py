"""The double pendulum: chaotic, with velocities that the mass matrix couples.

    L = ½ m₁ |ṙ₁|² + ½ m₂ |ṙ₂|² − m₁ g y₁ − m₂ g y₂,    r₁ = l₁ (sin θ₁, −cos θ₁),  r₂ = r₁ + l₂ (sin θ₂, −cos θ₂)

(L. D. Landau and E. M. Lifshitz, Mechanics, section 5.) No solution is known: the motion is held against DOP853 at a
tolerance of 1e-13, for as long as that can be relied upon, and the rate at which small errors grow is measured, too.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdfi as sd
from symdfi.dynamics import DOP853, Lagrangian, Trajectory, integrate
from symdfi.running import MechanicsModel, Settings, positive
from symdfi.running.pictures import Orbit

m1, m2, l1, l2, g = sp.symbols("m1 m2 l1 l2 g", positive=True)
(theta1, omega1), (theta2, omega2) = sd.coordinates("theta1"), sd.coordinates("theta2")

#: How far apart in θ₁ two motions start whose distance is measured.
_SHIFT = 1e-8

# Positions of the two masses, and their velocities by the chain rule.
x1, y1 = l1 * sp.sin(theta1), -l1 * sp.cos(theta1)
x2, y2 = x1 + l2 * sp.sin(theta2), y1 - l2 * sp.cos(theta2)
rate = lambda f: f.diff(theta1) * omega1 + f.diff(theta2) * omega2  # noqa: E731

T = m1 * (rate(x1) ** 2 + rate(y1) ** 2) / 2 + m2 * (rate(x2) ** 2 + rate(y2) ** 2) / 2
V = m1 * g * y1 + m2 * g * y2
L = T - V


def build(settings: Settings) -> Lagrangian:
    return Lagrangian(L, [theta1, theta2], [omega1, omega2], parameters=[m1, m2, l1, l2, g])


def initial(s: Settings) -> tuple[list, list, dict]:
    positive(s, "m1", "m2", "l1", "l2", "g")
    params = {symbol: s[symbol.name] for symbol in (m1, m2, l1, l2, g)}
    return [float(s["angle1"]), float(s["angle2"])], [0.0, 0.0], params


def reference(s: Settings, trajectory: Trajectory) -> dict[str, float]:
    """Against DOP853 at a tolerance of 1e-13.

    The motion is chaotic: small differences grow by e^{λt}, with λ near 2 for the default settings, 10⁹ fold to t = 10.
    So the error is given at early times, and then until when it stays small; λ and what the reference is worth at the
    end (by how much it moves at a tolerance of 1e-12) are measured along with it.
    """
    t = trajectory.t
    # The last save may follow at a shorter interval.
    t = t[: t.size - (t.size > 2 and t[-1] - t[-2] < 0.999 * (t[1] - t[0]))]

    def states(tolerance: float, shift: float = 0.0) -> np.ndarray:
        start = trajectory.q[0] + np.array([shift, 0.0])
        found = integrate(
            trajectory.system, start, trajectory.v[0], (t[0], t[-1]), t[1] - t[0], trajectory.params,
            method=DOP853(tolerance, tolerance),
        )  # fmt: skip
        return np.hstack([found.q, found.v])

    exact, looser, beside = states(1e-13), states(1e-12), states(1e-13, _SHIFT)
    error = np.abs(trajectory.q[: t.size] - exact[:, :2]).max(axis=1)
    found = {
        f"error of the angles to t = {end:g}": float(error[t <= end + 1e-9].max()) for end in (1.0, 3.0) if end <= t[-1]
    }
    apart = np.linalg.norm(beside - exact, axis=1)
    small = _before(apart > 1e-2)
    return found | {
        "angles right to 0.01 until t =": float(t[_before(error > 1e-2)]),
        "growth rate of small errors": float(np.log(apart[small] / _SHIFT) / (t[small] - t[0])) if small else 0.0,
        "error of the reference at the end": float(np.abs(looser - exact)[-1, :2].max()),
    }


def _before(happened: np.ndarray) -> int:
    """The last place before the first True."""
    return max(0, int(np.argmax(np.append(happened, True))) - 1)


MODEL = MechanicsModel(
    name="double_pendulum",
    title="Double pendulum",
    description="Two point masses on rigid rods, released from rest. Angles in radians from the vertical.",
    defaults={
        "m1": 1.0, "m2": 1.0, "l1": 1.0, "l2": 1.0, "g": 9.81, "angle1": 2.0, "angle2": 2.5,
        "t_end": 10.0, "dt": 0.001, "method": "midpoint", "save_every": 10,
    },
    build=build,
    initial=initial,
    reference=reference,
    picture=Orbit(x2, y2),
)  # fmt: skip
