"""Problems of several fields: rows, values and errors against hand-written derivatives."""

import contextlib

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

t, X = sd.t, sp.Symbol("x")
u, w = (sp.Function(name)(t, X) for name in "uw")
a, b, c, k = sp.symbols("a b c k")
SYSTEM = sd.EvolutionEquation([
    sp.Eq(u.diff(t), w * u.diff(X) + t),
    sp.Eq(w.diff(t), c * u.diff(X, 4) - sp.sin(X) * w.diff(X, 3) * u),
])  # fmt: skip
#: û = a sin(k x), ŵ = b cos(k x): a shared wave number.
WAVES = sd.Ansatz([a * sp.sin(k * X), b * sp.cos(k * X)], [X], [a, b, k])
BOX, GRID = sd.Box([(-1, 2)]), sd.Grid(9)


def waves(weights=None):
    return sd.Problem(SYSTEM, WAVES, BOX, GRID, {c: 0.3}, field_weights=weights, boundary="in the ansatz")


def test_rows_of_fields_that_share_parameters():
    problem = waves()
    A, B, K, C, time = 1.3, -0.7, 1.9, 0.3, 0.25
    x, root = problem.points[:, 0], np.sqrt(problem.weights)
    s, r = np.sin(K * x), np.cos(K * x)
    J, f = problem.rows(np.array([A, B, K]), time)
    assert J.shape == (18, 3)
    assert f.shape == (18,)
    zero = np.zeros_like(x)
    expected = np.stack([np.stack([s, zero, A * x * r], 1), np.stack([zero, r, -B * x * s], 1)], 1)
    np.testing.assert_allclose(J.reshape(9, 2, 3), root[:, None, None] * expected, rtol=1e-13, atol=1e-15)
    first = B * r * A * K * r + time
    second = C * A * K**4 * s - np.sin(x) * (B * K**3 * s) * A * s
    np.testing.assert_allclose(f.reshape(9, 2), root[:, None] * np.stack([first, second], 1), rtol=1e-12, atol=1e-14)


def test_an_ansatz_each_with_equal_names():
    """The rows of two fields with mixtures of their own are those of each alone, side by side."""
    mixtures = {u: sd.gaussians([X], 2), w: sd.gaussians([X], 3)}
    equations = [sp.Eq(u.diff(t), u.diff(X)), sp.Eq(w.diff(t), w.diff(X, 2))]
    both = sd.Problem(sd.EvolutionEquation(equations), mixtures, BOX, GRID)
    theta = np.random.default_rng(0).normal(size=15)
    J, f = both.rows(theta, 0.0)
    begin = 0
    for component, (equation, ansatz) in enumerate(zip(equations, mixtures.values(), strict=True)):
        alone = sd.Problem(sd.EvolutionEquation(equation), ansatz, BOX, GRID)
        end = begin + int(ansatz.count)
        own, rhs = alone.rows(theta[begin:end], 0.0)
        np.testing.assert_allclose(J[component::2, begin:end], own, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(f[component::2], rhs, rtol=1e-11, atol=1e-13)
        np.testing.assert_array_equal(np.delete(J[component::2], np.s_[begin:end], axis=1), 0)
        np.testing.assert_allclose(
            both.evaluate(theta, [0.1, 0.2])[component], alone.evaluate(theta[begin:end], [0.1, 0.2])
        )
        begin = end


@pytest.mark.parametrize("weights", [None, {u: 4.0, "w": 0.25}])
def test_all_that_measures_agrees_with_the_rows(weights):
    problem = waves(weights)
    generator = np.random.default_rng(1)
    theta, velocity = generator.normal(size=3), generator.normal(size=3)
    J, f = problem.rows(theta, 0.1)
    moved, rhs = problem.tangents(theta, velocity, 0.1, fresh=False)
    np.testing.assert_allclose(moved, J @ velocity, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(rhs, f, rtol=1e-12)
    residual, rate = problem.residual(theta, velocity, 0.1, fresh=False)
    assert residual == pytest.approx(np.linalg.norm(J @ velocity - f), rel=1e-11)
    assert rate == pytest.approx(np.linalg.norm(f), rel=1e-12)
    again, value = problem.fit_rows(theta, problem.points, problem.weights)
    np.testing.assert_allclose(again, J, rtol=1e-12, atol=1e-15)
    scales = np.ones(2) if weights is None else np.array([2.0, 0.5])
    root = np.sqrt(problem.weights)[:, None] * scales
    np.testing.assert_allclose(value.reshape(9, 2), root * problem.evaluate(theta, problem.points).T, rtol=1e-12)
    fresh = np.sqrt(problem.fresh_weights)[:, None] * scales * problem.evaluate(theta, problem.fresh_points).T
    np.testing.assert_allclose(problem.weighted(theta), fresh.ravel(), rtol=1e-12)
    unweighted, _ = waves().rows(theta, 0.1)
    np.testing.assert_allclose(
        J.reshape(9, 2, 3), scales[:, None] * unweighted.reshape(9, 2, 3), rtol=1e-13, atol=1e-15
    )


def test_values_by_name_wherever_theta_is_asked_for():
    networks = {w: sd.mlp([X], [2]), u: sd.mlp([X], [3])}
    problem = sd.Problem(SYSTEM, networks, BOX, GRID, {c: 1.0}, boundary="in the ansatz")
    theta = np.random.default_rng(2).normal(size=int(problem.ansatz.count))
    named = problem.ansatz.unpack(theta)
    assert next(iter(named)) == "u.W1"
    np.testing.assert_array_equal(problem.evaluate(named, [0.5]), problem.evaluate(theta, [0.5]))
    assert problem.residual(named, theta, 0.0) == problem.residual(theta, theta, 0.0)
    with pytest.raises(ValueError, match="the parameter w.d must be finite"):
        problem.evaluate({**named, "w.d": np.nan}, [0.5])


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="field_weights holds v, which is no field: u, w"):
        waves({"v": 1.0})
    with pytest.raises(ValueError, match="the weight of the field w is 0.0: it must be positive"):
        waves({w: 0})
    with pytest.raises(sd.SymbolicError, match="an ansatz with 1 outputs for the fields"):
        sd.Problem(SYSTEM, sd.gaussians([X], 2), BOX, GRID, {c: 1.0})


def test_an_overflow_names_the_field():
    equation = sd.EvolutionEquation([sp.Eq(u.diff(t), w), sp.Eq(w.diff(t), sp.exp(u) ** 4)])
    problem = sd.Problem(equation, {u: sd.Ansatz(a * X, [X], [a]), w: sd.Ansatz(a * X, [X], [a])}, BOX, GRID)
    with pytest.raises(sd.DivergenceError, match=r"f is inf at sample \d for w, x = \("):
        sd.evolve(problem, {"u.a": 400.0, "w.a": 0.0}, (0, 1), dt=0.1, stepper=sd.DFI(gamma=1e-6))


WAVE = sd.EvolutionEquation([sp.Eq(u.diff(t), w), sp.Eq(w.diff(t), u.diff(X, 2))])
CIRCLE = sd.Box([(0, 2 * np.pi)], periodic=True)


def standing(shared):
    """A standing wave, u = cos t sin x, which a sin x and b sin x follow exactly."""
    single = sd.Ansatz(a * sp.sin(X), [X], [a])
    ansatz = sd.Ansatz([a * sp.sin(X), b * sp.sin(X)], [X], [a, b]) if shared else {u: single, w: single}
    return sd.Problem(WAVE, ansatz, CIRCLE, sd.Grid(16))


@pytest.mark.parametrize("shared", [True, False])
def test_a_standing_wave(shared, tmp_path):
    problem = standing(shared)
    theta0 = sd.fit(problem, {u: sp.sin(X), w: 0})
    solution = sd.evolve(problem, theta0, (0, 1), dt=0.01, stepper=sd.DFI(gamma=1e-14, scheme="rk4"))
    x, times = np.linspace(0, 6, 7), np.array([0.3, 1.0])
    exact = np.stack([np.multiply.outer(np.cos(times), np.sin(x)), np.multiply.outer(-np.sin(times), np.sin(x))], 1)
    np.testing.assert_allclose(solution.evaluate(x, times), exact, atol=1e-8)
    assert solution.evaluate(x).shape == (2, 7)
    assert solution.evaluate(x, times[:0]).shape == (0, 2, 7)
    assert np.abs(solution.residual).max() < 1e-8
    data = sd.results.load(solution.save(tmp_path / "wave.nc"))
    np.testing.assert_allclose(data["w"].isel(time=-1), solution.evaluate(data["x"].values)[1], atol=1e-14)
    assert len(solution.plot().axes) >= 5


def test_initial_values_in_every_form():
    problem = standing(False)
    x = problem.points[:, 0]
    for u0 in (
        [2 * sp.sin(X), np.sin],
        (2 * sp.sin(X), sp.sin(X)),
        {"w": np.sin, u: lambda x: 2 * np.sin(x)},
        (x, np.stack([2 * np.sin(x), np.sin(x)], 1)),
    ):
        theta = sd.fit(problem, u0)
        np.testing.assert_allclose(theta, [2, 1], rtol=1e-5)
        assert sd.fit_error(problem, theta, u0) < 1e-5
    assert sd.fit_error(problem, [2.0, 0.0], [2 * sp.sin(X), sp.sin(X)]) == pytest.approx(1 / np.sqrt(5), rel=1e-12)
    for u0, message in [
        (sp.sin(X), "u0 holds 1 initial values for the fields u, w: give one each"),
        ({u: sp.sin(X)}, "u0 holds nothing for the field w"),
        ({u: 0, w: 0, "v": 0}, "u0 is given for v, which is no field: u, w"),
        ((x, np.sin(x)), r"data of shapes \(16, 1\) and \(16,\): expected \(n, 1\) and \(n, 2\)"),
        ([0, lambda x: x[:2]], r"u0 of w gave values of shape \(2,\) at 16 points"),
        ([0, lambda x: np.inf * x], r"the initial value at sample 0 .* is not finite: \[ 0. inf\]"),
    ]:
        with pytest.raises(ValueError, match=message):
            sd.fit(problem, u0)
    with pytest.raises(TypeError, match="u0 of w is a SymPy expression, a function"):
        sd.fit(problem, [0, "x"])


def test_a_field_of_weight_zero_nearly_is_left_to_the_others():
    """One amplitude for two fields: what each would have it be is averaged with their weights."""
    ansatz = sd.Ansatz([a * sp.sin(X), a * sp.sin(X)], [X], [a])
    for omega, expected in ((1.0, 1.5), (1e-8, 1.0), (3.0, 1.75)):
        problem = sd.Problem(WAVE, ansatz, CIRCLE, sd.Grid(16), field_weights={w: omega})
        with pytest.warns(UserWarning, match="the fit stopped") if omega > 1e-3 else contextlib.nullcontext():
            theta = sd.fit(problem, [sp.sin(X), 2 * sp.sin(X)])
        assert theta == pytest.approx([expected], rel=1e-6)


def test_colliding_waves_share_their_profile():
    """û = φ(x − θ₁) + φ(x − θ₂), ŵ = −φ'(x − θ₃) + φ'(x − θ₄) follows two travelling waves, u_t = w, w_t = u_xx, until
    they meet: θ̇ = (1, −1, 1, −1)."""
    th = sp.symbols("theta1:5")
    phi = lambda s: sp.exp(-((X - s) ** 2) / 2)  # noqa: E731
    fields = {w: phi(th[2]).diff(th[2]) - phi(th[3]).diff(th[3]), u: phi(th[0]) + phi(th[1])}
    problem = sd.Problem(WAVE, sd.Ansatz(fields, [X], th), sd.Box([(-12, 12)], periodic=True), sd.Grid(151))
    stepper = sd.DFI(gamma=1e-12, scheme="rk4")
    solution = sd.evolve(problem, [-3, 3, -3, 3], (0, 1), dt=0.01, stepper=stepper)
    np.testing.assert_allclose(solution.theta[-1], [-2, 2, -2, 2], atol=1e-7)
    profile = lambda s, x=problem.points[:, 0]: np.exp(-((x - s) ** 2) / 2)  # noqa: E731
    np.testing.assert_allclose(solution.evaluate(problem.points)[0], profile(-2) + profile(2), atol=1e-7)


def test_the_sine_gordon_breather_by_an_ansatz_each():
    """u_t = p, p_t = u_xx − sin u by û = 4 atan(a sech(b x)) and p̂ = c sech(b x)/(1 + d² sech(b x)²): the breather of
    frequency ω has a = η/ω sin ωt, b = η, c = 4a', d = a, η² = 1 − ω²."""
    p, d = sp.Function("p")(t, X), sp.Symbol("d")
    pde = sd.EvolutionEquation([sp.Eq(u.diff(t), p), sp.Eq(p.diff(t), u.diff(X, 2) - sp.sin(u))])
    sech = 1 / sp.cosh(b * X)
    ansatz = {
        u: sd.Ansatz(4 * sp.atan(a * sech), [X], [a, b]),
        p: sd.Ansatz(c * sech / (1 + d**2 * sech**2), [X], [b, c, d]),
    }
    problem = sd.Problem(pde, ansatz, sd.Box([(-20, 20)]), sd.Grid(80))
    omega = 0.8
    eta = np.sqrt(1 - omega**2)

    def exact(time):
        amplitude = eta / omega * np.sin(omega * time)
        return {"u.a": amplitude, "u.b": eta, "p.b": eta, "p.c": 4 * eta * np.cos(omega * time), "p.d": amplitude}

    solution = sd.evolve(problem, exact(0.5), (0.5, 1.5), dt=0.02, stepper=sd.DFI(gamma=1e-12, scheme="rk4"))
    assert list(problem.ansatz.names) == list(exact(0.5))
    np.testing.assert_allclose(solution.theta[-1], list(exact(1.5).values()), atol=1e-6)
