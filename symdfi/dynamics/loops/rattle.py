"""RATTLE for any constrained kernels (Andersen, J. Comput. Phys. 52, 1983). Run from the kernel cache, not imported.

v' = v + h/2 a,      M a = F(q) + G(q)ᵀλ,  λ such that φ(q + h v') = 0,
v₁ = v' + h/2 a₁,    M a₁ = F(q₁) + G(q₁)ᵀμ,  μ such that dφ/dt(q₁, v₁) = 0.
"""

import numpy as np

from symdfi.compile.kernels import cache
from symdfi.compile.source.runtime import jit
from symdfi.linalg import saddle

I, V, M, T = "int64[::1]", "float64[::1]", "float64[:, ::1]", "float64[:, :, ::1]"
FILL = f"FunctionType(void({I}, {I}, {V}, {V}, {V}, {V}, float64, {V}, {V}, {V}))"
#: The most Newton steps.
STEPS = 60

saddle_solve, saddle_reach = saddle.load().solve, saddle.load().reach
_levels = cache.load_module("symdfi.dynamics.loops.levels")
relative, hold = _levels.relative, _levels.hold


@jit(f"int64({FILL}, {FILL}, {I}, {I}, {V}, {V}, {V}, {M}, float64, int64, float64, int64, {V}, {M}, {M})")
def advance(dynamics, geometry, sizes, ints, q, v, params, inputs, t, done, h, every, a, out_q, out_v):
    """Steps in place from t + ``done`` h on, a row of ``out_q`` and ``out_v`` after every ``every`` of them. ``a`` are
    the accelerations and multipliers at the start, NaN where they are not known yet, and at the end.

    Returns the steps done, fewer than asked for where the constraints could not be met. ``inputs`` is a row every
    half step.
    """
    plan = ints[ints.size - ints[ints.size - 1] : ints.size - 1]
    n, m = plan[0], plan[1]
    mass, start, end, levels = np.empty(plan[3]), np.empty(plan[4]), np.empty(plan[4]), np.empty(2 * m)
    step, scale, before_q = np.empty(n + m), np.empty(m), np.empty(n)
    driven = inputs.shape[1] > 0
    row = inputs[0]
    known = a[0] == a[0]
    if known:
        # The parts of the matrices alone: what they solve for was found at the end of the step before.
        step[:] = a
    dynamics(sizes, ints, q, v, params, row, t + done * h, mass, start, a)
    if known:
        a[:] = step
    elif not saddle_solve(plan, mass, start, start, a):
        return 0
    total = out_q.shape[0] * every
    for count in range(total):
        time = t + (done + count + 1) * h
        if driven:
            row = inputs[2 * (count + 1)]
        before_q[:] = q
        before, settled = np.inf, False
        for _ in range(STEPS):
            for k in range(n):
                q[k] = before_q[k] + h * (v[k] + 0.5 * h * a[k])
            geometry(sizes, ints, q, v, params, row, time, mass, end, levels)
            saddle_reach(plan, end, q, scale)
            worst = relative(levels[:m], scale)
            if hold(worst, before):
                settled = True
                break
            before = worst
            step[:n] = 0.0
            for k in range(m):
                step[n + k] = -2.0 * levels[k] / (h * h)
            if not saddle_solve(plan, mass, start, end, step):
                return count
            for k in range(n):
                a[k] += step[k]
        if not settled:
            return count
        for k in range(n):
            v[k] += 0.5 * h * a[k]
        geometry(sizes, ints, q, v, params, row, time, mass, end, levels)
        dynamics(sizes, ints, q, v, params, row, time, mass, start, a)
        for k in range(m):
            a[n + k] = -2.0 * levels[m + k] / h
        if not saddle_solve(plan, mass, start, start, a):
            return count
        for k in range(n):
            v[k] += 0.5 * h * a[k]
        if (count + 1) % every == 0:
            out_q[count // every] = q
            out_v[count // every] = v
    return total


@jit(
    f"void(int64, int64, {FILL}, {FILL}, {I}, {I}, {M}, {M}, {M}, {M}, float64, int64, float64, int64, {M}, {T}, {T}, "
    f"int64, int64, {I})"
)
def over(
    start, stop, dynamics, geometry, sizes, ints, q, v, params, inputs, t, done, h, every, a, out_q, out_v, first,
    last, steps,
):  # fmt: skip
    """``advance`` for the members start..stop-1, into the rows first..last-1 of theirs."""
    for s in range(start, stop):
        own = params[s if params.shape[0] > 1 else 0]
        rows_q, rows_v = out_q[s, first:last], out_v[s, first:last]
        steps[s] = advance(
            dynamics, geometry, sizes, ints, q[s], v[s], own, inputs, t, done, h, every, a[s], rows_q, rows_v
        )  # fmt: skip
