"""Sums of a few terms, written out."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.program.unroll import MAX_EXTENT, unrolled
from symdfi.symbolic.sums import normalise

n = sp.Symbol("n", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)
x = sp.IndexedBase("x", shape=(n, 3))
a = sp.IndexedBase("a", shape=(n,))


def test_components_are_written_out() -> None:
    norm = normalise(sp.Sum(x[i, k] ** 2, (k, 0, 2)))
    assert unrolled(norm) == x[i, 0] ** 2 + x[i, 1] ** 2 + x[i, 2] ** 2
    both = unrolled(normalise(sp.Sum(x[i, k] * x[j, k], (k, 1, 2), (i, 0, n - 1))))
    (limit,) = both.limits
    assert both.function == x[limit[0], 1] * x[j, 1] + x[limit[0], 2] * x[j, 2]


def test_long_and_symbolic_sums_stay() -> None:
    for total in (sp.Sum(a[i], (i, 0, MAX_EXTENT)), sp.Sum(a[i], (i, 0, n - 1)), sp.Sum(a[i], (i, 3, 2))):
        assert isinstance(unrolled(normalise(total)), sp.Sum)


def test_an_index_that_bounds_another_stays() -> None:
    triangle = normalise(sp.Sum(x[i, j], (j, 0, i), (i, 0, 2)))
    assert len(unrolled(triangle).limits) == 2


def test_sums_of_long_sums_stay() -> None:
    inner = sp.Sum(a[i] * x[i, k], (i, 0, n - 1))
    assert isinstance(unrolled(normalise(sp.Sum(inner**2, (k, 0, 2)))), sp.Sum)


def test_what_does_not_exist_does_not_vanish() -> None:
    """0 a[-1] is no zero; of the components of a vector, whose number is known, those with factor zero may go."""
    with pytest.raises(sd.SymbolicError, match=r"the index of a\[k - 1\] .* leaves the range"):
        sd.compile({"y": sp.Sum(k * a[k - 1], (k, 0, 1))}, [a])
    f = sd.compile({"y": sp.Sum(k * a[k], (k, 0, 2))}, [a])
    assert f({"a": np.array([5.0, 1.0, 2.0])})["y"] == 5
    with pytest.raises(ValueError, match=r"index of a"):
        f({"a": np.ones(2)})
