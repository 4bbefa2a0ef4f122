"""γ by the velocity that it allows."""

import pickle

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.dfi import Budget
from symdfi.linalg.anchored.subspace import Entries

X = sp.Symbol("x")
u = sp.Function("u")(sd.t, X)
EPS = np.finfo(float).eps


def exactly(problem, theta, gammas):
    """‖v_γ‖ and ρ_γ by singular values."""
    jacobian, f = problem.rows(theta, 0.0)
    left, sigma, right = np.linalg.svd(jacobian, full_matrices=False)
    found = []
    for gamma in gammas:
        v = right.T @ (sigma / (sigma**2 + gamma * sigma[0] ** 2) * (left.T @ f))
        found.append((np.linalg.norm(v), np.linalg.norm(jacobian @ v - f) / np.linalg.norm(f)))
    return np.array(found).T


@pytest.fixture(scope="module")
def fronts():
    """Nagumo's equation by eight Gaussians that lie close together: they follow it, but not well."""
    equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(X, 2) / 50 + u * (1 - u) * (u - sp.Rational(1, 4))))
    problem = sd.Problem(equation, sd.gaussians([X], 8), sd.Box([(-5, 5)]), sd.Grid(200))
    theta = problem.theta({"a": np.full(8, 0.3), "w": np.linspace(0.9, 1.1, 8), "b": np.linspace(-1, 1, 8)})
    return problem, theta


@pytest.mark.parametrize("factor", [1.2, 1.9, 3.0])
def test_the_first_gamma_is_the_least_that_is_worth_it(fronts, factor):
    """To what is lost by going in tenths."""
    problem, theta = fronts
    budget = Budget(factor, first=1e-15)
    gamma = sd.evolve(problem, theta, (0, 0.01), 0.01, sd.DFI(gamma=budget)).last.own["budget"]
    assert budget.least <= gamma <= budget.reference
    tried = np.geomspace(100 * budget.reference, gamma / 10, 200)
    costs = np.multiply(*exactly(problem, theta, tried))
    worth = costs <= factor * np.minimum.accumulate(costs)
    over = tried[~worth].max(initial=0.0)
    assert over / 10 <= gamma * (1 + 1e-9)
    assert worth[tried >= 10 * gamma].all()


def curve(speed, residual):
    return lambda gamma: (speed(gamma), residual(gamma))


def test_where_nothing_costs_gamma_goes_to_the_least():
    budget = Budget()
    free = curve(lambda gamma: 1.0, lambda gamma: 1e-9)
    assert budget.gamma(free, None) == pytest.approx(budget.least)
    assert budget.gamma(free, 1e-8) == pytest.approx(1e-8 * (budget.least / 1e-8) ** budget.pace)
    assert budget.gamma(free, budget.least) == pytest.approx(budget.least)


def test_a_residual_that_falls_as_fast_is_worth_the_velocity():
    """ρ ~ √γ at ‖v‖ ~ γ^(−1/4), not at γ^(−1/2)."""
    falls = lambda gamma: 1e-6 * gamma**0.5  # noqa: E731
    budget = Budget(pace=1.0)
    assert budget.gamma(curve(lambda gamma: gamma**-0.25, falls), 1e-8) == pytest.approx(budget.least)
    # Over 100·reference by γ^(−1/4): at the factor already.
    assert budget.gamma(curve(lambda gamma: gamma**-0.5, falls), 1e-8) == budget.reference
    assert budget.gamma(curve(lambda gamma: gamma**-0.3, falls), 1e-8) == pytest.approx(1e-4 * 1.9**-20)


def test_no_less_than_what_the_residual_may_drive():
    budget = Budget(pace=1.0)
    stays = curve(lambda gamma: 1.0, lambda gamma: 1e-3)
    assert budget.gamma(stays, 1e-8) == pytest.approx((1e-3 / 140) ** 2)
    assert budget.gamma(stays, None) == pytest.approx(1e-10)
    for last in (None, 1e-8):
        assert budget.gamma(curve(lambda gamma: 1.0, lambda gamma: 0.9), last) == pytest.approx(budget.safe)
    bold = Budget(safe=1e-3, pace=1.0)
    assert bold.gamma(curve(lambda gamma: 1.0, lambda gamma: 0.9), 1e-8) == bold.reference


def test_of_a_linear_ansatz_velocities_cost_nothing():
    budget, driven = Budget(pace=1.0), curve(lambda gamma: gamma**-0.5, lambda gamma: 0.5)
    assert budget.gamma(driven, 1e-7) == budget.reference
    for last in (None, 1e-7):
        assert budget.gamma(driven, last, linear=True) == pytest.approx(budget.safe)


def test_where_rounding_hides_the_velocity_or_nothing_moves():
    budget = Budget(pace=1.0)
    assert budget.gamma(lambda gamma: (1.0, 1e-9) if gamma > 5e-9 else None, 1e-7) == pytest.approx(1e-8)
    assert budget.gamma(lambda gamma: None, 1e-7) == budget.reference
    still = curve(lambda gamma: 0.0, lambda gamma: 1.0)
    assert budget.gamma(still, 1e-7) == pytest.approx(1e-7)
    assert budget.gamma(still, None) == budget.reference


def test_one_run_in_two_parts(fronts):
    problem, theta = fronts
    whole = sd.evolve(problem, theta, (0, 0.5), 0.03125)
    half = sd.evolve(problem, theta, (0, 0.25), 0.03125)
    rest = sd.evolve(problem, pickle.loads(pickle.dumps(half.last)), (0.25, 0.5), 0.03125)
    np.testing.assert_array_equal(rest.theta, whole.theta[8:])
    assert rest.last.own == whole.last.own


def test_curves_by_the_normal_equations_and_by_singular_values(fronts):
    """Of relative error eps/γ at most, residuals to √eps; within a subspace velocities are smaller."""
    problem, theta = fronts
    solves = sd.dfi.Solves(problem)
    gammas = [1e-3, 1e-6, 1e-9]
    speeds, residuals = exactly(problem, theta, gammas)
    found = solves.curve(sd.QR(), theta, 0.0)
    for gamma, speed, residual in zip(gammas, speeds, residuals, strict=True):
        # σ₁ by iteration, to 5e-4 at worst.
        assert found(gamma) == pytest.approx((speed, residual), rel=2e-3 + 100 * EPS / gamma)
    few = problem.sampled((problem.points[::10], 10 * problem.weights[::10]))
    found = sd.dfi.Solves(few).curve(sd.SVD(), theta, 0.0)
    np.testing.assert_allclose([found(gamma) for gamma in gammas], exactly(few, theta, gammas).T, rtol=1e-6)
    assert sd.dfi.Solves(problem).curve(sd.Auto(), 0 * theta, 0.0)(1e-6) == (0, 1)
    assert sd.dfi.Solves(few).curve(sd.Auto(), 0 * theta, 0.0)(1e-6) == (0, 1)
    restricted = sd.dfi.Solves(problem)
    with restricted.within(lambda theta, time, spaces: Entries(np.arange(0, theta.size, 2), theta.size)):
        less = restricted.curve(sd.QR(), theta, 0.0)(1e-6)
    assert less[0] < speeds[1] and less[1] > residuals[1]


def test_the_normal_equations_are_formed_once(fronts):
    """The first stage of a step has those of the budget: the same minimiser, to the rounding errors of J v."""
    problem, theta = fronts
    solves, anchor = sd.dfi.Solves(problem), np.linspace(-1, 1, theta.size)
    plain = solves.solve(sd.Cholesky(), theta, 0.0, anchor, 1e-6, relative=True)
    solves.curve(sd.Cholesky(), theta, 0.0)
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
        (dict(factor=np.inf), "factor = inf must be larger than 1, and finite"),
        (dict(driven=0.0), "driven = 0.0 must be positive"),
        (dict(safe=np.nan), "safe = nan must be positive"),
        (dict(first=-1.0), "first = -1.0 must be positive"),
        (dict(pace=1.5), "pace = 1.5 must be positive, and at most 1"),
        (dict(least=1e-14), "least = 1e-14 must be 1e-12 at least"),
        (dict(least=1e-5), "at most reference = 1e-06"),
        (dict(reference=np.nan), "at most reference = nan"),
    ],
)
def test_bad_settings(bad, message):
    with pytest.raises(ValueError, match=message):
        Budget(**bad)


def test_a_budget_and_epsilon():
    with pytest.raises(ValueError, match="give only one of epsilon and gamma"):
        sd.DFI(epsilon=1e-5, gamma=Budget())
