"""Calls of compiled functions from Python, by way of a function that all of a signature share."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from symdfi.compile.kernels import cache
from symdfi.compile.source.entrances import Entered

PLUS = '@allocating("float64(float64)")\ndef plus(x):\n    return x + {}\n'
MIXED = """
@borrowing("void(float64[::1], float64[:, ::1])")
def first(x, y):
    for k in range(len(x)):
        x[k] = y[k, 0]


@allocating("UniTuple(float64, 2)(float64, int64)")
def both(x, n):
    if n < 0:
        raise ValueError("negative")
    return x, n * x


@allocating("float64[::1](int64)")
def ones(n):
    return np.ones(n)


@allocating("int64()")
def three():
    return 3


@inlined("float64(float64)")
def square(x):
    return x * x


@allocating("float64(FunctionType(float64(float64)), float64)")
def twice(function, x):
    return square(function(function(x)))
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("SYMDFI_CACHE_DIR", str(tmp_path))
    return tmp_path / "kernels"


@pytest.fixture(scope="module")
def mixed():
    return cache.load(MIXED)


def test_functions_of_one_signature_share_the_way_in(root):
    functions = [cache.load(PLUS.format(float(k))).plus for k in range(3)]
    assert len(list(root.iterdir())) == 3  # nobody has called one yet
    assert [f(1.0) for f in functions] == [1.0, 2.0, 3.0] and len(list(root.iterdir())) == 4
    cache._loaded.clear()  # as a new process
    assert cache.load(PLUS.format(2.0)).plus(1.0) == 3.0 and len(list(root.iterdir())) == 4


@pytest.mark.parametrize("way", [lambda f: f, lambda f: f.from_python, lambda f: f.unchecked])
def test_arguments_and_results(mixed, way):
    x = np.zeros(3)
    assert way(mixed.first)(x, np.arange(6.0).reshape(3, 2)) is None and x.tolist() == [0.0, 2.0, 4.0]
    assert way(mixed.both)(1.5, 2) == (1.5, 3.0) and way(mixed.three)() == 3
    ones = way(mixed.ones)(4)
    ones += 1.0
    assert ones.tolist() == 4 * [2.0]
    assert way(mixed.square)(3.0) == 9.0


def test_errors_arrive(mixed):
    with pytest.raises(ValueError, match="negative"):
        mixed.both(1.0, -1)
    for wrong in ([1.0], np.zeros(3, dtype=np.float32), np.zeros((3, 1))):
        with pytest.raises(TypeError, match="No matching definition"):
            mixed.first(wrong, np.zeros((3, 2)))
    with pytest.raises(TypeError):
        mixed.three(1)


def test_what_is_compiled_calls_it_and_takes_it_as_an_argument(mixed):
    plus = cache.load(PLUS.format(1.0)).plus
    assert isinstance(plus, Entered) and mixed.twice(plus, 2.0) == 16.0

    @numba.njit
    def inside(x):
        return plus(x)

    assert inside(2.0) == 3.0
