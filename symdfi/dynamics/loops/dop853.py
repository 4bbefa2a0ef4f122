"""Steps of the Dormand–Prince method of order 8. Run from the kernel cache, after its tableau; not imported.

Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I, II.5 and II.6. The state is y = (q, v), its slope
(v, q̈); ``K`` holds the slopes of the stages.
"""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false

import numpy as np

from symdfi.compile.kernels import cache
from symdfi.compile.source.runtime import borrowing

I, V, M = "int64[::1]", "float64[::1]", "float64[:, ::1]"
KERNEL = f"FunctionType(void({I}, {I}, {V}, {V}, {V}, {V}, float64, {V}))"
STAGES, SLOPES = 12, 16

two_sum = cache.load_module("symdfi.dynamics.loops.compensated").two_sum


@borrowing(f"void({KERNEL}, {I}, {I}, {V}, {V}, {V}, float64, {V})")
def slope(acceleration, sizes, ints, y, params, row, t, out):
    n = y.size // 2
    for i in range(n):
        out[i] = y[n + i]
    acceleration(sizes, ints, y[:n], y[n:], params, row, t, out[n:])


@borrowing(f"float64({KERNEL}, {I}, {I}, {V}, {M}, float64, float64, {V}, {V}, {M}, {V}, {V}, {V}, {V}, {V})")
def attempt(acceleration, sizes, ints, params, inputs, t, h, y, low, K, ahead, rest, work, rtol, atol):
    """One step from y + ``low``, the slope of which is K[0], to ``ahead`` + ``rest``, the slope of which becomes K[12];
    its error. ``low`` and ``rest`` are what rounding takes off y and ``ahead``."""
    n = y.size
    for s in range(1, STAGES):
        combine(s, h, y, K, work)
        row = inputs[s if inputs.shape[0] > 1 else 0]
        slope(acceleration, sizes, ints, work, params, row, t + C[s] * h, K[s])
    increment(h, K, work)
    for i in range(n):
        ahead[i], rest[i] = two_sum(y[i], work[i] + low[i])
    slope(acceleration, sizes, ints, ahead, params, inputs[STAGES if inputs.shape[0] > 1 else 0], t + h, K[STAGES])
    three, five = 0.0, 0.0
    for i in range(n):
        low, high = estimates(K, i)
        scale = atol[i] + rtol[i] * max(abs(y[i]), abs(ahead[i]))
        three += (low / scale) ** 2
        five += (high / scale) ** 2
    if five == 0.0 and three == 0.0:
        return 0.0
    return abs(h) * five / np.sqrt((five + 0.01 * three) * n)


@borrowing(f"void({KERNEL}, {I}, {I}, {V}, {M}, float64, float64, {V}, {M}, {V}, {V}, {M})")
def interpolate(acceleration, sizes, ints, params, inputs, t, h, y, K, ahead, work, F):
    """The coefficients F of the dense output, of order 7 (II.6), by three more stages."""
    n = y.size
    for s in range(STAGES + 1, SLOPES):
        extra(s, h, y, K, work)
        row = inputs[s if inputs.shape[0] > 1 else 0]
        slope(acceleration, sizes, ints, work, params, row, t + C[s] * h, K[s])
    for i in range(n):
        change = ahead[i] - y[i]
        F[0, i] = change
        F[1, i] = h * K[0, i] - change
        F[2, i] = 2.0 * change - h * (K[STAGES, i] + K[0, i])
        F[3, i], F[4, i], F[5, i], F[6, i] = highest(h, K, i)
