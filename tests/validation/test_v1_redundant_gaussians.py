"""V1: advection and diffusion of one Gaussian by four identical ones, so that J has rank 3 of 12 all the time.

    u_t = −u_x + ν u_xx,   û = Σ aᵢ exp(−(wᵢ (x − bᵢ))²),   aᵢ = 1/4, bᵢ = 0, wᵢ = 1,   T = 2

The error is the relative L² error at T on points of their own.
"""

import functools

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

NU, T = 0.1, 2.0
X, nu = sp.symbols("x nu")
u = sp.Function("u")(sd.t, X)
PDE = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -u.diff(X) + nu * u.diff(X, 2)))


def exact(x, t):
    return np.exp(-((x - t) ** 2) / (1 + 4 * NU * t)) / np.sqrt(1 + 4 * NU * t)


@functools.cache
def problem():
    return sd.Problem(PDE, sd.gaussians([X], 4), sd.Box([(-10, 10)]), sd.Grid(400), {nu: NU})


def error(stepper, h=0.01):
    theta0 = problem().ansatz.pack({"a": np.full(4, 0.25), "b": np.zeros(4), "w": np.ones(4)})
    solution = sd.evolve(problem(), theta0, (0, T), h, stepper, save_every=10)
    x = np.linspace(-10, 10, 1777)
    return np.linalg.norm(solution.evaluate(x) - exact(x, T)) / np.linalg.norm(exact(x, T))


def orders(errors):
    return np.log2(np.array(errors[:-1]) / np.array(errors[1:]))


def inertia(gamma, scheme, h=0.01):
    """DFI at fixed γ = ε/h."""
    return error(sd.DFI(epsilon=gamma * h, scheme=scheme), h)


def test_the_normal_equations_are_singular():
    with pytest.raises(sd.SingularMatrixError, match=r"step 0 \(from t = 0\): the normal matrix \(12 x 12\)") as raised:
        error(sd.DiracFrenkel(gamma=0.0, solver=sd.Cholesky()))
    assert (raised.value.step, raised.value.time) == (0, 0.0)
    partial = raised.value.partial
    assert partial.t == [0.0]
    np.testing.assert_array_equal(partial.theta[0], np.repeat([0.25, 1, 0], 4))


@pytest.mark.parametrize("solver", [sd.Cholesky(), sd.QR()], ids=repr)
def test_tikhonov_is_biased(solver):
    biased = error(sd.DiracFrenkel(gamma=1e-2, scheme="euler", solver=solver))
    assert biased == pytest.approx(7.5e-2, rel=0.01)


def test_inertia_takes_the_bias_away():
    assert inertia(1e-2, "euler") == pytest.approx(4.5e-4, rel=0.02)
    assert error(sd.DFI(gamma=1e-3, mu=1, trust=False, scheme="euler")) <= 5e-4


@pytest.mark.parametrize(
    ("stepper", "bound"),
    [
        (sd.DFI(epsilon=1e-5, scheme="bdf2"), 4e-6),
        (sd.DFI(epsilon=1e-6, scheme="rk4"), 5e-7),
    ],
    ids=lambda x: getattr(x, "scheme", None),
)
def test_higher_order_schemes(stepper, bound):
    assert error(stepper) <= bound


@pytest.mark.parametrize(
    ("gamma", "scheme", "order"),
    [(1e-2, "euler", 1), (1e-4, "bdf2", 2), (1e-2, "rk4", 1)],
)
def test_orders_at_fixed_gamma(gamma, scheme, order):
    errors = [inertia(gamma, scheme, h) for h in (0.04, 0.02, 0.01)]
    np.testing.assert_allclose(orders(errors), order, atol=0.15)


def test_at_fixed_epsilon_the_limit_is_the_inertial_equation():
    """BDF2 at h → 0 solves θ̇ = v, ε v̇ = Jᵀ(f − J v), whose distance to Dirac-Frenkel is proportional to ε."""
    floors = [error(sd.DFI(epsilon=epsilon, scheme="bdf2"), 0.005) for epsilon in (1e-4, 1e-5)]
    np.testing.assert_allclose(floors, [3.9e-5, 3.6e-6], rtol=0.1)


def test_truncation_and_inertia_agree():
    """Minimum-norm Dirac-Frenkel keeps the four units together, and so is the limit of inertia."""
    assert error(sd.DiracFrenkel(rtol=1e-8)) <= 1e-10
