"""Cholesky's factor, tile by tile on all cores where the matrix is large."""

import numpy as np
import pytest

from symdfi.compile.kernels import threads
from symdfi.linalg.cholesky import cholesky

EPS = np.finfo(float).eps


def definite(p, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((p + 5, p))
    matrix = np.tril(rows.T @ rows + np.eye(p))
    return np.asfortranarray(matrix), matrix + np.tril(matrix, -1).T


@pytest.mark.parametrize("p", [1, 7, 767, 768, 960, 1001])
def test_the_factor(p):
    lower, matrix = definite(p)
    lower += np.triu(np.full((p, p), 7.0), 1)
    assert cholesky(lower)
    np.testing.assert_array_equal(np.triu(lower, 1), np.triu(np.full((p, p), 7.0), 1))
    factor = np.tril(lower)
    # The error of the factor is that of a matrix (p + 1) units of rounding away (Higham, Accuracy, theorem 10.3).
    size = np.abs(factor) @ np.abs(factor).T
    assert (np.abs(factor @ factor.T - matrix) <= 4 * (p + 1) * EPS * size).all()


@pytest.mark.parametrize("p", [5, 1001])
@pytest.mark.parametrize("where", [0, -1])
def test_what_is_not_positive_definite_is_refused(p, where):
    lower, _ = definite(p)
    lower[where, where] = -1.0
    assert not cholesky(lower)


def test_any_number_of_threads_gives_the_same_bits(monkeypatch):
    found = []
    for cores in (1, 2, 3):
        monkeypatch.setattr(threads, "_cores", lambda cores=cores: cores)
        threads._started.cache_clear()  # so that there are as many
        lower, _ = definite(900)
        assert cholesky(lower)
        found.append(lower)
    threads._started.cache_clear()
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
