"""Euler steps without the interpreter against those of ``evolve``."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.dfi import small
from symdfi.dfi.schemes import Euler, Motion
from symdfi.dfi.small import euler, is_small
from symdfi.dfi.solution import _SCALARS
from symdfi.linalg import Cholesky

X = sp.Symbol("x")
u, w = (sp.Function(name)(sd.t, X) for name in "uw")
BOX, H, EPSILON = sd.Box([(-1, 1)]), 1e-3, 1e-6


def burgers(count=4, points=100):
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), 1e-2 * u.diff(X, 2) - u * u.diff(X) + sp.sin(sd.t)))
    problem = sd.Problem(pde, sd.gaussians([X], count), BOX, sd.Grid(points))
    rng = np.random.default_rng(0)
    return problem, np.concatenate([rng.normal(size=count), 2 + rng.random(count), np.linspace(-1, 1, count)])


def waves():
    pde = sd.EvolutionEquation([sp.Eq(u.diff(sd.t), w), sp.Eq(w.diff(sd.t), u.diff(X, 2))])
    problem = sd.Problem(pde, {u: sd.gaussians([X], 2), w: sd.gaussians([X], 3)}, BOX, sd.Grid(40))
    return problem, np.random.default_rng(1).normal(size=15)


@pytest.mark.parametrize("make", [burgers, waves])
@pytest.mark.parametrize("mu", [1.0, 0.9])
def test_the_same_bits_as_step_by_step(make, mu):
    problem, theta = make()
    v = np.random.default_rng(2).normal(size=theta.size)
    motion = Motion(theta, v)
    run = euler(problem, motion, 0.5, 20, H, EPSILON / H, mu=mu, save_every=3)
    assert run.done == 20
    thetas, velocities = [], []

    def field(at, time, anchor, *, span=1.0, fade=1.0):
        return Cholesky().solve(problem.source(at, time), anchor, EPSILON / H, mu=mu).v

    for step in range(20):
        taken = Euler().step(field, motion, 0.5 + step * H, H)
        moved, used = taken.motion, taken.velocity
        if step % 3 == 0:
            thetas.append(motion.theta)
            velocities.append(used)
        motion = moved
    np.testing.assert_array_equal(run.motion.theta, motion.theta)
    np.testing.assert_array_equal(run.motion.velocity, motion.velocity)
    np.testing.assert_array_equal(run.motion.previous, motion.previous)
    np.testing.assert_array_equal(run.theta, thetas)
    np.testing.assert_array_equal(run.velocity, velocities)


def test_measurements_are_those_of_evolve():
    problem, theta = burgers()
    v = np.zeros(theta.size)
    stepper = sd.DFI(epsilon=EPSILON, scheme=Euler(), solver=Cholesky())
    steps = {"velocity0": v, "save_every": 4, "on_step": lambda *_: None}
    solution = sd.evolve(problem, theta, (0, 30 * H), H, stepper, **steps)
    h = solution.dt
    run = euler(problem, Motion(theta, v), 0.0, 30, h, EPSILON / h, save_every=4)
    residual, defect = zip(*((e.residual, e.defect) for e in run.errors()), strict=True)
    assert all(e.fault is None for e in run.errors())
    # Of numbers that differ by the rounding of û.
    noise = 1e4 * np.finfo(float).eps * max(e.size for e in run.errors())
    np.testing.assert_allclose(residual, solution.dataset["step_residual"], rtol=1e-9, atol=noise)
    np.testing.assert_allclose(defect, solution.dataset["step_defect"], rtol=1e-9, atol=noise)
    for row, saved, used in zip(run.residuals, run.theta, run.velocity, strict=True):
        assert np.isfinite(row).all() and 0 < row[4] <= theta.size
        k = np.flatnonzero((solution.theta == saved).all(axis=1))[0]
        for fresh, own in ((False, row[:2]), (True, row[2:4])):
            np.testing.assert_allclose(own, problem.residual(saved, used, k * 4 * h, fresh=fresh), rtol=1e-10)
        last = Cholesky().solve(problem.source(saved, k * 4 * h), used, EPSILON / h)
        assert row[4] == pytest.approx(last.effective_rank, rel=1e-9)


def test_a_run_in_parts_is_the_run():
    problem, theta = burgers()
    motion = Motion(theta, np.ones(theta.size))
    whole = euler(problem, motion, 0.0, 17, H, EPSILON / H, save_every=5)
    saved = []
    for first, steps in ((0, 7), (7, 1), (8, 9)):
        part = euler(problem, motion, 0.0, steps, H, EPSILON / H, first=first, save_every=5)
        saved.append(part.theta)
        motion = part.motion
    np.testing.assert_array_equal(motion.theta, whole.motion.theta)
    np.testing.assert_array_equal(np.concatenate(saved), whole.theta)


def test_a_step_that_fails_is_where_it_stops():
    a = sp.Symbol("a")
    grow = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), 5 * u**2))
    problem = sd.Problem(grow, sd.Ansatz(a * sp.cos(X), [X], [a]), BOX, sd.Grid(20))
    motion = Motion(np.array([1.0]), np.array([4.0]))
    run = euler(problem, motion, 0.0, 10_000, 0.1, 1e-6)
    assert 0 < run.done < 10_000 and len(run.measured) == run.done
    assert np.isfinite(run.motion.theta).all()
    with pytest.raises(ValueError, match="is not finite|overflow"):
        v = Cholesky().solve(problem.source(run.motion.theta, 0.0), run.motion.velocity, 1e-6).v
        if not np.isfinite(run.motion.theta + 0.1 * v).all():
            raise ValueError("theta is not finite")
    # Without gamma two equal Gaussians are one too many.
    equal, theta = burgers(2)
    theta = np.repeat(theta.reshape(3, 2)[:, :1], 2, axis=1).ravel()
    assert euler(equal, Motion(theta, np.zeros(6)), 0.0, 3, H, 0.0).done == 0


def test_what_is_small():
    assert is_small(burgers()[0], 12)
    assert not is_small(burgers(4, 20_000)[0], 12)
    assert not is_small(burgers(40)[0], 120)


def test_what_the_loop_does_not_know_is_left_to_the_stepper():
    """Rows of boundary conditions, and integrals."""
    y, heat = sp.Symbol("y"), u.diff(X, 2)
    ends = [sd.BoundaryCondition(sp.Eq(u, 0))]
    mean = sp.Integral(u.subs(X, y), (y, -1, 1))
    for f, more in ((heat, {"boundary": ends}), (heat - mean, {})):
        pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), f))
        problem = sd.Problem(pde, sd.gaussians([X], 2), BOX, sd.Grid(40), **more)
        assert not is_small(problem, 6)
        theta = {"a": [1, 0.5], "w": [1.5, 2], "b": [-0.3, 0.4]}
        runs = [how(problem, theta, (0, 5 * H), H, EULER) for how in (sd.evolve, ordinary)]
        np.testing.assert_array_equal(runs[0].theta, runs[1].theta)


def test_a_theta_that_does_not_fit_is_refused():
    problem, theta = burgers()
    with pytest.raises(ValueError, match="theta has 11 entries"):
        euler(problem, Motion(theta[:11], theta[:11]), 0.0, 1, H, 1e-3)


def ordinary(*args, **more):
    """``evolve`` step by step, as where something is called after every step."""
    return sd.evolve(*args, on_step=lambda *_: None, **more)


EULER = sd.DFI(epsilon=EPSILON, scheme="euler", solver=Cholesky())


@pytest.mark.parametrize("make", [burgers, waves])
@pytest.mark.parametrize(
    "stepper",
    [EULER, sd.DFI(epsilon=1e-5, scheme="euler"), sd.DFI(epsilon=EPSILON, mu=0.9, scheme=Euler(), solver=Cholesky())],
    ids=["Cholesky", "Auto", "damped"],
)
def test_evolve_is_the_same_with_and_without_the_loop(make, stepper, monkeypatch):
    problem, theta = make()
    calls = []
    monkeypatch.setattr(small, "euler", lambda *args, **more: calls.append(1) or euler(*args, **more))
    run = lambda how: how(problem, theta, (0.2, 0.2 + 50 * H), H, stepper, save_every=7)  # noqa: E731
    fast, slow = run(sd.evolve), run(ordinary)
    assert len(calls) == 1
    for name in ("t", "theta", "velocity", "gamma", "step_t", "step_dt"):
        np.testing.assert_array_equal(getattr(fast, name), getattr(slow, name), err_msg=name)
    np.testing.assert_array_equal(fast.last.velocity, slow.last.velocity)
    assert fast.last.steps == slow.last.steps == 50
    size = np.abs(problem.weighted(theta)).max() + slow.rate.max()
    for name in (*_SCALARS, "step_residual", "step_defect", "error_bound"):
        found, known = getattr(fast, name), getattr(slow, name)
        np.testing.assert_allclose(found, known, rtol=1e-8, atol=1e5 * np.finfo(float).eps * size, err_msg=name)


def test_a_run_that_goes_on_is_the_same_too():
    problem, theta = burgers()
    first = sd.evolve(problem, theta, (0, 20 * H), H, EULER)
    whole = sd.evolve(problem, theta, (0, 40 * H), H, EULER)
    rest = sd.evolve(problem, first.last, (20 * H, 40 * H), H, EULER)
    np.testing.assert_allclose(rest.theta[-1], whole.theta[-1], rtol=1e-12)


def test_where_the_loop_stops_the_stepper_goes_on(monkeypatch):
    """Auto takes QR for a small γ, and no step is made twice."""
    problem, theta = burgers()
    stepper = sd.DFI(epsilon=1e-15, scheme="euler")
    runs = [how(problem, theta, (0, 10 * H), H, stepper) for how in (sd.evolve, ordinary)]
    np.testing.assert_array_equal(runs[0].theta, runs[1].theta)
    assert len(runs[0].t) == 11 and len(runs[0].step_t) == 10


@pytest.mark.parametrize("save_every", [1, 4])
def test_failures_are_those_of_the_stepper(save_every):
    a = sp.Symbol("a")
    grow = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), 5 * u**2))
    problem = sd.Problem(grow, sd.Ansatz(a * sp.cos(X), [X], [a]), BOX, sd.Grid(20))
    errors = []
    for how in (sd.evolve, ordinary):
        with pytest.raises(sd.DivergenceError) as raised:
            how(problem, [1.0], (0, 10), 0.1, EULER, save_every=save_every)
        errors.append(raised.value)
    fast, slow = errors
    assert str(fast) == str(slow) and fast.step == slow.step > 1
    for name in ("t", "theta", "velocity", "step_t"):
        np.testing.assert_array_equal(getattr(fast.partial, name), getattr(slow.partial, name))


def test_ctrl_c_keeps_whole_chunks(monkeypatch):
    problem, theta = burgers()
    monkeypatch.setattr(small, "_CHUNK", 10)
    calls = []

    def interrupted(*args, **more):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return euler(*args, **more)

    monkeypatch.setattr(small, "euler", interrupted)
    with pytest.raises(sd.Interrupted, match="interrupted after step 30 of 100") as raised:
        sd.evolve(problem, theta, (0, 100 * H), H, EULER, save_every=7)
    partial = raised.value.partial
    assert len(partial.step_t) == 30 and partial.t[-1] == pytest.approx(30 * H)
