"""Solves with mass matrices against NumPy; singular matrices give NaN."""

from __future__ import annotations

import numpy as np
import pytest

from symdfi.linalg import mass

solve_dense = mass.load("dense").solve_dense
solve_banded = mass.load("banded").solve_banded
solve_periodic = mass.load("periodic").solve_periodic


def bands_of(matrix: np.ndarray, width: int, wrap: bool) -> np.ndarray:
    n = len(matrix)
    rows = np.zeros((2 * width + 1, n))
    for c in range(-width, width + 1):
        for j in range(n):
            if wrap or 0 <= j + c < n:
                rows[c + width, j] = matrix[j, (j + c) % n]
    return rows.ravel()


def banded(n: int, width: int, rng, *, wrap: bool = False) -> np.ndarray:
    """A random matrix of that structure, diagonally dominant; with ``wrap`` its corners are filled."""
    distance = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    inside = (np.minimum(distance, n - distance) if wrap else distance) <= width
    matrix = np.where(inside, rng.normal(size=(n, n)), 0.0)
    return matrix + np.diag(np.abs(matrix).sum(axis=1) + 0.1)


@pytest.mark.parametrize("n", [1, 2, 5, 30])
def test_dense(n):
    rng = np.random.default_rng(n)
    matrix, b = rng.normal(size=(n, n)), rng.normal(size=n)
    x = b.copy()
    solve_dense(matrix.ravel().copy(), x)
    np.testing.assert_allclose(matrix @ x, b, atol=1e-11)


def test_dense_needs_its_pivots():
    matrix, x = np.array([[0.0, 1.0], [2.0, 3.0]]), np.array([1.0, 5.0])
    solve_dense(matrix.ravel().copy(), x)
    np.testing.assert_allclose(x, [1.0, 1.0])


def test_badly_scaled_is_not_singular():
    matrix, x = np.diag([1.0, 1e-30, 1e30]), np.array([1.0, 1e-30, 1e30])
    solve_dense(matrix.ravel().copy(), x)
    np.testing.assert_allclose(x, 1.0)


@pytest.mark.parametrize(("n", "width"), [(1, 0), (1, 1), (2, 1), (3, 2), (9, 1), (9, 3), (40, 2)])
def test_banded(n, width):
    rng = np.random.default_rng(10 * n + width)
    matrix, b = banded(n, width, rng), rng.normal(size=(3, n))
    x = b.copy()
    solve_banded(bands_of(matrix, width, wrap=False), width, x)
    np.testing.assert_allclose(x @ matrix.T, b, atol=1e-12)


@pytest.mark.parametrize(("n", "width"), [(3, 1), (5, 2), (6, 2), (9, 3), (40, 1), (40, 3)])
def test_periodic(n, width):
    rng = np.random.default_rng(10 * n + width)
    matrix, b = banded(n, width, rng, wrap=True), rng.normal(size=n)
    x = b.copy()
    solve_periodic(bands_of(matrix, width, wrap=True), width, x)
    np.testing.assert_allclose(matrix @ x, b, atol=1e-12)


@pytest.mark.parametrize(("n", "width"), [(1, 1), (2, 1), (2, 2), (3, 2), (4, 2)])
def test_short_ring(n, width):
    """Bands that overlap add up."""
    rng = np.random.default_rng(n + width)
    rows, b = rng.normal(size=(2 * width + 1, n)), rng.normal(size=n)
    matrix = np.zeros((n, n))
    for c in range(-width, width + 1):
        for j in range(n):
            matrix[j, (j + c) % n] += rows[c + width, j]
    x = b.copy()
    solve_periodic(rows.ravel().copy(), width, x)
    np.testing.assert_allclose(matrix @ x, b, atol=1e-12)


def test_definite_ring_without_dominance():
    """Without its corners this positive definite ring is singular: d + 2 cos(5π/6) = 0."""
    n, d = 5, 2 * np.cos(np.pi / 6)
    matrix = d * np.eye(n) + np.roll(np.eye(n), 1, axis=0) + np.roll(np.eye(n), -1, axis=0)
    open_chain = d * np.eye(n) + np.eye(n, k=1) + np.eye(n, k=-1)
    assert np.linalg.eigvalsh(matrix).min() > 0.1
    assert abs(np.linalg.eigvalsh(open_chain)).min() < 100 * np.finfo(float).eps
    x = np.arange(1.0, n + 1)
    solve_periodic(bands_of(matrix, 1, wrap=True), 1, x)
    np.testing.assert_allclose(matrix @ x, np.arange(1.0, n + 1), atol=1e-13)


@pytest.mark.parametrize("n", [2, 3, 7])
def test_singular_gives_nan(n):
    """A = L D Lᵀ with halves in L and a zero in D: its elimination is exact in binary, and the last pivot 0."""
    rng = np.random.default_rng(n)
    lower = np.tril(rng.integers(-2, 3, (n, n)) / 2, -1) + np.eye(n)
    matrix = lower @ np.diag([*rng.integers(1, 9, n - 1), 0.0]) @ lower.T
    x = np.ones(n)
    solve_dense(matrix.ravel(), x)
    assert np.isnan(x).all()


@pytest.mark.parametrize("n", [2, 3, 7])
def test_singular_up_to_rounding_gives_nan(n):
    """Springs of thirds of a unit without an anchor: null vector (1, ..., 1), and rounding in every entry."""
    springs = np.triu(np.random.default_rng(n).integers(1, 4, (n, n)), 1) / 3
    springs += springs.T
    x = np.ones(n)
    solve_dense((np.diag(springs.sum(axis=1)) - springs).ravel(), x)
    assert np.isnan(x).all()


def test_singular_chain_and_ring_give_nan():
    n = 12
    chain = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    ring = chain - np.eye(n, k=n - 1) - np.eye(n, k=1 - n)
    chain[0, 0] = chain[-1, -1] = 1.0
    x, y = np.ones((1, n)), np.ones(n)
    solve_banded(bands_of(chain, 1, wrap=False), 1, x)
    solve_periodic(bands_of(ring, 1, wrap=True), 1, y)
    assert np.isnan(x).all()
    assert np.isnan(y).all()
