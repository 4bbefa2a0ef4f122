"""Projection onto constraints, around the kernel of M, G and the constraints. Run from the kernel cache, not imported.

Positions move by Gauss–Newton steps δ, the shortest in the metric of M, Mδ = Gᵀμ and Gδ = −φ; then velocities by
Mδ = Gᵀμ and Gδ = −dφ/dt (−ψ), one such step unless a constraint is not linear in them.
"""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false

from symdfi.compile.kernels import cache
from symdfi.linalg import saddle

I, V = "int64[::1]", "float64[::1]"
KERNEL = f"void({I}, {I}, {V}, {V}, {V}, {V}, float64, {V})"
#: The most Newton steps.
STEPS = 60

saddle_solve, saddle_reach = saddle.load().solve, saddle.load().reach
_levels = cache.load_module("symdfi.dynamics.loops.levels")
relative, hold = _levels.relative, _levels.hold


@allocating(KERNEL)
def residual(sizes, ints, q, v, params, inputs, t, out):
    """φ, then dφ/dt or ψ, then what each of the two is measured by."""
    plan = ints[ints.size - ints[ints.size - 1] : ints.size - 1]
    m = plan[1]
    mass, jacobian = np.empty(plan[3]), np.empty(plan[4])
    kernel(sizes, ints, q, v, params, inputs, t, mass, jacobian, out[: 2 * m])
    saddle_reach(plan, jacobian, q, out[2 * m : 3 * m])
    saddle_reach(plan, jacobian, v, out[3 * m :])


@allocating(f"boolean({I}, {I}, {V}, {V}, {V}, {V}, float64)")
def project(sizes, ints, q, v, params, inputs, t):
    """Move q, then v, onto the constraints, in place; False where that does not succeed."""
    plan = ints[ints.size - ints[ints.size - 1] : ints.size - 1]
    n, m = plan[0], plan[1]
    mass, jacobian, levels = np.empty(plan[3]), np.empty(plan[4]), np.empty(2 * m)
    step, scale = np.empty(n + m), np.empty(m)
    for first in (0, m):
        x = q if first == 0 else v
        own = levels[first : first + m]
        before, settled = np.inf, False
        for _ in range(STEPS):
            kernel(sizes, ints, q, v, params, inputs, t, mass, jacobian, levels)
            saddle_reach(plan, jacobian, x, scale)
            worst = relative(own, scale)
            if hold(worst, before):
                settled = True
                break
            before = worst
            step[:n] = 0.0
            for k in range(m):
                step[n + k] = -own[k]
            if not saddle_solve(plan, mass, jacobian, jacobian, step):
                return False
            for k in range(n):
                x[k] += step[k]
        if not settled:
            return False
    return True


@allocating(KERNEL)
def projected(sizes, ints, q, v, params, inputs, t, out):
    """q and v moved onto the constraints; NaN where that does not succeed."""
    n = q.size
    out[:n] = q
    out[n:] = v
    if not project(sizes, ints, out[:n], out[n:], params, inputs, t):
        out[:] = np.nan
