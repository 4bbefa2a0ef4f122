"""What boundary conditions accept and refuse."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

q, v = sd.coordinates("q")
r, s = sd.coordinates("r")
k, f, c = sp.symbols("k f c")
EPS = np.finfo(float).eps
oscillator = sd.Lagrangian(v**2 / 2 - k * q**2 / 2, q, v)
driven = sd.Lagrangian(v**2 / 2 - k * q**2 / 2 + f * q, q, v, inputs=[f], dissipation=c * v**2 / 2)


@pytest.mark.parametrize("factor", (sp.exp(sd.t / 5), 1 + sd.t / 10, 1 + sp.cos(sp.pi * sd.t) / 2))
def test_lagrangian_that_is_not_periodic(factor: sp.Expr) -> None:
    growing = sd.Lagrangian(factor * (v**2 / 2 - k * q**2 / 2) + q, q, v)
    with pytest.raises(ValueError, match="the system is not periodic"):
        sd.extremize(growing, sd.Periodic(3.0), 16, {k: 1.3})
    sd.extremize(sd.Lagrangian(v**2 / 2 - q**2 * (2 + sp.cos(2 * sp.pi * sd.t / 3)) + q, q, v), sd.Periodic(3.0), 16)


@pytest.mark.parametrize("rule", (sd.Midpoint(), sd.Trapezoidal()))
def test_drive_that_is_not_periodic(rule) -> None:
    given = {"params": {k: 1.3, c: 0.1}, "rule": rule}
    with pytest.raises(ValueError, match="the input f is not of period T = 3"):
        sd.extremize(driven, sd.Periodic(3.0), 16, inputs={f: lambda t: t}, **given)
    for periodic in (lambda t: np.sin(2 * np.pi * t / 3), lambda t: float(t % 3.0 < 1), 0.3):
        sd.extremize(driven, sd.Periodic(3.0), 16, inputs={f: periodic}, **given)
    known = np.array([0.0, 1.0, 3.0]), np.array([0.2, 1.0, 0.2])
    sd.extremize(driven, sd.Periodic(3.0), 16, inputs={f: lambda t: np.interp(t, *known)}, **given)


def test_samples_that_are_not_periodic() -> None:
    samples = np.linspace(0, 1, 17)
    with pytest.raises(ValueError, match="the input f is not periodic"):
        sd.extremize(driven, sd.Periodic(3.0), 16, {k: 1.3, c: 0.1}, {f: samples}, rule=sd.Trapezoidal())


def test_coordinate_without_mass() -> None:
    """L = q̇²/2 − q²/2 + qr − r²: r follows q at every moment, r = q/2, at the nodes of a rule that has points there."""
    system = sd.Lagrangian(v**2 / 2 - q**2 / 2 + q * r - r**2 + sp.cos(sd.t) * q, [q, r], [v, s])
    plain = sd.Lagrangian(v**2 / 2 - q**2 / 4 + sp.cos(sd.t) * q, q, v)
    T = 2 * np.pi
    for boundary in (sd.Periodic(T), sd.FixedEnds({q: 0.0}, {q: 1.0}, 2.0)):
        with pytest.raises(sd.SymbolicError, match=r"velocity of r: Midpoint\(\) .* use the rule Trapezoidal"):
            sd.extremize(system, boundary, 16)
        for steps in (15, 16):
            orbit = sd.extremize(system, boundary, steps, rule=sd.Trapezoidal())
            assert np.abs(orbit["r"] - orbit["q"] / 2).max() < 100 * EPS
            alone = boundary if boundary.periodic else sd.FixedEnds(0.0, 1.0, 2.0)
            expected = sd.extremize(plain, alone, steps, rule=sd.Trapezoidal())["q"]
            assert np.abs(orbit["q"] - expected).max() < 1e-12
    with pytest.raises(sd.SymbolicError, match="velocity of r: its ends cannot be fixed"):
        sd.extremize(system, sd.FixedEnds([0.0, 0.0], [1.0, 1.0], 2.0), 16)


def test_no_velocity_at_all() -> None:
    """V = q⁴/4 + q − k: no ends can be fixed; its equilibrium is q = −1."""
    still = sd.Lagrangian(-(q**4) / 4 - k * q, q, v)
    with pytest.raises(sd.SymbolicError, match="or use Static"):
        sd.extremize(still, sd.FixedEnds(0.0, 1.0, 1.0), 10, {k: 1.0})
    trainer = sd.EPTrainer(still, sd.Cost(q**2 / 2), sd.Static(-0.5), None, [k])
    loss, gradient = trainer.gradient({k: 1.0})
    assert loss == pytest.approx(0.5)
    assert gradient["k"] == pytest.approx(1 / 3, rel=1e-13)  # q = −k^⅓, C = k^⅔/2
    for scheme, error in ((sd.OneSided(1e-3), 1e-3), (sd.Centered(1e-3), 1e-6)):
        nudged = sd.EPTrainer(still, sd.Cost(q**2 / 2), sd.Static(-0.5), None, [k], scheme)
        assert nudged.gradient({k: 1.0})[1]["k"] == pytest.approx(1 / 3, rel=error)


def test_natural_end() -> None:
    """q(0) = 1 held, p(T) = 0.3 given: q = cos t + a sin t with −sin T + a cos T = 0.3."""
    T, steps = 1.0, 400
    orbit = sd.extremize(oscillator, sd.FixedEnds({q: 1.0}, {}, T, pT={q: 0.3}), steps, {k: 1.0})
    a = (0.3 + np.sin(T)) / np.cos(T)
    assert np.abs(orbit["q"] - np.cos(orbit.t) - a * np.sin(orbit.t)).max() < T**3 / steps**2


def test_at_rest() -> None:
    """From rest, driven by a constant: q = f (1 − cos t)."""
    still = {c: 0.0, k: 1.0}
    orbit = sd.extremize(driven, sd.AtRest(2.0), 400, still, {f: 0.5})
    assert np.abs(orbit["q"] - 0.5 * (1 - np.cos(orbit.t))).max() < 1e-5
    moved = sd.extremize(driven, sd.AtRest(2.0, {q: 1.0}), 400, still, {f: 0.0})
    assert np.abs(moved["q"] - np.cos(moved.t)).max() < 1e-5


@pytest.mark.parametrize(("degree", "order"), ((1, 2), (2, 4), (3, 6)))
def test_order_of_galerkin(degree: int, order: int) -> None:
    def error(steps: int) -> float:
        orbit = sd.extremize(oscillator, sd.InitialState(1.0, 0.0, 2.0), steps, {k: 1.0}, rule=sd.Galerkin(degree))
        return abs(orbit["q"][-1] - np.cos(2.0))

    assert np.log2(error(4) / error(8)) == pytest.approx(order, abs=0.3)


def test_galerkin_one_is_the_midpoint_rule() -> None:
    one, other = (
        sd.extremize(oscillator, sd.InitialState(1.0, 0.5, 2.0), 9, {k: 1.3}, rule=rule).q
        for rule in (sd.Galerkin(1), sd.Midpoint())
    )
    assert np.abs(one - other).max() < 20 * EPS


def test_naive_initial_value_estimate_is_refused() -> None:
    for scheme in (sd.OneSided(), sd.Centered()):
        trainer = sd.EPTrainer(oscillator, sd.Cost(q**2), sd.InitialState(1.0, 0.0, 1.0), 10, [k], scheme)
        with pytest.raises(sd.SymbolicError, match="boundary term"):
            trainer.gradient({k: 1.0})


def test_a_step_that_does_not_converge() -> None:
    """q̈ = e^q in so long a step: y − q = h²/2 e^{(q + y)/2} has no solution."""
    stiff = sd.Lagrangian(v**2 / 2 + sp.exp(q), q, v)
    with pytest.raises(sd.ConvergenceError, match="the iteration did not converge in step 1 .* more steps") as caught:
        sd.extremize(stiff, sd.InitialState(1.0, 0.0, 10.0), 2)
    assert caught.value.step == 1
    assert caught.value.partial.shape == (1, 1)


def test_step_without_mass() -> None:
    with pytest.raises(sd.SingularMatrixError, match="equations of a step are singular"):
        sd.extremize(sd.Lagrangian(q * k, q, v), sd.InitialState(1.0, 0.0, 1.0), 4, {k: 1.0})


@pytest.mark.parametrize(
    ("make", "message"),
    (
        (lambda: sd.InitialState(0.0, 1.0), "end time T is missing"),
        (lambda: sd.InitialState(0.0, T=1.0), "either the initial velocity v0 or"),
        (lambda: sd.InitialState(0.0, 1.0, 1.0, p0=1.0), "either the initial velocity v0 or"),
        (lambda: sd.InitialState([0.0, 1.0], [1.0], 1.0), "same degrees of freedom"),
        (lambda: sd.InitialState(0.0, np.nan, 1.0), "v0 is nan"),
        (lambda: sd.AtRest(-1.0), "must be positive and finite"),
        (lambda: sd.FixedEnds({q: 0.0}, {}, 1.0, p0={q: 1.0}), "both q0 and p0 are given for q"),
        (lambda: sd.FixedEnds(0.0, {}, 1.0, p0={q: 1.0}), "p0 is given, where q0 holds all"),
        (lambda: sd.Galerkin(0), "degree = 0 must be at least 1"),
        (lambda: sd.Galerkin(13), "at most 12"),
        (lambda: sd.extremize(oscillator, sd.InitialState({r: 1.0}, {}, 1.0), 4, {k: 1.0}), "r is no coordinate"),
        (lambda: sd.extremize(oscillator, sd.InitialState([1.0, 2.0], {}, 1.0), 4, {k: 1.0}), "2 .* the system has 1"),
        (lambda: sd.extremize(oscillator, sd.Periodic(1.0), None, {k: 1.0}), "number of steps is missing"),
    ),
)  # fmt: skip
def test_bad_input(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_terminal_cost_holds_no_velocity() -> None:
    with pytest.raises(sd.SymbolicError, match="terminal cost is a function of q"):
        sd.EPTrainer(oscillator, sd.Cost(terminal=v**2), sd.InitialState(1.0, 0.0, 1.0), 10, [k])


def test_terminal_target_is_read_at_the_end() -> None:
    y = sp.Symbol("y")
    trainer = sd.EPTrainer(
        oscillator, sd.Cost(targets=[y], terminal=(q - y) ** 2 / 2), sd.InitialState(1.0, 0.0, 1.0), 50, [k]
    )
    at_end = trainer.free({k: 1.0}, targets={y: 2.0})
    assert at_end.cost == pytest.approx((at_end.q[-1, 0] - 2.0) ** 2 / 2, rel=1e-14)
    assert trainer.free({k: 1.0}, targets={y: lambda t: 2 * t}).cost == pytest.approx(at_end.cost, rel=1e-14)
    assert trainer.sensitivity(at_end).signals["y"][-1] == pytest.approx(2.0 - at_end.q[-1, 0], rel=1e-13)


def test_motions_of_first_order_between_two_ends() -> None:
    """L = qṙ − H has a motion between two values of r; in the gauge (qṙ − rq̇)/2 four ends are given of it, and that of
    a damped coordinate without inertia follows from its beginning."""
    H = k * (q**2 + r**2) / 2 + c * q**4
    half = sd.Lagrangian(q * s - H, [q, r], [v, s])
    found = sd.extremize(half, sd.FixedEnds({r: 0.3}, {r: 0.2}, 1.0), 64, {k: 1.0, c: 0.0}, rule="trapezoidal")
    t = found.t
    B = (0.2 - 0.3 * np.cos(1.0)) / np.sin(1.0)
    assert np.abs(found["r"] - 0.3 * np.cos(t) - B * np.sin(t)).max() < 1e-2
    whole = sd.Lagrangian((q * s - r * v) / 2 - H, [q, r], [v, s])
    for ends in (([0.3, 0.1], [0.1, 0.2]), ({q: 0.3}, {r: 0.2})):
        for rule in ("midpoint", "trapezoidal", "galerkin"):
            with pytest.raises(sd.SymbolicError, match="of first order, and takes 2 conditions, where ends give 4"):
                sd.extremize(whole, sd.FixedEnds(*ends, 1.0), 9, {k: 1.0, c: 0.1}, rule=rule)
    slow = sd.Lagrangian(v**2 / 2 - k * (q - r) ** 2, [q, r], [v, s], dissipation=c * s**2)
    with pytest.raises(sd.SymbolicError, match="the motion of r, damped and without inertia, is of first order"):
        sd.extremize(slow, sd.FixedEnds({q: 0.0}, {q: 1.0}, 1.0), 9, {k: 1.0, c: 0.1}, rule="trapezoidal")


def test_nodes_of_motions_of_first_order_that_a_rule_leaves_open() -> None:
    """With an even number of midpoints there are two steps of every motion that alternate."""
    gyro = sd.Lagrangian((q * s - r * v) / 2 - k * (q**2 + r**2) / 2 + f * q, [q, r], [v, s], inputs=[f])
    given = {"params": {k: 1.7}, "inputs": {f: lambda t: np.cos(np.pi * t)}}
    for rule, steps in (("midpoint", 10), ("galerkin", 8), ("galerkin", 9)):
        with pytest.raises(sd.SingularMatrixError, match="the mass matrix .* is singular, .* use the rule Trapezoidal"):
            sd.extremize(gyro, sd.Periodic(2.0), steps, rule=rule, **given)
    odd = sd.extremize(gyro, sd.Periodic(2.0), 101, **given)
    for steps in (100, 101):
        found = sd.extremize(gyro, sd.Periodic(2.0), steps, rule="trapezoidal", **given)
        assert np.abs(found.q.max(axis=0) - odd.q.max(axis=0)).max() < 1e-2
