"""Jacobian and right-hand side of an ansatz against JAX on the same cores in float64."""

from __future__ import annotations

import time

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

jax = pytest.importorskip("jax")
jnp = jax.numpy
jax.config.update("jax_enable_x64", True)

X = sp.Symbol("x")
U = sp.Function("u")(sd.t, X)
NU = 1e-3
BURGERS = sd.EvolutionEquation(sp.Eq(U.diff(sd.t), NU * U.diff(X, 2) - U * U.diff(X)))


def problem(ansatz: sd.Ansatz, points: int) -> sd.Problem:
    return sd.Problem(BURGERS, ansatz, sd.Box([(-1, 1)]), sd.Grid(points), boundary="in the ansatz")


def gaussian_problem(count: int = 100, points: int = 2000):
    p = problem(sd.gaussians([X], count), points)
    generator = np.random.default_rng(0)
    theta = np.concatenate([generator.normal(size=count), 20 + generator.random(count), np.linspace(-1, 1, count)])

    def u(theta, x):
        a, w, b = jnp.split(theta, 3)
        return jnp.sum(a * jnp.exp(-((w * (x - b)) ** 2)))

    return p, theta, u


def mlp_problem(width: int = 32, depth: int = 3, points: int = 4096):
    ansatz = sd.mlp([X], [width] * depth)
    p = problem(ansatz, points)
    theta = 0.5 * np.random.default_rng(0).normal(size=int(ansatz.count))

    def u(theta, x):
        h, at = jnp.tanh(theta[:width] * x + theta[width : 2 * width]), 2 * width
        for _ in range(depth - 1):
            weights = theta[at : at + width**2].reshape(width, width)
            at += width**2
            h = jnp.tanh(weights @ h + theta[at : at + width])
            at += width
        return theta[at : at + width] @ h + theta[at + width]

    return p, theta, u


def jax_rows(u, p: sd.Problem):
    def f(theta, x):
        u_x = jax.grad(u, 1)
        return NU * jax.grad(u_x, 1)(theta, x) - u(theta, x) * u_x(theta, x)

    x, root = jnp.array(p.points[:, 0]), jnp.sqrt(jnp.array(p.weights))

    def rows(theta):
        jacobian = jax.vmap(jax.grad(u), (None, 0))(theta, x) * root[:, None]
        return jacobian, jax.vmap(f, (None, 0))(theta, x) * root

    return rows


@pytest.mark.parametrize(
    ("name", "make", "target"),
    [
        ("100 Gaussians, 2000 points", gaussian_problem, "≤ 0.25"),
        ("mlp 3 × 32, 4096 points", mlp_problem, "< 1"),
    ],
)
def test_rows(table, name, make, target) -> None:
    p, theta, u = make()
    rows = jax.jit(jax_rows(u, p))
    on_device = jnp.array(theta)
    buffers = p.rows(theta, 0.0)
    for ours, theirs in zip(buffers, rows(on_device), strict=True):
        np.testing.assert_allclose(ours, np.asarray(theirs), atol=1e-12 * np.max(np.abs(ours)))
    table.ratio(
        f"J and f / JAX, {name}",
        lambda: p.rows(theta, 0.0, buffers),
        lambda: jax.block_until_ready(rows(on_device)),
        target,
        rounds=31,
        scale=5,  # XLA's threads spin for a while after a call, on the cores that the next one wants
    )


def test_jacobian_row_against_evaluation(table) -> None:
    """Per sample and thread, in blocks that fit the cache, as a streaming solver takes them."""
    p, theta, _ = mlp_problem()
    block = 64
    values = p.ansatz.size_values(theta.size)
    sizes, root = np.array([values[s] for s in p.ansatz.sizes], dtype=np.int64), np.ones((block, 1))
    points = np.ascontiguousarray(p.points[:block])
    jacobian, value = np.empty((block, theta.size)), np.empty((block, 1))
    alone = np.empty((block, 1))

    def row() -> None:
        p.kernels.fit.function(0, block, sizes, points, root, theta, p.params, 0.0, jacobian, value)

    def evaluate() -> None:
        p.kernels.value.function(0, block, sizes, points, root, theta, p.params, 0.0, alone)

    row()
    evaluate()
    np.testing.assert_allclose(value, alone, rtol=1e-12)
    step = 1e-6 * np.random.default_rng(1).normal(size=theta.size)
    change = p.evaluate(theta + step, points) - p.evaluate(theta - step, points)
    np.testing.assert_allclose(2 * jacobian @ step, change, atol=1e-6 * np.max(np.abs(change)))
    table.ratio(
        "mlp 3 × 32: Jacobian row / evaluation",
        row,
        evaluate,
        "≤ 4",
        rounds=51,
        scale=20,
    )


def test_peak_rate(table) -> None:
    """For scale: nanoseconds a point and Gaussian."""
    p, theta, _ = gaussian_problem()
    buffers = p.rows(theta, 0.0)
    times = []
    for _ in range(31):
        begin = time.perf_counter()
        p.rows(theta, 0.0, buffers)
        times.append(time.perf_counter() - begin)
    nanoseconds = np.median(times) / (2000 * 100) * 1e9
    table.figure("J and f, 100 Gaussians", f"{nanoseconds:.2f} ns", "", "a point and Gaussian")
    table.benchmark.pedantic(lambda: p.rows(theta, 0.0, buffers), rounds=3)
