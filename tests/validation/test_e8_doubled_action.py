"""E8: nonlinear damping and initial values: the doubled action nudged by a finite β
(theory of EP, "The doubled action").

L = q̇²/2 − k q⁴/4 − w q²/2 + f(t) q with the force Q = −γ q̇ − δ q̇³. The two copies q₊ and q₋ are written as one
Lagrangian system, an extremum of

    Λ = L(q₊ + q₋/2) − L(q₊ − q₋/2) + q₋ Q(q̇₊) + β c(q₊)

with q₊(0) and the momentum p₀ of q₋(0) given, q₋(T) = 0 and q₊(T) free.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

q, v = sd.coordinates("q")
plus, moving = sd.coordinates("q_+")
minus, parting = sd.coordinates("q_-")
k, w, gamma, delta = parameters = sp.symbols("k w gamma delta")
T, STEPS, Q0, P0 = 4.0, 40, 0.5, 0.3
#: The matrix of the doubled equations has a condition of some thousands; both paths are of order one.
ROUNDING = 1e4 * np.finfo(float).eps
VALUES = {k: 0.7, w: 1.1, gamma: 0.3, delta: 0.2}


def lagrangian(at: sp.Expr, speed: sp.Expr) -> sp.Expr:
    return speed**2 / 2 - k * at**4 / 4 - w * at**2 / 2 + sp.cos(sp.Rational(13, 10) * sd.t) * at


def drag(speed: sp.Expr) -> sp.Expr:
    return -gamma * speed - delta * speed**3


def cost(at: sp.Expr) -> sd.Cost:
    return sd.Cost((at - sp.sin(sd.t) / 2) ** 2 / 2)


damped = sd.Lagrangian(lagrangian(q, v), q, v, forces={q: drag(v)})
doubled = sd.Lagrangian(
    lagrangian(plus + minus / 2, moving + parting / 2) - lagrangian(plus - minus / 2, moving - parting / 2)
    + minus * drag(moving),
    [plus, minus], [moving, parting],
)  # fmt: skip
start = sd.InitialState(Q0, T=T, p0=P0)
between = sd.FixedEnds({plus: Q0}, {minus: 0.0}, T, p0={minus: P0})


def vector(found: dict) -> np.ndarray:
    return np.array([float(found[s.name]) for s in parameters])


@pytest.fixture(scope="module")
def exact() -> sd.ep.Sensitivity:
    trainer = sd.EPTrainer(damped, cost(q), start, STEPS, parameters)
    return trainer.sensitivity(trainer.free(VALUES))


def test_copies_are_together_without_a_nudge() -> None:
    alone, both = sd.extremize(damped, start, STEPS, VALUES), sd.extremize(doubled, between, STEPS, VALUES)
    assert np.abs(both[minus]).max() < ROUNDING
    assert np.abs(both[plus] - alone[q]).max() < ROUNDING


def test_infinitesimal_nudge_is_that_of_the_damped_system(exact) -> None:
    trainer = sd.EPTrainer(doubled, cost(plus), between, STEPS, parameters)
    found = trainer.sensitivity(trainer.free(VALUES))
    np.testing.assert_allclose(vector(found.params), vector(exact.params), rtol=1e-11)
    assert found.q0[0] == pytest.approx(exact.q0[0], rel=1e-11)
    assert found.p0[1] == pytest.approx(exact.p0[0], rel=1e-11)


def test_error_falls_as_the_square_of_the_nudge(exact) -> None:
    """Centred and one-sided alike: S is odd in q₋."""
    for scheme in (sd.Centered, sd.OneSided):
        errors = []
        for beta in (1e-1, 1e-2, 1e-3):
            trainer = sd.EPTrainer(doubled, cost(plus), between, STEPS, parameters, scheme(beta))
            found = vector(trainer.gradient(VALUES)[1])
            errors.append(np.linalg.norm(found - vector(exact.params)) / np.linalg.norm(vector(exact.params)))
        assert errors[0] < 1e-2
        assert np.log10(errors[:-1]) - np.log10(errors[1:]) == pytest.approx([2, 2], abs=0.1)


def test_the_naive_estimate_is_wrong() -> None:
    """Free and nudged from the same initial state, without damping: what is refused, made by hand."""
    trainer = sd.EPTrainer(damped, cost(q), start, STEPS, parameters)
    still = {**VALUES, gamma: 0.0, delta: 0.0}
    right, beta, impulses = vector(trainer.response(trainer.free(still))), 1e-5, []
    for share in (beta, -beta):
        nudged = sd.Lagrangian(lagrangian(q, v) + share * cost(q).running, q, v, forces={q: drag(v)})
        path = sd.extremize(nudged, start, STEPS, still)
        impulses.append(vector({**path.gradient()}))
    naive = (impulses[0] - impulses[1]) / (2 * beta)
    assert np.linalg.norm(naive[:2] - right[:2]) > 0.1 * np.linalg.norm(right[:2])
