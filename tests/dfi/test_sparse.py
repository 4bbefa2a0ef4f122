"""Random sparse updates: a few columns a step, the same over its stages and on resumption."""

import pickle

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

X = sp.Symbol("x")
u = sp.Function("u")(sd.t, X)
#: Five equal Gaussians, which advection and diffusion leave Gaussian.
PDE = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(X, 2) / 10 - u.diff(X)))
PROBLEM = sd.Problem(PDE, sd.gaussians([X], 5), sd.Box([(-8, 9)]), sd.Grid(200))
THETA = PROBLEM.theta({"a": np.full(5, 0.2), "w": np.ones(5), "b": np.zeros(5)})
INNER = [sd.DFI(), sd.DFI(gamma=1e-6, trust=False), sd.DiracFrenkel(gamma=1e-6), sd.DiracFrenkel(rtol=1e-3)]


def moved(theta):
    """How many entries of θ each step changes."""
    return (np.diff(theta, axis=0) != 0).sum(axis=1)


@pytest.mark.parametrize("stepper", INNER, ids=repr)
@pytest.mark.parametrize("solver", [sd.Cholesky(), sd.QR(), sd.LSMR(rtol=1e-13)], ids=repr)
def test_a_step_moves_as_many_parameters_as_asked_for(stepper, solver):
    if getattr(stepper, "rtol", None) is None:
        stepper = type(stepper)(**{**vars(stepper), "solver": solver})
    solution = sd.evolve(PROBLEM, THETA, (0, 0.25), 0.05, sd.RSNG(7, stepper))
    np.testing.assert_array_equal(moved(solution.theta), 7)
    support = [set(np.flatnonzero(step)) for step in np.diff(solution.theta, axis=0)]
    assert support == [set(sd.RSNG(7).chosen(k, 15)) for k in range(5)]
    assert len(set(map(frozenset, support))) > 1


@pytest.mark.parametrize("stepper", INNER, ids=repr)
def test_few_columns_follow_a_redundant_mixture(stepper):
    """Of 15 parameters where 3 would do, 9 a step: exact is one Gaussian, moved and widened."""
    solution = sd.evolve(PROBLEM, THETA, (0, 1), 0.01, sd.RSNG(0.6, stepper, seed=3))
    np.testing.assert_array_equal(moved(solution.theta), 9)
    x = np.linspace(-6, 7, 200)
    exact = np.exp(-((x - 1) ** 2) / 1.4) / np.sqrt(1.4)
    assert np.linalg.norm(solution.evaluate(x) - exact) < 2e-2 * np.linalg.norm(exact)


def test_all_columns_are_the_stepper_itself():
    plain = sd.evolve(PROBLEM, THETA, (0, 0.2), 0.05, sd.DFI(solver=sd.QR()))
    ours = sd.evolve(PROBLEM, THETA, (0, 0.2), 0.05, sd.RSNG(15, sd.DFI(solver=sd.QR())))
    np.testing.assert_array_equal(ours.theta, plain.theta)


def test_the_choice_survives_resumption_and_depends_on_the_seed():
    stepper = sd.RSNG(6, seed=1)
    whole = sd.evolve(PROBLEM, THETA, (0, 0.5), 0.0625, stepper)
    half = sd.evolve(PROBLEM, THETA, (0, 0.25), 0.0625, stepper)
    rest = sd.evolve(PROBLEM, pickle.loads(pickle.dumps(half.last)), (0.25, 0.5), 0.0625, stepper)
    np.testing.assert_array_equal(rest.theta, whole.theta[4:])
    other = sd.evolve(PROBLEM, THETA, (0, 0.0625), 0.0625, sd.RSNG(6, seed=2))
    assert not np.array_equal(other.theta[1], whole.theta[1])


def test_bad_choices_are_refused():
    with pytest.raises(ValueError, match="columns = 1.5 is neither a number of columns nor a share between 0 and 1"):
        sd.RSNG(1.5)
    with pytest.raises(ValueError, match="columns = 0 must be at least 1"):
        sd.RSNG(0)
    with pytest.raises(TypeError, match="columns is 'ten'"):
        sd.RSNG("ten")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="the seed of RSNG = -1"):
        sd.RSNG(3, seed=-1)
    with pytest.raises(TypeError, match="the stepper of RSNG is a Cholesky"):
        sd.RSNG(3, sd.Cholesky())  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="RSNG is to move 16 columns of 15"):
        sd.evolve(PROBLEM, THETA, (0, 0.1), 0.1, sd.RSNG(16))
    with pytest.raises(TypeError, match="cannot be restricted to some velocities"):
        sd.evolve(PROBLEM, THETA, (0, 0.1), 0.1, sd.RSNG(5, sd.DFO()))
