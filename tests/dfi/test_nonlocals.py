"""Equations with integrals: right sides against sums written out, runs against exact solutions."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

X, Y, Z, V, k, length = sp.symbols("x y z v k L")
u, w = (sp.Function(name)(sd.t, X) for name in "uw")
BOX, ENDS = sd.Box([(-6, 6)]), (X, -6, 6)
THETA = {"a": [0.2, 0.1], "w": [1.0, 0.8], "b": [0.0, 1.0]}


def problem(side, params=None, quadrature=None, box=BOX):
    equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), side))
    return sd.Problem(equation, sd.gaussians([X], 2), box, quadrature or sd.Grid(100), params)


def at(y):
    return u.subs(X, y)


def mixture(x):
    """û and û_x of THETA at x."""
    units = [(a, c, x - b, np.exp(-((c * (x - b)) ** 2))) for a, c, b in zip(*THETA.values(), strict=True)]
    return sum(a * e for a, _, _, e in units), sum(-2 * a * c**2 * d * e for a, c, d, e in units)


def right_side(of, fresh=False):
    """f without √w, and the points and weights it is summed on."""
    theta = of.theta(THETA)
    _, f = of.tangents(theta, 0 * theta, 0.3, fresh=fresh)
    points, weights = (of.fresh_points, of.fresh_weights) if fresh else (of.points, of.weights)
    return f / np.sqrt(weights), points[:, 0], weights


ONE_DIMENSION = {
    "a global integral": (
        u * (1 - sp.Integral(u, ENDS)),
        lambda x, h, U, D: U * (1 - h @ U),
    ),
    "a function of integrals of derivatives": (
        u / (1 + sp.Integral(at(Y).diff(Y) ** 2, (Y, -6, 6))) + sp.Integral(sd.t * X * u, ENDS),
        lambda x, h, U, D: U / (1 + h @ D**2) + 0.3 * (h @ (x * U)),
    ),
    "a separable kernel": (
        sp.diff(u * sp.Integral(k * (X - Y) * at(Y), (Y, -6, 6)), X),
        lambda x, h, U, D: D * ((x[:, None] - x) @ (h * U)) + U * (h @ U),
    ),
    "a kernel": (
        u.diff(X) * sp.Integral(sp.exp(-((X - Y) ** 2)) * at(Y), (Y, -6, 6)),
        lambda x, h, U, D: D * (np.exp(-((x[:, None] - x) ** 2)) @ (h * U)),
    ),
    "a difference of the field at two places": (
        sp.Integral(sp.exp(-sp.Abs(X - Y)) * sp.tanh(at(Y) - u), (Y, -6, 6)),
        lambda x, h, U, D: (np.exp(-np.abs(x[:, None] - x)) * np.tanh(U - U[:, None])) @ h,
    ),
    "an integral of an integral": (
        sp.Integral(sp.cos(X * Y) * sp.Integral(sp.sin(Y * Z) * at(Z), (Z, -6, 6)) ** 2, (Y, -6, 6)),
        lambda x, h, U, D: np.cos(np.outer(x, x)) @ (h * (np.sin(np.outer(x, x)) @ (h * U)) ** 2),
    ),
    "three places": (
        sp.Integral(at(Y) * at(Z).diff(Z) * sp.exp(-((X + Y - Z) ** 2)), (Y, -6, 6), (Z, -6, 6)),
        lambda x, h, U, D: np.einsum(
            "ijk,j,k->i", np.exp(-((x[:, None, None] + x[:, None] - x) ** 2)), h * U, h * D
        ),
    ),
    "an integral over a nonlinear one": (
        u * sp.exp(-sp.Integral(u * sp.Integral(at(Y) ** 2, (Y, -6, 6)), ENDS)),
        lambda x, h, U, D: U * np.exp(-(h @ U) * (h @ U**2)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE_DIMENSION)
def test_right_sides_are_those_sums(name):
    side, expected = ONE_DIMENSION[name]
    of = problem(side, {k: 1.0} if side.has(k) else None)
    for fresh in (False, True):
        f, x, h = right_side(of, fresh)
        np.testing.assert_allclose(f, expected(x, h, *mixture(x)), rtol=1e-11, atol=1e-13)
    theta = of.theta(THETA)
    J, whole = of.rows(theta, 0.3)
    np.testing.assert_allclose(whole, right_side(of)[0] * np.sqrt(of.weights), rtol=1e-13, atol=1e-15)
    # Everything that solvers ask for holds the same f.
    source = of.source(theta, 0.3)
    np.testing.assert_allclose(source.residuals(None, len(whole)), whole, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(source.normal(None).gradient, J.T @ whole, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("name", ["a difference of the field at two places", "an integral over a nonlinear one"])
def test_the_derivative_of_a_right_side_holds_that_of_its_integrals(name):
    side, _ = ONE_DIMENSION[name]
    of = problem(side, {k: 1.0} if side.has(k) else None, sd.Grid(40))
    theta, along = of.theta(THETA), np.random.default_rng(2).normal(size=6)
    for fresh in (False, True):
        J, rates = of.linearised(theta, 0.3, fresh=fresh)
        ahead, behind = (of.tangents(theta + s * 1e-5 * along, along, 0.3, fresh)[1] for s in (1, -1))
        expected = (ahead - behind) / 2e-5
        np.testing.assert_allclose(rates @ along, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())
        np.testing.assert_allclose(J @ along, of.tangents(theta, along, 0.3, fresh)[0], rtol=1e-11, atol=1e-13)
        part = of.linearised(theta, 0.3, slice(5, 12), fresh)
        np.testing.assert_allclose(part[1], rates[5:12], rtol=1e-12, atol=1e-14)


def test_separable_kernels_are_summed_once():
    """(x − y)² is three integrals without x, of which every stage takes 3 sums of n terms and not n."""
    terms = problem(sp.Integral((X - Y) ** 2 * at(Y), (Y, -6, 6))).nonlocals.terms
    assert [term.outer for term in terms] == [(), (), ()]
    (kernel,) = problem(sp.Integral(sp.exp(-((X - Y) ** 2)) * at(Y), (Y, -6, 6))).nonlocals.terms
    assert kernel.outer == (X,)


def test_values_follow_theta_and_time():
    """What is kept from call to call is that of the θ and time asked for."""
    of = problem(u * sp.Integral(sp.cos(sd.t) * u, ENDS))
    theta = of.theta(THETA)
    first, second = of.rows(theta, 0.0)[1], of.rows(2 * theta, 0.0)[1]
    assert not np.allclose(first, second)
    np.testing.assert_allclose(of.rows(theta, 1.0)[1], np.cos(1) * first, rtol=1e-12)
    np.testing.assert_array_equal(of.rows(theta, 0.0)[1], first)
    moved = theta.copy()
    of.rows(moved, 0.0)
    moved *= 2  # in place
    np.testing.assert_array_equal(of.rows(moved, 0.0)[1], second)


def test_several_fields_and_places():
    equations = [
        sp.Eq(u.diff(sd.t), sp.Integral(sp.exp(-((X - Y) ** 2)) * w.subs(X, Y).diff(Y) * u, (Y, -6, 6))),
        sp.Eq(w.diff(sd.t), sp.Integral(u * w, ENDS)),
    ]
    of = sd.Problem(
        sd.EvolutionEquation(equations), {u: sd.gaussians([X], 2), w: sd.gaussians([X], 1)}, BOX, sd.Grid(80)
    )
    theta = of.theta({u: THETA, w: {"a": [1.0], "w": [0.5], "b": [-0.5]}})
    x, h = of.points[:, 0], of.weights
    U, _ = mixture(x)
    W = np.exp(-0.25 * (x + 0.5) ** 2)
    f = of.rows(theta, 0.0)[1].reshape(-1, 2) / np.sqrt(h)[:, None]
    expected = U * (np.exp(-((x[:, None] - x) ** 2)) @ (h * -0.5 * (x + 0.5) * W))
    np.testing.assert_allclose(f, np.stack([expected, np.full_like(x, h @ (U * W))], 1), rtol=1e-11, atol=1e-14)


def test_a_complex_field():
    """Hartree's potential of |ψ|²."""
    psi = sp.Function("psi")(sd.t, X)
    there = psi.subs(X, Y)
    potential = sp.Integral(sp.exp(-((X - Y) ** 2)) * there * sp.conjugate(there), (Y, -6, 6))
    equation = sd.EvolutionEquation(sp.Eq(sp.I * psi.diff(sd.t), potential * psi))
    a, b = sp.symbols("a b", real=True)
    of = sd.Problem(equation, sd.Ansatz(a * sp.exp(-(X**2) + sp.I * b * X), [X], [a, b]), BOX, sd.Grid(80))
    x, h = of.points[:, 0], of.weights
    f = of.rows(np.array([1.5, 0.7]), 0.0)[1].reshape(-1, 2) / np.sqrt(h)[:, None]
    psi_x = 1.5 * np.exp(-(x**2) + 0.7j * x)
    expected = -1j * psi_x * (np.exp(-((x[:, None] - x) ** 2)) @ (h * np.abs(psi_x) ** 2))
    np.testing.assert_allclose(f[:, 0] + 1j * f[:, 1], expected, rtol=1e-11, atol=1e-14)


F = sp.Function("f")(sd.t, X, V)


@pytest.mark.parametrize("quadrature", [sd.Grid((20, 24)), sd.GaussLegendre(6, 4)], ids=repr)
def test_integrals_over_some_of_the_variables(quadrature):
    """Vlasov–Poisson: the density ∫f dv at every x, and the electric field by Green's function."""
    density = sp.Integral(F, (V, -4, 4))
    field = sp.Integral(sp.sign(X - Y) / 2 * (sp.Integral(F.subs(X, Y), (V, -4, 4)) - 1), (Y, -3, 3))
    equation = sd.EvolutionEquation(sp.Eq(F.diff(sd.t), -V * F.diff(X) - field * F.diff(V) + density**2))
    ansatz = sd.gaussians([X, V], 2)
    of = sd.Problem(equation, ansatz, sd.Box([(-3, 3), (-4, 4)]), quadrature)
    theta = np.random.default_rng(1).normal(size=ansatz.length())
    x, h = of.points[:, 0], of.weights
    values = of.evaluate(theta, of.points)
    nodes, inverse = np.unique(x, return_inverse=True)
    # Of a tensor rule the weights are products: those along x from f = 1.
    line = np.bincount(inverse, weights=h) / 8
    rho = np.bincount(inverse, weights=h * values) / line
    E = (np.sign(nodes[:, None] - nodes) / 2) @ (line * (rho - 1))
    free = sd.EvolutionEquation(sp.Eq(F.diff(sd.t), -V * F.diff(X)))
    slopes = sd.EvolutionEquation(sp.Eq(F.diff(sd.t), F.diff(V)))
    parts = [sd.Problem(e, ansatz, of.domain, quadrature).rows(theta, 0.0)[1] for e in (free, slopes)]
    expected = parts[0] - E[inverse] * parts[1] + np.sqrt(h) * rho[inverse] ** 2
    np.testing.assert_allclose(of.rows(theta, 0.0)[1], expected, rtol=1e-10, atol=1e-12)
    along = np.random.default_rng(2).normal(size=theta.size)
    ahead, behind = (of.rows(theta + s * 1e-5 * along, 0.0)[1] for s in (1, -1))
    rates = of.linearised(theta, 0.0, fresh=False)[1] @ along
    np.testing.assert_allclose(rates, (ahead - behind) / 2e-5, rtol=1e-5, atol=1e-6 * np.abs(rates).max())


def test_logistic_growth_with_global_competition():
    """u_t = u (1 − ∫u dx): û keeps its shape and its mass follows the logistic curve."""
    of = problem(u * (1 - sp.Integral(u, (X, -length, length))), {length: 6.0})
    theta = of.theta(THETA)
    solution = sd.evolve(of, theta, (0, 2), 0.05)
    x = np.linspace(-5, 5, 60)
    start = of.weights @ mixture(of.points[:, 0])[0]
    mass = start * np.exp(2) / (1 + start * (np.exp(2) - 1))
    np.testing.assert_allclose(solution.evaluate(x), mixture(x)[0] * mass / start, atol=1e-6)
    assert solution.error_bound[-1] < 1e-4


def test_harmonic_mean_field():
    """u_t = ((x − ∫y u dy) u)_x + D u_xx of a Gaussian: its mean stays, its variance is D + (s₀ − D) e^{−2t}."""
    drift = sp.Integral((X - Y) * at(Y), (Y, -6, 6))
    side = sp.diff(u * drift, X) + k * u.diff(X, 2)
    equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), side))
    of = sd.Problem(equation, sd.gaussians([X], 1), BOX, sd.Grid(200), {k: 0.3})
    s0, mean, D, T = 0.5, 0.4, 0.3, 1.0
    density = lambda s: {"a": [1 / np.sqrt(2 * np.pi * s)], "w": [1 / np.sqrt(2 * s)], "b": [mean]}  # noqa: E731
    solution = sd.evolve(of, density(s0), (0, T), 0.02)
    s = D + (s0 - D) * np.exp(-2 * T)
    np.testing.assert_allclose(solution.theta[-1], of.theta(density(s)), rtol=1e-6)


def test_samples_of_any_kind_for_integrals_over_all_variables():
    of = problem(u * sp.Integral(at(Y), (Y, -6, 6)), quadrature=sd.QuasiMonteCarlo(256, redraw=True))
    f, x, h = right_side(of)
    U, _ = mixture(x)
    np.testing.assert_allclose(f, U * (h @ U), rtol=1e-12, atol=1e-15)
    assert np.isfinite(sd.evolve(of, THETA, (0, 0.1), 0.05).theta).all()
    everywhere = sd.Box([(-sp.oo, sp.oo)])
    hermite = problem(u * sp.Integral(u, (X, -sp.oo, sp.oo)), quadrature=sd.GaussHermite(60), box=everywhere)
    f, x, h = right_side(hermite)
    mass = np.sqrt(np.pi) * (0.2 + 0.1 / 0.8)
    np.testing.assert_allclose(f, mixture(x)[0] * mass, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (sp.Integral(u, (X, 0, 6)), "the limits of x in .* are not the ends -6 and 6 of the domain"),
        (sp.Integral(at(Y), (Y, -6, X)), "the limits of y in .* are no numbers"),
        (sp.Integral(u, X), "is no definite integral"),
        (sp.Integral(at(Y).diff(sd.t), (Y, -6, 6)), "holds a time derivative"),
        (sp.Integral(at(X - Y), (Y, -6, 6)), "its place x - y must be a variable"),
        (sp.Integral(at(Y).subs(sd.t, 0), (Y, -6, 6)), "is the field at another time"),
        (sp.Integral(sp.Function("g")(Y) * at(Y), (Y, -6, 6)), "which is none of the fields"),
        (sp.Integral(sp.IndexedBase("c")[0] * at(Y), (Y, -6, 6)), "parameters must be numbers"),
    ],
)
def test_what_is_no_integral_over_the_domain_is_refused(bad, message):
    with pytest.raises(sd.SymbolicError, match=message):
        problem(u * bad)


def test_what_has_no_rule_along_an_axis_is_refused():
    equation = sd.EvolutionEquation(sp.Eq(F.diff(sd.t), F * sp.Integral(F, (V, -4, 4))))
    of = sd.Problem(equation, sd.gaussians([X, V], 1), sd.Box([(-3, 3), (-4, 4)]), sd.MonteCarlo(50))
    with pytest.raises(ValueError, match="MonteCarlo is no tensor rule"):
        of.rows(np.ones(6), 0.0)
    with pytest.raises(sd.SymbolicError, match="along which of x, v does y run"):
        sd.EvolutionEquation(sp.Eq(F.diff(sd.t), sp.Integral(F * Y, (Y, -4, 4))))


def test_landau_damping():
    """Vlasov–Poisson, f_t + v f_x − E f_v = 0 and E_x = 1 − ∫f dv: a wave of k = 1/2 decays as e^{−0.1533 t} and
    turns at 1.4156. Linear in θ: Gaussians in v times the first waves in x; Green's function is its first wave."""
    wave, ends, units = sp.Rational(1, 2), 4 * sp.pi, 24
    electrons = sp.Integral(F.subs(X, Y), (V, -6, 6))
    E = sp.Integral(2 / (wave * ends) * sp.sin(wave * (X - Y)) * (1 - electrons), (Y, 0, ends))
    equation = sd.EvolutionEquation(sp.Eq(F.diff(sd.t), -V * F.diff(X) + E * F.diff(V)))
    i = sp.Symbol("i", integer=True)
    a, b, c = names = [sp.IndexedBase(name, shape=(units,)) for name in "abc"]
    unit = sp.exp(-(((V + 6) * units / 12 - i - sp.S.Half) ** 2) / 2)
    waves = a[i] + b[i] * sp.cos(wave * X) + c[i] * sp.sin(wave * X)
    box = sd.Box([(0, 4 * np.pi), (-6, 6)], periodic=[True, False])
    ansatz = sd.Ansatz(sp.Sum(waves * unit, (i, 0, units - 1)), [X, V], names)
    of = sd.Problem(equation, ansatz, box, sd.Grid((8, 48)))
    x, h = of.points, of.weights
    density = np.exp(-(x[:, 1] ** 2) / 2) / np.sqrt(2 * np.pi) * (1 + np.cos(x[:, 0] / 2) / 1000)
    start = np.linalg.lstsq(of.fit_rows(np.zeros(3 * units), x, h)[0], np.sqrt(h) * density, rcond=1e-12)[0]
    solution = sd.evolve(of, start, (0, 12), 0.125)
    charge = np.array([h @ (of.evaluate(theta, x) * np.cos(x[:, 0] / 2)) for theta in solution.theta])
    size = np.abs(charge)
    peaks = np.flatnonzero((size[1:-1] > size[:-2]) & (size[1:-1] > size[2:])) + 1
    # The top of the parabola through a peak and its neighbours.
    before, top, after = size[peaks - 1], size[peaks], size[peaks + 1]
    bend = 2 * top - before - after
    times, heights = solution.t[peaks] + 0.125 * (after - before) / (2 * bend), top + (after - before) ** 2 / (8 * bend)
    rate = np.polyfit(times[1:], np.log(heights[1:]), 1)[0]
    assert rate == pytest.approx(-0.1533, abs=2e-3)
    assert np.pi / np.diff(times[1:]).mean() == pytest.approx(1.4156, abs=1e-2)


@pytest.mark.parametrize("scheme", ["implicit-euler", "tr-bdf2", "esdirk4"])
def test_stages_of_implicit_schemes_hold_the_integrals(scheme):
    """Each stage solves û − s f(û) = b with the ∫u of its own û: a scheme of order k for m′ = m (1 − m)."""
    of = problem(u * (1 - sp.Integral(u, ENDS)))
    theta = of.theta(THETA)
    start = of.weights @ mixture(of.points[:, 0])[0]
    mass = start * np.exp(1) / (1 + start * (np.exp(1) - 1))
    errors = []
    for h in (0.25, 0.125):
        last = sd.evolve(of, theta, (0, 1), h, sd.DFI(scheme=scheme)).theta[-1]
        errors.append(abs(of.weights @ of.evaluate(last, of.points) - mass))
    order = {"implicit-euler": 1, "tr-bdf2": 2, "esdirk4": 4}[scheme]
    assert errors[1] < 0.5 * 0.25**order
    assert np.log2(errors[0] / errors[1]) > order - 0.4
