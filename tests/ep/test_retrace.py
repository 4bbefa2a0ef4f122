"""Exact echoes without a trajectory that is kept."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.ep.pieces import Pieces
from symdfi.ep.retrace import Retrace

q, v = sd.coordinates("q")
r, w = sd.coordinates("r")
i, z, a = sp.Symbol("i", integer=True), sp.Symbol("z"), sp.IndexedBase("a", shape=(2,))
m, k, soft, y = sp.symbols("m k soft y")
# A mass matrix that is not diagonal, two drives in one array.
pair = sd.Lagrangian(
    m * v**2 / 2 + w**2 + v * w / 3 - k * (q**2 + r**2) / 2 - soft * (q - r) ** 4 / 4 + a[0] * q + a[1] * r,
    [q, r], [v, w], parameters=[m, k, soft], inputs=[a],
)  # fmt: skip
cost = sd.Cost((r - y) ** 2 / 2 + v**2 * q / 5, [y], terminal=k * q**2, integrals={z: r**2}, of_integrals=y * z**2)
PARAMS, START = {m: 1.2, k: 0.9, soft: 0.4}, sd.InitialState([0.3, -0.2], [0.1, 0.4], 5.0)
STEPS = 150


def drive(t: float) -> np.ndarray:
    return np.array([0.5 * np.cos(1.3 * t), 0.2])


def traced(boundary: sd.InitialState = START, steps: int = STEPS) -> sd.EPTrainer:
    return sd.EPTrainer(pair, cost, boundary, steps, PARAMS, sd.Echo(exact=True), rule=sd.Trapezoidal())


@pytest.mark.parametrize("start", (START, sd.InitialState([0.3, -0.2], T=5.0, p0=[0.3, 0.1])), ids=("v0", "p0"))
def test_gradient(start: sd.InitialState) -> None:
    """That of the path that is kept, whatever the pieces, by the masses, by v0 and of a function of integrals."""
    trainer = traced(start)
    samples = np.array([drive(t) for t in trainer.times])
    for inputs, targets in (({a: drive}, {y: 0.3}), ({a: samples}, {y: np.full(STEPS + 1, 0.3)})):
        free = trainer.free(PARAMS, inputs, targets)
        exact, kept = trainer.adjoint(free), trainer.response(free)
        loss, found = trainer.gradient(PARAMS, inputs, targets)
        assert loss == pytest.approx(free.cost, rel=1e-12)
        for name in exact:
            assert found[name] == pytest.approx(float(exact[name]), rel=1e-7)
            assert found[name] == pytest.approx(float(kept[name]), rel=1e-8)
        pieces = Pieces.read(trainer.discrete, start, STEPS, PARAMS, {**inputs, **targets})
        for length in (1, 7, STEPS):
            trace = Retrace.of(replace(pieces, length=length))
            assert trace.return_error == 0
            assert trace.cost == pytest.approx(loss, rel=1e-12)
            assert trace.gradient(1e-5)["k"] == pytest.approx(float(exact["k"]), rel=1e-7)


def test_pieces_are_the_whole() -> None:
    trainer = traced()
    whole = trainer.free(PARAMS, {a: drive}, {y: 0.3}).setting
    pieces = replace(Pieces.read(trainer.discrete, START, STEPS, PARAMS, {a: drive, y: 0.3}), length=40)
    assert len(pieces) == 4 and [piece.steps for piece in pieces] == [40, 40, 40, 30]
    np.testing.assert_array_equal(np.concatenate([piece.times for piece in pieces]), whole.times)
    np.testing.assert_array_equal(np.concatenate([piece.signals[:, :3] for piece in pieces]), whole.signals[:, :3])
    np.testing.assert_array_equal(np.concatenate([piece.weights for piece in pieces]), whole.weights)


well = sd.Lagrangian(v**2 / 2 - k * q**2 / 2 - q**4 / 4, q, v)


def test_a_million_steps_in_a_few_megabytes() -> None:
    """The way back ends in the very bits of the beginning; what is held does not grow with the number of steps (a path
    of a million nodes and what belongs to them would have 90 MB)."""
    peaks = []
    for steps in (10**4, 10**6):
        trainer = sd.EPTrainer(
            well, sd.Cost(q**2), sd.InitialState(0.7, 0.2, steps / 100), steps, [k], sd.Echo(1e-6, exact=True),
            rule=sd.Trapezoidal(),
        )  # fmt: skip
        if not peaks:
            trainer.retrace({k: 1.0})  # derived and compiled
        tracemalloc.start()
        try:
            assert trainer.retrace({k: 1.0}).return_error == 0
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert max(peaks) < 4e6


def test_memory_of_a_gradient() -> None:
    peaks = []
    for steps in (10**4, 3 * 10**5):
        trainer = sd.EPTrainer(
            well, sd.Cost(q**2), sd.InitialState(0.7, 0.2, 20.0), steps, [k], sd.Echo(exact=True), rule=sd.Trapezoidal()
        )
        if not peaks:
            trainer.gradient({k: 1.0})
        tracemalloc.start()
        try:
            found = trainer.gradient({k: 1.0})[1]["k"]
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert max(peaks) < 6e6  # several pieces at most
    assert found == pytest.approx(float(trainer.adjoint(trainer.free({k: 1.0}))["k"]), rel=1e-6)


def test_refusals() -> None:
    def refused(system=well, boundary=START, rule=None, **given):
        trainer = sd.EPTrainer(
            system, sd.Cost(q**2), boundary, 10, [k], sd.Echo(exact=True), rule=rule or sd.Trapezoidal()
        )
        return trainer.gradient({k: 1.0, **given})

    one = sd.InitialState(0.7, 0.2, 1.0)
    with pytest.raises(sd.SymbolicError, match=r"use the rule Trapezoidal\(\), not Midpoint\(\)"):
        refused(boundary=one, rule=sd.Midpoint())
    with pytest.raises(sd.SymbolicError, match="an echo is of a trajectory given by its beginning"):
        refused(boundary=sd.FixedEnds(0.0, 1.0, 1.0))
    with pytest.raises(sd.SymbolicError, match="does not retrace itself"):
        refused(sd.Lagrangian(v**2 / 2 - k * q**2, q, v, dissipation=v**2), one)
    with pytest.raises(sd.SymbolicError, match="with a constant mass matrix"):
        refused(sd.Lagrangian((1 + q**2) * v**2 / 2 - k * q**2, q, v), one)
    with pytest.raises(ValueError, match="a has 7 rows, expected 151"):
        traced().gradient(PARAMS, {a: np.zeros((7, 2))}, {y: 0.3})
    with pytest.raises(ValueError, match="no value for the target y"):
        traced().gradient(PARAMS, {a: drive})
    with pytest.raises(TypeError, match="inputs are given by name"):
        traced().gradient(PARAMS, drive, {y: 0.3})  # pyright: ignore[reportArgumentType]
    with pytest.raises(sd.ConvergenceError, match="reduce beta"):
        trainer = sd.EPTrainer(well, sd.Cost(q**2), one, 10, [k], sd.Echo(1e4, exact=True), rule=sd.Trapezoidal())
        trainer.gradient({k: 1.0})


def test_nudge_without_size_is_refused() -> None:
    trainer = sd.EPTrainer(
        well, sd.Cost(q**2), sd.InitialState(0.7, 0.2, 1.0), 10, [k], sd.Echo(exact=True), rule=sd.Trapezoidal()
    )
    with pytest.raises(ValueError, match="the nudge beta = 0 must be finite and not zero"):
        trainer.retrace({k: 1.0}).gradient(0)
