"""Which axes of an array are those of one state: one rule for all that takes states."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

n, i, j = sp.Symbol("n", integer=True, positive=True), *sp.symbols("i j", integer=True)
r, w = sd.coordinates("r", (n, 3))
BODIES = sd.Lagrangian(sp.Sum(w[i, j] ** 2 / 2 - r[i, j] ** 2 / 2, (j, 0, 2), (i, 0, n - 1)), r, w)
SPAN = {"t_span": (0, 0.1), "dt": 0.05}


def test_an_array_in_the_shape_of_the_coordinate_is_one_state():
    state = np.arange(15.0).reshape(5, 3)
    kernels = BODIES.compile()
    np.testing.assert_array_equal(kernels.acceleration(state, 0 * state), -state)
    assert kernels.energy(state, state) == np.sum(state**2)
    assert sd.integrate(BODIES, state, 0 * state, **SPAN)[r].shape == (3, 5, 3)
    np.testing.assert_array_equal(kernels.bind(n_dof=15).acceleration(state, 0 * state), -state.ravel())
    orbit = sd.extremize(BODIES, sd.FixedEnds(state, state, 0.5), 4)
    assert orbit[r].shape == (5, 5, 3)


@pytest.mark.parametrize("sizes, members", [({n: 1}, 5), ({n: 5}, None), ({}, None)])
def test_sizes_decide(sizes, members):
    state = np.arange(15.0).reshape(5, 3)
    found = sd.integrate(BODIES, state, 0 * state, params=sizes, **SPAN)
    assert found.batch == (() if members is None else (members,))
    energy = BODIES.compile().energy(state, state, sizes)
    assert energy.shape == found.batch


def test_flat_and_shaped_together():
    state = np.arange(15.0).reshape(5, 3)
    np.testing.assert_array_equal(BODIES.compile().acceleration(state, np.zeros(15)), -state)
    np.testing.assert_array_equal(BODIES.compile().acceleration(state.ravel(), 0 * state), -state.ravel())
    np.testing.assert_array_equal(
        sd.integrate(BODIES, state, np.zeros(15), **SPAN).q, sd.integrate(BODIES, state, 0 * state, **SPAN).q
    )


def test_two_readings_of_a_batch_are_both_named():
    batch = np.ones((4, 5, 3))
    for call in (
        lambda: BODIES.compile().acceleration(batch, batch),
        lambda: sd.integrate(BODIES, batch, batch, **SPAN),
    ):
        with pytest.raises(ValueError, match=r"may be flat \(n = 1\) or in the shape \(n, 3\) of r \(n = 5\)"):
            call()
    assert BODIES.compile().acceleration(batch, batch, {n: 5}).shape == (4, 5, 3)
    assert BODIES.compile().energy(batch, batch, {n: 1}).shape == (4, 5)
