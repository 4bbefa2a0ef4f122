"""What a trainer reads at keys and shapes that it has met before, under conditions at two times."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

q, v = sd.coordinates("q")
k, f, y = sp.symbols("k f y")
DUFFING = sd.Lagrangian(v**2 / 2 - k * q**2 / 2 - q**4 / 4 + f * q, q, v, inputs=[f])
COST = sd.Cost((q - y) ** 2 / 2, targets=[y])
T, STEPS = 4.0, 16


def trainer() -> sd.EPTrainer:
    return sd.EPTrainer(DUFFING, COST, sd.Periodic(T), STEPS, [k], rule=sd.Trapezoidal())


def test_repeated_calls_give_the_same_bits() -> None:
    both, rng = trainer(), np.random.default_rng(0)
    for _ in range(3):
        drive = np.cos(2 * np.pi / T * both.times) * rng.uniform(0.5, 1)
        values = {k: rng.uniform(2, 3)}, {f: drive}, {y: rng.normal(size=STEPS + 1)}
        (loss, found), (fresh, other) = both.gradient(*values), trainer().gradient(*values)
        assert loss == fresh
        assert found["k"] == other["k"]


def test_drives_are_to_be_periodic_at_every_call() -> None:
    both, drive = trainer(), np.cos(2 * np.pi / T * trainer().times)
    both.gradient({k: 2.0}, {f: drive}, {y: drive})
    both.gradient({k: 2.0}, {f: drive}, {y: np.linspace(0, 1, STEPS + 1)})  # a target need not be
    with pytest.raises(ValueError, match="f is not periodic"):
        both.gradient({k: 2.0}, {f: np.linspace(0, 1, STEPS + 1)}, {y: drive})
    with pytest.raises(ValueError, match="parameter k is nan"):
        both.gradient({k: np.nan}, {f: drive}, {y: drive})
    with pytest.raises(ValueError, match="target y"):
        both.gradient({k: 2.0}, {f: drive}, {y: np.full(STEPS + 1, np.inf)})
    with pytest.raises(ValueError, match="the guess has shape"):
        both.gradient({k: 2.0}, {f: drive}, {y: drive}, np.zeros((STEPS, 1)))
