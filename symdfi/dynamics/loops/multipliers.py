"""Accelerations and multipliers around the kernel of M, G and (F, −γ). Run from the kernel cache, not imported."""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false

from symdfi.linalg import saddle

I, V = "int64[::1]", "float64[::1]"
KERNEL = f"void({I}, {I}, {V}, {V}, {V}, {V}, float64, {V})"

saddle_solve, apply_transposed = saddle.load().solve, saddle.load().apply_transposed


@allocating(KERNEL)
def solution(sizes, ints, q, v, params, inputs, t, out):
    """(q̈, λ); NaN where the system is singular."""
    plan = ints[ints.size - ints[ints.size - 1] : ints.size - 1]
    mass, jacobian = np.empty(plan[3]), np.empty(plan[4])
    kernel(sizes, ints, q, v, params, inputs, t, mass, jacobian, out)
    saddle_solve(plan, mass, jacobian, jacobian, out)
    for k in range(plan[0], out.size):
        out[k] = -out[k]


@allocating(KERNEL)
def acceleration(sizes, ints, q, v, params, inputs, t, out):
    """q̈."""
    plan = ints[ints.size - ints[ints.size - 1] : ints.size - 1]
    both = np.empty(plan[0] + plan[1])
    solution(sizes, ints, q, v, params, inputs, t, both)
    for k in range(out.size):
        out[k] = both[k]


@allocating(KERNEL)
def forces(sizes, ints, q, v, params, inputs, t, out):
    """Gᵀλ."""
    plan = ints[ints.size - ints[ints.size - 1] : ints.size - 1]
    mass, jacobian = np.empty(plan[3]), np.empty(plan[4])
    both = np.empty(plan[0] + plan[1])
    kernel(sizes, ints, q, v, params, inputs, t, mass, jacobian, both)
    saddle_solve(plan, mass, jacobian, jacobian, both)
    apply_transposed(plan, jacobian, both[plan[0] :], out)
    for k in range(out.size):
        out[k] = -out[k]
