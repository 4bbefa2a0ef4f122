"""Euler steps of Dirac-Frenkel dynamics with inertia for small problems, each with its solve by Cholesky's factor and
its measurement, without the interpreter. Run from the kernel cache, not imported.

The operations of `Cholesky` and `Euler` in their order, LAPACK by address, and none fused: theta has the same bits.
"""

import numpy as np

from symdfi.compile.kernels import cache
from symdfi.compile.source.runtime import jit, numba
from symdfi.linalg import lapack

_normal = cache.load_module("symdfi.dfi.loops.normal")
multiplied, squared, finite = _normal.multiplied, _normal.squared, _normal.finite
read, write, FLUSHED = _normal.read, _normal.write, _normal.FLUSH
potrf, potrs = lapack.potrf, lapack.potrs

I, V, M = "int64[::1]", "float64[::1]", "float64[:, ::1]"
ROWS = _normal.ROWS
#: As ``ROWS``, for J v and f: (start, stop, sizes, points, roots, theta, params, t, v, J v, f).
TANGENTS = f"FunctionType(void(int64, int64, {I}, {M}, {M}, {V}, {V}, float64, {V}, {M}, {M}))"
#: As ``TANGENTS``, for û too: (start, stop, sizes, points, roots, theta, params, t, v, û, J v, f).
ARRIVALS = f"FunctionType(void(int64, int64, {I}, {M}, {M}, {V}, {V}, float64, {V}, {M}, {M}, {M}))"
LOWER, PLAIN, TRANSPOSED = ord("L"), ord("N"), ord("T")
EPS = 2.0**-52
#: Why a run stopped: it did not; the rows are not finite; rounding errors have eaten a pivot, or a good part of the
#: digits; theta is not finite.
DONE, NOT_FINITE, SINGULAR, DIVERGED = 0, 1, 2, 3


def exact(signature):
    """As ``jit``, every operation rounded, as NumPy does."""
    return numba.njit(signature, cache=True, error_model="numpy", nogil=True)


@exact(f"int64({ROWS}, {I}, {M}, {M}, {V}, {V}, float64, {V}, float64, float64, {M}, {M}, {M}, {V})")
def solve(rows, sizes, points, roots, theta, params, t, target, gamma, least, jacobian, right, gram, v):
    """v = argmin ||J v - f||^2 + gamma ||v - target||^2, or why there is none: of a gamma below ``least`` ||J||^2
    (Frobenius) too."""
    n, p, fields = points.shape[0], theta.size, roots.shape[1]
    rows(0, n, sizes, points, roots, theta, params, t, jacobian, right)
    a, r, flat = jacobian.reshape(n * fields * p), right.reshape(n * fields), gram.reshape(p * p)
    if not finite(r):
        return NOT_FINITE
    word = read()
    write(word | FLUSHED)
    multiplied(TRANSPOSED, -1.0, a, target, 1.0, r, p)
    flat[:] = 0.0
    squared(a, flat, p)
    v[:] = 0.0
    multiplied(PLAIN, 1.0, a, r, 1.0, v, p)
    largest, verdict = 0.0, DONE
    for k in range(p):
        if not np.isfinite(flat[k * p + k]):
            verdict = NOT_FINITE
        largest += flat[k * p + k]
        flat[k * p + k] += gamma
    if (largest == 0.0 and gamma == 0.0) or gamma < least * largest:
        verdict = SINGULAR
    if verdict == DONE:
        diagonal = np.empty(p)
        for k in range(p):
            diagonal[k] = flat[k * p + k]
        size, one, info = np.array([p], np.int32), np.array([1], np.int32), np.zeros(1, np.int32)
        lower = np.array([LOWER], np.uint8)
        potrf(lower.ctypes, size.ctypes, flat.ctypes, size.ctypes, info.ctypes)
        for k in range(p):
            if info[0] != 0 or not flat[k * p + k] ** 2 >= max(0.5 * gamma, EPS * diagonal[k]):
                verdict = SINGULAR
        if verdict == DONE:
            potrs(
                lower.ctypes, size.ctypes, one.ctypes, flat.ctypes, size.ctypes, v.ctypes, size.ctypes, info.ctypes
            )  # fmt: skip
            for k in range(p):
                v[k] = target[k] + v[k]
    write(word)
    return verdict


@jit(f"void({ARRIVALS}, {I}, {M}, {M}, {V}, {V}, {V}, float64, float64, {V}, {V}, {M}, {M}, {M}, {V})")
def measure(arrivals, sizes, points, roots, params, v, moved, t, h, before, driven, now, rates, sides, out):
    """``StepMeter.measure`` of a straight step along v that arrives at ``moved`` at the time t: residual, defect,
    unresolved, moved, rate, size into ``out``; ``before`` and ``driven`` are what û and f were and become what they
    are."""
    n, fields = points.shape[0], roots.shape[1]
    arrivals(0, n, sizes, points, roots, moved, params, t, v, now, rates[:n], sides[:n])
    missed, missed_then, size, size_then = 0.0, 0.0, 0.0, 0.0
    defect, unresolved, length, largest, last = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        for f in range(fields):
            k = i * fields + f
            value, rate, side = now[i, f], rates[i, f], sides[i, f]
            step = value - before[k]
            missed += (2 * step / h - rate - driven[k]) ** 2
            missed_then += (rate - side) ** 2
            size += driven[k] ** 2
            size_then += side**2
            defect += (step - 0.5 * h * (driven[k] + side)) ** 2
            unresolved += (step - h * rate) ** 2
            length += step**2
            last += before[k] ** 2
            largest += value**2
            before[k], driven[k] = value, side
    out[0], out[1], out[2] = 0.5 * h * (np.sqrt(missed) + np.sqrt(missed_then)), np.sqrt(defect), np.sqrt(unresolved)
    out[3], out[4] = np.sqrt(length), 0.5 * h * (np.sqrt(size) + np.sqrt(size_then))
    out[5] = np.sqrt(max(last, largest))


@jit(f"void({TANGENTS}, {I}, {M}, {M}, {V}, {V}, float64, {V}, {M}, {M}, {V})")
def residual(tangents, sizes, points, roots, theta, params, t, v, rates, sides, out):
    """||J v - f|| and ||f||."""
    n, fields = points.shape[0], roots.shape[1]
    tangents(0, n, sizes, points, roots, theta, params, t, v, rates[:n], sides[:n])
    missed, size = 0.0, 0.0
    for i in range(n):
        for f in range(fields):
            missed += (rates[i, f] - sides[i, f]) ** 2
            size += sides[i, f] ** 2
    out[0], out[1] = np.sqrt(missed), np.sqrt(size)


@exact(f"float64({M}, {V}, float64, {V})")
def undecided(factor, v, gamma, out):
    """||gamma (L L^T)^-1 v|| / ||v|| of L by columns, 0 for v = 0."""
    p = v.size
    for k in range(p):
        out[k] = gamma * v[k]
    size, one, info = np.array([p], np.int32), np.array([1], np.int32), np.zeros(1, np.int32)
    lower = np.array([LOWER], np.uint8)
    potrs(lower.ctypes, size.ctypes, one.ctypes, factor.ctypes, size.ctypes, out.ctypes, size.ctypes, info.ctypes)
    left, length = 0.0, 0.0
    for k in range(p):
        left += out[k] ** 2
        length += v[k] ** 2
    return np.sqrt(left / length) if length > 0 else 0.0


@jit(f"float64({M}, float64)")
def effective_rank(factor, gamma):
    """p - gamma trace((L L^T)^-1) of L by columns, whose upper triangle is not read."""
    p = factor.shape[0]
    column, total = np.empty(p), 0.0
    for k in range(p):
        for i in range(k, p):
            value = 1.0 if i == k else 0.0
            for j in range(k, i):
                value -= factor[j, i] * column[j]
            column[i] = value / factor[i, i]
            total += column[i] ** 2
    return p - gamma * total


@exact(
    f"int64({ROWS}, {TANGENTS}, {ARRIVALS}, {I}, {M}, {M}, {M}, {M}, {V}, {V}, {V}, {V}, {V}, {V}, float64, int64, "
    f"float64, float64, float64, float64, int64, {M}, {M}, {M}, {M}, {I})"
)
def advance(
    rows, tangents, arrivals, sizes, points, roots, fresh, fresh_roots, params, theta, velocity, previous, before,
    driven, t, first, h, gamma, least, mu, every, out_theta, out_velocity, out_saved, out_step, done,
):  # fmt: skip
    """Euler steps in place, v = argmin ||J v - f||^2 + gamma ||v - mu v_n||^2 and theta + h v, from t + ``first`` h on.

    A row of ``out_step`` each: its measurement. Of every ``every``-th a row of theta at its beginning, of the velocity
    there, and of ``out_saved``: ||J v - f|| and ||f|| on the points solved on, the same on fresh ones, effective rank,
    ||v - v_n|| and the share of v that the data do not decide.
    ``before`` and ``driven`` hold sqrt(w) û and f at fresh points. ``done`` counts the steps; returns why it stopped,
    theta being where.
    """
    n, m, p, fields = points.shape[0], fresh.shape[0], theta.size, roots.shape[1]
    jacobian, right, gram = np.empty((n, fields * p)), np.empty((n, fields)), np.empty((p, p))
    target, v, moved = np.empty(p), np.empty(p), np.empty(p)
    most = max(n, m)
    rates, sides, now = np.empty((most, fields)), np.empty((most, fields)), np.empty((m, fields))
    for step in range(out_step.shape[0]):
        time = t + (first + step) * h
        for i in range(p):
            target[i] = mu * velocity[i]
        verdict = solve(rows, sizes, points, roots, theta, params, time, target, gamma, least, jacobian, right, gram, v)
        if verdict != DONE:
            return verdict
        for i in range(p):
            moved[i] = theta[i] + h * v[i]
        if not (finite(moved) and finite(v)):
            return DIVERGED
        measure(
            arrivals, sizes, fresh, fresh_roots, params, v, moved, t + (first + step + 1) * h, h, before, driven, now,
            rates, sides, out_step[step],
        )  # fmt: skip
        if (first + step) % every == 0:
            row = (first + step) // every - (first + every - 1) // every
            out_theta[row], out_velocity[row] = theta, v
            own = out_saved[row]
            residual(tangents, sizes, points, roots, theta, params, time, v, rates, sides, own[:2])
            residual(tangents, sizes, fresh, fresh_roots, theta, params, time, v, rates, sides, own[2:4])
            own[4] = effective_rank(gram, gamma)
            change = 0.0
            for i in range(p):
                change += (v[i] - velocity[i]) ** 2
            own[5], own[6] = np.sqrt(change), undecided(gram, v, gamma, target)
        previous[:] = velocity
        theta[:] = moved
        velocity[:] = v
        done[0] = step + 1
    return DONE
