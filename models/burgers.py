"""Burgers' equation: a bump steepens into a shock of width ν, followed by a periodic network."""

from __future__ import annotations

import sympy as sp

from symdfi.running import COMMON, EvolutionModel, Settings, positive
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.evolution import EvolutionEquation

from .periodic import X, network, u

nu = sp.Symbol("nu", positive=True)


def params(s: Settings) -> dict[str, float]:
    positive(s, "nu")
    return {"nu": float(s["nu"])}


MODEL = EvolutionModel(
    name="burgers",
    title="Burgers' equation",
    description="A bump on a circle steepens into a shock, which viscosity keeps smooth.",
    defaults={"nu": 1e-3, **COMMON, "widths": "9,9,9"},
    equation=EvolutionEquation(sp.Eq(u.diff(t), nu * u.diff(X, 2) - u * u.diff(X))),
    bounds=(-1.0, 1.0),
    profile=(1 - X**2) * sp.exp(-30 * (X + sp.Rational(1, 2)) ** 2),
    build=lambda s: network(s, 2),
    params=params,
)
