"""Transport in the plane by a steady flow, periodic on [−1, 1)² (a case of arXiv:2605.00284, whose phase is not
given there and is 0 here):

    u_t + c·∇u = 0,   c = (1 + 0.6 sin(3πx), 0.8 (1 + 0.3 cos(2πy))),   u₀ = exp(−((x + 0.2)² + y²)/(8·10⁻³ π))

A bump is pressed together and drawn out three times on its way round. u is constant along x′ = c(x), which is solved in
closed form: of ψ′ = k a (1 + e cos ψ) the anomaly E, tan(E/2) = √((1 − e)/(1 + e)) tan(ψ/2), runs at the constant rate
k a √(1 − e²), as the eccentric anomaly of an ellipse belongs to the true one.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

from symdfi.dfi import Box, Grid, Problem
from symdfi.running import COMMON, EvolutionModel, Exact, Settings
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.evolution import EvolutionEquation

from .networks import positive

x, y = sp.symbols("x y", real=True)
u = sp.Function("u")(t, x, y)
cx = 1 + sp.Rational(3, 5) * sp.sin(3 * sp.pi * x)
cy = sp.Rational(4, 5) * (1 + sp.Rational(3, 10) * sp.cos(2 * sp.pi * y))
EQUATION = EvolutionEquation(sp.Eq(u.diff(t), -cx * u.diff(x) - cy * u.diff(y)))
TORUS = Box([(-1, 1)] * 2, periodic=True)
CENTRE, SQUARED_WIDTH = -sp.Rational(1, 5), sp.Rational(8, 1000) * sp.pi


def build(s: Settings) -> Problem:
    return Problem(EQUATION, positive(s, [x, y], [2, 2]), TORUS, Grid(int(s["points"])))


def exact(s: Settings, points: np.ndarray, time: float) -> np.ndarray:
    # sin(3πx) = cos(3πx − π/2)
    psi = came_from(3 * np.pi * points[:, 0] - np.pi / 2, 3 * np.pi, 0.6, time)
    from_x = (psi + np.pi / 2) / (3 * np.pi)
    from_y = came_from(2 * np.pi * points[:, 1], 1.6 * np.pi, 0.3, time) / (2 * np.pi)
    # The nearest image.
    away = [np.mod(x - centre + 1, 2) - 1 for x, centre in ((from_x, float(CENTRE)), (from_y, 0.0))]
    return np.exp(-(away[0] ** 2 + away[1] ** 2) / float(SQUARED_WIDTH))


def came_from(psi: np.ndarray, rate: float, e: float, ago: float) -> np.ndarray:
    """ψ a time ``ago``, of ψ′ = rate (1 + e cos ψ): no branch is lost, whatever turns there are."""
    root = np.sqrt(1 - e**2)
    beta = e / (1 + root)
    anomaly = psi - 2 * np.arctan2(beta * np.sin(psi), 1 + beta * np.cos(psi)) - rate * root * ago
    return anomaly + 2 * np.arctan2(beta * np.sin(anomaly), 1 - beta * np.cos(anomaly))


MODEL = EvolutionModel(
    name="transport_2d",
    title="Transport in the plane",
    description="A bump is carried round a torus, pressed together and drawn out by a steady flow.",
    defaults={
        # A tight fit leaves weak directions, in which θ moves fast at first.
        **COMMON, "T": 2.0, "dt": 1.25e-2, "dt_start": 2.5e-3, "t_start": 0.1, "points": 56,
        "gamma": 1e-10, "mu": "memory", "fit_iterations": 60, "widths": "12,12",
    },
    build=build,
    profile=lambda s: sp.exp(-((x - CENTRE) ** 2 + y**2) / SQUARED_WIDTH),
    measure=Exact(exact),
    lipschitz=lambda s: 0.9 * np.pi + 0.24 * np.pi,  # of ½ div c the most
)  # fmt: skip
