"""Events: found to rounding, in order, in the direction asked for, and ending the motion where asked to."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from sympy.physics.mechanics import dynamicsymbols

import symdfi as sd

EPS = np.finfo(float).eps
q, v = sd.coordinates("q")
k, level = sp.symbols("k level", positive=True)
n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
z, w = sd.coordinates("z", n)
OSCILLATOR = sd.Lagrangian(v**2 / 2 - k**2 * q**2 / 2, q, v)
FALL = sd.Lagrangian(v**2 / 2 - level * q, q, v)


def swing(*events, stop=10.0, method="dop853", **options) -> sd.Trajectory:
    """q = cos 2t."""
    return sd.integrate(OSCILLATOR, 1.0, 0.0, (0.0, stop), params={k: 2.0}, method=method, events=events, **options)


def zeros(start: float, stop: float) -> np.ndarray:
    """The zeros of cos 2t."""
    marks = np.pi / 4 + np.pi / 2 * np.arange(-20, 20)
    return marks[(marks > start) & (marks < stop)]


@pytest.mark.parametrize("method", ["dop853", "scipy:DOP853"])
def test_zeros(method):
    found = swing(q, v - q, method=method, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(found.events[0].t, zeros(0, 10), atol=1e-11)
    # −2 sin 2t = cos 2t
    expected = (np.arctan2(-1, 2) + np.pi * np.arange(1, 7)) / 2
    np.testing.assert_allclose(found.events[1].t, expected[expected < 10], atol=1e-11)
    # The state at an event makes it vanish: to rounding, whatever the tolerance.
    loose = swing(q, method=method, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(loose.events[0].q, 0, atol=64 * EPS * 10)
    assert loose.events[0].q.shape == loose.events[0].v.shape == (len(loose.events[0]), 1)


@pytest.mark.parametrize("method", ["dop853", "scipy:RK45"])
def test_directions(method):
    both, up, down = swing(q, sd.Event(q, direction=1), sd.Event(q, direction=-1), method=method).events
    np.testing.assert_array_equal(np.sort(np.concatenate([up.t, down.t])), both.t)
    np.testing.assert_array_equal(down.t, both.t[::2])
    assert (up.v > 0).all()
    assert (down.v < 0).all()


def test_backward_in_time():
    """What comes first in time comes last, and a rise is one in the order in which it is met."""
    found = swing(sd.Event(q, direction=-1), stop=-10.0)
    np.testing.assert_allclose(found.events[0].t, zeros(-10, 0)[::-1][::2], atol=1e-8)


@pytest.mark.parametrize("method", ["dop853", "scipy:DOP853"])
@pytest.mark.parametrize("options", [{}, {"dt": 0.5}, {"t_eval": [0.25, 0.5, 5.0]}, {"dense": True}])
def test_terminal(method, options):
    """The motion ends at the first event, or at the third."""
    found = swing(sd.Event(q, terminal=True), method=method, **options)
    end = np.pi / 4
    np.testing.assert_allclose(found.t[-1], end, atol=1e-8)
    np.testing.assert_allclose([found.q[-1], found.v[-1]], [[0], [-2]], atol=1e-7)
    np.testing.assert_allclose(found.q[:, 0], np.cos(2 * found.t), atol=1e-7)
    assert len(found.events[0]) == 1
    third = swing(sd.Event(q, terminal=3), v, method=method, **options)
    np.testing.assert_allclose(third.events[0].t, zeros(0, 4), atol=1e-8)
    np.testing.assert_allclose(third.events[1].t, np.pi / 2 * np.arange(1, 3), atol=1e-8)
    if "dense" in options:
        np.testing.assert_allclose(third(third.t[-1] - 0.1)[0], [np.cos(2 * (third.t[-1] - 0.1))], atol=1e-7)
        with pytest.raises(ValueError, match="outside the computed times"):
            third(third.t[-1] + 0.1)


def test_a_zero_at_the_start_is_no_event():
    """v = 0 at t = 0; the first turning point is at π/2."""
    np.testing.assert_allclose(swing(v).events[0].t, np.pi / 2 * np.arange(1, 7), atol=1e-8)
    # And starting again where a terminal event has ended does not end at once.
    first = swing(sd.Event(q, terminal=True))
    again = sd.integrate(
        OSCILLATOR, 0.0, first.v[-1], (first.t[-1], 10.0), params={k: 2.0}, method="dop853",
        events=sd.Event(q, terminal=True),
    )  # fmt: skip
    np.testing.assert_allclose(again.t[-1], 3 * np.pi / 4, atol=1e-8)


def test_several_in_one_step():
    """A free fall is one step, whatever happens in it: q = 8 − t²."""
    found = sd.integrate(
        FALL, 8.0, 0.0, (0, 4), params={level: 2.0}, method="dop853",
        events=[q - 4, q - 7, sd.Event(q, terminal=True), q + 1, sp.sin(2 * np.pi * sd.t)],
    )  # fmt: skip
    assert found.t.size < 12
    np.testing.assert_allclose(found.events[0].t, 2.0, rtol=1e-12)
    np.testing.assert_allclose(found.events[1].t, 1.0, rtol=1e-12)
    np.testing.assert_allclose(found.events[2].t, np.sqrt(8), rtol=1e-12)
    assert len(found.events[3]) == 0
    np.testing.assert_allclose(found.events[4].t, np.arange(1, 6) / 2, rtol=1e-12)


def test_parameters_time_and_sums():
    """Events read what the system has: parameters, time, and sums over coordinates of any number."""
    chain = sd.Lagrangian(sp.Sum(w[i] ** 2 / 2 - k * z[i] ** 2 / 2, (i, 0, n - 1)), z, w, parameters=[k])
    total = sp.Sum(z[i], (i, 0, n - 1))
    found = sd.integrate(
        chain, np.arange(1.0, 5), np.zeros(4), (0, 6), params={k: 4.0}, method="dop853",
        events=[total, sp.Eq(z[1], 1), k * sd.t - 10],
    )  # fmt: skip
    np.testing.assert_allclose(found.events[0].t, zeros(0, 6), atol=1e-8)
    np.testing.assert_allclose(found.events[1].t[:2], [np.pi / 6, 5 * np.pi / 6], atol=1e-8)
    np.testing.assert_allclose(found.events[2].t, 2.5, rtol=1e-12)
    assert found.events[0].q.shape == (4, 4)


def test_functions_of_time():
    theta = dynamicsymbols("theta")
    pendulum = sd.Lagrangian(theta.diff(sd.t) ** 2 / 2 + sp.cos(theta), theta)
    found = sd.integrate(pendulum, 0.01, 0.0, (0, 10), method="dop853", events=[theta, theta.diff(sd.t)])
    np.testing.assert_allclose(found.events[0].t, np.pi * np.array([0.5, 1.5, 2.5]), rtol=1e-4)
    np.testing.assert_allclose(found.events[1].t, np.pi * np.array([1, 2, 3]), rtol=1e-4)


def test_bad_events():
    with pytest.raises(ValueError, match="direction of an event is -1, 0 or 1, not 2"):
        sd.Event(q, direction=2)
    with pytest.raises(ValueError, match="terminal = -1 must be at least 0"):
        sd.Event(q, terminal=-1)
    a = sp.Symbol("a")
    driven = sd.Lagrangian(v**2 / 2 + a * q, q, v, inputs=[a])
    with pytest.raises(sd.SymbolicError, match="depends on the input a"):
        sd.integrate(driven, 0.0, 0.0, (0, 1), inputs={a: 1.0}, method="dop853", events=[q - a])
