"""The energy of systems that do not keep it, and the work that changes it."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.plotting import plot_modes, plot_space_time, plot_trajectory

q, v = sd.coordinates("q")
f = sp.Symbol("f")
n, i = sp.Symbol("n", integer=True, positive=True), sp.Symbol("i", integer=True)
x, w = sd.coordinates("x", n)
DAMPED = sd.Lagrangian(v**2 / 2 - q**2 / 2, q, v, dissipation=v**2 / 10)
CHAIN = sd.Lagrangian(
    sp.Sum(w[i] ** 2 / 2 - x[i] ** 2 / 2, (i, 0, n - 1)), x, w, dissipation=sp.Sum(w[i] ** 2, (i, 0, n - 1)) / 20,
    forces={x[i]: sp.cos(sd.t) * (i + 1)},
)  # fmt: skip
ENDS = {"dt": None, "method": "dop853", "t_eval": np.linspace(0, 5, 201)}


def test_damping():
    motion = sd.integrate(DAMPED, 1.0, 0.0, (0, 5), **ENDS)
    assert motion.work[0] == 0 and (np.diff(motion.work) <= 0).all()
    assert motion.energy_balance < 1e-9
    # Of Verlet's like in the steps' second order: what is left is the method's error, no more.
    coarse, fine = (sd.integrate(DAMPED, 1.0, 0.0, (0, 5), dt, method="midpoint").energy_balance for dt in (0.02, 0.01))
    assert fine < 1e-4 and coarse / fine == pytest.approx(4, rel=0.05)
    assert sd.integrate(DAMPED, 1.0, 0.0, (0, -5), 0.01, method="rk4").energy_balance < 1e-8


def test_forces_inputs_and_time():
    driven = sd.integrate(CHAIN, [1.0, 0.0, 0.5], [0.0] * 3, (0, 5), **ENDS)
    assert driven.energy_balance < 1e-9 and driven.work.max() > 1
    moved = sd.Lagrangian(v**2 / 2 - (1 + sp.sin(sd.t) / 2) * q**2 / 2, q, v)
    assert sd.integrate(moved, 1.0, 0.0, (0, 5), **ENDS).energy_balance < 1e-9
    pushed = sd.Lagrangian(v**2 / 2 - q**2 / 2 + f * q, q, v, inputs=[f])
    motion = sd.integrate(pushed, 1.0, 0.0, (0, 5), inputs={f: lambda time: np.sin(3 * time)}, **ENDS)
    assert motion.energy_balance < 1e-8


def test_ensembles_and_files(tmp_path):
    starts = np.array([[1.0], [0.0], [-2.0]])
    motion = sd.integrate(DAMPED, starts, 0 * starts, (0, 5), **ENDS)
    assert motion.work.shape == (3, 201) and (motion.energy_balance < 1e-9).all()
    assert motion.energy_balance[1] == 0
    data = sd.load(motion.save(tmp_path / "run.nc")).dataset
    np.testing.assert_array_equal(data["work"], motion.work)
    assert data["work"].dims == ("member", "time") and data["work"].role == "work"
    kept = sd.integrate(sd.Lagrangian(v**2 / 2 - q**2 / 2, q, v), 1.0, 0.0, (0, 1), 0.1)
    assert "work" not in kept.dataset and np.abs(kept.work).max() == 0


def test_where_the_work_is_not_known(tmp_path):
    (p, pdot), (r, rdot) = sd.coordinates("p"), sd.coordinates("r")
    moving = sd.Lagrangian(pdot**2 / 2 + rdot**2 / 2, [p, r], [pdot, rdot], constraints=[p - sp.sin(sd.t)])
    motion = sd.integrate(moving, [0.0, 0.0], [1.0, 1.0], (0, 1), 0.1, method="rk4")
    assert motion.work is None and np.isnan(motion.energy_balance) and "work" not in motion.dataset
    work, wdot = sd.coordinates("work")
    named = sd.integrate(
        sd.Lagrangian(wdot**2 / 2 - work**2 / 2, work, wdot, dissipation=wdot**2), 1.0, 0.0, (0, 1), 0.1, method="rk4"
    )
    assert named.dataset["work_"].symbol == "work" and named.dataset["work"].role == "work"
    assert sd.load(named.save(tmp_path / "run.nc")) == named


def test_pictures():
    motion = sd.integrate(DAMPED, 1.0, 0.0, (0, 5), 0.01, method="rk4")
    titles = [axis.get_title() for axis in plot_trajectory(motion.dataset).axes]
    assert titles == ["motion", "phase plane", "energy, and the work done", "error of the balance"]
    assert [axis.get_title() for axis in plot_trajectory(motion.dataset.drop_vars("work")).axes][-1] == (
        "energy, which is not conserved"
    )
    chain = sd.integrate(CHAIN, np.ones(9), np.zeros(9), (0, 5), **ENDS)
    of = {"conserved": False, "work": chain.work}
    for figure in (
        plot_space_time(chain.t, chain.v, chain.energy, "velocities", **of),
        plot_modes(chain.t, np.abs(chain.q[:, :2]), [1, 2], chain.energy, "modes", **of),
    ):
        assert [axis.get_title() for axis in figure.axes if axis.get_title()][-1] == "error of the balance"
