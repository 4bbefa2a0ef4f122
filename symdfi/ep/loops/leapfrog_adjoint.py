"""The adjoint of leapfrog, explicit, around the kernels of one system. Run from the kernel cache, not imported.

λ runs from the last node to the first as q does forward (see ``loops.leapfrog``): with −w handed down from the nodes
behind,

    w' = w + ∂C/∂x_k + h ∂_q(λ·G),    (M − hD'/2) λ' = (M + hD/2) λ + h w',    D and D' at the nodes of λ and λ'.
"""

import numpy as np

# Decorators and ``measure``, of the loops ``lanes``, stand before this text.
# ruff: noqa: F821
# pyright: reportUndefinedVariable=false
I, V, M = "int64[::1]", "float64[::1]", "float64[:, ::1]"


@inlined(f"void({V}, {V}, {V}, {V}, {V}, {V}, float64, {V}, {V})")
def descend(kept, pushed, carried, own, q, before, share, ahead, v):
    """λ' ``ahead`` of a node with λ ``own``, all of it where M − hD'/2 is the same there, else without that; and the
    mean of the velocities on both sides of the next node."""
    restricted()
    for i in range(v.size // LANES):
        for lane in range(LANES):
            j = U(i * LANES + lane)
            ahead[j] = kept[j] * own[j] + pushed[j] * carried[j]
            v[j] = (q[j] - before[j]) * share


@borrowing(f"boolean({I}, {I}, {V}, {M}, {M}, float64, boolean, boolean, {M}, {M}, {M}, {M}, {M}, {M}, {M}, {V})")
def back(sizes, ints, params, signals, times, h, varies, weighs, path, push, found, theta, impulse, value, room, sums):
    """``found`` becomes λ, ``value`` C, and ``theta`` dC/dθ but for what the momenta hold of θ. Where that ``weighs``,
    ``impulse`` becomes Σ h μ v: with it for μ, μ·P at v = 1 has the missing derivatives. False where C or dC/dθ are not
    finite: ``sums`` tell of which lanes.

    In each row of ``signals`` are the weights of L and of the costs at the node. ``push``, where it has rows, is the
    derivative by the nodes of what is added to C. ``room`` has seven rows of a state's length; ``found`` has one for
    each node, or two in turn.
    """
    restricted()
    size, last, half, slow = path.shape[1], path.shape[0] - 1, 0.5 * h, 1.0 / h
    rest, mass, damping, v, carried = room[0:1], room[1:2], room[2:3], room[3:4], room[4:5]
    kept, pushed, rows = room[5], room[6], found.shape[0]
    for i in range(size):
        carried[0, i], found[last % rows, i], impulse[0, i] = 0.0, 0.0, 0.0
        v[0, i] = (path[last, i] - path[last - 1, i]) * slow
    theta[:] = 0.0
    value[:] = 0.0
    for k in range(last, -1, -1):
        own, behind, ahead = k % rows, (k + 1) % rows, (k + rows - 1) % rows
        at, now, t = path[k : k + 1], signals[k : k + 1], times[k : k + 1]
        if k == last or varies:
            kernel_linear(0, 1, sizes, ints, at, v, params, now, t, rest, mass, damping)
            for i in range(size):
                inverse = 1.0 / (mass[0, i] - half * damping[0, i])
                kept[i], pushed[i] = mass[0, i] + half * damping[0, i], h
                if varies:
                    found[own, i] *= inverse
                else:
                    kept[i], pushed[i] = kept[i] * inverse, h * inverse
        if weighs and k < last:
            for i in range(size):
                impulse[0, i] += (found[behind, i] - found[own, i]) * ((path[k + 1, i] - path[k, i]) * slow)
        kernel_pull(0, 1, sizes, ints, at, v, params, now, t, found[own : own + 1], theta, carried, value)
        if k == 0:
            break
        if push.shape[0] > 0:
            for i in range(size):
                carried[0, i] += push[k, i]
        before = max(k - 2, 0)
        descend(
            kept, pushed, carried[0], found[own], path[k], path[before], 1.0 / ((k - before) * h), found[ahead], v[0]
        )
    for lane in range(LANES):
        sums[lane] = abs(value[0, lane])
    measure(theta[0], sums)
    total = 0.0
    for lane in range(LANES):
        total += sums[lane]
    return total < np.inf
