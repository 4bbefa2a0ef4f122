"""Gradients by explicit leapfrog, sample by sample. Run from the kernel cache, not imported."""

import numpy as np

from symdfi.compile.source.runtime import jit

I, V, M, T = "int64[::1]", "float64[::1]", "float64[:, ::1]", "float64[:, :, ::1]"
#: ``leap`` and ``back`` of the loops ``leapfrog`` and ``leapfrog_adjoint``.
LEAP = f"FunctionType(boolean({I}, {I}, {V}, {M}, {M}, float64, boolean, boolean, {M}, {V}, {M}))"
BACK = f"FunctionType(boolean({I}, {I}, {V}, {M}, {M}, float64, boolean, boolean, {M}, {M}, {M}, {M}, {M}, {M}, {M}))"


@jit(
    f"void(int64, int64, {LEAP}, {BACK}, {I}, {I}, {V}, {M}, float64, boolean, boolean, {V}, {V}, {T}, {M}, {V}, "
    "boolean[::1])"
)
def gradients(
    start, stop, leap, back, sizes, ints, params, times, h, varies, moving, q0, p0, signals, thetas, costs, found
):  # fmt: skip
    """dC/dθ and C of the samples ``start`` … ``stop`` − 1, and which are ``found``. ``p0`` is a velocity where
    ``moving``."""
    nodes, d = signals.shape[1], q0.size
    path, along, work, p = np.empty((nodes, d)), np.empty((2, d)), np.empty((8, d)), np.empty(d)
    impulse, value, push = np.empty((1, d)), np.empty((1, 1)), np.empty((0, d))
    for b in range(start, stop):
        path[0], p[:] = q0, p0
        found[b] = leap(sizes, ints, params, signals[b], times, h, varies, moving, path, p, work)
        if found[b]:
            found[b] = back(
                sizes, ints, params, signals[b], times, h, varies, False, path, push, along, thetas[b : b + 1],
                impulse, value, work,
            )  # fmt: skip
            costs[b] = value[0, 0]
