"""Conditions on quotients of indices: compared as they are, where an index i/2 is rounded down."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.source.checked import bounds_checked
from symdfi.symbolic.maps import inequalities, without_fractions

n = sp.Symbol("n", integer=True, positive=True)
i, k = sp.symbols("i k", integer=True)
x, z, p = (sp.IndexedBase(name, shape=(n,)) for name in "xzp")
HALF, THIRD = sp.Rational(1, 2), sp.Rational(1, 3)
CONDITIONS = [
    sp.Gt(k / 2, 1), sp.Eq(k / 2 - n, -HALF), sp.Eq(k / 2 - n / 2, -1), sp.Ne(k / 2, 1), sp.Lt(k / 3, HALF),
    sp.Le(k / n, HALF), sp.Lt(k / n, HALF), sp.Eq(k / n, HALF), sp.Ne(k / n, HALF), sp.Le(k**2 / n, HALF),
    sp.Gt(k / (n + 1), THIRD), sp.Ge(1 / (k + 1), THIRD), sp.Ge(sp.floor(k / 2) + HALF, 1),
    sp.Gt(sp.floor(k / 2) / 3, HALF), sp.Le(sp.Mod(k, 3) / 2, HALF), sp.Gt(sp.Mod(k / 2, 1), 0),
    sp.Lt(sp.Mod(k / 3, 1), HALF), sp.Gt(sp.frac(k / 2), 0), sp.Ge(k / 2 + sp.floor(k / 3) / 2, n / 3),
]  # fmt: skip


@pytest.mark.parametrize("index", [i, p[i], p[i] + 1], ids=str)
@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_a_condition_holds_where_it_does(condition, index):
    chosen = sp.Piecewise((x[i], condition.subs(k, index)), (0, True))
    outputs = {"y": (chosen, (i, 0, n - 1)), "total": sp.Sum(chosen, (i, 0, n - 1)), "w": (z[p[i]], (i, 0, n - 1))}
    with bounds_checked():  # and run by the interpreter
        f = sd.compile(outputs, [x, z, p])
        for size in (1, 2, 5, 18):
            gathered = np.random.default_rng(size).integers(0, size, size)
            at = {i: np.arange(size), p[i]: gathered, p[i] + 1: gathered + 1}[index]
            found = f({"x": np.ones(size), "z": np.ones(size), "p": gathered})
            expected = [float(bool(condition.subs({k: int(value), n: size}))) for value in at]
            np.testing.assert_array_equal(found["y"], expected)
            assert found["total"] == sum(expected)


def test_what_an_inequality_says_of_integers():
    assert inequalities(sp.Gt(i / n, HALF)) == [2 * i - n - 1]
    assert inequalities(sp.Le(i / 2, k)) == [2 * k - i]
    free = sp.Symbol("free", integer=True)
    assert without_fractions(i / free - 1) == sp.expand((i - free) * free)


def test_the_gradient_of_a_gather_at_halves():
    """x[2i + 1] at i = -1/2 is no element: what is added to x[0] stands in none of the loops over odd elements."""
    energy = sp.Sum(sp.Piecewise((x[2 * i + 1] ** 2, (i >= -HALF) & (2 * i + 2 <= n)), (x[0], True)), (i, n - 2, n - 1))
    gradient = sd.compile({"g": sd.gradient(energy, x)}, [x])
    for size in (1, 2, 3, 6):
        values, expected = np.arange(1.0, size + 1), np.zeros(size)
        for index in range(size - 2, size):
            if index >= 0 and 2 * index + 2 <= size:
                expected[2 * index + 1] += 2 * values[2 * index + 1]
            else:
                expected[0] += 1
        np.testing.assert_array_equal(gradient({"x": values})["g"], expected)


def test_all_but_a_place_that_may_lie_between_two():
    """i = n/2 is nowhere at odd n: the others are all."""
    chosen = sp.Piecewise((x[i], sp.Eq(i, n / 2)), (z[i], True))
    with bounds_checked():
        f = sd.compile({"y": (chosen, (i, 0, n - 1))}, [x, z])
        for size in (1, 2, 3, 4, 7):
            at = np.arange(size)
            found = f({"x": at + 10.0, "z": -1.0 * at})["y"]
            np.testing.assert_array_equal(found, np.where(2 * at == size, at + 10.0, -1.0 * at))


def test_a_derivative_by_an_element_that_may_lie_between_two():
    """d/dx[k] of x[n/2]² where n is even, of 0 where n = 1: every element is written."""
    summand = sp.Piecewise((x[n / 2] ** 2, n >= 2), (0, True))
    with bounds_checked():
        f = sd.compile({"y": (sd.derivative(summand, x[k]), (k, 0, n - 1))}, [x])
        for size in (1, 2, 4):
            values = np.arange(size) + 1.0
            expected = np.where(2 * np.arange(size) == size, 2 * values, 0)
            np.testing.assert_array_equal(f({"x": values})["y"], expected)
