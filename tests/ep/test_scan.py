"""Scans over the size of the nudge, symplecticity and reversibility."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

EPS = float(np.finfo(float).eps)

q, v = sd.coordinates("q")
k, f, d = sp.symbols("k f d")
T = 2 * np.pi / 1.3
duffing = sd.Lagrangian(v**2 / 2 * (1 + q**2) - k * q**2 / 2 - q**4 / 4 + f * q, q, v, inputs=[f])
damped = sd.Lagrangian(v**2 / 2 - k * q**2 / 2 + f * q, q, v, inputs=[f], dissipation=d * v**2)
DRIVE = {f: lambda t: np.cos(1.3 * t)}


def test_bias_and_rounding() -> None:
    trainer = sd.EPTrainer(duffing, sd.Cost(q**2 / 2), sd.Periodic(T), 32, [k])
    found = trainer.scan_nudges({k: 2.1}, DRIVE, betas=np.logspace(-6, -1, 11), points=4)
    slopes = {"one-sided": (1, slice(0, 11)), "centred": (2, slice(6, 11)), "holomorphic, 4 points": (4, slice(8, 11))}
    for name, (order, part) in slopes.items():
        slope = np.polyfit(np.log(found.betas[part]), np.log(found.errors[name][part]), 1)[0]
        assert slope == pytest.approx(order, abs=0.15 * order)
    assert found.best("one-sided") < found.best("centred") < found.best("holomorphic, 4 points")
    assert list(found.dataset.data_vars) == list(slopes)
    assert len(found.plot().axes[0].lines) == 3


def test_refused_nudges_and_sizes() -> None:
    trainer = sd.EPTrainer(duffing, sd.Cost(q**2 / 2), sd.Periodic(T), 32, [k])
    found = trainer.scan_nudges({k: 2.1}, DRIVE, betas=[1e-18, 1e-4])
    assert np.isnan(found.errors["centred"]).tolist() == [True, False]
    for betas in ([], [0.0], [[1.0]], [-1e-3]):
        with pytest.raises(ValueError, match="a list of positive numbers"):
            trainer.scan_nudges({k: 2.1}, DRIVE, betas=betas)
    lossy = sd.EPTrainer(damped, sd.Cost(q**2 / 2), sd.Periodic(T), 32, [k])
    with pytest.raises(sd.SymbolicError, match="no extremum of an action"):
        lossy.scan_nudges({k: 2.1, d: 0.1}, DRIVE)


@pytest.mark.parametrize("rule", (sd.Midpoint(), sd.Trapezoidal(), sd.Galerkin(3)))
def test_symplecticity(rule) -> None:
    """Of every rule with an action, on a coarse grid; not with damping."""
    for boundary in (sd.Periodic(T), sd.FixedEnds(0.1, 0.4, 2.0)):
        assert sd.extremize(duffing, boundary, 24, {k: 4.1}, DRIVE, rule=rule).symplectic_error <= 1000 * EPS
    lossy = sd.extremize(damped, sd.Periodic(T), 24, {k: 4.1, d: 0.1}, DRIVE, rule=rule)
    assert lossy.symplectic_error > 1e-2


@pytest.mark.parametrize("rule", (sd.Midpoint(), sd.Trapezoidal(), sd.Galerkin(3)))
def test_reversibility(rule) -> None:
    """By every rule, under every condition; not with damping, nor in a magnetic field."""
    for boundary in (sd.Periodic(T), sd.FixedEnds(0.1, 0.4, 2.0), sd.InitialState(0.3, 0.2, 6.0)):
        # Rounding, some of it of differences of nodes over a step.
        assert sd.extremize(duffing, boundary, 48, {k: 4.1}, DRIVE, rule=rule).reversibility_error <= 1e4 * EPS
    lossy = sd.extremize(damped, sd.InitialState(0.3, 0.2, 6.0), 48, {k: 4.1, d: 0.1}, DRIVE, rule=rule)
    assert lossy.reversibility_error > 1e-2


def test_what_does_not_run_backward() -> None:
    r, w = sd.coordinates("r")
    magnetic = sd.Lagrangian((v**2 + w**2) / 2 + q * w - r * v - (q**2 + 2 * r**2) / 2, [q, r], [v, w])
    start = sd.InitialState([0.3, 0.2], [0.1, -0.4], 3.0)
    orbit = sd.extremize(magnetic, start, 48)
    assert orbit.reversibility_error > 0.1 and sd.Echo(mirror="find").return_error(orbit) <= 1e3 * EPS
    still = sd.extremize(sd.Lagrangian(-(q**2), q, v), sd.Static(0.3))
    with pytest.raises(sd.SymbolicError, match="no equilibrium, no nudged orbit"):
        _ = still.reversibility_error
