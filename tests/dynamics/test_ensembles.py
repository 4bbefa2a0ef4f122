"""Ensembles: many initial states and parameters at once, the same numbers as one by one."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

n, m = sp.symbols("n m", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)
k, c = sp.symbols("k c", positive=True)
q, v = sd.coordinates("q")
x, u = sd.coordinates("x", n)
z, w = sd.coordinates("z", (n, m))
mass = sp.IndexedBase("mu", shape=(n,))
edge = sp.IndexedBase(sp.Symbol("p", integer=True), shape=(n,))
OSCILLATOR = sd.Lagrangian(v**2 / 2 - k**2 * q**2 / 2, q, v)
CHAIN = sd.Lagrangian(
    sp.Sum(mass[i] * u[i] ** 2 / 2 - c * x[i] ** 4 / 4, (i, 0, n - 1)) - sp.Sum((x[i + 1] - x[i]) ** 2, (i, 0, n - 2)),
    x, u, parameters=[mass, c],
)  # fmt: skip
LATTICE = sd.Lagrangian(sp.Sum(w[i, j] ** 2 - (i + 1) * z[i, j] ** 2, (i, 0, n - 1), (j, 0, m - 1)) / 2, z, w)
METHODS = ["verlet", "midpoint", "rk4", "dop853", "scipy:RK45"]


@pytest.mark.parametrize("method", METHODS)
def test_as_one_by_one(method):
    """Bit for bit, for states and parameters, with broadcast axes."""
    rng = np.random.default_rng(0)
    q0, v0, masses = rng.normal(size=(3, 1, 4)), rng.normal(size=(5, 4)), rng.uniform(1, 2, size=(5, 4))
    options = {"t_span": (0, 1), "dt": 0.1, "method": method}
    found = sd.integrate(CHAIN, q0, v0, params={mass: masses, c: 0.5}, **options)
    assert found.q.shape == found.v.shape == found[x].shape == (3, 5, 11, 4)
    assert found.energy.shape == (3, 5, 11)
    assert found.energy_drift.shape == found.batch == (3, 5)
    for a, b in np.ndindex(3, 5):
        alone = sd.integrate(CHAIN, q0[a, 0], v0[b], params={"mu": masses[b], "c": 0.5}, **options)
        own = found.member(a, b)
        for name in ("t", "q", "v", "energy"):
            np.testing.assert_array_equal(getattr(own, name), getattr(alone, name))
        np.testing.assert_array_equal(own.params[mass], masses[b])
        np.testing.assert_array_equal(own.q_at(0.37), alone.q_at(0.37))
        np.testing.assert_array_equal(found.q_at([0.37, 0.9])[a, b], alone.q_at([0.37, 0.9]))


def test_parameters_alone():
    """One state, many spring constants: q = cos kt."""
    springs = np.linspace(1, 3, 7)
    at = np.linspace(0, 5, 6)
    found = sd.integrate(OSCILLATOR, 1.0, 0.0, (0, 5), t_eval=at, params={k: springs}, method="dop853", dense=True)
    np.testing.assert_allclose(found.q[..., 0], np.cos(springs[:, None] * at), atol=1e-7)
    np.testing.assert_allclose(found(1.7)[0][:, 0], np.cos(1.7 * springs), atol=1e-7)
    np.testing.assert_allclose(found.member(-1)(1.7)[0], [np.cos(1.7 * 3)], atol=1e-7)


def test_more_members_than_one_block():
    """3000 oscillators, each with a phase of its own."""
    phases = np.linspace(0, 6, 3000)
    found = sd.integrate(
        OSCILLATOR, np.cos(phases)[:, None], -np.sin(phases)[:, None], (0, 2), t_eval=[2.0], params={k: 1.0},
        method="dop853",
    )  # fmt: skip
    np.testing.assert_allclose(found.q[:, 0, 0], np.cos(phases + 2), atol=1e-8)


def test_states_in_the_shape_of_the_coordinate():
    """(2, 3) states of a lattice of shape (n, m), seven of them."""
    rng = np.random.default_rng(0)
    q0, v0 = rng.normal(size=(2, 7, 2, 3))
    options = {"t_span": (0, 1), "dt": 0.25}
    found = sd.integrate(LATTICE, q0, v0, **options)
    assert found[z].shape == (7, 5, 2, 3)
    flat = sd.integrate(LATTICE, q0.reshape(7, 6), v0.reshape(7, 6), params={m: 3}, **options)
    np.testing.assert_array_equal(found.q, flat.q)
    np.testing.assert_array_equal(found.member(3).q, sd.integrate(LATTICE, q0[3], v0[3], **options).q)
    with pytest.raises(ValueError, match=r"coordinate z: v0 has shape \(3, 2\), expected \(n, m\) with n = 2, m = 3"):
        sd.integrate(LATTICE, q0, np.swapaxes(v0, 1, 2), **options)
    pairs = sd.Lagrangian(sp.Sum(w[i, j] ** 2 / 2, (i, 0, n - 1), (j, 0, 1)).subs(m, 2), *sd.coordinates("z", (n, 2)))
    with pytest.raises(
        ValueError, match=r"q0 of shape .* may be flat \(n = 1\) or in the shape \(n, 2\) of z \(n = 3\)"
    ):
        sd.integrate(pairs, np.ones((4, 3, 2)), np.ones((4, 3, 2)), **options)


def test_events_of_each_member():
    springs = np.array([1.0, 2.0, 4.0])
    found = sd.integrate(
        OSCILLATOR, 1.0, 0.0, (0, 5), t_eval=np.linspace(0, 5, 11), params={k: springs}, method="dop853",
        events=[q, sd.Event(v + 0.1, terminal=3)],
    )  # fmt: skip
    for member, spring in enumerate(springs):
        alone = sd.integrate(
            OSCILLATOR, 1.0, 0.0, (0, 5), params={k: spring}, method="dop853", events=[q, sd.Event(v + 0.1, terminal=3)]
        )
        own = found.member(member)
        for one, other in zip(own.events, alone.events, strict=True):
            np.testing.assert_array_equal(one.t, other.t)
            np.testing.assert_array_equal(one.q, other.q)
        # The saved times are common; a member that has ended has none of the later ones.
        assert own.t[-1] <= alone.t[-1]
        assert np.isnan(found.q[member, len(own.t) :]).all()
    assert (np.diff(found.events[0].member) >= 0).all()


@pytest.mark.parametrize("method", ["verlet", "rk4", "dop853", "midpoint", "scipy:DOP853"])
def test_a_failing_member_is_named(method):
    """One member runs away to infinity; it is named, and the others are kept so far."""
    pulls = np.array([[0.0, 1e-3], [2.0, 0.0]])
    with pytest.raises((sd.DivergenceError, sd.ConvergenceError), match=r"^member \(1, 0\): ") as caught:
        # A chain of one site: ẍ = −c x³.
        params = {c: -4 * pulls, mass: np.ones(1)}
        sd.integrate(CHAIN, np.ones(1), np.zeros(1), (0, 2), dt=0.01, params=params, method=method)
    assert caught.value.member == (1, 0)
    part = caught.value.partial
    assert part.q.shape == (2, 2, 201, 1)
    assert 0.5 < part.member(1, 0).t[-1] <= caught.value.time
    np.testing.assert_allclose(part.member(0, 0).q[:, 0], 1.0)


def test_singular_member():
    masses = np.ones((3, 2))
    masses[2, 1] = 0
    for method in METHODS:
        with pytest.raises(
            sd.SingularMatrixError, match=r"member \(2,\): the mass matrix is singular .* along x\[1\]"
        ) as e:
            sd.integrate(CHAIN, np.ones(2), np.zeros(2), (0, 1), 0.1, {mass: masses, c: 1.0}, method=method)
        assert e.value.member == (2,)


def test_save(tmp_path):
    found = sd.integrate(OSCILLATOR, 1.0, 0.0, (0, 1), 0.1, {k: np.ones((2, 3))})
    data = found.dataset
    assert data["q"].dims == ("member_0", "member_1", "time")
    assert found.save(tmp_path / "run.nc").exists()
    with pytest.raises(ValueError, match=r"plot a member"):
        found.plot()
    assert found.member(1, 2).plot() is not None
    assert repr(found).startswith(
        "Trajectory(t = 0 to 1, 2 × 3 members, 11 saves of 1 degrees of freedom, verlet, energy drift "
    )
    with pytest.raises(IndexError, match="has 2 indices"):
        found.member(1)


@pytest.mark.parametrize(
    ("arguments", "options", "match"),
    [
        ((OSCILLATOR, np.ones((3, 1)), np.ones((2, 1))), {}, r"do not broadcast: \(3,\) of q0, \(2,\) of v0"),
        ((OSCILLATOR, np.ones((3, 1)), 0.0), {"params": {k: [1.0, 2.0]}}, r"\(3,\) of q0, \(2,\) of k"),
        ((OSCILLATOR, np.ones((0, 1)), 0.0), {}, r"an ensemble of shape \(0,\) has no members"),
        ((OSCILLATOR, 1.0, 0.0), {"params": {k: [1.0, np.inf]}}, r"the parameter k\[1\] is inf: it must be finite"),
        ((OSCILLATOR, np.array([[1.0], [np.nan]]), 0.0), {}, r"q0\[1, 0\] is nan"),
        ((OSCILLATOR, np.ones((3, 1)), 0.0), {"dt": None, "method": "dop853"}, "give t_eval"),
        (
            (CHAIN, np.ones((3, 2)), np.ones(3)),
            {"params": {mass: [1.0, 1.0], c: 1.0}},
            r"mu has shape \(2,\), expected \(n,\) with n = 3",
        ),
    ],
)
def test_bad_input(arguments, options, match):
    with pytest.raises(ValueError, match=match):
        sd.integrate(*arguments, (0, 1), **{"dt": 0.1, "params": {k: 1.0}, **options})


def test_index_arrays_are_common():
    system = sd.Lagrangian(sp.Sum(u[i] ** 2 / 2 - (x[edge[i]] - x[i]) ** 2 / 2, (i, 0, n - 1)), x, u)
    with pytest.raises(ValueError, match=r"the parameter p has shape \(2, 2\)"):
        sd.integrate(system, np.ones(2), np.zeros(2), (0, 1), 0.1, {edge: [[0, 1], [1, 0]]})
