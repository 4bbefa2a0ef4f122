"""Functions that loops are given by their addresses."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from symdfi.compile.source.addresses import addresses, function_at
from symdfi.compile.source.runtime import jit

ONE, OTHER = "FunctionType(float64(float64, float64))", "FunctionType(void(float64[::1], int64))"


@jit("float64(float64, float64)")
def power(x, y):
    return x**y


@jit("void(float64[::1], int64)")
def fill(x, k):
    if k < 0:
        raise ValueError("negative")
    x[:] = k


def test_functions_at_addresses() -> None:
    """They are what they are by themselves, and what they raise is raised."""
    one_at, other_at = function_at(ONE), function_at(OTHER)

    @numba.njit
    def loop(at, x, k):
        power, fill = one_at(at[0], at[1]), other_at(at[2], at[3])
        fill(x, k)
        return power(x[0], 0.5)

    at, x = addresses({ONE: power, OTHER: fill}), np.zeros(3)
    assert loop(at, x, 9) == 3.0 and (x == 9.0).all()
    with pytest.raises(ValueError, match="negative"):
        loop(at, x, -1)


def test_functions_of_another_kind_are_refused() -> None:
    with pytest.raises(TypeError, match="not FunctionType"):
        addresses({OTHER: power})
