"""Closed orbits with a free phase: period, energy or action given, and limit cycles.

The reference writes the discrete action out in SymPy, phase condition, multiplier and all, and takes the complex step
through Newton's method on its gradient.
"""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

q, v = sd.coordinates("q")
x, xd = sd.coordinates("x")
w, k, c, mu = sp.symbols("w k c mu")
EPS, TINY = np.finfo(float).eps, 1e-30
STEPS, STIFFNESS = 8, {w: 1.3, k: 1.5}
lagrangian = v**2 / 2 * (1 + q**2 / 5) - w**2 * q**2 / 2 - k * q**4 / 4
running = q**2 + c * v**2 * q**2
oscillator = sd.Lagrangian(lagrangian, q, v)
GIVEN = (
    sd.Autonomous(4.0), sd.Autonomous(4.0, energy=0.9), sd.Autonomous(4.0, action=0.7),
    sd.Autonomous(4.0, energy=0.9, phase=[[1.0]]),
)  # fmt: skip


def circle(steps: int = STEPS) -> np.ndarray:
    return np.cos(2 * np.pi * np.arange(steps + 1) / steps + 1.2)[:, None]


def phase_row(boundary, guess: np.ndarray) -> np.ndarray:
    if boundary.phase is not None:
        return np.eye(len(guess) - 1)[0]
    row = np.roll(guess[:-1, 0], -1) - np.roll(guess[:-1, 0], 1)
    return row / np.linalg.norm(row)


def by_complex_step(boundary, orbit, guess: np.ndarray, values: dict) -> tuple[np.ndarray, float]:
    """The observable's gradient by w, k and c, and the relative change of the orbit in a step of Newton's."""
    n = len(guess) - 1
    X, T, m = sp.symbols(f"X:{n}"), sp.Symbol("T"), sp.Symbol("m")
    h, S, C = T / n, sp.S.Zero, sp.S.Zero
    for one, other in zip(X, (*X[1:], X[0]), strict=True):
        at = {q: (one + other) / 2, v: (other - one) / h}
        S, C = S + h * lagrangian.subs(at), C + h * running.subs(at)
    A, given = S, T
    if boundary.energy is not None:
        A = S + boundary.energy * T
    elif boundary.action is not None:
        A, C = (2 * sp.pi * boundary.action - S) / T, C / T
    else:
        A, given = S.subs(T, boundary.T) + (T - boundary.T) ** 2 / 2, T
    row = phase_row(boundary, guess)
    W = A + m * sum(r * (one - float(start)) for r, one, start in zip(row, X, guess[:-1, 0], strict=True))
    unknown, theta = [*X, given, m], [w, k, c]
    slope = [sp.diff(W, z) for z in unknown]
    matrix = [[sp.diff(s, z) for z in unknown] for s in slope]
    F = sp.lambdify([unknown, theta], [slope, matrix, C], cse=True)
    found, moved = [], 0.0
    for j in range(3):
        z = np.array([*orbit.q[:-1, 0], orbit.setting.boundary.T, 0.0], complex)
        parameters = np.array([values[p] for p in theta], complex)
        parameters[j] += 1j * TINY
        for number in range(4):
            rest, hessian, _ = F(z, parameters)
            step = np.linalg.solve(np.array(hessian), np.array(rest))
            moved = max(moved, np.abs(step[:-1].real).max()) if number == 0 else moved
            z = z - step
        found.append(np.imag(F(z, parameters)[2]) / TINY)
    return np.array(found), moved


@pytest.mark.parametrize("boundary", GIVEN, ids=("period", "energy", "action", "section"))
def test_gradient_against_the_complex_step(boundary) -> None:
    values = {**STIFFNESS, c: 0.4}
    trainer = sd.EPTrainer(oscillator, sd.Cost(running), boundary, STEPS, [w, k, c])
    free = trainer.free(values, guess=circle())
    exact, moved = by_complex_step(boundary, free, circle(), values)
    assert moved < 1e-12
    found = trainer.response(free)
    assert np.array([found[name] for name in "wkc"]) == pytest.approx(exact, rel=1e-11)
    assert trainer.adjoint(free) == found


@pytest.mark.parametrize("boundary", GIVEN[:3], ids=("period", "energy", "action"))
def test_nudged_in_earnest(boundary) -> None:
    """Centred nudges tend to the exact gradient as β²; along the free period too."""
    trainer = sd.EPTrainer(oscillator, sd.Cost(running), boundary, 48, [w, k])
    free = trainer.free({**STIFFNESS, c: 0.4}, guess=circle(48))
    exact = trainer.response(free)["k"]
    errors = [abs(sd.Centered(b).gradient(free)["k"] / exact - 1) for b in (2e-3, 1e-3)]
    assert errors[0] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.05)


@pytest.mark.parametrize("boundary, name", ((GIVEN[0], "T"), (GIVEN[1], "energy"), (GIVEN[2], "action")))
def test_by_what_is_given(boundary, name: str) -> None:
    """dC/dT, dC/dE, d⟨c⟩/dJ against central differences; the others are NaN."""
    trainer = sd.EPTrainer(oscillator, sd.Cost(running), boundary, 24, [w])
    values, guess = {**STIFFNESS, c: 0.4}, circle(24)
    found = trainer.sensitivity(trainer.free(values, guess=guess))

    def cost(shift: float) -> float:
        given = {name: getattr(boundary, name) + shift}
        moved = sd.Autonomous(given.pop("T", boundary.T), **given)
        return sd.EPTrainer(oscillator, sd.Cost(running), moved, 24, [w]).free(values, guess=guess).cost

    assert getattr(found, name) == pytest.approx((cost(1e-5) - cost(-1e-5)) / 2e-5, rel=1e-7)
    assert all(np.isnan(getattr(found, other)) for other in {"T", "energy", "action"} - {name})


def test_orbit_keeps_what_is_given() -> None:
    """At N = 400 energy and action of the continuum, and T of the harmonic limit; they tell one another."""
    by_action = sd.extremize(oscillator, sd.Autonomous(4.0, action=0.7), 400, STIFFNESS, guess=circle(400))
    T = by_action.setting.boundary.T
    h = T / 400
    Q, V = (by_action.q[1:] + by_action.q[:-1]) / 2, np.diff(by_action.q, axis=0) / h
    mass = 1 + Q**2 / 5
    energy = mass * V**2 / 2 + 1.3**2 * Q**2 / 2 + 1.5 * Q**4 / 4
    assert np.ptp(energy) < 1e-3 * energy.mean()
    assert h * np.sum(mass * V**2) / (2 * np.pi) == pytest.approx(0.7, rel=1e-12)
    by_energy = sd.extremize(
        oscillator, sd.Autonomous(4.0, energy=float(energy.mean())), 400, STIFFNESS, guess=circle(400)
    )
    assert pytest.approx(T, rel=1e-4) == by_energy.setting.boundary.T


def test_chain() -> None:
    """A chain with sparse blocks: the same derivative as by central differences."""
    n, i = sp.Symbol("n", integer=True, positive=True), sp.Symbol("i", integer=True)
    y, yd = sd.coordinates("y", n)
    g = sp.IndexedBase("g", shape=(n,))
    L = sp.Sum(yd[i] ** 2 / 2 - g[i] * y[i] ** 2 / 2 - y[i] ** 4 / 4, (i, 0, n - 1))
    chain = sd.Lagrangian(L - sp.Sum((y[i + 1] - y[i]) ** 2, (i, 0, n - 2)) / 2, y, yd)
    trainer = sd.EPTrainer(chain, sd.Cost(y[0] ** 2), sd.Autonomous(5.0, energy=6.0), 40, ["g"])
    springs = 1 + 0.1 * np.cos(np.arange(12.0))
    guess = circle(40) * np.cos(0.1 * np.arange(12.0))
    free = trainer.free({g: springs}, guess=guess)
    found = trainer.response(free)["g"]
    shift = 1e-5 * np.eye(12)[3]
    above, below = (trainer.free({g: springs + s * shift}, guess=guess).cost for s in (1, -1))
    assert found[3] == pytest.approx((above - below) / 2e-5, rel=1e-6)
    copy = pickle.loads(pickle.dumps(free))
    assert np.allclose(trainer.response(copy)["g"], found, rtol=1e-12)


vdp = sd.Lagrangian(xd**2 / 2 - w**2 * x**2 / 2, x, xd, forces={x: mu * (1 - x**2) * xd})


def by_complex_step_of_a_cycle(orbit, guess: np.ndarray) -> np.ndarray:
    """The gradient of ∫ x²(1 + ẋ) dt by w and μ, for the midpoint rule and the integral phase condition."""
    n = len(guess) - 1
    row = np.roll(guess[:-1, 0], -1) - np.roll(guess[:-1, 0], 1)

    def equations(z: np.ndarray, theta: np.ndarray) -> tuple[np.ndarray, complex]:
        X, h = np.append(z[:-1], z[0]), z[-1] / n
        Q, V = (X[1:] + X[:-1]) / 2, np.diff(X) / h
        G = -(theta[0] ** 2) * Q + theta[1] * (1 - Q**2) * V
        rest = h * G / 2 - V + np.roll(h * G / 2 + V, 1)
        return np.append(rest, row @ (z[:-1] - guess[:-1, 0])), h * np.sum(Q**2 * (1 + V))

    found = []
    for j in range(2):
        z, theta = np.append(orbit.q[:-1, 0], orbit.setting.boundary.T).astype(complex), np.ones(2, complex)
        theta[j] += 1j * TINY
        real = z.real.copy()
        units = np.eye(n + 1)
        matrix = np.array([equations(real + 1j * TINY * e, np.ones(2))[0].imag / TINY for e in units]).T
        for _ in range(4):
            z = z - np.linalg.solve(matrix, equations(z, theta)[0])
        found.append(equations(z, theta)[1].imag / TINY)
    return np.array(found)


def test_limit_cycle() -> None:
    """Van der Pol's oscillator at μ = 1 has T = 6.66328685932; its gradient against the complex step."""
    given = {w: 1.0, mu: 1.0}
    orbit = sd.extremize(vdp, sd.LimitCycle(6.3), 40, given, guess=2 * circle(120), rule=sd.Galerkin(3))
    assert pytest.approx(6.6632868593231301, rel=1e-7) == orbit.setting.boundary.T
    trainer = sd.EPTrainer(vdp, sd.Cost(x**2 * (1 + xd)), sd.LimitCycle(6.3), 60, [w, mu])
    free = trainer.free(given, guess=2 * circle(60))
    found = trainer.response(free)
    exact = by_complex_step_of_a_cycle(free, 2 * circle(60))
    assert np.array([found["w"], found["mu"]]) == pytest.approx(exact, rel=1e-11)
    with pytest.raises(sd.SymbolicError, match="no extremum of an action"):
        sd.Centered().gradient(free)


def test_costs_with_targets_over_the_phase_and_integrals() -> None:
    """Targets by phase, a terminal cost and a function of integrals, against central differences."""
    y, z = sp.symbols("y z")
    cost = sd.Cost((q - y) ** 2, [y], terminal=q**3, integrals={z: q**2 * v**2}, of_integrals=z**3)
    targets = {y: np.sin(np.arange(20.0))}
    trainer = sd.EPTrainer(oscillator, cost, sd.Autonomous(4.0, energy=0.9), 20, [k])
    free = trainer.free(STIFFNESS, targets=targets, guess=circle(20))
    above, below = (
        trainer.free({**STIFFNESS, k: 1.5 + e}, targets=targets, guess=circle(20)).cost for e in (1e-5, -1e-5)
    )
    assert trainer.response(free)["k"] == pytest.approx((above - below) / 2e-5, rel=1e-7)
    assert sd.Centered(1e-4).gradient(free)["k"] == pytest.approx(trainer.response(free)["k"], rel=1e-5)
    found = trainer.sensitivity(free).signals["y"]
    targets[y][3] += 1e-4
    above = trainer.free(STIFFNESS, targets=targets, guess=circle(20)).cost
    targets[y][3] -= 2e-4
    below = trainer.free(STIFFNESS, targets=targets, guess=circle(20)).cost
    assert found[3] == pytest.approx((above - below) / 2e-4, rel=1e-6)
    with pytest.raises(ValueError, match="the target y is a function of time, of which the period is not known"):
        trainer.free(STIFFNESS, targets={y: np.sin}, guess=circle(20))
    with pytest.raises(sd.SymbolicError, match="a function of integrals is no mean"):
        sd.EPTrainer(oscillator, cost, sd.Autonomous(4.0, action=0.9), 20, [k]).free(
            STIFFNESS, targets=targets, guess=circle(20)
        )


def test_soft_directions_are_counted() -> None:
    """In the plane a central force has two: the phase, and rotations."""
    p, pd = sd.coordinates("p", 2)
    r2 = p[0] ** 2 + p[1] ** 2
    plane = sd.Lagrangian((pd[0] ** 2 + pd[1] ** 2) / 2 - r2 / 2 - r2**2 / 4, p, pd)
    guess = 1.2 * circle(40) * np.array([0.8, 0.6])
    with pytest.raises(sd.SingularMatrixError, match="2 directions of the orbit are soft, and 1 pinned"):
        sd.extremize(plane, sd.Autonomous(4.3), 40, guess=guess)
    turned = guess @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    turned[-1] = 0.0
    velocity = np.concatenate([np.roll(guess[:-1], -1, axis=0) - np.roll(guess[:-1], 1, axis=0), np.zeros((1, 2))])
    orbit = sd.extremize(plane, sd.Autonomous(4.3, phase=[velocity, turned]), 40, guess=guess)
    assert orbit.residual < 1e-12
    assert np.abs(orbit.q @ np.array([-0.6, 0.8])).max() < 1e-12
    line = sd.Lagrangian(v**2 / 2 - q**2 / 2 - q**4 / 4, q, v)
    alone = sd.extremize(line, sd.Autonomous(4.3), 40, guess=1.2 * circle(40))
    assert orbit.q @ np.array([0.8, 0.6]) == pytest.approx(alone.q[:, 0], abs=1e-11)


def test_refusals() -> None:
    guess = circle(20)
    with pytest.raises(ValueError, match="either the energy or the action"):
        sd.Autonomous(4.0, energy=1.0, action=1.0)
    with pytest.raises(ValueError, match="needs a path to begin with"):
        sd.extremize(oscillator, sd.Autonomous(4.0), 20, STIFFNESS)
    with pytest.raises(ValueError, match="the guess does not move"):
        sd.extremize(oscillator, sd.Autonomous(4.0), 20, STIFFNESS, guess=np.ones((21, 1)))
    with pytest.raises(sd.SymbolicError, match="use LimitCycle"):
        sd.extremize(vdp, sd.Autonomous(4.0), 20, {w: 1.0, mu: 1.0}, guess=guess)
    with pytest.raises(sd.SymbolicError, match="use Autonomous"):
        sd.extremize(oscillator, sd.LimitCycle(4.0), 20, STIFFNESS, guess=guess)
    with pytest.raises(ValueError, match="use Periodic"):
        clock = sd.Lagrangian(lagrangian + q * sp.cos(sd.t), q, v)
        sd.extremize(clock, sd.Autonomous(2 * np.pi), 20, STIFFNESS, guess=guess)
    with pytest.raises(ValueError, match="the input c changes with time"):
        driven = sd.Lagrangian(lagrangian + c * q, q, v, inputs=[c])
        sd.extremize(driven, sd.Autonomous(4.0), 20, STIFFNESS, {c: np.arange(20.0)}, guess=guess)
    with pytest.raises(ValueError, match=r"the phase has shape \(1, 3\)"):
        sd.extremize(oscillator, sd.Autonomous(4.0, phase=[[1.0, 0.0, 0.0]]), 20, STIFFNESS, guess=guess)
    with pytest.raises(ValueError, match="a row of the phase is zero"):
        sd.extremize(oscillator, sd.Autonomous(4.0, phase=[[0.0]]), 20, STIFFNESS, guess=guess)
    with pytest.raises(ValueError, match="give one row"):
        sd.LimitCycle(4.0, phase=[[1.0], [1.0]])
    with pytest.raises(ValueError, match="give rows"):
        sd.Autonomous(4.0, phase=[1.0])
    with pytest.raises(sd.ConvergenceError, match="an equilibrium"):
        sd.extremize(oscillator, sd.Autonomous(6.0), 20, STIFFNESS, guess=guess)
