"""The error bound: it holds the initial error and the growth of errors, and is never below the true error."""

import copy
import pickle

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.dfi.growth import logarithmic_norm
from symdfi.dfi.target import Fitted
from symdfi.running.spectral import reference
from tests.running.by_hand import SpectralProblem

X = sp.Symbol("x")
u, w = (sp.Function(name)(sd.t, X) for name in "uw")
N = sp.Symbol("n", integer=True)
A, B = sp.IndexedBase("a"), sp.IndexedBase("b")
CIRCLE = sd.Box([(0, 2 * np.pi)], periodic=True)
ROUNDING = 1e-10


def waves(f, **more):
    """cos(n x), n = 0…3, and sin(n x), n = 1…4, on a circle."""
    ansatz = sd.Ansatz(sp.Sum(A[N] * sp.cos(N * X) + B[N] * sp.sin((N + 1) * X), (N, 0, 3)), [X], [A, B])
    return sd.Problem(sd.EvolutionEquation(sp.Eq(u.diff(sd.t), f)), ansatz, CIRCLE, sd.Grid(64), **more)


def holds(solution, exact, largest=np.inf, known=ROUNDING):
    """The bound is not below the error at any saved time, and at the end ``largest`` times the error at most; the
    reference is ``known`` to so much."""
    errors, bound = solution.errors(exact), solution.error_bound
    assert np.isfinite(bound).all()
    assert (errors <= bound * (1 + 1e-9) + known).all()
    real = errors > ROUNDING
    effectivity = solution.effectivity(exact)[real]
    np.testing.assert_array_equal(effectivity, (bound / np.maximum(errors, 1e-300))[real])
    assert errors[-1] <= ROUNDING or 1 - 1e-9 <= effectivity[-1] <= largest
    return errors


@pytest.mark.parametrize(
    ("f", "growth"),
    [
        (-u.diff(X), 0.0),
        (u.diff(X, 3), 0.0),
        (u.diff(X, 2), 0.0),  # of the constant
        (u - u.diff(X), 1.0),
        (-2 * u + sp.sin(X), -2.0),
        (sp.Integer(0), 0.0),
    ],
    ids=str,
)
def test_logarithmic_norms_of_linear_equations(f, growth):
    theta = np.random.default_rng(0).normal(size=8)
    assert logarithmic_norm(waves(f), theta, 0.0) == pytest.approx(growth, abs=1e-10)


def test_logarithmic_norm_of_variable_coefficients():
    """⟨−(c w)_x, w⟩ = −½ ∫ c_x w²: at most half of the largest −c_x; of the linearised Burgers operator c = u."""
    theta = np.random.default_rng(1).normal(size=8)
    problem = waves(-u * u.diff(X))
    x, h = np.linspace(0, 2 * np.pi, 2001), 1e-5
    slope = (problem.evaluate(theta, x + h) - problem.evaluate(theta, x - h)) / (2 * h)
    found = logarithmic_norm(problem, theta, 0.0)
    assert 0.2 * np.max(-slope) <= found <= 0.5 * np.max(-slope)


def test_redundant_parameters_change_nothing():
    equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(X, 2) / 50 - u * u.diff(X)))
    values = {"a": [1.0, -0.4], "w": [0.8, 1.3], "b": [-1.0, 0.7]}
    twice = {name: np.repeat(value, 2) * (0.5 if name == "a" else 1.0) for name, value in values.items()}
    norms = []
    for count, theta in ((2, values), (4, twice)):
        problem = sd.Problem(equation, sd.gaussians([X], count), sd.Box([(-8, 8)]), sd.Grid(400))
        norms.append(logarithmic_norm(problem, problem.theta(theta), 0.0))
    assert norms[0] == pytest.approx(norms[1], rel=1e-6)


def test_the_weights_of_fields_are_in_it():
    """u_t = c w, w_t = 0: the largest eigenvalue of [[0, c], [0, 0]] is ½ |c| √(ω_u/ω_w) in the weighted norm."""
    pde = sd.EvolutionEquation([sp.Eq(u.diff(sd.t), 3 * w), sp.Eq(w.diff(sd.t), 0 * w)])
    a, b = sp.symbols("a b")
    for weights, factor in ((None, 1.0), ({u: 4.0}, 2.0)):
        ansatz = {u: sd.Ansatz(a * sp.cos(X), [X], [a]), w: sd.Ansatz(b * sp.cos(X), [X], [b])}
        problem = sd.Problem(pde, ansatz, CIRCLE, sd.Grid(16), field_weights=weights)
        assert logarithmic_norm(problem, np.ones(2), 0.0) == pytest.approx(1.5 * factor)


def test_the_growth_by_way_of_integrals():
    """u_t = −u + 3 ∫u dx/(2π) has the eigenvalues 2 of the constant and −1 of all else."""
    y = sp.Symbol("y")
    mean = sp.Integral(u.subs(X, y), (y, 0, 2 * sp.pi)) / (2 * sp.pi)
    problem, theta = waves(3 * mean - u), np.random.default_rng(0).normal(size=8)
    assert logarithmic_norm(problem, theta, 0.0) == pytest.approx(2, abs=1e-6)


def test_where_no_parameter_has_an_effect():
    a, b = sp.symbols("a b")
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u))
    problem = sd.Problem(pde, sd.Ansatz(sp.sin(a) * sp.cos(X) * b, [X], [a, b]), CIRCLE, sd.Grid(16))
    assert logarithmic_norm(problem, np.zeros(2), 0.0) == 0.0


def ornstein_uhlenbeck(dim, count):
    xs = sp.symbols(f"x:{dim}")
    p = sp.Function("p")(sd.t, *xs)
    drift, noise = sum((x * p).diff(x) for x in xs), sum(p.diff(x, 2) for x in xs) / 2
    mean, variance = np.linspace(-1, 1, dim), 0.3

    def exact(x, time):
        x = np.reshape(x, (len(x), dim))
        m = mean * np.exp(-time)
        v = variance * np.exp(-2 * time) + 0.5 * (1 - np.exp(-2 * time))
        return np.exp(-((x - m) ** 2).sum(axis=1) / (2 * v)) / (2 * np.pi * v) ** (dim / 2)

    equation = sd.EvolutionEquation(sp.Eq(p.diff(sd.t), drift + noise))
    box, samples = sd.Box([(-np.inf, np.inf)] * dim), sd.GaussianSamples(1500, mean=mean, covariance=variance)
    problem = sd.Problem(equation, sd.gaussians(list(xs), count), box, samples)
    noise = np.random.default_rng(0).normal(size=(2, count, dim))
    theta = {
        "a": np.full(count, 1 / count) / (2 * np.pi * variance) ** (dim / 2),
        "w": np.squeeze(1 / np.sqrt(2 * variance) + 0.02 * noise[0], axis=1 if dim == 1 else ()),
        "b": np.squeeze(mean + 0.1 * noise[1], axis=1 if dim == 1 else ()),
    }
    return problem, theta, exact


@pytest.mark.parametrize("dim", [1, 2])
def test_ornstein_uhlenbeck_from_an_inexact_start(dim):
    """The error of the start does not fade as fast as it spreads: it is the larger part of all error."""
    problem, theta, exact = ornstein_uhlenbeck(dim, 2)
    start = lambda x: exact(x, 0.0)  # noqa: E731
    solution = sd.evolve(problem, theta, (0, 1), 0.02, initial=start, save_every=5)
    assert solution.initial_error > 1e-3
    errors = holds(solution, exact, largest=30)
    assert errors[0] == pytest.approx(solution.initial_error)
    # Without u₀ the initial value is û itself, and what the steps stray is far less.
    assert sd.evolve(problem, theta, (0, 1), 0.02, save_every=5).error_bound[-1] < 0.1 * errors[-1]


def test_what_a_fit_found_knows_what_it_was_fitted_to():
    problem, _, exact = ornstein_uhlenbeck(1, 2)
    theta = sd.fit(problem, lambda x: exact(x, 0.0), tolerance=1e-3)
    assert isinstance(theta, Fitted)
    solution = sd.evolve(problem, theta, (0, 0.5), 0.02, save_every=5)
    assert solution.initial_error > 0
    holds(solution, exact, largest=30)
    # Changed in place, it is measured as it is; what is computed from it is plain.
    theta[:2] *= 1.1  # the amplitudes
    assert sd.evolve(problem, theta, (0, 0.02), 0.02).initial_error > 10 * solution.initial_error
    for plain in (theta + 0, theta.copy(), theta[:3], copy.copy(theta), pickle.loads(pickle.dumps(theta))):
        assert getattr(plain, "target", None) is None
    assert sd.evolve(problem, theta + 0, (0, 0.02), 0.02).initial_error == 0.0
    polished = sd.polish(problem, theta, lambda x: exact(x, 0.0))
    assert sd.evolve(problem, polished, (0, 0.02), 0.02).initial_error < 0.1 * solution.initial_error + ROUNDING


def test_what_was_fitted_to_other_fields_is_not_known():
    """A target of one field says nothing about two that share the parameters."""
    ansatz = sd.gaussians([X], 2)
    one = sd.Problem(sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -u)), ansatz, sd.Box([(-4, 4)]), sd.Grid(60))
    both = sd.EvolutionEquation([sp.Eq(u.diff(sd.t), -u), sp.Eq(w.diff(sd.t), -w)])
    twin = sd.Ansatz([ansatz.expr, 2 * ansatz.expr], [X], ansatz.parameters)
    theta = sd.fit(one, sp.exp(-(X**2)), tolerance=1e-3)
    problem = sd.Problem(both, twin, sd.Box([(-4, 4)]), sd.Grid(60))
    assert np.isnan(sd.evolve(problem, theta, (0, 0.1), 0.1).error_bound).all()
    known = [sp.exp(-(X**2)), 2 * sp.exp(-(X**2))]
    assert np.isfinite(sd.evolve(problem, theta, (0, 0.1), 0.1, initial=known).error_bound).all()


def test_the_initial_error_by_expression_function_and_data():
    problem = waves(-u.diff(X))
    theta, u0 = problem.theta({"a": [0, 1, 0, 0], "b": [0, 0, 0, 0]}), sp.cos(X) + sp.Float(0.1) * sp.sin(5 * X)
    data = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    function = sp.lambdify(X, u0)
    for initial in (u0, function, (data, function(data))):
        solution = sd.evolve(problem, theta, (0, 0.1), 0.05, initial=initial)
        assert solution.initial_error == pytest.approx(0.1 * np.sqrt(np.pi), rel=1e-10)
        assert solution.dataset.attrs["initial_error"] == solution.initial_error
        assert solution.dataset["error_bound"][0] == solution.initial_error
    with pytest.raises(ValueError, match=r"gave values of shape \(3,\)"):
        sd.evolve(problem, theta, (0, 0.1), 0.05, initial=lambda x: np.ones(3))
    with pytest.raises(TypeError, match="u0 is a SymPy expression, a function or"):
        sd.evolve(problem, theta, (0, 0.1), 0.05, initial="cos")


def test_a_continued_run_does_not_know_its_start_and_joined_it_does():
    problem = waves(u - u.diff(X))
    first = sd.evolve(problem, {"a": [0, 1, 0, 0], "b": [0, 0, 0, 0]}, (0, 0.2), 0.05, initial=1.1 * sp.cos(X))
    rest = sd.evolve(problem, first.last, (0.2, 0.4), 0.05)
    assert np.isnan(rest.initial_error) and np.isnan(rest.error_bound).all()
    assert np.isfinite(rest.bound(initial_error=first.error_bound[-1])).all()
    both = first.then(rest)
    holds(both, 1.1 * sp.exp(sd.t) * sp.cos(X - sd.t), largest=1.01)


def test_references_are_expressions_or_functions():
    problem = waves(-u.diff(X))
    solution = sd.evolve(problem, {"a": [0, 1, 0, 0], "b": [0, 0, 0, 0]}, (0, 0.2), 0.05)
    known = solution.errors(sp.cos(X - sd.t))
    np.testing.assert_allclose(solution.errors(lambda x, t: np.cos(x - t)), known, rtol=1e-6, atol=1e-14)
    assert (solution.effectivity(sp.cos(X - sd.t) + 1) < 1).all()
    with pytest.raises(TypeError, match="a reference is a SymPy expression or a function of points and time"):
        solution.errors([(1, 2)])
    with pytest.raises(ValueError, match="u0 holds 2 initial values"):
        solution.errors([sp.cos(X), sp.sin(X)])


def test_two_fields_and_a_norm_that_grows():
    """V2: waves through one another. ⟨w, u⟩ + ⟨u_xx, w⟩ is not bounded in this norm, but is on the tangent space."""
    theta, center = sp.symbols("theta1:5"), sp.Symbol("c")
    bell = lambda at: sp.exp(-((X - at) ** 2) / 2)  # noqa: E731
    slope = lambda at: bell(center).diff(center).subs(center, at)  # noqa: E731
    ansatz = sd.Ansatz([bell(theta[0]) + bell(theta[1]), slope(theta[2]) - slope(theta[3])], [X], theta)
    pde = sd.EvolutionEquation([sp.Eq(u.diff(sd.t), w), sp.Eq(w.diff(sd.t), u.diff(X, 2))])
    problem = sd.Problem(pde, ansatz, sd.Box([(-12, 12)], periodic=True), sd.Grid(151))
    exact = [bell(-2 + sd.t) + bell(2 - sd.t), slope(-2 + sd.t) - slope(2 - sd.t)]
    for stepper in (sd.DFI(), sd.DiracFrenkel(gamma=1e-4), sd.DiracFrenkel(rtol=1e-4)):
        solution = sd.evolve(problem, [-2.0, 2, -2, 2], (0, 4), 0.02, stepper, save_every=20)
        holds(solution, exact, largest=100)


def test_burgers_before_the_shock():
    """V6, coarse: the bound grows where the profile steepens."""
    nu = 5e-3
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), nu * u.diff(X, 2) - u * u.diff(X)))
    problem = sd.Problem(pde, sd.gaussians([X], 6, period=[2]), sd.Box([(-1, 1)], periodic=True), sd.Grid(200))
    u0 = sp.exp(-20 * (X + sp.Rational(1, 2)) ** 2) * (1 - X**2)
    solution = sd.evolve(problem, sd.fit(problem, u0), (0, 0.6), 0.01, save_every=10)
    burgers = SpectralProblem(-1, 1, lambda k: -nu * k**2, lambda k: -0.5j * k, np.square)
    truth = reference(burgers, sp.lambdify(X, u0), solution.t, tolerance=1e-8)
    assert solution.growth.max() > 1

    def exact(x, time):
        waves = np.fft.rfft(truth.at(time)) / len(truth.x)
        k = np.arange(len(waves))
        return np.real(np.exp(1j * np.pi * np.outer(x - truth.x[0], k)) @ (waves * np.where(k > 0, 2, 1)))

    holds(solution, exact, largest=1e4, known=1e-6)


def test_schroedinger_is_unitary():
    """V10: a coherent state by redundant complex Gaussians; the growth is 0."""
    psi = sp.Function("psi")(sd.t, X)
    a, b, q, p = (sp.IndexedBase(name, shape=(2,)) for name in "abqp")
    bell = sp.exp(-((X - q[N]) ** 2) / 2 + sp.I * p[N] * (X - q[N]))
    ansatz = sd.Ansatz(sp.Sum((a[N] + sp.I * b[N]) * bell, (N, 0, 1)), [X], [a, b, q, p])
    pde = sd.EvolutionEquation(sp.Eq(psi.diff(sd.t), sp.I * psi.diff(X, 2) / 2 - sp.I * X**2 * psi / 2), complex=[psi])
    problem = sd.Problem(pde, ansatz, sd.Box([(-9, 9)], periodic=True), sd.Grid(96))
    start = {"a": [0.5, 0.5], "b": [0, 0], "q": [1, 1], "p": [0.5, 0.5]}
    position, momentum = sp.cos(sd.t) + sp.sin(sd.t) / 2, sp.cos(sd.t) / 2 - sp.sin(sd.t)
    phase = -sd.t / 2 + (momentum * position - sp.Rational(1, 2)) / 2
    exact = sp.exp(-((X - position) ** 2) / 2 + sp.I * momentum * (X - position) + sp.I * phase)
    for dt in (0.05, 0.1):
        solution = sd.evolve(problem, start, (0, 2), dt, sd.DFI(gamma=1e-8), initial=exact.subs(sd.t, 0), save_every=10)
        assert np.abs(solution.growth).max() <= 1e-6
        holds(solution, exact, largest=1e3)


def test_what_has_no_compiled_derivative_is_named():
    problem = waves(sp.gamma(3 + u))
    solution = sd.evolve(problem, np.zeros(8), (0, 0.01), 0.01)
    with pytest.raises(sd.CompileError, match="polygamma has no compiled form"):
        solution.error_bound
    assert np.isfinite(solution.bound(5.0)).all()
    shown = solution.dataset["error_bound"]
    assert np.isnan(shown).all() and "polygamma" in shown.attrs["missing"]


def test_a_bound_that_overflows_is_infinite():
    problem = waves(u)
    solution = sd.evolve(problem, np.ones(8), (0, 1), 0.1, initial=sp.Integer(0))
    assert solution.bound(1e4)[-1] == np.inf
    with pytest.raises(ValueError, match="lipschitz"):
        solution.bound(np.nan)
