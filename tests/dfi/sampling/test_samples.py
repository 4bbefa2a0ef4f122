"""Samples: drawn, given, of the whole space, and following the solution, against integrals in closed form."""

import pickle

import numpy as np
import pytest
import scipy.stats
import sympy as sp

import symdfi as sd

X, Y = sp.symbols("x y")
u1, u2 = sp.Function("u")(sd.t, X), sp.Function("u")(sd.t, X, Y)
HEAT = sd.EvolutionEquation(sp.Eq(u1.diff(sd.t), u1.diff(X, 2)))
HEAT_2D = sd.EvolutionEquation(sp.Eq(u2.diff(sd.t), u2.diff(X, 2) + u2.diff(Y, 2)))
SPACE = sd.Box([(-sp.oo, sp.oo)] * 2)
BOX = sd.Box([(-1, 2), (0, 1)])


@pytest.mark.parametrize(
    "rule",
    [
        sd.MonteCarlo(4096, seed=3),
        sd.QuasiMonteCarlo(1024, seed=3),
        sd.QuasiMonteCarlo(1000, "halton", seed=3),
        sd.QuasiMonteCarlo(1),
    ],
    ids=repr,
)
def test_drawn_points_lie_in_the_box_with_equal_weights(rule):
    nodes, fresh = rule.nodes(BOX), rule.independent(BOX)
    for points, weights in (nodes, fresh):
        assert points.shape == (rule.n, 2)
        assert BOX.contains(points).all()
        assert weights.sum() == pytest.approx(BOX.volume)
        np.testing.assert_array_equal(weights, weights[0])
    assert not np.isin(nodes.points, fresh.points).any()
    np.testing.assert_array_equal(rule.nodes(BOX).points, nodes.points)


def test_quasi_random_points_integrate_better():
    exact = (np.exp(2) - np.exp(-1)) * np.sin(1.0)
    errors = {}
    for name, rule in (("random", sd.MonteCarlo), ("sobol", sd.QuasiMonteCarlo)):
        found = [rule(1024, seed=seed).nodes(BOX) for seed in range(8)]
        sums = [w @ (np.exp(x[:, 0]) * np.cos(x[:, 1])) for x, w in found]
        errors[name] = np.sqrt(np.mean((np.array(sums) - exact) ** 2))
    assert errors["random"] < 0.5
    assert errors["sobol"] < errors["random"] / 10


@pytest.mark.parametrize("rule", [sd.MonteCarlo(20, redraw=True), sd.QuasiMonteCarlo(16, redraw=True)], ids=repr)
def test_samples_redrawn_are_a_function_of_seed_and_step(rule):
    problem = sd.Problem(HEAT, sd.gaussians([X], 2), sd.Box([(-1, 1)]), rule)
    theta = np.ones(6)
    third = problem.resample(3, theta)
    assert third is not problem
    assert not np.isin(third.points, problem.points).any()
    np.testing.assert_array_equal(problem.resample(2, theta).resample(3, theta).points, third.points)
    np.testing.assert_array_equal(problem.resample(0, theta).points, problem.points)
    assert third.kernels is problem.kernels
    # Those of the problem itself are as they were.
    np.testing.assert_array_equal(problem.points, rule.nodes(problem.domain).points)
    assert third.rows(theta, 0.0)[0].shape == (rule.n, 6)


def test_a_fixed_rule_is_never_redrawn():
    for rule in (sd.Grid(8), sd.MonteCarlo(8), sd.Samples([0.1, 0.2])):
        problem = sd.Problem(HEAT, sd.gaussians([X], 2), sd.Box([(-1, 1)]), rule)
        assert problem.resample(5, np.ones(6)) is problem
        assert problem.cost == {"solve": len(problem.points), "residual": len(problem.fresh_points), "sampling": 0}


def test_a_problem_at_other_samples_travels_with_them():
    problem = sd.Problem(HEAT, sd.gaussians([X], 2), sd.Box([(-1, 1)]), sd.MonteCarlo(9, redraw=True))
    moved = problem.resample(4, np.ones(6)).resample(5, np.ones(6))
    again = pickle.loads(pickle.dumps(moved))
    for name in ("points", "weights", "fresh_points", "fresh_weights"):
        np.testing.assert_array_equal(getattr(again, name), getattr(moved, name))
    np.testing.assert_array_equal(again.rows(np.ones(6), 0.0)[0], moved.rows(np.ones(6), 0.0)[0])


def test_given_samples():
    x = np.linspace(-0.9, 0.8, 7)
    box = sd.Box([(-1, 1)])
    points, weights = sd.Samples(x).nodes(box)
    np.testing.assert_array_equal(points[:, 0], x)
    np.testing.assert_allclose(weights, 2 / 7)
    rule = sd.Samples(x[:, None], np.arange(7.0), fresh=([0.5], [2.0]))
    np.testing.assert_array_equal(rule.nodes(box).weights, np.arange(7.0))
    np.testing.assert_array_equal(rule.independent(box).points, [[0.5]])
    assert len(sd.Samples(x).independent(box).points) == 7
    line = sd.Box([(0, sp.oo)])
    with pytest.raises(ValueError, match="need weights: the box is not finite"):
        sd.Samples(x).nodes(line)
    with pytest.raises(ValueError, match=r"need fresh=\(points, weights\)"):
        sd.Samples(x, np.ones(7)).independent(line)
    with pytest.raises(ValueError, match="the weight of node 1 is -1.0"):
        sd.Samples([0.0, 0.1], [1.0, -1.0]).nodes(box)


def test_gauss_hermite_integrates_gaussians_times_polynomials():
    covariance = np.array([[0.5, 0.2], [0.2, 0.3]])
    mean = np.array([1.0, -2.0])
    density = scipy.stats.multivariate_normal(mean, covariance)
    rule = sd.GaussHermite(5, mean, covariance)
    for x, w in (rule.nodes(SPACE), rule.independent(SPACE)):
        value = w * density.pdf(x)
        assert value.sum() == pytest.approx(1, rel=1e-11)
        np.testing.assert_allclose(value @ x, mean, rtol=1e-11)
        away = x - mean
        np.testing.assert_allclose((away.T * value) @ away, covariance, rtol=1e-10)
        # ⟨y₀⁴⟩ = 3 C₀₀²
        assert value @ away[:, 0] ** 4 == pytest.approx(3 * 0.25, rel=1e-10)
    nodes, fresh = rule.nodes(SPACE).points, rule.independent(SPACE).points
    assert np.linalg.norm(nodes[:, None] - fresh[None], axis=-1).min() > 1e-3
    assert np.isfinite(sd.GaussHermite(180).nodes(sd.Box([(-sp.oo, sp.oo)])).weights).all()


W = np.array([[1.5, 0.0], [-0.7, 2.0]])
UNITS = {"a": [1.0, 0.5], "w": [W[np.tril_indices(2)], [1.0, 0.2, 0.8]], "b": [[0.5, 1.0], [-1.0, 0.0]]}


def moments():
    """Mass, mean and covariance of û, a sum of Gaussians."""
    mass, first, second = 0.0, np.zeros(2), np.zeros((2, 2))
    for a, w, b in zip(*UNITS.values(), strict=True):
        factor = np.array([[w[0], 0], [w[1], w[2]]])
        own = a * np.pi / abs(np.linalg.det(factor))
        covariance = np.linalg.inv(2 * factor.T @ factor)
        mass, first = mass + own, first + own * np.array(b)
        second = second + own * (covariance + np.outer(b, b))
    mean = first / mass
    return mass, mean, second / mass - np.outer(mean, mean)


@pytest.mark.parametrize(
    "rule",
    [
        sd.MixtureSamples(4096, seed=1),
        sd.MixtureSamples(4096, seed=1, engine="halton", widening=1.0),
        sd.GaussianSamples(4096, mean=0.3, covariance=2.0, seed=1),
    ],
    ids=["mixture", "mixture halton", "gaussian"],
)
def test_samples_that_follow_the_solution_know_its_moments(rule):
    problem = sd.Problem(HEAT_2D, sd.gaussians([X, Y], 2, covariance="full"), SPACE, rule)
    theta = problem.theta(UNITS)
    mass, mean, covariance = moments()
    for step in range(3):
        problem = problem.resample(step, theta)
    for x, w in ((problem.points, problem.weights), (problem.fresh_points, problem.fresh_weights)):
        value = w * problem.evaluate(theta, x)
        assert value.sum() == pytest.approx(mass, rel=0.02)
        np.testing.assert_allclose(value @ x / mass, mean, atol=0.03)
        away = x - mean
        np.testing.assert_allclose((away.T * value) @ away / mass, covariance, atol=0.05)
    assert problem.cost["sampling"] == rule.evaluations


def test_a_solution_that_moves_is_followed():
    rule = sd.GaussianSamples(512, mean=0.0, covariance=1.0)
    problem = sd.Problem(HEAT, sd.gaussians([X], 1), sd.Box([(-sp.oo, sp.oo)]), rule)
    centres = np.arange(0.0, 20.0, 0.5)
    for step, centre in enumerate(centres):
        problem = problem.resample(step, np.array([1.0, np.sqrt(0.5), centre]))
    # The samples of a step have the moments that the last had found: √1.5 for the widening.
    assert problem.points.mean() == pytest.approx(centres[-1], abs=0.1)
    assert problem.points.std() == pytest.approx(np.sqrt(1.5), abs=0.1)


def test_samples_outside_have_no_weight():
    half = sd.Box([(0, sp.oo)])
    points, weights = sd.GaussianSamples(4096, covariance=1.0).nodes(half)
    assert ((points[:, 0] >= 0) == (weights > 0)).all()
    assert weights @ np.exp(-(points[:, 0] ** 2)) == pytest.approx(np.sqrt(np.pi) / 2, rel=0.01)


def test_what_is_refused():
    line = sd.Box([(-sp.oo, sp.oo)])
    with pytest.raises(ValueError, match="the number of points of MonteCarlo = 0 must be at least 1"):
        sd.MonteCarlo(0)
    with pytest.raises(ValueError, match="engine = 'latin' is none of 'random', 'sobol', 'halton'"):
        sd.QuasiMonteCarlo(4, "latin")
    with pytest.raises(ValueError, match="MonteCarlo needs a box of finite ends"):
        sd.MonteCarlo(4).nodes(line)
    with pytest.raises(ValueError, match="GaussHermite needs a box without ends"):
        sd.GaussHermite(4).nodes(sd.Box([(0, 1)]))
    with pytest.raises(ValueError, match="underflow above 180"):
        sd.GaussHermite(181)
    with pytest.raises(ValueError, match="covariance of GaussHermite is not positive definite"):
        sd.GaussHermite(3, covariance=-1.0).nodes(line)
    with pytest.raises(ValueError, match="not symmetric"):
        sd.GaussHermite(3, covariance=[[1.0, 0.5], [0.0, 1.0]]).nodes(SPACE)
    with pytest.raises(ValueError, match="widening of MixtureSamples is 0"):
        sd.MixtureSamples(4, widening=0)
    with pytest.raises(ValueError, match="not periodic as the box is"):
        sd.GaussianSamples(4).nodes(sd.Box([(0, 1)], periodic=True))
    network = sd.Problem(HEAT, sd.mlp([X], [3]), line, sd.MixtureSamples(16))
    with pytest.raises(ValueError, match="MixtureSamples needs the ansatz of sd.gaussians"):
        network.resample(0, np.ones(10))
    zero = sd.Problem(HEAT, sd.gaussians([X], 1), line, sd.GaussianSamples(16))
    with pytest.raises(sd.DivergenceError, match="û is 0 at all samples"):
        zero.resample(0, np.array([0.0, 1.0, 0.0]))
    mixed = sd.Problem(HEAT, sd.gaussians([X], 1), line, sd.MixtureSamples(16))
    with pytest.raises(sd.DivergenceError, match="a unit of the mixture has no width"):
        mixed.resample(0, np.array([1.0, 0.0, 0.0]))
