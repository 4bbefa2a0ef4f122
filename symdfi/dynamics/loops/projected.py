"""Fixed steps, each followed by a projection onto the constraints. Run from the kernel cache, not imported."""

from symdfi.compile.kernels import cache
from symdfi.compile.source.runtime import jit

I, V, M, T = "int64[::1]", "float64[::1]", "float64[:, ::1]", "float64[:, :, ::1]"
KERNEL = f"FunctionType(void({I}, {I}, {V}, {V}, {V}, {V}, float64, {V}))"
PROJECT = f"FunctionType(boolean({I}, {I}, {V}, {V}, {V}, {V}, float64))"

rk4 = cache.load_module("symdfi.dynamics.loops.rk4").advance


@jit(
    f"void(int64, int64, {KERNEL}, {PROJECT}, {I}, {I}, {M}, {M}, {M}, {M}, float64, int64, float64, int64, {T}, {T}, "
    f"int64, int64, {I})"
)
def over(
    start, stop, acceleration, project, sizes, ints, q, v, params, inputs, t, done, h, every, out_q, out_v, first, last,
    steps,
):  # fmt: skip
    """Steps of the members start..stop-1, into the rows first..last-1 of theirs, as ``rk4.over``; ``steps`` are those
    done, fewer than asked for where the constraints could not be met."""
    for s in range(start, stop):
        own = params[s if params.shape[0] > 1 else 0]
        steps[s] = 0
        for count in range((last - first) * every):
            place = first + count // every
            rows_q, rows_v = out_q[s, place : place + 1], out_v[s, place : place + 1]
            rows = inputs[2 * count : 2 * count + 3] if inputs.shape[0] > 1 else inputs
            rk4(acceleration, sizes, ints, q[s], v[s], own, rows, t, done + count, h, 1, rows_q, rows_v)
            if not project(sizes, ints, q[s], v[s], own, rows[rows.shape[0] - 1], t + (done + count + 1) * h):
                break
            rows_q[0] = q[s]
            rows_v[0] = v[s]
            steps[s] = count + 1
