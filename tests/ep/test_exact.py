"""The default gradient against an independent complex step: every boundary condition, every rule, any dissipation."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from tests.ep.complex_step import TINY, Written

#: Of the discrete equations at a path, in units of their largest derivative: sums of some hundred terms of order one.
ROUNDING = 1e3 * np.finfo(float).eps
q, v = zip(*(sd.coordinates(f"q{k}") for k in range(3)), strict=True)
names = "m0 m1 m2 a b k0 k1 k2 c01 c12 g w f gamma delta eta nu y"
m0, m1, m2, a, b, k0, k1, k2, c01, c12, g, w, f, gamma, delta, eta, nu, y = parameters = sp.symbols(names)
t, wave = sd.t, sp.Symbol("W")
drive = sp.cos(wave * t)

# Masses that depend on position, a magnetic term, a drive, full and cubic damping, a force that is not reciprocal.
L = (
    m0 * (1 + a * sp.sin(q[1]) ** 2) * v[0] ** 2 / 2 + m1 * v[1] ** 2 / 2 + m2 * v[2] ** 2 / 2 + b * v[0] * v[1] / 3
    + g * (q[0] * v[2] - q[2] * v[0]) / 2 - (k0 * q[0] ** 2 + k1 * q[1] ** 2 + k2 * q[2] ** 2) / 2
    - w * sum(x**4 for x in q) / 4 - c01 * (q[0] - q[1]) ** 2 / 2 - c12 * (q[1] - q[2]) ** 4 / 4 + f * drive * q[0]
)  # fmt: skip
R = gamma * sum(x**2 for x in v) / 2 + delta * (v[0] + v[1] - v[2]) ** 2 / 2 + eta * (v[0] ** 2 + v[2] ** 2) ** 2 / 4
Q = (nu * q[1], sp.S.Zero, -nu * q[0] * v[1])
RUNNING = (q[2] - y * sp.cos(wave * t)) ** 2 / 2 + v[1] ** 2 / 10 + m1 * q[0] ** 2 / 20
TERMINAL = (q[2] - y) ** 2 * (1 + q[0]) / 3

system = sd.Lagrangian(L, list(q), list(v), dissipation=R, forces={q[0]: Q[0], q[2]: Q[2]})
cost = sd.Cost(RUNNING, terminal=TERMINAL)
T = 2 * np.pi / 1.3
RULES = {"midpoint": sd.Midpoint(), "trapezoidal": sd.Trapezoidal(), "galerkin": sd.Galerkin()}
SYMBOLS = [*parameters, wave]
written = Written(L, R, Q, RUNNING, TERMINAL, q, v, t, SYMBOLS)


def drawn(seed: int, damping: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.uniform(0.5, 1.5, len(parameters)) * [
        1, 1.2, 0.8, 0.3, 0.3, 1, 1.4, 0.7, 0.3, 0.2, 0.4, 0.3, 0.6, 0.4, 0.2, 0.1, 0.2, 0.3,
    ]  # fmt: skip
    values[SYMBOLS.index(gamma)] *= damping
    return np.append(values, 2 * np.pi / T)


def given(values: np.ndarray) -> dict:
    return {s.name: x for s, x in zip(SYMBOLS, values, strict=True)}


def far_apart(found: dict, exact: np.ndarray) -> float:
    ours = np.array([float(found[s.name]) for s in SYMBOLS])
    return float(np.linalg.norm(ours - exact) / np.linalg.norm(exact))


def state(seed: int) -> np.ndarray:
    return 0.4 * np.random.default_rng(seed + 100).normal(size=3)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(2))
def test_initial_state(rule: str, seed: int) -> None:
    values, q0, v0 = drawn(seed, 1.0), state(seed), state(seed + 1)
    trainer = sd.EPTrainer(system, cost, sd.InitialState(q0, v0, T), 12, SYMBOLS, rule=RULES[rule])
    free = trainer.free(given(values))
    found = trainer.sensitivity(free)
    exact, residual = written.derivatives(free.q, values, rule, "initial", T, (q0, v0, None))
    assert residual < ROUNDING
    assert far_apart(found.params, exact) < 1e-12
    assert free.cost == pytest.approx(np.real(written.cost(free.q, values, rule, "initial", T, (q0, v0, None))[0]))
    for k in range(3):
        moved = 1j * TINY * np.eye(3)[k]
        by_q = written.cost(free.q, values, rule, "initial", T, (q0 + moved, v0, None))[0].imag / TINY
        by_v = written.cost(free.q, values, rule, "initial", T, (q0, v0 + moved, None))[0].imag / TINY
        assert [found.q0[k], found.v0[k]] == pytest.approx([by_q, by_v], rel=1e-11, abs=1e-12)


def test_initial_momentum_and_end_time() -> None:
    values, q0, p0 = drawn(3, 1.0), state(3), state(4)
    trainer = sd.EPTrainer(system, cost, sd.InitialState(q0, T=T, p0=p0), 12, [k0])
    free = trainer.free(given(values))
    found = trainer.sensitivity(free)
    assert np.isnan(found.v0).all() and np.isnan(found.qT).all()
    for k in range(3):
        moved = p0 + 1j * TINY * np.eye(3)[k]
        by_p = written.cost(free.q, values, "midpoint", "initial", T, (q0, None, moved))[0].imag / TINY
        assert found.p0[k] == pytest.approx(by_p, rel=1e-11, abs=1e-12)
    by_T = written.cost(free.q, values, "midpoint", "initial", T + 1j * TINY, (q0, None, p0))[0].imag / TINY
    assert pytest.approx(by_T, rel=1e-11) == found.T


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("damping", (0.0, 1.0))
def test_periodic(rule: str, damping: float) -> None:
    values = drawn(5, damping)
    trainer = sd.EPTrainer(system, cost, sd.Periodic(T), 15, SYMBOLS, rule=RULES[rule])
    free = trainer.free(given(values))
    exact, residual = written.derivatives(free.q, values, rule, "periodic", T)
    assert residual < ROUNDING
    assert far_apart(trainer.gradient(given(values), guess=free.q)[1], exact) < 1e-12 / free.rcond**0.5


@pytest.mark.parametrize("rule", RULES)
def test_ends(rule: str) -> None:
    """Held at both ends, and by coordinate: q0 at both, q1 at the first, q2 at the last."""
    values, nan, first, last = drawn(6, 1.0), np.nan, state(6), state(7)
    part = sd.FixedEnds({q[0]: first[0], q[1]: first[1]}, {q[0]: last[0], q[2]: last[2]}, 2.0)
    for boundary, ends in (
        (sd.FixedEnds(first, last, 2.0), (first, last)),
        (part, (np.array([first[0], first[1], nan]), np.array([last[0], nan, last[2]]))),
    ):
        trainer = sd.EPTrainer(system, cost, boundary, 12, SYMBOLS, rule=RULES[rule])
        free = trainer.free(given(values))
        found = trainer.sensitivity(free)
        exact, residual = written.derivatives(free.q, values, rule, "ends", 2.0, ends=ends)
        assert residual < ROUNDING
        assert far_apart(found.params, exact) < 1e-12 / free.rcond**0.5
        for own, name, k in ((0, "q0", 0), (0, "q0", 1), (1, "qT", 0), (1, "qT", 2)):
            moved = [np.array(e, complex) for e in ends]
            moved[own][k] += 1j * TINY
            by_end = written.cost(free.q, values, rule, "ends", 2.0, ends=moved)[0].imag / TINY
            assert getattr(found, name)[k] == pytest.approx(by_end, rel=1e-10, abs=1e-11)


@pytest.mark.parametrize("strength", (30.0, 300.0))
def test_strong_damping(strength: float) -> None:
    """γT = 300: the backward march is as stable as the forward one."""
    values, q0, v0 = drawn(8, 1.0), state(8), state(9)
    values[SYMBOLS.index(gamma)] = strength / T
    trainer = sd.EPTrainer(system, cost, sd.InitialState(q0, v0, T), 40, SYMBOLS)
    free = trainer.free(given(values))
    exact, residual = written.derivatives(free.q, values, "midpoint", "initial", T, (q0, v0, None))
    assert residual < ROUNDING
    assert far_apart(trainer.response(free), exact) < 1e-11


def test_static() -> None:
    """An equilibrium with a force that has no potential: dC/dθ = ∂_θC − C_q F_q⁻¹ F_θ, by the complex step."""
    values = drawn(9, 1.0)
    trainer = sd.EPTrainer(system, cost, sd.Static(np.array([0.2, 0.1, 0.0])), None, SYMBOLS)
    free = trainer.free(given(values))
    assert free.q.shape == (1, 3) and free.t == pytest.approx([0])
    exact = []
    for k in range(len(values)):
        moved, x = np.array(values, complex), free.q[0].astype(complex)
        moved[k] += 1j * TINY
        for _ in range(3):
            forces, _, blocks, _ = written.terms(*x, 0, 0, 0, 0, *moved)
            x = x - np.linalg.solve(np.array(blocks[0]), np.array(forces))
        total = written.terms(*x, 0, 0, 0, 0, *moved)[3] + written.end(*x, 0, *moved)
        exact.append(total.imag / TINY)
    assert far_apart(trainer.response(free), np.array(exact)) < 1e-12
