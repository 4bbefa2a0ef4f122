"""γ by the velocity that it allows."""

import pickle

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.dfi import Budget

X = sp.Symbol("x")
u = sp.Function("u")(sd.t, X)
EPS = np.finfo(float).eps


def norms(problem, theta, gammas):
    """‖v_γ‖ by singular values."""
    jacobian, f = problem.rows(theta, 0.0)
    left, sigma, _ = np.linalg.svd(jacobian, full_matrices=False)
    parts = sigma * (left.T @ f)
    return np.array([np.linalg.norm(parts / (sigma**2 + gamma * sigma[0] ** 2)) for gamma in gammas])


@pytest.fixture(scope="module")
def fronts():
    """Nagumo's equation by eight Gaussians that lie close together: they follow it, but not well."""
    equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(X, 2) / 50 + u * (1 - u) * (u - sp.Rational(1, 4))))
    problem = sd.Problem(equation, sd.gaussians([X], 8), sd.Box([(-5, 5)]), sd.Grid(200))
    theta = problem.theta({"a": np.full(8, 0.3), "w": np.linspace(0.9, 1.1, 8), "b": np.linspace(-1, 1, 8)})
    return problem, theta


def test_gamma_is_the_least_within_the_budget(fronts):
    problem, theta = fronts
    for factor in (2.0, 4.0):
        budget = Budget(factor)
        begun = sd.evolve(problem, theta, (0, 0.01), 0.01, sd.DFI(gamma=budget))
        # The first γ is one of a sequence: at the next one velocities are over the budget, or there is none.
        gamma = begun.last.own["budget"]
        reference, at, below = norms(problem, theta, [budget.reference, gamma, gamma / budget.rise])
        assert at <= factor * reference * (1 + 1e-3)
        assert gamma == budget.least or below > factor * reference * (1 - 1e-3)
        assert budget.least < gamma < budget.reference


def test_a_run_stays_within_the_budget_but_for_a_moment(fronts):
    problem, theta = fronts
    budget = Budget(3.0)
    motion, over = theta, []
    for k in range(30):
        motion = sd.evolve(problem, motion, (0.02 * k, 0.02 * (k + 1)), 0.02, sd.DFI(gamma=budget)).last
        reference, at = norms(problem, motion.theta, [budget.reference, motion.own["budget"]])
        over.append(at / reference / budget.factor)
    assert np.median(over) <= 1
    assert max(over) <= budget.rise


def test_no_less_than_the_level_of_the_residual():
    """γ goes to γ* by bounded factors, to the reference at most."""
    budget, slow = Budget(), lambda gammas: [1.0 for _ in gammas]
    last = 10 * budget.least
    for residual in (0.0, 1.0):
        assert budget.gamma(slow, last, 2 * last, residual) == pytest.approx(2 * last)
        assert budget.gamma(slow, last, 0.9 * last, residual) == pytest.approx(0.9 * last)
        assert budget.gamma(slow, last, 0.5 * last, residual) == last / budget.fall
        assert budget.gamma(slow, last, np.inf, residual) == pytest.approx(budget.rise * last)
    assert budget.gamma(slow, budget.reference, np.inf, 1.0) == budget.reference


def test_below_the_least_where_the_residual_is_small():
    budget, slow = Budget(), lambda gammas: [1.0 for _ in gammas]
    last, level = budget.least, budget.least / 2
    assert budget.gamma(slow, last, level, 1.0) == budget.gamma(slow, last, level, 1e-3) == last
    assert budget.gamma(slow, last, level, 9e-6) == pytest.approx(max(9e-6**2 / 2, last / budget.fall))
    assert budget.gamma(slow, last, level, 1e-9) == last / budget.fall
    assert budget.gamma(slow, budget.floor, 0.0, 0.0) == budget.floor


def test_over_the_budget_gamma_rises_whatever_the_level():
    budget, fast = Budget(), lambda gammas: [gamma**-0.5 for gamma in gammas]
    assert budget.gamma(fast, 1e-9, 0.0, 0.0) == pytest.approx(budget.rise * 1e-9)
    assert budget.gamma(fast, 1e-9, 1.0, 0.0) == pytest.approx(budget.rise * 1e-9)
    assert budget.gamma(fast, 1e-6, 0.0, 0.0) <= budget.reference


def test_one_run_in_two_parts(fronts):
    problem, theta = fronts
    whole = sd.evolve(problem, theta, (0, 0.5), 0.03125)
    half = sd.evolve(problem, theta, (0, 0.25), 0.03125)
    rest = sd.evolve(problem, pickle.loads(pickle.dumps(half.last)), (0.25, 0.5), 0.03125)
    np.testing.assert_array_equal(rest.theta, whole.theta[8:])
    assert rest.last.own == whole.last.own


def test_velocities_by_the_normal_equations_and_by_a_solver(fronts):
    """Of relative error eps/γ at most, either way; within a subspace they are smaller."""
    problem, theta = fronts
    solves = sd.dfi.Solves(problem)
    gammas = [1e-3, 1e-6, 1e-9]
    exact = norms(problem, theta, gammas)
    found = solves.speeds(sd.QR(), theta, 0.0)(gammas)
    for own, true, gamma in zip(found, exact, gammas, strict=True):
        # σ₁ by iteration, to 5e-4 at worst.
        assert own == pytest.approx(true, rel=2e-3 + 100 * EPS / gamma)
    few = problem.sampled((problem.points[::10], 10 * problem.weights[::10]))
    found = sd.dfi.Solves(few).speeds(sd.SVD(), theta, 0.0)(gammas)
    np.testing.assert_allclose(found, norms(few, theta, gammas), rtol=1e-6)
    assert sd.dfi.Solves(problem).speeds(sd.Auto(), 0 * theta, 0.0)(gammas) == pytest.approx([0, 0, 0])


def test_the_normal_equations_are_formed_once(fronts):
    """The first stage of a step has those of the budget: the same minimiser, to the rounding errors of J v."""
    problem, theta = fronts
    solves, anchor = sd.dfi.Solves(problem), np.linspace(-1, 1, theta.size)
    plain = solves.solve(sd.Cholesky(), theta, 0.0, anchor, 1e-6, relative=True)
    solves.speeds(sd.Cholesky(), theta, 0.0)([1e-6])
    formed = solves.solve(sd.Cholesky(), theta, 0.0, anchor, 1e-6, relative=True)
    np.testing.assert_allclose(formed, plain, atol=100 * EPS / 1e-6 * np.linalg.norm(plain))


def test_with_columns_of_j_alone(fronts):
    problem, theta = fronts
    solution = sd.evolve(problem, theta, (0, 0.2), 0.02, sd.dfi.RSNG(12, sd.DFI()))
    assert np.isfinite(solution.theta).all()
    assert Budget().least <= solution.last.own["budget"] <= Budget().reference


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (dict(factor=1.0), "factor = 1.0 must be larger than 1"),
        (dict(rise=np.inf), "rise = inf must be larger than 1, and finite"),
        (dict(fall=0.5), "fall = 0.5 must be larger than 1"),
        (dict(least=1e-14), "least = 1e-14 must be 1e-12 at least"),
        (dict(least=1e-5), "at most reference = 1e-06"),
        (dict(floor=0.0), "floor = 0.0 must be 1e-15 at least"),
        (dict(floor=1e-9), "floor = 1e-09 must be 1e-15 at least, and at most least = 5e-11"),
        (dict(reference=np.nan), "at most reference = nan"),
    ],
)
def test_bad_settings(bad, message):
    with pytest.raises(ValueError, match=message):
        Budget(**bad)


def test_a_budget_and_epsilon():
    with pytest.raises(ValueError, match="give only one of epsilon and gamma"):
        sd.DFI(epsilon=1e-5, gamma=Budget())
