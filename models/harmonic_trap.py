"""Particles on a line that attract each other in a harmonic trap which is shaken, as a density on ℝᵈ:

    dX_i = (a(t) − X_i + α (X̄ − X_i)) dt + √(2D) dW_i,   a = 1.25 (sin πt + 1.5),   i = 1 … d,   X̄ their mean
    ρ_t = −Σ_i ∂_i((a − x_i + α (x̄ − x_i)) ρ) + D Δρ

(Bruna, Peherstorfer and Vanden-Eijnden, Neural Galerkin schemes, arXiv:2203.01360). From N(m, 0.1) with m from 0.9 to
3 the density is Gaussian at all times, with moments that obey ordinary equations: m′ = a + A m, C′ = A C + C Aᵀ + 2D,
where A = −(1 + α) + (α/d) 𝟙𝟙ᵀ. It contracts, and its height grows by orders of magnitude: units are normalized, and ρ
is their mean. There are more units than are needed, all alike, so that the normal equations are singular throughout.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp
from scipy.stats import multivariate_normal

import symdfi as sd
from symdfi.plotting import plot_moments
from symdfi.running import COMMON, EvolutionModel, Settings, positive
from symdfi.running.measures import InitialValue, Measured, error_rows, error_series
from symdfi.symbolic.mixtures import units_of

alpha, D = sp.symbols("alpha D", positive=True)
a = sp.Rational(5, 4) * (sp.sin(sp.pi * sd.t) + sp.Rational(3, 2))
VARIANCE = 0.1  # at the beginning


def places(s: Settings) -> tuple[sp.Symbol, ...]:
    positive(s, "d")
    return sp.symbols(f"x1:{int(s['d']) + 1}", real=True)


def build(s: Settings) -> sd.Problem:
    positive(s, "alpha", "D", "units")
    x = places(s)
    rho, mean = sp.Function("rho")(sd.t, *x), sum(x) / len(x)
    drift = [a - xi + alpha * (mean - xi) for xi in x]
    flow = sum(-b * rho.diff(xi) - sp.diff(b, xi) * rho for b, xi in zip(drift, x, strict=True))
    equation = sd.EvolutionEquation(sp.Eq(rho.diff(sd.t), flow + D * sum(rho.diff(xi, 2) for xi in x)))
    return sd.Problem(
        equation,
        sd.gaussians(x, int(s["units"]), covariance="full", normalized=True, scale=sp.Rational(1, int(s["units"]))),
        sd.Box([(-sp.oo, sp.oo)] * len(x)),
        sd.MixtureSamples(int(s["points"]), mean=np.linspace(0.9, 3, len(x)), covariance=VARIANCE),
        {alpha: float(s["alpha"]), D: float(s["D"])},
    )


def profile(s: Settings) -> sp.Expr:
    x = places(s)
    away = sum((xi - m) ** 2 for xi, m in zip(x, np.linspace(0.9, 3, len(x)), strict=True))
    return sp.exp(-away / (2 * VARIANCE)) / sp.Float(2 * np.pi * VARIANCE) ** sp.Rational(len(x), 2)


def start(problem: sd.Problem) -> np.ndarray:
    """All units alike: together they are the initial density."""
    units, mean = units_of(problem.ansatz), np.linspace(0.9, 3, problem.domain.dim)
    assert units is not None
    widths = units.widths(np.full(mean.size, 1 / np.sqrt(2 * VARIANCE)))
    alike = {"a": 1.0, "w": widths, "b": mean}
    return problem.ansatz.pack({name: np.repeat([value], units.number, axis=0) for name, value in alike.items()})


def exact(s: Settings, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means (s, d) and covariances (s, d, d)."""
    d, attraction, diffusion = int(s["d"]), float(s["alpha"]), float(s["D"])
    A = -(1 + attraction) * np.eye(d) + attraction / d
    drive = sp.lambdify(sd.t, a, "math")

    def rates(time: float, y: np.ndarray) -> np.ndarray:
        m, C = y[:d], y[d:].reshape(d, d)
        return np.concatenate([drive(time) + A @ m, (A @ C + C @ A.T + 2 * diffusion * np.eye(d)).ravel()])

    y0 = np.concatenate([np.linspace(0.9, 3, d), VARIANCE * np.eye(d).ravel()])
    found = solve_ivp(rates, (0, times[-1]), y0, "DOP853", times, rtol=1e-11, atol=1e-13).y.T
    return found[:, :d], found[:, d:].reshape(-1, d, d)


def measure(s: Settings, solution: sd.Solution, u0: InitialValue) -> Measured:
    """Relative errors of mean and covariance (Frobenius), and the error of the density in L², on samples."""
    ansatz = solution.problem.ansatz
    units = units_of(ansatz)
    assert units is not None
    means, covariances = zip(*(units.moments(ansatz.unpack(theta)) for theta in solution.theta), strict=True)
    found = {"mean": np.stack(means), "covariance": np.stack(covariances)}
    rows, moments = [("reference", "exact moments")], exact(s, solution.t)
    densities = {time: multivariate_normal(*both) for time, *both in zip(solution.t.tolist(), *moments, strict=True)}
    absolute = solution.errors(lambda points, time: densities[time].pdf(points))
    data: dict[str, Any] = {"error": ("time", absolute, {"long_name": "error of rho in L²"})}
    for (name, values), truth in zip(found.items(), moments, strict=True):
        axes = tuple(range(1, values.ndim))
        errors = np.sqrt(np.square(values - truth).sum(axes) / np.square(truth).sum(axes))
        rows += error_rows(f"relative error of the {name}", solution.t, errors)
        dims = ("time", "i", "j")[: values.ndim]
        data |= {name: (dims, values), f"exact_{name}": (dims, truth), f"{name}_error": error_series(name, errors)}
    return Measured(rows, data)


MODEL = EvolutionModel(
    name="harmonic_trap",
    title="Particles in a harmonic trap",
    description="A density in many dimensions, shaken and contracting, as a mixture of redundant Gaussians.",
    defaults={
        "d": 8, "alpha": 0.25, "D": 0.01, "units": 4, **COMMON, "T": 8.0, "dt": 5e-2, "saves": 80,
        # What γ leaves out of a velocity sets units apart that began alike, and so does a shorter memory.
        "points": 512, "gamma": 1e-12, "mu": 0.9,
    },
    build=build,
    profile=profile,
    start=start,
    measure=measure,
    picture=plot_moments,
    # ⟨f(ρ), ρ⟩ = −½ ∫ div b ρ² − D ∫ |∇ρ|² with the drift b, div b = α − d (1 + α).
    lipschitz=lambda s: (float(s["d"]) * (1 + float(s["alpha"])) - float(s["alpha"])) / 2,
)  # fmt: skip
