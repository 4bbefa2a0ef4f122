"""Implicit schemes: rows of their stages, orders where h λ is large, L-stability, and what Gauss–Newton says."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.dfi import ESDIRK4, TRBDF2, GaussNewton, ImplicitEuler
from symdfi.dfi.schemes import DiagonallyImplicit

SCHEMES = [(ImplicitEuler(), 1), (TRBDF2(), 2), (ESDIRK4(), 4)]
IDS = ["implicit-euler", "tr-bdf2", "esdirk4"]
EPS = np.finfo(float).eps
X = sp.Symbol("x")
u, w = (sp.Function(name)(sd.t, X) for name in "uw")


# Rows of a stage


def problems():
    kdv = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -6 * u * u.diff(X) - u.diff(X, 3) + sp.cos(sd.t) * X))
    waves = sd.EvolutionEquation([sp.Eq(u.diff(sd.t), w * u), sp.Eq(w.diff(sd.t), u.diff(X, 2) - w**3)])
    psi = sp.Function("psi", complex=True)(sd.t, X)
    trap = sd.EvolutionEquation(sp.Eq(sp.I * psi.diff(sd.t), -psi.diff(X, 2) / 2 + sp.Abs(psi) ** 2 * psi))
    a, b, q = sp.symbols("a b q", real=True)
    packet = sd.Ansatz((a + sp.I * b) * sp.exp(-((X - q) ** 2) + sp.I * a * X), [X], [a, b, q])
    box, grid = sd.Box([(-2, 2)]), sd.Grid(40)
    yield sd.Problem(kdv, sd.gaussians([X], 2, period=[4]), sd.Box([(-2, 2)], periodic=True), grid)
    yield sd.Problem(kdv, sd.mlp([X], [3, 3], period=[4]), sd.Box([(-2, 2)], periodic=True), grid)
    yield sd.Problem(waves, {u: sd.gaussians([X], 2), w: sd.gaussians([X], 1)}, box, sd.Grid(600))
    yield sd.Problem(trap, packet, box, grid)


@pytest.mark.parametrize("number", range(4))
def test_rows_of_a_stage(number):
    """M = √w ∂(û − s f)/∂θ and g = (b − √w (û − s f))/s, against f and central differences of g."""
    problem = list(problems())[number]
    rng = np.random.default_rng(1)
    theta = 1 + 0.3 * rng.normal(size=problem.ansatz.count)
    span, time, known = 0.3, 0.7, rng.normal(size=problem.row_count)
    stage = problem.stage(known, span)
    M, g = stage.rows(theta, time)
    side = lambda at: problem.tangents(at, 0 * at, time, fresh=False)[1]  # noqa: E731
    shifted = lambda at: problem.weighted(at, fresh=False) - span * side(at)  # noqa: E731
    np.testing.assert_allclose(g, (known - shifted(theta)) / span, rtol=0, atol=1e3 * EPS * np.abs(g).max())
    d = 1e-5
    central = np.stack([(shifted(theta + d * e) - shifted(theta - d * e)) / (2 * d) for e in np.eye(theta.size)], 1)
    np.testing.assert_allclose(M, central, rtol=0, atol=1e-7 * np.abs(M).max())
    v, r = rng.normal(size=theta.size), rng.normal(size=problem.row_count)
    close = lambda found, expected, scale: np.testing.assert_allclose(found, expected, rtol=0, atol=1e3 * EPS * scale)  # noqa: E731
    close(stage.jv(theta, v, time), M @ v, np.abs(M).sum())
    close(stage.jtr(theta, r, time), M.T @ r, np.abs(M).sum() * np.abs(r).max())
    normal = stage.source(theta, time).normal(None)
    close(normal.gram, np.tril(M.T @ M), np.sum(M**2))
    close(normal.gradient, M.T @ g, np.abs(M).sum() * np.abs(g).max())


# Stiff cases


def modes():
    """Heat on [0, π] by two modes, of which the second decays at the rate 900."""
    a, b = sp.symbols("a b")
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(X, 2)))
    ansatz = sd.Ansatz(a * sp.sin(X) + b * sp.sin(30 * X), [X], [a, b])
    return sd.Problem(pde, ansatz, sd.Box([(0, sp.pi)]), sd.Grid(96), boundary="in the ansatz")


def test_explicit_steps_diverge_there():
    with pytest.raises(sd.DivergenceError):
        sd.evolve(modes(), [1.0, 1e-3], (0, 4), 0.1, sd.DFI(scheme="rk4", trust=False))


@pytest.mark.parametrize(("scheme", "order"), SCHEMES, ids=IDS)
def test_orders_where_h_lambda_is_large(scheme, order):
    """h λ from 90 to 22 in the second mode: the first is as accurate as if it were alone."""
    problem, errors = modes(), []
    for h in (0.1, 0.05, 0.025):
        last = sd.evolve(problem, [1.0, 0.0], (0, 1), h, sd.DFI(gamma=1e-12, scheme=scheme)).last.theta
        errors.append(abs(last[0] - np.exp(-1)))
        assert abs(last[1]) <= 1e-9
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), order, atol=0.15)


@pytest.mark.parametrize(("scheme", "order"), SCHEMES, ids=IDS)
def test_l_stability(scheme, order):
    """R(z) → 0 as z → −∞: c/|z| of what was there is left."""
    z, last = np.array([-1e3, -1e4, -1e5]), []
    for rate in z:
        a, c = sp.symbols("a c")
        pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), c * u))
        problem = sd.Problem(pde, sd.Ansatz(a * sp.cos(X), [X], [a]), sd.Box([(0, 1)]), sd.Grid(8), {c: rate})
        stepper = sd.DFI(gamma=1e-14, trust=False, scheme=scheme)
        last.append(sd.evolve(problem, [1.0], (0, 1), 1.0, stepper).last.theta[0])
    # The rational function of the tableau, for which DFI has the same.
    np.testing.assert_allclose(last, [stability(scheme, rate) for rate in z], rtol=1e-2)
    assert np.all(np.abs(last) <= 10 / np.abs(z))
    # A-stable: on the imaginary axis nothing grows.
    assert max(abs(stability(scheme, 1j * y)) for y in np.geomspace(1e-2, 1e6, 400)) <= 1 + 1e-12


def stability(scheme: DiagonallyImplicit, z):
    rows = scheme.tableau
    A = np.zeros((len(rows), len(rows)))
    for i, row in enumerate(rows):
        A[i, : len(row)] = row
    return 1 + z * A[-1] @ np.linalg.solve(np.eye(len(rows)) - z * A, np.ones(len(rows)))


def spreading(units, h, scheme):
    """The error of a Gaussian that spreads and moves, as a sum of equal ones: rank 3 all the time."""
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(X, 2) - u.diff(X)))
    problem = sd.Problem(pde, sd.gaussians([X], units), sd.Box([(-10, 12)]), sd.Grid(200))
    theta = problem.ansatz.pack({"a": np.full(units, 1 / units), "w": np.ones(units), "b": np.zeros(units)})
    at = np.linspace(-10, 12, 301)
    exact = np.exp(-((at - 1) ** 2) / 5) / np.sqrt(5)
    found = sd.evolve(problem, theta, (0, 1), h, sd.DFI(scheme=scheme)).evaluate(at)
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


@pytest.mark.parametrize(("scheme", "order"), [(ImplicitEuler(), 1), (TRBDF2(), 2), (ESDIRK4(), 3)], ids=IDS)
def test_orders_of_a_nonlinear_ansatz(scheme, order):
    """Stages are right to the stage order only, and the ansatz does not hold what they are off by."""
    errors = np.array([spreading(1, h, scheme) for h in (0.1, 0.05, 0.025)])
    np.testing.assert_allclose(np.log2(errors[:-1] / errors[1:]), order, atol=0.15)


@pytest.mark.parametrize(("scheme", "bound"), [(ImplicitEuler(), 4e-2), (TRBDF2(), 1e-3), (ESDIRK4(), 2e-4)], ids=IDS)
def test_redundant_units(scheme, bound):
    assert spreading(2, 0.05, scheme) <= bound


def test_tikhonov_and_truncation_take_them_too():
    problem = modes()
    for stepper in (sd.DiracFrenkel(rtol=1e-10, scheme=ESDIRK4()), sd.DiracFrenkel(gamma=0.0, scheme="esdirk4")):
        solution = sd.evolve(problem, [1.0, 1e-3], (0, 1), 0.1, stepper)
        assert solution.theta[-1] == pytest.approx([np.exp(-1), 0], abs=1e-6)


# Several and complex fields, restricted velocities


def test_several_fields():
    """A damped oscillator as two fields, with a rate of 1e4 between its parts."""
    a, b = sp.symbols("a b")
    pde = sd.EvolutionEquation([sp.Eq(u.diff(sd.t), -u), sp.Eq(w.diff(sd.t), 10**4 * (u - w))])
    problem = sd.Problem(
        pde, sd.Ansatz({u: a * sp.cos(X), w: b * sp.cos(X)}, [X], [a, b]), sd.Box([(0, 1)]), sd.Grid(8)
    )
    for scheme, error in zip((s for s, _ in SCHEMES), (6e-2, 1e-3, 1e-5), strict=True):
        last = sd.evolve(problem, [1.0, 1.0], (0, 1), 0.1, sd.DFI(gamma=1e-12, scheme=scheme)).last.theta
        np.testing.assert_allclose(last, np.exp(-1) * np.array([1, 1 / (1 - 1e-4)]), rtol=error)


def test_complex_fields():
    """A free packet, A = 1/(1 + i t): with 96 points on 24 units of length h k² reaches 3.9."""
    psi = sp.Function("psi", complex=True)(sd.t, X)
    pde = sd.EvolutionEquation(sp.Eq(sp.I * psi.diff(sd.t), -psi.diff(X, 2) / 2))
    alpha = sp.Symbol("alpha", positive=True)
    own = a, b, alpha, beta = [*sp.symbols("a b", real=True), alpha, sp.Symbol("beta", real=True)]
    ansatz = sd.Ansatz((a + sp.I * b) * sp.exp(-(alpha + sp.I * beta) * X**2 / 2), [X], own)
    problem, errors = sd.Problem(pde, ansatz, sd.Box([(-12, 12)]), sd.Grid(96)), []
    for h in (0.1, 0.05):
        a, b, alpha, beta = sd.evolve(problem, [1, 0, 1, 0], (0, 1), h, sd.DFI(gamma=1e-12, scheme=TRBDF2())).last.theta
        errors.append(max(abs(a + 1j * b - (1 + 1j) ** -0.5), abs(alpha + 1j * beta - 1 / (1 + 1j))))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.2)


def test_columns_at_random_move_alone():
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(X, 2)))
    problem = sd.Problem(pde, sd.gaussians([X], 4), sd.Box([(-5, 5)]), sd.Grid(100))
    theta = problem.ansatz.pack({"a": [1, 2, 1, 0.5], "w": np.ones(4), "b": [-1, 0, 1, 2]})
    stepper = sd.dfi.RSNG(5, sd.DFI(scheme="tr-bdf2"))
    solution = sd.evolve(problem, theta, (0, 0.02), 0.01, stepper)
    for step in range(2):
        moved = np.flatnonzero(solution.theta[step + 1] != solution.theta[step])
        assert set(moved) <= set(stepper.chosen(step, theta.size))
        assert len(moved) > 0


def test_invariants_are_kept():
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -6 * u * u.diff(X) - u.diff(X, 3)))
    problem = sd.Problem(pde, sd.gaussians([X], 3, period=[20]), sd.Box([(-10, 10)], periodic=True), sd.Grid(200))
    stepper = sd.dfi.Conserving({"mass": sp.Integral(u, (X, -10, 10))}, sd.DFI(scheme="tr-bdf2"))
    theta = problem.ansatz.pack({"a": [1, 0.3, 0.2], "w": [0.8, 0.6, 0.5], "b": [0, 1, -1]})
    last = sd.evolve(problem, theta, (0, 0.1), 0.01, stepper).last.theta
    assert stepper.of(problem, last)["mass"] == pytest.approx(stepper.of(problem, theta)["mass"], rel=1e-13)


# What is said


def merging(newton):
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -u * u.diff(X) + u.diff(X, 2) / 100))
    problem = sd.Problem(pde, sd.gaussians([X], 3, period=[2]), sd.Box([(-1, 1)], periodic=True), sd.Grid(100))
    theta = problem.ansatz.pack({"a": [1, 0.5, 0.5], "w": [4, 3, 3], "b": [-0.2, 0, 0.1]})
    return sd.evolve(problem, theta, (0, 0.4), 0.1, sd.DFI(gamma=1e-10, trust=False, scheme=ImplicitEuler(newton)))


def test_no_convergence_is_named():
    with pytest.raises(
        sd.ConvergenceError, match=r"step 1 \(from t = 0\): Gauss–Newton .* after 1 iterations"
    ) as raised:
        merging(GaussNewton(iterations=1, rtol=1e-12, share=0))
    assert (raised.value.step, raised.value.time) == (1, 0.0)
    np.testing.assert_array_equal(raised.value.partial.t, [0.0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"iterations": 0}, "iterations"),
        ({"rtol": -1.0}, "rtol = -1.0 must be at least 0 and less than 1"),
        ({"share": 1.0}, "share = 1.0 must be at least 0 and less than 1"),
        ({"rtol": 0.0, "share": 0.0}, "of rtol and share one at least must be positive"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        GaussNewton(**settings)


def test_a_run_goes_on_as_if_it_had_not_stopped():
    problem, stepper = modes(), sd.DFI(scheme="esdirk4")
    whole = sd.evolve(problem, [1.0, 1e-2], (0, 1), 0.125, stepper)
    half = sd.evolve(problem, [1.0, 1e-2], (0, 0.5), 0.125, stepper)
    rest = sd.evolve(problem, half.last, (0.5, 1), 0.125, stepper)
    np.testing.assert_array_equal(whole.theta[-1], rest.theta[-1])
