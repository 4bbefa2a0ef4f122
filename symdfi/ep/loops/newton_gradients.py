"""Gradients at orbits that Newton's method finds, sample by sample. Run from the kernel cache, not imported."""

import numpy as np

from symdfi.compile.kernels import cache
from symdfi.compile.source.addresses import function_at
from symdfi.compile.source.runtime import borrowing, jit

_newton = cache.load_module("symdfi.ep.loops.newton")
_frontal = cache.load_module("symdfi.linalg.frontal.elimination")
search, fold, spread, size = _newton.search, _newton.fold, _newton.spread, _newton.size
solve, solve_refined, PLAN = _frontal.solve, _frontal.solve_refined, _frontal.PLAN
SLOPE, PULL, BLOCKS, GIVEN, FACTORS = _newton.SLOPE, _newton.PULL, _newton.BLOCKS, _newton.GIVEN, _newton.FACTORS
FOUND, LOST, HELD = _newton.FOUND, _newton.LOST, _newton.HELD

U = np.uint64
I, V, M, T = "int64[::1]", "float64[::1]", "float64[:, ::1]", "float64[:, :, ::1]"
READING = f"FunctionType(void({_newton.STATES}, {M}, {M}, {M}))"
slope_at, blocks_at, pull_at, reading_at = map(function_at, (SLOPE, BLOCKS, PULL, READING))
#: As in ``symdfi.ep.newton``.
GRID_ERROR = 0.5


@borrowing(f"void({M}, int64, float64, float64, float64, float64)")
def weigh(signals, inner, alpha, beta, gamma, at_end):
    """The weights of L and of the costs, at the points and at T."""
    width = signals.shape[1]
    for row in range(signals.shape[0]):
        own = row < inner
        signals[row, width - 3] = alpha if own else 0.0
        signals[row, width - 2] = beta if own else 0.0
        signals[row, width - 1] = gamma if own else at_end


@borrowing(f"void({M}, float64, boolean, {M}, {M})")
def fourth_order(path, h, periodic, q, v):
    """Values and slopes at the midpoints by cubics through four nodes (see ``symdfi.ep.softness``)."""
    steps = path.shape[0] - 1
    for k in range(steps):
        for i in range(path.shape[1]):
            if periodic or 0 < k < steps - 1:
                a = path[k - 1 if k > 0 else steps - 1, i]
                b, c = path[k, i], path[k + 1, i]
                e = path[k + 2 if k < steps - 1 else 1, i]
                q[k, i] = (9.0 * (b + c) - a - e) / 16.0
                v[k, i] = (27.0 * (c - b) - (e - a)) / (24.0 * h)
            else:
                sign, at = (1, 0) if k == 0 else (-1, steps)
                a, b, c, e = path[at, i], path[at + sign, i], path[at + 2 * sign, i], path[at + 3 * sign, i]
                q[k, i] = (5.0 * a + 15.0 * b - 5.0 * c + e) / 16.0
                v[k, i] = sign * (-23.0 * a + 21.0 * b + 3.0 * c - e) / (24.0 * h)


@borrowing(f"float64({M}, {M}, {M}, int64, float64, boolean)")
def form(along, moving, rows, count, h, corrected):
    """Σ h (λ·∂_qW + μ·∂_vW) over ``count`` points, at the ends with weights of fourth order where ``corrected``."""
    total, d = 0.0, along.shape[1]
    for k in range(count):
        own = 0.0
        for i in range(d):
            own += along[k, i] * rows[k, i] + moving[k, i] * rows[k, d + i]
        share = 1.0
        if corrected:
            for end in (k, count - 1 - k):
                if end < 3:
                    share += (2.0 if end == 0 else -3.0 if end == 1 else 1.0) / 24.0
        total += share * own
    return h * total


@borrowing(f"float64({V})")
def length(x):
    """The Euclidean norm, of numbers whose squares overflow or vanish as well."""
    largest, total = size(x), 0.0
    if not 0.0 < largest < np.inf:
        return largest
    for i in range(x.size):
        total += (x[i] / largest) ** 2
    return largest * np.sqrt(total)


@borrowing(f"boolean({M}, int64, int64)")
def is_steady(signals, inner, count):
    """Whether the first ``count`` signals are the same at all ``inner`` points."""
    for row in range(1, inner):
        for j in range(count):
            if signals[row, j] != signals[0, j]:
                return False
    return True


@borrowing(f"boolean({M})")
def moves(path):
    """Whether a path does not rest."""
    widest = 0.0
    for i in range(path.shape[1]):
        low, high = path[0, i], path[0, i]
        for node in range(path.shape[0]):
            low, high = min(low, path[node, i]), max(high, path[node, i])
        widest = max(widest, high - low)
    return widest > 1e-6 * size(path.reshape(path.size))


@borrowing(f"void({I}, {V}, float64, {M})")
def unfold(unknown, x, sign, nodes):
    """``sign`` times x at all nodes, zero where they are held."""
    d = nodes.shape[1]
    for node in range(nodes.shape[0]):
        for i in range(d):
            k = unknown[node * d + i]
            nodes[node, i] = sign * x[k] if k >= 0 else 0.0


@jit(f"float64({PULL}, {GIVEN}, {PLAN}, int64, {M}, {M}, float64, boolean, boolean, {FACTORS})")
def softness(pull, given, plan, steps, signals, path, h, periodic, shares_ends, factors):
    """``symdfi.ep.softness.grid_error`` of an orbit, the second variations as λ·∂_qW + μ·∂_vW."""
    sizes, ints, params, times, weights, values, _, _, _, unknown, _, _, _, _ = given
    _, upper, lower, inverse = factors
    d, inner, n = path.shape[1], steps * values.shape[0], inverse.size
    free, eta, image = np.zeros(n), np.empty(n), np.empty(n)
    for node in range(path.shape[0]):
        for i in range(d):
            if unknown[node * d + i] >= 0:
                free[unknown[node * d + i]] = path[node, i]
    whole = length(free)
    if whole == 0.0:
        return 0.0
    image[:] = free
    for _ in range(6):
        own = length(image)
        for k in range(n):
            eta[k] = image[k] / own
        solve(plan, upper, lower, inverse, eta, image)
    own, along = length(image), 0.0
    for k in range(n):
        eta[k] = image[k] / own
        along += eta[k] * (free[k] / whole)
    nodes = np.empty(path.shape)
    unfold(unknown, eta, 1.0, nodes)
    q, v, left, right = np.empty((inner, d)), np.empty((inner, d)), np.empty((inner, d)), np.empty((inner, d))
    direction, rows = np.empty((inner, 2 * d)), np.empty((inner, 2 * d))
    at, moving = signals[:inner], times[:inner]
    spread(given, steps, path, h, q, v)
    spread(given, steps, nodes, h, left, right)
    direction[:, :d], direction[:, d:] = left, right
    pull(0, inner, sizes, ints, q, v, params, at, moving, direction, rows)
    coarse = 0.0
    for k in range(inner):
        each = 0.0
        for i in range(d):
            each += left[k, i] * rows[k, i] + right[k, i] * rows[k, d + i]
        coarse += weights[k] * each
    if shares_ends:  # sampled at the nodes
        kept = np.empty((steps + 1, signals.shape[1]))
        for k in range(steps):
            kept[k] = signals[2 * k]
        kept[steps] = signals[2 * steps - 1]
        at, waste = np.empty((steps, signals.shape[1])), np.empty((steps, signals.shape[1]))
        fourth_order(kept, h, periodic, at, waste)
    fourth_order(path, h, periodic, q, v)
    fourth_order(nodes, h, periodic, left, right)
    for k in range(steps):
        direction[k, :d], direction[k, d:] = left[k], right[k]
    middle = np.empty((steps, 1))
    for k in range(steps):
        middle[k, 0] = h * (k + 0.5)
    pull(
        0, steps, sizes, ints, q[:steps], v[:steps], params, at[:steps], middle, direction[:steps], rows[:steps]
    )  # fmt: skip
    fine = form(left, right, rows, steps, h, not periodic)
    return abs(fine - coarse) * own * abs(along)


@borrowing(f"void({M}, {V})")
def add_rows(rows, total):
    """``total`` = the sum of the rows."""
    total[:] = 0.0
    for row in range(rows.shape[0]):
        for j in range(total.size):
            total[U(j)] += rows[U(row), U(j)]


@jit(
    f"void(int64, int64, {I}, {GIVEN}, {PLAN}, int64, float64, boolean, boolean, "
    f"boolean, boolean, int64, float64, int64, {T}, {T}, {M}, {M}, {I})"
)
def gradients(
    start, stop, functions, given, plan, steps, h, symmetric, estimates, periodic, shares_ends,
    watched, tolerance, iterations, signals, paths, thetas, said, codes,
):  # fmt: skip
    """By the ``functions`` at these addresses, of the samples ``start`` … ``stop`` − 1 the orbits, from ``paths`` on,
    and dC/dθ. ``said``, a row a sample: as of ``search``, then the grid's error, where it ``estimates`` that, and C.
    LOST are orbits that may be shifted in time (see ``symdfi.ep.newton``), where none of the ``watched`` first signals
    varies (−1: there are none), too."""
    slope, blocks = slope_at(functions[0], functions[1]), blocks_at(functions[2], functions[3])
    pull, reading = pull_at(functions[4], functions[5]), reading_at(functions[6], functions[7])
    sizes, ints, params, times, weights, at, _, _, _, unknown, _, _, _, _ = given
    rows, d, n, inner = signals.shape[1], paths.shape[2], plan[11].size, steps * at.shape[0]
    stored = plan[10][plan[10].size - 1]
    upper, inverse, entries = np.empty(stored), np.empty(n), np.empty(plan[13].size + 1)
    lower = upper if symmetric else np.empty(stored)
    factors, width = (entries, upper, lower, inverse), signals.shape[2]
    q, v, out, direction = np.empty((rows, d)), np.empty((rows, d)), np.empty((rows, 2 * d)), np.empty((rows, 2 * d))
    left, right, nodes = np.empty((rows, d)), np.empty((rows, d)), np.empty(paths.shape[1:])
    push, found, own = np.empty(n), np.empty(n), np.empty((rows, width))
    at_once = max(1, min(rows, HELD // max(params.size, 1)))
    parts, values = np.empty((at_once, params.size)), np.empty((at_once, 1))
    for b in range(start, stop):
        path = paths[b]
        own[:] = signals[b]
        weigh(own, inner, 1.0, 0.0, 0.0, 0.0)
        if not (size(params) < np.inf and size(own.reshape(-1)) < np.inf):
            codes[b] = LOST
            continue
        codes[b] = search(
            slope, blocks, given, plan, steps, own, h, symmetric, tolerance, iterations, path, factors, said[b]
        )  # fmt: skip
        if codes[b] == FOUND and estimates:
            said[b, 4] = softness(pull, given, plan, steps, own, path, h, periodic, shares_ends, factors)
            if not said[b, 4] < GRID_ERROR:
                codes[b] = LOST
        if codes[b] == FOUND and watched >= 0 and is_steady(own, inner, watched) and moves(path):
            codes[b] = LOST
        if codes[b] != FOUND:
            continue
        weigh(own, inner, 0.0, 1.0, 0.0, 1.0)
        spread(given, steps, path, h, q, v)
        slope(0, rows, sizes, ints, q, v, params, own, times, out)
        fold(given, out, steps, h, False, push)
        if not size(push) < np.inf:
            codes[b] = LOST
            continue
        solve_refined(plan, entries, upper, lower, inverse, True, push, found)
        unfold(unknown, found, -1.0, nodes)
        spread(given, steps, nodes, h, left, right)
        direction[:, :d], direction[:, d:] = left, right
        for row in range(rows):
            share = weights[row]
            own[row, width - 3] = share if row < inner else 0.0
            own[row, width - 2] = share if row < inner else 0.0
            own[row, width - 1] = 0.0 if row < inner else share
        parts[:], values[:] = 0.0, 0.0
        for first in range(0, rows, parts.shape[0]):
            last = min(first + parts.shape[0], rows)
            reading(
                0, last - first, sizes, ints, q[first:last], v[first:last], params, own[first:last], times[first:last],
                direction[first:last], parts[: last - first], values[: last - first],
            )  # fmt: skip
        add_rows(parts, thetas[b])
        said[b, 5] = np.sum(values)
        if not (abs(said[b, 5]) < np.inf and size(thetas[b]) < np.inf):
            codes[b] = LOST
