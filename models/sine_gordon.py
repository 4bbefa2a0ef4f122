"""The sine-Gordon equation: a breather, two kinks that are bound to one another, from its Lagrangian density

    𝓛 = ½ u_t² − ½ u_x² − (1 − cos u),   of which   u_tt = u_xx − sin u,   𝓗 = ½ p² + ½ u_x² + 1 − cos u,   p = u_t

(Ablowitz, Kaup, Newell and Segur, Phys. Rev. Lett. 30, 1262, 1973). The breather of frequency ω < 1 is

    u = 4 arctan((k/ω) cos(ωt − φ)/cosh(kx)),   k = √(1 − ω²),

of energy 16 k. Hamilton's equations u_t = p, p_t = u_xx − sin u evolve two networks, one a field, and nothing makes
them keep the energy: its drift is a measure of them.

The run begins with φ = π/4, where both fields have a shape. (Begun at φ = 0 it is off by 1e-3 from the start: a network
for p = 0 has output weights of 0, and what is within it means nothing yet.) It ends at 1e-4, with φ = −π/4 at 3e-3, and
with networks of 5 or 4 units a layer at 1e-3 and 9e-3.
"""

from __future__ import annotations

import sympy as sp

from symdfi.dfi import Box, Grid, Problem
from symdfi.fields import LagrangianDensity
from symdfi.running import COMMON, Conserved, EvolutionModel, Exact, Settings
from symdfi.symbolic.coordinates import t

from .periodic import X, network, u

DENSITY = LagrangianDensity(u.diff(t) ** 2 / 2 - u.diff(X) ** 2 / 2 - (1 - sp.cos(u)), [u], [X])
EQUATION = DENSITY.evolution()
(p,) = DENSITY.momentum_fields

OMEGA = sp.Rational(4, 5)
K = sp.sqrt(1 - OMEGA**2)
BREATHER = 4 * sp.atan(K / OMEGA * sp.cos(OMEGA * t - sp.pi / 4) / sp.cosh(K * X))
EXACT = {u: BREATHER, p: BREATHER.diff(t)}
HALF = 20


def build(s: Settings) -> Problem:
    networks = {field: network(s, 2 * HALF) for field in (u, p)}
    return Problem(EQUATION, networks, Box([(-HALF, HALF)], periodic=True), Grid(int(s["points"])))


MODEL = EvolutionModel(
    name="sine_gordon",
    title="Sine-Gordon equation from its Lagrangian density",
    description="A breather, by a network for the field and one for its momentum; the energy is kept count of.",
    defaults={
        **COMMON, "T": 14.0, "dt": 2e-2, "saves": 100, "points": 320,
        "gamma": "budget", "mu": "memory", "widths": "6,6",
    },
    build=build,
    profile=lambda s: {field: value.subs(t, 0) for field, value in EXACT.items()},
    measure=Conserved(Exact(EXACT), {"energy": sp.Integral(DENSITY.hamiltonian, (X, -HALF, HALF))}),
)  # fmt: skip
