"""Burgers' equation: a bump steepens into a shock of width ν, followed by a periodic network.

    u_t = ν u_xx − u u_x,    u₀ = (1 − x²) exp(−30 (x + ½)²),    periodic on [−1, 1)

(J. M. Burgers, Advances in Applied Mechanics 1, 171, 1948; a case of arXiv:2605.00284.) Measured against a spectral
solution.
"""

from __future__ import annotations

import sympy as sp

from symdfi.dfi import Box, Grid, Problem
from symdfi.running import COMMON, EvolutionModel, Settings, positive
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.evolution import EvolutionEquation

from .periodic import X, network, u

nu = sp.Symbol("nu", positive=True)
EQUATION = EvolutionEquation(sp.Eq(u.diff(t), nu * u.diff(X, 2) - u * u.diff(X)))


def build(s: Settings) -> Problem:
    positive(s, "nu")
    circle = Box([(-1, 1)], periodic=True)
    return Problem(EQUATION, network(s, 2), circle, Grid(int(s["points"])), {nu: float(s["nu"])})


MODEL = EvolutionModel(
    name="burgers",
    title="Burgers' equation",
    description="A bump on a circle steepens into a shock, which viscosity keeps smooth.",
    defaults={"nu": 1e-3, **COMMON, "dt_start": 2.5e-3, "t_start": 0.5, "widths": "9,9,9"},
    build=build,
    profile=lambda s: (1 - X**2) * sp.exp(-30 * (X + sp.Rational(1, 2)) ** 2),
)
