"""A system at one size: the same numbers as an ordinary call, into given arrays; parameters with batch axes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
k, f = sp.symbols("k f")
m = sp.IndexedBase("m", shape=(n,))
x, u = sd.coordinates("x", n)
chain = sd.Lagrangian(
    sp.Sum(m[i] * u[i] ** 2 / 2, (i, 0, n - 1)) - k * sp.Sum((x[i + 1] - x[i]) ** 2 / 2, (i, 0, n - 2)) + f * x[0],
    x, u, parameters=[m, k], inputs=[f],
)  # fmt: skip
kernels = chain.compile()
Q, V, M = np.array([0.1, -0.3, 0.7, 0.2]), np.arange(4.0), np.array([1.0, 2.0, 3.0, 4.0])
PARAMS = {"m": M, "k": 1.5}
QUANTITIES = ("acceleration", "forcing", "momenta", "mass_matrix", "energy", "lagrangian")


@pytest.mark.parametrize("name", QUANTITIES)
def test_the_same_as_a_call(name):
    bound = kernels.bind(PARAMS, inputs={f: 0.25})
    expected = getattr(kernels, name)(Q, V, PARAMS, 0.0, {f: 0.25})
    np.testing.assert_array_equal(getattr(bound, name)(Q, V), expected)
    np.testing.assert_array_equal(getattr(bound, name)(list(Q), V[::-1][::-1], 1), expected)
    if np.ndim(expected):
        out = np.empty(np.shape(expected))
        assert getattr(bound, name)(Q, V, 0.0, out=out) is out
        np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("name", QUANTITIES)
def test_parameters_with_batch_axes(name):
    """They broadcast with each other and with the states; every member is the call with its own."""
    stiffness, masses = np.array([[1.0], [2.0], [3.0]]), np.stack([M, M[::-1]])
    found = getattr(kernels, name)(Q, np.stack([V, -V]), {"m": masses, k: stiffness}, 0.0, {f: 0.25})
    for r in range(3):
        for c in range(2):
            own = {"m": masses[c], k: stiffness[r, 0]}
            alone = getattr(kernels, name)(Q, (V, -V)[c], own, 0.0, {f: 0.25})
            np.testing.assert_array_equal(found[r, c], alone)


def test_axes_that_do_not_fit():
    with pytest.raises(ValueError):
        kernels.acceleration(np.stack([Q, Q]), V, {"m": M, k: np.ones(3)}, 0.0, {f: 0.0})
    with pytest.raises(ValueError, match="m has shape"):
        kernels.acceleration(Q, V, {"m": np.ones((3, 5)), k: 1.0}, 0.0, {f: 0.0})


def test_bad_calls():
    bound = kernels.bind(PARAMS, n_dof=4, inputs={f: 0.0})
    with pytest.raises(ValueError, match=r"v has shape \(3,\), but the system is bound to \(4,\)"):
        bound.acceleration(Q, V[:3])
    for out in (np.empty(3), np.empty(4, "f4"), np.empty(8)[::2]):
        with pytest.raises(ValueError, match="out must be"):
            bound.acceleration(Q, V, out=out)
    with pytest.raises(ValueError, match="no value for the parameter k"):
        kernels.bind({"m": M}, inputs={f: 0.0})
    free = sd.Lagrangian(sp.Sum(u[i] ** 2, (i, 0, n - 1)), x, u).compile()
    with pytest.raises(ValueError, match="give n_dof"):
        free.bind()
    assert free.bind(n_dof=3).energy(Q[:3], V[:3]) == pytest.approx(5.0)


def test_a_number_is_no_state_of_two_coordinates():
    (q, v), (r, w) = sd.coordinates("q"), sd.coordinates("r")
    two = sd.Lagrangian(v**2 / 2 + w**2 / 2 - q * r, [q, r], [v, w]).compile().bind()
    for name in QUANTITIES:
        with pytest.raises(ValueError, match=r"q has shape \(\), but the system is bound to \(2,\)"):
            getattr(two, name)(1.0, [2.0, 2.0])
        with pytest.raises(ValueError, match=r"v has shape \(\), but the system is bound to \(2,\)"):
            getattr(two, name)([1.0, 1.0], 2.0)
    one = sd.Lagrangian(v**2 / 2, q, v).compile().bind()
    assert one.energy(1.0, 2.0) == one.energy([1.0], [2.0]) == 2.0


def test_where_the_mass_matrix_is_singular():
    bound = kernels.bind({"m": [1.0, 0.0, 1.0, 1.0], "k": 1.0}, inputs={f: 0.0})
    with pytest.raises(sd.SingularMatrixError, match=r"along x\[1\]"):
        bound.acceleration(Q, V)


def test_no_sympy_and_no_file_on_the_hot_path(monkeypatch):
    bound = kernels.bind(PARAMS, inputs={f: 0.0})
    states, drive = np.stack([Q, Q]), {"f": 0.0}
    for name in QUANTITIES:
        getattr(bound, name)(Q, V), getattr(kernels, name)(Q, V, PARAMS, 0.0, drive)
        getattr(kernels, name)(states, V, PARAMS, 0.0, drive)

    def no(*args, **options):
        raise AssertionError("on the hot path")

    for name in ("subs", "xreplace", "__str__"):
        monkeypatch.setattr(sp.Basic, name, no)
    for name in ("read_text", "open"):
        monkeypatch.setattr(Path, name, no)
    for name in QUANTITIES:
        getattr(bound, name)(Q, V), getattr(kernels, name)(Q, V, PARAMS, 1.0, drive)
        getattr(kernels, name)(states, V, PARAMS, 0.0, drive)
