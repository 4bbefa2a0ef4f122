"""Conditions on the boundary as rows: what they are, and the heat equation with an ansatz that knows none of them."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

X, Y, k = sp.symbols("x y k")
u = sp.Function("u")(sd.t, X)
HEAT = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(X, 2)))
A = sp.symbols("a:9")
POLYNOMIALS = sd.Ansatz(sum(a * sp.legendre(n, X) for n, a in enumerate(A)), [X], A)
BOX, GAUSS = sd.Box([(-1, 1)]), sd.GaussLegendre(16)
WALL = sd.BoundaryCondition(sp.Eq(u, 0))
#: Decays and moves across both ends.
EXACT = sp.exp(-4 * sd.t) * sp.cos(2 * X + sp.Rational(3, 10))


def heat(*conditions, box=BOX):
    return sd.Problem(HEAT, POLYNOMIALS, box, GAUSS, boundary=conditions or "in the ansatz")


def run(problem, exact, stepper=None, until=0.3):
    start = sd.fit(problem, exact.subs(sd.t, 0))
    solution = sd.evolve(problem, start, (0, until), 2e-3, stepper)
    x = np.linspace(-1, 1, 101)
    reference = np.broadcast_to(sp.lambdify((sd.t, X), exact)(until, x), x.shape)
    return np.abs(solution.evaluate(x) - reference).max() / np.abs(reference).max()


def test_rows_of_a_nonlinear_condition_that_moves():
    """∂c/∂θ and −(∂c/∂t + κc) of c = u² + k x u_x − sin t, at both ends, with √ω."""
    equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), k * u))
    condition = sd.BoundaryCondition(sp.Eq(u**2 + k * X * u.diff(X), sp.sin(sd.t)), weight=4.0, rate=0.5)
    a, b = sp.symbols("a b")
    problem = sd.Problem(
        equation, sd.Ansatz(a * sp.exp(b * X), [X], [a, b]), BOX, GAUSS, {k: 3.0}, boundary=[condition]
    )
    J, f = problem.boundary.rows(np.array([0.7, 0.4]), 0.2)
    for row, side, x in zip(J, f, (-1, 1), strict=True):
        value, e = 0.7 * np.exp(0.4 * x), np.exp(0.4 * x)
        c = value**2 + 3 * x * 0.4 * value - np.sin(0.2)
        slopes = [2 * value * e + 3 * x * 0.4 * e, 2 * value * x * value + 3 * x * (value + 0.4 * x * value)]
        np.testing.assert_allclose(row, 2 * np.array(slopes), rtol=1e-12)
        assert side == pytest.approx(-2 * (-np.cos(0.2) + 0.5 * c), rel=1e-12)
    inner, g = problem.rows(np.array([0.7, 0.4]), 0.2)
    whole, right = problem.source(np.array([0.7, 0.4]), 0.2).whole()
    np.testing.assert_array_equal(whole, np.concatenate([inner, J]))
    np.testing.assert_array_equal(right, np.concatenate([g, f]))


@pytest.mark.parametrize(
    "stepper",
    [
        sd.DFI(),
        sd.DFI(epsilon=1e-9, scheme="bdf2"),
        sd.DiracFrenkel(gamma=1e-10, solver=sd.Cholesky()),
        sd.DiracFrenkel(gamma=1e-12, solver=sd.LSMR()),
        sd.DiracFrenkel(gamma=0.0, solver=sd.QR()),
        sd.DiracFrenkel(rtol=1e-10),
        sd.DFO(rtol=1e-10),
    ],
    ids=repr,
)
def test_dirichlet_and_robin_conditions_that_move(stepper):
    """u = g on the left, u_x + 2u = g on the right; polynomials alone would follow the heat of the whole line."""
    left = sd.BoundaryCondition(sp.Eq(u, EXACT), {X: -1}, weight=10, rate=20)
    right = sd.BoundaryCondition(sp.Eq(u.diff(X) + 2 * u, EXACT.diff(X) + 2 * EXACT), {"x": 1}, weight=10, rate=20)
    problem = heat(left, right)
    assert run(problem, EXACT, stepper) < 1e-3


def test_without_them_the_condition_is_not_kept():
    """u = 0 at both ends from 1 − x⁴, which loses mass through them; with u_x = 0 it loses none."""
    start = 1 - X**4
    theta = sd.fit(heat(), start)
    mass = lambda problem, s: problem.weights @ problem.evaluate(s.theta[-1], problem.points)[:, None]  # noqa: E731
    dirichlet = heat(sd.BoundaryCondition(sp.Eq(u, 0), weight=100))
    free, cold = (sd.evolve(p, theta, (0, 0.2), 2e-3) for p in (heat(), dirichlet))
    assert abs(free.evaluate([1.0])[0]) > 0.5
    assert np.abs(cold.evaluate([-1.0, 1.0])).max() < 1e-4
    assert dirichlet.boundary.error(cold.theta[-1], 0.2) < 1e-4
    # The series of 1 − x⁴ in cos(c x), c = nπ/2 of odd n.
    x, w = np.polynomial.legendre.leggauss(60)
    waves = [(c, np.cos(c * x)) for c in np.pi / 2 * np.arange(1, 12, 2)]
    series = sum((w @ ((1 - x**4) * wave)) * np.exp(-(c**2) * 0.2) * wave for c, wave in waves)
    np.testing.assert_allclose(cold.evaluate(x), series, atol=5e-4)
    smooth = (1 - X**2) ** 2
    insulated = heat(sd.BoundaryCondition(sp.Eq(u.diff(X), 0), {X: (-1, 1)}, weight=100))
    kept = sd.evolve(insulated, sd.fit(insulated, smooth), (0, 0.2), 2e-3)
    assert float(mass(insulated, kept)[0]) == pytest.approx(16 / 15, abs=1e-3)


@pytest.mark.parametrize("quadrature", [None, sd.GaussLegendre(12)])
def test_faces_of_a_rectangle(quadrature):
    """Neumann where x ends and Dirichlet where y does, of a product of waves, on a tensor rule or a given one."""
    v = sp.Function("v")(sd.t, X, Y)
    equation = sd.EvolutionEquation(sp.Eq(v.diff(sd.t), v.diff(X, 2) + v.diff(Y, 2)))
    exact = sp.exp(-2 * sd.t) * sp.cos(X) * sp.sin(Y)
    b = sp.symbols("b:6")
    terms = [sp.legendre(m, X) * sp.legendre(n, Y) for m in (0, 2, 4) for n in (1, 3)]
    ansatz = sd.Ansatz(sum(c * term for c, term in zip(b, terms, strict=True)), [X, Y], b)
    problem = sd.Problem(
        equation, ansatz, sd.Box([(-1, 1)] * 2), sd.Grid(20) if quadrature is None else sd.QuasiMonteCarlo(512),
        boundary=[
            sd.BoundaryCondition(sp.Eq(v.diff(X), exact.diff(X)), {X: [-1, 1]}, rate=20, quadrature=quadrature),
            sd.BoundaryCondition(sp.Eq(v, exact), {Y: [-1, 1]}, rate=20, quadrature=quadrature),
        ],
    )  # fmt: skip
    start = sd.fit(problem, exact.subs(sd.t, 0))
    solution = sd.evolve(problem, start, (0, 0.2), 5e-3)
    points = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    reference = np.exp(-0.4) * np.cos(points[:, 0]) * np.sin(points[:, 1])
    np.testing.assert_allclose(solution.evaluate(points), reference, atol=5e-3)


def test_a_complex_field_has_two_rows_a_point():
    psi = sp.Function("psi")(sd.t, X)
    equation = sd.EvolutionEquation(sp.Eq(sp.I * psi.diff(sd.t), -psi.diff(X, 2)))
    a, b = sp.symbols("a b", real=True)
    ansatz = sd.Ansatz((a + sp.I * b) * sp.exp(sp.I * X), [X], [a, b])
    condition = sd.BoundaryCondition(sp.Eq(psi, sp.exp(sp.I * sd.t)), {X: 1})
    problem = sd.Problem(equation, ansatz, BOX, GAUSS, boundary=[condition, "in the ansatz"])
    J, f = problem.boundary.rows(np.array([0.5, 2.0]), 0.3)
    e, g = np.exp(1j), 1j * np.exp(0.3j)
    np.testing.assert_allclose(J, [[e.real, -e.imag], [e.imag, e.real]], rtol=1e-13)
    np.testing.assert_allclose(f, [g.real, g.imag], rtol=1e-13)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: sd.BoundaryCondition(u), sd.SymbolicError, "a boundary condition is Eq"),
        (lambda: sd.BoundaryCondition(sp.Eq(u, 0), weight=0.0), ValueError, "the weight 0.0 .* must be positive"),
        (lambda: sd.BoundaryCondition(sp.Eq(u, 0), rate=-1.0), ValueError, "the rate -1.0 .* must not be negative"),
        (lambda: heat(sd.BoundaryCondition(sp.Eq(u, 0), {X: 0.5})), sd.SymbolicError, "x = 0.5, which is no face"),
        (lambda: heat(sd.BoundaryCondition(sp.Eq(u, 0), {Y: 1})), ValueError, "is on y, which is no variable"),
        (
            lambda: heat(sd.BoundaryCondition(sp.Eq(u, 0), {X: 1}), box=sd.Box([(-1, 1)], periodic=True)),
            sd.SymbolicError,
            "is periodic",
        ),
        (lambda: heat(sp.Eq(u, 0)), TypeError, r"boundary\[0\] is Eq\(u\(t, x\), 0\): give sd.Dirichlet"),
        (
            lambda: heat("dirichlet"),
            ValueError,
            r"boundary\[0\] is 'dirichlet': give sd.Dirichlet.* or \"in the ansatz\"",
        ),
        (lambda: sd.Problem(HEAT, POLYNOMIALS, BOX, GAUSS, boundary=0), TypeError, "boundary is 0: give sd.Dirichlet"),
        (lambda: heat(sd.Dirichlet({"w": 0})), ValueError, "the value of Dirichlet is given for w, which is no field"),
        (lambda: heat(sd.Dirichlet("0")), TypeError, "the value of Dirichlet is the text '0'"),
        (lambda: heat(sd.Neumann(0, {X: 0})), sd.SymbolicError, "is on x = 0, which is no face"),
        (lambda: heat(sd.BoundaryCondition(sp.Eq(u, k))), sd.SymbolicError, "holds k, which is no variable"),
        (lambda: heat(sd.BoundaryCondition(sp.Eq(u.diff(sd.t), 0))), sd.SymbolicError, "no space derivative"),
        (
            lambda: heat(sd.BoundaryCondition(sp.Eq(u, sp.Integral(u, (X, -1, 1))))),
            sd.SymbolicError,
            "holds an integral",
        ),
    ],
)
def test_what_is_no_condition_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(("scheme", "error"), [("implicit-euler", 0.3), ("tr-bdf2", 5e-3), ("esdirk4", 1e-3)])
def test_implicit_schemes_take_conditions_at_their_stages(scheme, error):
    """c = 0 where each stage ends, nonlinear and moving: nothing drifts, in six steps."""
    left = sd.BoundaryCondition(sp.Eq(u, EXACT), {X: -1}, weight=10)
    right = sd.BoundaryCondition(sp.Eq(u.diff(X) + u**3, EXACT.diff(X) + EXACT**3), {X: 1}, weight=10)
    problem = heat(left, right)
    start = sd.fit(problem, EXACT.subs(sd.t, 0))
    solution = sd.evolve(problem, start, (0, 0.3), 0.05, sd.DFI(scheme=scheme))
    x = np.linspace(-1, 1, 101)
    reference = np.exp(-1.2) * np.cos(2 * x + 0.3)
    assert np.abs(solution.evaluate(x) - reference).max() < error * np.abs(reference).max()
    assert problem.boundary.error(solution.theta[-1], 0.3) < 2e-3
