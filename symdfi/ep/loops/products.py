"""Products with the linearised equations of a path, interval by interval. Run from the kernel cache, not imported."""

import numpy as np

from symdfi.compile.source.runtime import jit

I, V, M = "int64[::1]", "float64[::1]", "float64[:, ::1]"
PUSH = f"FunctionType(void(int64, int64, {I}, {I}, {M}, {M}, {V}, {M}, {M}, {M}, {M}))"


@jit(f"void(int64, int64, {PUSH}, {I}, {I}, {V}, {M}, {M}, {M}, {M}, {V}, float64, {M}, {M}, {M}, {M}, boolean[::1])")
def multiply(
    start, stop, push, sizes, ints, params, signals, times, values, slopes, weights, h, path, along, total, carried,
    marked,
):  # fmt: skip
    """``total`` at the nodes of the intervals from ``start`` to ``stop``, but for the last, whose share is in
    ``carried``, where that is ``marked``: what the equations of each change by where the path moves ``along``.

    ``push`` makes of a direction (λ, μ) of (q, v) what goes with q and what goes with v."""
    count, m, d = values.shape[0], values.shape[1] - 1, path.shape[1]
    q, v = np.empty((count, d)), np.empty((count, d))
    direction, rows, carry = np.empty((count, 2 * d)), np.empty((count, 2 * d)), np.zeros(d)
    for k in range(start, stop):
        first = k * m
        for s in range(count):
            for i in range(d):
                q[s, i], v[s, i], direction[s, i], direction[s, d + i] = 0.0, 0.0, 0.0, 0.0
            for a in range(m + 1):
                f, g = values[s, a], slopes[s, a] / h
                if f != 0.0:
                    for i in range(d):
                        q[s, i] += f * path[first + a, i]
                        direction[s, i] += f * along[first + a, i]
                if g != 0.0:
                    for i in range(d):
                        v[s, i] += g * path[first + a, i]
                        direction[s, d + i] += g * along[first + a, i]
        at = slice(k * count, (k + 1) * count)
        push(0, count, sizes, ints, q, v, params, signals[at], times[at], direction, rows)
        for i in range(d):
            total[first, i] = carry[i]
            carry[i] = 0.0
        for s in range(count):
            for a in range(m + 1):
                f, g = h * weights[s] * values[s, a], weights[s] * slopes[s, a]
                if f == 0.0 and g == 0.0:
                    continue
                if a < m:
                    for i in range(d):
                        total[first + a, i] += f * rows[s, i] + g * rows[s, d + i]
                else:
                    for i in range(d):
                        carry[i] += f * rows[s, i] + g * rows[s, d + i]
    if stop > start:
        marked[stop] = True
        for i in range(d):
            carried[stop, i] = carry[i]
