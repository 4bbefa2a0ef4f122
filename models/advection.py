"""Advection and diffusion of a Gaussian by redundant Gaussians: the normal equations are singular throughout.

    u_t = −c u_x + ν u_xx,    u₀ = exp(−x²),    û = Σ a_k exp(−w_k² (x − b_k)²)

(The heat kernel, moved along: J. Fourier, Théorie analytique de la chaleur, 1822.) The solution is
u = exp(−(x − ct)²/s)/√s with s = 1 + 4νt, which errors are measured against. All units are alike, and stay so: what
tells them from one another the data never decide. Dirac–Frenkel dynamics has no velocity then, inertia has.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

from symdfi.dfi import Box, Grid, Problem
from symdfi.running import COMMON, EvolutionModel, Exact, Settings, not_negative
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.evolution import EvolutionEquation
from symdfi.symbolic.mixtures import gaussians

from .periodic import X, u

c = sp.Symbol("c", real=True)
nu = sp.Symbol("nu", positive=True)
EQUATION = EvolutionEquation(sp.Eq(u.diff(t), nu * u.diff(X, 2) - c * u.diff(X)))


def build(s: Settings) -> Problem:
    not_negative(s, "nu")
    circle = Box([(-10, 10)], periodic=True)
    params = {c: float(s["c"]), nu: float(s["nu"])}
    return Problem(EQUATION, gaussians([X], int(s["units"])), circle, Grid(int(s["points"])), params)


def start(problem: Problem) -> np.ndarray:
    """All units alike: together they are the profile exactly."""
    units = int(problem.ansatz.count) // 3
    return problem.ansatz.pack({"a": np.full(units, 1 / units), "w": np.ones(units), "b": np.zeros(units)})


def exact(s: Settings, x: np.ndarray, time: float) -> np.ndarray:
    width = 1 + 4 * float(s["nu"]) * time
    # The nearest image on the circle: the Gaussian is far narrower.
    away = np.mod(x - float(s["c"]) * time + 10, 20) - 10
    return np.exp(-(away**2) / width) / np.sqrt(width)


MODEL = EvolutionModel(
    name="advection",
    title="Advection and diffusion with redundant Gaussians",
    description="Identical units: Dirac–Frenkel dynamics is singular at all times, with inertia it is not.",
    defaults={
        "c": 1.0, "nu": 0.1, **COMMON, "T": 2.0, "dt": 1e-2, "points": 400,
        "gamma": 1e-6, "mu": 1.0, "units": 4,
    },
    build=build,
    profile=lambda s: sp.exp(-(X**2)),
    start=start,
    measure=Exact(exact),
)  # fmt: skip
