"""Discrete equations of motion, and their adjoint, solved interval by interval. Run from the kernel cache.

Both are solved by iteration with the inverse of one interval's matrix: that of another interval, as long as it
contracts, for the matrix changes little from step to step; of explicit rules it does not change at all. It is dense, or
its diagonal alone, where more is not needed: then it has one row.
"""

import numpy as np

from symdfi.compile.source.runtime import jit

I, V, M = "int64[::1]", "float64[::1]", "float64[:, ::1]"
SLOPE = f"FunctionType(void(int64, int64, {I}, {I}, {M}, {M}, {V}, {M}, {M}, {M}))"
PULL = f"FunctionType(void(int64, int64, {I}, {I}, {M}, {M}, {V}, {M}, {M}, {M}, {M}))"
BLOCKS = f"FunctionType(void(int64, int64, {I}, {I}, {M}, {M}, {V}, {M}, {M}, {M}, {M}, {M}, {M}))"
#: What is left to the iteration falls by so much, or the inverse is made anew.
CONTRACTS = 0.1
#: Increments of this part that no longer fall are rounding.
ROUNDING = 1e-9


@jit(f"void({M}, int64, {M}, {M}, float64, {M}, {M})")
def points(path, first, values, slopes, h, q, v):
    """Values and slopes at the points of the interval whose first node is ``first``."""
    for s in range(values.shape[0]):
        for i in range(path.shape[1]):
            q[s, i], v[s, i] = 0.0, 0.0
        for a in range(values.shape[1]):
            f, g = values[s, a], slopes[s, a] / h
            for i in range(path.shape[1]):
                q[s, i] += f * path[first + a, i]
                v[s, i] += g * path[first + a, i]


@jit(f"void({M}, {M}, {M}, {V}, float64, {M})")
def gather(rows, values, slopes, weights, h, out):
    """Σ_s h b_s (φ_sa G + φ'_sa P/h) for all nodes of an interval."""
    d = out.shape[1]
    for a in range(out.shape[0]):
        for i in range(d):
            out[a, i] = 0.0
        for s in range(weights.size):
            of_g, of_p = h * weights[s] * values[s, a], weights[s] * slopes[s, a]
            for i in range(d):
                out[a, i] += of_g * rows[s, i] + of_p * rows[s, d + i]


@jit(f"boolean({M})")
def is_dense(inverse):
    """Whether there is room for a matrix, and not for its diagonal alone. One number is kept as a matrix is."""
    return inverse.shape[0] > 1 or inverse.shape[1] == 1


@jit(f"void({BLOCKS}, {I}, {I}, {V}, {M}, {M}, {M}, {M}, {M}, {M}, {V}, float64, {M})")
def invert(blocks, sizes, ints, params, signals, times, q, v, values, slopes, weights, h, inverse):
    """The inverse of an interval's matrix, equations of all nodes but the last by all nodes but the first."""
    count, m, d = values.shape[0], values.shape[1] - 1, q.shape[1]
    qq, qv = np.empty((count, d * d)), np.empty((count, d * d))
    vq, vv = np.empty((count, d * d)), np.empty((count, d * d))
    blocks(0, count, sizes, ints, q, v, params, signals, times, qq, qv, vq, vv)
    matrix = np.zeros((m * d, m * d))
    for a in range(m):
        for c in range(m):
            for s in range(count):
                f, g, w = values[s, c + 1], slopes[s, c + 1] / h, h * weights[s]
                for_g, for_p = w * values[s, a], w * slopes[s, a] / h
                for i in range(d):
                    for j in range(d):
                        e = i * d + j
                        matrix[a * d + i, c * d + j] += for_g * (f * qq[s, e] + g * qv[s, e]) + for_p * (
                            f * vq[s, e] + g * vv[s, e]
                        )
    if np.isfinite(matrix).all():
        inverse[:] = np.linalg.inv(matrix)
    else:
        inverse[:] = np.nan


@jit(f"void({PULL}, {I}, {I}, {V}, {M}, {M}, {M}, {M}, {M}, {M}, {V}, float64, float64, {M})")
def invert_diagonal(pull, sizes, ints, params, signals, times, q, v, values, slopes, weights, h, share, inverse):
    """As ``invert`` for a matrix that is diagonal, from what it makes of a vector of ones; ``share``, 0 or 1, of what
    the forces have to it."""
    count, d = values.shape[0], q.shape[1]
    direction, rows, local = np.empty((count, 2 * d)), np.empty((count, 2 * d)), np.empty((2, d))
    for s in range(count):
        for i in range(d):
            direction[s, i], direction[s, d + i] = share * values[s, 0], slopes[s, 0] / h
    pull(0, count, sizes, ints, q, v, params, signals, times, direction, rows)
    gather(rows, values, slopes, weights, h, local)
    for i in range(d):
        inverse[0, i] = 1 / local[1, i]


@jit(f"void({PULL}, {BLOCKS}, {I}, {I}, {V}, {M}, {M}, {M}, {M}, {M}, {M}, {V}, float64, float64, {M})")
def refresh(pull, blocks, sizes, ints, params, signals, times, q, v, values, slopes, weights, h, share, inverse):
    """``inverse`` of an interval's matrix, or of its diagonal where there is no room for more."""
    if is_dense(inverse):
        invert(blocks, sizes, ints, params, signals, times, q, v, values, slopes, weights, h, inverse)
    else:
        invert_diagonal(pull, sizes, ints, params, signals, times, q, v, values, slopes, weights, h, share, inverse)


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


@jit(
    f"int64({SLOPE}, {PULL}, {BLOCKS}, {I}, {I}, {V}, {M}, {M}, {M}, {M}, {V}, "
    f"float64, float64, int64, float64, {M}, {M}, {V}, {M}, {V}, {I})"
)
def forward(
    slope, pull, blocks, sizes, ints, params, signals, times, values, slopes, weights, h, tolerance, iterations, share,
    inverse, source, nodes, path, p, counted,
):  # fmt: skip
    """Fills ``path`` from its first row on, the momentum there being ``p``, which is moved along. The ``source``
    (points, 2d), if there is one, counts as part of G and P.

    The first interval begins from what stands in the path. Returns the number of intervals done: fewer than all where
    the iteration did not converge. ``counted[0]`` is the number of its steps.
    """
    count, m, d = values.shape[0], values.shape[1] - 1, path.shape[1]
    q, v, rows = np.empty((count, d)), np.empty((count, d)), np.empty((count, 2 * d))
    residual, steps = np.empty((m + 1, d)), np.empty((m, d))
    dense = is_dense(inverse)
    stale = True
    # Nodes relative to the first of the interval: their differences keep their digits, and with them the momenta.
    moved = np.zeros((m + 1, d))
    for a in range(1, m + 1):
        for i in range(d):
            moved[a, i] = path[a, i] - path[0, i]
    for k in range((path.shape[0] - 1) // m):
        first, own, at = k * m, signals[k * count : (k + 1) * count], times[k * count : (k + 1) * count]
        if k > 0:
            back = nodes[m] - nodes[m - 1]
            for i in range(d):
                change = (moved[m, i] - moved[m - 1, i]) / back
                for a in range(1, m + 1):
                    moved[a, i] = nodes[a] * change
        converged, last = False, np.inf
        for _ in range(iterations):
            place(path[first], moved, values, slopes, h, q, v)
            slope(0, count, sizes, ints, q, v, params, own, at, rows)
            if source.shape[0] > 0:
                for s in range(count):
                    for i in range(2 * d):
                        rows[s, i] += source[k * count + s, i]
            gather(rows, values, slopes, weights, h, residual)
            for i in range(d):
                residual[0, i] += p[i]
            if stale:
                refresh(pull, blocks, sizes, ints, params, own, at, q, v, values, slopes, weights, h, share, inverse)
                stale = False
            size, far, change = 0.0, 0.0, 0.0
            for a in range(m):
                for i in range(d):
                    step = 0.0
                    if dense:
                        for c in range(m):
                            for j in range(d):
                                step += inverse[a * d + i, c * d + j] * residual[c, j]
                    else:
                        step = inverse[0, i] * residual[0, i]
                    if not abs(step) < np.inf:
                        return k
                    steps[a, i] = step
                    change = max(change, abs(step))
                    far = max(far, abs(moved[a + 1, i]))
                    size = max(size, abs(path[first, i]) + abs(moved[a + 1, i]))
            counted[0] += 1
            if change <= tolerance * far or (change <= ROUNDING * size and change >= 0.5 * last):
                converged = True
                break
            for a in range(m):
                for i in range(d):
                    moved[a + 1, i] -= steps[a, i]
            stale = change > CONTRACTS * last
            last = change
        if not converged:
            return k
        # As it was last evaluated: what would still move it is rounding.
        for i in range(d):
            p[i] = residual[m, i]
        for a in range(1, m + 1):
            for i in range(d):
                path[first + a, i] = path[first, i] + moved[a, i]
    return (path.shape[0] - 1) // m


@jit(
    f"int64({PULL}, {BLOCKS}, {I}, {I}, {V}, {M}, {M}, {M}, {M}, {V}, "
    f"float64, float64, int64, float64, {M}, {M}, {M}, {M})"
)
def backward(
    pull, blocks, sizes, ints, params, signals, times, values, slopes, weights, h, tolerance, iterations, share,
    inverse, path, push, out,
):  # fmt: skip
    """``out``, zero in its last row, solves (∂r/∂x)ᵀ λ = −push, r the equations of all nodes but the last and x all
    nodes but the first, from the last interval to the first.

    ``pull`` gives ∂_qW and ∂_vW of the doubled Lagrangian in a direction (λ, μ). Returns the number of intervals left:
    more than none where the iteration did not converge.
    """
    count, m, d = values.shape[0], values.shape[1] - 1, path.shape[1]
    q, v = np.empty((count, d)), np.empty((count, d))
    along, moving, direction = np.empty((count, d)), np.empty((count, d)), np.empty((count, 2 * d))
    rows, local, carried = np.empty((count, 2 * d)), np.empty((m + 1, d)), np.zeros(d)
    dense = is_dense(inverse)
    stale = True
    for k in range((path.shape[0] - 1) // m - 1, -1, -1):
        first, own, at = k * m, signals[k * count : (k + 1) * count], times[k * count : (k + 1) * count]
        points(path, first, values, slopes, h, q, v)
        for a in range(m):
            for i in range(d):
                out[first + a, i] = out[first + m, i]
        converged, last = False, np.inf
        for _ in range(iterations):
            points(out, first, values, slopes, h, along, moving)
            direction[:, :d], direction[:, d:] = along, moving
            pull(0, count, sizes, ints, q, v, params, own, at, direction, rows)
            gather(rows, values, slopes, weights, h, local)
            for i in range(d):
                local[m, i] += carried[i]
            for c in range(1, m + 1):
                for i in range(d):
                    local[c, i] += push[first + c, i]
            if stale:
                refresh(pull, blocks, sizes, ints, params, own, at, q, v, values, slopes, weights, h, share, inverse)
                stale = False
            size, change = 0.0, 0.0
            for a in range(m):
                for i in range(d):
                    step = 0.0
                    if dense:
                        for c in range(m):
                            for j in range(d):
                                step += inverse[c * d + j, a * d + i] * local[c + 1, j]
                    else:
                        step = inverse[0, i] * local[1, i]
                    out[first + a, i] -= step
                    change = max(change, abs(step))
                    size = max(size, abs(out[first + a, i]), abs(out[first + m, i]))
                    if not abs(step) < np.inf:
                        return k + 1
            if change <= tolerance * size or (change <= ROUNDING * size and change >= 0.5 * last):
                converged = True
                break
            stale = change > CONTRACTS * last
            last = change
        if not converged:
            return k + 1
        for i in range(d):
            carried[i] = local[0, i]
    return 0
