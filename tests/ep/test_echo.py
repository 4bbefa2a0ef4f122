"""Echoes: the final state pinned, against an independent complex step and the default gradient."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from tests.ep.complex_step import TINY, Written

EPS = np.finfo(float).eps
q, v = zip(*(sd.coordinates(f"q{k}") for k in range(2)), strict=True)
t = sd.t
m, a, g, k, w, f, wave, y = SYMBOLS = sp.symbols("m a g k w f W y")

# A mass that depends on position, a magnetic term, a drive, costs of a velocity and of the end.
L = (
    m * (1 + a * sp.sin(q[1]) ** 2) * v[0] ** 2 / 2 + v[1] ** 2 / 2 + g * (q[0] * v[1] - q[1] * v[0])
    - k * (q[0] ** 2 + 2 * q[1] ** 2) / 2 - w * (q[0] - q[1]) ** 4 / 4 + f * sp.cos(wave * t) * q[0]
)  # fmt: skip
RUNNING = (q[1] - y * sp.cos(wave * t)) ** 2 / 2 + v[1] ** 2 / 10 + m * q[0] ** 4 / 20
TERMINAL = (q[1] - y) ** 2 * (1 + q[0]) / 3
system = sd.Lagrangian(L, list(q), list(v))
cost = sd.Cost(RUNNING, terminal=TERMINAL)
written = Written(L, sp.S.Zero, (sp.S.Zero,) * 2, RUNNING, TERMINAL, q, v, t, SYMBOLS)
VALUES = np.array([1.3, 0.3, 0.4, 1.1, 0.3, 0.8, 1.2, 0.3])
GIVEN = {s.name: x for s, x in zip(SYMBOLS, VALUES, strict=True)}
T, Q0, V0 = 4.0, np.array([0.3, -0.2]), np.array([0.1, 0.4])
RULES = {"midpoint": sd.Midpoint(), "trapezoidal": sd.Trapezoidal(), "galerkin": sd.Galerkin()}


@pytest.mark.parametrize("rule", RULES)
def test_any_discrete_lagrangian(rule: str) -> None:
    """Centred, its errors are of β² and ε/β; by every parameter, q₀, v₀, and by T as the default has it."""
    trainer = sd.EPTrainer(system, cost, sd.InitialState(Q0, V0, T), 20, SYMBOLS, sd.Echo(), rule=RULES[rule])
    free = trainer.free(GIVEN)
    found, default = trainer.nudging.sensitivity(free), trainer.sensitivity(free)
    exact, residual = written.derivatives(free.q, VALUES, rule, "initial", T, (Q0, V0, None))
    ours = np.array([float(found.params[s.name]) for s in SYMBOLS])
    assert residual <= 1000 * EPS  # of forces of order one
    assert np.linalg.norm(ours - exact) < 1e-8 * np.linalg.norm(exact)
    assert trainer.gradient(GIVEN)[1]["k"] == found.params["k"]
    for j in range(2):
        moved = 1j * TINY * np.eye(2)[j]
        by_q = written.cost(free.q, VALUES, rule, "initial", T, (Q0 + moved, V0, None))[0].imag / TINY
        by_v = written.cost(free.q, VALUES, rule, "initial", T, (Q0, V0 + moved, None))[0].imag / TINY
        assert [found.q0[j], found.v0[j]] == pytest.approx([by_q, by_v], rel=1e-7, abs=1e-8)
    assert found.p0 == pytest.approx(default.p0, rel=1e-7, abs=1e-8)
    assert pytest.approx(default.T, rel=1e-7) == found.T
    assert np.isnan(found.qT).all() and np.isnan(found.pT).all()
    assert sd.Echo().return_error(free) < 1e3 * EPS


def test_error_falls_as_the_square_of_the_nudge() -> None:
    trainer = sd.EPTrainer(system, cost, sd.InitialState(Q0, V0, T), 20, [k, g])
    free = trainer.free(GIVEN)
    exact = trainer.response(free)
    errors = [abs(sd.Echo(beta).gradient(free)["k"] - exact["k"]) for beta in (1e-2, 1e-3)]
    assert np.log10(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)


# E3: six coupled oscillators, driven at the first, read out at the fourth.
x, xd = sd.coordinates("x", 6)
i, j = sp.symbols("i j", integer=True)
spring, pair, quartic = sp.IndexedBase("spring", (6,)), sp.IndexedBase("pair", (6, 6)), sp.Symbol("quartic")
drive, target = sp.Symbol("drive"), sp.Symbol("target")
every = (i, 0, 5)
six = sd.Lagrangian(
    sp.Sum(xd[i] ** 2 / 2 - spring[i] * x[i] ** 2 / 2 - quartic * x[i] ** 4 / 4, every)
    - sp.Sum(pair[i, j] * (x[i] - x[j]) ** 2 / 4, (j, 0, 5), every) + drive * x[0],
    x, xd, parameters=[spring, pair, quartic], inputs=[drive],
)  # fmt: skip
readout = sd.Cost((x[3] - target) ** 2 / 2, [target], terminal=sp.Rational(7, 10) * (x[2] - sp.Rational(1, 5)) ** 2)


def test_six_oscillators() -> None:
    """Leapfrog for 400 steps: by 43 parameters, p₀, q₀ and the drive at every node; and the way back."""
    rng = np.random.default_rng(0)
    params = {"spring": 0.5 + rng.random(6), "pair": 0.3 * rng.random((6, 6)), "quartic": 0.4}
    boundary = sd.InitialState(0.3 * rng.normal(size=6), T=12.0, p0=0.3 * rng.normal(size=6))
    trainer = sd.EPTrainer(six, readout, boundary, 400, params, rule=sd.Trapezoidal())
    signals = {drive: lambda t: 1.2 * np.cos(1.1 * t)}, {target: lambda t: 0.3 * np.sin(0.7 * t)}
    free = trainer.free(params, *signals)
    echo, exact = sd.Echo(), trainer.sensitivity(free)
    found = echo.sensitivity(free)
    assert echo.return_error(free) <= 400 * EPS  # a rounding a step
    for name in params:
        assert np.linalg.norm(found.params[name] - exact.params[name]) < 1e-8 * np.linalg.norm(exact.params[name])
    for ours, theirs in (
        (found.signals["drive"], exact.signals["drive"]), (found.signals["target"], exact.signals["target"]),
        (found.q0, exact.q0), (found.p0, exact.p0),
    ):  # fmt: skip
        assert np.linalg.norm(ours - theirs) < 1e-8 * np.linalg.norm(theirs)


def test_whole_numbers() -> None:
    """The leapfrog in whole numbers comes back bit by bit, and its gradient is as good."""
    rng = np.random.default_rng(1)
    params = {"spring": 0.5 + rng.random(6), "pair": 0.3 * rng.random((6, 6)), "quartic": 0.4}
    boundary = sd.InitialState(0.3 * rng.normal(size=6), 0.3 * rng.normal(size=6), 12.0)
    trainer = sd.EPTrainer(six, readout, boundary, 400, params, rule=sd.Trapezoidal())
    free = trainer.free(params, {drive: lambda t: 1.2 * np.cos(1.1 * t)}, {target: 0.3})
    echo, exact = sd.Echo(exact=True), trainer.sensitivity(free)
    found = echo.sensitivity(free)
    assert echo.return_error(free) == 0
    for name in params:
        assert np.linalg.norm(found.params[name] - exact.params[name]) < 1e-8 * np.linalg.norm(exact.params[name])
    for ours, theirs in ((found.q0, exact.q0), (found.v0, exact.v0), (found.signals["drive"], exact.signals["drive"])):
        assert np.linalg.norm(ours - theirs) < 1e-8 * np.linalg.norm(theirs)
    with pytest.raises(sd.SymbolicError, match=r"use the rule Trapezoidal\(\), not Midpoint\(\)"):
        midpoint = sd.EPTrainer(six, readout, boundary, 40, params)
        echo.gradient(midpoint.free(params, {drive: 0.0}, {target: 0.3}))
    with pytest.raises(sd.SymbolicError, match="with a constant mass matrix"):
        other = sd.EPTrainer(system, cost, sd.InitialState(Q0, V0, T), 20, [k], echo, rule=sd.Trapezoidal())
        other.gradient(GIVEN)
    with pytest.raises(ValueError, match="takes no mirror"):
        sd.Echo(exact=True, mirror="find")


def test_a_million_steps() -> None:
    """Rounding does not hinder whole numbers to come back (floats miss by 2e-11)."""
    well = sd.Lagrangian(v[0] ** 2 / 2 - k * q[0] ** 2 / 2 - q[0] ** 4 / 4, q[0], v[0])
    boundary = sd.InitialState(0.7, 0.2, 1e4)
    free = sd.EPTrainer(well, sd.Cost(q[0]), boundary, 10**6, [k], rule=sd.Trapezoidal()).free({k: 1.0})
    assert sd.Echo(exact=True).return_error(free) == 0


def test_damping_as_a_growing_action() -> None:
    """D = γM as e^{γt}L: exact while floating point brings the motion back, refused where it does not (γT ≳ 18)."""
    growing = sd.Lagrangian(sp.exp(g * t) * (v[0] ** 2 / 2 - k * q[0] ** 2 / 2 - q[0] ** 4 / 4 + y * q[0]), q[0], v[0])
    errors = {}
    for T in (10.0, 30.0):
        trainer = sd.EPTrainer(growing, sd.Cost(q[0] ** 4), sd.InitialState(0.7, 0.2, T), int(10 * T), [g, k, y])
        free = trainer.free({g: 0.3, k: 1.0, y: 0.5})
        found, exact = sd.Echo(1e-4).gradient(free), trainer.response(free)
        errors[T] = max(abs(found[name] / exact[name] - 1) for name in exact)
    assert errors[10.0] < 1e-6 and errors[30.0] < 1e-3
    for T in (120.0, 240.0):
        trainer = sd.EPTrainer(growing, sd.Cost(q[0] ** 4), sd.InitialState(0.7, 0.2, T), int(10 * T), [g, k, y])
        with pytest.raises(sd.ConvergenceError, match="cannot be told|does not come back|lost on the way"):
            sd.Echo(1e-4).gradient(trainer.free({g: 0.3, k: 1.0, y: 0.5}))


def test_refusals() -> None:
    damped = sd.Lagrangian(v[0] ** 2 / 2 - k * q[0] ** 2 / 2, q[0], v[0], dissipation=f * v[0] ** 2)
    for boundary, given, message in (
        (sd.FixedEnds(0.0, 1.0, 1.0), {k: 1.0, f: 0.0}, "given by its beginning"),
        (sd.InitialState(1.0, 0.0, 1.0), {k: 1.0, f: 0.1}, "does not retrace itself"),
    ):
        trainer = sd.EPTrainer(damped, sd.Cost(q[0] ** 2), boundary, 8, [k], sd.Echo())
        with pytest.raises(sd.SymbolicError, match=message):
            trainer.gradient(given)


def test_nudges_too_large_and_too_small() -> None:
    trainer = sd.EPTrainer(system, cost, sd.InitialState(Q0, V0, T), 20, [k])
    free = trainer.free(GIVEN)
    with pytest.raises(sd.ConvergenceError, match="cannot be told from the free trajectory.* increase beta"):
        sd.Echo(1e-17).gradient(free)
    with pytest.raises(sd.ConvergenceError, match="not linear in beta: reduce beta"):
        sd.Echo(1e3).gradient(free)
    with pytest.raises(ValueError, match="must be finite and not zero"):
        sd.Echo(0.0)
