"""Vlasov's equation for particles in a prescribed potential φ, periodic on [−1, 1)² (a case of arXiv:2605.00284):

    u_t = −v u_x + φ′(x) u_v,   φ = −0.2 (1 + cos(πx⁴)) − 0.1 sin(πx),   u₀ = exp(−((x − 0.1)² + v²)/0.15²)

A cloud of particles in phase space (x, v), all starting near rest, falls into the wells and winds up: u is constant
along x′ = v, v′ = −φ′(x), which is what it is measured by.
"""

from __future__ import annotations

import sympy as sp

from symdfi.dfi import Box, Grid, Problem
from symdfi.running import COMMON, Characteristics, EvolutionModel, Settings
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.evolution import EvolutionEquation

from .networks import positive

x, v = sp.symbols("x v", real=True)
u = sp.Function("u")(t, x, v)
phi = -sp.Rational(1, 5) * (1 + sp.cos(sp.pi * x**4)) - sp.sin(sp.pi * x) / 10
EQUATION = EvolutionEquation(sp.Eq(u.diff(t), -v * u.diff(x) + phi.diff(x) * u.diff(v)))
TORUS = Box([(-1, 1)] * 2, periodic=True)


def build(s: Settings) -> Problem:
    return Problem(EQUATION, positive(s, [x, v], [2, 2]), TORUS, Grid(int(s["points"])))


MODEL = EvolutionModel(
    name="vlasov",
    title="Vlasov's equation in a prescribed potential",
    description="A cloud of particles in phase space falls into the wells of a potential and winds up.",
    defaults={
        **COMMON, "T": 5.0, "dt": 2.5e-2, "points": 64, "gamma": 1e-10, "mu": "memory",
        "fit_iterations": 60, "widths": "12,12",
    },
    build=build,
    profile=lambda s: sp.exp(-((x - sp.Rational(1, 10)) ** 2 + v**2) / sp.Rational(15, 100) ** 2),
    measure=Characteristics(0.01),
    lipschitz=lambda s: 0.0,  # (v, −φ′) has no divergence: u keeps its norm
)  # fmt: skip
