"""Numbers that a user gives."""

import numpy as np
import pytest
import sympy as sp

from symdfi.numbers import count, finite_reals, real, reals


def test_real_numbers():
    one = np.array([1.0, 2.0])
    assert reals(one, "x") is one
    np.testing.assert_array_equal(reals([True, 2, 3.5], "x"), [1.0, 2.0, 3.5])
    np.testing.assert_array_equal(reals([10**30, sp.Rational(1, 2), sp.pi], "x"), [1e30, 0.5, np.pi])
    assert reals(np.float32(0.25), "x") == 0.25
    assert real(sp.Integer(3), "x") == 3.0 and isinstance(real(1, "x"), float)


@pytest.mark.parametrize(
    "value, match",
    [
        ("1", "x holds text: give real numbers"),
        (["1", None], "x holds '1': give real numbers"),
        (1j, "x holds complex128: give real numbers"),
        (None, "x holds None"),
        (sp.I, "x holds a ImaginaryUnit"),
        (sp.Symbol("a"), "x holds a Symbol"),
        (object(), "x holds a object"),
        (10**400, "x holds a number that is too large"),
        ([[1.0], [1.0, 2.0]], "x is no array of numbers: its parts differ in length"),
        (np.datetime64("2020-01-01"), "give real numbers"),
    ],
)
def test_what_is_no_real_number_is_refused_by_name(value, match):
    with pytest.raises(ValueError, match=match):
        reals(value, "x")


def test_finite_numbers_and_counts():
    with pytest.raises(ValueError, match=r"x\[1, 0\] is nan: it must be finite"):
        finite_reals([[0.0], [np.nan]], "x")
    with pytest.raises(ValueError, match="x is inf"):
        real(np.inf, "x")
    with pytest.raises(ValueError, match=r"x has the shape \(1,\): give one number"):
        real([1.0], "x")
    assert count(np.int32(3), "n", 1) == 3
    refused = [
        (1.5, "n is 1.5: give an integer"),
        (0, "n = 0 must be at least 1"),
        (2**70, "below 2"),
        ("2", "n is '2'"),
    ]
    for value, match in refused:
        with pytest.raises((TypeError, ValueError), match=match):
            count(value, "n", 1)
