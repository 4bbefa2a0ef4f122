"""``integrate`` and the compiled system: results, shapes, and one clear error for every kind of bad input."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from sympy.physics.mechanics import dynamicsymbols

import symdfi as sd
from symdfi.dynamics import ImplicitMidpoint, Lagrangian, integrate

n, m = sp.symbols("n m", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)
k, c, F = sp.symbols("k c F", real=True)
q, v = sd.coordinates("q")
x, u = sd.coordinates("x", n)
z, zd = sd.coordinates("z", (n, m))
mass = sp.IndexedBase(sp.Symbol("mu", real=True), shape=(n,))
edge = sp.IndexedBase(sp.Symbol("p", integer=True), shape=(n,))

OSCILLATOR = Lagrangian(v**2 / 2 - k * q**2 / 2, q, v)
MASSES = Lagrangian(sp.Sum(mass[i] * u[i] ** 2 - x[i] ** 2, (i, 0, n - 1)) / 2, x, u)
DENSE = Lagrangian(
    sp.Sum(u[i], (i, 0, n - 1)) ** 2 / 2 + c * sp.Sum(u[i] ** 2, (i, 0, n - 1)) / 2
    - sp.Sum(x[i] ** 2, (i, 0, n - 1)) / 2, x, u,
)  # fmt: skip
LATTICE = Lagrangian(sp.Sum(zd[i, j] ** 2 - (i + 1) * z[i, j] ** 2, (i, 0, n - 1), (j, 0, m - 1)) / 2, z, zd)
GATHER = Lagrangian(sp.Sum(u[i] ** 2 / 2 - (x[edge[i]] - x[i]) ** 2 / 2, (i, 0, n - 1)), x, u)
RUNAWAY = Lagrangian(v**2 / 2 + q**4, q, v)


def run(system=OSCILLATOR, q0=1.0, v0=0.0, t_span=(0, 1), dt=0.1, params=None, **options):
    return integrate(system, q0, v0, t_span, dt, {k: 4.0} if params is None else params, **options)


def test_trajectory():
    found = run(t_span=(1, 3), dt=0.01, save_every=15)
    assert found.t[0] == 1.0
    assert found.t[-1] == 3.0
    assert found.q.shape == (15, 1)
    np.testing.assert_allclose(found[q], np.cos(2 * (found.t - 1)), atol=1e-3)
    np.testing.assert_array_equal(found["qdot"], found[v])
    assert found.energy_drift < 1e-3
    with pytest.raises(KeyError, match="no coordinate"):
        found["w"]


def test_dataset():
    found = run(LATTICE, np.arange(6.0), np.zeros(6), params={"m": 3})
    data = found.dataset
    assert data["z"].dims == ("time", "z_0", "z_1")
    assert data["z"].shape == (11, 2, 3)
    np.testing.assert_array_equal(data["zdot"].values.reshape(11, 6), found.v)
    assert data.attrs["method"] == "verlet"


def test_functions_of_time_as_keys():
    theta = dynamicsymbols("theta")
    system = Lagrangian(theta.diff(sd.t) ** 2 / 2 + sp.cos(theta), theta)
    found = integrate(system, 0.1, 0.0, (0, 1), 0.1)
    assert found[theta].shape == found[theta.diff(sd.t)].shape == (11,)


def test_batches():
    kernels = MASSES.compile()
    rng = np.random.default_rng(0)
    q0, v0, mu = rng.normal(size=(3, 1, 5)), rng.normal(size=(4, 5)), rng.uniform(1, 2, 5)
    found = kernels.acceleration(q0, v0, {mass: mu})
    np.testing.assert_allclose(found, np.broadcast_to(-q0 / mu, (3, 4, 5)))
    assert kernels.energy(q0, v0, {"mu": mu}).shape == (3, 4)
    assert kernels.mass_matrix(q0, v0, {mass: mu}).shape == (3, 4, 5, 5)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"params": {}}, "no value for the parameter k"),
        ({"params": {k: 1.0, c: 2.0}}, "c is no parameter of this system: k"),
        ({"params": {k: [1.0, 2.0]}}, r"parameter k has shape \(2,\), expected a number"),
        ({"params": {k: np.nan}}, "parameter k is not finite"),
        ({"q0": [1.0, 2.0]}, "q0 has 2 degrees of freedom, v0 has 1"),
        ({"q0": [1.0, 2.0], "v0": [0.0, 0.0]}, r"the state has shape \(2,\)"),
        ({"q0": np.inf}, r"q0\[0\] is inf"),
        ({"v0": np.nan}, r"v0\[0\] is nan"),
        ({"method": "euler"}, "unknown method 'euler': one of verlet, midpoint, rk4, dop853"),
        ({"t_span": (1, 0)}, r"t_span = \(1, 0\) does not go forward"),
        ({"t_span": (0, np.inf)}, "does not go forward"),
        ({"dt": None}, "dt = None must be positive"),
        ({"dt": -0.1}, "dt = -0.1 must be positive"),
        ({"dt": 2.0}, "at most the length"),
        ({"save_every": 0}, "save_every"),
        ({"inputs": {"a": 1.0}}, "unknown input a"),
        ({"system": MASSES, "q0": [1, 2], "v0": [0, 0], "params": {mass: [1.0]}}, "mu has shape"),
        ({"system": MASSES, "q0": [1, 2], "v0": [0, 0], "params": {mass: 1.0}}, r"expected \(n\)"),
        ({"system": LATTICE, "q0": np.ones(6), "v0": np.ones(6), "params": {}}, "the size m does not follow"),
        ({"system": LATTICE, "q0": np.ones(6), "v0": np.ones(6), "params": {m: 4}}, "the state has shape"),
        ({"system": LATTICE, "q0": np.ones(6), "v0": np.ones(6), "params": {m: 0}}, "must be at least 1"),
        (
            {"system": GATHER, "q0": [1, 2], "v0": [0, 0], "params": {edge: [0, 2]}},
            r"largest\(p\) = 2, n = 2",
        ),
        ({"system": GATHER, "q0": [1, 2], "v0": [0, 0], "params": {edge: [0, 0.5]}}, "p takes integers"),
    ],
)
def test_bad_input(options, match):
    with pytest.raises(ValueError, match=match):
        run(**options)


def test_missing_input():
    system = Lagrangian(v**2 / 2 - F * q, q, v, inputs=[F])
    with pytest.raises(ValueError, match="no value for the input F"):
        run(system, params={})
    with pytest.raises(ValueError, match=r"input F has shape \(2,\)"):
        run(system, params={}, inputs={F: [1.0, 2.0]})


def test_verlet_refuses_forces_that_depend_on_velocities():
    with pytest.raises(sd.SymbolicError, match="do not depend on velocities"):
        run(Lagrangian(v**2 / 2, q, v, dissipation=v**2), params={})


def test_singular_diagonal_mass_matrix():
    with pytest.raises(sd.SingularMatrixError, match=r"singular at q = \[1. 2.\]"):
        run(MASSES, [1.0, 2.0], [0.0, 0.0], params={mass: [1.0, 0.0]})
    states = np.arange(6.0).reshape(3, 2)
    with pytest.raises(sd.SingularMatrixError, match=r"at q of state \(1,\) = \[2. 3.\]") as caught:
        vanishing = Lagrangian(sp.Sum((x[i] - 3) ** 2 * u[i] ** 2 / 2 - x[i] ** 2, (i, 0, n - 1)), x, u)
        vanishing.compile().acceleration(states, states)
    assert caught.value.point == (1,)
    assert np.isfinite(caught.value.partial[0]).all()


def test_singular_dense_mass_matrix():
    with pytest.raises(sd.SingularMatrixError, match="singular at q"):
        run(DENSE, [1.0, 2.0], [0.0, 0.0], params={c: 0.0})
    run(DENSE, [1.0, 2.0], [0.0, 0.0], params={c: 1e-6}, dt=1e-3)


def test_mass_matrix_that_is_singular_everywhere():
    y, w = sd.coordinates("y")
    with pytest.raises(sd.SymbolicError, match="L does not depend on ydot"):
        run(Lagrangian(v**2 / 2 - k * q**2 - y**2, [q, y], [v, w]), [1.0, 1.0], [0.0, 0.0])


def test_force_that_is_not_finite():
    kepler = Lagrangian(v**2 / 2 + 1 / sp.Abs(q), q, v)
    with pytest.raises(sd.DivergenceError, match="not finite at the initial state"):
        run(kepler, 0.0, params={})


@pytest.mark.parametrize("method", ["verlet", "rk4"])
def test_divergence(method):
    """q̈ = 4q³ from rest at 1 reaches infinity at t = ∫ dq/√(2(q⁴−1)) = 0.927."""
    with pytest.raises(sd.DivergenceError, match="not finite after step") as caught:
        run(RUNAWAY, params={}, t_span=(0, 10), dt=0.01, method=method, save_every=4)
    error = caught.value
    assert 0.92 < error.time < 1.2
    assert error.time == pytest.approx(0.01 * error.step)
    assert 0 < error.partial.t[-1] < error.time
    assert np.isfinite(error.partial.q).all()
    assert error.partial.q.shape == (error.partial.t.size, 1)


def test_divergence_of_the_adaptive_method():
    with pytest.raises(sd.DivergenceError, match="DOP853 stopped at t = 0.92") as caught:
        run(RUNAWAY, params={}, t_span=(0, 10), dt=0.1, method="dop853")
    assert caught.value.partial.t[-1] == pytest.approx(0.9)


def test_newton_that_does_not_converge():
    with pytest.raises(sd.ConvergenceError, match="did not converge in step") as caught:
        run(RUNAWAY, params={}, t_span=(0, 10), dt=0.02, method="midpoint")
    error = caught.value
    assert error.time == pytest.approx(0.02 * error.step)
    assert error.partial.t[-1] == pytest.approx(0.02 * (error.step - 1))
    with pytest.raises(sd.ConvergenceError, match="in step 1 "):
        run(method=ImplicitMidpoint(iterations=0))


def test_nothing_is_left_of_a_longer_run():
    """The partial result of a run is what a shorter run gives."""
    with pytest.raises(sd.DivergenceError) as caught:
        run(RUNAWAY, params={}, t_span=(0, 10), dt=0.01)
    part = caught.value.partial
    short = run(RUNAWAY, params={}, t_span=(0, 0.5), dt=0.01)
    np.testing.assert_allclose(part.q[:51], short.q)
    np.testing.assert_allclose(part.v[:51], short.v)


def test_an_index_array_that_leaves_the_coordinates_is_refused():
    n, m, i = sp.Symbol("n"), sp.Symbol("m"), sp.Symbol("i", integer=True)
    x, v = sd.coordinates("x", n)
    p = sp.IndexedBase("p", shape=(m,), integer=True)
    kinetic, potential = sp.Sum(v[i] ** 2 / 2, (i, 0, n - 1)), sp.Sum(x[p[i]] ** 2 / 2, (i, 0, m - 1))
    system = sd.Lagrangian(kinetic - potential, x, v)
    np.testing.assert_allclose(system.compile().acceleration(np.ones(3), np.zeros(3), {p: [0, 2, 2]}), [-1, 0, -2])
    with pytest.raises(ValueError, match="outside 0..n - 1"):
        system.compile().acceleration(np.ones(3), np.zeros(3), {p: [0, 3]})
    with pytest.raises(ValueError, match="outside 0..n - 1"):
        sd.integrate(system, np.ones(3), np.zeros(3), (0, 1), 0.1, {p: [0, 3]})


def test_a_state_of_another_shape_is_refused():
    lattice, speed = sd.coordinates("y", 4, 3)
    a, b = sp.symbols("a b", integer=True)
    system = sd.Lagrangian(sp.Sum(speed[a, b] ** 2 / 2, (a, 0, 3), (b, 0, 2)), lattice, speed)
    assert sd.integrate(system, np.ones((4, 3)), np.zeros((4, 3)), (0, 1), 0.5).q.shape == (3, 12)
    with pytest.raises(ValueError, match=r"q0 has shape \(3, 4\)"):
        sd.integrate(system, np.ones((3, 4)), np.zeros((3, 4)), (0, 1), 0.5)
    line, pace = sd.coordinates("y", n)
    chain = sd.Lagrangian(sp.Sum(pace[a] ** 2 / 2, (a, 0, n - 1)), line, pace)
    with pytest.raises(ValueError, match="of one state"):
        sd.integrate(chain, np.ones((3, 4)), np.zeros((3, 4)), (0, 1), 0.5)
