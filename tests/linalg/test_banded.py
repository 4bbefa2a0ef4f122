"""Block-tridiagonal LU against dense solves, open and periodic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symdfi.errors import SingularMatrixError
from symdfi.linalg import BlockTridiagonalLU

EPS = np.finfo(float).eps


def dense(lower, diagonal, upper, periodic):
    nodes, d = diagonal.shape[:2]
    A = np.zeros((nodes, d, nodes, d), dtype=np.result_type(lower, diagonal, upper))
    for k in range(nodes):
        A[k, :, k] += diagonal[k]
        if periodic:
            A[k, :, (k - 1) % nodes] += lower[k]
            A[k, :, (k + 1) % nodes] += upper[k]
        elif k > 0:
            A[k, :, k - 1] += lower[k - 1]
            A[k - 1, :, k] += upper[k - 1]
    return A.reshape(nodes * d, nodes * d)


def random_blocks(rng, nodes, d, periodic, dtype):
    def draw(count):
        real = rng.standard_normal((count, d, d))
        return real if dtype is float else real + 1j * rng.standard_normal((count, d, d))

    links = nodes if periodic else nodes - 1
    return draw(links), draw(nodes), draw(links)


def scalar_chain(lower, diagonal, upper):
    blocks = [np.asarray(x, dtype=float)[:, None, None] for x in (lower, diagonal, upper)]
    return blocks[0], blocks[1], blocks[2]


def assert_solves(A, x, rhs):
    """Small backward error: ||A x - b|| against ||A|| ||x||, with room for the growth of partial pivoting."""
    x, rhs = x.reshape(len(A), -1), rhs.reshape(len(A), -1)
    assert np.linalg.norm(A @ x - rhs) <= 1000 * len(A) * EPS * np.linalg.norm(A) * np.linalg.norm(x)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    nodes=st.integers(1, 9),
    d=st.integers(1, 4),
    periodic=st.booleans(),
    dtype=st.sampled_from([float, complex]),
    seed=st.integers(0, 2**16),
)
def test_solves_what_the_dense_matrix_says(nodes, d, periodic, dtype, seed):
    rng = np.random.default_rng(seed)
    blocks = random_blocks(rng, nodes, d, periodic, dtype)
    A = dense(*blocks, periodic)
    lu = BlockTridiagonalLU(*blocks, periodic=periodic)
    one, many = rng.standard_normal((nodes, d)), rng.standard_normal((nodes, d, 3))
    for rhs in (one, many):
        for matrix, x in ((A, lu.solve(rhs)), (A.T, lu.solve_transposed(rhs))):
            assert x.shape == rhs.shape
            assert x.dtype == np.dtype(dtype)
            assert_solves(matrix, x, rhs)
    # The estimate of ||A^-1|| is a lower bound, and rarely far off.
    assert 0.999 <= lu.rcond * np.linalg.cond(A, 1) <= 10


@pytest.mark.parametrize("nodes", [1, 2, 3])
def test_couplings_of_a_tiny_ring_add_up(nodes):
    lower, diagonal, upper = scalar_chain([1.0] * nodes, [10.0] * nodes, [2.0] * nodes)
    ring = {1: [[13.0]], 2: [[10.0, 3.0], [3.0, 10.0]], 3: [[10, 2, 1], [1, 10, 2], [2, 1, 10]]}[nodes]
    rhs = np.arange(1.0, nodes + 1)
    x = BlockTridiagonalLU(lower, diagonal, upper, periodic=True).solve(rhs[:, None])
    np.testing.assert_allclose(x[:, 0], np.linalg.solve(ring, rhs), rtol=100 * EPS)


def test_a_long_ring_with_many_right_hand_sides():
    rng = np.random.default_rng(0)
    lower, diagonal, upper = random_blocks(rng, 201, 5, True, float)
    rhs = rng.standard_normal((201, 5, 7))
    x = BlockTridiagonalLU(lower, diagonal, upper, periodic=True).solve(rhs)
    product = (
        np.einsum("kij,kjm->kim", diagonal, x)
        + np.einsum("kij,kjm->kim", lower, np.roll(x, 1, axis=0))
        + np.einsum("kij,kjm->kim", upper, np.roll(x, -1, axis=0))
    )
    np.testing.assert_allclose(product, rhs, atol=1e-9)


def test_a_ring_whose_open_chain_is_singular():
    # The adjacency matrix of the path of 5 nodes has a null vector, (1, 0, -1, 0, 1), that of the ring none.
    ones = np.ones(5)
    with pytest.raises(SingularMatrixError, match="chain"):
        BlockTridiagonalLU(*scalar_chain(ones[1:], 0 * ones, ones[1:]))
    ring = BlockTridiagonalLU(*scalar_chain(ones, 0 * ones, ones), periodic=True)
    # On the ring x = 1/2 has neighbours summing to one.
    np.testing.assert_allclose(ring.solve(ones[:, None]), np.full((5, 1), 0.5), rtol=100 * EPS)


@pytest.mark.parametrize("nodes", [4, 8, 64])
def test_a_singular_ring_is_refused(nodes):
    ones = np.ones(nodes)
    for diagonal in (0 * ones, -2 * ones):  # ring adjacency (4 | nodes), ring Laplacian
        with pytest.raises(SingularMatrixError, match=f"ring, {nodes} nodes") as caught:
            BlockTridiagonalLU(*scalar_chain(ones, diagonal, ones), periodic=True)
        assert caught.value.rcond < 1e3 * np.finfo(float).eps


def test_resonance_of_a_driven_oscillator_is_refused_and_its_neighbourhood_is_not():
    # Discrete action Hessian of a ring at frequency w: eigenvalues 2 cos(2 pi m / N) - 2 + w^2.
    nodes = 48
    resonant = 2 - 2 * np.cos(2 * np.pi * 5 / nodes)
    ones = np.ones(nodes)
    with pytest.raises(SingularMatrixError):
        BlockTridiagonalLU(*scalar_chain(ones, (resonant - 2) * ones, ones), periodic=True)
    close = BlockTridiagonalLU(*scalar_chain(ones, (resonant - 2 + 1e-9) * ones, ones), periodic=True)
    # The nearly null mode answers with 1 / 1e-9.
    mode = np.cos(2 * np.pi * 5 * np.arange(nodes) / nodes)[:, None]
    np.testing.assert_allclose(close.solve(mode), 1e9 * mode, rtol=1e-5, atol=1e4)


def test_the_threshold_is_the_users():
    lower, diagonal, upper = scalar_chain([0.0], [1.0, 1e-10], [0.0])
    assert BlockTridiagonalLU(lower, diagonal, upper).rcond == pytest.approx(1e-10)
    with pytest.raises(SingularMatrixError, match="threshold 1e-08"):
        BlockTridiagonalLU(lower, diagonal, upper, rcond_min=1e-8)
    for pivot in (0.0, 1e-320):  # an inverse that does not exist, or is beyond the largest number
        with pytest.raises(SingularMatrixError):
            BlockTridiagonalLU(*scalar_chain([1.0], [1.0, pivot], [0.0]), rcond_min=0.0)


@pytest.mark.parametrize("periodic", [False, True])
def test_complex_right_hand_side_of_a_real_matrix_and_transpose_without_conjugate(periodic):
    rng = np.random.default_rng(1)
    rhs = rng.standard_normal((6, 2)) + 1j * rng.standard_normal((6, 2))
    for dtype in (float, complex):
        blocks = random_blocks(rng, 6, 2, periodic, dtype)
        A, lu = dense(*blocks, periodic), BlockTridiagonalLU(*blocks, periodic=periodic)
        assert_solves(A, lu.solve(rhs), rhs)
        assert_solves(A.T, lu.solve_transposed(rhs), rhs)


def test_one_factorisation_serves_many_solves_and_leaves_its_inputs_alone():
    rng = np.random.default_rng(2)
    blocks = random_blocks(rng, 7, 3, True, float)
    copies = [b.copy() for b in blocks]
    lu = BlockTridiagonalLU(*blocks, periodic=True)
    rhs = rng.standard_normal((7, 3))
    kept = rhs.copy()
    first = lu.solve(rhs)
    lu.solve_transposed(rhs)
    np.testing.assert_allclose(lu.solve(rhs), first, rtol=1e-9)
    np.testing.assert_array_equal(rhs, kept)
    for block, copy in zip(blocks, copies, strict=True):
        np.testing.assert_array_equal(block, copy)


@pytest.mark.parametrize(
    ("message", "lower", "diagonal", "upper", "periodic"),
    [
        (r"diagonal must have shape \(N, d, d\)", (2, 2, 2), (3, 2, 3), (2, 2, 2), False),
        (r"diagonal must have shape", (0, 2, 2), (0, 2, 2), (0, 2, 2), True),
        (r"lower must have shape \(2, 2, 2\), got \(3, 2, 2\)", (3, 2, 2), (3, 2, 2), (2, 2, 2), False),
        (r"upper must have shape \(3, 2, 2\), got \(2, 2, 2\)", (3, 2, 2), (3, 2, 2), (2, 2, 2), True),
    ],
)
def test_wrong_shapes_are_named(message, lower, diagonal, upper, periodic):
    with pytest.raises(ValueError, match=message):
        BlockTridiagonalLU(np.ones(lower), np.ones(diagonal), np.ones(upper), periodic=periodic)


def test_values_that_are_not_finite_are_named():
    good, bad = np.ones((2, 1, 1)), np.full((2, 1, 1), np.nan)
    with pytest.raises(ValueError, match="upper is not finite"):
        BlockTridiagonalLU(good, 5 * good, bad, periodic=True)
    lu = BlockTridiagonalLU(good, 5 * good, good, periodic=True)
    with pytest.raises(ValueError, match="rhs is not finite"):
        lu.solve(bad[:, :, 0])
    with pytest.raises(ValueError, match="rhs must have shape"):
        lu.solve(np.ones(2))
