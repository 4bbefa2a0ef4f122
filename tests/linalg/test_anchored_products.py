"""Solvers that need J in products alone, or choose among others, against least squares on [J; sqrt(gamma) I]."""

import pickle

import numpy as np
import pytest

from symdfi.errors import ConvergenceError, SingularMatrixError
from symdfi.linalg import LSMR, QR, SVD, Auto, Cholesky, Dual, Products, RandomizedSVD
from symdfi.linalg.anchored.source import Held
from symdfi.linalg.anchored.stacked import Stacked

EPS = np.finfo(float).eps
SHAPES = [(40, 12), (12, 12), (9, 25), (1, 1), (7, 1), (1, 7)]
SOLVERS = [LSMR(rtol=1e-15), RandomizedSVD(rank=25), Auto()]


def problem(n, p, seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, p)), rng.standard_normal(n), rng.standard_normal(p)


def least_squares(J, f, anchor, gamma, mu=1.0):
    """The closed definition, by NumPy."""
    p = J.shape[1]
    matrix, right = np.r_[J, np.sqrt(gamma) * np.eye(p)], np.r_[f, np.sqrt(gamma) * mu * anchor]
    return np.linalg.lstsq(matrix, right)[0]


def with_spectrum(sigma, n, seed=0):
    rng = np.random.default_rng(seed)
    p = len(sigma)
    left, right = (np.linalg.qr(rng.standard_normal((size, size)))[0][:, : min(n, p)] for size in (n, p))
    return left @ np.diag(sigma[: min(n, p)]) @ right.T


def room(J, gamma, power=2):
    """100 (n + p) roundoffs of the condition of [J; sqrt(gamma) I], to the power of it that the solver has."""
    sigma = np.linalg.svd(J, compute_uv=False)
    least = np.hypot(sigma[-1] if J.shape[0] >= J.shape[1] else 0.0, np.sqrt(gamma))
    return 100 * sum(J.shape) * EPS * (np.hypot(sigma[0], np.sqrt(gamma)) / least) ** power


def products(J, f):
    return Products(lambda v: J @ v, lambda r: J.T @ r, f, J.shape[1])


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
@pytest.mark.parametrize(("n", "p"), SHAPES)
@pytest.mark.parametrize("mu", [0.0, 0.9, 1.0])
def test_least_squares(solver, n, p, mu):
    J, f, anchor = problem(n, p, n + 50 * p)
    reference = least_squares(J, f, anchor, 0.2, mu)
    size = np.linalg.norm(reference) + np.linalg.norm(anchor)
    blocks = list(zip(np.array_split(J, 4), np.array_split(f, 4), strict=True))
    for rows in ([(J, f)], iter(blocks), products(J, f)):
        solution = solver.solve(rows, anchor, 0.2, mu=mu)
        assert np.linalg.norm(solution.v - reference) <= room(J, 0.2) * size
        assert solution.gamma == 0.2
        assert solution.sigma_max == pytest.approx(np.linalg.norm(J, 2), rel=1e-3)


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
@pytest.mark.parametrize(("n", "p"), SHAPES)
def test_a_factor_serves_every_right_side_and_anchor(solver, n, p):
    J, f, anchor = problem(n, p, n + 60 * p)
    factor = solver.init([(J, 0 * f)], 0.2)
    assert factor.shape == (n, p)
    size = np.linalg.norm(f) + np.linalg.norm(anchor)
    for rows in ([(J, f)], products(J, f)):
        again = solver.compute(factor, rows, anchor, mu=0.9)
        assert np.linalg.norm(again.v - least_squares(J, f, anchor, 0.2, 0.9)) <= room(J, 0.2) * size
    with pytest.raises(ValueError, match=rf"rows holds {n + 1} rows of J and f, but the factor is of a J with {n}"):
        solver.compute(factor, products(np.ones((n + 1, p)), np.ones(n + 1)), anchor)


@pytest.mark.parametrize("solver", [QR(), SVD(), Cholesky(), Dual()], ids=repr)
def test_solvers_that_factorise_read_a_jacobian_from_its_products(solver):
    J, f, anchor = problem(20, 6, 1)
    v = solver.solve(products(J, f), anchor, 0.1).v
    size = np.linalg.norm(v) + np.linalg.norm(anchor)
    # J J^T has a null space: its condition is that of gamma.
    condition = 1 + np.linalg.norm(J, 2) ** 2 / 0.1
    assert np.linalg.norm(v - least_squares(J, f, anchor, 0.1)) <= 100 * 26 * EPS * condition * size


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_relative_gamma(solver):
    J = with_spectrum(5 * 0.7 ** np.arange(20), 50)
    f, anchor = np.ones(50), np.ones(20)
    solution = solver.solve([(J, f)], anchor, 1e-3, relative=True)
    assert solution.gamma == pytest.approx(1e-3 * 25, rel=1e-5)
    reference = least_squares(J, f, anchor, solution.gamma)
    assert np.linalg.norm(solution.v - reference) <= room(J, solution.gamma) * np.linalg.norm(reference)


# LSMR


def test_lsmr_says_how_many_iterations_it_took():
    """As many as there are different singular values, but for rounding."""
    J = with_spectrum(np.repeat([3.0, 2.0, 1.0], 5), 40)
    solution = LSMR().solve([(J, np.arange(40.0))], np.zeros(15), 1e-2)
    assert solution.iterations is not None and 3 <= solution.iterations <= 5
    assert Cholesky().solve([(J, np.ones(40))], np.zeros(15), 1e-2).iterations is None
    assert np.isnan(solution.effective_rank)
    assert isinstance(solution.solver, LSMR)


def test_lsmr_names_what_did_not_converge():
    J = with_spectrum(np.logspace(0, -8, 30), 50)
    rows = [(J, np.ones(50))]
    with pytest.raises(ConvergenceError, match=r"LSMR did not converge in 5 iterations .*rtol = 1e-12") as caught:
        LSMR(iterations=5).solve(rows, np.zeros(30), 1e-14)
    assert caught.value.iterations == 5
    assert caught.value.partial.shape == (30,)


def test_lsmr_needs_no_jacobian():
    """The Laplacian of a ring of 200 000, J^T J + gamma I of which has 3.2e11 bytes."""
    n = 200_000
    second = lambda v: np.roll(v, 1) + np.roll(v, -1) - 2 * v  # noqa: E731
    f, anchor = np.cos(np.arange(n)), np.sin(np.arange(n))
    gamma = 0.5
    v = LSMR(rtol=1e-13).solve(Products(second, second, f, n), anchor, gamma).v
    spectrum = 2 * np.cos(2 * np.pi * np.fft.rfftfreq(n)) - 2
    exact = np.fft.irfft((spectrum * np.fft.rfft(f) + gamma * np.fft.rfft(anchor)) / (spectrum**2 + gamma), n)
    condition = (16 + gamma) / gamma
    assert np.linalg.norm(v - exact) <= 100 * 1e-13 * condition * np.linalg.norm(exact)


def test_zero_jacobian():
    zero = np.zeros((5, 3))
    for solver in (LSMR(), RandomizedSVD(2), Auto()):
        with pytest.raises(SingularMatrixError, match=r"J = 0"):
            solver.solve([(zero, np.ones(5))], np.ones(3), 1e-3, relative=True)
        np.testing.assert_array_equal(solver.solve([(zero, np.ones(5))], np.ones(3), 1e-3).v, np.ones(3))


# RandomizedSVD


def test_what_lies_beyond_the_rank_keeps_the_anchor():
    sigma = np.r_[3.0, 2.0, 1.0, 1e-9 * np.ones(17)]
    J = with_spectrum(sigma, 60)
    left, _, right = np.linalg.svd(J, full_matrices=False)
    f, anchor, gamma, mu = np.cos(np.arange(60)), np.arange(20.0), 1e-3, 0.9
    v = RandomizedSVD(rank=3).solve([(J, f)], anchor, gamma, mu=mu).v
    residual = f - J @ (mu * anchor)
    filters = sigma[:3] / (sigma[:3] ** 2 + gamma)
    expected = mu * anchor + right[:3].T @ (filters * (left[:, :3].T @ residual))
    # The range is found to within (1e-9)^5.
    np.testing.assert_allclose(v, expected, atol=1e4 * EPS * np.linalg.norm(residual))


def test_the_leading_singular_values_of_a_slow_decay():
    """Power iterations sharpen a spectrum that falls slowly: sigma_i = 1/i of 80 parameters."""
    J = with_spectrum(1 / np.arange(1.0, 81), 120)
    ranks = [
        RandomizedSVD(rank=10, power_iterations=q).solve([(J, np.ones(120))], np.zeros(80), 1e-2).effective_rank
        for q in (0, 1, 4)
    ]
    exact = np.sum(1 / (1 + 1e-2 * np.arange(1.0, 11) ** 2))
    errors = np.abs(np.array(ranks) - exact)
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-3


def test_the_same_seed_gives_the_same_bits():
    J, f, anchor = problem(80, 40, 3)
    solves = [RandomizedSVD(10, seed=seed).solve([(J, f)], anchor, 1e-2).v for seed in (4, 4, 5)]
    np.testing.assert_array_equal(solves[0], solves[1])
    assert not np.array_equal(solves[0], solves[2])


def test_rank_deficiency_without_gamma_is_refused():
    J = with_spectrum(np.r_[1.0, 1.0, np.zeros(8)], 20)
    with pytest.raises(SingularMatrixError, match="rank-deficient"):
        RandomizedSVD(5).solve([(J, np.ones(20))], np.zeros(10), 0.0)
    v = RandomizedSVD(2).solve([(J, np.ones(20))], np.zeros(10), 0.0).v
    np.testing.assert_allclose(v, np.linalg.pinv(J, rcond=1e-8) @ np.ones(20), atol=1e4 * EPS)


# Auto


@pytest.mark.parametrize(
    ("n", "p", "gamma", "relative", "chosen"),
    [
        (60, 20, 1e-6, True, Cholesky()),
        (60, 20, 1e-6, False, Cholesky()),
        (60, 20, 1e-13, True, QR()),
        (60, 20, 1e-13, False, QR()),
        (60, 20, 0.0, False, QR()),
        (20, 60, 1e-6, True, Dual()),
        (20, 60, 1e-6, False, Dual()),
        (20, 60, 1e-13, True, SVD()),
        (20, 60, 1e-17, False, SVD()),
    ],
)
def test_auto_chooses_and_says_what(n, p, gamma, relative, chosen):
    J = with_spectrum(np.logspace(0, -4, 60)[: max(p, 20)], n)
    f, anchor = np.cos(np.arange(n)), np.sin(np.arange(p))
    solution = Auto().solve(iter([(J[:7], f[:7]), (J[7:], f[7:])]), anchor, gamma, relative=relative)
    assert solution.solver == chosen
    same = chosen.solve([(J, f)], anchor, gamma, relative=relative)
    assert solution.gamma == pytest.approx(same.gamma, rel=1e-3)
    assert np.linalg.norm(J @ solution.v - f) == pytest.approx(np.linalg.norm(J @ same.v - f), rel=1e-6)


def test_auto_takes_the_accurate_path_where_cholesky_fails():
    J = with_spectrum(np.r_[np.ones(10), np.zeros(10)], 30)
    rows = [(J, np.ones(30))]
    with pytest.raises(SingularMatrixError):
        Cholesky().solve(rows, np.zeros(20), 1e-19)
    assert Auto().solve(rows, np.zeros(20), 1e-19).solver == QR()


def test_auto_iterates_where_no_factor_fits():
    J, f, anchor = problem(40, 12, 5)
    solution = Auto(largest=10).solve([(J, f)], anchor, 0.2)
    assert isinstance(solution.solver, LSMR) and solution.iterations is not None
    reference = least_squares(J, f, anchor, 0.2)
    assert np.linalg.norm(solution.v - reference) <= room(J, 0.2) * 1e-12 / EPS * np.linalg.norm(reference)


# Input


@pytest.mark.parametrize("make", [LSMR, RandomizedSVD, Auto])
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"rtol": -1.0}, "rtol"),
        ({"iterations": 0}, "iterations"),
        ({"rank": 0}, "rank"),
        ({"rank": 2, "oversampling": -1}, "oversampling"),
        ({"rank": 2, "power_iterations": 1.5}, "power_iterations"),
        ({"largest": 0}, "largest"),
    ],
)
def test_bad_settings_are_named(make, setting, message):
    if set(setting) <= set(make.__dataclass_fields__):
        with pytest.raises(ValueError, match=message):
            make(**setting)


def test_bad_products_are_named():
    J, f, anchor = problem(5, 3, 7)
    bad = [
        (Products(lambda v: J @ v, lambda r: r, f, 3), r"jtr gave an array of shape \(5,\), expected \(3,\)"),
        (Products(lambda v: v, lambda r: J.T @ r, f, 3), r"jv gave an array of shape \(3,\), expected \(5,\)"),
        (Products(lambda v: J @ v * np.nan, lambda r: J.T @ r, f, 3), r"what jv gave is not finite in 5 entries"),
        (Products(lambda v: J @ v, lambda r: J.T @ r, f * np.inf, 3), r"f is not finite in 5 entries"),
        (Products(lambda v: J @ v, lambda r: J.T @ r, f[:, None], 3), r"f must have shape \(n,\)"),
        (Products(lambda v: J @ v, lambda r: J.T @ r, f, 4), r"J must have shape \(n, 3\) as the anchor, got \(5, 4\)"),
    ]
    for rows, message in bad:
        with pytest.raises(ValueError, match=message):
            LSMR().solve(rows, anchor, 1e-3)


def test_a_solution_survives_pickling():
    J, f, anchor = problem(9, 4, 8)
    for solver in SOLVERS:
        solution = pickle.loads(pickle.dumps(solver.solve([(J, f)], anchor, 0.1)))
        assert solution.solver is not None and solution.sigma_max > 0


@pytest.mark.parametrize("solver", [Cholesky(), QR(), SVD(), Dual(), LSMR(), RandomizedSVD(30), Auto()], ids=repr)
@pytest.mark.parametrize("p", [9, 30])
def test_stacked_rows_are_the_rows_below_each_other(solver, p):
    rng = np.random.default_rng(4)
    parts = [(rng.standard_normal((n, p)), rng.standard_normal(n)) for n in (13, 1, 6)]
    anchor = rng.standard_normal(p)
    stacked = Stacked(tuple(Held(J, f) for J, f in parts))
    whole = [np.concatenate(part) for part in zip(*parts, strict=True)]
    found = solver.solve(stacked, anchor, 0.2, mu=0.9)
    expected = SVD().solve([tuple(whole)], anchor, 0.2, mu=0.9)
    np.testing.assert_allclose(found.v, expected.v, rtol=1e-9, atol=1e-11)
    again = solver.compute(solver.init(stacked, 0.2), stacked, anchor, mu=0.9)
    np.testing.assert_allclose(again.v, expected.v, rtol=1e-9, atol=1e-11)
