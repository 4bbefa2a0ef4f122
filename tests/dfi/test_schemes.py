"""Time schemes: what ε and μ mean is the same in all, and their orders."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.dfi.schemes import SCHEMES, Motion

X, A = sp.symbols("x a")
u = sp.Function("u")(sd.t, X)


@pytest.fixture(scope="module")
def one():
    """û = a, u_t = 1 on an interval of length 1: J = f = 1."""
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), 1))
    return sd.Problem(pde, sd.Ansatz(A, [X], [A]), sd.Box([(0, 1)]), sd.Grid(8))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_epsilon_is_a_time(one, scheme):
    """v' = (1 − v)/ε from 0: v(ε) = 1 − 1/e, in every scheme."""
    epsilon = 0.5
    found = []
    for steps in (100, 200):
        solution = sd.evolve(one, [0.0], (0, epsilon), epsilon / steps, sd.DFI(epsilon=epsilon, initial="zero",
                                                                              scheme=scheme))  # fmt: skip
        found.append(solution.last.velocity[0] - (1 - np.exp(-1)))
    assert abs(found[0]) <= 0.01 * (1 - np.exp(-1))
    # ... to which it converges with the order of the scheme's inertia, 2 for bdf2 and else 1.
    assert np.log2(found[0] / found[1]) >= (1.9 if scheme == "bdf2" else 0.9)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_damping_counts_once_a_step(scheme):
    """Where nothing else decides the velocity, J = 0 in its direction, a step leaves μ of it."""
    b = sp.Symbol("b")
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), 0))
    problem = sd.Problem(pde, sd.Ansatz(A + 0 * b, [X], [A, b]), sd.Box([(0, 1)]), sd.Grid(4))
    stepper = sd.DFI(gamma=1e-3, mu=0.9, trust=False, scheme=scheme)
    # With equal velocities behind it, the anchor of bdf2 is the velocity.
    start = Motion(np.zeros(2), np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    solution = sd.evolve(problem, start, (0, 1), 1.0, stepper)
    assert solution.last.velocity[1] == pytest.approx(0.9, rel=1e-12)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_stages_tell_where_a_step_aims(one, scheme):
    """Σ weight = 1, and with û linear in θ and f constant the step arrives there."""
    stepper, solves = sd.DFI(epsilon=1e-9, scheme=scheme), sd.dfi.Solves(one)
    motion = Motion(np.zeros(1), np.ones(1), np.ones(1))
    step = stepper.step(solves, motion, 0.0, 0.1)
    assert sum(stage.weight for stage in step.stages) == pytest.approx(1)
    aim = 0.1 * sum(s.weight * one.tangents(s.theta, s.velocity, s.time, fresh=False)[1] for s in step.stages)
    np.testing.assert_allclose(one.weighted(step.motion.theta, fresh=False), aim, rtol=1e-6)
