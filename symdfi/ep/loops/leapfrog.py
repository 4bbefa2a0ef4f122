"""Leapfrog, explicit, around the kernels of one system. Run from the kernel cache, not imported.

With P = M v, where M is diagonal and constant, and a diagonal D = ∂G/∂v free of v, an interval has the closed form

    (M − hD/2) v = p + h/2 F(q),    q' = q + h v,    p' = (M + hD/2) v + h/2 F(q'),    F = G at v = 0,

and one evaluation a node serves both intervals that meet there. All is done for ``LANES`` samples at once, whose
numbers lie side by side.
"""

import numpy as np

# Decorators and ``measure``, of the loops ``lanes``, stand before this text.
# ruff: noqa: F821
# pyright: reportUndefinedVariable=false
I, V, M = "int64[::1]", "float64[::1]", "float64[:, ::1]"


@inlined(f"void({V}, {V}, {V}, {V}, float64, {V}, {V})")
def drift(kept, pushed, force, q, h, v, ahead):
    """A step from q to ``ahead``."""
    restricted()
    for i in range(v.size // LANES):
        for lane in range(LANES):
            j = U(i * LANES + lane)
            speed = kept[j] * v[j] + pushed[j] * force[j]
            v[j] = speed
            ahead[j] = q[j] + h * speed


@borrowing(f"boolean({I}, {I}, {V}, {M}, {M}, float64, boolean, boolean, {M}, {V}, {M}, {V})")
def leap(sizes, ints, params, signals, times, h, varies, moving, path, p, room, sums):
    """Fills ``path`` from its first row on, and takes the momentum ``p``, where ``moving`` given as a velocity, to its
    end. False for a system that is at rest with a momentum, and where parameters, signals or the motion are not finite:
    ``sums`` tell of which lanes.

    D ``varies`` with the node or not. ``room`` has eight rows of a state's length.
    """
    restricted()
    size, half, last = path.shape[1], 0.5 * h, path.shape[0] - 1
    still, rest, mass, damping, force = room[0:1], room[1:2], room[2:3], room[3:4], room[4:5]
    v, kept, pushed = room[5], room[6], room[7]
    total = 0.0
    for j in range(params.size):
        total += abs(params[j])
    for lane in range(LANES):
        sums[lane] = total
    measure(signals.reshape(signals.size), sums)
    for i in range(size):
        still[0, i], v[i] = 0.0, 0.0
    for k in range(last + 1):
        at, now, t = path[k : k + 1], signals[k : k + 1], times[k : k + 1]
        kernel_force(0, 1, sizes, ints, at, still, params, now, t, force)
        if k == 0 or varies:
            kernel_linear(0, 1, sizes, ints, at, still, params, now, t, rest, mass, damping)
            for i in range(size):
                if rest[0, i] != 0.0:
                    sums[:] = np.inf
                    return False
                inverse = 1.0 / (mass[0, i] - half * damping[0, i])
                # Two halves of a step, before the node and after it, in one: p' + h/2 F = (M + hD/2) v + h F.
                kept[i], pushed[i] = (mass[0, i] + half * damping[0, i]) * inverse, h * inverse
        if k == 0:
            for i in range(size):
                own = mass[0, i] * p[i] if moving else p[i]
                v[i] = (own + half * force[0, i]) / (mass[0, i] - half * damping[0, i])
                path[1, i] = path[0, i] + h * v[i]
        elif k < last:
            drift(kept, pushed, force[0], path[k], h, v, path[k + 1])
    for i in range(size):
        p[i] = (mass[0, i] + half * damping[0, i]) * v[i] + half * force[0, i]
    measure(path[last], sums)
    measure(p, sums)
    total = 0.0
    for lane in range(LANES):
        total += sums[lane]
    return total < np.inf  # what is lost once stays lost
