"""Integrators: orders, agreement with heyoka, reversibility, symplecticity, inputs."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.kernels.groups import Group
from symdfi.dynamics import DOP853, Lagrangian, integrate
from symdfi.dynamics.kernels import STEP

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
alpha, a, B = sp.symbols("alpha a B", real=True)
x, v = sd.coordinates("x", n)
#: An anharmonic ring: its Newton matrix is periodic.
RING = Lagrangian(
    sp.Sum(v[i] ** 2 - x[i] ** 2, (i, 0, n - 1)) / 2
    - alpha * sp.Sum((x[sp.Mod(i + 1, n)] - x[i]) ** 4, (i, 0, n - 1)) / 4,
    x, v,
)  # fmt: skip
(q1, v1), (q2, v2) = sd.coordinates("q1"), sd.coordinates("q2")
#: Coupled velocities and a magnetic field: p ≠ v, forces that depend on v.
COUPLED = Lagrangian(
    v1**2 + v2**2 / 2 + v1 * v2 * sp.cos(q1 - q2) + B * (q1 * v2 - q2 * v1) + 2 * sp.cos(q1) + sp.cos(q2),
    [q1, q2], [v1, v2],
)  # fmt: skip
y, u = sd.coordinates("y")
DRIVEN = Lagrangian(u**2 / 2 - y**2 / 2 + a * y, y, u, inputs=[a], dissipation=u**2 / 20)

SYSTEMS = {"ring": (RING, {alpha: 0.7}, 5), "coupled": (COUPLED, {B: 0.3}, 2)}


def start(size: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(size)
    return rng.normal(size=size), rng.normal(size=size)


def end(system, q, v, T, dt, params, method) -> np.ndarray:
    trajectory = integrate(system, q, v, (0, T), dt, params, method=method, save_every=10**6)
    return np.concatenate([trajectory.q[-1], trajectory.v[-1]])


def by_heyoka(name: str, q: np.ndarray, v: np.ndarray, T: float) -> np.ndarray:
    """heyoka's own derivation and Taylor integration, to machine accuracy."""
    hy = pytest.importorskip("heyoka")
    size = q.size
    variables = hy.make_vars(*(f"{letter}{k}" for letter in ("q", "qdot") for k in range(1, size + 1)))
    a, b = variables[:size], variables[size:]
    if name == "ring":
        L = sum((b[k] ** 2 - a[k] ** 2) / 2 - 0.7 * (a[(k + 1) % size] - a[k]) ** 4 / 4 for k in range(size))
    else:
        L = hy.from_sympy(COUPLED.L.subs(B, 0.3))
    integrator = hy.taylor_adaptive(hy.lagrangian(L, list(a), list(b)), list(np.concatenate([q, v])))
    integrator.propagate_until(T)
    return np.array(integrator.state)


@pytest.mark.parametrize(
    ("name", "method", "order", "dt"),
    [
        ("ring", "verlet", 2, 0.02),
        ("ring", "midpoint", 2, 0.02),
        ("ring", "rk4", 4, 0.04),
        ("coupled", "midpoint", 2, 0.02),
        ("coupled", "rk4", 4, 0.02),
    ],
)
def test_order_against_heyoka(name, method, order, dt):
    system, params, size = SYSTEMS[name]
    q, v = start(size)
    exact = by_heyoka(name, q, v, 2.0)
    errors = [np.abs(end(system, q, v, 2.0, h, params, method) - exact).max() for h in (dt, dt / 2, dt / 4)]
    assert errors[0] < 0.02
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, rel=0.07)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(order, rel=0.05)


@pytest.mark.parametrize("name", SYSTEMS)
def test_dop853_against_heyoka(name):
    system, params, size = SYSTEMS[name]
    q, v = start(size)
    exact = by_heyoka(name, q, v, 5.0)
    np.testing.assert_allclose(end(system, q, v, 5.0, 0.5, params, DOP853(1e-13, 1e-13)), exact, atol=2e-10)


@pytest.mark.parametrize(("name", "method"), [("ring", "verlet"), ("ring", "midpoint"), ("coupled", "midpoint")])
def test_time_reversal(name, method):
    system, params, size = SYSTEMS[name]
    params = {
        **params,
        **({B: 0.0} if name == "coupled" else {}),
    }  # a magnetic field would have to turn round too
    q, v = start(size)
    there = end(system, q, v, 4.0, 0.05, params, method)
    back = end(system, there[:size], -there[size:], 4.0, 0.05, params, method)
    np.testing.assert_allclose(back, np.concatenate([q, -v]), atol=1e-11)


@pytest.mark.parametrize(("name", "method"), [("ring", "verlet"), ("ring", "midpoint"), ("coupled", "midpoint")])
def test_back_in_time(name, method):
    """Symmetric methods go back the way they came, a magnetic field included."""
    system, params, size = SYSTEMS[name]
    q, v = start(size)
    there = integrate(system, q, v, (0, 4), 0.05, params, method=method)
    back = integrate(system, there.q[-1], there.v[-1], (4, 0), 0.05, params, method=method)
    np.testing.assert_allclose(back.t, there.t[::-1], atol=1e-13)
    np.testing.assert_allclose(back.q, there.q[::-1], atol=1e-10)
    np.testing.assert_allclose(back.v, there.v[::-1], atol=1e-10)
    np.testing.assert_allclose(back.q_at(1.23), there.q_at(1.23), atol=1e-10)


def test_calls_of_the_loop_leave_no_trace(monkeypatch):
    """However the steps are divided into calls, of saves or in between, a driven motion is the same to rounding."""
    from symdfi.dynamics import fixed

    runs = []
    for work in (10**6, 707):
        monkeypatch.setattr(fixed, "_WORK", work)
        for method in ("rk4", "midpoint"):
            runs.append(integrate(DRIVEN, 1.0, 0.0, (0, 3), 0.01, method=method, inputs={a: np.cos}, save_every=37))
    for one, other in zip(runs[:2], runs[2:], strict=True):
        np.testing.assert_array_equal(one.t, other.t)
        np.testing.assert_array_equal(one.q, other.q)


@pytest.mark.parametrize(("name", "method"), [("ring", "verlet"), ("ring", "midpoint"), ("coupled", "midpoint")])
def test_symplecticity(name, method):
    """The Jacobian J of five steps in (q, p) satisfies Jᵀ Ω J = Ω."""
    system, params, size = SYSTEMS[name]
    kernels = system.compile()
    zero = np.zeros(size)

    def step(z: np.ndarray) -> np.ndarray:
        q, p = z[:size], z[size:]
        mass = kernels.mass_matrix(q, zero, params)
        v = np.linalg.solve(mass, p - kernels.momenta(q, zero, params))
        after = end(system, q, v, 0.5, 0.1, params, method)
        return np.concatenate([after[:size], kernels.momenta(after[:size], after[size:], params)])

    z, h = np.concatenate(start(size)), 1e-5
    J = np.column_stack([(step(z + h * e) - step(z - h * e)) / (2 * h) for e in np.eye(2 * size)])
    Omega = np.kron([[0, 1], [-1, 0]], np.eye(size))
    np.testing.assert_allclose(J.T @ Omega @ J, Omega, atol=2e-8)
    assert np.abs(J - np.eye(2 * size)).max() > 0.1


@pytest.mark.parametrize(("method", "order"), [("midpoint", 2), ("rk4", 4)])
def test_driven_and_damped(method, order):
    """ÿ + ẏ/10 + y = cos t, resonant: from rest y = A(t) sin t − ... against the exact solution by modes."""
    T, damping = 8.0, 0.1
    rate = np.array([[0.0, 1.0], [-1.0, -damping]])
    eigenvalues, modes = np.linalg.eig(rate)
    # The response to exp(it) in every mode, from rest.
    drive = np.linalg.solve(modes, np.array([0.0, 1.0]))
    response = drive * (np.exp(1j * T) - np.exp(eigenvalues * T)) / (1j - eigenvalues)
    conjugate = drive * (np.exp(-1j * T) - np.exp(eigenvalues * T)) / (-1j - eigenvalues)
    exact = np.real(modes @ (response + conjugate) / 2)
    errors = []
    for dt in (0.1, 0.05, 0.025):
        trajectory = integrate(
            DRIVEN, 0.0, 0.0, (0, T), dt, method=method, inputs=lambda t: {a: np.cos(t)}, save_every=7
        )
        errors.append(np.abs([trajectory[y][-1] - exact[0], trajectory[u][-1] - exact[1]]).max())
    assert errors[0] < 0.02
    assert np.log2(errors[1] / errors[2]) == pytest.approx(order, abs=0.1)


def test_methods_agree_on_an_input():
    runs = [
        integrate(DRIVEN, 1.0, 0.0, (0, 3), 0.001, method=method, inputs={"a": 0.3}).q[-1, 0]
        for method in ("midpoint", "rk4", "dop853")
    ]
    np.testing.assert_allclose(runs, runs[-1], atol=1e-6)


@pytest.mark.parametrize("method", ["midpoint", "rk4", "dop853"])
def test_inputs_as_functions_of_time(method):
    one = integrate(DRIVEN, 1.0, 0.0, (0, 3), 0.01, method=method, inputs=lambda t: {a: np.cos(t)})
    other = integrate(DRIVEN, 1.0, 0.0, (0, 3), 0.01, method=method, inputs={a: np.cos})
    np.testing.assert_array_equal(one.q, other.q)
    assert repr(one) == f"Trajectory(t = 0 to 3, 301 saves of 1 degrees of freedom, {method})"  # no energy is kept
    with pytest.raises(TypeError, match="inputs are given by name"):
        integrate(DRIVEN, 1.0, 0.0, (0, 3), 0.01, method=method, inputs=np.cos)


def test_midpoint_keeps_the_structure():
    """The Newton matrix of a ring of 3000 particles is three diagonals, not nine million entries."""
    kernels = RING.compile()
    assert kernels.newton_matrix(kernels.assembly(Group("h", (STEP,), scalar=True))).kind == "periodic"
    size = 3000
    rng = np.random.default_rng(0)
    trajectory = integrate(
        RING, rng.normal(size=size), rng.normal(size=size), (0, 1), 0.02, {alpha: 1.0}, method="midpoint"
    )
    assert trajectory.energy_drift < 1e-2
