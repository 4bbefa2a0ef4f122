"""The heat equation in a square whose walls are kept at 0:

    u_t = κ (u_xx + u_yy),   −π ≤ x, y ≤ π,   u = 0 on the walls

(J. Fourier, Théorie analytique de la chaleur, 1822). From u = cos(x/2) cos(y/2), its lowest mode, the solution is
u = e^{−κt/2} cos(x/2) cos(y/2). The walls are built into the ansatz, û = (1 − x²/π²)(1 − y²/π²) N(x, y) with a network
N, which the problem is told; conditions that an ansatz does not fulfil by itself are rows (``Dirichlet``).
"""

from __future__ import annotations

import numpy as np
import sympy as sp

from symdfi.dfi import Box, Grid, Problem
from symdfi.running import COMMON, EvolutionModel, Exact, Settings, not_negative
from symdfi.symbolic.ansatz import Ansatz
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.evolution import EvolutionEquation
from symdfi.symbolic.networks import mlp

from .networks import widths

x, y = sp.symbols("x y", real=True)
kappa = sp.Symbol("kappa", positive=True)
u = sp.Function("u")(t, x, y)
EQUATION = EvolutionEquation(sp.Eq(u.diff(t), kappa * (u.diff(x, 2) + u.diff(y, 2))))
SQUARE = Box([(-sp.pi, sp.pi)] * 2)
WALLS = (1 - x**2 / sp.pi**2) * (1 - y**2 / sp.pi**2)


def walled(inner: Ansatz) -> Ansatz:
    """0 on the walls, whatever ``inner`` is."""
    return Ansatz(WALLS * inner.expr, [x, y], inner.parameters, inner.start)


def build(s: Settings) -> Problem:
    not_negative(s, "kappa")
    ansatz, grid, params = walled(mlp([x, y], widths(s))), Grid(int(s["points"])), {kappa: float(s["kappa"])}
    return Problem(EQUATION, ansatz, SQUARE, grid, params, boundary="in the ansatz")


def exact(s: Settings, points: np.ndarray, time: float) -> np.ndarray:
    return np.exp(-float(s["kappa"]) * time / 2) * np.cos(points[:, 0] / 2) * np.cos(points[:, 1] / 2)


MODEL = EvolutionModel(
    name="heat",
    title="Heat equation in a square with cold walls",
    description="The lowest mode of the square fades; the walls are built into the ansatz.",
    defaults={
        "kappa": 1.0, **COMMON, "dt": 5e-2, "points": 24, "gamma": "budget", "mu": "memory",
        "widths": "8,8",
    },
    build=build,
    profile=lambda s: sp.cos(x / 2) * sp.cos(y / 2),
    measure=Exact(exact),
    lipschitz=lambda s: -float(s["kappa"]) / 2,  # the highest eigenvalue
)  # fmt: skip
