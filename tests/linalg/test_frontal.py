"""Multifrontal LU by a plan, against dense matrices and LAPACK's band."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.sparse import csc_array, random_array

from symdfi.ep.blocks import Blocks, Pattern
from symdfi.ep.frame import Ring
from symdfi.linalg import BlockTridiagonalLU, FrontalLU, Plan

EPS = np.finfo(float).eps


def planned(matrix: csc_array | np.ndarray, nodes: int = 1) -> FrontalLU:
    sparse = csc_array(matrix)
    sparse.sort_indices()
    return FrontalLU(Plan.of(sparse), sparse.data, nodes)


def drawn(size: int, density: float, symmetric: bool, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = random_array((size, size), density=density, rng=rng).toarray() - 0.3 * np.eye(size)
    found = found + found.T if symmetric else found
    # Of both signs, and large enough for pivots on the diagonal.
    return found + np.diag(rng.choice([-1, 1], size) * (1 + np.abs(found).sum(axis=0) / 2))


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("density", [0.0, 0.02, 0.2, 1.0])
@pytest.mark.parametrize("size", [1, 2, 7, 40, 150])
def test_against_dense_matrices(size: int, density: float, symmetric: bool) -> None:
    matrix = drawn(size, density, symmetric, seed=size)
    lu = planned(matrix, size)
    assert lu.is_safe
    assert lu.is_symmetric == np.array_equal(matrix, matrix.T)
    assert lu.norm == pytest.approx(np.abs(matrix).sum(axis=0).max(), rel=10 * EPS)
    exact = 1 / np.linalg.cond(matrix, 1)
    assert exact <= lu.rcond * (1 + 1e-6) <= 4 * exact
    room = 1e2 * EPS / lu.rcond
    b = np.random.default_rng(1).normal(size=(size, 1, 3))
    for found, A in ((lu.solve(b), matrix), (lu.solve_transposed(b), matrix.T)):
        expected = np.linalg.solve(A, b[:, 0])
        assert np.abs(found[:, 0] - expected).max() < room * np.abs(expected).max()
    turning = b + 1j * b[::-1]
    expected = np.linalg.solve(matrix, turning[:, 0])
    assert np.abs(lu.solve(turning)[:, 0] - expected).max() < room * np.abs(expected).max()
    again = pickle.loads(pickle.dumps(lu))
    assert np.array_equal(again.solve(b), lu.solve(b))


def test_a_plan_serves_all_matrices_of_a_pattern() -> None:
    one, other = drawn(60, 0.1, True, 2), drawn(60, 0.1, True, 2)
    other[one != 0] *= np.random.default_rng(0).uniform(0.9, 1.1, np.count_nonzero(one))
    pattern, values = csc_array(one), csc_array(other)
    plan, b = Plan.of(pattern), np.ones((60, 1))
    for matrix in (pattern, values):
        matrix.sort_indices()
        found = FrontalLU(plan, matrix.data, 60).solve(b)
        assert np.abs(matrix @ found - b).max() < 1e3 * EPS * np.abs(found).max() * np.abs(matrix).max()
    # Grids fill little: n log n of a square one, where a band holds n to the power of 3/2.
    side = 40
    line = csc_array(np.diag(np.ones(side - 1), 1) + np.diag(np.ones(side - 1), -1))
    grid = csc_array(np.kron(np.eye(side), line.toarray()) + np.kron(line.toarray(), np.eye(side)) + np.eye(side**2))
    grid.sort_indices()
    assert Plan.of(grid).stored < 0.6 * side**3


def ring(lower: np.ndarray, diagonal: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The matrix of a ring, and the second derivatives of the intervals that it is made of."""
    nodes, d = diagonal.shape[:2]
    full = np.zeros((nodes, d, nodes, d))
    for k in range(nodes):
        full[k, :, k] += diagonal[k]
        full[k, :, (k - 1) % nodes] += lower[k]
        full[k, :, (k + 1) % nodes] += upper[k]
    blocks = np.zeros((nodes, 2, 2, d, d))
    blocks[:, 0, 0], blocks[:, 0, 1] = diagonal, upper
    blocks[:-1, 1, 0], blocks[-1, 1, 0] = lower[1:], lower[0]
    return full.reshape(nodes * d, -1), blocks


@pytest.mark.parametrize("small", [0.0, 1e-9])
def test_where_pivots_are_not_safe_others_are_sought(small: float) -> None:
    """The blocks of a ring are singular, or nearly so; the ring is not."""
    rng = np.random.default_rng(0)
    lower, diagonal, upper = rng.normal(size=(3, 6, 3, 3))
    diagonal[:] = small * np.eye(3)
    matrix, blocks = ring(lower, diagonal, upper)
    assert not planned(matrix).is_safe
    found = Ring(1, 6).factor(Blocks(Pattern(3, None), blocks.reshape(6, 2, 2, 9)))
    assert isinstance(found, BlockTridiagonalLU)
    b = np.ones((6, 3))
    exact = np.linalg.solve(matrix, b.reshape(-1))
    assert np.abs(found.solve(b).reshape(-1) - exact).max() < 1e3 * EPS / found.rcond * np.abs(exact).max()


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_what_is_not_finite_or_singular_is_not_safe(value: float) -> None:
    matrix = drawn(9, 0.3, False, 3)
    matrix[4, matrix[4] != 0] *= value
    sparse = csc_array(np.ones((9, 9)))
    sparse.data[:] = matrix.T.reshape(-1)
    assert not FrontalLU(Plan.of(sparse), sparse.data, 9).is_safe
