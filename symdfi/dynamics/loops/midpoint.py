"""The variational implicit midpoint rule for any Lagrangian. Run from the kernel cache, not imported."""

import numpy as np

from symdfi.compile.source.runtime import jit

I, V, M, T = "int64[::1]", "float64[::1]", "float64[:, ::1]", "float64[:, :, ::1]"
KERNEL = f"FunctionType(void({I}, {I}, {V}, {V}, {V}, {V}, float64, {V}))"
SOLVE = f"FunctionType(void({I}, {I}, {V}, {V}, {V}, {V}, float64, float64, {V}))"


@jit(
    f"int64({KERNEL}, {SOLVE}, {SOLVE}, {I}, {I}, {V}, {V}, {V}, {V}, {M}, "
    f"float64, int64, float64, {V}, int64, float64, int64, {M}, {M})"
)
def advance(
    terms,
    solve,
    legendre,
    sizes,
    ints,
    q,
    v,
    p,
    params,
    inputs,
    t,
    done,
    h,
    substeps,
    every,
    tolerance,
    iterations,
    out_q,
    out_v,
):
    """Steps of q and p in place, of ``substeps`` each, from t + ``done`` h on, a row of ``out_q`` and ``out_v`` after
    every ``every`` of them.

    v is the last midpoint velocity (the predictor of the next), not that of the saved state, which follows
    from p = ∂L/∂v(q, v) by Newton's method with ``legendre``.

    ``terms`` gives ∂L/∂v and ∂L/∂q + Q − ∂R/∂v one after the other; ``solve`` overwrites a residual with the
    Newton increment of the midpoint's displacement. Returns the number of steps done: fewer than
    asked for where Newton's method did not converge.
    """
    n = q.size
    row = inputs[0]
    middle, displacement = np.empty(n), np.empty(n)
    both, residual = np.empty(2 * n), np.empty(n)
    for step in range(out_q.shape[0] * every):
        if inputs.shape[1] > 0:
            row = inputs[2 * step + 1]
        passed = 0.0
        for part in substeps:
            time = t + (done + step + passed + 0.5 * part) * h
            own = part * h
            for i in range(n):
                displacement[i] = own * v[i]
            converged = False
            for _ in range(iterations):
                for i in range(n):
                    middle[i] = q[i] + 0.5 * displacement[i]
                    v[i] = displacement[i] / own
                terms(sizes, ints, middle, v, params, row, time, both)
                for i in range(n):
                    residual[i] = p[i] + 0.5 * own * both[n + i] - both[i]
                solve(sizes, ints, middle, v, params, row, time, own, residual)
                if not np.isfinite(residual).all():
                    return step
                size, change = 0.0, 0.0
                for i in range(n):
                    displacement[i] += residual[i]
                    change = max(change, abs(residual[i]))
                    size = max(size, abs(q[i]) + abs(displacement[i]))
                if change <= tolerance * size:
                    converged = True
                    break
            if not converged:
                return step
            for i in range(n):
                middle[i] = q[i] + 0.5 * displacement[i]
                v[i] = displacement[i] / own
            terms(sizes, ints, middle, v, params, row, time, both)
            for i in range(n):
                q[i] += displacement[i]
                p[i] = both[i] + 0.5 * own * both[n + i]
            passed += part
        if (step + 1) % every == 0:
            # The Legendre map at the saved state, started from the midpoint velocity.
            if inputs.shape[1] > 0:
                row = inputs[2 * step + 2]
            time = t + (done + step + 1) * h
            middle[:] = v
            converged = False
            for _ in range(iterations):
                terms(sizes, ints, q, middle, params, row, time, both)
                size, change = 0.0, 0.0
                for i in range(n):
                    residual[i] = p[i] - both[i]
                legendre(sizes, ints, q, middle, params, row, time, h, residual)
                if not np.isfinite(residual).all():
                    return step
                for i in range(n):
                    middle[i] += residual[i]
                    change = max(change, abs(residual[i]))
                    size = max(size, abs(middle[i]))
                if change <= 1e-13 * max(size, abs(h)):
                    converged = True
                    break
            if not converged:
                return step
            out_q[step // every] = q
            out_v[step // every] = middle
    return out_q.shape[0] * every


@jit(
    f"void(int64, int64, {KERNEL}, {SOLVE}, {SOLVE}, {I}, {I}, {M}, {M}, {M}, {M}, {M}, "
    f"float64, int64, float64, {V}, int64, float64, int64, {T}, {T}, int64, int64, {I})"
)
def over(
    start, stop, terms, solve, legendre, sizes, ints, q, v, p, params, inputs, t, done, h, substeps, every, tolerance,
    iterations, out_q, out_v, first, last, steps,
):  # fmt: skip
    """``advance`` for the members start..stop-1, into the rows first..last-1 of theirs; ``steps`` done by each."""
    for s in range(start, stop):
        own = params[s if params.shape[0] > 1 else 0]
        rows_q, rows_v = out_q[s, first:last], out_v[s, first:last]
        steps[s] = advance(
            terms, solve, legendre, sizes, ints, q[s], v[s], p[s], own, inputs, t, done, h, substeps, every, tolerance,
            iterations, rows_q, rows_v,
        )  # fmt: skip
