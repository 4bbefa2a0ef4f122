"""The Allen–Cahn equation: a profile falls apart into the phases u = 1 and u = −1.

    u_t = κ u_xx + u − u³,    periodic on [0, 2π)

(S. M. Allen and J. W. Cahn, Acta Metallurgica 27, 1085, 1979; the initial value that of arXiv:2605.00284.) Fronts of
width √κ between the phases hardly move, and vanish in pairs. Followed by a periodic network, and measured against a
spectral solution.
"""

from __future__ import annotations

import sympy as sp

from symdfi.dfi import Box, Grid, Problem
from symdfi.running import COMMON, EvolutionModel, Settings, positive
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.evolution import EvolutionEquation

from .periodic import X, network, u

kappa = sp.Symbol("kappa", positive=True)
EQUATION = EvolutionEquation(sp.Eq(u.diff(t), kappa * u.diff(X, 2) + u - u**3))
PROFILE = (
    sp.tanh(2 * sp.sin(X)) / 3
    - sp.exp(-23.5 * (X - sp.pi / 2) ** 2) + sp.exp(-27 * (X - 4.2) ** 2) + sp.exp(-38 * (X - 5.4) ** 2)
)  # fmt: skip


def build(s: Settings) -> Problem:
    positive(s, "kappa")
    circle = Box([(0, 2 * sp.pi)], periodic=True)
    return Problem(EQUATION, network(s, 2 * sp.pi), circle, Grid(int(s["points"])), {kappa: float(s["kappa"])})


MODEL = EvolutionModel(
    name="allen_cahn",
    title="Allen–Cahn equation",
    description="Reaction drives u to ±1, diffusion keeps the fronts between the phases smooth.",
    defaults={
        "kappa": 5e-3, **COMMON, "dt": 1e-2, "dt_start": 2.5e-3, "t_start": 0.5, "points": 400, "gamma": 1e-10,
        "widths": "9,9,9",
    },
    build=build,
    profile=lambda s: PROFILE,
)  # fmt: skip
