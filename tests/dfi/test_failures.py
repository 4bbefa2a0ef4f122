"""What goes wrong is named, with step, time and point, and what was computed is kept."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.linalg import Cholesky
from tests.interrupts import interrupting

X = sp.Symbol("x")
u = sp.Function("u")(sd.t, X)
A, k = sp.symbols("A k")


def problem_of(f, ansatz):
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), f))
    return sd.Problem(pde, sd.Ansatz(ansatz, [X], [A, k]), sd.Box([(0, 3)]), sd.Grid(32))


@pytest.fixture(scope="module")
def growth():
    return problem_of(u**2 + u, A + k * X)


DFI = sd.DFI(gamma=1e-6, scheme="rk4")


@pytest.mark.parametrize(
    ("theta0", "message"),
    [
        (np.ones(3), "theta has 3 entries, this ansatz has 2 parameters"),
        (np.ones((1, 2)), r"theta0 has shape \(1, 2\), expected \(p,\)"),
        ([1.0, np.nan], r"theta0\[1\] is nan: the parameter k must be finite"),
        ({"A": np.nan, "k": 1.0}, r"theta0\[0\] is nan: the parameter A must be finite"),
        ({"A": 1.0}, "no value for parameter k"),
        ({"A": [1.0, 2.0], "k": 1.0}, "theta has 3 entries, this ansatz has 2 parameters"),
        ([-np.inf, 1.0], r"theta0\[0\] is -inf"),
    ],
)
def test_bad_initial_parameters(growth, theta0, message):
    with pytest.raises(ValueError, match=message):
        sd.evolve(growth, theta0, (0, 1), 0.1, DFI)


def test_bad_times_and_velocities(growth):
    theta0 = [0.1, 0.0]
    for span, dt in (
        ((0, 1), 0.0),
        ((0, 1), -0.1),
        ((0, 1), 1.5),
        ((1, 0), 0.1),
        ((0, np.nan), 0.1),
        ((0, 1), np.nan),
    ):
        with pytest.raises(ValueError, match="must be (positive and at most the length of t_span|finite)"):
            sd.evolve(growth, theta0, span, dt, DFI)
    with pytest.raises(ValueError, match="save_every = 0"):
        sd.evolve(growth, theta0, (0, 1), 0.1, DFI, save_every=0)
    with pytest.raises(ValueError, match=r"velocity0 has shape \(3,\), expected \(2,\)"):
        sd.evolve(growth, theta0, (0, 1), 0.1, DFI, velocity0=np.zeros(3))
    with pytest.raises(ValueError, match=r"velocity0\[0\] is nan"):
        sd.evolve(growth, theta0, (0, 1), 0.1, DFI, velocity0=[np.nan, 0.0])
    last = sd.evolve(growth, theta0, (0, 1), 0.1, DFI).last
    with pytest.raises(ValueError, match="a motion has its velocity"):
        sd.evolve(growth, last, (0, 1), 0.1, DFI, velocity0=np.zeros(2))


@pytest.mark.parametrize("solver", [sd.Cholesky(), sd.QR(), sd.SVD(), sd.Dual()], ids=repr)
def test_a_blow_up_names_step_time_and_point(growth, solver):
    """u_t = u² + u reaches infinity in finite time."""
    with pytest.raises(sd.DivergenceError, match=r"step \d+ \(from t = [0-9.]+\): .*reduce dt = 0.02") as raised:
        sd.evolve(growth, [1.0, 0.0], (0, 2), 0.02, sd.DFI(gamma=1e-6, scheme="rk4", solver=solver), save_every=5)
    error = raised.value
    partial = error.partial
    assert error.time == pytest.approx(0.02 * (error.step - 1))
    assert partial.t[-1] == error.time
    assert len(partial.t) == (error.step - 1) // 5 + 1 + ((error.step - 1) % 5 != 0)
    assert np.isfinite(partial.theta).all()
    np.testing.assert_array_equal(partial.theta[-1], partial.last.theta)
    # What was saved before the blow-up is right: a constant field, u/(1 + u) = e^t/2.
    assert partial.evaluate(np.array([0.0]), 0.3)[0] == pytest.approx(1 / (2 * np.exp(-0.3) - 1), rel=1e-4)


def test_a_field_that_is_not_finite_names_the_point():
    problem = problem_of(1 / (u - 1), A + k * X)
    with pytest.raises(sd.DivergenceError, match=r"step 0 \(from t = 0\): f is inf at sample 0, x = \(0.046875\)"):
        sd.evolve(problem, [1.0, 0.0], (0, 1), 0.1, DFI)


def test_a_singular_solve_in_the_middle_of_a_run():
    """At k = 0 the amplitude moves and the wavenumber has no effect."""
    problem = problem_of(-u, A * sp.cos(k * X))
    with pytest.raises(sd.SingularMatrixError, match=r"step 0 \(from t = 2\)") as raised:
        sd.evolve(problem, [1.0, 0.0], (2, 3), 0.1, sd.DiracFrenkel(gamma=0.0))
    assert raised.value.partial.t == [2.0]
    assert np.isnan(raised.value.partial.velocity).all()
    solution = sd.evolve(problem, [1.0, 0.0], (2, 3), 0.01, sd.DFI(gamma=1e-8, scheme="rk4"))
    np.testing.assert_allclose(solution.theta[-1], [np.exp(-1), 0], atol=1e-6)


def test_a_scheme_of_ones_own_raises_its_own_errors(growth):
    class Broken(sd.dfi.schemes.Scheme):
        def step(self, field, motion, time, h):
            raise ValueError("a mistake in the scheme")

    with pytest.raises(ValueError, match="^a mistake in the scheme$"):
        sd.evolve(growth, [0.1, 1.0], (0, 1), 0.1, sd.DFI(epsilon=1.0, scheme=Broken()))


def test_what_is_not_finite_is_named(growth):
    with pytest.raises(ValueError, match=r"the point at sample 1 is not finite: \[nan\]"):
        growth.evaluate([1.0, 2.0], [0.0, np.nan])
    with pytest.raises(ValueError, match=r"theta\[1\] is inf: the parameter k must be finite"):
        growth.evaluate([1.0, np.inf], [0.5])
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), sp.Symbol("nu") * u.diff(X, 2)))
    ansatz = sd.Ansatz(A + k * X, [X], [A, k])
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match=f"the parameter nu of the equation is {value}: it must be finite"):
            sd.Problem(pde, ansatz, sd.Box([(0, 3)]), sd.Grid(32), {"nu": value}, boundary=sd.Dirichlet())
    indexed = sd.Problem(growth.equation, sd.gaussians([X], 3), sd.Box([(0, 3)]), sd.Grid(32))
    with pytest.raises(ValueError, match=r"theta0\[5\] is nan: the parameter w\[2\] must be finite"):
        sd.evolve(indexed, {"a": np.ones(3), "w": [1, 1, np.nan], "b": np.zeros(3)}, (0, 1), 0.1, DFI)


@pytest.mark.parametrize(
    ("points", "weights", "message"),
    [
        ([[0.5], [np.nan]], [1.0, 1.0], "the node at sample 1 is not finite"),
        ([[0.5], [1.0]], [1.0, -1.0], "the weight of node 1 is -1.0: it must not be negative"),
        ([[0.5], [1.0]], [1.0, np.nan], "the weight of node 1 is nan"),
        ([[0.5, 1.0]], [1.0], r"the quadrature gave nodes \(1, 2\) and weights \(1,\)"),
    ],
)
def test_a_quadrature_of_ones_own_is_checked(growth, points, weights, message):
    class Own(sd.Grid):
        def nodes(self, domain):
            return np.array(points), np.array(weights)

    with pytest.raises(ValueError, match=message):
        sd.Problem(growth.equation, growth.ansatz, sd.Box([(0, 3)]), Own(4))


@pytest.mark.parametrize("scheme", ["euler", "bdf2", "rk4"])
def test_a_divergence_is_told_by_the_exception_alone(growth, scheme):
    """NumPy's warnings of overflow, which pytest makes errors here, do not come through."""
    with pytest.raises(sd.DivergenceError):
        sd.evolve(growth, [1e150, 1e150], (0, 1), 0.1, sd.DFI(epsilon=1e-3, scheme=scheme))


@pytest.mark.parametrize("solver", [sd.Cholesky(), sd.QR(), sd.SVD(), sd.Dual()], ids=repr)
def test_parameters_without_effect(solver):
    """Units of amplitude 0 far away from all points."""
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(X)))
    problem = sd.Problem(pde, sd.gaussians([X], 2), sd.Box([(0, 1)]), sd.Grid(40))
    theta0 = {"a": [0, 0], "w": [9, 9], "b": [1e3, 2e3]}
    with pytest.raises(sd.SingularMatrixError, match="J = 0: no parameter has any effect.*begin from other parameters"):
        sd.evolve(problem, theta0, (0, 1), 0.1, sd.DFI(gamma=1e-9, solver=solver))
    still = sd.evolve(problem, theta0, (0, 1), 0.1, sd.DFI(epsilon=1e-9, solver=solver))
    assert (still.velocity == 0).all()


@pytest.mark.parametrize(
    ("count", "gamma", "scheme", "solver"),
    [
        (6, 1e-13, "rk4", sd.QR()),
        (4, 1e-15, "rk4", sd.QR()),
        (6, 1e-13, "euler", sd.SVD()),
        (4, 1e-11, "bdf2", sd.QR()),
    ],
)
def test_a_step_that_collapses(count, gamma, scheme, solver):
    """Too little regularisation: |v| of 10³ to 10⁵ throws the units out of the domain in one step."""
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(X, 2) / 50 - u * u.diff(X)))
    problem = sd.Problem(pde, sd.gaussians([X], count), sd.Box([(-5, 5)]), sd.Grid(300))
    generator = np.random.default_rng(1)
    a, w, b = generator.normal(size=count), generator.uniform(0.5, 2, count), generator.uniform(-2, 2, count)
    theta0 = {"a": a, "w": w, "b": b}
    message = r"step 1 \(from t = 0\): the step does not follow the equation"
    with pytest.raises(sd.DivergenceError, match=message) as raised:
        sd.evolve(problem, theta0, (0, 1), 0.05, sd.DFI(gamma=gamma, mu=1, trust=False, scheme=scheme, solver=solver))
    assert (raised.value.step, raised.value.time) == (1, 0.0)
    assert np.linalg.norm(raised.value.partial.velocity[0]) > 100
    np.testing.assert_array_equal(raised.value.partial.theta, [problem.theta(theta0)])


def test_a_poor_ansatz_and_a_start_from_zero_are_no_failures():
    """A residual as large as f, û = 0 with a force that sets in, and long steps, raise nothing."""
    forced = problem_of(sd.t * sp.cos(X), A * sp.cos(X) + k)
    for h in (0.5, 0.1):
        solution = sd.evolve(forced, [0.0, 0.0], (0, 1), h, sd.DFI(epsilon=1e-8))
        assert solution.step_defect[0] > 0
    deaf = problem_of(sp.sin(40 * X) * u, A + k * X)
    assert sd.evolve(deaf, [1.0, 0.0], (0, 1), 0.1, DFI).relative_residual.min() > 0.9


@pytest.mark.parametrize("save_every", [1, 4, 100])
def test_ctrl_c_in_evolve_keeps_the_solution_so_far(growth, monkeypatch, save_every):
    """And from its last motion it goes on as if it had not stopped."""
    theta0 = [0.1, 0.0]
    whole = sd.evolve(growth, theta0, (0, 0.5), 0.05, DFI)
    with monkeypatch.context() as patch:
        patch.setattr(sd.DFI, "step", interrupting(sd.DFI.step, 6))
        with pytest.raises(sd.Interrupted, match=r"interrupted after step 6 of 10 \(t = 0.3\)") as raised:
            sd.evolve(growth, theta0, (0, 0.5), 0.05, DFI, save_every=save_every)
    partial = raised.value.partial
    assert isinstance(raised.value, KeyboardInterrupt)
    assert partial.t[-1] == pytest.approx(0.3) and len(partial.step_t) == 6
    np.testing.assert_array_equal(partial.theta[-1], whole.theta[6])
    rest = sd.evolve(growth, partial.last, (0.3, 0.5), 0.05, DFI)
    np.testing.assert_allclose(rest.theta[-1], whole.theta[-1], rtol=1e-13)


def test_ctrl_c_before_there_is_a_velocity(growth, monkeypatch):
    monkeypatch.setattr(sd.DFI, "begin", interrupting(sd.DFI.begin, 0))
    with pytest.raises(sd.Interrupted, match="after step 0") as raised:
        sd.evolve(growth, [0.1, 0.0], (0, 1), 0.1, DFI)
    assert raised.value.partial is None


@pytest.fixture(scope="module")
def decay():
    return problem_of(-u, A * sp.exp(-((k * (X - 1)) ** 2)))


@pytest.mark.parametrize(("start", "calls"), [([1.0, 1.0], 0), ([1.0, 1.0], 1), ([1.0, 1.0], 30)])
def test_ctrl_c_in_a_fit_keeps_the_best_parameters(decay, monkeypatch, start, calls):
    target = 3 * sp.exp(-((2 * (X - 1)) ** 2)) + sp.sin(9 * X) / 9  # not reached: the fit would go on
    with monkeypatch.context() as patch:
        patch.setattr(sd.Problem, "fit_rows", interrupting(sd.Problem.fit_rows, calls))
        with pytest.raises(sd.Interrupted, match="fit interrupted") as raised:
            sd.fit(decay, target, start=start, iterations=10_000)
    theta = raised.value.partial
    if calls == 0:
        assert theta is None
    else:
        assert sd.fit_error(decay, theta, target) <= (2.0 if calls == 1 else 0.5)


def test_ctrl_c_in_a_fit_without_a_start(decay, monkeypatch):
    target = 3 * sp.exp(-((2 * (X - 1)) ** 2)) + sp.sin(9 * X) / 9
    monkeypatch.setattr(Cholesky, "solve", interrupting(Cholesky.solve, 30))
    with pytest.raises(sd.Interrupted, match="at the relative error") as raised:
        sd.fit(decay, target)
    assert sd.fit_error(decay, raised.value.partial, target) <= 0.5
