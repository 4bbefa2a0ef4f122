"""Gradients by explicit leapfrog, ``LANES`` samples at once. Run from the kernel cache, not imported."""

import numpy as np

# Decorators, LANES, and ``leap`` and ``back`` of ``leapfrog`` and ``leapfrog_adjoint``, stand before this text.
# ruff: noqa: F821
# pyright: reportUndefinedVariable=false
I, V, M, T = "int64[::1]", "float64[::1]", "float64[:, ::1]", "float64[:, :, ::1]"


@jit(f"void(int64, int64, {I}, {I}, {V}, {M}, float64, boolean, boolean, {V}, {V}, {T}, {M}, {V}, boolean[::1])")
def gradients(start, stop, sizes, ints, params, times, h, varies, moving, q0, p0, series, thetas, costs, found):
    """dC/dθ and C of the samples from ``start`` to ``stop``, in units of ``LANES`` of them, and which are ``found``.
    ``series`` are the signals (samples, width, nodes), ``p0`` is a velocity where ``moving``. Lanes without a sample of
    their own run along with the last one."""
    width, nodes, d, count = series.shape[1], series.shape[2], q0.size, params.size
    path, along, work, p = (
        np.empty((nodes, d * LANES)),
        np.empty((2, d * LANES)),
        np.empty((8, d * LANES)),
        np.empty(d * LANES),
    )
    own, sums, theta = np.empty((nodes, width * LANES)), np.empty(LANES), np.empty((1, count * LANES))
    impulse, value, push = np.empty((1, d * LANES)), np.empty((1, LANES)), np.empty((0, d * LANES))
    for first in range(start * LANES, min(stop * LANES, found.size), LANES):
        members = min(found.size - first, LANES)
        for k in range(nodes):
            for i in range(width):
                for lane in range(LANES):
                    own[k, i * LANES + lane] = series[first + min(lane, members - 1), i, k]
        for i in range(d):
            for lane in range(LANES):
                path[0, i * LANES + lane], p[i * LANES + lane] = q0[i], p0[i]
        leap(sizes, ints, params, own, times, h, varies, moving, path, p, work, sums)
        for lane in range(members):
            found[first + lane] = sums[lane] < np.inf
        if not found[first : first + members].any():
            continue
        back(sizes, ints, params, own, times, h, varies, False, path, push, along, theta, impulse, value, work, sums)
        for lane in range(members):
            found[first + lane] &= sums[lane] < np.inf
            costs[first + lane] = value[0, lane]
            for j in range(count):
                thetas[first + lane, j] = theta[0, j * LANES + lane]
