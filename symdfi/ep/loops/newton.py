"""Orbits between two times by Newton's method, and what is read off them. Run from the kernel cache, not imported.

What ``symdfi.ep.newton``, ``symdfi.ep.softness`` and ``symdfi.ep.sensitivity`` do, for many samples of one setting:
those that are not found here are left to them, who say why.

``given`` are of all samples the sizes, index arrays and parameters; times and quadrature weights at the points; values,
slopes, weights and couplings of the rule; which unknown each number of a path is (−1: none, it is held), where each
second derivative stands in the matrix (after its last entry: nowhere), by pairs of an interval's nodes and then
intervals, which of the matrix's diagonal is of what is held, and which of a block's entries are kept; what the given
momenta are in the equations.
"""

# pyright: reportCallIssue=false
import numpy as np

from symdfi.compile.kernels import cache
from symdfi.compile.source.runtime import borrowing, jit, restricted, stack

_nodes = cache.load_module("symdfi.ep.loops.nodes")
_frontal = cache.load_module("symdfi.linalg.frontal.elimination")
points, gather, couple = _nodes.points, _nodes.gather, _nodes.couple
factor, solve, solve_refined = _frontal.factor, _frontal.solve, _frontal.solve_refined
norm, inverse_norm, PLAN = _frontal.norm, _frontal.inverse_norm, _frontal.PLAN

U = np.uint64
I, V, M, T = "int64[::1]", "float64[::1]", "float64[:, ::1]", "float64[:, :, ::1]"
STATES = f"int64, int64, {I}, {I}, {M}, {M}, {V}, {M}, {M}"
SLOPE = f"FunctionType(void({STATES}, {M}))"
PULL = f"FunctionType(void({STATES}, {M}, {M}))"
BLOCKS = f"FunctionType(void({STATES}, {M}, {M}, {M}, {M}))"
GIVEN = f"Tuple(({I}, {I}, {V}, {M}, {V}, {M}, {M}, {V}, {T}, {I}, {I}, {I}, {I}, {V}))"
#: Values, and factors: above the diagonal, below it, and inverse pivots.
FACTORS = f"UniTuple({V}, 4)"
FOUND, STRAY, LOST = 0, 1, 2
EPS = 2.0**-52
#: As in ``symdfi.ep.newton`` and ``symdfi.linalg.frontal.factors``.
ROUNDED, ALIKE, RCOND, GROWTH = 1e-3, 1e-13, 1e-14, 1e6
#: So many numbers of blocks are held at once: what lies, with as many made of them, in the nearest cache.
HELD = 2**11


@borrowing(f"float64({V})")
def size(x):
    """The largest magnitude, of what is finite; else infinite."""
    # Sixteen at a time: one after the other, each would wait for the comparison before it.
    most, total, whole = stack(16), 0.0, x.size // 16
    for j in range(16):
        most[j] = 0.0
    for k in range(whole):
        for j in range(16):
            own = abs(x[U(16 * k + j)])
            most[U(j)] = own if own > most[U(j)] else most[U(j)]
    for i in range(16 * whole, x.size):
        most[0] = max(most[0], abs(x[i]))
    for i in range(x.size):
        total += 0.0 * x[i]
    largest = 0.0
    for j in range(16):
        largest = max(largest, most[j])
    return largest if total == 0.0 else np.inf


@jit(f"void({GIVEN}, int64, {M}, float64, {M}, {M})")
def spread(given, steps, path, h, q, v):
    """Values and slopes at all points, that of a cost at T among them."""
    points(path, steps, given[5], given[6], h, q, v)
    if q.shape[0] > steps * given[5].shape[0]:
        last = q.shape[0] - 1
        q[last, :], v[last, :] = path[path.shape[0] - 1, :], v[last - 1, :]


@borrowing(f"void({I}, {V}, {V}, float64, {V})")
def scatter(unknown, numbers, momenta, share, g):
    """g = ``share`` times the momenta and what stands at the nodes."""
    for k in range(g.size):
        g[k] = share * momenta[k]
    for j in range(unknown.size):
        k = unknown[j]
        if k >= 0:
            g[U(k)] += numbers[j]


@jit(f"void({GIVEN}, {M}, int64, float64, boolean, {V})")
def fold(given, rows, steps, h, momenta, g):
    """The derivatives by the unknowns of what stands at the points, (points, 2d), with the given ``momenta``."""
    values, slopes, weights, unknown = given[5], given[6], given[7], given[9]
    d = rows.shape[1] // 2
    total = np.zeros((unknown.size // d, d))
    gather(rows, steps, values, slopes, weights, h, total)
    if rows.shape[0] > steps * values.shape[0]:
        for i in range(d):
            total[total.shape[0] - 1, i] += rows[rows.shape[0] - 1, i]
    scatter(unknown, total.reshape(-1), given[13], 1.0 if momenta else 0.0, g)


@jit(f"void({SLOPE}, {GIVEN}, int64, {M}, {M}, float64, {V})")
def equations(slope, given, steps, signals, path, h, g):
    """∂S/∂q by the unknowns."""
    d, rows = path.shape[1], steps * given[5].shape[0]
    q, v, out = np.empty((rows, d)), np.empty((rows, d)), np.empty((rows, 2 * d))
    points(path, steps, given[5], given[6], h, q, v)
    slope(0, rows, given[0], given[1], q, v, given[2], signals, given[3], out)
    fold(given, out, steps, h, True, g)


@borrowing(f"int64({M}, {M}, {M}, {M}, {I})")
def strays(qq, qv, vq, vv, kept):
    """How many entries of blocks are not zero and not kept."""
    found = 0
    for row in range(qq.shape[0]):
        for e in range(qq.shape[1]):
            found += (qq[row, e] != 0.0) + (qv[row, e] != 0.0) + (vq[row, e] != 0.0) + (vv[row, e] != 0.0)
        for k in range(kept.size):
            e = np.uint64(kept[k])
            found -= (qq[row, e] != 0.0) + (qv[row, e] != 0.0) + (vq[row, e] != 0.0) + (vv[row, e] != 0.0)
    return found


@borrowing(f"void({I}, {V}, {V})")
def add_entries(slots, entries, values):
    restricted()
    for e in range(entries.size):
        values[U(slots[e])] += entries[e]


@jit(f"boolean({BLOCKS}, {GIVEN}, int64, {M}, {M}, float64, {V})")
def matrix(blocks, given, steps, signals, path, h, values):
    """The ``values`` of the action's Hessian, and after them what is no entry of it. False where an entry is not zero
    that is not kept."""
    sizes, ints, params, times, _, at, slopes, _, couplings, _, slots, held, kept, _ = given
    d, count, pairs = path.shape[1], at.shape[0], couplings.shape[2]
    chunk = max(1, min(steps, HELD // (4 * d * d * count)))
    q, v = np.empty((chunk * count, d)), np.empty((chunk * count, d))
    parts, out = np.empty((4, chunk * count, d * d)), np.empty(chunk * pairs * kept.size)
    values[:] = 0.0
    largest = 0.0
    for first in range(0, steps, chunk):
        own = min(chunk, steps - first)
        rows, begin, m = own * count, first * count, at.shape[1] - 1
        points(path[first * m :], own, at, slopes, h, q, v)
        qq, qv, vq, vv = parts[0, :rows], parts[1, :rows], parts[2, :rows], parts[3, :rows]
        blocks(
            0, rows, sizes, ints, q, v, params, signals[begin : begin + rows], times[begin : begin + rows],
            qq, qv, vq, vv,
        )  # fmt: skip
        if kept.size < d * d and strays(qq, qv, vq, vv, kept) != 0:
            return False
        width = own * kept.size
        entries = out[: pairs * width]
        couple(qq, qv, vq, vv, couplings, h, kept, entries.reshape((pairs, own, kept.size)))
        for pair in range(pairs):
            entry = (pair * steps + first) * kept.size
            add_entries(slots[entry : entry + width], entries[pair * width : (pair + 1) * width], values)
        if held.size > 0:
            largest = max(largest, size(entries))
    for k in range(held.size):
        values[held[k]] = largest if largest > 0.0 else 1.0
    return True


@borrowing(f"void({I}, {M}, {V}, float64, {M})")
def move(unknown, path, step, length, moved):
    """``moved`` = path + length step."""
    d = path.shape[1]
    for node in range(path.shape[0]):
        for i in range(d):
            k = unknown[node * d + i]
            moved[node, i] = path[node, i] + (length * step[k] if k >= 0 else 0.0)


@jit(f"int64({SLOPE}, {BLOCKS}, {GIVEN}, {PLAN}, int64, {M}, float64, boolean, float64, int64, {M}, {FACTORS}, {V})")
def search(
    slope, blocks, given, plan, steps, signals, h, symmetric, tolerance, iterations, path, factors, said
):  # fmt: skip
    """Newton's method as in ``symdfi.ep.newton``, from a ``path`` to an orbit, with the factors there. ``said``: how
    many steps, max |∂S/∂q|, ‖H‖ and 1/(‖H‖ ‖H⁻¹‖)."""
    unknown, (values, upper, lower, inverse) = given[9], factors
    n = inverse.size
    g, step, rest, trial = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    moved = path.copy()
    equations(slope, given, steps, signals, path, h, g)
    reach, iteration = size(path.reshape(-1)), 0
    while True:
        if not matrix(blocks, given, steps, signals, path, h, values):
            return STRAY
        whole = norm(plan, values)
        if not (abs(whole) < np.inf and size(g) < np.inf):
            return LOST
        growth = factor(plan, values, symmetric, upper, lower, inverse)
        goal = max(tolerance, 16 * EPS) * whole * reach
        if not growth <= GROWTH * whole or not abs(goal) < np.inf:
            return LOST
        solve(plan, upper, lower, inverse, g, step)
        for i in range(n):
            step[i] = -step[i]
        left, length, now = size(g), size(step), size(path.reshape(-1))
        near = left <= goal * ROUNDED or length <= ALIKE * now or iteration == iterations
        if left <= goal and near:
            break
        if iteration == iterations or not abs(length) < np.inf:
            return LOST
        accepted = False
        for halvings in range(7):
            part = 0.5**halvings
            move(unknown, path, step, part, moved)
            equations(slope, given, steps, signals, moved, h, rest)
            if size(rest) < np.inf:
                solve(plan, upper, lower, inverse, rest, trial)
                if size(trial) < (1.0 - part / 4.0) * length:
                    accepted = True
                    break
        if not accepted:
            move(unknown, path, step, min(1.0, (3.0 * now if now > 0.0 else np.inf) / length), moved)
            equations(slope, given, steps, signals, moved, h, rest)
        path[:], g[:] = moved, rest
        reach = max(now, size(path.reshape(-1)))
        iteration += 1
    rcond = 1.0 / whole / inverse_norm(plan, upper, lower, inverse)
    if not rcond >= RCOND:
        return LOST
    move(unknown, path, step, 1.0, moved)
    equations(slope, given, steps, signals, moved, h, rest)
    if size(rest) < left:
        path[:], left = moved, size(rest)
    said[0], said[1], said[2], said[3] = iteration, left, whole, rcond
    return FOUND
