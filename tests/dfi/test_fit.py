"""Initial parameters by Levenberg-Marquardt."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

X, Y = sp.symbols("x y")
u = sp.Function("u")(sd.t, X)
HEAT = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(X, 2)))
BUMP = sp.exp(-((X - 3) ** 2)) + X / 10


@pytest.fixture(scope="module")
def problem():
    return sd.Problem(HEAT, sd.gaussians([X], 6), sd.Box([(0, 6)]), sd.Grid(200))


def bump(x):
    return np.exp(-((x - 3) ** 2)) + x / 10


def test_an_expression_a_function_and_data_are_fitted(problem):
    x = problem.points[:, 0]
    for u0 in (BUMP, bump, (x, bump(x)), (x[:, None], bump(x))):
        assert sd.fit_error(problem, sd.fit(problem, u0), BUMP) <= 1e-4


def test_a_gaussian_is_found_exactly(problem):
    single = sd.Problem(HEAT, sd.gaussians([X], 1), problem.domain, problem.quadrature)
    theta = sd.fit(single, 2 * sp.exp(-((3 * (X - 2)) ** 2)), tolerance=1e-12)
    found = single.ansatz.unpack(theta)
    np.testing.assert_allclose([found["a"][0], abs(found["w"][0]), found["b"][0]], [2, 3, 2], rtol=1e-10)


def test_random_starts_follow_the_seed():
    box = sd.Box([(-1, 1)], periodic=True)
    network = sd.Problem(HEAT, sd.mlp([X], [9, 9, 9], period=[2]), box, sd.Grid(300))
    u0 = (1 - X**2) * sp.exp(-30 * (X + sp.Rational(1, 2)) ** 2)
    theta = sd.fit(network, u0, seed=3)
    np.testing.assert_array_equal(sd.fit(network, u0, seed=3), theta)
    assert not np.allclose(sd.fit(network, u0, seed=4), theta)
    assert sd.fit_error(network, theta, u0) <= 1e-5
    assert abs(theta).max() < 10


def test_two_dimensions():
    w = sp.Function("u")(sd.t, X, Y)
    heat = sd.EvolutionEquation(sp.Eq(w.diff(sd.t), w.diff(X, 2)))
    plane = sd.Problem(heat, sd.gaussians([X, Y], 2), sd.Box([(-2, 2), (-2, 2)]), sd.Grid(24))
    u0 = sp.exp(-(X**2) - (Y - 1) ** 2 / 2)
    by_callable = lambda x: np.exp(-(x[:, 0] ** 2) - (x[:, 1] - 1) ** 2 / 2)  # noqa: E731
    for target in (u0, by_callable, (plane.points, by_callable(plane.points))):
        theta = sd.fit(plane, target)
        assert sd.fit_error(plane, theta, u0) <= 1e-5


def test_a_start_of_ones_own(problem):
    m = sp.Symbol("m", integer=True, positive=True)
    free = sd.Problem(HEAT, sd.gaussians([X], m), problem.domain, problem.quadrature)
    with pytest.raises(ValueError, match="no value for size m of the ansatz"):
        sd.fit(free, BUMP)
    with pytest.raises(ValueError, match="unknown size k of the ansatz"):
        sd.fit(free, BUMP, sizes={m: 4, "k": 2})
    assert sd.fit_error(free, sd.fit(free, BUMP, sizes={m: 4}), BUMP) <= 1e-3
    start = {"a": [1.0, 0.1, 0.5], "w": [1.0, 0.2, 0.2], "b": [2.5, 3.0, 6.0]}
    theta = sd.fit(free, BUMP, start=start)
    np.testing.assert_allclose(sd.fit(free, BUMP, start=free.ansatz.pack(start)), theta)
    assert theta.shape == (9,)
    with pytest.raises(ValueError, match=r"start\[0\] is nan: the parameter a\[0\] must be finite"):
        sd.fit(free, BUMP, start=np.full(9, np.nan))
    with pytest.raises(ValueError, match="theta has 7 entries"):
        sd.fit(free, BUMP, start=np.ones(7))


I, A, B, K = sp.Symbol("i", integer=True), *sp.symbols("A B k")
a, w, b = (sp.IndexedBase(name) for name in "awb")
WAVE, NARROW = sp.sin(sp.pi * X), sp.exp(-((20 * (X - sp.Rational(3, 10))) ** 2))


def units(shape, count=6):
    return sd.Ansatz(sp.Sum(a[I] * shape, (I, 0, count - 1)), variables=[X], parameters=[a, w, b])


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("ansatz", "u0", "reached"),
    [
        (units(sp.exp(-((w[I] * (X - b[I])) ** 2))), WAVE, 1e-3),
        (units(sp.exp(-((w[I] * (X - b[I])) ** 2))), NARROW, 1e-5),
        (units(1 / (1 + (w[I] * (X - b[I])) ** 2)), WAVE, 1e-3),
        (units(1 / (1 + (w[I] * (X - b[I])) ** 2)), NARROW, 1e-2),
        (units(1 / sp.cosh(w[I] * (X - b[I]))), WAVE, 1e-3),
        (units(1 / sp.cosh(w[I] * (X - b[I]))), NARROW, 1e-2),
        (units(sp.sin(w[I] * X + b[I])), WAVE, 1e-5),
        (units(sp.tanh(w[I] * X + b[I])), NARROW, 1e-2),
        (sd.Ansatz(A * sp.exp(-((K * (X - B)) ** 2)), [X], [A, K, B]), NARROW, 1e-6),
        (sd.Ansatz((A + B * X) / (1 + K**2 * X**2), [X], [A, B, K]), X / (1 + 4 * X**2), 1e-5),
    ],
)
def test_an_ansatz_of_ones_own_needs_no_start(ansatz, u0, reached, seed):
    problem = sd.Problem(HEAT, ansatz, sd.Box([(-1, 1)]), sd.Grid(300), boundary="in the ansatz")
    theta = sd.fit(problem, u0, seed=seed)
    assert sd.fit_error(problem, theta, u0) <= reached
    np.testing.assert_array_equal(theta, sd.fit(problem, u0, seed=seed))


@pytest.mark.parametrize(("low", "high"), [(0.0, 1000.0), (5.0, 5.02)])
def test_a_generic_start_knows_the_domain(low, high):
    """The units of J's columns differ by 10⁶ here."""
    problem = sd.Problem(HEAT, units(sp.exp(-((w[I] * (X - b[I])) ** 2))), sd.Box([(low, high)]), sd.Grid(300))
    u0 = sp.sin(sp.pi * (2 * (X - low) / (high - low) - 1))
    assert sd.fit_error(problem, sd.fit(problem, u0), u0) <= 1e-3


def test_a_generic_start_in_two_dimensions():
    c = sp.IndexedBase("c")
    v = sp.Function("v")(sd.t, X, Y)
    ansatz = sd.Ansatz(
        sp.Sum(a[I] * sp.exp(-((w[I] * (X - b[I])) ** 2) - (w[I] * (Y - c[I])) ** 2), (I, 0, 2)), [X, Y], [a, w, b, c]
    )
    pde = sd.EvolutionEquation(sp.Eq(v.diff(sd.t), v.diff(X)))
    plane = sd.Problem(pde, ansatz, sd.Box([(-2, 2), (0, 3)]), sd.Grid(24))
    u0 = sp.exp(-2 * (X - 1) ** 2 - 2 * (Y - 2) ** 2) - sp.exp(-3 * (X + 1) ** 2 - 3 * (Y - 1) ** 2)
    assert sd.fit_error(plane, sd.fit(plane, u0), u0) <= 1e-3


def test_a_poor_fit_is_told():
    """Six sines cannot be a narrow bump; nothing is raised, the error is said."""
    sines = units(sp.sin(w[I] * X + b[I]))
    problem = sd.Problem(HEAT, sines, sd.Box([(-1, 1)]), sd.Grid(300), boundary="in the ansatz")
    with pytest.warns(UserWarning, match="the fit stopped at the relative error 0.[0-9]+: try another start"):
        theta = sd.fit(problem, NARROW)
    assert 0.1 < sd.fit_error(problem, theta, NARROW) < 1


def test_a_proposal_that_leads_nowhere_is_not_the_end():
    """Of an ansatz with a size of its own, too: the number of units is then that of its proposal."""
    m = sp.Symbol("m", integer=True, positive=True)
    far = lambda bounds, generator: {"a": np.ones(4), "w": np.ones(4), "b": np.full(4, 50.0)}  # noqa: E731
    shape = a[I] * sp.exp(-((w[I] * (X - b[I])) ** 2))
    ansatz = sd.Ansatz(sp.Sum(shape, (I, 0, m - 1)), [X], [a, w, b], far)
    problem = sd.Problem(HEAT, ansatz, sd.Box([(-1, 1)]), sd.Grid(300))
    theta = sd.fit(problem, WAVE)
    assert theta.shape == (12,)
    assert sd.fit_error(problem, theta, WAVE) <= 1e-2


def test_an_ansatz_that_is_nowhere_finite_or_zero():
    for expr in (A * sp.log(-(X**2) - 1), sp.S.Zero * X + A * sp.Max(0, -(X**2) - 1)):
        own = sd.Problem(HEAT, sd.Ansatz(expr, [X], [A]), sd.Box([(0, 1)]), sd.Grid(30), boundary="in the ansatz")
        with pytest.raises(sd.ConvergenceError, match="finite and has an effect at none of"):
            sd.fit(own, sp.S.One)


def test_zero_is_fitted(problem):
    assert sd.fit_error(problem, sd.fit(problem, sp.S.Zero), sp.S.Zero) == 0


@pytest.mark.parametrize(
    ("u0", "message"),
    [
        (sp.log(X - sp.Float(0.02)), r"the initial value at sample 0 \(x = \[0.015\]\) is not finite: nan"),
        (lambda x: np.where(x > 5.98, np.nan, x), r"the initial value at sample 199 \(x = \[5.985\]\)"),
        ((np.array([0.0, 1.0]), np.array([0.0, np.inf])), r"the initial value at sample 1 \(x = \[1.\]\)"),
        ((np.array([np.nan, 1.0]), np.array([0.0, 1.0])), "the point at sample 0"),
        ((np.zeros(3), np.zeros(4)), r"data of shapes \(3, 1\) and \(4,\)"),
        ((np.zeros((3, 2)), np.zeros(3)), r"expected \(n, 1\)"),
        ((np.zeros(0), np.zeros(0)), "holds no sample"),
        (lambda x: x[:-1], r"u0 gave values of shape \(199,\) at 200 points"),
        ("x", "u0 is a SymPy expression, a function or"),
        (sp.Symbol("z") * X, "z"),
    ],
)
def test_bad_initial_values_are_refused(problem, u0, message):
    with pytest.raises((TypeError, ValueError, sd.CompileError, sd.SymbolicError), match=message):
        sd.fit(problem, u0)


def test_a_fit_that_misses_what_is_required(problem):
    single = sd.Problem(HEAT, sd.gaussians([X], 1), problem.domain, problem.quadrature)
    with pytest.raises(sd.ConvergenceError, match="the fit stopped at the relative error 0.*above 0.001") as raised:
        sd.fit(single, sp.sin(3 * X), required=1e-3)
    partial = raised.value.partial
    assert partial.shape == (3,)
    assert raised.value.error == pytest.approx(sd.fit_error(single, partial, sp.sin(3 * X)), rel=1e-10)
