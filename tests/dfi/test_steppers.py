"""The default stepper: memory, trust, and what a run keeps of them."""

import pickle

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.dfi.schemes import Motion, Stage, Step

X = sp.Symbol("x")
u = sp.Function("u")(sd.t, X)
i = sp.Symbol("i", integer=True)


@pytest.fixture(scope="module")
def collapsing():
    """Burgers' equation with four Gaussians and too little regularisation: weak directions move at once."""
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(X, 2) / 50 - u * u.diff(X)))
    problem = sd.Problem(pde, sd.gaussians([X], 4), sd.Box([(-5, 5)]), sd.Grid(300))
    generator = np.random.default_rng(1)
    a, w, b = generator.normal(size=4), generator.uniform(0.5, 2, 4), generator.uniform(-2, 2, 4)
    return problem, problem.theta({"a": a, "w": w, "b": b})


def test_memory_fades_with_the_change_of_the_velocity():
    memory = sd.dfi.Memory(kappa=0.5)
    v = np.array([3.0, 4.0])
    assert memory.mu(Motion(v, v)) == 1
    assert memory.mu(Motion(v, v, v)) == 1
    assert memory.mu(Motion(v, v, 0.5 * v)) == pytest.approx(1 / 2)
    assert memory.mu(Motion(v, v, -v)) == pytest.approx(1 / 5)
    assert memory.mu(Motion(v, 0 * v, v)) == 0
    assert memory.mu(Motion(v, 0 * v, 0 * v)) == 1


def test_memory_fades_with_what_the_residual_may_drive():
    memory = sd.dfi.Memory(kappa=0.5, driven=2.0)
    v = np.array([3.0, 4.0])
    assert memory.mu(Motion(v, v, v, {"driven": 2.0})) == pytest.approx(1 / 2)
    assert memory.mu(Motion(v, v, 0.5 * v, {"driven": 4.0})) == pytest.approx(1 / 18)
    assert memory.mu(Motion(v, v, v, {"driven": np.inf})) == pytest.approx(0, abs=1e-100)


@pytest.mark.parametrize("trust", [True, False])
@pytest.mark.parametrize("setting", [dict(gamma=1e-4), dict(epsilon=1e-3, mu=sd.dfi.Memory())])
def test_what_the_residual_may_drive_belongs_to_the_run(collapsing, trust, setting):
    """‖r‖σ₁/(2√γ ‖f‖) at the first stage of the last step."""
    problem, theta0 = collapsing
    solution = sd.evolve(problem, theta0, (0, 1e-3), 1e-3, sd.DFI(trust=trust, scheme="euler", **setting))
    rows, f = problem.rows(theta0, 0.0)
    left = np.linalg.norm(rows @ solution.velocity[0] - f) / np.linalg.norm(f)
    gamma = setting.get("gamma") or 1.0 / np.linalg.norm(rows, 2) ** 2
    # σ₁ by iteration, to 5e-4 at worst.
    assert solution.last.own["driven"] == pytest.approx(left / (2 * gamma**0.5), rel=2e-3)


@pytest.mark.parametrize("mu", [0.0, 0.3, 0.99])
def test_a_steady_velocity_is_the_same_in_every_scheme(mu):
    """û = a, a' = 1 by two equal parameters, whose sum alone is seen: γ(1 − μ) is left on it."""
    a, b = sp.symbols("a b")
    equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), 1 + 0 * u))
    problem = sd.Problem(equation, sd.Ansatz((a + b) * (1 + X**2), [X], [a, b]), sd.Box([(0, 1)]), sd.Grid(16))
    rows, f = problem.rows(np.array([0.3, 0.2]), 0.0)
    weight = 0.1 * (1 - mu) * np.linalg.norm(rows, 2) ** 2
    steady = np.linalg.solve(rows.T @ rows + weight * np.eye(2), rows.T @ f)
    for scheme in ("euler", "rk4", "esdirk4", "tr-bdf2", "implicit-euler"):
        stepper = sd.DFI(gamma=0.1, mu=mu, trust=False, scheme=scheme)
        solution = sd.evolve(problem, [0.3, 0.2], (0, 40), 0.05, stepper)
        # σ₁ by iteration, to 5e-4 at worst.
        np.testing.assert_allclose((solution.theta[-1] - solution.theta[-2]) / 0.05, steady, rtol=1e-3)


def test_a_run_that_comes_to_rest_is_not_a_solution(collapsing):
    """A step that goes astray unless nothing moves."""
    problem, theta0 = collapsing
    theta0 = problem.theta(theta0)

    follows = np.linalg.lstsq(*problem.rows(theta0, 0.0), rcond=1e-6)[0]

    def attempt(gamma, mu):
        v, away = (0 * theta0, 0.0) if gamma > 1 else (follows, 1.0)
        return Step(Motion(theta0 + away, v), v, (Stage(1.0, theta0, 0.0, v),))

    trust, motion = sd.dfi.Trust(tries=4), Motion(theta0, np.zeros(12))
    for _ in range(4):
        motion = trust.step(problem, attempt, motion, 0.1, 1.0, 1e-3).motion
    assert motion.own["stuck"] == 4
    with pytest.raises(sd.DivergenceError, match="5 steps on end cannot be trusted at any gamma that moves û"):
        trust.step(problem, attempt, motion, 0.1, 1.0, 1e-3)


def test_trust_raises_gamma_where_a_step_goes_astray_and_lets_it_fall(collapsing):
    problem, theta0 = collapsing
    with pytest.raises(sd.DivergenceError):
        sd.evolve(problem, theta0, (0, 1), 0.05, sd.DFI(gamma=1e-15, trust=False, solver=sd.QR()))
    stepper = sd.DFI(gamma=1e-15, solver=sd.QR())
    motion, gammas = theta0, []
    for k in range(20):
        motion = sd.evolve(problem, motion, (0.05 * k, 0.05 * (k + 1)), 0.05, stepper).last
        gammas.append(motion.own["gamma"])
    assert max(gammas) > 1e-13
    assert np.isfinite(motion.theta).all()
    # Trusted steps: as sure of itself as before, in the end.
    assert min(np.diff(gammas)) < 0


def test_what_a_stepper_keeps_survives_resumption(collapsing):
    problem, theta0 = collapsing
    stepper = sd.DFI(gamma=1e-15, solver=sd.QR())
    whole = sd.evolve(problem, theta0, (0, 1), 0.0625, stepper)
    half = sd.evolve(problem, theta0, (0, 0.5), 0.0625, stepper)
    rest = sd.evolve(problem, pickle.loads(pickle.dumps(half.last)), (0.5, 1), 0.0625, stepper)
    np.testing.assert_array_equal(rest.theta, whole.theta[8:])
    assert rest.last.own == whole.last.own


def test_a_problem_without_trouble_never_sees_trust(collapsing):
    """Waves that the ansatz follows: the default is DFI, and γ goes down."""
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -u.diff(X)))
    a, b = (sp.IndexedBase(n, shape=(3,)) for n in "ab")
    waves = sp.Sum(a[i] * sp.cos((i + 1) * X) + b[i] * sp.sin((i + 1) * X), (i, 0, 2))
    problem = sd.Problem(pde, sd.Ansatz(waves, [X], [a, b]), sd.Box([(0, 2 * np.pi)], periodic=True), sd.Grid(32))
    theta0 = [1, 0.5, 0.2, 0.3, -0.4, 0.1]
    solution = sd.evolve(problem, theta0, (0, 1), 0.05)
    assert solution.last.own["budget"] <= solution.last.own["gamma"] < 2 * sd.dfi.Budget().least
    x = np.linspace(0, 6, 50)
    np.testing.assert_allclose(solution.evaluate(x), problem.evaluate(theta0, x - 1), atol=1e-5)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (dict(factor=0.5), "factor = 0.5 must be at least 1"),
        (dict(tolerance=-1.0), "tolerance = -1.0 must be at least 0"),
        (dict(raised=np.inf), "raised = inf must be at least 1, and finite"),
        (dict(faded=1.5), "faded = 1.5 must lie between 0 and 1"),
        (dict(still=2.0), "still = 2.0 must lie between 0 and 1"),
        (dict(gain=-0.1), "gain = -0.1 must lie between 0 and 1"),
        (dict(tries=-1), "tries"),
    ],
)
def test_trust_refuses_bad_settings(bad, message):
    with pytest.raises(ValueError, match=message):
        sd.dfi.Trust(**bad)


def test_memory_and_the_stepper_refuse_bad_settings():
    with pytest.raises(ValueError, match="kappa = 0 must be positive"):
        sd.dfi.Memory(0)
    with pytest.raises(ValueError, match="driven = -1 must be positive"):
        sd.dfi.Memory(driven=-1)
    with pytest.raises(TypeError, match="mu = 'much' is no number and no Memory"):
        sd.DFI(mu="much")
    with pytest.raises(TypeError, match="trust = 2 is no Trust"):
        sd.DFI(trust=2)


@pytest.mark.parametrize(("scheme", "order"), [("euler", 1), ("rk4", 4)])
def test_onsager_without_a_kernel_is_dirac_frenkel(scheme, order):
    """Where J has full rank the momentum has nowhere to act."""
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(X, 2) / 10 - u.diff(X)))
    problem = sd.Problem(pde, sd.gaussians([X], 1), sd.Box([(-8, 9)]), sd.Grid(200))
    theta0 = {"a": [1.0], "w": [1.0], "b": [0.0]}
    ours = sd.evolve(problem, theta0, (0, 1), 0.1, sd.DFO(rtol=1e-8, scheme=scheme, lam=3.0))
    plain = sd.evolve(problem, theta0, (0, 1), 0.1, sd.DiracFrenkel(rtol=1e-8, scheme=scheme))
    np.testing.assert_allclose(ours.theta, plain.theta, rtol=1e-10, atol=1e-12)
    exact = [1 / np.sqrt(1.4), 1 / np.sqrt(1.4), 1.0]
    np.testing.assert_allclose(ours.theta[-1], exact, atol=10 * 0.1**order)


def test_onsager_keeps_its_momentum_with_the_run(collapsing):
    problem, theta0 = collapsing
    stepper = sd.DFO(rtol=1e-3, tau=0.05)
    whole = sd.evolve(problem, theta0, (0, 0.25), 0.03125, stepper)
    half = sd.evolve(problem, theta0, (0, 0.125), 0.03125, stepper)
    rest = sd.evolve(problem, half.last, (0.125, 0.25), 0.03125, stepper)
    np.testing.assert_array_equal(rest.theta, whole.theta[4:])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (dict(beta=0.2, tau=1.0), "give only one of beta and tau"),
        (dict(beta=1.0), "beta = 1.0 must be at least 0 and less than 1"),
        (dict(tau=-1.0), "tau = -1.0 must be finite and not negative"),
        (dict(lam=np.nan), "lam = nan must be finite"),
        (dict(rtol=1.5), "rtol must satisfy"),
        (dict(scheme="bdf2"), "unknown scheme 'bdf2': one of euler, rk4"),
    ],
)
def test_onsager_refuses_bad_settings(bad, message):
    with pytest.raises(ValueError, match=message):
        sd.DFO(**bad)
