"""Discrete equations of motion solved interval by interval. Run from the kernel cache, not imported."""

import numpy as np

from symdfi.compile.source.runtime import jit

I, V, M = "int64[::1]", "float64[::1]", "float64[:, ::1]"
SLOPE = f"FunctionType(void(int64, int64, {I}, {I}, {M}, {M}, {V}, {M}, {M}, {M}))"
BLOCKS = f"FunctionType(void(int64, int64, {I}, {I}, {M}, {M}, {V}, {M}, {M}, {M}, {M}, {M}, {M}))"


@jit(f"void({M}, {V}, {M}, {M}, {V}, float64, {M})")
def gather(both, p, values, slopes, weights, h, out):
    """Σ_s h b (φ_a G + φ'_a P/h) of all nodes of an interval; p comes to that of the first."""
    d = p.size
    for a in range(out.shape[0]):
        for i in range(d):
            out[a, i] = p[i] if a == 0 else 0.0
        for s in range(weights.size):
            of_g, of_p = h * weights[s] * values[s, a], weights[s] * slopes[s, a]
            for i in range(d):
                out[a, i] += of_g * both[s, i] + of_p * both[s, d + i]


@jit(f"void({V}, {M}, {M}, {M}, float64, {M}, {M})")
def place(start, moved, values, slopes, h, q, v):
    """Values and slopes at the points of an interval, its nodes being ``start + moved``."""
    for s in range(q.shape[0]):
        for i in range(start.size):
            shift, slope = 0.0, 0.0
            for a in range(1, moved.shape[0]):
                shift += values[s, a] * moved[a, i]
                slope += slopes[s, a] * moved[a, i]
            q[s, i], v[s, i] = start[i] + shift, slope / h


@jit(f"void({M}, {M}, {V}, {M}, {M}, {V}, float64, {M})")
def balance(both, source, p, values, slopes, weights, h, out):
    """``gather`` after the ``source`` at the points has come to G and P."""
    for s in range(both.shape[0]):
        for i in range(both.shape[1]):
            both[s, i] += source[s, i]
    gather(both, p, values, slopes, weights, h, out)


@jit(
    f"int64({SLOPE}, {BLOCKS}, {I}, {I}, {V}, {M}, {M}, {M}, {M}, {M}, {V}, {V}, float64, float64, int64, {M}, {V}, "
    f"{I})"
)
def forward(
    slope, blocks, sizes, ints, params, signals, times, source, values, slopes, weights, nodes, h, tolerance,
    iterations, path, p, counted,
):  # fmt: skip
    """Fills ``path`` from its first row on, the momentum there being ``p``, which is moved along. The ``source``
    (points, 2d) counts as part of G and P.

    Of a path that is to be predicted in the first interval from its second row. Returns the number of intervals done:
    fewer than all where Newton's method did not converge. ``counted[0]`` is the number of its steps.
    """
    points, m = values.shape[0], values.shape[1] - 1
    d = path.shape[1]
    q, v, both = np.empty((points, d)), np.empty((points, d)), np.empty((points, 2 * d))
    qq, qv = np.empty((points, d * d)), np.empty((points, d * d))
    vq, vv = np.empty((points, d * d)), np.empty((points, d * d))
    matrix, residual, flat = np.empty((m * d, m * d)), np.empty((m + 1, d)), np.empty(m * d)
    # Nodes relative to the first of the interval: their differences keep their digits, and with them the momenta.
    moved = np.zeros((m + 1, d))
    for a in range(1, m + 1):
        for i in range(d):
            moved[a, i] = path[a, i] - path[0, i]
    for k in range((path.shape[0] - 1) // m):
        first, here = k * m, slice(k * points, (k + 1) * points)
        own, at, extra = signals[here], times[here], source[here]
        if k > 0:
            back = nodes[m] - nodes[m - 1]
            for i in range(d):
                change = (moved[m, i] - moved[m - 1, i]) / back
                for a in range(1, m + 1):
                    moved[a, i] = nodes[a] * change
        converged, last = False, np.inf
        for _ in range(iterations):
            place(path[first], moved, values, slopes, h, q, v)
            slope(0, points, sizes, ints, q, v, params, own, at, both)
            balance(both, extra, p, values, slopes, weights, h, residual)
            blocks(0, points, sizes, ints, q, v, params, own, at, qq, qv, vq, vv)
            for a in range(m):
                for i in range(d):
                    flat[a * d + i] = residual[a, i]
                    for c in range(m):
                        for j in range(d):
                            total, entry = 0.0, i * d + j
                            for s in range(points):
                                f, g = values[s, c + 1], slopes[s, c + 1] / h
                                total += (
                                    h
                                    * weights[s]
                                    * (
                                        values[s, a] * (f * qq[s, entry] + g * qv[s, entry])
                                        + slopes[s, a] / h * (f * vq[s, entry] + g * vv[s, entry])
                                    )
                                )
                            matrix[a * d + i, c * d + j] = total
            if not (np.isfinite(flat).all() and np.isfinite(matrix).all()):
                return k
            flat = np.linalg.solve(matrix, flat)
            size, change = 0.0, 0.0
            for a in range(m):
                for i in range(d):
                    moved[a + 1, i] -= flat[a * d + i]
                    change = max(change, abs(flat[a * d + i]))
                    size = max(size, abs(path[first, i] + moved[a + 1, i]), abs(path[first, i]))
            counted[0] += 1
            if not np.isfinite(change):
                return k
            # Increments that no longer fall are rounding.
            if change <= tolerance * size or (change <= 1e-9 * size and change >= 0.5 * last):
                converged = True
                break
            last = change
        if not converged:
            return k
        for a in range(1, m + 1):
            for i in range(d):
                path[first + a, i] = path[first, i] + moved[a, i]
        place(path[first], moved, values, slopes, h, q, v)
        slope(0, points, sizes, ints, q, v, params, own, at, both)
        balance(both, extra, p, values, slopes, weights, h, residual)
        p[:] = residual[m]
    return (path.shape[0] - 1) // m


@jit("void(float64[:, :, :, :, ::1], float64[:, ::1], float64[:, ::1])")
def backward(blocks, push, out):
    """``out``, zero in its last row, solves (∂r/∂x)ᵀ λ = −push, r the equations of all nodes but the last and x all
    nodes but the first, from the last interval to the first."""
    steps, count, d = blocks.shape[0], blocks.shape[1], blocks.shape[3]
    m = count - 1
    matrix, rhs = np.empty((m * d, m * d)), np.empty(m * d)
    for k in range(steps - 1, -1, -1):
        first, end = k * m, (k + 1) * m
        for c in range(1, m + 1):
            for j in range(d):
                total = push[first + c, j]
                for i in range(d):
                    total += blocks[k, m, c, i, j] * out[end, i]
                if c == m and k < steps - 1:
                    for a in range(m + 1):
                        for i in range(d):
                            total += blocks[k + 1, a, 0, i, j] * out[end + a, i]
                rhs[(c - 1) * d + j] = -total
                for a in range(m):
                    for i in range(d):
                        matrix[(c - 1) * d + j, a * d + i] = blocks[k, a, c, i, j]
        found = np.linalg.solve(matrix, rhs)
        for a in range(m):
            for i in range(d):
                out[first + a, i] = found[a * d + i]
