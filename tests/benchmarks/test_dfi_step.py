"""A whole DFI step with Cholesky against JAX and against the BLAS calls it cannot do without, on the same cores."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from scipy.linalg import get_blas_funcs, get_lapack_funcs
from threadpoolctl import ThreadpoolController

import symdfi as sd
from symdfi.dfi.defect import StepMeter
from symdfi.dfi.schemes import Motion, Step
from symdfi.dfi.steppers import Solves
from tests.benchmarks.test_jacobian import gaussian_problem, jax, jax_rows, jnp, mlp_problem

H, EPSILON = 1e-3, 1e-6
CASES = {
    "100 Gaussians, 2000 points": (lambda: gaussian_problem(100, 2000), "≤ 0.33", 31),
    "300 Gaussians, 4000 points": (lambda: gaussian_problem(300, 4000), "≤ 0.33", 15),
    "mlp 3 × 32, 4096 points": (lambda: mlp_problem(32, 3, 4096), "≤ 0.5", 7),
}
BLAS = ThreadpoolController().select(user_api="blas")


def stepping(p: sd.Problem, theta: np.ndarray):
    """A step as ``evolve`` makes it, BLAS on one thread, and what it gives."""
    stepper = sd.DFI(epsilon=EPSILON, scheme="euler", solver=sd.Cholesky())
    solves, motion = Solves(p), Motion(theta, np.zeros(theta.size))

    def step() -> Step:
        with BLAS.limit(limits=1):
            return stepper.step(solves, motion, 0.0, H)

    return step


@pytest.mark.parametrize("name", CASES)
def test_against_jax(table, name) -> None:
    make, target, rounds = CASES[name]
    p, theta, u = make()
    rows = jax_rows(u, p)

    @jax.jit
    def jax_step(theta, v):
        jacobian, f = rows(theta)
        gram = jacobian.T @ jacobian + EPSILON / H * jnp.eye(theta.size)
        factor = jax.scipy.linalg.cho_factor(gram)
        v = v + jax.scipy.linalg.cho_solve(factor, jacobian.T @ (f - jacobian @ v))
        return theta + H * v, v

    step = stepping(p, theta)
    on_device, velocity = jnp.array(theta), jnp.zeros(theta.size)
    np.testing.assert_allclose(step().motion.theta, np.asarray(jax_step(on_device, velocity)[0]), atol=1e-6)
    table.ratio(
        f"DFI step with Cholesky / JAX, {name}",
        step,
        lambda: jax.block_until_ready(jax_step(on_device, velocity)),
        target,
        rounds=rounds,
        apart=True,
    )


@pytest.mark.parametrize("name", CASES)
def test_against_its_blas_calls(table, name) -> None:
    """dsyrk and dpotrf on all cores, and the kernel that fills J; dsyrk of a J whose tails are zeros already, as
    products of them are subnormal numbers, which cost it ten times as much."""
    make, _, rounds = CASES[name]
    p, theta, _ = make()
    jacobian, _ = buffers = p.rows(theta, 0.0)
    (syrk,), (potrf,) = get_blas_funcs(("syrk",), (jacobian,)), get_lapack_funcs(("potrf",), (jacobian,))
    gram, plain = np.zeros((theta.size, theta.size), order="F"), np.where(np.abs(jacobian) < 1e-150, 0.0, jacobian)

    def least() -> None:
        p.rows(theta, 0.0, buffers)
        syrk(1.0, plain.T, beta=0.0, c=gram, lower=1, overwrite_c=1)
        np.einsum("ii->i", gram)[:] += EPSILON / H
        potrf(gram, lower=1, clean=0, overwrite_a=1)

    label = f"DFI step / (rows, dsyrk, dpotrf), {name}"
    table.ratio(label, stepping(p, theta), least, "≤ 1.5", rounds=rounds, apart=True)


@pytest.mark.parametrize("part", ["measuring a step", "residuals of a saved step", "rank and null share"])
def test_diagnostics(table, part) -> None:
    """What is measured of every step, and of a saved one, as a part of Euler's step, the cheapest there is."""
    p, theta, _ = gaussian_problem(100, 2000)
    step, meter = stepping(p, theta), StepMeter(p)
    taken = step()
    motion = Motion(theta, np.zeros(theta.size))
    spectrum = sd.Cholesky().solve(p.source(theta, 0.0), taken.velocity, EPSILON / H).spectrum
    steps = itertools.count()

    def measure() -> None:
        """As in a run, where a step begins at the time at which the last one ended."""
        k = next(steps)
        meter.measure(motion, taken.velocity, taken.motion, k * H, H, (k + 1) * H)

    parts = {
        "measuring a step": measure,
        "residuals of a saved step": lambda: [
            p.residual(theta, taken.velocity, 0.0, fresh=fresh) for fresh in (True, False)
        ],
        "rank and null share": lambda: [spectrum.effective_rank(), spectrum.undecided(theta)],
    }
    table.ratio(f"{part} / Euler step, 100 Gaussians, 2000 points", parts[part], step, "≤ 0.05", rounds=51)


def test_diagnostics_of_a_run(table) -> None:
    """By default: every step measured, the tenth saved with all that is measured of it."""
    p, theta, _ = gaussian_problem(100, 2000)
    still = np.zeros(theta.size)
    run = lambda every: sd.evolve(  # noqa: E731
        p, theta, (0, 10 * H), H, velocity0=still, save_every=10, measure_every=every
    )
    name = "run with all diagnostics / without, 100 Gaussians, 2000 points"
    table.ratio(name, lambda: run(1), lambda: run(10**6), "≤ 1.05", rounds=9)


def test_small_steps(table) -> None:
    """Euler steps a second of 12 parameters at 100 points by ``evolve``, all measured, every tenth saved."""
    p, theta, _ = gaussian_problem(4, 100)
    steps, stepper = 20_000, sd.DFI(epsilon=EPSILON, scheme="euler", solver=sd.Cholesky())
    still = np.zeros(theta.size)
    run = lambda: sd.evolve(  # noqa: E731
        p, theta, (0, steps * 1e-4), 1e-4, stepper, velocity0=still, save_every=10
    )
    assert len(run().step_t) == steps
    times = []
    for _ in range(15):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    table.figure("Euler steps of a run, p = 12, n = 100", f"{steps / np.median(times):.0f}", "≥ 40 000", "a second")
    table.benchmark.pedantic(run, rounds=3)
