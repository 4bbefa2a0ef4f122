"""J and gamma factorised once: `compute` with any f and anchor against the solve from scratch."""

import numpy as np
import pytest

from symdfi.linalg import QR, SVD, Cholesky, Dual, TruncatedSVD

EPS = np.finfo(float).eps
ANCHORED = [Cholesky(), QR(), SVD(), Dual()]
ALL = [*ANCHORED, TruncatedSVD(1e-10)]


def problem(n, p, seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, p)), rng.standard_normal((3, n)), rng.standard_normal((3, p))


def blocks(J, f, count):
    return list(zip(np.array_split(J, count), np.array_split(f, count), strict=True))


def gamma_of(solver):
    return 0.0 if isinstance(solver, TruncatedSVD) else 1e-2


@pytest.mark.parametrize("solver", ALL, ids=repr)
@pytest.mark.parametrize(("n", "p"), [(40, 12), (13, 12), (9, 25), (1, 1), (7, 1), (1, 7)])
@pytest.mark.parametrize("count", [1, 4])
def test_a_factor_serves_every_right_side_and_anchor(solver, n, p, count):
    J, fs, anchors = problem(n, p, n + 10 * p)
    factor = solver.init(blocks(J, fs[0], count), gamma_of(solver))
    assert factor.shape == (n, p)
    condition = 1 + np.linalg.norm(J, 2) ** 2 / (gamma_of(solver) or np.linalg.svd(J, compute_uv=False)[-1] ** 2)
    for f, anchor, mu in zip(fs, anchors, (1.0, 0.0, 0.9), strict=True):
        again = solver.compute(factor, blocks(J, f, 3), anchor, mu=mu)
        fresh = solver.solve([(J, f)], anchor, gamma_of(solver), mu=mu)
        scale = np.linalg.norm(fresh.v) + np.linalg.norm(anchor)
        assert np.linalg.norm(again.v - fresh.v) <= 100 * (n + p) * EPS * condition * scale
        assert again.gamma == fresh.gamma
        assert again.spectrum is factor.spectrum


@pytest.mark.parametrize("solver", ALL, ids=repr)
def test_a_factor_is_left_as_it_was(solver):
    J, fs, anchors = problem(20, 6, 1)
    factor = solver.init([(J, fs[0])], gamma_of(solver))
    first = solver.compute(factor, [(J, fs[1])], anchors[1])
    solver.compute(factor, [(J, fs[2])], anchors[2])
    np.testing.assert_allclose(solver.compute(factor, [(J, fs[1])], anchors[1]).v, first.v, rtol=1e-10)


@pytest.mark.parametrize("solver", ANCHORED, ids=repr)
def test_gamma_relative_to_the_spectrum_is_settled_once(solver):
    J, fs, anchors = problem(30, 8, 2)
    factor = solver.init([(7 * J, fs[0])], 1e-3, relative=True)
    # sigma_1 from Lanczos iteration, but for SVD.
    assert factor.spectrum.gamma == pytest.approx(1e-3 * np.linalg.norm(7 * J, 2) ** 2, rel=1e-3)
    assert solver.compute(factor, [(7 * J, fs[1])], anchors[1]).gamma == factor.spectrum.gamma


def test_a_gradient_from_elsewhere_serves_the_normal_equations():
    J, fs, anchors = problem(40, 12, 3)
    factor = Cholesky().init([(J, fs[0])], 0.1)
    v = factor.minimiser(J.T @ (fs[1] - J @ anchors[1]), anchors[1])
    condition = np.linalg.norm(J, 2) ** 2 / 0.1
    np.testing.assert_allclose(
        v, Cholesky().solve([(J, fs[1])], anchors[1], 0.1).v, rtol=0, atol=1000 * EPS * condition * np.linalg.norm(v)
    )


@pytest.mark.parametrize("solver", ALL, ids=repr)
def test_rows_of_another_jacobian_are_refused(solver):
    J, fs, anchors = problem(20, 6, 4)
    factor = solver.init([(J, fs[0])], gamma_of(solver))
    with pytest.raises(ValueError, match=r"rows holds 15 rows of J and f, but the factor is of a J with 20"):
        solver.compute(factor, [(J[:15], fs[0, :15])], anchors[0])
    with pytest.raises(ValueError, match=r"anchor must have shape \(6,\) as the factor"):
        solver.compute(factor, [(J[:, :5], fs[0])], anchors[0, :5])
    with pytest.raises(ValueError, match=r"J, block 0, must have shape \(b, 6\)"):
        solver.compute(factor, [(J[:, :5], fs[0])], anchors[0])
    bad = J.copy()
    bad[3, 2] = np.nan
    with pytest.raises(ValueError, match=r"J, block 0, is not finite in 1 entries, first at \(3, 2\)"):
        solver.compute(factor, [(bad, fs[0])], anchors[0])
    with pytest.raises(ValueError, match=r"J, block 1, must have shape \(b, 6\) as block 0"):
        solver.init([(J, fs[0]), (J[:, :5], fs[0])], gamma_of(solver))
