"""The energy identity of inertia: exact for Euler's steps, whatever the step, the damping and the rank of J."""

import dataclasses

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.dfi.energy import energy_balance

X = sp.Symbol("x")
u = sp.Function("u")(sd.t, X)
EPS = np.finfo(float).eps


@pytest.fixture(scope="module")
def redundant():
    """Two distinct Gaussians and a copy of the first: J is rank-deficient."""
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -u.diff(X) + u.diff(X, 2) / 10 + sp.sin(sd.t) * sp.exp(-(X**2))))
    problem = sd.Problem(pde, sd.gaussians([X], 3), sd.Box([(-8, 8)]), sd.Grid(200))
    return problem, problem.ansatz.pack({"a": [0.5, 0.5, 0.3], "w": [1, 1, 0.7], "b": [0, 0, 1.5]})


@pytest.mark.parametrize("solver", [sd.Cholesky(), sd.QR(), sd.SVD()], ids=repr)
@pytest.mark.parametrize("mu", [1.0, 0.9, 0.0])
@pytest.mark.parametrize(("epsilon", "h"), [(0.05, 0.02), (1e-3, 0.1), (10.0, 0.5), (1e-9, 0.01)])
def test_the_identity_holds_to_rounding(redundant, epsilon, h, mu, solver):
    problem, theta0 = redundant
    stepper = sd.DFI(epsilon=epsilon, mu=mu, scheme="euler", solver=solver)
    solution = sd.evolve(problem, theta0, (0, 1), h, stepper)
    balance = energy_balance(solution, mu)
    # The normal equations are solved to roundoff σ₁² ‖v‖, which is multiplied by 2 v⁺.
    speed = (solution.velocity**2).sum(axis=1).max()
    sigma = max(np.linalg.norm(problem.rows(theta, 0.0)[0], 2) for theta in solution.theta)
    rounding = 100 * theta0.size * EPS * ((h * sigma**2 + epsilon) * speed + balance.before + balance.given)
    assert (np.abs(balance.defect) <= rounding).all()
    assert balance.total_defect <= rounding.max() / balance.given.min() * len(balance.t)
    for part in (balance.given, balance.missed, balance.moved, balance.implicit, balance.damped):
        assert (part >= 0).all()
    # The energy of the velocities grows by no more than h‖f‖² a step.
    assert (balance.after <= balance.before + balance.given + rounding).all()


def test_the_identity_is_of_its_damping(redundant):
    """With another μ than that of the run it does not close."""
    problem, theta0 = redundant
    solution = sd.evolve(problem, theta0, (0, 1), 0.02, sd.DFI(epsilon=0.05, mu=0.9, scheme="euler"))
    assert energy_balance(solution, 1.0).total_defect > 1e-6


def test_what_has_no_balance_is_named(redundant):
    problem, theta0 = redundant
    run = lambda stepper, **more: sd.evolve(problem, theta0, (0, 0.2), 0.02, stepper, **more)  # noqa: E731
    euler = sd.DFI(epsilon=1e-3, scheme="euler")
    with pytest.raises(ValueError, match="every step saved: 6 saves of 10 steps"):
        energy_balance(run(euler, save_every=2))
    with pytest.raises(ValueError, match="an energy balance is for Euler's scheme"):
        energy_balance(run(sd.DFI(epsilon=1e-3, scheme="rk4")))
    changed = run(euler)
    with pytest.raises(ValueError, match="γ changes from step to step"):
        energy_balance(dataclasses.replace(changed, gamma=changed.gamma * np.linspace(1, 2, len(changed.gamma))))
    moving = sd.Problem(problem.equation, problem.ansatz, problem.domain, sd.MonteCarlo(300, redraw=True))
    with pytest.raises(ValueError, match="samples change from step to step"):
        energy_balance(sd.evolve(moving, theta0, (0, 0.2), 0.02, euler))
    walls = [sd.BoundaryCondition(sp.Eq(u, 0))]
    walled = sd.Problem(problem.equation, problem.ansatz, problem.domain, sd.Grid(200), boundary=walls)
    with pytest.raises(ValueError, match="without rows of boundary conditions"):
        energy_balance(sd.evolve(walled, theta0, (0, 0.2), 0.02, euler))
    with pytest.raises(ValueError, match="mu"):
        energy_balance(changed, np.nan)
