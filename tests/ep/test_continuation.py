"""Branches of orbits through folds, against what is known of them."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.special import ellipk

import symdfi as sd

q, v = sd.coordinates("q")
k, b, f, d, y = sp.symbols("k b f d y")
EPS = np.finfo(float).eps
cusp = sd.Lagrangian(-(q**4 / 4 - q**2 / 2 - k * q), q, v)
FOLD = 2 / np.sqrt(27)  # of q³ − q = k, at q = ∓1/√3
duffing = sd.Lagrangian(
    v**2 / 2 - q**2 / 2 - b * q**4 / 4 + f * q, q, v, inputs=[f], dissipation=d * v**2 / 2
)  # fmt: skip
OMEGA = 1.3
PERIOD = 2 * np.pi / OMEGA


def test_folds_of_a_cusp() -> None:
    start = sd.extremize(cusp, sd.Static(-1.5), None, {k: -1.0})
    branch = sd.continuation(start, {k: 1.0})
    assert branch.is_complete
    assert [float(branch.params(p)["k"]) for p in branch.folds] == pytest.approx([FOLD, -FOLD], abs=64 * EPS)
    assert [float(p.q[0, 0]) for p in branch.folds] == pytest.approx([-1 / np.sqrt(3), 1 / np.sqrt(3)], abs=1e-8)
    assert not branch.branch_points
    equilibria = np.array([p.q[0, 0] for p in branch.points])
    assert equilibria**3 - equilibria == pytest.approx(2 * branch.s - 1, abs=1e-14)
    end = branch.orbit()
    assert end.q[0, 0] == pytest.approx(sd.extremize(cusp, sd.Static(1.5), None, {k: 1.0}).q[0, 0], rel=1e-14)
    back = sd.continuation(end, {k: -1.0})
    assert back.orbit().q == pytest.approx(start.q, rel=1e-14)


def test_branch_point() -> None:
    """V = q⁴/4 − kq²/2 along q = 0: a pitchfork at k = 0."""
    fork = sd.Lagrangian(k * q**2 / 2 - q**4 / 4, q, v)
    branch = sd.continuation(sd.extremize(fork, sd.Static(0.0), None, {k: -1.0}), {k: 1.5})
    assert branch.is_complete
    assert [p.s for p in branch.branch_points] == pytest.approx([0.4], abs=1e-5)
    assert not branch.folds


def test_nudge_through_a_fold() -> None:
    """V − βq with V = q⁴/4 − q²/2: the fold is at β = FOLD."""
    system = sd.Lagrangian(-(q**4 / 4 - q**2 / 2), q, v)
    trainer = sd.EPTrainer(system, sd.Cost(q, terminal=y * q, targets=[y]), sd.Static(-1.0), None, ())
    free = trainer.free({}, targets={y: 1.0})
    assert sd.continuation(free, beta=0.5).reason == "the branch comes back to s = 0"  # to the third equilibrium
    branch = sd.continuation(sd.continuation(free, beta=-0.5).orbit(), beta=0.5)
    assert branch.beta(branch.folds[0]) == pytest.approx(FOLD / 2, abs=64 * EPS)
    assert branch.orbit().beta == 0.5
    weak = sd.continuation(free, beta=0.1)
    assert weak.orbit().q[0, 0] == pytest.approx(sd.ep.newton.nudge(free, 0.1).q[0, 0], rel=1e-13)


@pytest.fixture(scope="module")
def driven() -> sd.ep.Branch:
    start = sd.extremize(duffing, sd.Periodic(PERIOD), 48, {b: 1.0, d: 0.05}, {f: 0.0})
    return sd.continuation(start, inputs={f: lambda t: 0.9 * np.cos(OMEGA * t)})


def test_drive_amplitude(driven) -> None:
    """Hardening: two folds, at which a multiplier is 1; between them the orbit is unstable."""
    assert driven.is_complete
    up, down = driven.folds
    assert 0 < down.s < up.s < 1
    for fold in driven.folds:
        assert np.min(np.abs(driven.orbit(fold).multipliers - 1)) < 1e-4
    turns = [np.searchsorted([p.amplitude for p in driven.points], fold.amplitude) for fold in (up, down)]
    for index, unstable in ((turns[0] // 2, False), (sum(turns) // 2, True), (len(driven.points) - 1, False)):
        orbit = driven.orbit(driven.points[index])
        assert orbit.residual < 1e-12
        assert (np.abs(orbit.multipliers[0]) > 1) == unstable
        assert np.prod(orbit.multipliers).real == pytest.approx(np.exp(-0.05 * PERIOD), rel=3e-3)


def test_drive_amplitude_against_newton(driven) -> None:
    """Orbits of the branch are those of Newton's method begun at them; below the upper fold there are three."""
    at = 0.5 * sum(fold.s for fold in driven.folds)
    given = ({b: 1.0, d: 0.05}, {f: lambda t: 0.9 * at * np.cos(OMEGA * t)})
    crossings = np.flatnonzero(np.diff(np.sign(driven.s - at)))
    found = [
        sd.extremize(duffing, sd.Periodic(PERIOD), 48, *given, guess=driven.points[index].q) for index in crossings
    ]
    amplitudes = [np.abs(orbit.q).max() for orbit in found]
    assert len(amplitudes) == 3
    assert np.all(np.diff(amplitudes) > 0.05)


def test_frequency() -> None:
    """T changes, the drive being given over the phase: the response of a linear oscillator."""
    start = sd.extremize(
        duffing, sd.Periodic(PERIOD), 64, {b: 0.0, d: 0.2}, {f: lambda t: np.cos(OMEGA * t)}, rule=sd.Galerkin(3)
    )
    branch = sd.continuation(start, boundary=sd.Periodic(2 * np.pi / 0.6))
    for point in branch.points[:: len(branch.points) // 4]:
        w = 2 * np.pi / point.T
        assert np.abs(point.q).max() == pytest.approx(1 / np.hypot(1 - w**2, 0.2 * w), rel=3e-3)
    assert 2 * np.pi / 0.6 == branch.orbit().setting.boundary.T


def test_family_by_energy() -> None:
    """The pendulum: T = 4K(sin²(A/2)) with the energy −cos A."""
    pendulum = sd.Lagrangian(v**2 / 2 + sp.cos(q), q, v)
    guess = 0.45 * np.cos(2 * np.pi * np.arange(97) / 96)[:, None]
    start = sd.extremize(pendulum, sd.Autonomous(6.3, energy=-0.9), 32, guess=guess, rule=sd.Galerkin(3))
    branch = sd.continuation(start, boundary=sd.Autonomous(6.3, energy=0.8))
    assert branch.is_complete
    energies = -0.9 + 1.7 * branch.s
    assert [p.T for p in branch.points] == pytest.approx(4 * ellipk((1 + energies) / 2), rel=1e-6)
    end = branch.orbit()
    assert np.abs(end.multipliers) == pytest.approx([1, 1], abs=1e-3)
    assert end.residual < 1e-12


def test_dataset_and_plot(driven, tmp_path) -> None:
    data = driven.dataset
    assert data["q"].shape == (len(driven.points), 49, 1)
    assert data["fold_s"].values == pytest.approx([p.s for p in driven.folds])
    assert driven.save(tmp_path / "branch.nc").exists()
    axis = driven.plot().axes[0]
    assert len(axis.lines) == 2
    assert "2 folds" in repr(driven)


def test_refusals(driven) -> None:
    orbit = driven.orbit()
    for change, message in (
        ({"params": {k: 1.0}}, "k is no parameter"),
        ({"params": {b: [1.0, 2.0]}}, "the parameter b has shape"),
        ({"inputs": {y: 1.0}}, "y is no input or target"),
        ({"inputs": {f: lambda t: t}}, "not of period"),
        ({"step": 0.0}, "must be positive"),
        ({"points": 1}, "points"),
        ({"boundary": sd.Static()}, "no condition that one leads to"),
        ({"beta": np.inf}, "beta is inf"),
    ):
        with pytest.raises(ValueError, match=message):
            sd.continuation(orbit, **change)
    with pytest.raises(TypeError, match="the orbit is a ndarray: give an orbit"):
        sd.continuation(orbit.q, {b: 1.0})
    with pytest.raises(TypeError, match="params is a list: give a dict"):
        sd.continuation(orbit, [1.0])  # pyright: ignore[reportArgumentType]
    with pytest.raises(sd.SymbolicError, match="no extremum of an action"):
        sd.continuation(orbit, beta=0.1)
    marched = sd.extremize(duffing, sd.InitialState(0.0, 1.0, 1.0), 10, {b: 1.0, d: 0.1}, {f: 0.0})
    with pytest.raises(sd.SymbolicError, match="it has no folds"):
        sd.continuation(marched, {b: 2.0})
    few = sd.continuation(driven.orbit(driven.points[0]), inputs={f: 0.5}, points=3)
    assert few.reason == "3 points"
    assert not few.is_complete


def test_a_branch_that_ends() -> None:
    """q² = 1 − k has no real solution beyond k = 1: the branch turns back to s = 0."""
    system = sd.Lagrangian(q**3 / 3 - (1 - k) * q, q, v)
    branch = sd.continuation(sd.extremize(system, sd.Static(1.2), None, {k: 0.0}), {k: 2.0})
    assert branch.reason == "the branch comes back to s = 0"
    assert branch.folds[0].s == pytest.approx(0.5, abs=1e-14)
    assert branch.points[-1].q[0, 0] == pytest.approx(-1, abs=1e-13)
    lost = sd.Lagrangian(k * q - 2 * q ** sp.Rational(3, 2) / 3, q, v)  # √q = k
    with pytest.raises(sd.ConvergenceError, match="the branch is lost") as caught:
        sd.continuation(sd.extremize(lost, sd.Static(1.0), None, {k: 1.0}), {k: -1.0})
    assert caught.value.partial.s[-1] == pytest.approx(0.5, abs=0.01)


def test_sparse_equilibrium() -> None:
    """Twenty coordinates at rest, whose matrix is sparse."""
    n, i = sp.Symbol("n", integer=True, positive=True), sp.Symbol("i", integer=True)
    x, xd = sd.coordinates("x", n)
    L = sp.Sum(k * x[i] - x[i] ** 4 / 4, (i, 0, n - 1)) - sp.Sum((x[i + 1] - x[i]) ** 2, (i, 0, n - 2)) / 2
    orbit = sd.extremize(sd.Lagrangian(L, x, xd), sd.Static(np.linspace(0.5, 1.5, 20)), None, {k: 1.0})
    assert orbit.q == pytest.approx(np.ones((1, 20)), abs=1e-13)
    branch = sd.continuation(orbit, {k: 8.0})
    assert branch.orbit().q == pytest.approx(np.full((1, 20), 2.0), abs=1e-12)
