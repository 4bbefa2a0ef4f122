"""Block LU of rings in compiled loops, against dense matrices and LAPACK's band."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from symdfi.ep.frame import Ring
from symdfi.linalg import BlockTridiagonalLU, RingLU

EPS = np.finfo(float).eps


def drawn(nodes: int, d: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Blocks of a ring that is no symmetric one."""
    lower, diagonal, upper = np.random.default_rng(seed).normal(size=(3, nodes, d, d))
    return lower, diagonal + 3 * np.sqrt(d) * np.eye(d), upper


def dense(lower: np.ndarray, diagonal: np.ndarray, upper: np.ndarray) -> np.ndarray:
    nodes, d = diagonal.shape[:2]
    full = np.zeros((nodes, d, nodes, d))
    for k in range(nodes):
        full[k, :, k] += diagonal[k]
        full[k, :, (k - 1) % nodes] += lower[k]
        full[k, :, (k + 1) % nodes] += upper[k]
    return full.reshape(nodes * d, -1)


@pytest.mark.parametrize("nodes", [3, 4, 7, 30])
@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 9])
def test_against_dense_matrices(nodes: int, d: int) -> None:
    blocks = drawn(nodes, d, seed=nodes + 100 * d)
    ring, matrix = RingLU(*blocks), dense(*blocks)
    other = BlockTridiagonalLU(*blocks, periodic=True)
    assert ring.is_safe
    assert ring.norm == pytest.approx(np.abs(matrix).sum(axis=0).max(), rel=10 * EPS)
    assert ring.rcond == pytest.approx(other.rcond, rel=1e-6)
    room = 1e2 * EPS / ring.rcond
    b = np.random.default_rng(1).normal(size=(nodes, d))
    for found, A in ((ring.solve(b), matrix), (ring.solve_transposed(b), matrix.T)):
        exact = np.linalg.solve(A, b.reshape(-1))
        assert np.abs(found.reshape(-1) - exact).max() < room * np.abs(exact).max()
    several = np.random.default_rng(2).normal(size=(nodes, d, 3)) + 1j * np.random.default_rng(3).normal(
        size=(nodes, d, 3)
    )
    exact = np.linalg.solve(matrix, several.reshape(nodes * d, 3))
    assert np.abs(ring.solve(several).reshape(nodes * d, 3) - exact).max() < room * np.abs(exact).max()
    again = pickle.loads(pickle.dumps(ring))
    assert np.array_equal(again.solve(b), ring.solve(b))


def test_pivots_that_need_other_nodes_are_told() -> None:
    """The first node's block is singular, or nearly so; the ring is not."""
    for small in (0.0, 1e-9):
        lower, diagonal, upper = drawn(6, 3)
        diagonal[0, 2] = diagonal[0, 1] + small
        assert not RingLU(lower, diagonal, upper).is_safe
        # From the second derivatives of intervals, as an orbit's are made.
        blocks = np.zeros((6, 2, 2, 3, 3))
        blocks[:, 0, 0], blocks[:, 0, 1] = diagonal, upper
        blocks[:-1, 1, 0], blocks[-1, 1, 0] = lower[1:], lower[0]
        found = Ring(1, 6).full(blocks)
        assert isinstance(found, BlockTridiagonalLU)
        b = np.ones((6, 3))
        exact = np.linalg.solve(dense(lower, diagonal, upper), b.reshape(-1))
        assert np.abs(found.solve(b).reshape(-1) - exact).max() < 1e3 * EPS / found.rcond * np.abs(exact).max()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_not_safe(value: float) -> None:
    lower, diagonal, upper = drawn(5, 2)
    upper[3, 1, 0] = value
    assert not RingLU(lower, diagonal, upper).is_safe
