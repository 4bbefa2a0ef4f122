"""Newton matrices of F(q, q̇, t) = 0 by differences of the kernel that gives F, ``kernel_step``, where every coordinate
meets every other: they cost then what evaluating the entries would. Run from the kernel cache, not imported."""

import numpy as np

from symdfi.compile.source.runtime import jit
from symdfi.linalg.structured import load

solve_full = load("full").solve

I, V = "int64[::1]", "float64[::1]"
#: Singular values below this part of the largest are zero: along their directions nothing moves. 0 of a matrix that has
#: to be regular.
RTOL = 0.0
#: F is linear in the velocities, so that the step may be as large as this part of them.
LARGE = 1e-3
#: ... and of the coordinates the square root of a unit of rounding.
SMALL = 1.5e-8


@jit(f"void({I}, {I}, {V}, {V}, {V}, {V}, float64, float64, float64, {V})")
def solve_by(sizes, ints, q, v, params, inputs, t, h, part, out):
    """Overwrites ``out`` with the solution of (Ω/h + part ∂F/∂q) δ = out, Ω = ∂F/∂v, with RTOL the shortest
    one of least squares with Ω/h; NaN where F is not finite, and where the matrix is singular without RTOL."""
    n = q.size
    matrix, at_q, at_v = np.empty(n * n), q.copy(), v.copy()
    here, there = np.empty(n), np.empty(n)
    kernel_step(sizes, ints, q, v, params, inputs, t, here)  # noqa: F821  # pyright: ignore[reportUndefinedVariable]
    speed, size = 0.0, 0.0
    for i in range(n):
        speed, size = max(speed, abs(v[i])), max(size, abs(q[i]))
    far, near = LARGE * (speed + 1.0), SMALL * (size + 1.0)
    for j in range(n):
        at_v[j] += far
        kernel_step(sizes, ints, q, at_v, params, inputs, t, there)  # noqa: F821  # pyright: ignore[reportUndefinedVariable]
        at_v[j] = v[j]
        for i in range(n):
            matrix[i * n + j] = (there[i] - here[i]) / (far * h)
        # Differences by q are too inexact to tell which singular values are zero: with RTOL it goes by Ω alone.
        if part != 0.0 and RTOL == 0.0:
            at_q[j] += near
            kernel_step(sizes, ints, at_q, v, params, inputs, t, there)  # noqa: F821  # pyright: ignore[reportUndefinedVariable]
            at_q[j] = q[j]
            for i in range(n):
                matrix[i * n + j] += part * (there[i] - here[i]) / near
    if not np.isfinite(matrix).all():
        out[:] = np.nan
        return
    if RTOL > 0.0:
        left, values, right = np.linalg.svd(matrix.reshape(n, n))
        parts = left.T @ out
        for k in range(n):
            parts[k] = parts[k] / values[k] if values[k] > RTOL * values[0] else 0.0
        out[:] = right.T @ parts
        return
    solve_full(n, False, matrix, out)


@jit(f"void({I}, {I}, {V}, {V}, {V}, {V}, float64, float64, {V})")
def implicit(sizes, ints, q, v, params, inputs, t, h, out):
    """As ``Kernels.implicit_kernel``."""
    solve_by(sizes, ints, q, v, params, inputs, t, h, 0.5, out)


@jit(f"void({I}, {I}, {V}, {V}, {V}, {V}, float64, float64, {V})")
def rates(sizes, ints, q, v, params, inputs, t, h, out):
    """As ``Kernels.rates_kernel``."""
    solve_by(sizes, ints, q, v, params, inputs, t, h, 0.0, out)
