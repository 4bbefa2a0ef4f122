"""The rows of a problem in the forms that solvers ask for: J as a whole, in products, or in normal equations."""

import tracemalloc

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.kernels import threads
from symdfi.dfi.source import Division
from symdfi.dfi.steppers import Solves
from symdfi.linalg import LSMR, QR, SVD, Auto, Cholesky, Dual, RandomizedSVD, TruncatedSVD
from symdfi.linalg.blas import one_blas_thread

EPS = np.finfo(float).eps
X = sp.Symbol("x")
u = sp.Function("u")(sd.t, X)
BURGERS = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), 1e-2 * u.diff(X, 2) - u * u.diff(X)))


@pytest.fixture(autouse=True)
def as_in_a_run():
    with one_blas_thread():
        yield


def gaussians(count, points, seed=0):
    """A problem, parameters, and a velocity."""
    problem = sd.Problem(BURGERS, sd.gaussians([X], count), sd.Box([(-1, 1)]), sd.Grid(points))
    rng = np.random.default_rng(seed)
    theta = np.concatenate([rng.normal(size=count), 4 + rng.random(count), np.linspace(-1, 1, count)])
    return problem, theta, rng.normal(size=3 * count)


def close(found, expected, scale, terms):
    """Equal up to the rounding of sums of so many terms of that scale."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=20 * terms * EPS * scale)


@pytest.mark.parametrize(("count", "points"), [(4, 30), (4, 3000), (30, 1031), (3, 20_000), (350, 700)])
@pytest.mark.parametrize("still", [True, False])
def test_normal_equations_are_those_of_the_rows(count, points, still):
    problem, theta, v = gaussians(count, points)
    J, f = problem.rows(theta, 0.3)
    normal = problem.source(theta, 0.3).normal(None if still else v)
    residual = f if still else f - J @ v
    assert normal.n == points
    np.testing.assert_array_equal(np.triu(normal.gram, 1), 0.0)
    close(normal.gram, np.tril(J.T @ J), np.max(np.sum(J**2, axis=0)), points)
    close(
        normal.gradient, J.T @ residual, np.linalg.norm(J) * np.linalg.norm(np.abs(f) + np.abs(J) @ np.abs(v)), points
    )


def test_several_fields_have_a_row_each():
    p = sp.Function("p")(sd.t, X)
    waves = sd.EvolutionEquation([sp.Eq(u.diff(sd.t), p), sp.Eq(p.diff(sd.t), u.diff(X, 2))])
    problem = sd.Problem(waves, {u: sd.gaussians([X], 3), p: sd.gaussians([X], 2)}, sd.Box([(-1, 1)]), sd.Grid(1500))
    rng = np.random.default_rng(3)
    theta, v = rng.normal(size=15), rng.normal(size=15)
    J, f = problem.rows(theta, 0.0)
    assert J.shape == (3000, 15)
    source = problem.source(theta, 0.0)
    normal = source.normal(v)
    close(normal.gram, np.tril(J.T @ J), np.max(np.sum(J**2, axis=0)), 3000)
    close(
        normal.gradient, J.T @ (f - J @ v), np.linalg.norm(J) * np.linalg.norm(np.abs(f) + np.abs(J) @ np.abs(v)), 3000
    )
    close(problem.jtr(theta, f, 0.0), J.T @ f, np.max(np.abs(J).T @ np.abs(f)), 3000)
    for chunk, whole in zip(zip(*source.blocks(), strict=True), (J, f), strict=True):
        np.testing.assert_array_equal(np.concatenate(chunk), whole)


@pytest.mark.parametrize(("count", "points"), [(4, 30), (30, 3001)])
def test_products_are_those_of_the_rows(count, points):
    problem, theta, v = gaussians(count, points)
    J, f = problem.rows(theta, 0.3)
    close(problem.jv(theta, v, 0.3), J @ v, np.max(np.abs(J) @ np.abs(v)), 3 * count)
    close(problem.jtr(theta, f, 0.3), J.T @ f, np.max(np.abs(J).T @ np.abs(f)), points)
    source = problem.source(theta, 0.3)
    left, right = np.random.default_rng(1).normal(size=(points, 3)), np.random.default_rng(2).normal(size=(v.size, 3))
    close(source.product(right), J @ right, np.max(np.abs(J) @ np.abs(right)), 3 * count)
    close(source.pulled(left), J.T @ left, np.max(np.abs(J).T @ np.abs(left)), points)


@pytest.mark.parametrize(("count", "points"), [(20, 5000), (350, 1100)])
def test_any_number_of_threads_gives_the_same_bits(monkeypatch, count, points):
    problem, theta, v = gaussians(count, points)
    r = np.cos(np.arange(float(points)))
    found = []
    for cores in (1, 2, 3):
        monkeypatch.setattr(threads, "_cores", lambda cores=cores: cores)
        threads._started.cache_clear()  # so that there are as many
        normal = problem.source(theta, 0.0).normal(v)
        step = Cholesky().solve(problem.source(theta, 0.0), v, 1e-6, relative=True).v
        found.append((normal.gram, normal.gradient, problem.jtr(theta, r, 0.0), step))
    threads._started.cache_clear()
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    "solver",
    [Cholesky(), QR(), SVD(), Dual(), LSMR(rtol=1e-15), RandomizedSVD(60), Auto(), TruncatedSVD(1e-6)],
    ids=repr,
)
@pytest.mark.parametrize("points", [40, 600])
def test_every_solver_takes_a_source(solver, points):
    problem, theta, v = gaussians(20, points)
    J, f = problem.rows(theta, 0.0)
    gamma = 0.0 if isinstance(solver, TruncatedSVD) else 1e-3
    one, two = (solver.solve(rows, v, gamma, relative=True).v for rows in (problem.source(theta, 0.0), [(J, f)]))
    condition = 1e6 if gamma == 0 else 1e3
    assert np.linalg.norm(one - two) <= 100 * (points + 60) * EPS * condition**2 * np.linalg.norm(two - v)


@pytest.mark.parametrize("solver", [Cholesky(), QR(), SVD(), Dual(), LSMR(rtol=1e-15), Auto()], ids=repr)
def test_a_factor_of_a_source_serves_another_anchor(solver):
    problem, theta, v = gaussians(8, 700)
    source = problem.source(theta, 0.0)
    factor = solver.init(source, 1e-3)
    again, fresh = solver.compute(factor, source, v, mu=0.5).v, solver.solve(source, v, 1e-3, mu=0.5).v
    condition = 1 + np.linalg.norm(problem.rows(theta, 0.0)[0], 2) ** 2 / 1e-3
    assert np.linalg.norm(again - fresh) <= 1000 * 24 * EPS * condition * np.linalg.norm(v)


def test_the_jacobian_is_not_in_memory():
    """50 000 samples of 300 parameters: J has 120 MB, the sums of the threads 16 times 0.72."""
    problem, theta, v = gaussians(100, 50_000)
    small = gaussians(100, 600)[0]
    Cholesky().solve(small.source(theta, 0.0), v, 1e-3)
    tracemalloc.start()
    try:
        Cholesky().solve(problem.source(theta, 0.0), v, 1e-3)
        assert tracemalloc.get_traced_memory()[1] < 30e6
    finally:
        tracemalloc.stop()


def test_tails_are_no_burden_and_rows_keep_them():
    """Gaussians whose tails run through the whole range of float64: flushed in the products, not in the rows."""
    problem, theta, v = gaussians(20, 3000)
    theta[20:40] = 18.0
    J, _ = problem.rows(theta, 0.0)
    small = np.full(3, 1e-160)
    assert (np.abs(J) < 1e-300).any()
    normal = problem.source(theta, 0.0).normal(v)
    close(normal.gram, np.tril(J.T @ J), np.max(np.sum(J**2, axis=0)), 3000)
    assert (small * small > 0).all()


@pytest.mark.parametrize(("samples", "rows", "p"), [(1, 1, 1), (100, 100, 12), (2000, 4000, 300), (10**6, 10**6, 300)])
def test_samples_are_divided_without_rest(samples, rows, p):
    division = Division.of(samples, rows, p)
    assert division.ends[0] == 0 and division.ends[-1] == samples and (np.diff(division.ends) > 0).all()
    assert division.block >= 1 and division.block * p * (rows // samples) <= max(2**16 + p, 256 * p) + p


# Errors


def exploding(points):
    """û = exp(a x) overflows at x = 1 for a large a, and its square before."""
    a = sp.Symbol("a")
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u))
    return sd.Problem(pde, sd.Ansatz(sp.exp(a * X), [X], [a]), sd.Box([(0, 1)]), sd.Grid(points))


@pytest.mark.parametrize("points", [40, 3000])
@pytest.mark.parametrize("solver", [Cholesky(), QR(), LSMR()], ids=repr)
def test_what_is_not_finite_is_named(points, solver):
    problem = exploding(points)
    source = problem.source(np.array([800.0]), 0.0)
    with pytest.raises(ValueError, match=r"is not finite in \d+ entries"):
        solver.solve(source, np.zeros(1), 1e-3)
    assert "at sample" in source.fault() and "x = (" in source.fault()
    sound = problem.source(np.array([1.0]), 0.0)
    assert sound.fault() is None
    solver.solve(sound, np.zeros(1), 1e-3)


@pytest.mark.parametrize("points", [40, 3000])
def test_squares_that_overflow_are_named(points):
    source = exploding(points).source(np.array([500.0]), 0.0)
    with pytest.raises(ValueError, match="its squares overflow"):
        Cholesky().solve(source, np.zeros(1), 1e-3)


def test_vectors_of_another_length_are_refused():
    problem, theta, v = gaussians(2, 10)
    with pytest.raises(ValueError, match=r"v has shape \(5,\), expected \(6,\)"):
        problem.jv(theta, v[:5], 0.0)
    with pytest.raises(ValueError, match=r"r has shape \(6,\), expected \(10,\)"):
        problem.jtr(theta, v, 0.0)
    with pytest.raises(ValueError, match=r"J must have shape \(n, 5\) as the anchor, got \(10, 6\)"):
        Cholesky().solve(problem.source(theta, 0.0), v[:5], 1e-3)
    with pytest.raises(ValueError, match="theta has 5 entries"):
        problem.jtr(theta[:5], v, 0.0)


@pytest.mark.parametrize(("count", "points"), [(20, 5000), (350, 1100)])
def test_solutions_keep_their_factors_while_memory_is_used_again(count, points):
    problem, theta, v = gaussians(count, points)
    solves = Solves(problem)
    found = []
    for step in range(5):
        solves.solve(Cholesky(), theta + 1e-3 * step, 0.0, v, 1e-3)
        found.append(solves.last if step % 2 == 0 else None)  # every other is given back
    for step, one in enumerate(found):
        if one is not None:
            alone = Cholesky().solve(problem.source(theta + 1e-3 * step, 0.0), v, 1e-3)
            np.testing.assert_array_equal(one.spectrum.triangle, alone.spectrum.triangle)
            assert one.effective_rank == alone.effective_rank
