"""The interpreter's arithmetic is that of compiled code."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.source.checked import bounds_checked

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x = sp.IndexedBase("x", shape=(n,))


@pytest.mark.parametrize("expr", [1 / sp.Sum(x[i], (i, 1, n - 1)), sp.log(sp.Sum(x[i], (i, 1, n - 1)))])
def test_numbers_of_empty_sums(expr):
    with bounds_checked():
        checked = sd.compile({"y": expr}, [x])(x=np.ones(1))["y"]
    compiled = sd.compile({"y": expr}, [x])(x=np.ones(1))["y"]
    np.testing.assert_array_equal(checked, compiled)
    assert np.isinf(compiled)
