"""Störmer–Verlet around one acceleration kernel, ``kernel_step``. Run from the kernel cache, not imported."""

import numpy as np

from symdfi.compile.source.runtime import allocating, jit

I, V, M, T = "int64[::1]", "float64[::1]", "float64[:, ::1]", "float64[:, :, ::1]"


@allocating(f"void({I}, {I}, {V}, {V}, {V}, {M}, float64, int64, float64, int64, {V}, {M}, {M})")
def advance(sizes, ints, q, v, params, inputs, t, done, h, every, a, out_q, out_v):
    """Kick-drift-kick steps in place from t + ``done`` h on; a row of ``out_q`` and ``out_v`` after every ``every``.

    Between two saves the half kicks of two steps are merged into one. ``a`` holds the acceleration at the
    start and at the end; ``inputs`` is a row every half step.
    """
    n = q.size
    driven = inputs.shape[1] > 0
    row = inputs[0]
    step = 0
    for save in range(out_q.shape[0]):
        for i in range(n):
            v[np.uint64(i)] += 0.5 * h * a[np.uint64(i)]
            q[np.uint64(i)] += h * v[np.uint64(i)]
        for inner in range(every):
            step += 1
            if driven:
                row = inputs[2 * step]
            kernel_step(sizes, ints, q, v, params, row, t + (done + step) * h, a)  # noqa: F821  # pyright: ignore[reportUndefinedVariable]
            if inner < every - 1:
                # The half kicks of two steps and the drift between them, in one pass.
                for i in range(n):
                    v[np.uint64(i)] += h * a[np.uint64(i)]
                    q[np.uint64(i)] += h * v[np.uint64(i)]
        for i in range(n):
            v[np.uint64(i)] += 0.5 * h * a[np.uint64(i)]
        out_q[save] = q
        out_v[save] = v


@jit(f"void(int64, int64, {I}, {I}, {M}, {M}, {M}, {M}, float64, int64, float64, int64, {M}, {T}, {T}, int64, int64)")
def over(start, stop, sizes, ints, q, v, params, inputs, t, done, h, every, a, out_q, out_v, first, last):
    """``advance`` for the members start..stop-1, into the rows first..last-1 of theirs."""
    for s in range(start, stop):
        own = params[s if params.shape[0] > 1 else 0]
        rows_q, rows_v = out_q[s, first:last], out_v[s, first:last]
        advance(sizes, ints, q[s], v[s], own, inputs, t, done, h, every, a[s], rows_q, rows_v)
