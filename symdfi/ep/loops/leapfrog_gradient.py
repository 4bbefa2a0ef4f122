"""The gradient of a sample by explicit leapfrog, in one call. Run from the kernel cache, not imported."""

# Decorators, and ``leap`` and ``back`` of the loops ``leapfrog`` and ``leapfrog_adjoint``, stand before this text.
# ruff: noqa: F821
# pyright: reportUndefinedVariable=false
I, V = "int64[::1]", "float64[::1]"


@jit(f"boolean({I}, {V})", counts=False)
def gradient(whole, room):
    """C and dC/dθ. Each argument of a call from Python takes a tenth of a microsecond, so there are two. ``whole``
    holds the numbers of nodes, coordinates, columns of the signals, parameters and sizes, whether ∂G/∂v varies, whether
    the start is given as a velocity, the sizes, and the index arrays; ``room`` holds h, and then one after the other
    what is cut from it here. False where either is not finite.
    """
    nodes, d, width, count = whole[0], whole[1], whole[2], whole[3]
    varies, moving = whole[5] != 0, whole[6] != 0
    sizes, ints = whole[7 : 7 + whole[4]], whole[7 + whole[4] :]
    a = 1
    b = a + count
    params = room[a:b]
    a, b = b, b + nodes * width
    signals = room[a:b].reshape(nodes, width)
    a, b = b, b + nodes
    times = room[a:b].reshape(nodes, 1)
    a, b = b, b + d
    start = room[a:b]
    a, b = b, b + nodes * d
    path = room[a:b].reshape(nodes, d)
    a, b = b, b + d
    p = room[a:b]
    a, b = b, b + 8 * d
    work = room[a:b].reshape(8, d)
    a, b = b, b + 2 * d
    found = room[a:b].reshape(2, d)
    a, b = b, b + d
    impulse = room[a:b].reshape(1, d)
    a, b = b, b + count
    theta = room[a:b].reshape(1, count)
    value, sums, push = room[b : b + 1].reshape(1, 1), room[b + 1 : b + 2], room[:0].reshape(0, d)
    for i in range(d):
        p[i] = start[i]
    h = room[0]
    return leap(sizes, ints, params, signals, times, h, varies, moving, path, p, work, sums) and back(
        sizes, ints, params, signals, times, h, varies, False, path, push, found, theta, impulse, value, work, sums
    )
