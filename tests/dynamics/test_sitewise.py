"""Elimination in the loop over the sites: pivots where a block or the border needs them, and what is singular."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

EPS = np.finfo(float).eps
n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x, v = sd.coordinates("x", n)
b, w = sd.coordinates("b", (n, 3))
R, V = sd.coordinates("R")
Q, P = sd.coordinates("Q")
every = (i, 0, n - 1)


def solved(L, q, speeds, total, large=None):
    """The acceleration times M against the forcing, M from the momenta, which are linear in the velocities."""
    kernels, rng = sd.Lagrangian(L, q, speeds).compile(), np.random.default_rng(0)
    state, params = rng.uniform(-1, 1, (2, total)), ({"n": large} if large else {})
    found, forcing = kernels.acceleration(*state, params), kernels.forcing(*state, params)
    rest = kernels.momenta(state[0], np.zeros(total), params)
    product = kernels.momenta(state[0], found, params) - rest
    size = np.abs(forcing).max() + np.abs(found).max()
    np.testing.assert_allclose(product, forcing, atol=1e5 * EPS * size)


@pytest.mark.parametrize("size", [1, 7, 20_000])
def test_blocks_that_are_indefinite(size):
    block = w[i, 0] * w[i, 1] + w[i, 1] * w[i, 2] / 2 - w[i, 2] ** 2 + sp.cos(b[i, 0]) * w[i, 0] * w[i, 2] / 3
    solved(sp.Sum(block - b[i, 1] ** 2, every), b, w, 3 * size)


@pytest.mark.parametrize("size", [1, 7, 20_000])
def test_borders_of_two_that_need_rows_exchanged(size):
    """The border's own mass matrix has nothing on its diagonal."""
    coupled = sp.Sum(v[i] ** 2 / 2 + sp.sin(x[i]) * v[i] * V / 4 - x[i] ** 2, every)
    solved(coupled + n * V * P - Q**2 - R, [x, R, Q], [v, V, P], size + 2)


def test_a_border_on_a_singular_block():
    coupled = sp.Sum(i * v[i] ** 2 + v[i] * V - x[i] ** 2, every)
    solved(coupled - R, [x, R], [v, V], 7)


@pytest.mark.parametrize("size", [1, 7, 20_000])
def test_singular_matrices_are_refused(size):
    """What the border holds is a difference of numbers that cancel."""
    for L, q, speeds, total in (
        (sp.Sum((v[i] + V) ** 2 / 2 - x[i] ** 2, every) + R, [x, R], [v, V], size + 1),
        (sp.Sum((v[i] + sp.sin(x[i]) * V / 10) ** 2 / 3 - x[i] ** 2, every) + R, [x, R], [v, V], size + 1),
        (sp.Sum((w[i, 0] - w[i, 1]) ** 2 + w[i, 2] ** 2 + (w[i, 1] - w[i, 0]) * w[i, 2], every), b, w, 3 * size),
    ):
        kernels = sd.Lagrangian(L - 1, q, speeds).compile()
        with pytest.raises(sd.SingularMatrixError):
            kernels.acceleration(*np.random.default_rng(0).uniform(-1, 1, (2, total)))


def test_components_are_scalars_of_the_loop():
    """Nothing but the output is stored."""
    block = sum(w[i, k] ** 2 + w[i, k] * w[i, (k + 1) % 3] * sp.cos(b[i, k]) / 2 for k in range(3))
    source = sd.Lagrangian(sp.Sum(block, every), b, w).compile().acceleration_kernel.source
    fast = source[source.index("def kernel(") :]
    assert "np.empty" not in fast and fast.count("for ") == 1


@pytest.mark.parametrize("size", [1, 7, 20_000])
def test_columns_in_proportion_are_one(size):
    """The border's two columns are multiples of one: x[i] is summed and stored once."""
    coupled = sp.Sum(v[i] ** 2 / 2 + x[i] * v[i] * (sp.cos(R) * V - P * R / 3) / n, every)
    L, q, speeds = coupled + V**2 + P**2 - Q**2 - R**4, [x, R, Q], [v, V, P]
    solved(L, q, speeds, size + 2)
    source = sd.Lagrangian(L, q, speeds).compile().acceleration_kernel.source
    fast = source[source.rindex("def solve(") :]
    assert fast.count("moved[") == 1


@pytest.mark.parametrize("size", [1, 7, 20_000])
def test_forces_that_cancel_are_not_computed(size):
    """What the momentum V x gains as x moves is what the coupling V v x pulls with."""
    L = sp.Sum(v[i] ** 2 / 2 - V * v[i] * x[i] / 2 / n, every) + V**2 - R**2
    solved(L, [x, R], [v, V], size + 1)
    source = sd.Lagrangian(L, [x, R], [v, V]).compile().acceleration_kernel.source
    fast = source[source.rindex("def solve(") :]
    assert not any(line.strip().startswith("out[") and "-=" in line for line in fast.splitlines())


@pytest.mark.parametrize("size", [1, 7, 20_000])
def test_what_is_read_late_shares_the_nest_of_its_reader(size):
    """A block's inverse is computed with the solution, after the differences, whose ends are nests of their own."""
    y, u = sd.coordinates("y", n)
    chain = sp.Sum((x[i + 1] - x[i]) ** 2 + (y[i + 1] - y[i]) ** 2, (i, 0, n - 2))
    L = sp.Sum((v[i] ** 2 + u[i] ** 2) / 2 + sp.cos(i) * v[i] * u[i] / 2, every) - chain
    solved(L, [x, y], [v, u], 2 * size)
    source = sd.Lagrangian(L, [x, y], [v, u]).compile().acceleration_kernel.source
    fast = source[source.index("def kernel(") :]
    assert "np.empty" not in fast
