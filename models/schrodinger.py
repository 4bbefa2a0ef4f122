"""Schrödinger's equation in a harmonic trap, by redundant complex Gaussians that carry momenta:

    i ψ_t = −½ ψ_xx + ½ x² ψ,   ψ̂ = Σ_k (a_k + i b_k) exp(−½ (α_k + i β_k)(x − q_k)² + i p_k (x − q_k))

in real parameters (E. J. Heller, J. Chem. Phys. 62, 1544, 1975). A Gaussian stays one: with the width A(0) = s,
z = cos t + i s sin t and (q, p) on the classical orbit,

    A = (s cos t + i sin t)/z,   ψ = (s/π)^¼ z^(−½) exp(−½ A (x − q)² + i p (x − q) + ½ i (p q − p₀ q₀)).

It is a coherent state for s = 1, and else a squeezed one, whose width swings twice a period. Equal units share the
state at the start: all directions but six are redundant, and stay so.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

from symdfi.dfi import Box, Grid, Problem
from symdfi.plotting import plot_field
from symdfi.running import COMMON, Conserved, EvolutionModel, Exact, Settings, positive
from symdfi.symbolic.ansatz import Ansatz
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.evolution import EvolutionEquation

from .periodic import X

psi = sp.Function("psi")(t, X)
EQUATION = EvolutionEquation(sp.Eq(psi.diff(t), sp.I / 2 * (psi.diff(X, 2) - X**2 * psi)))
HALF = 9
DENSITIES = {"norm": sp.Abs(psi) ** 2, "energy": (sp.Abs(psi.diff(X)) ** 2 + X**2 * sp.Abs(psi) ** 2) / 2}


def packets(count: int, start: dict[str, float] | None = None) -> Ansatz:
    """``count`` complex Gaussians with momenta; ``start`` proposes the same parameters for all of them."""
    k = sp.Symbol("k", integer=True)
    symbols = [*sp.symbols("a b"), sp.Symbol("alpha", positive=True), *sp.symbols("beta q p")]
    names = [sp.IndexedBase(symbol, shape=(count,)) for symbol in symbols]
    a, b, alpha, beta, q, p = (name[k] for name in names)
    terms = (a + sp.I * b) * sp.exp(-(alpha + sp.I * beta) * (X - q) ** 2 / 2 + sp.I * p * (X - q))
    proposal = None if start is None else lambda *_: {name: np.full(count, value) for name, value in start.items()}
    return Ansatz(sp.Sum(terms, (k, 0, count - 1)), [X], names, proposal)


def build(s: Settings) -> Problem:
    positive(s, "squeezing", "units")
    width, units = float(s["squeezing"]), int(s["units"])
    share = {"a": (width / np.pi) ** 0.25 / units, "b": 0.0, "alpha": width, "beta": 0.0}
    ansatz = packets(units, {**share, "q": float(s["q"]), "p": float(s["p"])})
    return Problem(EQUATION, ansatz, Box([(-HALF, HALF)], periodic=True), Grid(int(s["points"])))


def profile(s: Settings) -> sp.Expr:
    width, q, p = (sp.Float(float(s[name])) for name in ("squeezing", "q", "p"))
    return (width / sp.pi) ** sp.Rational(1, 4) * sp.exp(-width * (X - q) ** 2 / 2 + sp.I * p * (X - q))


def exact(s: Settings, x: np.ndarray, time: float) -> np.ndarray:
    width, q0, p0 = (float(s[name]) for name in ("squeezing", "q", "p"))
    cos, sin = np.cos(time), np.sin(time)
    z = cos + 1j * width * sin
    # z goes round 0 once a period, as e^{it} does, and is never opposite to it.
    phase = time + np.angle(z * np.exp(-1j * time))
    q, p = q0 * cos + p0 * sin, p0 * cos - q0 * sin
    size = (width / np.pi) ** 0.25 * abs(z) ** -0.5 * np.exp(0.5j * (p * q - p0 * q0 - phase))
    return size * np.exp(-(width * cos + 1j * sin) / z * (x - q) ** 2 / 2 + 1j * p * (x - q))


def picture(dataset):
    """The real part, and the density of probability."""
    real, imaginary = dataset["u_re"], dataset["u_im"]
    density = (real**2 + imaginary**2).assign_attrs(role="field")
    return plot_field(dataset.drop_vars("u_im").rename(u_re="Re ψ").assign({"|ψ|²": density}))


MODEL = EvolutionModel(
    name="schrodinger",
    title="Schrödinger's equation in a harmonic trap",
    description="A squeezed state swings and breathes; two equal Gaussians share it, where one would be enough.",
    defaults={
        "squeezing": 1.6, "q": 1.0, "p": 0.5, **COMMON, "T": float(2 * np.pi), "dt": 1e-2,
        "saves": 100, "points": 96, "gamma": "budget", "mu": "memory", "units": 2,
    },
    build=build,
    profile=profile,
    measure=Conserved(Exact(exact), {name: sp.Integral(f, (X, -HALF, HALF)) for name, f in DENSITIES.items()}),
    picture=picture,
)  # fmt: skip
