"""The homotopy polish, the placement of units, and the conditioning of what is found."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

X, Y = sp.symbols("x y")
u = sp.Function("u")(sd.t, X)
HEAT = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(X, 2)))
HALF = sp.Rational(1, 2)


def mixture(count, box=(-3.0, 3.0), points=200, **settings):
    return sd.Problem(HEAT, sd.gaussians([X], count, **settings), sd.Box([box]), sd.Grid(points))


def test_a_polish_goes_straight_to_what_is_in_reach():
    """û of one Gaussian moved to another: the end of the homotopy is that Gaussian, whatever the way."""
    problem = mixture(1)
    u0 = 1.2 * sp.exp(-((sp.Float(1.3) * (X - sp.Float(0.4))) ** 2))
    begin = np.array([1.0, 1.0, 0.0])
    assert sd.fit_error(problem, begin, u0) > 0.3
    theta = sd.polish(problem, begin, u0, tolerance=1e-12)
    np.testing.assert_allclose(theta, [1.2, 1.3, 0.4], rtol=1e-9)


def test_one_round_has_the_order_of_its_steps():
    """RK4 over τ in [0, 1] with a fixed γ, against many steps of it."""
    problem = mixture(1)
    u0 = 1.2 * sp.exp(-((sp.Float(1.2) * (X - sp.Float(0.2))) ** 2))
    begin = np.array([1.0, 1.0, 0.0])
    one_round = lambda steps: sd.polish(problem, begin, u0, steps=steps, rounds=1, tolerance=0.0)  # noqa: E731
    errors = [np.linalg.norm(one_round(steps) - one_round(64)) for steps in (2, 4, 8)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (orders > 3).all()


def test_a_polish_never_makes_it_worse():
    problem = mixture(3)
    u0 = sp.sin(X)
    for seed in range(4):
        begin = np.random.default_rng(seed).normal(size=9)
        theta = sd.polish(problem, begin, u0, rounds=4)
        assert sd.fit_error(problem, theta, u0) <= sd.fit_error(problem, begin, u0) * (1 + 1e-12)
    np.testing.assert_array_equal(sd.polish(problem, begin, u0, rounds=0), begin)


def test_what_a_polish_refuses():
    problem = mixture(1)
    with pytest.raises(ValueError, match="gamma = 0.0 must be positive"):
        sd.polish(problem, np.ones(3), X, gamma=0)
    with pytest.raises(ValueError, match="steps = 0 must be at least 1"):
        sd.polish(problem, np.ones(3), X, steps=0)
    with pytest.raises(ValueError, match="theta has 4 entries"):
        sd.polish(problem, np.ones(4), X)


def test_the_conditioning_of_a_redundant_mixture():
    problem = mixture(2)
    apart = sd.conditioning(problem, [1.0, 1.0, 2.0, 2.0, -1.5, 1.5])
    assert apart.ratio > 1e-2
    assert apart.effective_rank() == pytest.approx(6, abs=1e-3)
    same = sd.conditioning(problem, [1.0, 1.0, 2.0, 2.0, 0.5, 0.5])
    assert same.ratio < 1e3 * np.finfo(float).eps
    assert same.effective_rank() == pytest.approx(3, abs=1e-3)
    assert "effective rank 3.0 of 6" in repr(same)
    J, _ = problem.rows(np.array([1.0, 1.0, 2.0, 2.0, -1.5, 1.5]), 0.0)
    np.testing.assert_allclose(apart.singular_values, np.linalg.svd(J, compute_uv=False), rtol=1e-12)
    assert sd.conditioning(problem, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]).ratio == 0
    with pytest.raises(sd.DivergenceError, match="J is not finite"):
        sd.conditioning(problem, [1e308, 1e308, 1e200, 1.0, 0.0, 0.0])


def two_solitons(x):
    """u = 2 ∂ₓ² log(1 + e^η₁ + e^η₂ + A e^(η₁ + η₂)) at t = 0: twice the variance of k under these weights."""
    k = np.array([1, np.sqrt(5)])
    eta = np.stack([k[0] * x, k[1] * x + 10.73])
    rates = np.array([0, *k, k.sum()])
    logs = np.stack([0 * x, *eta, eta.sum(axis=0) + 2 * np.log(abs(k[0] - k[1]) / k.sum())])
    weights = np.exp(logs - logs.max(axis=0))
    weights /= weights.sum(axis=0)
    return 2 * (rates**2 @ weights - (rates @ weights) ** 2)


def test_two_solitons_by_ten_periodic_gaussians():
    """Side by side they end at 4e-3, placed one by one below 1e-4."""
    problem = sd.Problem(
        HEAT, sd.gaussians([X], 10, period=[30]), sd.Box([(-10, 20)], periodic=True), sd.Grid(300)
    )  # fmt: skip
    theta = sd.fit(problem, two_solitons)
    assert sd.fit_error(problem, theta, two_solitons) <= 2e-4
    assert sd.conditioning(problem, theta).effective_rank() > 15


def test_units_are_placed_where_the_profile_is():
    """Narrow and broad bumps at uneven distances, found exactly."""
    bumps = ((1, 12, sp.Rational(-5, 2)), (-HALF, 1, 0), (2, 30, sp.Rational(9, 5)))
    u0 = sp.Add(*(a * sp.exp(-((w * (X - b)) ** 2)) for a, w, b in bumps))
    problem = mixture(3, points=600)
    assert sd.fit_error(problem, sd.fit(problem, u0), u0) <= 1e-5


def test_a_mixture_on_an_unbounded_domain_is_fitted_to_its_samples():
    line = sd.Box([(-sp.oo, sp.oo)])
    problem = sd.Problem(HEAT, sd.gaussians([X], 3), line, sd.GaussHermite(60, 1.0, 4.0))
    u0 = sp.exp(-((X - 1) ** 2)) + sp.exp(-2 * (X - 3) ** 2) / 2
    assert sd.fit_error(problem, sd.fit(problem, u0), u0) <= 1e-5


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_units_in_two_dimensions(covariance):
    w = sp.Function("u")(sd.t, X, Y)
    drift = sd.EvolutionEquation(sp.Eq(w.diff(sd.t), w.diff(X)))
    u0 = sp.exp(-5 * (X - 1) ** 2 - 5 * (Y + 1) ** 2) - sp.exp(-20 * (X + 1) ** 2 - 20 * Y**2)
    problem = sd.Problem(
        drift, sd.gaussians([X, Y], 2, covariance=covariance), sd.Box([(-2, 2), (-2, 2)]), sd.Grid(32)
    )  # fmt: skip
    assert sd.fit_error(problem, sd.fit(problem, u0), u0) <= 1e-5


def test_a_complex_field_by_a_mixture_is_no_case_for_placing_units():
    """Its rows are those of the real and the imaginary part: the search from units side by side is what there is."""
    psi = sp.Function("psi")(sd.t, X)
    schroedinger = sd.EvolutionEquation(sp.Eq(sp.I * psi.diff(sd.t), -psi.diff(X, 2) / 2))
    problem = sd.Problem(schroedinger, sd.gaussians([X], 2), sd.Box([(-3, 3)]), sd.Grid(60))
    theta = sd.fit(problem, sp.exp(-(X**2)))
    assert sd.fit_error(problem, theta, sp.exp(-(X**2))) <= 1e-3
