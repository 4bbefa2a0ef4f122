"""Solves with matrices of known structure against NumPy; singular matrices are refused."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from symdfi.linalg import structured
from symdfi.linalg.structured import narrow, ordering

EPS = np.finfo(float).eps


class Solvers:
    """The modules of the kinds of matrices, ``solvers.dense`` and so on, compiled when they are first asked for."""

    def __getattr__(self, kind: str) -> ModuleType:
        return structured.load(kind)


solvers = Solvers()
NONE = np.empty(0)


def check(matrix: np.ndarray, x: np.ndarray, b: np.ndarray) -> None:
    """x = A⁻¹b to a multiple of the condition number."""
    size = np.abs(np.linalg.solve(matrix, b)).max()
    np.testing.assert_allclose(x, np.linalg.solve(matrix, b), atol=100 * EPS * np.linalg.cond(matrix) * size)


def definite(n: int, rng: np.random.Generator, pattern: np.ndarray) -> np.ndarray:
    """A random symmetric positive definite matrix with the given entries."""
    matrix = np.where(pattern | pattern.T, rng.normal(size=(n, n)), 0.0)
    matrix = matrix + matrix.T
    return matrix + np.diag(np.abs(matrix).sum(axis=1) + 0.1)


def near(n: int, width: int, *, wrap: bool = False) -> np.ndarray:
    distance = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    return (np.minimum(distance, n - distance) if wrap else distance) <= width


def bands_of(matrix: np.ndarray, width: int, symmetric: bool, *, wrap: bool = False) -> np.ndarray:
    n = len(matrix)
    offsets = range(0 if symmetric else -width, width + 1)
    rows = [[matrix[p, (p + d) % n] if wrap or 0 <= p + d < n else 0.0 for d in offsets] for p in range(n)]
    return np.array(rows, dtype=float).ravel()


@pytest.mark.parametrize("kind", ["general", "definite", "indefinite"])
@pytest.mark.parametrize("n", [1, 2, 5, 30, 64, 65, 130])
def test_full(n, kind):
    """Own code for a few unknowns, LAPACK for more: Cholesky's factor, and LU where there is none."""
    rng = np.random.default_rng(n)
    matrix, b = rng.normal(size=(n, n)), rng.normal(size=n)
    if kind != "general":
        matrix = matrix + matrix.T + (3 * n * np.eye(n) if kind == "definite" else 0)
    x = b.copy()
    solvers.full.solve(n, kind != "general", matrix.ravel().copy(), x)
    check(matrix, x, b)


@pytest.mark.parametrize("kind", ["zero", "rounding", "nan"])
@pytest.mark.parametrize("symmetric", [False, True])
def test_full_singular_gives_nan(symmetric, kind):
    """A column of zeros; springs of thirds of a unit without an anchor; a number that is none."""
    n, rng = 100, np.random.default_rng(0)
    springs = np.triu(rng.integers(1, 4, (n, n)), 1) / 3
    springs += springs.T
    matrix, x = np.diag(springs.sum(axis=1)) - springs, np.ones(n)
    if kind == "zero":
        matrix[7] = matrix[:, 7] = 0.0
    if kind == "nan":
        matrix[7, 7] = np.nan
    solvers.full.solve(n, symmetric, matrix.ravel(), x)
    assert np.isnan(x).all()


def test_dense_needs_its_pivots():
    matrix, x = np.array([[0.0, 1.0], [2.0, 3.0]]), np.array([1.0, 5.0])
    solvers.dense.solve_with(2, matrix.ravel().copy(), x)
    np.testing.assert_allclose(x, [1.0, 1.0])


def test_badly_scaled_is_not_singular():
    matrix, x = np.diag([1.0, 1e-30, 1e30]), np.array([1.0, 1e-30, 1e30])
    solvers.dense.solve_with(3, matrix.ravel().copy(), x)
    np.testing.assert_allclose(x, 1.0)


@pytest.mark.parametrize("n", [2, 3, 7])
def test_singular_gives_nan(n):
    """A = L D Lᵀ with halves in L and a zero in D: its elimination is exact in binary, and the last pivot 0."""
    rng = np.random.default_rng(n)
    lower = np.tril(rng.integers(-2, 3, (n, n)) / 2, -1) + np.eye(n)
    matrix = lower @ np.diag([*rng.integers(1, 9, n - 1), 0.0]) @ lower.T
    x = np.ones(n)
    solvers.dense.solve_with(n, matrix.ravel(), x)
    assert np.isnan(x).all()


@pytest.mark.parametrize("n", [2, 3, 7])
def test_singular_up_to_rounding_gives_nan(n):
    """Springs of thirds of a unit without an anchor: null vector (1, ..., 1), and rounding in every entry."""
    springs = np.triu(np.random.default_rng(n).integers(1, 4, (n, n)), 1) / 3
    springs += springs.T
    x = np.ones(n)
    solvers.dense.solve_with(n, (np.diag(springs.sum(axis=1)) - springs).ravel(), x)
    assert np.isnan(x).all()


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize(("n", "width", "borders"), [(1, 1, 2), (12, 1, 2), (40, 3, 0)])
def test_banded_with_a_border(n, width, borders, symmetric):
    """Elimination along the band, then of the Schur complement of the border."""
    rng = np.random.default_rng(10 * n + width)
    total = n + borders
    pattern = np.ones((total, total), bool)
    pattern[:n, :n] = near(n, width)
    matrix = definite(total, rng, pattern)
    if not symmetric:
        matrix = matrix + np.triu(np.where(pattern, rng.normal(size=matrix.shape), 0.0), 1) / total
    b = rng.normal(size=total)
    solver = structured.load("banded", WIDTH=width, BORDERS=borders, SYMMETRIC=symmetric)
    a, corner = bands_of(matrix[:n, :n], width, symmetric), matrix[n:, n:].copy()
    columns = matrix[:n, n:].ravel().copy()
    rows = columns if symmetric else matrix[n:, :n].T.ravel().copy()
    assert solver.factor(n, a, columns, rows, corner.reshape(-1))
    for _ in range(2):  # one factorisation serves several right-hand sides
        x, tail = b[:n].copy(), b[n:].copy()
        solver.forward(n, a, columns, rows, x, tail)
        tail[:] = np.linalg.solve(corner, tail) if borders else tail
        solver.backward(n, a, columns, rows, x, tail)
        check(matrix, np.concatenate([x, tail]), b)
        b = rng.normal(size=total)


def test_a_band_that_needs_pivoting_is_refused():
    n = 6
    general = structured.load("banded", WIDTH=1, BORDERS=0, SYMMETRIC=0)
    definite_only = structured.load("banded", WIDTH=1, BORDERS=0, SYMMETRIC=1)
    swap = np.eye(n, k=1) + np.eye(n, k=-1)
    singular = 2 * np.eye(n) - swap
    singular[0, 0] = singular[-1, -1] = 1.0
    for matrix in (swap, singular, swap + 1e-9 * np.eye(n)):
        assert not general.factor(n, bands_of(matrix, 1, False), NONE, NONE, NONE)
        assert not definite_only.factor(n, bands_of(matrix, 1, True), NONE, NONE, NONE)


@pytest.mark.parametrize(("size", "borders"), [(1, 1), (2, 0), (3, 2)])
def test_blocks_with_a_border(size, borders):
    """Blocks that need their pivots: zeros on the diagonal."""
    rng, n = np.random.default_rng(size), 7
    blocks = rng.normal(size=(n, size, size))
    if size > 1:
        blocks[:, range(size), range(size)] = 0.0
        blocks += np.roll(3 * np.eye(size), 1, axis=0)
    total = n * size + borders
    matrix = np.zeros((total, total))
    for i in range(n):
        at = np.arange(size) * n + i
        matrix[np.ix_(at, at)] = blocks[i]
    matrix[n * size :] = rng.normal(size=(borders, total))
    matrix[:, n * size :] = rng.normal(size=(total, borders))
    b = rng.normal(size=total)
    solver = structured.load("blocks", SIZE=size, BORDERS=borders)
    a = blocks.transpose(1, 2, 0).ravel().copy()
    columns = matrix[: n * size, n * size :].reshape(size, n, borders).transpose(0, 2, 1).ravel().copy()
    rows = matrix[n * size :, : n * size].reshape(borders, size, n).transpose(1, 0, 2).ravel().copy()
    corner = matrix[n * size :, n * size :].copy()
    assert solver.factor(n, a, columns, rows, corner.reshape(-1))
    x, tail = b[: n * size].copy(), b[n * size :].copy()
    solver.forward(n, a, columns, rows, x, tail)
    tail[:] = np.linalg.solve(corner, tail) if borders else tail
    solver.backward(n, a, columns, rows, x, tail)
    check(matrix, np.concatenate([x, tail]), b)
    a = np.ones(size * size * n) * (size > 1)
    assert not solver.factor(n, a, columns, rows, corner.reshape(-1))


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize(("n", "width"), [(5, 1), (6, 2), (20, 1), (20, 3)])
def test_a_ring_is_cut_open(n, width, symmetric):
    """The last unknowns become a border: what is left is a chain, definite where the ring is."""
    rng = np.random.default_rng(n)
    matrix = definite(n, rng, near(n, width, wrap=True))
    if not symmetric:
        matrix = matrix + np.where(near(n, width, wrap=True), rng.normal(size=(n, n)), 0.0) / n
    cut = n - width
    a = bands_of(matrix, width, symmetric, wrap=True)
    columns, rows, corner = np.zeros(n * width), np.zeros(n * width), np.zeros((width, width))
    rows = columns if symmetric else rows
    solvers.bordered.open_ring(n, width, symmetric, width, 0, a, columns, rows, corner.reshape(-1))
    np.testing.assert_array_equal(columns.reshape(n, width)[:cut], matrix[:cut, cut:])
    np.testing.assert_array_equal(rows.reshape(n, width)[:cut], matrix[cut:, :cut].T)
    np.testing.assert_array_equal(corner, matrix[cut:, cut:])


@pytest.mark.parametrize("symmetric", [False, True])
def test_sparse(symmetric):
    """A lattice with one unknown that meets all others, its entries in any order and in parts."""
    rng, n = np.random.default_rng(0), 6
    lattice = np.kron(near(n, 1), np.eye(n)) + np.kron(np.eye(n), near(n, 1)) > 0
    total = n * n + 1
    pattern = np.ones((total, total), bool)
    pattern[1:, 1:] = lattice
    matrix = definite(total, rng, pattern)
    if not symmetric:
        matrix = matrix + np.where(pattern, rng.normal(size=matrix.shape), 0.0) / total
    rows, columns = np.nonzero(matrix)
    rows, columns = np.tile(rows, 2), np.tile(columns, 2)
    order = rng.permutation(rows.size)
    rows, columns = rows[order], columns[order]
    entries = matrix[rows, columns] / 2
    rows[0], entries[0], spare = -1, np.nan, (rows[0], columns[0], entries[0])  # an entry that is not there
    rows, columns, entries = (np.append(a, value) for a, value in zip((rows, columns, entries), spare, strict=True))
    plan = ordering.plan(total, rows, columns, np.array([0]))
    b = rng.normal(size=total)
    x = b.copy()
    solvers.sparse.solve(plan, symmetric, entries, x)
    check(matrix, x, b)
    # Fewer right-hand sides than unknowns: the others are zero.
    x = b[:-3].copy()
    solvers.sparse.solve(plan, symmetric, entries, x)
    padded = np.concatenate([b[:-3], np.zeros(3)])
    expected = np.linalg.solve(matrix, padded)[:-3]
    np.testing.assert_allclose(x, expected, atol=100 * EPS * np.linalg.cond(matrix) * np.abs(expected).max())


def test_sparse_with_pivots():
    """Zeros on the diagonal: by a full matrix, if it is small."""
    rows, columns = np.array([0, 1, 2, 3, 3]), np.array([1, 0, 3, 2, 3])
    entries, x = np.array([2.0, 4.0, 1.0, 1.0, 1.0]), np.array([2.0, 8.0, 1.0, 3.0])
    plan = ordering.plan(4, rows, columns, np.empty(0, np.int64))
    solvers.sparse.solve(plan, False, entries, x)
    np.testing.assert_allclose(x, [2.0, 1.0, 2.0, 1.0])


def test_fill_of_a_lattice():
    """The order keeps L of a lattice sparse: far below the n√n entries of a band."""
    n = 60
    place = np.arange(n * n).reshape(n, n)
    pairs = np.concatenate([
        np.stack([place[:-1].ravel(), place[1:].ravel()]), np.stack([place[:, :-1].ravel(), place[:, 1:].ravel()])
    ], axis=1)  # fmt: skip
    rows, columns = np.concatenate([pairs, pairs[::-1], np.tile(place.ravel(), (2, 1))], axis=1)
    plan = ordering.plan(n * n, rows, columns, np.empty(0, np.int64))
    assert plan[3] < n**3 / 4
    with pytest.raises(ValueError, match="outside the 3599 unknowns"):
        ordering.plan(n * n - 1, rows, columns, np.empty(0, np.int64))


@pytest.mark.parametrize("borders", [0, 1, 3])
@pytest.mark.parametrize("width", [0, 1, 2, 3])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 17])
def test_narrow(n, width, borders):
    """Also where the band is as long as it is wide."""
    rng, total = np.random.default_rng(n + 10 * width), n + borders
    pattern = np.ones((total, total), bool)
    pattern[:n, :n] = near(n, width)
    matrix, b = definite(total, rng, pattern), rng.normal(size=total)
    solver, a = narrow.load(width, borders), bands_of(matrix[:n, :n], width, True)
    columns, corner = matrix[:n, n:].ravel().copy(), matrix[n:, n:].ravel().copy()
    x, tail = b[:n].copy(), b[n:].copy()
    assert solver.eliminate(n, a, columns, x, corner, tail)
    tail[:] = np.linalg.solve(corner.reshape(borders, borders), tail)
    solver.substitute(n, a, columns, x, tail)
    check(matrix, np.concatenate([x, tail]), b)


def pivoted_solve(matrix: np.ndarray, b: np.ndarray, width: int, borders: int) -> np.ndarray | None:
    n, most = len(b) - borders, borders + solvers.pivoted.MORE
    band, columns, rows = np.zeros((n, 3 * width + 1)), np.zeros((n, most)), np.zeros((most, n))
    for d in range(-width, width + 1):
        for p in range(max(0, -d), min(n, n - d)):
            band[p, d + width] = matrix[p, p + d]
    corner, tail, x = np.zeros((most, most)), np.zeros(most), b[:n].copy()
    columns[:, :borders], rows[:borders], corner[:borders, :borders] = matrix[:n, n:], matrix[n:, :n], matrix[n:, n:]
    tail[:borders] = b[n:]
    if not solvers.pivoted.solve(width, borders, band, columns, rows, corner, x, tail):
        return None
    return np.concatenate([x, tail[:borders]])


@pytest.mark.parametrize("borders", [0, 1, 3])
@pytest.mark.parametrize("width", [0, 1, 3])
def test_pivoted(width, borders):
    """No diagonal, a singular block beside the border, rows of sizes far apart; what is singular is refused."""
    rng = np.random.default_rng(10 * width + borders)
    for turn in range(60):
        n = int(rng.integers(1, 30))
        total = n + borders
        matrix = rng.normal(size=(total, total))
        matrix[:n, :n] *= near(n, width)
        kind = ("plain", "no diagonal", "singular block", "scaled")[turn % 4]
        if kind == "no diagonal":
            matrix[range(n), range(n)] = 0.0
        if kind == "singular block":
            matrix[n // 2, :n] = matrix[:n, n // 2] = 0.0
        if kind == "scaled":
            matrix *= 10.0 ** rng.integers(-8, 8, size=(total, 1))
        rows = np.abs(matrix).max(axis=1, keepdims=True)
        condition = np.linalg.cond(matrix / np.where(rows > 0, rows, 1))
        b = rng.normal(size=total)
        found = pivoted_solve(matrix, b, width, borders)
        if condition > 1e13:
            assert found is None or condition < 1e18
            continue
        expected = np.linalg.solve(matrix, b)
        # Unknowns may join the border for pivots of a thousandth: three digits less than with pivots from all rows.
        assert found is not None
        np.testing.assert_allclose(found, expected, atol=1e6 * EPS * condition * np.abs(expected).max())
