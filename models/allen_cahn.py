"""The Allen–Cahn equation: a profile falls apart into the phases u = 1 and u = −1."""

from __future__ import annotations

import numpy as np
import sympy as sp

from symdfi.running import COMMON, EvolutionModel, Settings, positive
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.evolution import EvolutionEquation

from .periodic import X, network, u

kappa = sp.Symbol("kappa", positive=True)


def params(s: Settings) -> dict[str, float]:
    positive(s, "kappa")
    return {"kappa": float(s["kappa"])}


MODEL = EvolutionModel(
    name="allen_cahn",
    title="Allen–Cahn equation",
    description="Reaction drives u to ±1, diffusion keeps the fronts between the phases smooth.",
    defaults={"kappa": 5e-3, **COMMON, "dt": 1e-2, "points": 400, "gamma": 1e-10, "widths": "9,9,9"},
    equation=EvolutionEquation(sp.Eq(u.diff(t), kappa * u.diff(X, 2) + u - u**3)),
    bounds=(0.0, 2 * np.pi),
    profile=(
        sp.tanh(2 * sp.sin(X)) / 3
        - sp.exp(-23.5 * (X - sp.pi / 2) ** 2) + sp.exp(-27 * (X - 4.2) ** 2) + sp.exp(-38 * (X - 5.4) ** 2)
    ),
    build=lambda s: network(s, 2 * sp.pi),
    params=params,
)  # fmt: skip
