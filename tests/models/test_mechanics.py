"""The mechanics models against their references, and what every model of the library has to offer."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

from symdfi import models
from symdfi.errors import DivergenceError
from symdfi.running import MechanicsModel

MECHANICS = [name for name in models.names() if isinstance(models.load(name), MechanicsModel)]


def summary(name: str, **settings) -> dict[str, float]:
    model = models.load(name)
    rows = model.run({**model.settings, **settings}).summary
    return {label: float(value) for label, value in rows if label not in ("time", "method")}


def test_there_are_six():
    assert {"pendulum", "double_pendulum", "kepler", "fput", "toda", "coupled_oscillators"} <= set(MECHANICS)


@pytest.mark.parametrize("name", MECHANICS)
def test_equations_for_reading(name):
    model = models.load(name)
    shown = model.show()
    assert model.title in shown
    assert "Equations of motion" in shown
    assert model.show(latex=True).count("=") >= 2
    assert "def kernel(" in model.show(source=True)


def test_pendulum():
    found = summary("pendulum", angle=2.5, dt=0.002, t_end=30.0)
    exact = 4 * scipy.special.ellipk(np.sin(1.25) ** 2) / np.sqrt(9.81)
    assert found["period, exact"] == pytest.approx(exact, rel=1e-5)  # printed to six digits
    assert found["period, measured"] == pytest.approx(exact, rel=1e-5)
    coarse, fine = (summary("pendulum", dt=dt, t_end=10.0)["error of the angle"] for dt in (0.01, 0.005))
    assert fine < 5e-4
    assert coarse / fine == pytest.approx(4, rel=0.03)
    assert summary("pendulum", method="dop853")["error of the angle"] < 1e-7


def test_double_pendulum():
    # An interval of saves that does not divide the time.
    assert summary("double_pendulum", t_end=1.5, save_every=7)["error of the angles to t = 1"] < 1e-5
    found = summary("double_pendulum", t_end=3.0)
    assert found["error of the angles to t = 1"] < 1e-5
    assert found["energy drift"] < 1e-4


def test_double_pendulum_is_chaotic():
    """Errors grow 10⁹ fold to t = 10; smaller ones stay small for longer, and the reference is sure of it."""
    coarse, fine = (summary("double_pendulum", dt=dt, save_every=s) for dt, s in ((1e-3, 10), (2.5e-4, 40)))
    assert coarse["growth rate of small errors"] == pytest.approx(2.0, abs=0.3)
    assert 5 < coarse["angles right to 0.01 until t ="] < fine["angles right to 0.01 until t ="] < 10
    assert fine["error of the reference at the end"] < 1e-3


def test_pendulum_swings_about_the_next_lowest_point():
    for angle in (4.0, -2.0, 7.0):
        found = summary("pendulum", angle=angle, dt=0.002)
        assert found["error of the angle"] < 1e-4
        assert found["period, measured"] == pytest.approx(found["period, exact"], rel=1e-5)


def test_kepler():
    found = summary("kepler", eccentricity=0.6)
    assert found["error of the position"] < 0.05
    # Verlet keeps it but for the rounding of 12 000 steps.
    assert found["drift of the angular momentum"] < 12_000 * 16 * np.finfo(float).eps
    assert summary("kepler", eccentricity=0.6, method="dop853")["error of the position"] < 1e-6


def test_kepler_at_high_eccentricity():
    """Kepler's equation is solved for every e < 1."""
    assert summary("kepler", eccentricity=0.999, t_end=10.0, method="dop853")["error of the position"] < 1e-5


def test_fput_shows_the_modes_that_move():
    model = models.load("fput")
    figure = model.run({**model.settings, "mode": 9, "t_end": 20.0}).figure()
    assert "mode 9" in [line.get_label() for line in figure.axes[0].lines]


def test_free_ring():
    """Without springs to the walls the centre of mass is a mode of frequency 0."""
    found = summary("coupled_oscillators", stiffness=0.0, dt=0.005)
    assert found["lowest frequency"] < 1e-6
    assert found["error of the positions"] < 1e-4


def test_fput():
    found = summary("fput", t_end=11000.0)
    assert found["recurrence, in periods"] == pytest.approx(154, abs=1.5)
    assert found["share that is back"] > 0.97


def test_toda():
    found = summary("toda")
    assert found["speed of the soliton, exact"] == pytest.approx(np.sinh(0.9) / 0.9, rel=1e-5)
    assert found["speed of the soliton"] == pytest.approx(np.sinh(0.9) / 0.9, rel=2e-5)
    # Measured: the error of the time steps is in it.
    coarse, fine = (summary("toda", dt=dt, save_every=1) for dt in (0.1, 0.05))
    errors = [abs(f["speed of the soliton"] - f["speed of the soliton, exact"]) for f in (coarse, fine)]
    assert errors[0] > 1e-4
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)
    assert found["error of the velocities"] < 1e-3
    assert found["drift of the Lax invariants"] < 1e-5


def test_coupled_oscillators():
    found = summary("coupled_oscillators", dt=0.005)
    assert found["error of the positions"] < 1e-4
    assert summary("coupled_oscillators", method="dop853")["error of the positions"] < 1e-7


def test_partial_result_of_a_failure():
    model = models.load("fput")
    with pytest.raises(DivergenceError) as caught:
        model.run({**model.settings, "amplitude": 30.0, "t_end": 100.0, "save_every": 1})
    assert caught.value.partial.dataset["x"].shape[0] > 1
