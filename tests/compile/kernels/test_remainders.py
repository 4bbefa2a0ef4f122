"""Floors and remainders, as values and in indices."""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdfi as sd

n, m = sp.symbols("n m", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)
x = sp.IndexedBase(sp.Symbol("x", real=True), shape=(n,))
v = sp.IndexedBase(sp.Symbol("v", real=True), shape=(m,))


def test_floor_of_large_and_infinite_numbers():
    f = sd.compile({"low": sp.floor(sp.Symbol("z")), "high": sp.ceiling(sp.Symbol("z"))}, [sp.Symbol("z")])
    values = f(z=np.array([1.5, -1.5, 1e22, np.inf, np.nan]))
    np.testing.assert_array_equal(values["low"], [1, -2, 1e22, np.inf, np.nan])
    np.testing.assert_array_equal(values["high"], [2, -1, 1e22, np.inf, np.nan])


def test_remainders_of_halves():
    """B[2j, j mod m] by B[a, b]: a delta of Mod(a/2, m), at even a."""
    matrix = sp.IndexedBase("matrix", shape=(n, m))
    energy = sp.Sum(matrix[2 * j, sp.Mod(j, m)], (j, 0, (n - 1) // 2))
    f = sd.compile({"d": (sd.derivative(energy, matrix[i, k]), (i, 0, n - 1), (k, 0, m - 1))}, [matrix])
    for shape in ((7, 3), (2, 5), (1, 1)):
        expected = np.zeros(shape)
        for row in range(0, shape[0], 2):
            expected[row, row // 2 % shape[1]] = 1.0
        np.testing.assert_array_equal(f.python(matrix=np.ones(shape))["d"], expected)


def test_divisors_that_are_products():
    f = sd.compile({"y": (x[sp.floor(i / (2 * m))], (i, 0, n - 1))}, [x, v])
    X = np.arange(7.0)
    np.testing.assert_array_equal(f.python(x=X, v=np.ones(2))["y"], X[np.arange(7) // 4])


def test_remainders_of_remainders():
    """SymPy 1.14 takes Mod(2*Mod(a, n), 3) for Mod(2*Mod(a, n)**2, 3)."""
    energy = sp.Sum(sp.Piecewise((x[sp.Mod(j, n)], sp.Ne(sp.Mod(2 * j, 3), 1)), (0, True)), (j, 0, n - 1))
    f = sd.compile({"d": (sd.derivative(energy, x[i]), (i, 0, n - 1))}, [x])
    np.testing.assert_array_equal(f.python(x=np.ones(7))["d"], [1, 1, 0, 1, 1, 0, 1])


def test_remainders_that_sympy_divides_by_a_size():
    """Mod((n - 1)**2 + n - 1, n) is to SymPy n*Mod(((n - 1)**2 + n - 1)/n, 1)."""
    size = sp.Symbol("n", integer=True, positive=True)
    places = sp.Mod((size - 1) ** 2 + size - 1, size), sp.Mod(size * i + (size + 1) ** 2 - 1, size * 2)
    assert places[0].has(sp.Mod(((size - 1) ** 2 + size - 1) / size, 1))
    w = sp.IndexedBase("w", shape=(2 * size,))
    f = sd.compile({"y": w[places[0]], "z": (w[places[1]], (i, 0, size - 1))}, [w])
    for count in (1, 2, 5):
        values = f.python(w=np.arange(2.0 * count))
        assert values["y"] == 0
        np.testing.assert_array_equal(
            values["z"], [(count * k + (count + 1) ** 2 - 1) % (2 * count) for k in range(count)]
        )
