"""What a trainer reads at keys and shapes that it has met before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.ep.batches import Batches, Packing
from symdfi.ep.direct import columns_of
from symdfi.ep.samples import Samples

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


def test_what_is_given_from_a_start_may_change_its_kind() -> None:
    """Floats and arrays of them are written where the loop reads them; anything else is read with care, or refused."""
    start = sd.InitialState(0.3, 0.1, T)
    both = sd.EPTrainer(DUFFING, COST, start, STEPS, [k], rule=sd.Trapezoidal())
    drive, target = np.cos(both.times), np.sin(both.times)
    loss, found = both.gradient({k: 2.0}, {f: drive}, {y: target})
    for value, signals in (
        (2, ({f: drive}, {y: target})),
        (np.array(2.0), ({f: drive.astype(np.longdouble)}, {y: target[::-1][::-1]})),
        (np.float64(2.0), ({f: drive.tolist()}, {y: target.tolist()})),
        (2.0, ({f: drive, y: target}, None)),
        (2.0, ({f: lambda t: np.cos(t)}, {y: target})),
    ):
        again, other = both.gradient({k: value}, *signals)
        assert again == pytest.approx(loss, rel=1e-14) and other["k"] == pytest.approx(found["k"], rel=1e-13)
    both.gradient({k: 2.0}, {f: drive}, {y: target})
    for bad, signals, message in (
        (np.ones(1), ({f: drive}, {y: target}), "k has shape"),
        (2.0, ({f: drive[None]}, {y: target}), "f"),
        (2.0, ({f: drive[:1]}, {y: target}), "f"),
        (np.nan, ({f: drive}, {y: target}), "parameter k is nan"),
        (2.0, ({f: drive}, {y: np.full(STEPS + 1, np.inf)}), "target y"),
        (2.0, ({f: drive}, None), "y"),
    ):
        with pytest.raises(ValueError, match=message):
            both.gradient({k: bad}, *signals)
    # What was found is the caller's: the next call writes nothing into it.
    kept, own = float(found["k"]), found["k"]
    both.gradient({k: 3.0}, {f: drive}, {y: target})
    assert own == kept


def test_samples_that_are_all_solved_are_added_in_order() -> None:
    """One after the other, whatever the blocks, also where a row is a single number."""
    start = sd.InitialState(0.3, 0.1, T)
    own = sd.EPTrainer(DUFFING, COST, start, STEPS, [k], rule=sd.Trapezoidal())
    sizes = np.random.default_rng(1).normal(size=(70, 1))
    packing, data = Packing({k: 2.0}, ["k"]), Samples({f: sizes * np.cos(own.times), y: sizes * np.sin(own.times)})
    whole = Batches(own, packing, data, None, None, None).evaluate(packing.start, range(70), {})
    loss, total = 0.0, np.zeros(1)
    for found in own.directly({k: 2.0}, [({f: data[s]["f"]}, {y: data[s]["y"]}, None) for s in range(70)]):
        assert found is not None
        loss += found.cost
        total += found.theta[columns_of(found.places, ["k"])]
    assert whole.solved == 70 and whole.loss == loss / 70 and np.array_equal(whole.gradient, total / 70)
    with ThreadPoolExecutor(2) as executor:
        shared = Batches(own, packing, data, None, None, executor).evaluate(packing.start, range(70), {})
    assert shared.loss == whole.loss and np.array_equal(shared.gradient, whole.gradient)
