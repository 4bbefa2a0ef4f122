"""The evolve loop: the inertial equation's energy identity, solvers, continuation, bounds, results."""

import dataclasses

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi import results
from symdfi.models import heat

X = sp.Symbol("x")
u = sp.Function("u")(sd.t, X)
ADVECTION_DIFFUSION = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -u.diff(X) + u.diff(X, 2) / 10))


@pytest.fixture(scope="module")
def redundant():
    """Two distinct Gaussians and a copy of the first: J is rank-deficient."""
    problem = sd.Problem(ADVECTION_DIFFUSION, sd.gaussians([X], 3), sd.Box([(-8, 8)]), sd.Grid(200))
    return problem, problem.ansatz.pack({"a": [0.5, 0.5, 0.3], "w": [1, 1, 0.7], "b": [0, 0, 1.5]})


def test_energy_identity_of_the_inertial_equation(redundant):
    """ε|v(T)|² + ∫(‖r‖² + ‖J v‖²) dt = ε|v(0)|² + ∫‖f‖² dt, up to the step's first order (theory of DFI, "Inertia")."""
    problem, theta0 = redundant
    epsilon, defects = 0.05, []
    for h in (0.02, 0.01, 0.005):
        solution = sd.evolve(problem, theta0, (0, 1), h, sd.DFI(epsilon=epsilon, initial="zero", scheme="euler"))
        stored = 0.0
        # Implicit Euler: the rows at θ_n with the velocity v_{n+1}, which is the one saved at t_n.
        for theta, v in zip(solution.theta[:-1], solution.velocity[:-1], strict=True):
            J, f = problem.rows(theta, 0.0)
            stored += h * (np.sum((J @ v - f) ** 2) + np.sum((J @ v) ** 2) - np.sum(f**2))
        final = epsilon * np.sum(solution.last.velocity**2)
        defects.append(abs(final + stored))
        assert final > 0.01
    assert defects[-1] <= 4e-2 * final
    np.testing.assert_allclose(np.log2(np.array(defects[:-1]) / defects[1:]), 1, atol=0.2)


def test_null_directions_are_left_alone(redundant):
    """The two equal Gaussians stay equal without any damping, though nothing in f asks for it."""
    problem, theta0 = redundant
    theta = sd.evolve(problem, theta0, (0, 1), 0.01, sd.DFI(epsilon=1e-4)).theta[-1]
    for part in problem.ansatz.unpack(theta).values():
        assert part[0] == pytest.approx(part[1], abs=1e-9)


@pytest.mark.parametrize("scheme", ["euler", "bdf2", "rk4"])
@pytest.mark.parametrize("solver", [sd.QR(), sd.SVD(), sd.Dual()], ids=repr)
def test_solvers_give_the_same_run(redundant, solver, scheme):
    problem, theta0 = redundant
    run = lambda s: sd.evolve(problem, theta0, (0, 0.5), 0.05, sd.DFI(epsilon=1e-3, scheme=scheme, solver=s))  # noqa: E731
    np.testing.assert_allclose(run(solver).theta, run(sd.Cholesky()).theta, rtol=1e-8, atol=1e-10)


def test_fewer_points_than_parameters():
    problem = sd.Problem(ADVECTION_DIFFUSION, sd.gaussians([X], 12), sd.Box([(-4, 6)]), sd.Grid(30))
    theta0 = sd.fit(problem, sp.exp(-(X**2)))
    primal, dual = (
        sd.evolve(problem, theta0, (0, 0.2), 0.02, sd.DFI(epsilon=1e-4, solver=s)).theta for s in (sd.QR(), sd.Dual())
    )
    np.testing.assert_allclose(dual, primal, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("scheme", ["euler", "bdf2", "rk4"])
def test_a_continued_run_is_the_run_that_did_not_stop(redundant, scheme):
    problem, theta0 = redundant
    stepper = sd.DFI(epsilon=1e-3, scheme=scheme)
    whole = sd.evolve(problem, theta0, (0, 1), 0.05, stepper)
    half = sd.evolve(problem, theta0, (0, 0.5), 0.05, stepper)
    rest = sd.evolve(problem, half.last, (0.5, 1), 0.05, stepper)
    # Ten steps, each with the rounding errors of a solve of condition σ₁²/γ = 10³.
    np.testing.assert_allclose(rest.theta, whole.theta[10:], rtol=1e-10, atol=1e-10)


def test_a_run_continued_from_theta_and_its_velocity(redundant):
    """For what comes from a file: one solve more at the seam."""
    problem, theta0 = redundant
    stepper = sd.DFI(epsilon=1e-6, scheme="rk4")
    whole = sd.evolve(problem, theta0, (0, 1), 0.05, stepper)
    half = sd.evolve(problem, theta0, (0, 0.5), 0.05, stepper)
    rest = sd.evolve(problem, half.theta[-1], (0.5, 1), 0.05, stepper, velocity0=half.velocity[-1])
    np.testing.assert_allclose(rest.evaluate(problem.points), whole.evaluate(problem.points), atol=1e-6)


def test_heat_in_a_square():
    """V9, small: e^{−t/2} cos(x/2) cos(y/2), zero on the boundary of [−π, π]² by the ansatz."""
    ansatz, grid = heat.walled(sd.mlp([heat.x, heat.y], [8, 8])), sd.GaussLegendre(16)
    problem = sd.Problem(heat.EQUATION, ansatz, heat.SQUARE, grid, {"kappa": 1.0}, boundary="in the ansatz")
    theta0 = sd.fit(problem, sp.cos(heat.x / 2) * sp.cos(heat.y / 2), tolerance=1e-8)
    solution = sd.evolve(problem, theta0, (0, 1), 0.02, sd.DFI(gamma=1e-10, mu=0.99, scheme="rk4"), save_every=10)
    points = np.random.default_rng(0).uniform(-np.pi, np.pi, (2000, 2))
    exact = np.exp(-0.5) * np.cos(points[:, 0] / 2) * np.cos(points[:, 1] / 2)
    error = np.linalg.norm(solution.evaluate(points) - exact) / np.linalg.norm(exact)
    assert error <= 1e-5
    assert solution.dataset["u"].dims == ("time", "x", "y")
    assert solution.dataset["u"].sel(time=1.0, x=0.0, y=0.0, method="nearest").item() == pytest.approx(
        np.exp(-0.5), abs=1e-4
    )
    assert len(solution.plot().axes) == 4  # two maps of one scale, its colours, and the residual


def test_the_bound_holds_the_error_of_the_ansatz():
    """Heat flow (one-sided Lipschitz constant 0) widens Gaussians; these cannot widen: all error is the residual."""
    i, a, b = sp.Symbol("i", integer=True), sp.IndexedBase("a"), sp.IndexedBase("b")
    ansatz = sd.Ansatz(sp.Sum(a[i] * sp.exp(-((X - b[i]) ** 2)), (i, 0, 2)), [X], [a, b])
    heat = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(X, 2)))
    problem = sd.Problem(heat, ansatz, sd.Box([(-12, 12)]), sd.Grid(400))
    amplitudes, places = [1.0, -0.5, 0.3], [-3.0, 0.0, 2.5]

    def exact(x, t):
        spread = 1 + 4 * t
        return sum(c * np.exp(-((x - d) ** 2) / spread) for c, d in zip(amplitudes, places, strict=True)) / spread**0.5

    theta0 = {"a": amplitudes, "b": places}
    solution = sd.evolve(problem, theta0, (0, 1), 0.005, sd.DFI(gamma=1e-8, scheme="rk4"), save_every=10)
    x = np.linspace(-12, 12, 2001)
    errors = np.linalg.norm(solution.evaluate(x, solution.t) - exact(x, solution.t[:, None]), axis=1)
    errors *= np.sqrt(x[1] - x[0])
    assert errors[-1] > 0.05
    assert (errors <= solution.error_bound * (1 + 1e-6) + 1e-12).all()
    assert solution.error_bound[-1] <= 5 * errors[-1]
    np.testing.assert_array_equal(solution.error_bound, solution.bound(0.0))
    # Continuous in time, the bound is ∫‖r‖.
    pieces = 0.5 * np.diff(solution.t) * (solution.residual[1:] + solution.residual[:-1])
    np.testing.assert_allclose(solution.error_bound[1:], np.cumsum(pieces), rtol=0.02)


N = sp.Symbol("n", integer=True)
AMPLITUDE, PHASE = sp.IndexedBase("a", shape=(3,)), sp.IndexedBase("b", shape=(3,))
WAVES = AMPLITUDE[N] * sp.cos((N + 1) * X) + PHASE[N] * sp.sin((N + 1) * X)
POLAR = AMPLITUDE[N] * sp.cos((N + 1) * (X - PHASE[N]))


@pytest.mark.parametrize(("scheme", "order"), [("euler", 1), ("bdf2", 2), ("rk4", 3)])
@pytest.mark.parametrize("form", [WAVES, POLAR], ids=["linear ansatz", "nonlinear ansatz"])
@pytest.mark.parametrize(
    ("f", "eigenvalue", "lipschitz"),
    [
        (u.diff(X, 2), lambda m: -(m**2), -1.0),  # mean 0
        (-u.diff(X), lambda m: -1j * m, 0.0),
        (u - u.diff(X), lambda m: 1 - 1j * m, 1.0),
    ],
    ids=["heat", "advection", "advection and growth"],
)
def test_the_bound_holds_the_error_of_the_time_steps(f, eigenvalue, lipschitz, form, scheme, order):
    """Waves on a circle, that the ansatz can follow exactly: all error is that of the scheme."""
    pde, box = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), f)), sd.Box([(0, 2 * np.pi)], periodic=True)
    problem = sd.Problem(pde, sd.Ansatz(sp.Sum(form, (N, 0, 2)), [X], [AMPLITUDE, PHASE]), box, sd.Grid(48))
    theta0 = problem.theta({"a": [1, 0.5, 0.2], "b": [0.3, -0.4, 0.1]})
    waves = np.fft.rfft(problem.evaluate(theta0, problem.points))
    factors = np.where(np.arange(25) < 4, eigenvalue(np.arange(25)), 0)
    bounds = []
    for h in (0.1, 0.05, 0.025):
        stepper = sd.DFI(gamma=1e-12, scheme=scheme, solver=sd.QR())
        solution = sd.evolve(problem, theta0, (0, 1), h, stepper, save_every=2)
        bound = solution.bound(lipschitz)
        bounds.append(bound[-1])
        for t, known in zip(solution.t, bound, strict=True):
            exact = np.fft.irfft(waves * np.exp(factors * t), n=48)
            error = np.linalg.norm(solution.evaluate(problem.points, t) - exact) * np.sqrt(2 * np.pi / 48)
            # Some bounds are reached; the rounding errors of a solve at γ = 1e-12 σ₁² are 1e-10.
            assert error <= known * (1 + 1e-6) + 1e-10
            if order < 3 and error > 1e-10:
                assert known <= 30 * error
    # Where nothing but the Gauss rule errs (a turn of the phases), its order is 4; BDF2 begins beyond its stability.
    assert np.log2(bounds[1] / bounds[2]) >= order - 0.1


def test_the_bound_of_a_constant_residual(redundant):
    """e' = ℓe + 1 gives (e^{ℓt} − 1)/ℓ."""
    problem, theta0 = redundant
    solution = sd.evolve(problem, theta0, (0, 1), 0.01, sd.DFI(epsilon=1e-3), save_every=7)
    even = dataclasses.replace(solution, step_residual=solution.step_dt, step_defect=0 * solution.step_dt)
    for lipschitz in (0.7, -0.7):
        exact = np.expm1(lipschitz * solution.t) / lipschitz
        bound = even.bound(lipschitz)
        assert (bound >= exact).all()
        np.testing.assert_allclose(bound, exact, rtol=0.01)
        np.testing.assert_allclose(even.bound(lipschitz, 2.0) - bound, 2 * np.exp(lipschitz * solution.t))
    assert np.isfinite(even.bound(-1e4)).all()


def test_what_is_kept_of_every_step(redundant):
    problem, theta0 = redundant
    stepper = sd.DFI(epsilon=1e-3, scheme="rk4")
    whole = sd.evolve(problem, theta0, (0, 1), 0.05, stepper, save_every=6)
    first = sd.evolve(problem, theta0, (0, 0.5), 0.05, stepper, save_every=3)
    both = first.then(sd.evolve(problem, first.last, (0.5, 1), 0.05, stepper, save_every=4))
    for solution in (whole, both):
        np.testing.assert_allclose(solution.step_t, 0.05 * np.arange(20), atol=1e-12)
        assert solution.dataset["step_defect"].dims == ("step",)
        np.testing.assert_array_equal(solution.dataset["step_residual"], solution.step_residual)
        assert (solution.step_defect <= solution.step_residual * (1 + 1e-6)).all()
    np.testing.assert_allclose(both.step_residual, whole.step_residual, rtol=1e-6)
    assert both.error_bound[-1] == pytest.approx(whole.error_bound[-1], rel=1e-6)


def test_parameters_by_name(redundant):
    """θ as a dict, wherever it is asked for."""
    problem, theta0 = redundant
    named = {"a": [0.5, 0.5, 0.3], "w": [1, 1, 0.7], problem.ansatz.parameters[2]: [0, 0, 1.5]}
    np.testing.assert_array_equal(problem.theta(named), theta0)
    np.testing.assert_array_equal(problem.evaluate(named, [0.3]), problem.evaluate(theta0, [0.3]))
    run = lambda *args, **more: sd.evolve(problem, *args, (0, 0.2), 0.1, sd.DFI(epsilon=1e-3), **more).theta  # noqa: E731
    np.testing.assert_array_equal(run(named), run(theta0))
    still = {"a": np.zeros(3), "w": np.zeros(3), "b": np.zeros(3)}
    np.testing.assert_array_equal(run(named, velocity0=still), run(theta0, velocity0=np.zeros(9)))
    assert sd.fit_error(problem, named, sp.exp(-(X**2))) == sd.fit_error(problem, theta0, sp.exp(-(X**2)))


def test_between_saves_theta_is_a_cubic(redundant):
    problem, theta0 = redundant
    stepper = sd.DFI(epsilon=1e-6, scheme="rk4")
    fine = sd.evolve(problem, theta0, (0, 1), 0.01, stepper)
    coarse = sd.evolve(problem, theta0, (0, 1), 0.01, stepper, save_every=10)
    assert len(coarse.t) == 11
    for k in (0, 10, 37, 55, 100):
        np.testing.assert_allclose(coarse.theta_at(fine.t[k]), fine.theta[k], atol=2e-6)
    x = np.linspace(-1, 2, 7)
    np.testing.assert_allclose(coarse.evaluate(x, 0.3), problem.evaluate(fine.theta[30], x), atol=1e-8)
    np.testing.assert_allclose(coarse.evaluate(x), problem.evaluate(fine.theta[-1], x), rtol=1e-10)
    times = np.array([0.0, 0.37, 1.0])
    several = coarse.evaluate(x, times)
    assert several.shape == (3, 7)
    for t, values in zip(times, several, strict=True):
        np.testing.assert_allclose(values, coarse.evaluate(x, t), rtol=1e-12)
    assert coarse.evaluate(x, times[:0]).shape == (0, 7)
    assert coarse.evaluate(x, [0.5]).shape == (1, 7)
    for t in (-0.1, 1.1, np.nan, [0.5, 1.1]):
        with pytest.raises(ValueError, match="lies outside the computed times, 0 to 1"):
            coarse.evaluate(x, t)
    with pytest.raises(ValueError, match=r"times of shape \(1, 2\)"):
        coarse.evaluate(x, [[0.1, 0.2]])


def test_the_end_is_saved_and_steps_divide_the_span(redundant):
    problem, theta0 = redundant
    solution = sd.evolve(problem, theta0, (1, 2), 0.3, sd.DFI(epsilon=1e-3), save_every=2)
    np.testing.assert_allclose(solution.t, [1, 1 + 2 / 3, 2])
    assert solution.dt == pytest.approx(1 / 3)


def test_residuals_on_fresh_and_on_solved_points(redundant):
    problem, theta0 = redundant
    solution = sd.evolve(problem, theta0, (0, 0.5), 0.02, sd.DFI(epsilon=1e-6, scheme="rk4"))
    assert (solution.relative_residual < 1e-4).all()
    np.testing.assert_allclose(solution.residual, solution.residual_solved, rtol=0.1, atol=1e-12)
    # Points too few for the ansatz: solved points say nothing, fresh ones do.
    few = sd.Problem(ADVECTION_DIFFUSION, sd.gaussians([X], 8), sd.Box([(-4, 4)]), sd.Grid(12))
    theta0 = few.ansatz.pack({"a": np.ones(8), "w": np.full(8, 4.0), "b": np.linspace(-3.5, 3.5, 8)})
    overfitted = sd.evolve(few, theta0, (0, 1e-4), 1e-4, sd.DFI(epsilon=1e-10))
    assert overfitted.residual[-1] > 10 * overfitted.residual_solved[-1]


def test_dataset_and_file(redundant, tmp_path):
    problem, theta0 = redundant
    solution = sd.evolve(problem, theta0, (0, 1), 0.1, sd.DFI(epsilon=1e-3))
    path = solution.save(tmp_path / "deep" / "run.nc")
    loaded = results.load(path)
    assert loaded.identical(solution.dataset)
    assert loaded["theta"].dims == ("time", "parameter")
    np.testing.assert_array_equal(loaded["theta"], solution.theta)
    np.testing.assert_allclose(loaded["u"].isel(time=-1), solution.evaluate(loaded["x"].values))
    assert "Derivative(u(t, x), t)" in loaded.attrs["equation"]
    assert loaded.attrs["dt"] == pytest.approx(0.1)


def test_plot(redundant, tmp_path):
    problem, theta0 = redundant
    figure = sd.evolve(problem, theta0, (0, 2), 0.05, sd.DFI(epsilon=1e-3, scheme="rk4")).plot()
    assert [axis.get_title() for axis in figure.axes[:3]] == ["u(x, t)", "profiles of u", "relative residual"]
    figure.savefig(tmp_path / "field.png")


def test_steppers_refuse_bad_settings():
    with pytest.raises(ValueError, match="give only one of epsilon and gamma"):
        sd.DFI(epsilon=1.0, gamma=1.0)
    with pytest.raises(ValueError, match="give one of gamma and rtol"):
        sd.DiracFrenkel()
    with pytest.raises(ValueError, match="epsilon = -1.0 must be finite and not negative"):
        sd.DFI(epsilon=-1.0)
    with pytest.raises(ValueError, match="unknown scheme 'heun': one of euler, bdf2"):
        sd.DFI(epsilon=1.0, scheme="heun")
    with pytest.raises(ValueError, match="initial = 'guess'"):
        sd.DFI(epsilon=1.0, initial="guess")
    with pytest.raises(ValueError, match="mu = 1.5"):
        sd.DFI(epsilon=1.0, mu=1.5)


def test_a_stepper_that_ends_at_truncation(redundant):
    problem, theta0 = redundant
    runs = [
        sd.evolve(problem, theta0, (0, 0.5), 0.01, stepper)
        for stepper in (
            sd.DiracFrenkel(rtol=1e-8),
            sd.DFI(epsilon=1e-8, scheme="rk4", initial="truncated-svd"),
        )
    ]
    np.testing.assert_allclose(runs[0].theta[-1], runs[1].theta[-1], atol=1e-6)
    assert runs[0].effective_rank[-1] == 6


def test_on_step_sees_the_solution_so_far_and_may_stop(redundant):
    problem, theta0 = redundant
    whole = sd.evolve(problem, theta0, (0, 1), 0.125, save_every=3)
    seen = []

    def on_step(step, time, solution):
        seen.append((step, time))
        if step in (4, 7):
            np.testing.assert_array_equal(solution.theta[:2], whole.theta[:2])
            assert solution.t[-1] == pytest.approx(time) and len(solution.step_t) == step
        return step == 7

    stopped = sd.evolve(problem, theta0, (0, 1), 0.125, save_every=3, on_step=on_step)
    assert [step for step, _ in seen] == list(range(1, 8))
    np.testing.assert_allclose([time for _, time in seen], 0.125 * np.arange(1, 8))
    np.testing.assert_allclose(stopped.t, [0, 0.375, 0.75, 0.875])
    rest = sd.evolve(problem, stopped.last, (0.875, 1), 0.125)
    np.testing.assert_array_equal(rest.theta[-1], whole.theta[-1])
    unstopped = sd.evolve(problem, theta0, (0, 1), 0.125, save_every=3, on_step=lambda *_: None)
    np.testing.assert_array_equal(unstopped.theta, whole.theta)


@pytest.mark.parametrize("samples", [sd.MonteCarlo(300, seed=2, redraw=True), sd.GaussianSamples(300, seed=1)], ids=str)
def test_samples_that_change_from_step_to_step(samples):
    """Redrawn, or following the solution: near the exact solution, and a run taken up again meets the same ones."""
    problem = sd.Problem(ADVECTION_DIFFUSION, sd.gaussians([X], 1), sd.Box([(-8, 8)]), samples)
    theta0 = problem.theta({"a": [1.0], "w": [1.0], "b": [0.0]})
    whole = sd.evolve(problem, theta0, (0, 1), 0.125)
    half = sd.evolve(problem, theta0, (0, 0.5), 0.125)
    rest = sd.evolve(problem, half.last, (0.5, 1), 0.125)
    np.testing.assert_array_equal(rest.theta, whole.theta[4:])
    x = np.linspace(-3, 5, 100)
    np.testing.assert_allclose(whole.evaluate(x), np.exp(-((x - 1) ** 2) / 1.4) / np.sqrt(1.4), atol=1e-4)
