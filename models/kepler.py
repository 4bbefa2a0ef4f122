"""The Kepler problem in the plane: a mass around a fixed centre of attraction.

    L = ½ m (ẋ² + ẏ²) + k/√(x² + y²)

The orbit is an ellipse, x = a (cos E − e), y = a √(1 − e²) sin E, with E − e sin E = √(k/(m a³)) t (H. Goldstein,
Classical Mechanics, section 3.8). Measured by the error of the position, Kepler's equation solved by Newton's method,
and by the drift of the angular momentum x ẏ − y ẋ.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdfi as sd
from symdfi.dynamics import Lagrangian, Trajectory
from symdfi.running import MechanicsModel, Settings, positive
from symdfi.running.pictures import Orbit

m, k = sp.symbols("m k", positive=True)
(x, vx), (y, vy) = sd.coordinates("x"), sd.coordinates("y")

L = m * (vx**2 + vy**2) / 2 + k / sp.sqrt(x**2 + y**2)


def build(settings: Settings) -> Lagrangian:
    return Lagrangian(L, [x, y], [vx, vy], parameters=[m, k])


def initial(s: Settings) -> tuple[np.ndarray, np.ndarray, dict]:
    """At the nearest point of an ellipse of semi-major axis a and eccentricity e."""
    q, v = exact(s, np.zeros(1))
    return q[0], v[0], {m: s["m"], k: s["k"]}


def exact(s: Settings, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions and velocities at times t, by Newton's method on E − e sin E = 2π t / T."""
    positive(s, "m", "k")
    a, e = float(s["a"]), float(s["eccentricity"])
    if not 0 <= e < 1 or not 0 < a < np.inf:
        raise ValueError(f"the orbit is an ellipse for 0 <= eccentricity < 1 and a > 0, not {e} and {a}")
    mean_motion = np.sqrt(float(s["k"]) / float(s["m"]) / a**3)
    mean = mean_motion * t
    # Danby's start, from which Newton's method converges for every e < 1.
    E = mean + 0.85 * e * np.sign(np.sin(mean))
    for _ in range(50):
        E -= (E - e * np.sin(E) - mean) / (1 - e * np.cos(E))
    rate, b = mean_motion / (1 - e * np.cos(E)), a * np.sqrt(1 - e**2)
    position = np.stack([a * (np.cos(E) - e), b * np.sin(E)], axis=-1)
    return position, np.stack([-a * np.sin(E) * rate, b * np.cos(E) * rate], axis=-1)


def reference(s: Settings, trajectory: Trajectory) -> dict[str, float]:
    position, _ = exact(s, trajectory.t)
    moment = trajectory[x] * trajectory[vy] - trajectory[y] * trajectory[vx]
    return {
        "period, exact": 2 * np.pi * np.sqrt(float(s["m"]) * float(s["a"]) ** 3 / float(s["k"])),
        "error of the position": float(np.linalg.norm(trajectory.q - position, axis=1).max()),
        "drift of the angular momentum": float(np.abs(moment / moment[0] - 1).max()),
    }


MODEL = MechanicsModel(
    name="kepler",
    title="Kepler problem",
    description="A mass around a fixed centre of attraction, started at its nearest point.",
    defaults={
        "m": 1.0, "k": 1.0, "a": 1.0, "eccentricity": 0.5,
        "t_end": 60.0, "dt": 0.005, "method": "verlet", "save_every": 10,
    },
    build=build,
    initial=initial,
    reference=reference,
    picture=Orbit(x, y),
)  # fmt: skip
