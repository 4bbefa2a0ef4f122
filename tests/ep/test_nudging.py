"""Finite nudges: complex ones, the size that is chosen, and what is said of precision."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.ep import Nudging
from symdfi.ep.newton import nudge

q, v = sd.coordinates("q")
x, xd = sd.coordinates("x")
k, a, y, b = sp.symbols("k a y b")
EPS = np.finfo(float).eps
T = 2 * np.pi / 1.3
duffing = sd.Lagrangian(v**2 / 2 - k * q**2 / 2 - q**4 / 4 + a * q, q, v, inputs=[a])
quadratic = sd.Cost((q - y) ** 2 / 2, [y])
VALUES, DRIVE, TARGET = {k: 2.1}, {a: lambda t: np.cos(1.3 * t)}, {y: 0.4}
PROBLEMS = {
    "periodic": (sd.Periodic(T), sd.Midpoint()),
    "ends": (sd.FixedEnds(0.4, -0.7, 2.0), sd.Trapezoidal()),
    "free end": (sd.FixedEnds({q: 0.4}, {}, 2.0), sd.Galerkin(2)),
}


def relative(trainer: sd.EPTrainer, free, nudging: Nudging, name: str = "k") -> float:
    return abs(float(nudging.gradient(free)[name] / trainer.adjoint(free)[name]) - 1)


@pytest.mark.parametrize("boundary, rule", PROBLEMS.values(), ids=PROBLEMS)
def test_chosen_sizes(boundary, rule) -> None:
    trainer = sd.EPTrainer(duffing, quadratic, boundary, 48, [k], rule=rule)
    free = trainer.free(VALUES, DRIVE, TARGET)
    for nudging, error in ((sd.OneSided(), 1e-6), (sd.Centered(), 1e-8), (sd.Holomorphic(), 1e-10)):
        assert relative(trainer, free, nudging) < error
    assert relative(trainer, free, sd.Holomorphic(5)) < 1e-9


@pytest.mark.parametrize("number", (2, 3, 4, 6))
def test_order_of_the_contour(number: int) -> None:
    trainer = sd.EPTrainer(duffing, quadratic, sd.Periodic(T), 32, [k])
    free = trainer.free(VALUES, DRIVE, TARGET)
    errors = [relative(trainer, free, sd.Holomorphic(number, beta)) for beta in (0.2, 0.1)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(number, abs=0.25)
    assert sd.Holomorphic(2, 0.2).gradient(free)["k"] == pytest.approx(sd.Centered(0.2).gradient(free)["k"], rel=1e-12)


def test_complex_orbits_are_conjugate() -> None:
    trainer = sd.EPTrainer(duffing, quadratic, sd.Periodic(T), 32, [k])
    free = trainer.free(VALUES, DRIVE, TARGET)
    one, other = (nudge(free, 0.05 * np.exp(s * 1j).item()) for s in (1, -1))
    assert np.abs(one.q - other.q.conj()).max() <= 1000 * EPS
    assert one.residual <= 1000 * EPS
    assert one.value == pytest.approx(other.value.conjugate(), rel=1e-13)


@pytest.mark.parametrize("given", ({}, {"energy": 0.9}, {"action": 0.7}), ids=("period", "energy", "action"))
def test_closed_orbits(given: dict) -> None:
    """Complex nodes, and a complex period."""
    free_system = sd.Lagrangian(v**2 / 2 - k * q**2 / 2 - q**4 / 4, q, v)
    trainer = sd.EPTrainer(free_system, sd.Cost(q**4 + v**2 * q**2), sd.Autonomous(3.9, **given), 24, [k])
    guess = 0.9 * np.cos(2 * np.pi * np.arange(25) / 24)[:, None]
    free = trainer.free(VALUES, guess=guess)
    assert relative(trainer, free, sd.Holomorphic(8)) < 1e-9
    assert relative(trainer, free, sd.Centered()) < 1e-7


def test_equilibria_and_functions() -> None:
    """V = eˣ − k x + sin²x: a transcendental one."""
    still = sd.Lagrangian(k * x - sp.exp(x) - sp.sin(x) ** 2, x, xd)
    trainer = sd.EPTrainer(still, sd.Cost(sp.tanh(x)), sd.Static(0.1), None, [k])
    free = trainer.free({k: 1.7})
    assert relative(trainer, free, sd.Holomorphic(8)) < 1e-7
    bad = sd.EPTrainer(sd.Lagrangian(k * x - x**2 - x * sp.erf(x), x, xd), sd.Cost(x**4), sd.Static(0.1), None, [k])
    with pytest.raises(sd.CompileError, match="erf has no form in complex arithmetic"):
        sd.Holomorphic(4).gradient(bad.free({k: 1.7}))


def test_refusals() -> None:
    with pytest.raises(ValueError, match="the number of points"):
        sd.Holomorphic(1)
    with pytest.raises(ValueError, match="must be finite and not zero"):
        sd.Holomorphic(4, 0.0)
    damped = sd.Lagrangian(v**2 / 2 - k * q**2 / 2, q, v, dissipation=v**2)
    trainer = sd.EPTrainer(damped, quadratic, sd.Periodic(T), 16, [k], sd.Holomorphic())
    with pytest.raises(sd.SymbolicError, match="Holomorphic: a system with dissipation"):
        trainer.gradient(VALUES, targets=TARGET)


def test_warning_of_bias() -> None:
    trainer = sd.EPTrainer(duffing, quadratic, sd.Periodic(T), 32, [k])
    free = trainer.free(VALUES, DRIVE, TARGET)
    with pytest.warns(sd.PrecisionWarning, match="its bias is about"):
        sd.OneSided(0.5).gradient(free)
    # A linear system with a quadratic readout: a centred nudge has no bias, however large.
    linear = sd.Lagrangian(v**2 / 2 - k * q**2 / 2 + a * q, q, v, inputs=[a])
    frozen = sd.EPTrainer(linear, sd.Cost(y * q, [y]), sd.Periodic(T), 32, [k])
    assert relative(frozen, frozen.free(VALUES, DRIVE, {y: np.sin}), sd.Centered(10.0)) <= 1000 * EPS


def test_what_rounding_hides() -> None:
    """Derivatives by b, of a coordinate that the cost hardly sees, are noise unless the nudge is large: none is
    returned. With a nudge that is near rounding the whole gradient is, and it is refused."""
    pair = sd.Lagrangian(
        v**2 / 2 - k * q**2 / 2 - q**4 / 4 + a * q + 1e3 * (xd**2 / 2 - b * x**2 / 2 + a * x) - 1e-7 * q**2 * x**2,
        [q, x], [v, xd], inputs=[a],
    )  # fmt: skip
    trainer = sd.EPTrainer(pair, quadratic, sd.Periodic(T), 32, [k, b])
    free = trainer.free({**VALUES, b: 3.3}, DRIVE, TARGET)
    exact = trainer.adjoint(free)
    assert abs(exact["b"]) < 1e-6 * abs(exact["k"])
    with pytest.warns(sd.PrecisionWarning, match="derivatives by b are below the rounding .*, and returned as 0"):
        found = sd.Centered(1e-6).gradient(free)
    assert found["b"] == 0
    assert found["k"] == pytest.approx(exact["k"], rel=1e-7)
    assert sd.Centered(1e-2).gradient(free)["b"] == pytest.approx(exact["b"], rel=1e-2)
    alone = sd.EPTrainer(duffing, sd.Cost(1e-9 * q**2), sd.Periodic(T), 32, [k])
    orbit = alone.free(VALUES, DRIVE)
    assert relative(alone, orbit, sd.Centered()) < 1e-7
    with pytest.raises(sd.ConvergenceError, match="increase beta"):
        sd.Centered(1e-7).gradient(orbit)
    # ∫q dt vanishes by symmetry, whatever k is: what rounding leaves of it is refused, if it leaves anything.
    symmetric = sd.EPTrainer(duffing, sd.Cost(q), sd.Periodic(T), 32, [k])
    try:
        assert sd.Centered().gradient(symmetric.free(VALUES, DRIVE))["k"] == 0
    except sd.ConvergenceError as error:
        assert "cannot be told from the rounding" in str(error)
