"""What goes wrong is named, with step, time and point, and what was computed is kept."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

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
        ([1.0, np.nan], r"theta0\[1\] is nan: the initial value must be finite"),
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
        with pytest.raises(ValueError, match="must be positive and at most the length of t_span"):
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
