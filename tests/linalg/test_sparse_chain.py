"""Sparse chains against dense solves."""

import pickle

import numpy as np
import pytest

from symdfi.errors import SingularMatrixError
from symdfi.linalg import Places, SparseChainLU

EPS = np.finfo(float).eps


def entries(rng, nodes: int, d: int, periodic: bool) -> tuple[np.ndarray, ...]:
    """Rows, columns and values, some twice at one place, of tridiagonal blocks."""
    rows, columns = [], []
    for k in range(nodes):
        for other in ((k - 1) % nodes, k, (k + 1) % nodes) if periodic else range(max(k - 1, 0), min(k + 2, nodes)):
            for i in range(d):
                for j in {i, (i + 1) % d}:
                    rows.append(k * d + i)
                    columns.append(other * d + j)
    rows, columns = (np.array([*x, *x[:5]]) for x in (rows, columns))
    return rows, columns, rng.standard_normal(rows.size) + 3 * (rows == columns)


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize(("nodes", "d"), [(1, 4), (2, 3), (3, 5), (20, 9)])
def test_solves_what_the_dense_matrix_says(periodic: bool, nodes: int, d: int) -> None:
    rng = np.random.default_rng(nodes)
    rows, columns, values = entries(rng, nodes, d, periodic)
    dense = np.zeros((nodes * d,) * 2)
    np.add.at(dense, (rows, columns), values)
    lu = SparseChainLU(Places.of(nodes * d, rows, columns).matrix(values), nodes, periodic)
    rhs = rng.standard_normal((nodes, d))
    room = 1000 * len(dense) * EPS * np.linalg.cond(dense)
    for solve, matrix in ((lu.solve, dense), (lu.solve_transposed, dense.T)):
        exact = np.linalg.solve(matrix, rhs.reshape(-1))
        assert np.abs(solve(rhs).reshape(-1) - exact).max() <= room * np.abs(exact).max()
    assert lu.norm == pytest.approx(np.abs(dense).sum(axis=0).max(), rel=100 * EPS)
    assert 1 / np.linalg.cond(dense, 1) <= lu.rcond * (1 + 1e-6) <= 4 / np.linalg.cond(dense, 1)
    again = pickle.loads(pickle.dumps(lu))
    np.testing.assert_array_equal(again.solve(rhs), lu.solve(rhs))


def test_singular() -> None:
    rows = np.arange(6)
    places = Places.of(6, rows, rows)
    for last in (0.0, 1e-17):
        with pytest.raises(SingularMatrixError, match="3 nodes, 2 x 2 blocks, is singular"):
            SparseChainLU(places.matrix(np.array([1.0, 1, 1, 1, 1, last])), 3)
