"""Straight-line elimination against NumPy, with rows exchanged, and singular matrices."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from symdfi.compile.source import runtime
from symdfi.compile.source.stack import stack
from symdfi.linalg import small

EPS = np.finfo(float).eps


@pytest.mark.parametrize("n", range(1, small.LARGEST + 1))
def test_against_numpy(n):
    rng = np.random.default_rng(n)
    solve = small.load(n)
    for _ in range(200):
        matrix, rhs = rng.normal(size=(n, n)) * 10.0 ** rng.integers(-3, 3, size=(n, 1)), rng.normal(size=n)
        found = rhs.copy()
        solve(matrix.ravel().copy(), found)
        exact = np.linalg.solve(matrix, rhs)
        bound = 64 * n * EPS * np.linalg.cond(matrix) * np.linalg.norm(exact)
        assert np.linalg.norm(found - exact) <= bound


def test_rows_are_exchanged():
    for matrix in ([[0, 1], [1, 0]], [[0, 0, 1], [0, 1, 0], [1, 0, 0]], [[1e-20, 1], [1, 1]], np.eye(4)[[3, 0, 1, 2]]):
        matrix = np.array(matrix, dtype=float)
        found = np.arange(1.0, len(matrix) + 1)
        exact = np.linalg.solve(matrix, found)
        small.load(len(matrix))(matrix.ravel(), found)
        np.testing.assert_allclose(found, exact, rtol=16 * EPS)


def test_singular_gives_nan():
    for matrix in (
        [[1, 2], [2, 4]],
        [[0.1, 0.3], [0.2, 0.6]],
        np.ones((3, 3)),
        np.zeros((4, 4)),
        [[1, np.nan], [0, 1]],
    ):
        matrix = np.array(matrix, dtype=float)
        found = np.ones(len(matrix))
        small.load(len(matrix))(matrix.ravel(), found)
        assert np.isnan(found).all()


def test_arrays_on_the_stack():
    """Each call has its own, also one inside a loop or a recursion of calls."""

    @numba.njit(fastmath=runtime.FASTMATH)
    def inner(x):
        a = stack(3)
        for i in range(3):
            a[i] = x + i
        return a.sum()

    @numba.njit(fastmath=runtime.FASTMATH)
    def outer(n):
        total, b = 0.0, stack(2)
        for k in range(n):
            b[0], b[1] = k, 2 * k
            total += inner(k) + b[1] - b[0]
        return total

    assert outer(1000) == sum(3 * k + 3 + k for k in range(1000))
