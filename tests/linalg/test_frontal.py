"""Multifrontal LU by a plan, against dense matrices and LAPACK's band."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.sparse import csc_array, random_array

from symdfi.ep.blocks import Blocks, Pattern
from symdfi.ep.frame import Ring
from symdfi.linalg import BlockTridiagonalLU, FrontalLU, Plan
from symdfi.linalg.frontal import segmented

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


def neighbours(nodes: int, d: int, symmetric: bool, closed: bool, seed: int) -> np.ndarray:
    """Blocks that meet their neighbours, of diagonals of both signs that are large enough for pivots."""
    rng = np.random.default_rng(seed)
    found = np.zeros((nodes, d, nodes, d))
    for k in range(nodes):
        found[k, :, k] = rng.normal(size=(d, d))
        if k + 1 < nodes or closed:
            found[k, :, (k + 1) % nodes] = rng.normal(size=(d, d))
            found[(k + 1) % nodes, :, k] = rng.normal(size=(d, d))
    matrix = found.reshape(nodes * d, -1)
    matrix = matrix + matrix.T if symmetric else matrix
    return matrix + np.diag(rng.choice([-1, 1], nodes * d) * (1 + np.abs(matrix).sum(axis=0) / 2))


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize(("nodes", "d"), [(64, 1), (65, 3), (79, 2), (80, 7), (200, 1), (95, 4)])
def test_segments_side_by_side(nodes: int, d: int, closed: bool, symmetric: bool) -> None:
    matrix = neighbours(nodes, d, symmetric, closed, seed=nodes + d)
    sparse = csc_array(matrix)
    sparse.sort_indices()
    plan = segmented(sparse, d)
    assert plan is not None
    lu, fronts = (FrontalLU(own, sparse.data, nodes, closed) for own in (plan, Plan.of(sparse)))
    assert lu.is_safe and lu.is_symmetric == symmetric
    assert lu.rcond == pytest.approx(fronts.rcond, rel=1e3 * EPS / lu.rcond)
    b, room = np.random.default_rng(1).normal(size=(nodes, d, 2)), 1e2 * EPS / lu.rcond
    for found, A in ((lu.solve(b), matrix), (lu.solve_transposed(b), matrix.T)):
        expected = np.linalg.solve(A, b.reshape(nodes * d, 2)).reshape(b.shape)
        assert np.abs(found - expected).max() < room * np.abs(expected).max()
    again = pickle.loads(pickle.dumps(lu))
    assert np.array_equal(again.solve(b), lu.solve(b))
    # Numbers of any size are no less safe: what fills up the lanes says nothing.
    tiny = FrontalLU(plan, 1e-30 * sparse.data, nodes, closed)
    assert tiny.is_safe and tiny.rcond == pytest.approx(lu.rcond, rel=1e3 * EPS / lu.rcond)


def test_segments_have_no_pivot_that_vanishes() -> None:
    """Anywhere: eliminated beside others, or among what the segments leave."""
    for place in (0, 1, 17, 40, 63, 79):
        for shift in (0.0, 1e-13):
            matrix = neighbours(80, 2, True, True, seed=3)
            matrix[2 * place : 2 * place + 2] = matrix[:, 2 * place : 2 * place + 2] = 0.0
            own, (one, other) = 2 * place, (2 * place, 2 * place + 1)
            matrix[own, own], matrix[one, other], matrix[other, one] = shift, 1.0, 1.0
            pattern = csc_array(np.abs(neighbours(80, 2, True, True, seed=3)) > 0, dtype=float)
            pattern.sort_indices()
            columns = np.repeat(np.arange(160), np.diff(pattern.indptr))
            plan = segmented(pattern, 2)
            assert plan is not None
            assert not FrontalLU(plan, matrix[pattern.indices, columns], 80, True).is_safe


def test_what_is_no_row_of_neighbours_has_no_segments() -> None:
    for nodes, d in ((63, 2), (20, 3)):
        assert segmented(csc_array(neighbours(nodes, d, True, True, 0)), d) is None  # too short
    matrix = neighbours(80, 2, True, True, 0)
    assert segmented(csc_array(matrix), 3) is None
    assert segmented(csc_array(matrix), 1) is None
    matrix[10, 50] = 1.0
    assert segmented(csc_array(matrix), 2) is None
