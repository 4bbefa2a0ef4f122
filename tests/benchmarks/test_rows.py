"""One call of a large system: its rows on all cores against the same kernel on one."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

n, m = sp.symbols("n m", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)
alpha = sp.Symbol("alpha", positive=True)


def chain():
    x, v = sd.coordinates("x", n)
    stretch = x[i + 1] - x[i]
    potential = sp.Sum(stretch**2 / 2 + alpha * stretch**3 / 3, (i, 0, n - 2))
    return sd.Lagrangian(sp.Sum(v[i] ** 2 / 2, (i, 0, n - 1)) - potential, x, v), (1_000_000,), {}


def lattice():
    p, v = sd.coordinates("p", (n, m))
    across, along = p[sp.Mod(i + 1, n), j] - p[i, j], p[i, sp.Mod(j + 1, m)] - p[i, j]
    sites = (j, 0, m - 1), (i, 0, n - 1)
    potential = sp.Sum(across**2 / 2 + along**2 / 2 + alpha * p[i, j] ** 4 / 4, *sites)
    return sd.Lagrangian(sp.Sum(v[i, j] ** 2 / 2, *sites) - potential, p, v), (1000, 1000), {n: 1000, m: 1000}


def pairs():
    x, v = sd.coordinates("x", (n, 3))
    square = sp.Sum((x[i, k] - x[j, k]) ** 2, (k, 0, 2))
    potential = -sp.Sum(1 / sp.sqrt(square + alpha), (j, 0, i - 1), (i, 0, n - 1))
    return sd.Lagrangian(sp.Sum(v[i, k] ** 2 / 2, (k, 0, 2), (i, 0, n - 1)) - potential, x, v), (3000, 3), {}


@pytest.mark.parametrize("make", [chain, lattice, pairs], ids=lambda make: make.__name__)
def test_force(table, make) -> None:
    system, shape, sizes = make()
    kernels = system.compile()
    q = np.random.default_rng(0).normal(size=shape).ravel()
    order, ints, packed = kernels.pack({alpha: 0.25, **sizes}, q.size)
    kernel, still, none = kernels.acceleration_kernel, 0 * q, np.empty(0)
    one, all_cores = kernel.function, kernel.at(order)
    assert all_cores is not one
    first, second = np.empty_like(q), np.empty_like(q)
    one(order, ints, q, still, packed, none, 0.0, first)
    all_cores(order, ints, q, still, packed, none, 0.0, second)
    assert first.tobytes() == second.tobytes()
    table.ratio(
        f"force of a {make.__name__}, {' x '.join(map(str, shape))}, on all cores / on one",
        lambda: all_cores(order, ints, q, still, packed, none, 0.0, second),
        lambda: one(order, ints, q, still, packed, none, 0.0, first),
        "≤ 0.65 on two", rounds=61,
    )  # fmt: skip
