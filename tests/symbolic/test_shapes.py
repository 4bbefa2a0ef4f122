"""Shapes that follow from the ranges of the indices."""

from __future__ import annotations

import pytest
import sympy as sp

from symdfi.errors import SymbolicError
from symdfi.symbolic.shapes import shaped

n, m = sp.symbols("n m", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)
x, w = sp.IndexedBase("x"), sp.IndexedBase("w")


@pytest.mark.parametrize(
    "expr, expected",
    [
        (sp.Sum(x[i], (i, 0, n - 1)), (n,)),
        (sp.Sum(x[i + 1] - x[i], (i, 0, n - 2)), (n,)),
        (sp.Sum(x[sp.Mod(i + 1, n)], (i, 0, n - 1)), (n,)),
        (sp.Sum(x[sp.Mod(i + 1, n)] + x[i], (i, 0, n - 1)), (n,)),
        (sp.Sum(x[2 * i + 1], (i, 0, n - 1)), (2 * n,)),
        (sp.Sum(x[n - 1 - i], (i, 0, n - 1)), (n,)),
        (sp.Sum(x[i - j], (j, 0, i), (i, 0, n - 1)), (n,)),
        (x[3] + x[1], (4,)),
        (sp.Sum(x[i, j], (j, 0, m - 1), (i, 0, n - 1)), (n, m)),
        (sp.Sum(sp.Sum(x[i, j], (j, 0, m - 1)) ** 2, (i, 0, n - 1)), (n, m)),
    ],
)
def test_extent_is_one_more_than_the_largest_index(expr, expected):
    assert shaped(expr)[x].shape == expected


def test_free_indices_have_given_ranges():
    assert shaped(x[i] ** 2, ranges={i: (sp.S.Zero, n)})[x].shape == (n + 1,)


def test_a_given_shape_stays():
    assert shaped(sp.IndexedBase("y", shape=(n,))[i]) == {}


@pytest.mark.parametrize(
    "expr, message",
    [
        (sp.Sum(x[w[i]], (i, 0, n - 1)), r"the shape of x does not follow from the index w\["),
        (sp.Sum(x[i], (i, 0, n - 1)) + sp.Sum(x[i], (i, 0, m - 1)), "the indices of x end at"),
    ],
)
def test_errors_name_the_array(expr, message):
    with pytest.raises(SymbolicError, match=message):
        shaped(expr, [x])


def test_an_unused_array_has_no_shape():
    with pytest.raises(SymbolicError, match="x is not used"):
        shaped(n, [x])
