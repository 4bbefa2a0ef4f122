"""``integrate`` and the compiled system: results, shapes, and one clear error for every kind of bad input."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from sympy.physics.mechanics import dynamicsymbols

import symdfi as sd
from symdfi import results
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
    assert data["z"].dims == ("time", "n", "m") and data["zdot"].dims == data["z"].dims
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
        ({"params": {k: np.nan}}, "parameter k is not finite"),
        ({"q0": [1.0, 2.0]}, "q0 has 2 degrees of freedom, v0 has 1"),
        ({"q0": [1.0, 2.0], "v0": [0.0, 0.0]}, r"the state has shape \(2,\)"),
        ({"q0": np.inf}, r"q0\[0\] is inf"),
        ({"v0": np.nan}, r"v0\[0\] is nan"),
        ({"method": "euler"}, "unknown method 'euler': one of verlet, midpoint, rk4, dop853"),
        ({"t_span": (1, 1)}, r"t_span = \(1, 1\) is no interval of time"),
        ({"t_span": (0, np.inf)}, r"t_span\[1\] is inf"),
        ({"dt": None}, "dt is missing"),
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
            r"the index of x\[p\[i\]\] is 2 at i = 1, outside 0\.\.n - 1, at n = 2",
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


def test_sizes_follow_from_the_shape_of_a_state():
    """A (2, 3) state of a lattice of shape (n, m): n = 2, m = 3."""
    rng = np.random.default_rng(0)
    q0, v0 = rng.normal(size=(2, 2, 3))
    found = run(LATTICE, q0, v0, params={})
    assert found[z].shape == (11, 2, 3)
    assert found.params == {n: 2, m: 3}
    flat = run(LATTICE, q0.ravel(), v0, params={})
    np.testing.assert_array_equal(found.q, flat.q)
    np.testing.assert_array_equal(found.q, run(LATTICE, q0.ravel(), v0.ravel(), params={"m": 3}).q)
    with pytest.raises(ValueError, match=r"coordinate z: v0 has shape \(3, 2\), expected \(n, m\) with n = 2, m = 3"):
        run(LATTICE, q0, v0.T, params={})
    with pytest.raises(ValueError, match=r"coordinate z: q0 has shape \(2, 3\), expected \(n, m\) with m = 4"):
        run(LATTICE, q0, v0, params={"m": 4})
    with pytest.raises(ValueError, match="the size [nm] does not follow from the state"):
        run(Lagrangian(LATTICE.L + v**2 / 2, [q, z], [v, zd]), q0, v0, params={})


def test_between_the_saved_times():
    """Hermite interpolation: errors of fourth order in q, of third in v."""
    errors = []
    for dt in (0.04, 0.02):
        found = run(dt=dt, t_span=(1, 3), method="dop853")
        at = np.linspace(1, 3, 2001)
        assert found.q_at(at).shape == (2001, 1)
        errors.append([
            np.abs(found.q_at(at)[:, 0] - np.cos(2 * (at - 1))).max(),
            np.abs(found.v_at(at)[:, 0] + 2 * np.sin(2 * (at - 1))).max(),
        ])  # fmt: skip
    np.testing.assert_allclose(np.log2(np.divide(*errors)), [4, 3], atol=0.1)
    np.testing.assert_allclose(found.q_at(found.t), found.q, atol=1e-12)
    np.testing.assert_allclose(found.v_at(found.t[3]), found.v[3], atol=1e-12)
    for outside in (0.9, [1.5, 3.1], np.nan):
        with pytest.raises(ValueError, match="lies outside the computed times, 1 to 3"):
            found.q_at(outside)


def test_save_and_plot(tmp_path):
    found = run(LATTICE, np.arange(12.0).reshape(3, 4), np.zeros((3, 4)), params={})
    path = found.save(tmp_path / "a" / "run.nc")
    data = results.load(path)
    np.testing.assert_array_equal(data["z"], found[z])
    np.testing.assert_array_equal(data["energy"], found.energy)
    assert data.sizes["n"] == 3 and data.attrs["sizes"] == "m = 4, n = 3"
    assert [axis.get_title() for axis in found.plot().axes[:2]] == ["motion of $z$", "error of the energy"]


def test_plots_of_every_kind_of_coordinate():
    """Lines for scalars and short arrays, maps for long ones."""
    mixed = Lagrangian(v**2 / 2 + sp.Sum(u[i] ** 2 - x[i] ** 2, (i, 0, n - 1)) / 2, [q, x], [v, u])
    few = run(mixed, np.ones(4), np.zeros(4), params={}).plot()
    assert [axis.get_title() for axis in few.axes] == ["motion", "phase plane", "error of the energy"]
    assert [line.get_label() for line in few.axes[0].lines] == ["$q$", "${x}_{0}$", "${x}_{1}$", "${x}_{2}$"]
    many = run(mixed, np.ones(21), np.zeros(21), params={}).plot()
    titles = ["motion", "motion of $x$", "phase plane", "error of the energy"]
    assert [axis.get_title() for axis in many.axes[:4]] == titles
    r, w = sd.coordinates("r", (n, 2))
    plane = Lagrangian(sp.Sum(w[i, j] ** 2 - r[i, j] ** 2, (j, 0, 1), (i, 0, n - 1)) / 2, r, w)
    places = run(plane, np.arange(14.0).reshape(7, 2), np.zeros((7, 2)), params={}).plot()
    titles = ["motion of $r$, component 0", "motion of $r$, component 1", "error of the energy"]
    assert [axis.get_title() for axis in places.axes[:3]] == titles


@pytest.mark.parametrize("method", ["midpoint", "rk4", "dop853"])
def test_singular_mass_matrix_names_the_direction(method):
    """Every method, for diagonal, banded, periodic and dense mass matrices."""
    y, w = sd.coordinates("y")
    ring = Lagrangian(sp.Sum((u[sp.Mod(i + 1, n)] - u[i]) ** 2 - x[i] ** 2, (i, 0, n - 1)) / 2, x, u)
    chain = Lagrangian(sp.Sum((u[i + 1] - u[i]) ** 2, (i, 0, n - 2)) - sp.Sum(x[i] ** 2, (i, 0, n - 1)), x, u)
    scaled = Lagrangian((v + 2 * w) ** 2 / 2 - q**2 - y**2, [q, y], [v, w])
    for system, params, direction, along in (
        (MASSES, {mass: [1.0, 0.0, 2.0]}, [0, 1, 0], r"along x\[1\]$"),
        (ring, {}, [1, 1, 1], r"along x\[0\] \+ x\[1\] \+ x\[2\]$"),
        (chain, {}, [1, 1, 1], r"along x\[0\] \+ x\[1\] \+ x\[2\]$"),
        (scaled, {}, [2, -1], "along q - 0.5 y$"),
    ):
        start = np.arange(1.0, len(direction) + 1)
        with pytest.raises(sd.SingularMatrixError, match=rf"mass matrix is singular at q = .*, {along}") as caught:
            run(system, start, 0 * start, params=params, method=method)
        found = caught.value.direction
        np.testing.assert_allclose(abs(found @ direction), np.linalg.norm(direction))


def test_midpoint_refuses_a_coordinate_without_velocity():
    y, w = sd.coordinates("y")
    with pytest.raises(sd.SingularMatrixError, match="along y$"):
        run(Lagrangian(v**2 / 2 - k * q**2 - y**2, [q, y], [v, w]), [1.0, 1.0], [0.0, 0.0], method="midpoint")


def test_singular_mass_matrix_of_a_large_diagonal_system():
    """Found without a full matrix: this one would take 320 GB."""
    size = 200_000
    weights = np.ones(size)
    weights[123_456] = 0.0
    with pytest.raises(sd.SingularMatrixError, match=r"along x\[123456\]$"):
        run(MASSES, np.ones(size), np.zeros(size), params={mass: weights})


def test_singular_mass_matrix_of_a_large_coupled_system():
    """Refused without a full matrix, which would take 80 GB."""
    chain = Lagrangian(sp.Sum((u[i + 1] - u[i]) ** 2, (i, 0, n - 2)) - sp.Sum(x[i] ** 2, (i, 0, n - 1)), x, u)
    with pytest.raises(sd.SingularMatrixError, match="with 100000 coordinates it is too large"):
        run(chain, np.ones(100_000), np.zeros(100_000), params={})


def test_a_run_of_absurdly_many_steps_is_refused():
    with pytest.raises(ValueError, match="makes 1e\\+30 steps"):
        run(t_span=(0, 1e20), dt=1e-10)


def test_states_in_the_shape_of_the_only_coordinate() -> None:
    """Flat or in the coordinate's shape, alone or in batches; refused where the two cannot be told apart."""
    n, i, k = (sp.Symbol(s, integer=True) for s in "nik")
    z, w = sd.coordinates("z", (n, 2))
    mass = sp.IndexedBase("m", shape=(n,))
    limits = ((i, 0, n - 1), (k, 0, 1))
    kernels = sd.Lagrangian(
        sp.Sum(mass[i] * w[i, k] ** 2 / 2 - z[i, k] ** 4 / 4, *limits), z, w, parameters=[mass]
    ).compile()
    generator = np.random.default_rng(0)
    q, v, m = generator.normal(size=(7, 5, 2)), generator.normal(size=(5, 2)), 1 + generator.random(5)
    expected = -(q**3) / m[:, None]
    np.testing.assert_allclose(kernels.acceleration(q, v, {"m": m}), expected, rtol=1e-13)
    flat = kernels.acceleration(q.reshape(7, 10), v.ravel(), {"m": m})
    np.testing.assert_allclose(flat, expected.reshape(7, 10), rtol=1e-13)
    assert kernels.energy(q, v, {"m": m}).shape == (7,)
    assert kernels.mass_matrix(q, v, {"m": m}).shape == (7, 10, 10)
    np.testing.assert_allclose(kernels.momenta(q[0], v, {"m": m}), m[:, None] * v)
    np.testing.assert_array_equal(kernels.acceleration(q, v.ravel(), {"m": m}), kernels.acceleration(q, v, {"m": m}))
    with pytest.raises(ValueError, match=r"the coordinate z: v has shape \(5, 3\)|v of shape \(5, 3\) is neither flat"):
        kernels.acceleration(q, np.ones((5, 3)), {"m": m})

    free = sd.Lagrangian(sp.Sum(w[i, k] ** 2 / 2 - z[i, k] ** 4 / 4, *limits), z, w).compile()
    np.testing.assert_allclose(free.acceleration(v, v), -(v**3))
    with pytest.raises(ValueError, match=r"may be flat \(n = 1\) or in the shape \(n, 2\) of z \(n = 5\)"):
        free.acceleration(q, v)
    np.testing.assert_allclose(free.acceleration(v, v, {n: 5}), -(v**3))
    np.testing.assert_allclose(free.energy(v, v, {n: 1}), (v**2 / 2 + v**4 / 4).sum(1))
    # One body: the saved states of a run are a batch of flat ones.
    assert sd.integrate(free.system, [0.1, 0.2], [0.0, 0.0], t_span=(0, 1), dt=0.01).energy.shape == (101,)
