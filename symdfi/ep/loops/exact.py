"""Leapfrog in whole numbers. Run from the kernel cache, not imported."""

import numpy as np

from symdfi.compile.source.runtime import jit

I, V, M = "int64[::1]", "float64[::1]", "float64[:, ::1]"
SLOPE = f"FunctionType(void(int64, int64, {I}, {I}, {M}, {M}, {V}, {M}, {M}, {M}))"
#: Beyond, a float has no whole number of 64 bits with room for a sum.
LARGEST = 2.0**61


@jit(f"boolean({V}, float64, int64, {I})")
def add(change, unit, sign, total):
    """``total`` and ``sign`` times ``change`` rounded to whole units; False where that has no room."""
    for i in range(change.size):
        units = np.rint(change[i] / unit)
        if not abs(units) < LARGEST:
            return False
        total[i] += sign * np.int64(units)
        if not abs(float(total[i])) < LARGEST:
            return False
    return True


@jit(
    f"int64({SLOPE}, {I}, {I}, {V}, {M}, {M}, {M}, {M}, float64, float64, float64, int64, {I}, {I}, {M})",
)
def leap(slope, sizes, ints, params, signals, times, source, inverse, h, unit_q, unit_p, sign, q, p, path):
    """Half a kick, a drift, half a kick, for every interval: forward in time for ``sign`` = 1, else backward, by the
    same roundings. ``q`` and ``p`` are moved along, ``path`` is filled from the row that they start in. Signals, times
    and ``source``, a part of G and P, have two rows an interval. Returns the number of intervals done."""
    steps, d = path.shape[0] - 1, path.shape[1]
    at, still, both, change = np.zeros((1, d)), np.zeros((1, d)), np.empty((1, 2 * d)), np.empty(d)
    for i in range(d):
        path[0 if sign > 0 else steps, i] = q[i] * unit_q
    for n in range(steps):
        k = n if sign > 0 else steps - 1 - n
        for half in range(2):
            row = 2 * k + (half if sign > 0 else 1 - half)
            for i in range(d):
                at[0, i] = q[i] * unit_q
            slope(0, 1, sizes, ints, at, still, params, signals[row : row + 1], times[row : row + 1], both)
            for i in range(d):
                change[i] = 0.5 * h * (both[0, i] + source[row, i])
            if not add(change, unit_p, sign, p):
                return n
            if half == 0:
                for i in range(d):
                    total = 0.0
                    for j in range(d):
                        extra = 0.5 * (source[2 * k, d + j] + source[2 * k + 1, d + j])
                        total += inverse[i, j] * (p[j] * unit_p - extra)
                    change[i] = h * total
                if not add(change, unit_q, sign, q):
                    return n
        for i in range(d):
            path[k + 1 if sign > 0 else k, i] = q[i] * unit_q
    return steps
