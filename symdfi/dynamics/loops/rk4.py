"""The classical Runge–Kutta scheme for any acceleration kernel. Run from the kernel cache, not imported."""

import numpy as np

from symdfi.compile.source.runtime import jit

I, V, M, T = "int64[::1]", "float64[::1]", "float64[:, ::1]", "float64[:, :, ::1]"
KERNEL = f"FunctionType(void({I}, {I}, {V}, {V}, {V}, {V}, float64, {V}))"


@jit(f"void({KERNEL}, {I}, {I}, {V}, {V}, {V}, {M}, float64, int64, float64, int64, {M}, {M})")
def advance(acceleration, sizes, ints, q, v, params, inputs, t, done, h, every, out_q, out_v):
    """Steps in place from t + ``done`` h on, a row of ``out_q`` and ``out_v`` after every ``every`` of them.

    ``inputs`` is a row every half step.
    """
    n = q.size
    driven = inputs.shape[1] > 0
    row = inputs[0]
    slope_q, slope_v = np.empty(n), np.empty(n)
    stage_q, stage_v = np.empty(n), np.empty(n)
    sum_q, sum_v = np.empty(n), np.empty(n)
    for step in range(out_q.shape[0] * every):
        stage_q[:] = q
        stage_v[:] = v
        sum_q[:] = 0.0
        sum_v[:] = 0.0
        for stage in range(4):
            ahead = 0.0 if stage == 0 else (1.0 if stage == 3 else 0.5)
            weight = 1.0 / 6.0 if stage == 0 or stage == 3 else 1.0 / 3.0
            if stage > 0:
                for i in range(n):
                    stage_q[i] = q[i] + ahead * h * slope_q[i]
                    stage_v[i] = v[i] + ahead * h * slope_v[i]
            if driven:
                row = inputs[2 * step + int(2 * ahead)]
            slope_q[:] = stage_v
            acceleration(sizes, ints, stage_q, stage_v, params, row, t + (done + step + ahead) * h, slope_v)
            for i in range(n):
                sum_q[i] += weight * slope_q[i]
                sum_v[i] += weight * slope_v[i]
        for i in range(n):
            q[i] += h * sum_q[i]
            v[i] += h * sum_v[i]
        if (step + 1) % every == 0:
            out_q[step // every] = q
            out_v[step // every] = v


@jit(
    f"void(int64, int64, {KERNEL}, {I}, {I}, {M}, {M}, {M}, {M}, float64, int64, float64, int64, {T}, {T}, "
    "int64, int64)"
)
def over(start, stop, acceleration, sizes, ints, q, v, params, inputs, t, done, h, every, out_q, out_v, first, last):
    """``advance`` for the members start..stop-1, into the rows first..last-1 of theirs."""
    for s in range(start, stop):
        own = params[s if params.shape[0] > 1 else 0]
        rows_q, rows_v = out_q[s, first:last], out_v[s, first:last]
        advance(acceleration, sizes, ints, q[s], v[s], own, inputs, t, done, h, every, rows_q, rows_v)
