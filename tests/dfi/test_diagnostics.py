"""What is measured of a run, every step or every so many, and that it is what its formulas give."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.dfi.solution import _SCALARS

X = sp.Symbol("x")
u = sp.Function("u")(sd.t, X)
COSTLY = [name for name in _SCALARS if name not in ("gamma", "velocity_change")]
PDE = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -u.diff(X) + u.diff(X, 2) / 10))


def exact(x, t):
    return np.exp(-((x - t) ** 2) / (1 + 0.4 * t)) / np.sqrt(1 + 0.4 * t)


@pytest.fixture(scope="module")
def redundant():
    """V1, small: two equal Gaussians, so that J has rank 3 of 6."""
    problem = sd.Problem(PDE, sd.gaussians([X], 2), sd.Box([(-10, 10)]), sd.Grid(200))
    return problem, problem.ansatz.pack({"a": [0.5, 0.5], "w": [1, 1], "b": [0, 0]})


@pytest.mark.parametrize("scheme", ["euler", "bdf2", "rk4"])
@pytest.mark.parametrize(("every", "save_every"), [(3, 1), (4, 4), (7, 2), (100, 5)])
def test_measuring_every_so_many_steps(redundant, scheme, every, save_every):
    problem, theta0 = redundant
    stepper = sd.DFI(gamma=1e-6, scheme=scheme)
    run = lambda **more: sd.evolve(problem, theta0, (0, 1), 0.05, stepper, save_every=save_every, **more)  # noqa: E731
    always, seldom = run(), run(measure_every=every)
    for name in ("t", "theta", "velocity", "gamma", "velocity_change"):
        np.testing.assert_array_equal(getattr(seldom, name), getattr(always, name))
    # Costly ones are what they always are, or not there.
    steps = np.round(seldom.t / seldom.dt).astype(int)
    measured, last = [], -every
    for step in steps:
        measured.append(step - last >= every or step == 20)
        last = step if measured[-1] else last
    for name in COSTLY:
        found, known = getattr(seldom, name), getattr(always, name)
        np.testing.assert_array_equal(np.isfinite(found), measured)
        np.testing.assert_array_equal(found[measured], known[measured])
    # The paths measured together make up the run, and hold the error as well.
    lengths = [min(every, 20 - first) for first in range(0, 20, every)]
    np.testing.assert_allclose(seldom.step_dt, 0.05 * np.array(lengths))
    np.testing.assert_allclose(seldom.step_t, 0.05 * np.cumsum([0, *lengths[:-1]]), atol=1e-12)
    errors = seldom.errors(exact)
    assert (errors <= seldom.error_bound + 1e-12).all() and np.isfinite(seldom.error_bound).all()
    assert (seldom.bound(-1.0) <= seldom.error_bound).all()
    assert seldom.bound(-1.0, 1.0)[1] >= 0.99 * np.exp(-seldom.t[1])


def test_a_path_of_several_steps_is_of_the_order_of_its_cubic(redundant):
    problem, theta0 = redundant
    stepper = sd.DFI(epsilon=1e-10, scheme="rk4")
    bounds = [
        sd.evolve(problem, theta0, (0, 1), 0.0125, stepper, measure_every=every).error_bound[-1] for every in (8, 4)
    ]
    assert np.log2(bounds[0] / bounds[1]) == pytest.approx(3, abs=0.3)


@pytest.mark.parametrize("redraw", [False, True])
def test_a_path_too_coarse_for_several_steps_is_no_failure(redraw):
    """A narrow wave swings four times to and fro in steps that follow it; a cubic over thirty of them does not."""
    b = sp.Symbol("b")
    swing = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -20 * sp.cos(20 * sd.t) * u.diff(X)))
    samples = sd.QuasiMonteCarlo(256, redraw=redraw)
    problem = sd.Problem(swing, sd.Ansatz(sp.exp(-((5 * (X - b)) ** 2)), [X], [b]), sd.Box([(-2, 2)]), samples)
    solution = sd.evolve(problem, [0.0], (0, 1.25), 0.0125, sd.DFI(epsilon=1e-10), measure_every=30)
    np.testing.assert_allclose(solution.theta[:, 0], np.sin(20 * solution.t), atol=1e-3)
    # What the path strays is still a bound, of the whole run, and a poor one.
    assert solution.step_dt.sum() == pytest.approx(1.25)
    assert 1 < solution.bound(0.0)[-1] < np.inf


def test_a_run_that_stops_early_is_measured_to_its_end(redundant):
    problem, theta0 = redundant
    run = lambda **more: sd.evolve(  # noqa: E731
        problem, theta0, (0, 1), 0.05, sd.DFI(gamma=1e-6), save_every=3, measure_every=4, **more
    )
    seen = []
    stopped = run(on_step=lambda step, time, so_far: seen.append(so_far.error_bound[-1]) or step == 10)
    assert stopped.step_t[-1] + stopped.step_dt[-1] == pytest.approx(0.5)
    assert np.isfinite(stopped.error_bound).all() and np.isfinite(stopped.residual[-1])
    assert len(seen) == 10 and seen[-1] == pytest.approx(stopped.error_bound[-1])
    # What was asked for on the way leaves no trace.
    np.testing.assert_array_equal(run().step_residual[:2], stopped.step_residual[:2])


def test_a_failure_within_a_path():
    """The good steps before it are measured; where there are none after the last measured, the bound is infinite."""
    a = sp.Symbol("a")
    grow = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u**2))
    problem = sd.Problem(grow, sd.Ansatz(a + 0 * X, [X], [a]), sd.Box([(0, 1)]), sd.Grid(8))
    for every in (1, 5, 1000):
        with pytest.raises(sd.DivergenceError, match="step") as raised:
            sd.evolve(problem, [1.0], (0, 3), 0.02, sd.DFI(epsilon=1e-6), measure_every=every, save_every=2)
        partial = raised.value.partial
        ends = partial.step_t + partial.step_dt
        assert (np.diff(partial.step_t) > 0).all()
        covered = partial.t <= (ends[-1] if ends.size else 0) + 1e-9
        assert np.isfinite(partial.bound(0.0)[covered]).all() and np.isinf(partial.bound(0.0)[~covered]).all()
        if every < 1000:
            assert covered[:-1].all()


def test_samples_that_change_are_measured_too():
    problem = sd.Problem(PDE, sd.gaussians([X], 2), sd.Box([(-10, 10)]), sd.QuasiMonteCarlo(256, redraw=True))
    theta0 = {"a": [0.5, 0.5], "w": [1, 1], "b": [0, 0]}
    for every in (1, 3):
        solution = sd.evolve(problem, theta0, (0, 0.5), 0.05, sd.DFI(gamma=1e-6), measure_every=every)
        assert np.isfinite(solution.error_bound).all()
        assert solution.step_dt.sum() == pytest.approx(0.5)


@pytest.mark.parametrize("solver", [sd.Cholesky(), sd.QR(), sd.SVD(), sd.Dual(), sd.Auto()], ids=repr)
@pytest.mark.parametrize("points", [40, 5])
def test_what_a_solve_leaves_to_the_anchor(solver, points):
    rng = np.random.default_rng(0)
    J, f, anchor, gamma = rng.normal(size=(points, 8)), rng.normal(size=points), rng.normal(size=8), 0.3
    found = solver.solve([(J, f)], anchor, gamma)
    left = gamma * np.linalg.solve(J.T @ J + gamma * np.eye(8), found.v)
    assert found.undecided == pytest.approx(np.linalg.norm(left) / np.linalg.norm(found.v), rel=1e-8)
    # All of a velocity in the null space.
    if points < 8:
        null = np.linalg.svd(J)[2][-1]
        assert solver.solve([(J, J @ null)], null, gamma).undecided == pytest.approx(1, rel=1e-8)
    assert solver.solve([(J, 0 * f)], 0 * anchor, gamma).undecided == 0.0


def test_shares_where_no_factor_sees_them():
    J, f = np.eye(4), np.ones(4)
    assert np.isnan(sd.LSMR().solve([(J, f)], f, 0.1).undecided)
    assert sd.TruncatedSVD(1e-8).solve([(J, f)], f, 0.0).undecided == pytest.approx(0, abs=1e-12)


def test_the_null_space_share_of_a_run(redundant):
    """Two equal units: what moves them apart is not decided by the data."""
    problem, theta0 = redundant
    apart = {"a": [0, 0], "w": [0, 0], "b": [1, -1]}
    solution = sd.evolve(problem, theta0, (0, 0.02), 0.01, sd.DFI(epsilon=1e-8), velocity0=apart)
    assert solution.null_share[0] > 0.3
    together = sd.evolve(problem, theta0, (0, 0.02), 0.01, sd.DFI(epsilon=1e-8))
    assert (together.null_share < 1e-4).all()
    # Random sparse updates: of the coordinates of the step.
    sparse = sd.evolve(problem, theta0, (0, 0.02), 0.01, sd.RSNG(3, sd.DFI(gamma=1e-6)))
    assert ((sparse.null_share >= 0) & (sparse.null_share <= 1)).all()


@pytest.mark.parametrize("solver", [sd.Cholesky(), sd.QR()], ids=repr)
def test_spectra_and_what_follows_from_them(redundant, solver):
    problem, theta0 = redundant
    stepper = sd.DFI(epsilon=1e-5, scheme="euler", solver=solver)
    solution = sd.evolve(problem, theta0, (0, 0.2), 0.02, stepper, spectrum=True, measure_every=2)
    spectrum, measured = solution.spectrum, np.isfinite(solution.residual)
    assert spectrum is not None
    np.testing.assert_array_equal(np.isfinite(spectrum).all(axis=1), measured)
    sigma, gamma = spectrum[measured] ** 2, solution.gamma[measured]
    rank = (sigma / (sigma + gamma[:, None])).sum(axis=1)
    np.testing.assert_allclose(solution.effective_rank[measured], rank, rtol=1e-6)
    assert (spectrum[measured][:, 3:] <= 1e-6 * spectrum[measured][:, :1]).all()
    assert solution.dataset["spectrum"].dims == ("time", "direction")
    later = sd.evolve(problem, solution.last, (0.2, 0.3), 0.02, stepper, spectrum=True)
    assert solution.then(later).dataset["spectrum"].shape == (len(solution.t) + len(later.t) - 1, 6)
    assert sd.evolve(problem, theta0, (0, 0.02), 0.02, stepper).spectrum is None


def test_diagnostics_are_in_the_dataset(redundant):
    problem, theta0 = redundant
    solution = sd.evolve(problem, theta0, (0, 0.2), 0.02, sd.DFI(gamma=1e-6))
    for name in (*_SCALARS, "step_restriction", "error_bound"):
        np.testing.assert_array_equal(solution.dataset[name], getattr(solution, name))
    np.testing.assert_array_equal(solution.step_restriction, solution.dt * solution.residual_solved / solution.gamma)
    # Of RK4 the velocity at a step's beginning against the last one solved for, at its end.
    assert (solution.velocity_change[1:] < 0.1 * np.linalg.norm(solution.velocity, axis=1)[1:]).all()


def test_bad_settings(redundant):
    problem, theta0 = redundant
    with pytest.raises(ValueError, match="measure_every = 0"):
        sd.evolve(problem, theta0, (0, 1), 0.1, measure_every=0)
