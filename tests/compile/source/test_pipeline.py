"""Numba's compiler without what kernels have no need of: the same functions, sooner."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from numba.core.types.functions import BaseFunction

from symdfi.compile.source import pipeline
from symdfi.compile.source.pipeline import Pipeline
from symdfi.compile.source.runtime import FASTMATH

NUMBERS = np.array([-2.5, -1.0, -0.0, 0.0, 0.3, 1.0, 7.0, 1e300, np.inf, -np.inf, np.nan])


def mixed(x, n, z, a, out):
    """Operators on all kinds of numbers, and arrays by all kinds of indices."""
    k = n + 1 - 2 * n
    y = x * n + k / 3 - x**2 + x**n + (1.0 if x > k else 0.0)
    z = z * x + k - 1j * n
    b = (k < 0) + 2 * (x == y) + (n % 3) // 2
    a[n, 1] = y + a[0, n] * b
    a[0, :2] = a[1, 1:]
    out[0], out[1], out[2], out[3] = y, z.real, abs(z), b
    out[4:] = a[n]
    return len(a) + k % 5


def compiled(**options):
    signature = "int64(float64, int64, complex128, float64[:, ::1], float64[::1])"
    return numba.njit(signature, error_model="numpy", **options)(mixed)


@pytest.mark.parametrize("flags", [{}, {"fastmath": FASTMATH}])
def test_the_same_bits_as_by_numba_alone(flags):
    results = []
    for function in (compiled(pipeline_class=Pipeline, **flags), compiled(**flags)):
        for x in NUMBERS:
            for n in (0, 1, 2):
                a, out = np.arange(9.0).reshape(3, 3) / 7, np.zeros(7)
                results.append((function(x, n, 1.5 - 0.25j, a, out), a.tobytes(), out.tobytes()))
    half = len(results) // 2
    assert results[:half] == results[half:]


def test_a_type_is_looked_up_once(monkeypatch):
    asked = []
    monkeypatch.setattr(pipeline, "_known", {})
    monkeypatch.setattr(pipeline, "_ask", lambda *given: asked.append(given[2]) or ask(*given))
    ask = BaseFunction.get_call_type
    terms = {}
    exec("def long(x):\n    return " + " + ".join(f"x * {k}.5" for k in range(50)), terms)
    assert numba.njit("float64(float64)", pipeline_class=Pipeline)(terms["long"])(1.0) == 1250.0
    floats = [args for args in asked if all(arg is numba.types.float64 for arg in args)]
    assert 1 <= len(floats) <= 4  # of a product and of a sum; by each of the two by which Numba asks


def test_numba_is_left_as_it_was():
    before = BaseFunction.get_call_type
    compiled(pipeline_class=Pipeline)
    assert BaseFunction.get_call_type is before

    def wrong(x):
        return x + "one"

    with pytest.raises(numba.TypingError, match="add"):
        numba.njit("float64(float64)", pipeline_class=Pipeline)(wrong)
    assert BaseFunction.get_call_type is before


def test_parts_of_another_size_are_refused_without_strings():
    def copied(a, b):
        a[1:] = b

    signature = "void(float64[::1], float64[::1])"
    function = numba.njit(signature, pipeline_class=Pipeline)(copied)
    found = np.zeros(3)
    function(found, np.ones(2))
    assert (found == [0.0, 1.0, 1.0]).all()
    with pytest.raises(ValueError, match="different size"):
        function(found, np.ones(4))
    (code,) = function.inspect_llvm().values()
    assert "unicode" not in code
