"""E11: the semiclassical statement at fixed action: of a harmonic oscillator d⟨q²⟩/dω = −J/ω²."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

q, v = sd.coordinates("q")
omega = sp.Symbol("omega")
oscillator = sd.Lagrangian(v**2 / 2 - omega**2 * q**2 / 2, q, v)
OMEGA, ACTION = 1.3, 0.7


def derivative(steps: int, nudging=None) -> float:
    T = 2 * np.pi / OMEGA
    guess = np.sqrt(2 * ACTION / OMEGA) * np.cos(2 * np.pi * np.arange(steps + 1) / steps)[:, None]
    trainer = sd.EPTrainer(oscillator, sd.Cost(q**2), sd.Autonomous(T, action=ACTION), steps, [omega], nudging)
    return float(trainer.gradient({omega: OMEGA}, guess=guess)[1]["omega"])


def test_value() -> None:
    """−0.41418 at N = 256 (theory of EP, "Closed orbits"), −J/ω² = −0.4142012 in the limit, at second order."""
    exact, found = -ACTION / OMEGA**2, [derivative(steps) for steps in (64, 128, 256)]
    assert found[-1] == pytest.approx(-0.41418, abs=5e-6)
    errors = np.abs(np.array(found) - exact)
    assert errors[:-1] / errors[1:] == pytest.approx([4, 4], rel=0.01)
    assert (4 * found[-1] - found[-2]) / 3 == pytest.approx(exact, abs=5e-8)


def test_no_reciprocal_run() -> None:
    """Of a linear system, but of an orbit whose phase is free."""
    with pytest.raises(sd.SymbolicError, match="a reciprocal run is of a trajectory"):
        derivative(16, sd.Reciprocal())


def test_nudged() -> None:
    assert derivative(64, sd.Centered(1e-3)) == pytest.approx(derivative(64), rel=1e-5)
