"""A Lagrangian density on an ansatz: its mass matrix, its motion, and what it refuses."""

import pickle

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

t = sd.t
x, y, g, c = sp.symbols("x y g c")
u = sp.Function("u")(t, x)
k, n = sp.Symbol("k", integer=True), sp.Symbol("n", integer=True, positive=True)
SINE_GORDON = sd.LagrangianDensity(u.diff(t) ** 2 / 2 - u.diff(x) ** 2 / 2 - g * (1 - sp.cos(u)), [u], [x])
LINE = sd.Box([(-12, 12)])
EPS = np.finfo(float).eps


@pytest.fixture(scope="module")
def gaussians():
    return SINE_GORDON.reduce(sd.gaussians([x], n), LINE, sd.GaussLegendre(16, 8), params={g: 1.5})


@pytest.mark.parametrize("count", [2, 5])
def test_mass_matrix_and_lagrangian_are_the_integrals(gaussians, count):
    """M = ∫ ∂u ∂uᵀ dx, L = ∫ 𝓛 dx, at any number of Gaussians with the same kernel."""
    rng = np.random.default_rng(count)
    a, w, b = rng.normal(size=count), 0.5 + rng.random(count), np.linspace(-3, 3, count)
    theta, velocity = np.concatenate([a, w, b]), rng.normal(size=3 * count)
    points, weights = sd.GaussLegendre(16, 8).nodes(LINE)
    d = points - b
    e = np.exp(-((w * d) ** 2))
    jacobian = np.concatenate([e, -2 * a * w * d**2 * e, 2 * a * w**2 * d * e], axis=1)
    compiled = gaussians.compile()
    mass = compiled.mass_matrix(theta, velocity)
    expected = jacobian.T @ (weights[:, None] * jacobian)
    size = np.abs(jacobian).T @ (weights[:, None] * np.abs(jacobian))
    assert np.abs(mass - expected).max() < 4 * len(points) * EPS * size.max()
    rate, slope, value = jacobian @ velocity, (-2 * a * w**2 * d * e).sum(axis=1), (a * e).sum(axis=1)
    lagrangian = weights @ (rate**2 / 2 - slope**2 / 2 - 1.5 * (1 - np.cos(value)))
    assert compiled.lagrangian(theta, velocity) == pytest.approx(lagrangian, rel=1e-12)
    found = gaussians.evaluate(theta, points)
    assert np.abs(found - value).max() < 100 * EPS * np.abs(a * e).sum(axis=1).max()
    several = gaussians.evaluate(np.stack([theta, 2 * theta]), points[:7, 0])
    assert several.shape == (2, 7)
    assert np.array_equal(several[0], gaussians.evaluate({"a": a, "w": w, "b": b}, points[:7, 0]))


def test_the_size_of_the_code_does_not_depend_on_how_much_there_is():
    def source(quadrature):
        system = SINE_GORDON.reduce(sd.gaussians([x], n), LINE, quadrature)
        return system.compile().lagrangian_kernel.source

    assert source(sd.Grid(10)) == source(sd.Grid(1000))


@pytest.mark.parametrize("method", ["verlet", "midpoint"])
def test_modes_of_a_string_oscillate(method):
    """u = Σ a_k sin((k + 1) x) on [0, π] is exact: a_k = cos((k + 1) c t)."""
    a = sp.IndexedBase("a", shape=(n,))
    ansatz = sd.Ansatz(sp.Sum(a[k] * sp.sin((k + 1) * x), (k, 0, n - 1)), [x], [a])
    density = sd.LagrangianDensity(u.diff(t) ** 2 / 2 - c**2 * u.diff(x) ** 2 / 2, [u], [x])
    system = density.reduce(ansatz, sd.Box([(0, np.pi)]), sd.GaussLegendre(24))
    amplitudes = np.array([1.0, -0.5, 0.25])

    def error(dt):
        found = sd.integrate(system, amplitudes, 0 * amplitudes, (0, 1), dt, params={c: 1.25}, method=method)
        return np.abs(found.q[-1] - amplitudes * np.cos(1.25 * np.arange(1, 4))).max()

    assert np.log2(error(0.02) / error(0.01)) == pytest.approx(2, abs=0.1)


def test_two_dimensions():
    w = sp.Function("w")(t, x, y)
    density = sd.LagrangianDensity((w.diff(t) ** 2 - w.diff(x) ** 2 - w.diff(y) ** 2 - w**2) / 2, [w], [x, y])
    a = sp.Symbol("a")
    box = sd.Box([(0, 2 * np.pi), (0, 2 * np.pi)], periodic=True)
    system = density.reduce(sd.Ansatz(a * sp.sin(x) * sp.cos(2 * y), [y, x], [a]), box, sd.Grid(9))
    assert system.compile().acceleration(0.7, 0.1) == pytest.approx(-6 * 0.7, rel=1e-12)
    assert system.compile().mass_matrix(0.7, 0.1)[0, 0] == pytest.approx(np.pi**2, rel=1e-12)
    at = np.array([[0.3, 0.5], [1.0, 2.0]])
    assert system.evaluate(np.array([2.0]), at) == pytest.approx(2 * np.cos(2 * at[:, 0]) * np.sin(at[:, 1]), rel=1e-13)


def test_several_fields_in_phase_space():
    """Σ π u_t − H of a string is linear in the rates: energy, which is quadratic, is kept to rounding."""
    string = sd.LagrangianDensity(u.diff(t) ** 2 / 2 - u.diff(x) ** 2 / 2, [u], [x]).phase_space
    (p,) = set(string.fields) - {u}
    a, b = sp.symbols("a b", real=True)
    sine = {u: sd.Ansatz(a * sp.sin(2 * x), [x], [a]), p: sd.Ansatz(b * sp.sin(2 * x), [x], [b])}
    system = string.reduce(sine, sd.Box([(0, np.pi)]), sd.GaussLegendre(20))
    assert string.is_first_order
    assert system.is_first_order
    found = sd.integrate(system, [1.0, 0.0], None, (0, 3), dt=0.05, method=sd.ImplicitMidpoint(order=4))
    assert found.energy_drift < 1e4 * np.finfo(float).eps
    assert found.q[-1] == pytest.approx([np.cos(6), -2 * np.sin(6)], abs=1e-4)
    values = system.evaluate(found.q[-1], np.array([0.4, 1.0]))
    assert values == pytest.approx(found.q[-1][:, None] * np.sin([0.8, 2.0]), rel=1e-12)


def test_redundant_parameters_are_told():
    a, b = sp.symbols("a b")
    system = SINE_GORDON.reduce(sd.Ansatz((a + 2 * b) * sp.sin(x), [x], [a, b]), LINE, sd.Grid(32), params={g: 1.0})
    with pytest.raises(sd.SingularMatrixError, match=r"the mass matrix is singular at .*, along a - 0.5 b"):
        sd.integrate(system, [0.1, 0.1], [0.0, 0.0], (0, 1), dt=0.1)


def test_numbers_may_be_given_later_and_anew(gaussians):
    theta = np.array([1.0, 0.8, 0.0])
    later = SINE_GORDON.reduce(sd.gaussians([x], n), LINE, sd.GaussLegendre(16, 8))
    with pytest.raises(ValueError, match="no value for the parameter g"):
        later.compile().lagrangian(theta, theta)
    at_later = later.compile().lagrangian(theta, theta, {g: 1.5})
    assert at_later == gaussians.compile().lagrangian(theta, theta)
    assert gaussians.compile().lagrangian(theta, theta, {"g": 3.0}) < at_later


def test_reductions_pickle(gaussians):
    again = pickle.loads(pickle.dumps(gaussians))
    theta = np.array([1.0, 0.8, 0.0])
    assert again.compile().lagrangian(theta, theta) == gaussians.compile().lagrangian(theta, theta)
    assert isinstance(again, sd.ReducedLagrangian)


def test_what_does_not_fit_is_refused():
    a = sp.Symbol("a")
    with pytest.raises(sd.SymbolicError, match=r"the density has variables \(x,\), the ansatz \(y,\)"):
        SINE_GORDON.reduce(sd.Ansatz(a * y, [y], [a]), LINE, sd.Grid(8))
    with pytest.raises(sd.SymbolicError, match="a domain of dimension 2"):
        SINE_GORDON.reduce(sd.Ansatz(a * x, [x], [a]), sd.Box([(0, 1), (0, 1)]), sd.Grid(8))
    with pytest.raises(sd.SymbolicError, match="g is a parameter of both the density and the ansatz"):
        SINE_GORDON.reduce(sd.Ansatz(g * x, [x], [g]), LINE, sd.Grid(8))
    with pytest.raises(sd.SymbolicError, match=r"the ansatz of the real field u\(t, x\) is complex"):
        SINE_GORDON.reduce(sd.Ansatz(a * sp.exp(sp.I * x), [x], [a]), LINE, sd.Grid(8))
    with pytest.raises(ValueError, match="unknown parameter q of the density"):
        SINE_GORDON.reduce(sd.Ansatz(a * x, [x], [a]), LINE, sd.Grid(8), params={"q": 1.0})
    with pytest.raises(sd.SymbolicError, match="no derivative of"):
        SINE_GORDON.reduce(sd.Ansatz(a * sp.LambertW(x, a), [x], [a]), LINE, sd.Grid(8))
