"""Complex fields with real parameters: Schrödinger equations against their known solutions."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

t, X = sd.t, sp.Symbol("x")
psi, n = sp.Function("psi")(t, X), sp.Function("n", real=True)(t, X)
i = sp.Symbol("i", integer=True)
a, q, v, phi = sp.symbols("a q v phi")
BOX, GRID = sd.Box([(-8, 8)]), sd.Grid(160)
OSCILLATOR = sd.EvolutionEquation(sp.Eq(sp.I * psi.diff(t), -psi.diff(X, 2) / 2 + X**2 / 2 * psi))
FOCUSING = sd.EvolutionEquation(sp.Eq(sp.I * psi.diff(t), -psi.diff(X, 2) / 2 - sp.Abs(psi) ** 2 * psi))
SOLITON = sd.Ansatz(a / sp.cosh(a * (X - q)) * sp.exp(sp.I * (v * (X - q) + phi)), [X], [a, q, v, phi])


def packets(count):
    """Σ (a + ib) exp(−(w + ic)(x − x₀)² + ikx)."""
    a, b, c, x0, k = [sp.IndexedBase(name, shape=(count,)) for name in ("a", "b", "c", "x0", "k")]
    w = sp.IndexedBase(sp.Symbol("w", positive=True), shape=(count,))
    names = [a, b, w, c, x0, k]
    exponent = -(w[i] + sp.I * c[i]) * (X - x0[i]) ** 2 + sp.I * k[i] * X
    return sd.Ansatz(sp.Sum((a[i] + sp.I * b[i]) * sp.exp(exponent), (i, 0, count - 1)), [X], names)


def coherent(x, time):
    """The ground state displaced by 1."""
    x0, k = np.cos(time), -np.sin(time)
    return np.exp(-((x - x0) ** 2) / 2 + 1j * k * (x - x0 / 2) - 1j * time / 2)


def test_a_coherent_state_by_redundant_packets():
    problem = sd.Problem(OSCILLATOR, packets(2), BOX, GRID)
    x = problem.points[:, 0]
    theta0 = {"a": [0.5, 0.5], "b": [0, 0], "w": [0.5, 0.5], "c": [0, 0], "x0": [1, 1], "k": [0, 0]}
    np.testing.assert_allclose(problem.evaluate(theta0, x), coherent(x, 0), atol=1e-15)
    solution = sd.evolve(problem, theta0, (0, 1.5), dt=0.02, stepper=sd.DFI(gamma=1e-10, scheme="rk4"))
    found = solution.evaluate(x, solution.t)
    assert found.dtype == np.complex128
    for time, values in zip(solution.t, found, strict=True):
        np.testing.assert_allclose(values, coherent(x, time), atol=1e-7)
    assert {"u_re", "u_im"} <= set(solution.dataset)
    assert np.hypot(solution.dataset.u_re, solution.dataset.u_im).isel(time=-1).max() == pytest.approx(1, abs=1e-3)


def test_a_soliton_follows_its_own_motion():
    """a sech(a(x − q)) exp(i(v(x − q) + φ)): q' = v, φ' = (a² + v²)/2."""
    problem = sd.Problem(FOCUSING, SOLITON, sd.Box([(-12, 12)]), sd.Grid(300))
    theta = problem.theta({a: 1.1, q: -0.4, v: 0.7, phi: 0.3})
    J, f = problem.rows(theta, 0.0)
    assert J.shape == (600, 4)
    rate, *_ = np.linalg.lstsq(J, f, rcond=None)
    np.testing.assert_allclose(rate, [0, 0.7, 0, (1.1**2 + 0.7**2) / 2], atol=1e-9)
    assert np.linalg.norm(J @ rate - f) < 1e-9 * np.linalg.norm(f)


def test_rows_stack_real_and_imaginary_part():
    problem = sd.Problem(OSCILLATOR, packets(2), BOX, sd.Grid(11))
    theta = np.random.default_rng(0).uniform(0.3, 0.9, size=12)
    J, f = problem.rows(theta, 0.2)
    x, root = problem.points[:, 0], np.sqrt(problem.weights)[:, None]
    halves = lambda z: root * np.stack([z.real, z.imag], axis=1)  # noqa: E731
    for k in range(theta.size):
        h = 1e-5 * np.eye(theta.size)[k]
        slope = (problem.evaluate(theta + h, x) - problem.evaluate(theta - h, x)) / 2e-5
        np.testing.assert_allclose(J[:, k].reshape(11, 2), halves(slope), atol=1e-8)
    h = 1e-3
    back, here, ahead = (problem.evaluate(theta, x + s) for s in (-h, 0, h))
    energy = -(back - 2 * here + ahead) / (2 * h**2) + x**2 / 2 * here
    np.testing.assert_allclose(f.reshape(11, 2), halves(-1j * energy), atol=1e-4)
    velocity = np.random.default_rng(1).normal(size=12)
    np.testing.assert_allclose(problem.tangents(theta, velocity, 0.2, fresh=False)[0], J @ velocity, atol=1e-12)
    _, value = problem.fit_rows(theta, problem.points, problem.weights)
    np.testing.assert_allclose(value.reshape(11, 2), halves(here), atol=1e-14)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (sp.conjugate(psi) * psi.diff(X), lambda z, d: np.conj(z) * d),
        (sp.I * sp.re(psi) + sp.im(psi) ** 2, lambda z, d: 1j * z.real + z.imag**2),
        (sp.I * sp.exp(-sp.I * t) * sp.Abs(psi) ** 4 * psi, lambda z, d: 1j * np.exp(-0.3j) * abs(z) ** 4 * z),
        (sp.I * sp.Abs(psi), lambda z, d: 1j * abs(z)),
        (sp.sin(psi) + sp.I * sp.cosh(psi) + 1 / (2 + psi), lambda z, d: np.sin(z) + 1j * np.cosh(z) + 1 / (2 + z)),
        (sp.I * sp.Derivative(sp.conjugate(psi), X) * psi, lambda z, d: 1j * np.conj(d) * z),
        (sp.I * (sp.Abs(psi) ** 2).diff(X), lambda z, d: 1j * 2 * (np.conj(z) * d).real),
        (sp.I * sp.re(psi).diff(X), lambda z, d: 1j * d.real),
    ],
)  # fmt: skip
def test_right_sides_against_complex_arithmetic(f, expected):
    pde = sd.EvolutionEquation(sp.Eq(psi.diff(t), f)).real
    z, d = 0.8 - 0.3j, -0.4 + 1.1j
    values = {u: {(): sp.Float(own[0]), (X,): sp.Float(own[1])}
              for u, own in zip(pde.fields, ((z.real, d.real), (z.imag, d.imag)), strict=True)}  # fmt: skip
    real, imaginary = (float(side.subs(t, 0.3)) for side in pde.with_values(values))
    assert real + 1j * imaginary == pytest.approx(expected(z, d), rel=1e-12)


def test_fits_to_complex_values_in_every_form():
    problem = sd.Problem(FOCUSING, SOLITON, BOX, GRID)
    x = problem.points[:, 0]
    exact = np.array([1.2, 0.5, 0.4, 0.3])
    formula = SOLITON.expr.subs(dict(zip((a, q, v, phi), exact, strict=True)))
    function = lambda x: problem.evaluate(exact, x)  # noqa: E731
    for u0 in (formula, function, (x, function(x)), {psi: formula}):
        theta = sd.fit(problem, u0, start=[1.0, 0.4, 0.3, 0.2])
        np.testing.assert_allclose(theta, exact, rtol=1e-5)
        assert sd.fit_error(problem, exact, u0) < 1e3 * np.finfo(float).eps
    assert sd.fit_error(problem, exact, lambda x: 1j * function(x)) == pytest.approx(np.sqrt(2), rel=1e-12)


def test_a_real_field_beside_a_complex_one():
    """i ψ_t = −ψ_xx + nψ, n_t = −(|ψ|²)_x: three rows a sample."""
    pde = sd.EvolutionEquation([
        sp.Eq(sp.I * psi.diff(t), -psi.diff(X, 2) + n * psi),
        sp.Eq(n.diff(t), -sp.Derivative(psi * sp.conjugate(psi), X)),
    ])  # fmt: skip
    assert pde.complex == (True, False)
    problem = sd.Problem(pde, {psi: SOLITON, n: sd.gaussians([X], 1)}, BOX, sd.Grid(9))
    theta = np.array([0.8, 0.3, 0.9, -0.4, 0.5, 0.6, 0.2])
    J, f = problem.rows(theta, 0.0)
    assert J.shape == (27, 7)
    assert not J.reshape(9, 3, 7)[:, :2, 4:].any()
    x, h = problem.points[:, 0], 1e-4
    values = problem.evaluate(theta, x)
    assert values.shape == (2, 9)
    np.testing.assert_array_equal(values[1].imag, 0)
    density = [abs(problem.evaluate(theta, x + s)[0]) ** 2 for s in (-h, h)]
    expected = -(density[1] - density[0]) / (2 * h) * np.sqrt(problem.weights)
    np.testing.assert_allclose(f.reshape(9, 3)[:, 2], expected, atol=1e-7)
    assert problem.field_names == ["psi_re", "psi_im", "n"]


def test_which_fields_are_complex():
    plain, declared = sp.Function("w")(t, X), sp.Function("w", complex=True)(t, X)
    assert sd.EvolutionEquation(sp.Eq(plain.diff(t), plain.diff(X))).complex == (False,)
    assert sd.EvolutionEquation(sp.Eq(declared.diff(t), declared.diff(X))).complex == (True,)
    assert sd.EvolutionEquation(sp.Eq(plain.diff(t), plain.diff(X)), complex=True).complex == (True,)
    assert sd.EvolutionEquation(sp.Eq(plain.diff(t), sp.conjugate(plain))).complex == (True,)
    pair = [sp.Eq(plain.diff(t), sp.Abs(psi)), sp.Eq(psi.diff(t), plain)]
    assert sd.EvolutionEquation(pair, complex=[psi]).complex == (False, True)
    with pytest.raises(sd.SymbolicError, match=r"complex holds n\(t, x\), which is none of the fields"):
        sd.EvolutionEquation(pair, complex=[n])
    with pytest.raises(sd.SymbolicError, match=r"complex holds n\(t, x\), which is declared real"):
        sd.EvolutionEquation(sp.Eq(n.diff(t), n), complex=[n])


def test_what_is_not_split_or_not_real_is_refused():
    def problem(f, ansatz=SOLITON, field=psi):
        return sd.Problem(sd.EvolutionEquation(sp.Eq(field.diff(t), f)), ansatz, BOX, GRID, boundary="in the ansatz")

    with pytest.raises(sd.SymbolicError, match=r"no real and imaginary part is known of gamma"):
        problem(sp.I * sp.gamma(psi))
    with pytest.raises(sd.SymbolicError, match=r"no real and imaginary part is known of erf"):
        problem(sp.I * psi, sd.Ansatz(sp.erf(a * X + sp.I * q), [X], [a, q]))
    with pytest.raises(sd.SymbolicError, match=r"the right side .* of the real field n\(t, x\) is complex"):
        problem(sp.I * n, sd.Ansatz(a * X, [X], [a]), n)
    with pytest.raises(sd.SymbolicError, match="the ansatz of a real field is complex"):
        problem(n, SOLITON, n)
    real = problem(n.diff(X), sd.Ansatz(a * sp.cos(X), [X], [a]), n)
    with pytest.raises(sd.SymbolicError, match="u0 is complex, but n is a real field"):
        sd.fit(real, sp.I * X)
    for u0 in (lambda x: 1j * x, (real.points[:, 0], 1j * real.points[:, 0])):
        with pytest.raises(ValueError, match="is complex, but n is a real field"):
            sd.fit(real, u0)
