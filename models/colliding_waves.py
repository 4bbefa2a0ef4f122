"""Two equal waves run into one another and through: a wave equation as two fields,

    u_t = v,   v_t = u_xx,   û = φ₀(x; θ₁) + φ_ρ(x; θ₂),   v̂ = ∂_μφ₀(x; θ₃) − ∂_μφ_ρ(x; θ₄),
    φ_ρ(x; μ) = exp(−(x − μ)²/(2(1 + ρ)))

(arXiv:2605.00284). The solution is û itself with θ = (t − 2, 2 − t, t − 2, 2 − t). When the waves meet, at t = 2, with
ρ = 0 the columns ∂û/∂θ₁ and ∂û/∂θ₂ are the same, and nothing tells the waves from one another there:

- Dirac–Frenkel dynamics of least norm takes both for one wave at rest, and stays there for good: whatever its threshold
  is, for a step ends at the meeting.
- Tikhonov's regularisation holds the waves back while they are close. A γ that carries them through leaves an error of
  its own size, and with a smaller one the step at the meeting is lost as well.
- With inertia, ε v̇ = Jᵀ (f − J v), the waves go on as they came. (``sd.DFI()`` by Euler's steps does so to 1e-6, for it
  repeats some of these with more γ, and by steps of Runge and Kutta to rounding.)

θ moves uniformly, so that steps of Euler's scheme are exact, and all errors are those of the velocities. Steps none of
which ends at the meeting (``--set saves=81``) jump over it: then thresholds smaller than a step do no harm, nor does a
γ near rounding. So does ρ = 4.635e-6, which tells the waves apart, with a threshold of 1e-6 or less. Inertia needs no
such luck.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

from symdfi.dfi import Box, DiracFrenkel, Grid, Problem
from symdfi.plotting import plot_rivals
from symdfi.running import COMMON, EvolutionModel, Exact, Rivals, Settings, not_negative
from symdfi.symbolic.ansatz import Ansatz
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.evolution import EvolutionEquation

from .periodic import X, u

v = sp.Function("v")(t, X)
EQUATION = EvolutionEquation([sp.Eq(u.diff(t), v), sp.Eq(v.diff(t), u.diff(X, 2))])
THETA = sp.symbols("theta1:5", real=True)
START = (-2, 2, -2, 2)


def waves(rho: float, theta: tuple) -> tuple[sp.Expr, sp.Expr]:
    """û and v̂."""
    mu = sp.Symbol("mu", real=True)
    right, left = (sp.exp(-((X - mu) ** 2) / (2 * (1 + sp.Rational(str(r))))) for r in (0, rho))
    first = right.subs(mu, theta[0]) + left.subs(mu, theta[1])
    return first, right.diff(mu).subs(mu, theta[2]) - left.diff(mu).subs(mu, theta[3])


def build(s: Settings) -> Problem:
    not_negative(s, "rho")
    ansatz = Ansatz(
        list(waves(float(s["rho"]), THETA)), [X], THETA, start=lambda *_: dict(zip(THETA, START, strict=True))
    )
    return Problem(EQUATION, ansatz, Box([(-12, 12)], periodic=True), Grid(int(s["points"])))


def exact(s: Settings, x: np.ndarray, time: float) -> np.ndarray:
    rho = float(s["rho"])
    right, left = x - (time - 2), x - (2 - time)
    bells = np.exp(-(right**2) / 2), np.exp(-(left**2) / (2 * (1 + rho)))
    return np.stack([bells[0] + bells[1], right * bells[0] - left / (1 + rho) * bells[1]])


MODEL = EvolutionModel(
    name="colliding_waves",
    title="Colliding waves: where Dirac–Frenkel dynamics stops",
    description="Two waves meet where the parameters of one and the other have the same effect.",
    defaults={
        "rho": 0.0, "epsilon": 1e-6, **{name: value for name, value in COMMON.items() if name not in ("gamma", "mu")},
        "dt": 1e-2, "saves": 80, "points": 151, "scheme": "euler",
    },
    build=build,
    profile=lambda s: dict(zip((u, v), waves(float(s["rho"]), START), strict=True)),
    measure=Rivals(
        Exact(exact),
        {
            "Dirac–Frenkel cut at √γ": lambda gamma, scheme: DiracFrenkel(rtol=gamma**0.5, scheme=scheme),
            "Tikhonov": lambda gamma, scheme: DiracFrenkel(gamma=gamma, relative=True, scheme=scheme),
        },
        [10.0**-k for k in range(4, 15)],
    ),
    picture=plot_rivals,
)  # fmt: skip
