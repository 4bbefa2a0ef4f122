"""min ||J v - f||^2 + gamma ||v - mu v_n||^2: the solvers against the closed form and 50 digits."""

import pickle

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from symdfi.errors import SingularMatrixError
from symdfi.linalg import QR, SVD, Cholesky, Dual, TruncatedSVD
from symdfi.linalg.spectrum import largest_eigenvalue

EPS = np.finfo(float).eps
ANCHORED = [Cholesky(), QR(), SVD(), Dual()]


def matrix(rng, sigma, n):
    """J (n, p) with the singular values sigma, and its singular vectors."""
    p = len(sigma)
    k = min(n, p)
    left = np.linalg.qr(rng.standard_normal((n, n)))[0][:, :k]
    right = np.linalg.qr(rng.standard_normal((p, p)))[0]
    return left @ np.diag(sigma[:k]) @ right[:, :k].T, left, right


def closed_form(J, f, anchor, gamma, mu=1.0):
    return np.linalg.solve(J.T @ J + gamma * np.eye(J.shape[1]), J.T @ f + gamma * mu * anchor)


def exact(J, f, anchor, gamma):
    """The closed form in 50 digits, for exactly these floating-point J, f and anchor."""
    with mpmath.workdps(50):
        A, b, a = mpmath.matrix(J.tolist()), mpmath.matrix(f.tolist()), mpmath.matrix(anchor.tolist())
        normal = A.T * A + mpmath.mpf(gamma) * mpmath.eye(J.shape[1])
        v = mpmath.lu_solve(normal, A.T * b + mpmath.mpf(gamma) * a)
        return np.array([float(x) for x in v])


def relative_error(v, reference):
    return np.linalg.norm(v - reference) / np.linalg.norm(reference)


def roundoff(J, gamma):
    """Room for the rounding errors of normal equations, relative to the velocities: 100 units of their condition.

    With gamma that is sigma_1^2 / gamma: of J^T J and J J^T one is singular without.
    """
    sigma = np.linalg.svd(J, compute_uv=False)
    return 100 * sum(J.shape) * EPS * (1 + sigma[0] ** 2 / (gamma or sigma[-1] ** 2))


@pytest.mark.parametrize("solver", ANCHORED, ids=repr)
@pytest.mark.parametrize(("n", "p"), [(40, 12), (12, 12), (9, 25), (1, 1), (7, 1), (1, 7)])
@pytest.mark.parametrize("mu", [0.0, 0.99, 1.0])
def test_solves_the_regularised_normal_equations(solver, n, p, mu):
    rng = np.random.default_rng(n + 100 * p)
    J, f, anchor = rng.standard_normal((n, p)), rng.standard_normal(n), rng.standard_normal(p)
    solution = solver.solve([(J, f)], anchor, 0.3, mu=mu)
    expected = closed_form(J, f, anchor, 0.3, mu)
    size = np.linalg.norm(expected) + np.linalg.norm(anchor)
    assert np.linalg.norm(solution.v - expected) <= roundoff(J, 0.3) * size
    assert solution.gamma == 0.3


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    n=st.integers(1, 30),
    p=st.integers(1, 12),
    blocks=st.integers(1, 5),
    log_gamma=st.floats(-4, 2),
    seed=st.integers(0, 2**16),
)
def test_all_solvers_agree_for_any_shape_and_blocking(n, p, blocks, log_gamma, seed):
    rng = np.random.default_rng(seed)
    J, f, anchor = rng.standard_normal((n, p)), rng.standard_normal(n), rng.standard_normal(p)
    rows = list(zip(np.array_split(J, blocks), np.array_split(f, blocks), strict=True))
    gamma = 10.0**log_gamma
    reference = closed_form(J, f, anchor, gamma)
    for solver in ANCHORED:
        v = solver.solve(iter(rows), anchor, gamma).v
        size = np.linalg.norm(reference) + np.linalg.norm(anchor)
        assert np.linalg.norm(v - reference) <= roundoff(J, gamma) * size, solver


@pytest.mark.parametrize("solver", ANCHORED, ids=repr)
def test_blocks_may_share_one_buffer(solver):
    rng = np.random.default_rng(15)
    J, f, anchor = rng.standard_normal((12, 5)), rng.standard_normal(12), rng.standard_normal(5)

    def stream():
        block, right = np.empty((4, 5)), np.empty(4)
        for start in (0, 4, 8):
            block[:], right[:] = J[start : start + 4], f[start : start + 4]
            yield block, right

    v = solver.solve(stream(), anchor, 0.1).v
    assert relative_error(v, closed_form(J, f, anchor, 0.1)) <= roundoff(J, 0.1)


def test_the_five_agree_without_regularisation():
    rng = np.random.default_rng(0)
    J, _, _ = matrix(rng, np.linspace(1, 3, 20), 20)
    f, anchor = rng.standard_normal(20), rng.standard_normal(20)
    reference = np.linalg.solve(J, f)
    for solver in [*ANCHORED, TruncatedSVD(1e-12)]:
        assert relative_error(solver.solve([(J, f)], anchor, 0.0).v, reference) < roundoff(J, 0.0), solver


@pytest.mark.parametrize("solver", [Cholesky(), QR(), SVD(), TruncatedSVD(1e-12)], ids=repr)
def test_no_regularisation_is_least_squares(solver):
    rng = np.random.default_rng(1)
    J, f = rng.standard_normal((50, 8)), rng.standard_normal(50)
    v = solver.solve([(J, f)], rng.standard_normal(8), 0.0).v
    assert relative_error(v, np.linalg.lstsq(J, f)[0]) < roundoff(J, 0.0)


@pytest.mark.parametrize("solver", [Dual(), SVD()], ids=repr)
def test_wide_and_unregularised_is_the_closest_solution_to_the_anchor(solver):
    rng = np.random.default_rng(2)
    J, f, anchor = rng.standard_normal((6, 15)), rng.standard_normal(6), rng.standard_normal(15)
    v = solver.solve([(J, f)], anchor, 0.0).v
    assert relative_error(v, anchor + np.linalg.pinv(J) @ (f - J @ anchor)) < roundoff(J.T, 0.0)


@pytest.mark.parametrize("solver", ANCHORED, ids=repr)
def test_a_step_contracts_each_singular_direction_by_its_filter(solver):
    rng = np.random.default_rng(3)
    sigma, gamma, mu = np.array([3.0, 1.0, 0.1, 0.0]), 0.05, 0.9
    J, _, right = matrix(rng, sigma, 10)
    wanted, anchor = rng.standard_normal(4), rng.standard_normal(4)
    v = solver.solve([(J, J @ wanted)], anchor, gamma, mu=mu).v
    # The null direction sees no data: it is the damped anchor's.
    np.testing.assert_allclose(
        right.T @ (v - wanted), gamma / (sigma**2 + gamma) * (right.T @ (mu * anchor - wanted)), atol=1e-12
    )


@pytest.mark.parametrize("solver", ANCHORED, ids=repr)
def test_an_anchor_that_fits_is_returned_to_the_last_bit(solver):
    rng = np.random.default_rng(4)
    J, anchor = rng.integers(-9, 9, (12, 5)).astype(float), rng.integers(-9, 9, 5).astype(float)
    np.testing.assert_array_equal(solver.solve([(J, J @ anchor)], anchor, 1e-6).v, anchor)


def test_qr_and_svd_are_accurate_where_the_normal_equations_are_not():
    rng = np.random.default_rng(5)
    J, _, _ = matrix(rng, np.logspace(0, -9, 10), 24)
    f, anchor = J @ rng.standard_normal(10), rng.standard_normal(10)
    gamma = 1e-14
    reference = exact(J, f, anchor, gamma)
    error = {s: relative_error(s.solve([(J, f)], anchor, gamma).v, reference) for s in (Cholesky(), QR(), SVD())}
    # The condition is sigma_1 / sqrt(gamma) = 1e7 for the ones, its square for the other.
    assert error[QR()] < 1000 * EPS * 1e7
    assert error[SVD()] < 1000 * EPS * 1e7
    assert error[Cholesky()] > 1e-5


@pytest.mark.parametrize("solver", ANCHORED, ids=repr)
def test_relative_gamma_is_in_units_of_the_largest_singular_value_squared(solver):
    rng = np.random.default_rng(6)
    J, _, _ = matrix(rng, 7 * 0.8 ** np.arange(30), 80)
    f, anchor = rng.standard_normal(80), rng.standard_normal(30)
    relative = solver.solve([(J, f)], anchor, 1e-3, relative=True)
    assert relative.sigma_max == pytest.approx(7, rel=1e-5)
    assert relative.gamma == pytest.approx(1e-3 * 49, rel=1e-5)
    assert relative_error(relative.v, solver.solve([(J, f)], anchor, relative.gamma).v) <= roundoff(J, relative.gamma)


@pytest.mark.parametrize("solver", ANCHORED, ids=repr)
@pytest.mark.parametrize("n", [8, 60])
@pytest.mark.parametrize("gamma", [1e-6, 1e-2, 1e2])
def test_effective_rank_and_sigma_max(solver, n, gamma):
    rng = np.random.default_rng(7)
    J, _, _ = matrix(rng, 0.5 ** np.arange(20), n)
    sigma = np.linalg.svd(J, compute_uv=False)
    solution = solver.solve([(J, rng.standard_normal(n))], np.zeros(20), gamma)
    assert solution.effective_rank == pytest.approx(np.sum(sigma**2 / (sigma**2 + gamma)), rel=1e-8)
    assert solution.sigma_max == pytest.approx(1, rel=1e-5)


def test_effective_rank_without_regularisation_is_the_rank():
    rng = np.random.default_rng(8)
    rows = [(rng.standard_normal((9, 4)), rng.standard_normal(9))]
    for solver in (Cholesky(), QR(), SVD(), TruncatedSVD(1e-12)):
        assert solver.solve(rows, np.zeros(4), 0.0).effective_rank == pytest.approx(4)


def test_truncation_is_the_minimum_norm_solution_and_ignores_the_anchor():
    rng = np.random.default_rng(9)
    J, left, right = matrix(rng, np.array([2.0, 1.0, 1e-5, 0.0]), 30)
    f = rng.standard_normal(30)
    solution = TruncatedSVD(1e-3).solve([(J, f)], rng.standard_normal(4), 0.0)
    np.testing.assert_allclose(solution.v, right[:, :2] @ (left[:, :2].T @ f / [2.0, 1.0]), atol=1e-14)
    assert solution.effective_rank == 2
    assert solution.sigma_max == pytest.approx(2)
    np.testing.assert_array_equal(TruncatedSVD(1e-3).solve([(0 * J, f)], np.ones(4), 0.0).v, np.zeros(4))


@pytest.mark.parametrize("solver", [*ANCHORED, TruncatedSVD(1e-10)], ids=repr)
def test_inputs_are_left_alone_and_their_layout_does_not_matter(solver):
    rng = np.random.default_rng(10)
    J, f, anchor = rng.standard_normal((20, 6)), rng.standard_normal(20), rng.standard_normal(6)
    copies = J.copy(), f.copy(), anchor.copy()
    gamma = 0.0 if isinstance(solver, TruncatedSVD) else 1e-2
    v = solver.solve([(J, f)], anchor, gamma).v
    for array, copy in zip((J, f, anchor), copies, strict=True):
        np.testing.assert_array_equal(array, copy)
    strided = np.repeat(J, 2, axis=1)[:, ::2]
    for other in (np.asfortranarray(J), strided):
        assert relative_error(solver.solve([(other, f)], anchor, gamma).v, v) <= roundoff(J, gamma)


def test_a_solution_survives_pickling():
    rng = np.random.default_rng(11)
    for solver in ANCHORED:
        solution = solver.solve([(rng.standard_normal((9, 4)), np.ones(9))], np.zeros(4), 0.1)
        assert pickle.loads(pickle.dumps(solution)).effective_rank == solution.effective_rank


@pytest.mark.parametrize("solver", ANCHORED, ids=repr)
def test_a_singular_problem_is_refused_with_its_numbers(solver):
    J = np.outer(np.arange(1.0, 7.0), np.arange(1.0, 7.0))
    with pytest.raises(SingularMatrixError, match=r"gamma = 0.*sigma_max") as caught:
        solver.solve([(J, np.ones(6))], np.zeros(6), 0.0)
    assert caught.value.gamma == 0
    assert caught.value.sigma_max == pytest.approx(91)


@pytest.mark.parametrize("solver", [Cholesky(), Dual()], ids=repr)
def test_rounding_that_outweighs_gamma_is_refused(solver):
    rng = np.random.default_rng(12)
    J, _, _ = matrix(rng, np.r_[np.ones(10), np.zeros(10)], 20)
    with pytest.raises(SingularMatrixError, match="QR or SVD"):
        solver.solve([(J, np.ones(20))], np.zeros(20), 1e-19)
    solver.solve([(J, np.ones(20))], np.zeros(20), 1e-12)


@pytest.mark.parametrize("solver", [Cholesky(), QR()], ids=repr)
def test_badly_scaled_columns_are_not_mistaken_for_dependent_ones(solver):
    rng = np.random.default_rng(13)
    scale = 10.0 ** np.linspace(-20, 20, 6)
    J, f = rng.standard_normal((40, 6)), rng.standard_normal(40)
    v = solver.solve([(J * scale, f)], np.zeros(6), 0.0).v
    assert relative_error(v * scale, np.linalg.lstsq(J, f)[0]) <= roundoff(J, 0.0)


def nan_at(shape, index):
    array = np.ones(shape)
    array[index] = np.nan
    return array


@pytest.mark.parametrize("solver", [*ANCHORED, TruncatedSVD(1e-10)], ids=repr)
@pytest.mark.parametrize(
    ("message", "changes"),
    [
        (r"anchor must have shape", {"anchor": np.ones((3, 1))}),
        (r"anchor is not finite", {"anchor": nan_at(3, 1)}),
        (r"J, block 0, must have shape \(b, 3\)", {"J": np.ones((5, 4))}),
        (r"f, block 0, must have shape \(5,\)", {"f": np.ones(4)}),
        (r"J.* is not finite in 1 entries, first at \(2, 1\)", {"J": nan_at((5, 3), (2, 1))}),
        (r"f, block 0, is not finite", {"f": nan_at(5, 0)}),
        (r"J is complex", {"J": np.ones((5, 3)) * 1j}),
        (r"gamma must be finite and >= 0", {"gamma": -1.0}),
        (r"gamma must be finite and >= 0", {"gamma": np.nan}),
        (r"mu must be finite", {"mu": np.inf}),
        (r"holds no row", {"J": np.ones((0, 3)), "f": np.ones(0)}),
    ],
)
def test_bad_input_is_named(solver, message, changes):
    call = {"J": np.eye(5, 3), "f": np.ones(5), "anchor": np.ones(3), "gamma": 0.0, "mu": 1.0} | changes
    with pytest.raises(ValueError, match=message):
        solver.solve([(call["J"], call["f"])], call["anchor"], call["gamma"], mu=call["mu"])


def test_an_infinite_or_overflowing_jacobian_is_caught_on_the_fast_path():
    J, f = np.ones((5, 3)), np.ones(5)
    infinite = J.copy()
    infinite[4, 2] = -np.inf
    with pytest.raises(ValueError, match=r"J, block 1, is not finite in 1 entries, first at \(4, 2\)"):
        Cholesky().solve([(J, f), (infinite, f)], np.ones(3), 1.0)
    with pytest.raises(ValueError, match="squares overflow"):
        Cholesky().solve([(1e200 * J, f)], np.ones(3), 1.0)


def test_truncation_parameters():
    with pytest.raises(ValueError, match="rtol"):
        TruncatedSVD(1.0)
    with pytest.raises(ValueError, match="gamma must be 0"):
        TruncatedSVD(1e-3).solve([(np.eye(3), np.ones(3))], np.ones(3), 1e-3)


@pytest.mark.parametrize(
    "spectrum",
    [np.ones(80), np.r_[1.0, np.zeros(79)], np.zeros(80), 0.9 ** np.arange(80), np.linspace(0, 1, 80), [4.0]],
    ids=["identity", "rank one", "zero", "geometric", "uniform", "scalar"],
)
def test_largest_eigenvalue(spectrum):
    spectrum = np.asarray(spectrum)
    basis = scipy.linalg.qr(np.random.default_rng(14).standard_normal((len(spectrum),) * 2))[0]
    value = largest_eigenvalue(lambda x: basis @ (spectrum * (basis.T @ x)), len(spectrum))
    assert value == pytest.approx(spectrum.max(), rel=1e-4, abs=1e-14)
    assert value <= spectrum.max() * (1 + 100 * len(spectrum) * EPS)
