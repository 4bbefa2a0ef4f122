"""Solutions in files: equal when they are read again, and gone on with as if they had not stopped."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdfi as sd
from symdfi.dfi.schemes import Motion, Stage, Step
from symdfi.errors import CheckpointError

X, nu = sp.Symbol("x"), sp.Symbol("nu")
u = sp.Function("u")(sd.t, X)
PDE = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), nu * u.diff(X, 2) - u * u.diff(X) + sp.sin(sd.t) / 10))
THETA = {"a": [1.0, -0.5, 0.3], "w": [1.0, 1.5, 0.7], "b": [-1.0, 0.5, 1.5]}


def problem(quadrature=None, box=None):
    box = box or sd.Box([(-5, 5)])
    return sd.Problem(PDE, sd.gaussians([X], 3), box, quadrature or sd.Grid(120), params={nu: 0.02})


def again(solution, tmp_path):
    found = sd.load(solution.save(tmp_path / "run.nc"))
    assert found == solution and hash(found) == hash(solution) and found is not solution
    return found


@pytest.mark.parametrize(
    ("stepper", "more"),
    [
        (None, {}),
        (sd.DFI(epsilon=1e-5, scheme="euler", solver=sd.Cholesky()), {"save_every": 3}),
        (sd.DFI(gamma=1e-7, scheme="bdf2"), {"measure_every": 5, "initial": sp.exp(-(X**2))}),
        (sd.RSNG(5, sd.DFI(gamma=1e-6, scheme="euler")), {"save_every": 3, "measure_every": 4, "spectrum": True}),
    ],
)
def test_solutions_go_on_to_the_last_bit(tmp_path, stepper, more):
    p = problem()
    whole, half = (sd.evolve(p, THETA, (0.25, end), 1 / 32, stepper, **more) for end in (1.25, 0.75))
    found = again(half, tmp_path)
    assert found.resume(1.25) == whole and half.resume(1.0).resume(1.25) == whole
    np.testing.assert_array_equal(found.evaluate([0.3], [0.5, 0.6]), half.evaluate([0.3], [0.5, 0.6]))
    np.testing.assert_array_equal(found.error_bound, half.error_bound)


def test_samples_that_change_and_boundary_conditions(tmp_path):
    p = problem(sd.GaussianSamples(200, covariance=1.0), sd.Box([(-np.inf, np.inf)]))
    start = {**THETA, "a": [1.0, 0.5, 0.3]}
    whole, half = (sd.evolve(p, start, (0, end), 1 / 16) for end in (1.0, 0.5))
    assert again(half, tmp_path).resume(1.0) == whole
    held = sd.Problem(
        PDE, sd.mlp([X], [4]), sd.Box([(-1, 1)]), sd.GaussLegendre(20), {nu: 0.1}, boundary=sd.Dirichlet(0)
    )
    begin = held.ansatz.pack(held.ansatz.start(np.array([[-1.0, 1.0]]), np.random.default_rng(0)))
    whole, half = (sd.evolve(held, begin, (0, end), 1 / 32, sd.DFI(gamma=1e-6)) for end in (0.25, 0.125))
    found = again(half, tmp_path)
    assert found.resume(0.25) == whole and "u(t, x)" in found.dataset.attrs["boundary"]


def test_a_run_that_was_stopped_goes_on_to_where_it_was_to_end(tmp_path):
    p = problem()
    whole = sd.evolve(p, THETA, (0.25, 0.75), 1 / 32)
    stopped = sd.evolve(p, THETA, (0.25, 0.75), 1 / 32, on_step=lambda step, time, solution: step == 5)
    assert stopped.t[-1] < 0.5 and again(stopped, tmp_path).resume() == whole

    def interrupt(step, time, solution):
        if step == 7:
            raise KeyboardInterrupt

    with pytest.raises(sd.Interrupted) as caught:
        sd.evolve(p, THETA, (0.25, 0.75), 1 / 32, on_step=interrupt)
    assert caught.value.partial.resume() == whole
    with pytest.raises(ValueError, match=r"has come to its end, t = 0\.75: say how far"):
        whole.resume()
    with pytest.raises(ValueError, match="not beyond"):
        whole.resume(0.5)
    with pytest.raises(ValueError, match="do not end at t_end = 0.8"):
        whole.resume(0.8)


def test_two_legs_in_one_go_on(tmp_path):
    p = problem()
    first = sd.evolve(p, THETA, (0.25, 0.5), 1 / 32)
    both = first.then(sd.evolve(p, first.last, (0.5, 0.75), 1 / 64))
    found = again(both, tmp_path)
    assert found.resume(1.0) == both.resume(1.0) and len(found.resume(1.0).t) == 8 + 32 + 1


@dataclasses.dataclass(frozen=True)
class Ridge(sd.dfi.Stepper):
    """A stepper of a user's own."""

    gamma: float

    def velocity(self, solves, motion, time, h):
        solves.last = sd.QR().solve(solves.at(motion.theta, time), 0 * motion.theta, self.gamma)
        return solves.last.v

    def step(self, solves, motion, time, h):
        v = self.velocity(solves, motion, time, h)
        moved = Motion(motion.theta + h * v, v, motion.velocity)
        return Step(moved, v, (Stage(1.0, motion.theta, time, v),))


class Twice(sd.Grid):
    """A quadrature of a user's own."""


def test_what_no_file_can_hold_is_asked_for(tmp_path):
    own = problem(Twice(100))
    whole, half = (sd.evolve(own, THETA, (0.25, end), 1 / 32, Ridge(1e-6)) for end in (0.75, 0.5))
    found = sd.load(half.save(tmp_path / "run.nc"))
    np.testing.assert_array_equal(found.theta, half.theta)
    xr.testing.assert_identical(found.dataset, sd.results.load(tmp_path / "run.nc"))
    with pytest.raises(CheckpointError, match=r"the stepper was the Ridge Ridge\(gamma=1e-06\), .* give stepper="):
        found.resume(0.75)
    with pytest.raises(CheckpointError, match="not the DFI"):
        found.resume(0.75, stepper=sd.DFI())
    with pytest.raises(CheckpointError, match=r"could not hold the Problem, with the Twice .*: give problem="):
        found.resume(0.75, stepper=Ridge(1e-6))
    with pytest.raises(CheckpointError, match="the problem was"):
        found.resume(0.75, stepper=Ridge(1e-6), problem=problem(Twice(99)))
    assert found.resume(0.75, stepper=Ridge(1e-6), problem=own) == whole


def test_plain_xarray_keeps_every_variable(tmp_path):
    half = sd.evolve(problem(), THETA, (0.25, 0.5), 1 / 16, sd.DFI(gamma=1e-7)).described(
        {u: "m/s", X: "m"}, {"nu": "viscosity"}
    )
    with xr.open_dataset(half.save(tmp_path / "run.nc")) as data:
        assert {"theta", "velocity", "residual", "error_bound", "u", "nu"} <= set(data.data_vars)
        assert set(data.coords) == {"time", "x"} and data["u"].dims == ("time", "x")
        assert (data["u"].units, data["x"].units, data["nu"].long_name) == ("m/s", "m", "viscosity")
        assert (
            data["nu"] == 0.02
            and "gamma=1e-07" in data.attrs["stepper"]
            and data.attrs["quadrature"] == "Grid(size=120)"
        )
        assert data.attrs["dt"] == 1 / 16 and data.attrs["domain"] == "[-5, 5]" and data.attrs["seed"] == "none"
        assert data.attrs["date_created"] and data.attrs["numba_version"]


@pytest.mark.parametrize("scheme", ["rk43", "tr-bdf2"])
def test_steps_that_follow_their_errors_go_on(scheme, tmp_path):
    """What chooses the steps is part of the run, and of its file."""
    x = sp.Symbol("x")
    w = sp.Function("w")(sd.t, x)
    problem = sd.Problem(
        sd.EvolutionEquation(sp.Eq(w.diff(sd.t), -w.diff(x))), sd.gaussians([x], 2), sd.Box([(-8, 8)]), sd.Grid(60)
    )
    theta = [1.0, 0.5, 1.0, 0.8, -2.0, 1.0]
    whole, half = (
        sd.evolve(problem, theta, (0, end), 0.1, sd.dfi.Adaptive(sd.DFI(scheme=scheme), rtol=1e-5)) for end in (1, 0.5)
    )
    found = sd.load(half.save(tmp_path / "run.nc"))
    assert found == half and found.resume(1.0) == whole
