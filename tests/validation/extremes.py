"""Extreme inputs, and what a call may make of them: a right value or an error that names what is wrong.

Draws are made by ``pick(values)``: hypothesis in the tests, a third of them where those that are slow are left out.
``SYMDFI_EXTREMES=3000`` makes that many of every verb.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import symdfi as sd

Pick = Callable[[Sequence], Any]

#: How many calls of a verb, None: as many as the test says.
MANY = int(os.environ["SYMDFI_EXTREMES"]) if "SYMDFI_EXTREMES" in os.environ else None

PLAIN = [1.0, -0.5, 0.3, 2, 3.0, True, np.float32(0.25), np.int64(2)]
EXTREME = [0.0, -0.0, 1e-8, 5e-324, -1e-310, 1e-300, 1e-160, -1e160, 1e155, 1e300, -1.7e308, 1.7e308, 10**30]
BAD = [np.nan, np.inf, -np.inf, "1", None, 1j, np.array(None), object(), [1.0, 2.0], [[]], {}, 10**400]
COUNTS = [0, 1, 2, 3, 5, -1, 2.0, 1.5, True, 10**18, 2**70, 1e300, np.nan, "2", None, np.int32(2)]


def mostly(pick: Pick, good: Sequence, bad: Sequence) -> Any:
    """One of ``good``, and one of ``bad`` in twenty."""
    return pick(pick([good] * 19 + [bad]))


def number(pick: Pick) -> Any:
    """A number, now and then what is none."""
    return mostly(pick, pick([PLAIN, EXTREME]), BAD)


def finite(pick: Pick) -> float:
    return float(pick(pick([PLAIN, EXTREME])))


def array(pick: Pick, *shape: int) -> Any:
    """An array of finite numbers; now and then one with a number that is none, of another shape or kind."""
    kind = pick(["good"] * 60 + ["bad", "shape", "object", "list", "number", "strided", "integer"])
    size = int(np.prod(shape, dtype=int))
    values = np.array([finite(pick) for _ in range(min(size, 3))] or [0.0])
    good = np.resize(values, shape)
    if kind == "bad":
        bad = np.resize(good.astype(float), shape)
        if bad.size:
            bad.flat[-1] = pick([np.nan, np.inf, -np.inf])
        return bad
    if kind == "shape":
        return np.resize(values, pick([(), (0,), (1,), (*shape, 1), (2, *shape), (4, 0), (1, 1, 1), (5,)]))
    if kind == "object":
        return pick([np.resize(np.array([None, "a"], dtype=object), shape), good.astype(object), good.astype(str), {}])
    if kind == "list":
        return good.tolist()
    if kind == "number":
        return number(pick)
    if kind == "strided":
        return np.repeat(good, 2, axis=-1)[..., ::2] if shape else good
    if kind == "integer":
        return np.resize(np.array(pick([[1, 0], [True, False], [-(2**62), 2**62]])), shape)
    return good


def outcome(call: Callable[[], Any], *names: str) -> Any:
    """What a call gives; None where it is refused: by an error of the package, or by one that says a name."""
    try:
        return call()
    except MemoryError:  # which says the shape of what there is no room for
        pass
    except sd.SymdfiError as error:
        assert len(str(error)) > 10
    except (ValueError, TypeError) as error:
        assert any(name in str(error) for name in names), f"{type(error).__name__} without a name: {error}"
    return None


def all_finite(*values: Any) -> None:
    for value in values:
        assert np.isfinite(np.asarray(value, dtype=float)).all(), value


def extremes(count: int) -> Callable[[Callable[[Pick], None]], Any]:
    """A test of a verb by ``count`` random calls."""

    def test(body: Callable[[Pick], None]) -> Any:
        def draw(data: Any) -> None:
            body(lambda values: data.draw(st.sampled_from(values)))

        draw.__name__ = body.__name__

        @pytest.mark.parametrize("count", [count // 3, pytest.param(count, marks=pytest.mark.slow)])
        def run(count: int) -> None:
            chosen = settings(
                max_examples=MANY or count, derandomize=True, deadline=None, database=None,
                phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            chosen(given(data=st.data())(draw))()

        run.__name__, run.__doc__ = body.__name__, body.__doc__
        return run

    return test
