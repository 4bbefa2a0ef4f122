"""States by coordinate in every verb: the same numbers as in an array."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

(a, va), (b, vb) = sd.coordinates("a"), sd.coordinates("b")
n, i, k = sp.Symbol("n"), sp.Symbol("i", integer=True), sp.Symbol("k")
PAIR = sd.Lagrangian(va**2 / 2 + vb**2 / 2 - k * (a - b) ** 2 / 2, [a, b], [va, vb])
(x, xd), (y, yd) = sd.coordinates("x", n), sd.coordinates("y", n)
ROW = sd.Lagrangian(sp.Sum((xd[i] ** 2 + yd[i] ** 2 - k * (x[i] - y[i]) ** 2) / 2, (i, 0, n - 1)), [x, y], [xd, yd])


@pytest.mark.parametrize(
    ("q0", "v0"),
    [
        ({a: 0.3, b: -0.1}, {va: 0.5}),
        ({"b": -0.1, "a": 0.3}, {"a": 0.5, "b": 0}),
        ({a: 0.3, b: -0.1}, {"adot": 0.5}),
        ([0.3, -0.1], {a: 0.5}),
        ({a: 0.3, b: -0.1}, [0.5, 0.0]),
    ],
)
def test_of_scalars(q0, v0):
    expected = sd.integrate(PAIR, [0.3, -0.1], [0.5, 0.0], (0, 1), 0.1, {k: 2.0})
    found = sd.integrate(PAIR, q0, v0, (0, 1), 0.1, {k: 2.0})
    np.testing.assert_array_equal(found.q, expected.q)
    np.testing.assert_array_equal(found.v, expected.v)


def test_of_arrays_whose_size_they_tell_and_of_ensembles():
    one, two = np.array([0.1, 0.2, 0.3]), np.array([[0.0, 0.1, -0.1], [0.2, 0.2, 0.4]])
    flat = np.concatenate([np.broadcast_to(one, two.shape), two], axis=1)
    expected = sd.integrate(ROW, flat, 0 * flat, (0, 0.5), 0.1, {k: 2.0})
    found = sd.integrate(ROW, {x: one, y: two}, {}, (0, 0.5), 0.1, {k: 2.0})
    np.testing.assert_array_equal(found.q, expected.q)
    kernels = ROW.compile()
    np.testing.assert_array_equal(
        kernels.acceleration({x: one, y: two}, {}, {k: 2.0}), kernels.acceleration(flat, 0 * flat, {k: 2.0})
    )


@pytest.mark.parametrize("length", [sp.Symbol("n"), sp.Symbol("n", real=True), sp.Symbol("n", integer=True)])
def test_the_length_of_a_state_tells_the_side_of_squares(length):
    j = sp.Symbol("j", integer=True)
    (h, hd), (g, gd) = sd.coordinates("h", (length, length)), sd.coordinates("g", (length, length))
    everywhere = (i, 0, length - 1), (j, 0, length - 1)
    plates = sd.Lagrangian(
        sp.Sum((hd[i, j] ** 2 + gd[i, j] ** 2) / 2 - h[i, j] * g[j, i], *everywhere), [h, g], [hd, gd]
    )
    heights, flat = np.arange(18.0), np.zeros(18)
    swapped = -heights.reshape(2, 3, 3)[::-1].transpose(0, 2, 1).ravel()
    np.testing.assert_array_equal(plates.compile().acceleration(heights, flat), swapped)
    with pytest.raises(ValueError, match=r"has shape \(17,\), expected \(2\*n\*\*2,\)"):
        plates.compile().acceleration(heights[1:], flat[1:])


def test_functions_of_time_and_boundary_conditions():
    p, r = sp.Function("p")(sd.t), sp.Function("r")(sd.t)
    swing = sd.Lagrangian(p.diff(sd.t) ** 2 / 2 + r.diff(sd.t) ** 2 / 2 - k * (p - r) ** 2 / 2, [p, r])
    expected = sd.integrate(PAIR, [0.3, -0.1], [0.5, 0.0], (0, 1), 0.1, {k: 2.0})
    found = sd.integrate(swing, {p: 0.3, r: -0.1}, {p.diff(sd.t): 0.5}, (0, 1), 0.1, {k: 2.0})
    np.testing.assert_allclose(found.q, expected.q, rtol=1e-14)
    states = sd.InitialState({a: 0.3, b: -0.1}, {va: 0.5}, 1.0), sd.InitialState([0.3, -0.1], [0.5, 0], 1.0)
    one, other = (sd.extremize(PAIR, state, 10, {k: 2.0}).q for state in states)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("q0", "message"),
    [
        ({"c": 1.0}, "q0: c is no coordinate of this system: x, y"),
        ({xd: 1.0}, "q0: xdot is no coordinate of this system: x, y"),
        ({x: [1.0, 2.0], "x": [1.0, 2.0]}, "two values are given for x"),
        ({x: [1.0, 2.0], y: [1.0, 2.0, 3.0]}, "q0 of y: n = 3, but it is 2 elsewhere"),
        ({x: 1.0}, "q0 does not tell the size n of x"),
        ({x: np.zeros((2, 2)), y: np.zeros((3, 2))}, "the leading axes of its values do not broadcast"),
    ],
)
def test_what_does_not_fit_is_named(q0, message):
    with pytest.raises(ValueError, match=message):
        sd.integrate(ROW, q0, {}, (0, 1), 0.1, {k: 1.0})
