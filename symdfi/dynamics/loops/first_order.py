"""The implicit midpoint rule for systems of first order, F(q, q̇, t) = 0. Run from the kernel cache, not imported."""

import numpy as np

from symdfi.compile.source.runtime import jit

I, V, M, T = "int64[::1]", "float64[::1]", "float64[:, ::1]", "float64[:, :, ::1]"
KERNEL = f"FunctionType(void({I}, {I}, {V}, {V}, {V}, {V}, float64, {V}))"
SOLVE = f"FunctionType(void({I}, {I}, {V}, {V}, {V}, {V}, float64, float64, {V}))"
#: Newton's method has converged where increments of this part no longer fall: what is left is rounding.
ROUNDING = 1e-9


@jit(f"boolean({KERNEL}, {SOLVE}, {I}, {I}, {V}, {V}, {V}, {V}, float64, float64, float64, float64, int64, {V}, {V})")
def newton(forcing, solve, sizes, ints, q, v, params, row, time, h, part, tolerance, iterations, at, residual):
    """Solves F(q + part h v, v, time) = 0 for v in place; ``solve`` overwrites F with the Newton increment of h v."""
    last = np.inf
    for _ in range(iterations):
        for i in range(q.size):
            at[i] = q[i] + part * h * v[i]
        forcing(sizes, ints, at, v, params, row, time, residual)
        solve(sizes, ints, at, v, params, row, time, h, residual)
        if not np.isfinite(residual).all():
            return False
        size, change = 0.0, 0.0
        for i in range(q.size):
            v[i] -= residual[i] / h
            change = max(change, abs(residual[i]))
            size = max(size, abs(q[i]) + abs(h * v[i]))
        if change <= tolerance * size or (change <= ROUNDING * size and change >= 0.5 * last):
            return True
        last = change
    return False


@jit(
    f"int64({KERNEL}, {SOLVE}, {SOLVE}, {I}, {I}, {V}, {V}, {V}, {M}, "
    f"float64, int64, float64, {V}, int64, float64, int64, {M}, {M})"
)
def advance(
    forcing, solve, rates, sizes, ints, q, v, params, inputs, t, done, h, substeps, every, tolerance, iterations,
    out_q, out_v,
):  # fmt: skip
    """Steps of q in place from t + ``done`` h on, a row of ``out_q`` and ``out_v`` after every ``every`` of them.

    v is the last midpoint's velocity (the predictor of the next); the saved ones solve F(q, v, t) = 0, with ``rates``.
    Returns the number of steps done: fewer than asked for where Newton's method did not converge.
    """
    row = inputs[0]
    at, residual, saved = np.empty(q.size), np.empty(q.size), np.empty(q.size)
    for step in range(out_q.shape[0] * every):
        if inputs.shape[1] > 0:
            row = inputs[2 * step + 1]
        passed = 0.0
        for part in substeps:
            time = t + (done + step + passed + 0.5 * part) * h
            own = part * h
            if not newton(
                forcing, solve, sizes, ints, q, v, params, row, time, own, 0.5, tolerance, iterations, at, residual
            ):
                return step
            for i in range(q.size):
                q[i] += own * v[i]
            passed += part
        if (step + 1) % every == 0:
            if inputs.shape[1] > 0:
                row = inputs[2 * step + 2]
            time = t + (done + step + 1) * h
            saved[:] = v
            if not newton(
                forcing, rates, sizes, ints, q, saved, params, row, time, h, 0.0, tolerance, iterations, at, residual
            ):
                return step
            out_q[step // every] = q
            out_v[step // every] = saved
    return out_q.shape[0] * every


@jit(
    f"void(int64, int64, {KERNEL}, {SOLVE}, {SOLVE}, {I}, {I}, {M}, {M}, {M}, {M}, "
    f"float64, int64, float64, {V}, int64, float64, int64, {T}, {T}, int64, int64, {I})"
)
def over(
    start, stop, forcing, solve, rates, sizes, ints, q, v, params, inputs, t, done, h, substeps, every, tolerance,
    iterations, out_q, out_v, first, last, steps,
):  # fmt: skip
    """``advance`` for the members start..stop-1, into the rows first..last-1 of theirs; ``steps`` done by each."""
    for s in range(start, stop):
        own = params[s if params.shape[0] > 1 else 0]
        rows_q, rows_v = out_q[s, first:last], out_v[s, first:last]
        steps[s] = advance(
            forcing, solve, rates, sizes, ints, q[s], v[s], own, inputs, t, done, h, substeps, every, tolerance,
            iterations, rows_q, rows_v,
        )  # fmt: skip
