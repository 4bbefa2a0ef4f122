"""Rotating detonation waves: a front travels round an annular combustor and burns the gas that is fed in behind it.

η is the energy set free and λ the part of the gas that is burnt (Koch, Kurosaka, Knowlen and Kutz, arXiv:1910.00105,
with the numbers of arXiv:2605.00284):

    η_t = −η η_x + ν η_xx + (1 − λ) ω(η) − e η        ω(η) = exp((η − η_c)/α)
    λ_t =          ν λ_xx + (1 − λ) ω(η) − β(η) λ     β(η) = m/(1 + exp(r (η − η_p)))

Measured against a spectral solution.
"""

from __future__ import annotations

import sympy as sp

from symdfi.dfi import Box, Grid, Problem
from symdfi.running import COMMON, EvolutionModel, Settings, positive
from symdfi.symbolic.activations import swish
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.evolution import EvolutionEquation

from .periodic import X, network

eta, lam = (sp.Function(name)(t, X) for name in ("eta", "lambda"))
nu, alpha, eta_c, e, m, r, eta_p = sp.symbols("nu alpha eta_c e m r eta_p", positive=True)
CONSTANTS = {"nu": 1e-2, "alpha": 0.3, "eta_c": 1.1, "e": 0.11, "m": 3.5, "r": 5.0, "eta_p": 0.5}

burning = (1 - lam) * sp.exp((eta - eta_c) / alpha)
feeding = m / (1 + sp.exp(r * (eta - eta_p)))


EQUATION = EvolutionEquation([
    sp.Eq(eta.diff(t), -eta * eta.diff(X) + nu * eta.diff(X, 2) + burning - e * eta),
    sp.Eq(lam.diff(t), nu * lam.diff(X, 2) + burning - feeding * lam),
])  # fmt: skip
PROFILE = {eta: 1 + sp.Rational(2, 5) * sp.exp(-sp.Rational(9, 4) * (X - sp.pi) ** 2), lam: sp.Rational(3, 4)}


def build(s: Settings) -> Problem:
    positive(s, *CONSTANTS)
    circle = Box([(0, 2 * sp.pi)], periodic=True)
    networks = {field: network(s, 2 * sp.pi, swish, trained_phases=True) for field in (eta, lam)}
    return Problem(EQUATION, networks, circle, Grid(int(s["points"])), {name: float(s[name]) for name in CONSTANTS})


MODEL = EvolutionModel(
    name="rotating_detonation",
    title="Rotating detonation waves",
    description="A hot spot grows into a detonation front that travels round the ring, and a second front is born.",
    defaults={
        **CONSTANTS, **COMMON, "T": 8.0, "dt": 1e-2, "points": 512, "gamma": 2.5e-9, "mu": 0.9,
        "widths": "8,8,8",
    },
    build=build,
    profile=lambda s: PROFILE,
)  # fmt: skip
