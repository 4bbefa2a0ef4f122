"""E1: L = q̇²/2 − ω²q²/2 with fixed ends, C = ∫ q²/2: the gradient dC/dω on finer and finer grids."""

from __future__ import annotations

import itertools

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.ep import Nudging

OMEGA, Q0, QT, T = 1.1, 0.4, -0.7, 2.0
PUBLISHED = 0.2891924
STEPS = (25, 50, 100, 200)
#: The condition of the discrete action's Hessian grows as N².
ROUNDOFF = 100 * np.finfo(float).eps

q, v = sd.coordinates("q")
w = sp.Symbol("omega")
system = sd.Lagrangian(v**2 / 2 - w**2 * q**2 / 2, q, v)
cost = sd.Cost(q**2 / 2)


def trainer(steps: int, nudging: Nudging | None = None) -> sd.EPTrainer:
    return sd.EPTrainer(system, cost, sd.FixedEnds(Q0, QT, T), steps, [w], nudging)


def path(t: mp.mpf, frequency: mp.mpf) -> mp.mpf:
    """The oscillation of this frequency through both ends."""
    q0, end, T_ = mp.mpf("0.4"), mp.mpf("-0.7"), mp.mpf(2)
    return (q0 * mp.sin(frequency * (T_ - t)) + end * mp.sin(frequency * t)) / mp.sin(frequency * T_)


def continuum_cost(omega: mp.mpf) -> mp.mpf:
    return mp.quad(lambda t: path(t, omega) ** 2 / 2, [0, 2])


def discrete_cost(omega: mp.mpf, steps: int) -> mp.mpf:
    """The midpoint rule moves on the same oscillation at the frequency ω_d with tan(ω_d h/2) = ωh/2."""
    h = mp.mpf(2) / steps
    frequency = 2 * mp.atan(omega * h / 2) / h
    nodes = [path(k * h, frequency) for k in range(steps + 1)]
    return h / 2 * sum(((a + b) / 2) ** 2 for a, b in itertools.pairwise(nodes))


@pytest.fixture(scope="module")
def continuum() -> float:
    with mp.workdps(30):
        return float(mp.diff(continuum_cost, mp.mpf("1.1")))


def test_continuum_gradient(continuum: float) -> None:
    """Against ∫₀ᵀ (a sin ω(T−t) + b sin ωt)² dt / (2 sin² ωT) in closed form."""
    x = sp.Symbol("omega", positive=True)
    a, b, end = sp.Rational(2, 5), -sp.Rational(7, 10), sp.Integer(2)
    square = end / 2 - sp.sin(2 * x * end) / (4 * x)
    cross = sp.sin(x * end) / (2 * x) - end / 2 * sp.cos(x * end)
    closed = ((a**2 + b**2) * square + 2 * a * b * cross) / (2 * sp.sin(x * end) ** 2)
    exact = closed.diff(x).subs(x, sp.Rational(11, 10)).evalf(20)
    assert continuum == pytest.approx(float(exact), abs=1e-13)
    assert continuum == pytest.approx(PUBLISHED, abs=5e-8)


@pytest.mark.parametrize("steps", (10, 50))
def test_adjoint_is_the_derivative_of_the_discrete_cost(steps: int) -> None:
    with mp.workdps(30):
        loss = float(discrete_cost(mp.mpf("1.1"), steps))
        gradient = float(mp.diff(lambda omega: discrete_cost(omega, steps), mp.mpf("1.1")))
    checked = trainer(steps).check_gradient({w: OMEGA})
    assert checked.loss == pytest.approx(loss, rel=ROUNDOFF * steps**2)
    assert checked.adjoint["omega"] == pytest.approx(gradient, rel=ROUNDOFF * steps**2)
    assert checked.finite_difference_error < 1e-6


@pytest.mark.parametrize("nudging", (sd.OneSided(1e-5), sd.Centered(1e-4)), ids=("one-sided", "centred"))
def test_second_order(nudging: Nudging, continuum: float) -> None:
    gradients = [trainer(steps, nudging).gradient({w: OMEGA})[1]["omega"] for steps in STEPS]
    # The bias of a nudge is that of all grids alike, and not in their differences. Those are 1e-4 and more; rounding
    # errors of about steps² roundoffs, 1e-11, stand over the nudge: 1e-6.
    changes = np.diff(gradients)
    assert np.abs(np.log2(changes[:-1] / changes[1:]) - 2).max() < 0.1
    assert abs(gradients[-1] - continuum) < 5e-5


def test_bias_of_the_schemes() -> None:
    """At one grid the bias is O(β) and O(β²)."""
    exact = trainer(100).check_gradient({w: OMEGA}).adjoint["omega"]
    for scheme, order in ((sd.OneSided, 1), (sd.Centered, 2)):
        betas = np.array([0.08, 0.04, 0.02])
        errors = [abs(trainer(100, scheme(b)).gradient({w: OMEGA})[1]["omega"] - exact) for b in betas]
        assert np.polyfit(np.log(betas), np.log(errors), 1)[0] == pytest.approx(order, abs=0.05)
