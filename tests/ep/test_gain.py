"""Gain-flipped echoes of motions that are damped like their mass, against an independent complex step."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from tests.ep.complex_step import TINY, Written

EPS = float(np.finfo(float).eps)
q, v = zip(*(sd.coordinates(f"q{k}") for k in range(2)), strict=True)
t = sd.t
m, b, k, w, f, wave, gamma, other, odd, y = SYMBOLS = sp.symbols("m b k w f W gamma other odd y")

# A mass matrix that is not diagonal, a quartic bond, a drive; what is not damped like its mass, or has no potential,
# is 0.
KINETIC = m * v[0] ** 2 / 2 + v[1] ** 2 / 2 + b * v[0] * v[1]
L = (
    KINETIC - k * (q[0] ** 2 + 2 * q[1] ** 2) / 2 - w * ((q[0] - q[1]) ** 4 + q[0] ** 4) / 4
    + f * sp.cos(wave * t) * q[0]
)  # fmt: skip
R = gamma * KINETIC + other * v[1] ** 2 / 2
Q = (odd * q[1], sp.S.Zero)
RUNNING = (q[1] - y * sp.cos(wave * t)) ** 2 / 2 + v[1] ** 2 / 10 + m * q[0] ** 4 / 20
TERMINAL = (q[1] - y) ** 2 * (1 + q[0]) / 3
system, cost = sd.Lagrangian(L, q, v, dissipation=R, forces={q[0]: Q[0]}), sd.Cost(RUNNING, terminal=TERMINAL)
written = Written(L, R, Q, RUNNING, TERMINAL, q, v, t, SYMBOLS)
T, Q0, V0 = 6.0, np.array([0.5, -0.3]), np.array([0.1, 0.4])


def values(rate: float, **changes: float) -> np.ndarray:
    given = {"m": 1.3, "b": 0.2, "k": 1.1, "w": 0.4, "f": 0.6, "W": 1.2, "gamma": rate, "other": 0, "odd": 0, "y": 0.3}
    return np.array([{**given, **changes}[s.name] for s in SYMBOLS])


def free_of(rate: float, end: float = T, steps: int = 60, rule: sd.ep.Rule | None = None, **changes: float):
    trainer = sd.EPTrainer(
        system, cost, sd.InitialState(Q0, V0, end), steps, SYMBOLS, sd.GainFlippedEcho(), rule=rule or sd.Trapezoidal()
    )
    numbers = values(rate, **changes)
    return trainer, trainer.free({s.name: x for s, x in zip(SYMBOLS, numbers, strict=True)}), numbers


def far_apart(found: dict, exact: np.ndarray) -> float:
    ours = np.array([float(found[s.name]) for s in SYMBOLS])
    return float(np.linalg.norm(ours - exact) / np.linalg.norm(exact))


@pytest.mark.parametrize("rate", (0.3, 1.5, -0.4))
def test_every_derivative(rate: float) -> None:
    """γT = 2 and 9, and gain: by the damping as by the rest, also by what would break D = γM, were it not 0."""
    trainer, free, numbers = free_of(rate)
    exact, residual = written.derivatives(free.q, numbers, "trapezoidal", "initial", T, (Q0, V0, None))
    assert residual <= 1000 * EPS  # of forces of order one
    echo = sd.GainFlippedEcho()
    found, default = echo.sensitivity(free), trainer.sensitivity(free)
    # Rounding, of ε/β, grows by up to e^{γT/2} = 90 here.
    assert far_apart(found.params, exact) < 1e-7
    assert trainer.response(free)["gamma"] == found.params["gamma"]
    for j in range(2):
        moved = 1j * TINY * np.eye(2)[j]
        by_q = written.cost(free.q, numbers, "trapezoidal", "initial", T, (Q0 + moved, V0, None))[0].imag / TINY
        by_v = written.cost(free.q, numbers, "trapezoidal", "initial", T, (Q0, V0 + moved, None))[0].imag / TINY
        assert [found.q0[j], found.v0[j]] == pytest.approx([by_q, by_v], rel=1e-6, abs=1e-7)
    assert pytest.approx(default.T, rel=1e-6) == found.T
    assert echo.return_error(free) < 1e4 * EPS


def test_error_falls_as_the_square_of_the_nudge() -> None:
    _, free, numbers = free_of(1.0)
    exact, _ = written.derivatives(free.q, numbers, "trapezoidal", "initial", T, (Q0, V0, None))
    errors = [far_apart(sd.GainFlippedEcho(beta).gradient(free), exact) for beta in (1e-2, 1e-3)]
    assert np.log10(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)


def test_how_far_it_comes_back() -> None:
    """To rounding times e^{γT/2}, the growth of an underdamped motion; beyond γT = 18 refused, with the reason."""
    missed = []
    for end in (20.0, 55.0):
        trainer, free, _ = free_of(0.3, end, int(10 * end))
        missed.append(sd.GainFlippedEcho().return_error(free))
        found, exact = trainer.response(free), sd.ep.Infinitesimal().gradient(free)
        for name in ("k", "w", "gamma"):
            assert found[name] == pytest.approx(exact[name], rel=1e-3)
    assert 10 * EPS < missed[0] < missed[1] < 1e-8
    for end in (70.0, 200.0):
        with pytest.raises(sd.ConvergenceError, match=r"γT = .* is more than 18: .* a rounding error ε grows by up to"):
            sd.GainFlippedEcho().gradient(free_of(0.3, end, int(10 * end))[1])


def test_damping_given_as_a_force() -> None:
    """γ as of a generalized force; K is decided by itself."""
    drag = sd.Lagrangian(v[0] ** 2 / 2 - q[0] ** 4 / 4, q[0], v[0], forces={q[0]: -gamma * v[0]})
    trainer = sd.EPTrainer(drag, sd.Cost(q[0] ** 2), sd.AtRest(3.0, 0.8), 40, [gamma], rule=sd.Trapezoidal())
    free = trainer.free({gamma: 0.7})
    assert sd.GainFlippedEcho().gradient(free)["gamma"] == pytest.approx(
        float(trainer.response(free)["gamma"]), rel=1e-8
    )
    assert "GainFlippedEcho()" in sd.schemes(drag, sd.AtRest(3.0, 0.8), {gamma: 0.7}).admitted


def test_refusals() -> None:
    echo = sd.GainFlippedEcho()
    for changes, message in (({"other": 0.3}, "D = γM: it is another"), ({"odd": 0.2}, "K = −F_u is not symmetric")):
        with pytest.raises(sd.SymbolicError, match=message):
            echo.gradient(free_of(0.3, **changes)[1])
    with pytest.raises(sd.SymbolicError, match=r"use the rule Trapezoidal\(\), not Midpoint\(\)"):
        echo.gradient(free_of(0.3, rule=sd.Midpoint())[1])
    x, u = q[0], v[0]
    for lagrangian, message in (
        ((1 + x**2) * u**2 / 2 - x**2, "velocities meet coordinates"), (u**2 / 2 + u * sp.sin(t), "a momentum at rest"),
        (-(x**2) / 2, "there is no mass"),
    ):  # fmt: skip
        own = sd.Lagrangian(lagrangian, x, u, dissipation=gamma * u**2 / 2)
        start = sd.InitialState(0.3, T=1.0, p0=0.2)
        with pytest.raises(sd.SymbolicError, match=message):
            echo.gradient(sd.extremize(own, start, 8, {gamma: 0.1}, rule=sd.Trapezoidal()))
    lossy = sd.Lagrangian(u**2 / 2 - x**2 / 2, x, u, dissipation=gamma * u**2 / 2)
    ends = sd.extremize(lossy, sd.FixedEnds(0.0, 1.0, 1.0), 8, {gamma: 0.1}, rule=sd.Trapezoidal())
    with pytest.raises(sd.SymbolicError, match="given by its beginning"):
        echo.gradient(ends)
    with pytest.raises(sd.ConvergenceError, match="γh = 2.5, steps so long"):
        echo.gradient(sd.extremize(lossy, sd.AtRest(1.0, 1.0), 4, {gamma: 10.0}, rule=sd.Trapezoidal()))


def test_nudges_too_large_and_too_small() -> None:
    _, free, _ = free_of(0.5)
    for beta, message in ((1e-17, "increase beta"), (3.0, "reduce beta"), (0.3, "reduce beta")):
        with pytest.raises(sd.ConvergenceError, match=message):
            sd.GainFlippedEcho(beta).gradient(free)
    with pytest.raises(ValueError, match="must be finite and not zero"):
        sd.GainFlippedEcho(0.0)
