"""Integer arguments as bounds of sums, as indices and as sizes: values and gradients against NumPy."""

import itertools
import pickle

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from tests.fuzz.oracle import closure, number
from tests.fuzz.world import Jet, OutOfRange, World

n = sp.Symbol("n", integer=True, positive=True)
i, j, k, l = sp.symbols("i j k l", integer=True)
a = sp.Symbol("a", real=True)
x = sp.IndexedBase("x", shape=(n,))
X = np.arange(1.0, 6.0)


@pytest.mark.parametrize("upper", [-7, -1, 0, 3, 4])
def test_an_upper_bound(upper):
    total = sp.Sum(k * x[i] ** 2, (i, 0, k))
    f = sd.compile({"y": total, "g": sd.gradient(total, x)}, [x, k])
    found, part = f(x=X, k=upper), X * (np.arange(5) <= upper)
    np.testing.assert_allclose(found["y"], upper * np.sum(part**2))
    np.testing.assert_allclose(found["g"], 2 * upper * part)
    np.testing.assert_allclose(f({x: X, k: np.int64(upper)})["y"], found["y"])
    np.testing.assert_allclose(f.bind(x=X, k=upper)(X)["g"], found["g"])
    np.testing.assert_allclose(f(x=[X, 2 * X], k=upper)["y"], [found["y"], 4 * found["y"]])
    np.testing.assert_allclose(pickle.loads(pickle.dumps(f))(x=X, k=upper)["y"], found["y"])


@pytest.mark.parametrize("shift", [-3, 0, 2, 11])
def test_in_an_index(shift):
    total = sp.Sum(x[sp.Mod(i + k, n)] * x[i], (i, 0, n - 1))
    found = sd.compile({"y": total, "g": sd.gradient(total, x)}, [k, x])(x=X, k=shift)
    np.testing.assert_allclose(found["y"], X @ np.roll(X, -shift))
    np.testing.assert_allclose(found["g"], np.roll(X, -shift) + np.roll(X, shift))


def test_one_element_and_a_part():
    f = sd.compile({"one": x[k] ** 2, "rest": sp.Sum(x[i], (i, k, n - 1)), "g": sd.gradient(x[k] ** 2, x)}, [x, k])
    found = f(x=X, k=2)
    assert (found["one"], found["rest"]) == (9.0, 12.0)
    np.testing.assert_array_equal(found["g"], [0, 0, 6, 0, 0])


def test_conditions():
    first = sp.Sum(sp.Piecewise((x[i] ** 2, i < k), (0, True)), (i, 0, n - 1))
    sized = sp.Piecewise((a, n > 3), (2 * a, True)) * sp.Sum(x[i], (i, 0, n - 1))
    f = sd.compile({"first": first, "g": sd.gradient(first, x), "sized": sized, "h": sd.gradient(sized, a)}, [x, a, k])
    found = f(x=X, a=0.5, k=2)
    assert (found["first"], found["sized"], found["h"]) == (5.0, 7.5, 15.0)
    np.testing.assert_array_equal(found["g"], [2, 4, 0, 0, 0])
    assert f(x=X[:2], a=0.5, k=2)["sized"] == 3.0


def test_a_size_as_an_argument():
    mean = sd.compile({"y": sp.Sum(x[i], (i, 0, n - 1)) / n}, [x, n])
    assert mean(x=X, n=5)["y"] == 3.0
    with pytest.raises(ValueError, match=r"x has shape \(5,\), expected \(n,\) with n = 4"):
        mean(x=X, n=4)
    alone = sd.compile({"y": sp.Sum(i * a, (i, 0, n - 1))}, [a, n])
    assert [float(alone(a=2.0, n=count)["y"]) for count in (0, 1, 5)] == [0.0, 0.0, 20.0]


@pytest.mark.parametrize(
    "value, match",
    [
        (5, r"the index of x\[i\] is 5 at i = 5, outside 0..n - 1, at n = 5"),
        (2.0, "k is an index array: give integers, not float64"),
        ([1, 2], r"k has shape \(2,\): it is one integer"),
    ],
)
def test_bad_values(value, match):
    with pytest.raises(ValueError, match=match):
        sd.compile({"y": sp.Sum(x[i], (i, 0, k))}, [x, k])(x=X, k=value)


def test_what_has_no_shape_or_derivative():
    with pytest.raises(sd.CompileError, match="the output y runs over k, with the argument k"):
        sd.compile({"y": (x[i], (i, 0, k))}, [x, k])
    with pytest.raises(sd.CompileError, match="the output y: k stands in a bound or an index"):
        sd.compile({"y": sd.gradient(sp.Sum(k * x[i], (i, 0, k)), k)}, [x, k])


def test_lagrangian_parameters():
    q, v = sd.coordinates("q", n)
    kinetic, stiff = sp.Sum(v[i] ** 2 / 2, (i, 0, n - 1)), sp.Piecewise((1, n > 3), (2, True))
    cases = {
        "bound": (sp.Sum(q[i] ** 2 / 2, (i, 0, k)), [-1, -1, -1, 0, 0]),
        "condition": (sp.Sum(sp.Piecewise((q[i] ** 2 / 2, i < k), (0, True)), (i, 0, n - 1)), [-1, -1, 0, 0, 0]),
        "size": (stiff * sp.Sum(q[i] ** 2 / 2, (i, 0, n - 1)), [-1, -1, -1, -1, -1]),
    }
    for potential, expected in cases.values():
        system = sd.Lagrangian(kinetic - potential, q, v)
        params = {k: 2} if k in {*system.parameters, *system.sizes} else {}
        np.testing.assert_array_equal(system.compile().acceleration(np.ones(5), np.zeros(5), params), expected)


#: Sums that store something for every index up to k, with other shapes, strides and conditions.
STORED = {
    "modes": sp.Sum(sp.Sum(sp.cos(j * x[i]), (i, 0, n - 1)) ** 2 / (2 + j), (j, 0, k)),
    "nested": sp.Sum(sp.sin(sp.Sum(sp.Sum(x[i] ** 2, (i, 0, n - 1)) / (2 + j), (j, 0, l))), (l, 0, k)),
    "matrix": sp.Sum(sp.exp(sp.Sum(x[i] * sp.cos(i * j + l), (i, 0, n - 1)) / 9), (l, k, 2), (j, 0, k)),
    "stride": sp.Sum(x[sp.Mod(k * i, n)] ** 2, (i, 0, n - 1)),
    "before": sp.Sum(x[i] ** 2, (i, 0, k - 2)) * sp.Sum(x[i], (i, sp.Max(0, k), n - 1)),
    "delta": sp.Sum(sp.KroneckerDelta(i, k) * sp.sin(x[i]), (i, 0, n - 1)),
    "weights": sp.Sum(sp.Piecewise((x[i] ** 3, i >= k), (x[i] * k, True)), (i, 0, n - 1)),
}


@pytest.mark.parametrize("name", STORED)
def test_against_brute_force(name):
    total = STORED[name]
    f = sd.compile({"y": total, "g": sd.gradient(total, x)}, [x, k])
    for values, count in itertools.product((X[:1] / 3, X / 3), (-3, -1, 0, 1, 2, 4)):
        here = World({n: len(values), k: count}, {}, {x: values}, {x: 0 * values})
        try:
            total_here = closure(total)(here, {})
        except OutOfRange:
            with pytest.raises(ValueError, match=r"the index of x\[i\] is"):
                f(x=values, k=count)
            continue
        got = f(x=values, k=count)
        slope = total_here.g if isinstance(total_here, Jet) else 0.0
        np.testing.assert_allclose(got["y"], number(total_here), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(got["g"], np.broadcast_to(slope, values.shape), rtol=1e-12, atol=1e-12)


def test_declared_signs():
    even = sp.Symbol("k", integer=True, even=True)
    with pytest.raises(ValueError, match="k = 3, but the symbol is declared even"):
        sd.compile({"y": sp.Sum(x[i], (i, 0, even))}, [x, even])(x=X, k=3)
    natural = sp.Symbol("k", integer=True, nonnegative=True)
    f = sd.compile({"y": sp.Sum(x[i], (i, 0, natural - 1))}, [x, natural])
    assert f(x=X, k=0)["y"] == 0.0
    with pytest.raises(ValueError, match="k = -1, but the symbol is declared nonnegative"):
        f(x=X, k=-1)
