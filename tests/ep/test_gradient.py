"""Gradients by equilibrium propagation, by the adjoint, by differences, and by dense algebra."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from tests.ep.gradient_cases import (
    CASES,
    WAVE,
    a,
    b,
    c,
    dense_gradient,
    duffing,
    f,
    k,
    left,
    n,
    q,
    readout,
    smooth,
    v,
    x,
    z,
)


@pytest.mark.parametrize("name", CASES)
def test_gradient(name: str) -> None:
    case = CASES[name]
    nudging = sd.Centered(1e-4)
    trainer = sd.EPTrainer(case.system, case.cost, case.boundary, case.steps, case.trainable, nudging)
    free = trainer.free(case.params, case.inputs, case.targets)
    checked = trainer.check_gradient(case.params, case.inputs, case.targets, free.q)
    exact, loss = dense_gradient(case, free.q)
    adjoint = np.concatenate([np.ravel(g) for g in checked.adjoint.values()])
    assert checked.loss == pytest.approx(loss, rel=1e-12)
    assert np.linalg.norm(adjoint - exact) < 1e-11 * np.linalg.norm(exact)
    assert checked.finite_difference_error < 1e-6
    assert checked.error < 1e-5
    shapes = [np.shape(case.params[p]) for p in case.trainable]
    assert [np.shape(g) for g in checked.equilibrium_propagation.values()] == shapes


# Nudging

LINEAR = {k: 3 + 0.4 * smooth(3), a: 0.0, b: 0.7}
DRIVE = {f: lambda t: 0.8 * np.cos(1.3 * t)}


def error(cost: sd.Cost, targets: dict, nudging: Any) -> float:
    trainer = sd.EPTrainer(duffing, cost, sd.Periodic(WAVE), 32, [k, b], nudging)
    free = trainer.free(LINEAR, DRIVE, targets)
    found, exact = trainer.response(free), trainer.adjoint(free)
    return float(np.linalg.norm(found["k"] - exact["k"]) / np.linalg.norm(exact["k"]))


@pytest.mark.parametrize("beta", (1e-2, 0.3, 10.0))
def test_centred_is_exact_for_a_frozen_error(beta: float) -> None:
    """L quadratic, c = ε(t) x linear: the path is linear in β and ∂_θS quadratic, so no β is too large."""
    cost, targets = sd.Cost(x[n - 1] * z, targets=[z]), {z: lambda t: 0.3 * np.cos(1.3 * t) + 0.1}
    assert error(cost, targets, sd.Centered(beta)) < 1e-11 / min(beta, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sd.PrecisionWarning)
        assert error(cost, targets, sd.OneSided(beta)) > 1e-3 * beta


def test_centred_is_not_exact_for_a_quadratic_cost() -> None:
    """With the error free to change, S_β's Hessian depends on β."""
    large, small = (error(readout, {z: 0.4}, sd.Centered(beta)) for beta in (0.2, 0.1))
    assert large > 1e-3
    assert large / small == pytest.approx(4, rel=0.05)


def chain_of_two(nudging: Any = None, steps: int = 16) -> sd.EPTrainer:
    return sd.EPTrainer(duffing, readout, sd.Periodic(WAVE), steps, [k, a, b], nudging)


def test_too_large_a_nudge() -> None:
    case = CASES["chain of two"]
    with pytest.raises(sd.ConvergenceError, match="nudged by beta = 50 .*reduce beta") as caught:
        chain_of_two(sd.Centered(50.0)).gradient(case.params, case.inputs, case.targets)
    assert caught.value.beta == 50.0
    assert caught.value.partial.shape == (17, 2)
    assert caught.value.residual > 0


@pytest.mark.parametrize("beta", (0.0, np.nan, np.inf))
@pytest.mark.parametrize("scheme", (sd.OneSided, sd.Centered))
def test_no_nudge(scheme: type, beta: float) -> None:
    with pytest.raises(ValueError, match="must be finite and not zero"):
        scheme(beta)


def test_nudged_phases_factorise_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The free phase factorises once a Newton step and once at its end; what follows uses that last one."""
    from symdfi.ep import frame, newton

    made = []

    class Counted(frame.FrontalLU):
        def __init__(self, *given: Any) -> None:
            made.append(self)
            super().__init__(*given)

    monkeypatch.setattr(frame, "FrontalLU", Counted)
    case, trainer = CASES["chain of two"], chain_of_two(sd.Centered(1e-3))
    free = trainer.free(case.params, case.inputs, case.targets)
    assert len(made) == free.iterations + 1
    trainer.response(free)
    trainer.adjoint(free)
    assert len(made) == free.iterations + 1
    # Five chord steps of 1e-3 each reach roundoff, where the last ones may wander.
    assert all(newton.nudge(free, beta).iterations <= 30 for beta in (-1e-3, 1e-3))


def test_differences_factorise_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """d = 32, 63 parameters: all 126 orbits beside the free one are found with its factors."""
    from symdfi.ep import check

    n, i = sp.Symbol("n", integer=True, positive=True), sp.Symbol("i", integer=True)
    x, v = sd.coordinates("x", n)
    k, c, f = sp.IndexedBase("k", shape=(n,)), sp.IndexedBase("c", shape=(n - 1,)), sp.Symbol("f")
    chain = sd.Lagrangian(
        sp.Sum(v[i] ** 2 / 2 - k[i] * x[i] ** 2 / 2 - x[i] ** 4 / 4, (i, 0, n - 1))
        - sp.Sum(c[i] * (x[i + 1] - x[i]) ** 2, (i, 0, n - 2)) / 2 + f * x[0], x, v, inputs=[f],
    )  # fmt: skip
    trainer = sd.EPTrainer(chain, sd.Cost((x[n - 1] - x[0]) ** 2 / 2), sd.Periodic(2 * np.pi / 1.7), 64, [k, c])
    params = {k: 4 + 0.3 * np.sin(2.0 * np.arange(32)), c: 0.7 + 0.1 * np.cos(np.arange(31))}
    beside, found = check._beside, []
    monkeypatch.setattr(check, "_beside", lambda free, setting: found.append(beside(free, setting)) or found[-1])
    checked = trainer.check_gradient(params, {f: lambda t: 0.3 * np.cos(1.7 * t)})
    assert len(found) == 126 and all(path is not None for path in found)
    assert checked.error < 1e-10 and checked.finite_difference_error < 1e-6


def test_differences_of_other_orbits() -> None:
    """Marched, closed and static: sought anew, or beside the free one."""
    q, v = sd.coordinates("q")
    k, f = sp.symbols("k f")
    well = sd.Lagrangian(v**2 / 2 - k * q**2 / 2 - q**4 / 4 + f * q, q, v)
    guess = 0.8 * np.cos(2 * np.pi * np.arange(41) / 40)[:, None]
    for boundary, steps, given in (
        (sd.InitialState(0.3, 0.1, 4.0), 40, {}), (sd.Static(0.2), None, {}),
        (sd.Autonomous(5.0, energy=0.5), 40, {"guess": guess}),
    ):  # fmt: skip
        trainer = sd.EPTrainer(well, sd.Cost(q**2), boundary, steps, [k, f])
        assert trainer.check_gradient({k: 1.0, f: 0.2}, **given).finite_difference_error < 1e-7
    trainer = sd.EPTrainer(well, sd.Cost(q**2), sd.Static(0.2), None, [k])
    for step, message in ((1.7e308, "out of the finite numbers"), (1e-20, "lost in the rounding of k")):
        with pytest.raises(ValueError, match=message):
            trainer.check_gradient({k: 2.0, f: 0.2}, step=step)


def test_response_is_as_exact_on_a_long_grid() -> None:
    """Chord steps stop at roundoff, however much of it there is."""
    case = CASES["chain of two"]
    trainer = chain_of_two(sd.Centered(1e-3), 3000)
    assert trainer.check_gradient(case.params, case.inputs, case.targets).error < 1e-4


def test_scalar_and_named_parameters() -> None:
    """Names do for symbols everywhere, and a number for an array of rank 0."""
    oscillator = sd.Lagrangian(v**2 / 2 - a * q**2 / 2, q, v)
    trainer = sd.EPTrainer(oscillator, sd.Cost(q**2 / 2), sd.FixedEnds(0.4, -0.7, 2.0), 20, ["a"])
    by_name, by_symbol = trainer.gradient({"a": 1.21}), trainer.gradient({a: np.array(1.21)})
    assert by_name == by_symbol
    assert np.shape(by_name[1]["a"]) == ()
    assert "a " in str(trainer.check_gradient({"a": 1.21}))


def test_cost_that_the_path_does_not_feel() -> None:
    """C = ∫ b² dt: dC/db = 2bT, and nothing for the spring."""
    trainer = sd.EPTrainer(
        sd.Lagrangian(v**2 / 2 - a * q**2 / 2, q, v), sd.Cost(b**2), sd.FixedEnds(0.4, -0.7, 2.0), 20, [a, b]
    )
    loss, gradient = trainer.gradient({a: 1.21, b: 3.0})
    assert loss == pytest.approx(18)
    assert gradient["b"] == pytest.approx(12)
    assert gradient["a"] == pytest.approx(0, abs=1e-12)


# Refused


def test_trainer_refuses() -> None:
    case = CASES["gathered springs"]
    arguments = (case.system, case.cost)
    with pytest.raises(sd.SymbolicError, match="is no boundary condition"):
        sd.EPTrainer(*arguments, ("q0", "v0"), 10, [a])  # type: ignore[arg-type]
    with pytest.raises(sd.SymbolicError, match="c is no parameter of system or cost .* K, a, w"):
        sd.EPTrainer(*arguments, case.boundary, 10, [c])
    with pytest.raises(sd.SymbolicError, match="l is no parameter .* has a gradient"):
        sd.EPTrainer(*arguments, case.boundary, 10, [left])
    with pytest.raises(TypeError, match=r"give trainable=\[...\], of K, a, w"):
        sd.EPTrainer(*arguments, case.boundary, 10)
    damped = sd.Lagrangian(v**2 / 2 - a * q**2 / 2, q, v, dissipation=b * v**2)
    finite = sd.EPTrainer(damped, sd.Cost(q**2), sd.Periodic(1.0), 10, [a], sd.Centered())
    with pytest.raises(sd.SymbolicError, match="dissipation .* Use Infinitesimal"):
        finite.gradient({a: 1.0, b: 0.1})
    plain = sd.Lagrangian(v**2 / 2 - a * q**2 / 2, q, v)
    with pytest.raises(sd.SymbolicError, match="are named a"):
        sd.EPTrainer(plain, sd.Cost(sp.Symbol("a", real=True) * q), sd.Periodic(1.0), 10, [a])
    with pytest.raises(sd.SymbolicError, match="a scalar expression"):
        sd.Cost(sp.Matrix([q, v]))


def test_what_is_no_system_is_refused() -> None:
    for make in (
        lambda: sd.EPTrainer(v**2 / 2, sd.Cost(q), sd.Periodic(1.0), 8, [a]),  # pyright: ignore[reportArgumentType]
        lambda: sd.extremize([v**2], sd.Periodic(1.0), 8),  # pyright: ignore[reportArgumentType]
        lambda: sd.schemes(q**2, sd.Periodic(1.0)),  # pyright: ignore[reportArgumentType]
    ):
        with pytest.raises(TypeError, match="the system is .*: give a sd.Lagrangian"):
            make()


def test_what_is_given_twice_is_refused() -> None:
    """By symbol and by name, or as an input and as a target, also after a call with other keys."""
    case, trainer = CASES["chain of two"], chain_of_two()
    trainer.gradient(case.params, case.inputs, case.targets)
    twice, message = {**case.params, "a": 0.7}, "params: two values are given for a"
    with pytest.raises(ValueError, match=message):
        trainer.gradient(twice, case.inputs, case.targets)
    with pytest.raises(ValueError, match=message):
        trainer.train(twice, {f: 0.0, z: 0.0}, 1)
    with pytest.raises(ValueError, match=message):
        sd.schemes(case.system, case.boundary, twice)
    with pytest.raises(ValueError, match="inputs: two values are given for f"):
        trainer.gradient(case.params, {**case.inputs, "f": 0.0}, case.targets)
    with pytest.raises(ValueError, match="z is given both among the inputs and among the targets"):
        trainer.gradient(case.params, {**case.inputs, z: 0.1}, case.targets)


@pytest.mark.parametrize("params", ([1.0], 1.0, "a", np.ones(3)))
def test_parameters_are_given_by_name(params) -> None:
    trainer = chain_of_two()
    for call in (
        lambda: trainer.gradient(params),
        lambda: trainer.train(params, {f: 0.0, z: 0.0}, 1),
        lambda: sd.extremize(trainer.system, trainer.boundary, 8, params),
        lambda: sd.schemes(trainer.system, trainer.boundary, params),
    ):
        with pytest.raises(TypeError, match="params is .*: give"):
            call()


def test_orbits_of_others_are_refused() -> None:
    trainer = chain_of_two()
    other = sd.extremize(SPRING, sd.FixedEnds(0.0, 1.0, 1.0), 8, {a: 1.0})
    for read in (trainer.response, trainer.adjoint, trainer.sensitivity):
        with pytest.raises(TypeError, match="the free orbit is a ndarray: give what trainer.free"):
            read(np.ones(3))  # pyright: ignore[reportArgumentType]
        with pytest.raises(ValueError, match="the orbit is of another system: k is no parameter of it"):
            read(other)


@pytest.mark.parametrize("value", (sp.nan, sp.oo, sp.zoo * q))
def test_costs_without_a_value_are_refused(value) -> None:
    with pytest.raises(sd.SymbolicError, match="has no finite value"):
        sd.Cost(value)


def test_bad_signals() -> None:
    case, trainer = CASES["chain of two"], chain_of_two()
    for inputs, targets, message in (
        (case.inputs, None, "no value for the target z"),
        (None, case.targets, "no value for the input f"),
        (case.inputs, {z: np.nan}, "the target z is nan"),
        (case.inputs, {**case.targets, "w": 1.0}, "w is no input or target: f, z"),
    ):
        with pytest.raises(ValueError, match=message):
            trainer.gradient(case.params, inputs, targets)


def test_signals_are_given_by_name() -> None:
    with pytest.raises(TypeError, match="targets are given by name"):
        chain_of_two().gradient({k: 1.0, a: 0.1, b: 0.1}, targets=np.zeros(8))  # pyright: ignore[reportArgumentType]


SPRING = sd.Lagrangian(v**2 / 2 - a**2 * q**2 / 2, q, v)


def test_a_nudge_that_is_lost_in_rounding_is_refused():
    trainer = sd.EPTrainer(SPRING, sd.Cost(q**2 / 2), sd.FixedEnds(0.4, -0.7, 2.0), 20, [a], sd.Centered(1e-300))
    with pytest.raises(sd.ConvergenceError, match="beta = 1e-300 cannot be told from the free one.*increase beta"):
        trainer.gradient({a: 1.1})


def test_a_cost_that_overflows_is_named():
    trainer = sd.EPTrainer(SPRING, sd.Cost(c * q), sd.FixedEnds(40.0, -70.0, 2.0), 20, [a, c])
    with pytest.raises(sd.DivergenceError, match="the cost of the path is not finite at t = 0.05"):
        trainer.gradient({a: 1.1, c: 1e308})
    trainer = sd.EPTrainer(SPRING, sd.Cost(sp.exp(c * q)), sd.FixedEnds(40.0, -70.0, 2.0), 20, [a, c])
    with pytest.raises(sd.ConvergenceError, match="the derivatives of the action or of the cost are not finite on the"):
        trainer.gradient({a: 1.1, c: 100.0})
