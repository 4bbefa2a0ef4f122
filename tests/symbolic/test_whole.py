"""Indices that are fractions are rounded down, in values and in derivatives alike."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.symbolic.whole import is_whole

n, m = sp.Symbol("n"), sp.Symbol("m", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)
x, p = sp.IndexedBase("x", shape=(n,)), sp.IndexedBase("p", shape=(n,))
VALUES, ENTRIES = np.array([0.3, -0.7, 1.1, 0.2, 0.5]), np.array([4, 0, 3, 1, 1])


@pytest.mark.parametrize(
    "index", [i * (i + 1) / 2 + j, i * (i - 1) * (i + 1) / 6, sp.floor(i / 2), sp.Mod(i, n) + p[j]]
)
def test_whole(index):
    assert is_whole(index)


@pytest.mark.parametrize("index", [i / 2, i / m, (i + j) / 2, p[i] / 2, sp.Mod(i / 2, m), sp.Abs(i / 2), sp.S.Half])
def test_not_whole(index):
    assert not is_whole(index)


@pytest.mark.parametrize(
    ("place", "by_hand"),
    [
        (i / 2, lambda k: k // 2),
        ((i + 1) / 2, lambda k: (k + 1) // 2),
        (p[i] / 2, lambda k: ENTRIES[k] // 2),
        (sp.Mod(i / 2, n), lambda k: k // 2),
        (n / 2, lambda k: 2),
    ],
)
def test_what_is_read_is_differentiated(place, by_hand):
    energy = sp.Sum(x[place] ** 3 * x[i], (i, 0, n - 1))
    outputs = {"E": energy, "g": sd.gradient(energy, x), "d": (sd.derivative(energy, x[j]), (j, 0, n - 1))}
    taken, given = ([x, p], {x: VALUES, p: ENTRIES}) if energy.has(p) else ([x], {x: VALUES})
    found = sd.compile({**outputs, "H": sd.hessian(energy, x)}, taken).python(given)
    places = [by_hand(k) for k in range(5)]
    slope, curvature = np.zeros(5), np.zeros((5, 5))
    for k, at in enumerate(places):
        slope[at] += 3 * VALUES[at] ** 2 * VALUES[k]
        slope[k] += VALUES[at] ** 3
        curvature[at, at] += 6 * VALUES[at] * VALUES[k]
        curvature[at, k] += 3 * VALUES[at] ** 2
        curvature[k, at] += 3 * VALUES[at] ** 2
    np.testing.assert_allclose(found["E"], VALUES[places] ** 3 @ VALUES, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(found["g"], slope, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(found["d"], slope, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(found["H"], curvature, rtol=1e-14, atol=1e-14)


def test_under_a_condition_on_a_remainder():
    energy = sp.Sum(sp.Piecewise((x[i / 2] ** 2, sp.Eq(sp.Mod(i, 2), 0)), (0, True)), (i, 0, n - 1))
    found = sd.compile({"g": sd.gradient(energy, x)}, [x]).python({x: VALUES})
    np.testing.assert_allclose(found["g"], 2 * VALUES * [1, 1, 1, 0, 0])
