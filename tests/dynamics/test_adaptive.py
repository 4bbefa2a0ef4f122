"""The compiled DOP853 against exact motions, SciPy and heyoka: tolerances, dense output, events, both directions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.integrate
import sympy as sp

import symdfi as sd

EPS = np.finfo(float).eps
(x, u), (y, w), (q, v) = sd.coordinates("x"), sd.coordinates("y"), sd.coordinates("q")
k, mu = sp.symbols("k mu", positive=True)
KEPLER = sd.Lagrangian((u**2 + w**2) / 2 + 1 / sp.sqrt(x**2 + y**2), [x, y], [u, w])
OSCILLATOR = sd.Lagrangian(v**2 / 2 - k**2 * q**2 / 2, q, v)
#: q̈ = μ(1 − q²) q̇ − q, Van der Pol's equation.
VAN_DER_POL = sd.Lagrangian(v**2 / 2 - q**2 / 2, q, v, forces={q: mu * (1 - q**2) * v})
#: The restricted three-body problem in the rotating frame, and Arenstorf's closed orbit in it (Hairer, Nørsett &
#: Wanner, II.0).
MOON = sp.Float("0.012277471", 20)
ARENSTORF = sd.Lagrangian(
    (u**2 + w**2) / 2 + x * w - y * u + (x**2 + y**2) / 2
    + (1 - MOON) / sp.sqrt((x + MOON) ** 2 + y**2) + MOON / sp.sqrt((x - 1 + MOON) ** 2 + y**2),
    [x, y], [u, w],
)  # fmt: skip
PERIOD = 17.0652165601579625588917206249
LAUNCH = [0.994, 0.0], [0.0, -2.00158510637908252240537862224]


def kepler(t: np.ndarray, e: float = 0.9) -> np.ndarray:
    """(x, y, u, w) on the ellipse of semi-axis 1 from its pericentre, by Kepler's equation E − e sin E = t."""
    E = np.array(t, dtype=float)
    for _ in range(200):
        E -= (E - e * np.sin(E) - t) / (1 - e * np.cos(E))
    rate, b = 1 / (1 - e * np.cos(E)), np.sqrt(1 - e**2)
    return np.array([np.cos(E) - e, b * np.sin(E), -np.sin(E) * rate, b * np.cos(E) * rate]).T


def states(trajectory: sd.Trajectory) -> np.ndarray:
    return np.concatenate([trajectory.q, trajectory.v], axis=-1)


def orbit(t_span=(0.0, 20.0), **options) -> sd.Trajectory:
    start = kepler(np.array(t_span[0]))
    return sd.integrate(KEPLER, start[:2], start[2:], t_span, method="dop853", **options)


@pytest.mark.parametrize("stop", [20.0, -20.0])
def test_kepler(stop):
    """Eccentricity 0.9, three periods there and back: errors follow the tolerance."""
    at = np.linspace(0, stop, 41)
    for tolerance in (1e-6, 1e-9, 1e-12):
        found = orbit((0.0, stop), t_eval=at, rtol=tolerance, atol=tolerance)
        # Errors of the mean motion grow with time, and by the speed at the pericentre, √19, as the state does.
        np.testing.assert_allclose(states(found), kepler(at), atol=1e4 * tolerance)
        assert found.energy_drift < 1e3 * tolerance


def test_there_and_back():
    there = orbit((0.0, 5.0), rtol=1e-13, atol=1e-13)
    back = sd.integrate(KEPLER, there.q[-1], there.v[-1], (5.0, 0.0), method="dop853", rtol=1e-13, atol=1e-13)
    assert back.t[0] == 5.0
    assert back.t[-1] == 0.0
    assert (np.diff(back.t) < 0).all()
    np.testing.assert_allclose(states(back)[-1], kepler(np.array(0.0)), atol=1e-9)
    np.testing.assert_allclose(back.q_at(0.001), kepler(np.array(0.001))[:2], atol=1e-4)


def test_steps_are_those_of_scipy():
    """The same formulas: the same error at the same tolerance, within what the controllers differ by."""
    at = np.linspace(0, 20, 11)
    errors, steps = [], []
    for method in ("dop853", "scipy:DOP853"):
        options = {"method": method, "rtol": 1e-9, "atol": 1e-9}
        start = np.split(kepler(np.array(0.0)), 2)
        errors.append(np.abs(states(sd.integrate(KEPLER, *start, (0, 20), t_eval=at, **options)) - kepler(at)).max())
        steps.append(sd.integrate(KEPLER, *start, (0, 20), **options).t.size)
    assert 0.1 < errors[0] / errors[1] < 10
    assert 0.7 < steps[0] / steps[1] < 1.5


def test_rounding_does_not_add_up():
    """A thousand periods of q̈ = −q at the tightest tolerance, in about 10⁵ steps: plain sums of the times alone would
    be wrong by 10⁻¹⁰, a random walk of half units of rounding."""
    end = 2 * np.pi * 1000
    found = sd.integrate(OSCILLATOR, 1.0, 0.0, (0, end), params={k: 1.0}, t_eval=[end], method=sd.DOP853(1e-15, 1e-15))
    np.testing.assert_allclose(states(found)[-1], [np.cos(end), -np.sin(end)], atol=1e-11)
    assert found.energy[-1] == pytest.approx(0.5, abs=1e-11)


def test_arenstorf():
    """Closed after one period, though errors grow ten-thousandfold in each passage of the moon."""
    found = sd.integrate(ARENSTORF, *LAUNCH, (0, PERIOD), method="dop853", rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(states(found)[-1], np.concatenate(LAUNCH), atol=1e-6)
    assert found.energy_drift < 1e-9


@pytest.mark.parametrize("stiffness", [0.5, 5.0])
def test_van_der_pol(stiffness):
    at = np.linspace(0, 20, 21)
    found = sd.integrate(
        VAN_DER_POL, 2.0, 0.0, (0, 20), params={mu: stiffness}, t_eval=at, method="dop853", rtol=1e-11, atol=1e-11
    )
    exact = scipy.integrate.solve_ivp(
        lambda _, z: [z[1], stiffness * (1 - z[0] ** 2) * z[1] - z[0]], (0, 20), [2.0, 0.0], method="DOP853",
        t_eval=at, rtol=1e-12, atol=1e-12,
    )  # fmt: skip
    np.testing.assert_allclose(states(found), exact.y.T, atol=1e-7)


def test_order_of_the_steps():
    """Where the step is held at max_step, the error falls with its eighth power."""
    errors = []
    for h in (1.0, 0.5):
        found = sd.integrate(
            OSCILLATOR, 1.0, 0.0, (0, 8), params={k: 1.0}, method=sd.DOP853(rtol=0.1, atol=0.1, max_step=h)
        )
        np.testing.assert_allclose(np.diff(found.t)[1:-1], h)
        errors.append(np.abs(found.q[-1, 0] - np.cos(8)))
    assert np.log2(errors[0] / errors[1]) > 7


def test_dense_output():
    """Of order 7 between the steps, and exact at them."""
    found = orbit(dense=True, rtol=1e-10, atol=1e-10)
    at = np.linspace(0, 20, 500).reshape(5, 100)
    position, speed = found(at)
    assert position.shape == speed.shape == (5, 100, 2)
    found_states = np.concatenate([position, speed], axis=-1)
    np.testing.assert_allclose(found_states, kepler(at.ravel()).reshape(5, 100, 4), atol=1e-5)
    np.testing.assert_allclose(np.concatenate(found(found.t), axis=1), states(found), atol=1e-12)
    np.testing.assert_array_equal(found.q_at(at), position)
    for outside in (-0.1, 20.1):
        with pytest.raises(ValueError, match="outside the computed times, 0 to 20"):
            found(outside)
    # What is saved at given times comes from the same polynomials.
    saved = orbit(t_eval=at.ravel()[1:], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(saved.q, position.reshape(-1, 2)[1:], atol=1e-12)


def test_tolerance_of_each_component():
    """A loose tolerance for one of two uncoupled oscillators."""
    system = sd.Lagrangian((u**2 + w**2) / 2 - x**2 / 2 - 50 * y**2, [x, y], [u, w])
    exact = [np.cos(20.0), np.cos(200.0)]

    def error(atol):
        found = sd.integrate(system, [1, 1], [0, 0], (0, 20), method=sd.DOP853(0.0, atol)).q[-1]
        return np.abs(found - exact)

    assert error([1e-10, 1e-3])[0] < 1e-7
    assert error([1e-10, 1e-3])[1] > error(1e-10)[1]
    np.testing.assert_array_equal(error([1e-10, 1e-3]), error([1e-10, 1e-3, 1e-10, 1e-3]))


def test_inputs_that_vary():
    """Resonance q̈ + q = cos t from rest: q = t/2 sin t."""
    a = sp.Symbol("a")
    system = sd.Lagrangian(v**2 / 2 - q**2 / 2 + a * q, q, v, inputs=[a])
    at = np.linspace(0, 10, 11)
    for drive in ({a: np.cos}, lambda t: {"a": np.cos(t)}):
        found = sd.integrate(system, 0.0, 0.0, (0, 10), t_eval=at, inputs=drive, method="dop853")
        np.testing.assert_allclose(found.q[:, 0], at / 2 * np.sin(at), atol=1e-8)
    held = sd.integrate(system, 0.0, 0.0, (0, 10), t_eval=at, inputs={a: 1.0}, method="dop853")
    np.testing.assert_allclose(held.q[:, 0], 1 - np.cos(at), atol=1e-8)


@pytest.mark.parametrize("method", ["scipy:RK45", "scipy:Radau", "scipy:BDF", "scipy:LSODA", "scipy:DOP853"])
def test_methods_of_scipy(method):
    at = np.linspace(0, 3, 7)
    found = sd.integrate(
        OSCILLATOR, 1.0, 0.0, (0, 3), params={k: 2.0}, t_eval=at, method=method, rtol=1e-7, atol=1e-9, dense=True,
        events=q,
    )  # fmt: skip
    np.testing.assert_allclose(found.q[:, 0], np.cos(2 * at), atol=1e-4)
    np.testing.assert_allclose(found(1.234)[1], [-2 * np.sin(2.468)], atol=1e-4)
    np.testing.assert_allclose(found.events[0].t, np.pi / 4 * np.array([1, 3]), atol=1e-4)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"rtol": -1e-3}, ValueError, "rtol = -0.001 must be zero or at least"),
        ({"rtol": 1e-17}, ValueError, "the rounding of a step"),
        ({"atol": 0.0}, ValueError, "atol = 0.0 must be positive"),
        ({"atol": [1.0, 1.0, 1.0]}, ValueError, r"a tolerance has shape \(3,\), expected a number, \(1,\) or \(2,\)"),
        ({"max_step": 0.0}, ValueError, "max_step = 0.0 must be positive"),
        ({"t_eval": [0.0, 2.0]}, ValueError, r"t_eval has 2, outside t_span = \(0, 1\)"),
        ({"t_eval": [0.5, 0.25]}, ValueError, "in the order in which t_span passes them"),
        ({"t_eval": [[0.5]]}, ValueError, "t_eval is a list of times"),
        ({"t_eval": [0.5], "dt": 0.1}, ValueError, "at t_eval or every dt = 0.1, not both"),
        ({"method": "verlet", "rtol": 1e-3, "dt": 0.1}, ValueError, "rtol is a setting of adaptive methods"),
        ({"method": "verlet", "t_eval": [1.0], "dt": 0.1}, ValueError, "t_eval needs an adaptive method"),
        ({"method": "rk4", "events": [q], "dt": 0.1}, ValueError, "events needs an adaptive method"),
        ({"method": sd.DOP853(), "rtol": 1e-3}, ValueError, r"give it to DOP853\(...\)"),
        ({"method": "scipy:Euler"}, ValueError, "unknown method 'scipy:Euler': one of verlet, .*scipy:LSODA"),
        ({"method": "scipy:Radau", "rtol": [1e-3, 1e-3]}, ValueError, "is a number"),
        ({"method": 8}, TypeError, "the method is 8: give an object such as DOP853"),
        ({"events": "q"}, TypeError, "an event is a SymPy expression that vanishes, not 'q'"),
        ({"events": [q, 1.0]}, TypeError, "not 1.0"),
        ({"events": [sp.Symbol("nowhere") - q]}, sd.CompileError, "nowhere"),
    ],
)
def test_bad_input(options, error, match):
    with pytest.raises(error, match=match):
        sd.integrate(OSCILLATOR, 1.0, 0.0, (0, 1), params={k: 1.0}, **{"method": "dop853", **options})


def test_a_singularity_is_named():
    """q̈ = 4q³ from rest at 1 reaches infinity at t = 0.927..., whatever is asked for."""
    system = sd.Lagrangian(v**2 / 2 + q**4, q, v)
    with pytest.raises(sd.DivergenceError, match="DOP853 stopped at t = 0.927") as caught:
        sd.integrate(system, 1.0, 0.0, (0, 10), method="dop853", t_eval=[5.0])
    assert repr(caught.value.partial) == "Trajectory(0 saves of 1 degrees of freedom, dop853)"
    for options in ({}, {"dt": 0.1}, {"dense": True}, {"events": [q - 2]}):
        with pytest.raises(sd.DivergenceError, match="DOP853 stopped at t = 0.927") as caught:
            sd.integrate(system, 1.0, 0.0, (0, 10), method="dop853", **options)
        part = caught.value.partial
        assert np.isfinite(part.q).all()
        assert 0.89 < part.t[-1] <= caught.value.time
    assert len(part.events[0]) == 1


def test_interrupted(monkeypatch):
    """Ctrl-C keeps what there is."""
    from symdfi.dynamics import adaptive

    calls = []
    original = adaptive._Run._collect

    def collect(run):
        original(run)
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(adaptive._Run, "_collect", collect)
    with pytest.raises(sd.Interrupted) as caught:
        sd.integrate(OSCILLATOR, 1.0, 0.0, (0, 1e9), params={k: 1.0}, method="dop853")
    part = caught.value.partial
    assert part.t.size > 1000
    np.testing.assert_allclose(part.q[:100, 0], np.cos(part.t[:100]), atol=1e-7)
