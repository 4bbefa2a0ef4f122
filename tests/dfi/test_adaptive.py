"""Steps whose lengths follow an estimate of their errors."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.dfi import ESDIRK4, RK43, TRBDF2, Adaptive, ImplicitEuler
from symdfi.dfi.schemes import Motion

X, A = sp.symbols("x a")
u = sp.Function("u")(sd.t, X)


def one(side, value=A):
    """û = a(t) (or another function of it) on an interval of length 1."""
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), side))
    return sd.Problem(pde, sd.Ansatz(value, [X], [A]), sd.Box([(0, 1)]), sd.Grid(4))


PULSE = one(sp.Rational(1, 100) / (sp.Rational(1, 100) ** 2 + (sd.t - sp.Rational(3, 10)) ** 2))


def pulse(time):
    return np.arctan((time - 0.3) / 0.01) + np.arctan(30)


@pytest.mark.parametrize("scheme", [RK43(), TRBDF2(), ESDIRK4()], ids=["rk43", "tr-bdf2", "esdirk4"])
def test_a_pulse_is_not_missed(scheme):
    """It is a hundredth of a time unit long; equal steps as many as there are of the adaptive ones are far off."""
    found = {}
    for rtol in (1e-4, 1e-6):
        stepper = Adaptive(sd.DFI(gamma=1e-12, scheme=scheme), rtol=rtol, first=1e-2)
        last = sd.evolve(PULSE, [0.0], (0, 1), 0.25, stepper).last
        found[rtol] = abs(last.theta[0] - pulse(1)), last.own["parts"]
        assert found[rtol][0] <= 200 * rtol * pulse(1)
        assert found[rtol][0] <= 2 * last.own["estimate"]
    assert found[1e-6][0] < found[1e-4][0]
    assert found[1e-4][1] < found[1e-6][1]
    equal = sd.evolve(PULSE, [0.0], (0, 1), 1 / found[1e-4][1], sd.DFI(gamma=1e-12, scheme=scheme))
    assert abs(equal.theta[-1][0] - pulse(1)) >= 2 * found[1e-4][0]


def test_saved_times_are_met_and_in_between_it_is_as_good():
    solution = sd.evolve(PULSE, [0.0], (0, 1), 0.1, Adaptive(rtol=1e-7))
    np.testing.assert_allclose(solution.t, np.linspace(0, 1, 11), rtol=1e-15)
    np.testing.assert_allclose(solution.theta[:, 0], pulse(solution.t), atol=1e-5)


def test_few_steps_where_it_is_stiff():
    """A layer of 1e-4, then a solution that is slow: explicit steps would be 2e-4 long to the end."""
    problem = one(-10000 * (u - sp.cos(sd.t)) - sp.sin(sd.t))
    last = sd.evolve(problem, [2.0], (0, 2), 0.5, Adaptive(sd.DFI(gamma=1e-13, scheme="esdirk4"), first=1e-5)).last
    assert last.theta[0] == pytest.approx(np.cos(2), abs=1e-5)
    assert last.own["parts"] <= 150


def test_the_step_of_rk43_is_that_of_rk4():
    problem = one(-(u**2))
    runs = [sd.evolve(problem, [1.0], (0, 1), 0.1, sd.DFI(scheme=scheme)) for scheme in ("rk4", "rk43")]
    np.testing.assert_array_equal(runs[0].theta, runs[1].theta)


@pytest.mark.parametrize(("scheme", "order"), [("rk43", 3), ("tr-bdf2", 2), ("esdirk4", 3)])
def test_order_of_the_estimates(scheme, order):
    stepper, solves = sd.DFI(epsilon=1e-14, scheme=scheme), sd.dfi.Solves(one(-(u**2) * sp.cos(sd.t)))
    errors = []
    for h in (0.1, 0.05, 0.025):
        estimate = stepper.step(solves, Motion(np.ones(1), -np.ones(1)), 0.0, h).estimate
        assert estimate is not None
        assert estimate.order == order
        errors.append(estimate.error)
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), order + 1, atol=0.5)


def test_a_run_goes_on_as_if_it_had_not_stopped():
    stepper = Adaptive(rtol=1e-6)
    whole = sd.evolve(PULSE, [0.0], (0, 1), 0.25, stepper)
    half = sd.evolve(PULSE, [0.0], (0, 0.5), 0.25, stepper)
    rest = sd.evolve(PULSE, half.last, (0.5, 1), 0.25, stepper)
    np.testing.assert_array_equal(whole.theta[-1], rest.theta[-1])
    assert whole.last.own == rest.last.own


def test_the_least_length_is_named():
    stepper = Adaptive(rtol=1e-4, atol=1e-3, min_dt=0.02)
    with pytest.raises(sd.ConvergenceError, match=r"step 2 .*shorter than min_dt = 0.02: its error is") as raised:
        sd.evolve(PULSE, [0.0], (0, 1), 0.25, stepper)
    assert (raised.value.step, raised.value.time) == (2, 0.25)
    np.testing.assert_allclose(raised.value.partial.t, [0, 0.25])


def test_steps_that_fail_are_repeated_shorter():
    """u_t = u² from 1 explodes at t = 1: the lengths shrink towards it, and then there is an error, no infinity."""
    with pytest.raises(sd.ConvergenceError, match="shorter than min_dt = 1e-06") as raised:
        sd.evolve(one(u**2), [1.0], (0, 1.5), 0.5, Adaptive(rtol=1e-5, min_dt=1e-6))
    assert raised.value.time == 0.5 or raised.value.time == 1.0


def test_columns_at_random_are_those_of_the_run():
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(X, 2)))
    problem = sd.Problem(pde, sd.gaussians([X], 4), sd.Box([(-5, 5)]), sd.Grid(100))
    theta = problem.ansatz.pack({"a": [1, 2, 1, 0.5], "w": np.ones(4), "b": [-1, 0, 1, 2]})
    inner = sd.dfi.RSNG(5, sd.DFI(scheme="rk43"))
    solution = sd.evolve(problem, theta, (0, 0.02), 0.01, Adaptive(inner, rtol=1e-5, first=4e-3))
    for step in range(2):
        moved = np.flatnonzero(solution.theta[step + 1] != solution.theta[step])
        assert set(moved) <= set(inner.chosen(step, theta.size))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"rtol": -1.0}, ValueError, "rtol = -1.0 must be finite and not negative"),
        ({"rtol": 0.0}, ValueError, "of rtol and atol one at least must be positive"),
        ({"min_dt": 0.0}, ValueError, "min_dt = 0.0 must be finite and positive"),
        ({"first": np.inf}, ValueError, "first = inf must be finite and positive"),
        ({"stepper": "dfi"}, TypeError, "the stepper of Adaptive is a str"),
    ],
)
def test_bad_settings(settings, error, message):
    with pytest.raises(error, match=message):
        Adaptive(**settings)


@pytest.mark.parametrize("stepper", [sd.DFI(), sd.DFI(scheme=ImplicitEuler()), sd.DFO()])
def test_schemes_without_an_estimate_are_refused(stepper):
    with pytest.raises(ValueError, match="estimates no error: take rk43, tr-bdf2 or esdirk4"):
        sd.evolve(PULSE, [0.0], (0, 1), 0.25, Adaptive(stepper))
