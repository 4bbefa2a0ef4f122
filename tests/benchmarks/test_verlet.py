"""A Störmer–Verlet step of the FPUT chain against the loop one would write by hand."""

from __future__ import annotations

import numba
import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.kernels import cache
from symdfi.compile.source import runtime


@numba.njit(fastmath=runtime.FASTMATH, error_model="numpy")
def by_hand(q, v, alpha, h, steps, a):
    n = q.size
    for _ in range(steps):
        for i in range(n):
            v[i] += 0.5 * h * a[i]
            q[i] += h * v[i]
        d = q[1] - q[0]
        a[0] = d + alpha * d * d
        for i in range(1, n - 1):
            right, left = q[i + 1] - q[i], q[i] - q[i - 1]
            a[i] = right - left + alpha * (right * right - left * left)
        d = q[n - 1] - q[n - 2]
        a[n - 1] = -(d + alpha * d * d)
        for i in range(n):
            v[i] += 0.5 * h * a[i]


@pytest.mark.parametrize("n", [64, 4096])
def test_fput_step(table, n) -> None:
    size, i, alpha = sp.Symbol("n"), sp.Symbol("i", integer=True), sp.Symbol("alpha")
    x, v = sd.coordinates("x", size)
    stretch = x[i + 1] - x[i]
    potential = sp.Sum(stretch**2 / 2 + alpha * stretch**3 / 3, (i, 0, size - 2))
    system = sd.Lagrangian(sp.Sum(v[i] ** 2 / 2, (i, 0, size - 1)) - potential, x, v)
    compiled = system.compile().acceleration_kernel
    kernel = compiled.function
    advance = cache.load_around("symdfi.dynamics.loops.verlet", compiled.source, compiled.entry).advance
    steps, h = 20_000 * 64 // n, 1e-3
    q0 = np.sin(np.pi * np.arange(n) / n)
    sizes, ints, params, inputs = np.array([n]), np.empty(0, np.int64), np.array([0.25]), np.empty((1, 0))
    start = np.empty(n)
    kernel(sizes, ints, q0, 0 * q0, params, inputs[0], 0.0, start)
    rows_q, rows_v = np.empty((1, n)), np.empty((1, n))

    def ours() -> None:
        advance(sizes, ints, q0.copy(), 0 * q0, params, inputs, 0.0, 0, h, steps, start.copy(), rows_q, rows_v)

    def hand() -> np.ndarray:
        q = q0.copy()
        by_hand(q, 0 * q0, 0.25, h, steps, start.copy())
        return q

    ours()
    np.testing.assert_allclose(rows_q[0], hand(), atol=1e-11)
    table.ratio(f"FPUT Verlet step / hand-written loop, n = {n}", ours, hand, "≤ 1.1", rounds=31)
