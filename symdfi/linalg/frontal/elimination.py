"""Multifrontal LU with pivots in a planned order. Run from the kernel cache, not imported.

A front is a square matrix of the unknowns that are eliminated in it and of those that these meet later. Of both A and
Aᵀ, which are one where A is symmetric, the upper triangle is kept, by rows: with U and V those of the fronts once their
unknowns k are eliminated, and pivots D,

    A = L D⁻¹ U,    L = Vᵀ.

``plan`` is what ``symdfi.linalg.frontal.plan.Plan`` holds. Vectors are in the order of the unknowns.
"""

import numpy as np

from symdfi.compile.kernels import cache
from symdfi.compile.source.runtime import borrowing, jit

_segments = cache.load_module("symdfi.linalg.frontal.segments")
factor_segments, solve_segments = _segments.factor, _segments.solve

I, V = "int64[::1]", "float64[::1]"
PLAN = f"UniTuple({I}, 14)"
U = np.uint64


@borrowing(f"void({V}, {V}, {V}, int64, int64, int64)")
def reduce(own, other, inverse, k, count, width):
    """Takes what the rows k … k + count − 1 of one triangle hold off the rows behind them, ``other`` the multipliers;
    ``count`` is 1 or 4."""
    one = U(k * width)
    if count == 1:
        for i in range(k + 1, width):
            a, row = other[one + U(i)] * inverse[k], U(i * width)
            for j in range(i, width):
                own[row + U(j)] -= a * own[one + U(j)]
        return
    two, three, four = one + U(width), one + U(2 * width), one + U(3 * width)
    for i in range(k + 4, width):
        a, b = other[one + U(i)] * inverse[k], other[two + U(i)] * inverse[k + 1]
        c, d = other[three + U(i)] * inverse[k + 2], other[four + U(i)] * inverse[k + 3]
        row = U(i * width)
        for j in range(i, width):
            own[row + U(j)] -= (a * own[one + U(j)] + b * own[two + U(j)]) + (
                c * own[three + U(j)] + d * own[four + U(j)]
            )


@borrowing(f"void({V}, {V}, int64, int64, boolean, {V})")
def eliminate(upper, lower, width, pivots, symmetric, inverse):
    """The first unknowns of a front, four at a time; ``inverse`` becomes 1/D."""
    k = 0
    while k < pivots:
        count = 4 if k + 4 <= pivots else 1
        for t in range(k, k + count):
            for r in range(k, t):
                a, b = lower[U(r * width + t)] * inverse[r], upper[U(r * width + t)] * inverse[r]
                for j in range(t, width):
                    upper[U(t * width + j)] -= a * upper[U(r * width + j)]
                if not symmetric:
                    for j in range(t, width):
                        lower[U(t * width + j)] -= b * lower[U(r * width + j)]
            inverse[t] = 1.0 / upper[U(t * width + t)]
        if not symmetric:
            # Both by the rows of the panel, which do not change here.
            reduce(lower, upper, inverse, k, count, width)
        reduce(upper, lower, inverse, k, count, width)
        k += count


@borrowing(f"float64({V}, int64, int64, int64, {V})")
def put_away(front, width, k, at, out):
    """Row k of a front from ``at`` on in ``out``. Returns the sum of squares."""
    total = 0.0
    for j in range(k, width):
        own = front[U(k * width + j)]
        out[U(at + j - k)] = own
        total += own * own
    return total


@borrowing(f"void({V}, int64, int64, int64, {V})")
def pass_on(front, width, pivots, at, pile):
    """What a front leaves, onto the pile."""
    left = width - pivots
    for i in range(left):
        for j in range(i, left):
            pile[U(at + i * left + j)] = front[U((pivots + i) * width + pivots + j)]


@borrowing(f"void({V}, int64, int64, {I}, int64, {V}, int64)")
def take_over(front, width, left, relative, start, pile, at):
    """Adds what a child has left to the front of its parent."""
    for i in range(left):
        row, own = relative[U(start + i)] * width, at + i * left
        for j in range(i, left):
            front[U(row + relative[U(start + j)])] += pile[U(own + j)]


@borrowing(f"boolean({PLAN}, {V})")
def is_symmetric(plan, values):
    """Whether A is, but for rounding."""
    above, below = plan[7], plan[8]
    largest, apart = 0.0, 0.0
    for e in range(above.size):
        one = values[above[e]] if above[e] >= 0 else 0.0
        other = values[below[e]] if below[e] >= 0 else 0.0
        largest, apart = max(largest, abs(one)), max(apart, abs(one - other))
    return apart <= 8 * 2.0**-52 * largest


@jit(f"float64({PLAN}, {V}, boolean, {V}, {V}, {V})")
def factor(plan, values, symmetric, upper, lower, inverse):
    """The factors of A, whose entries are the ``values`` by columns; ``upper`` and ``lower`` are one array if it is
    ``symmetric``. Returns a bound of the entries of |L| |D⁻¹ U|: what rounding is relative to."""
    if plan[0].size > 3:
        return factor_segments(plan, values, symmetric, upper, lower)
    head, first, parent, places, _, relative, spans, above, below, at, stored = plan[:11]
    total, growth, waiting, k, top = first.size - 1, 0.0, np.empty(first.size, np.int64), 0, 0
    pile, one = np.empty(head[1] if symmetric else 2 * head[1]), np.empty(head[2] ** 2)
    other = one if symmetric else np.empty(one.size)
    for s in range(total):
        width, pivots = places[s + 1] - places[s], first[s + 1] - first[s]
        for i in range(width * width):
            one[U(i)] = 0.0
        for e in range(spans[s], spans[s + 1]):
            if above[e] >= 0:
                one[U(at[e])] = values[U(above[e])]
        if not symmetric:
            for i in range(width * width):
                other[U(i)] = 0.0
            for e in range(spans[s], spans[s + 1]):
                if below[e] >= 0:
                    other[U(at[e])] = values[U(below[e])]
        while k > 0 and parent[waiting[k - 1]] == s:
            k -= 1
            child = waiting[k]
            own = first[child + 1] - first[child]
            left = places[child + 1] - places[child] - own
            if not symmetric:
                top -= left * left
                take_over(other, width, left, relative, places[child] + own, pile, top)
            top -= left * left
            take_over(one, width, left, relative, places[child] + own, pile, top)
        eliminate(one, other, width, pivots, symmetric, inverse[first[s] : first[s + 1]])
        here = stored[s]
        for t in range(pivots):
            size = put_away(one, width, t, here, upper)
            size = size if symmetric else np.sqrt(size * put_away(other, width, t, here, lower))
            size *= abs(inverse[first[s] + t])
            # What is not a number, where a pivot vanishes, stays.
            if not size <= growth and growth == growth:
                growth = size
            here += width - t
        left = width - pivots
        pass_on(one, width, pivots, top, pile)
        top += left * left
        if not symmetric:
            pass_on(other, width, pivots, top, pile)
            top += left * left
        waiting[k] = s
        k += 1
    return growth


@borrowing(f"void({V}, int64, int64, int64, {V}, {V})")
def ahead(lower, here, width, pivots, inverse, room):
    """Forward substitution in a front, the rows of which begin at ``here``: by four rows at once, or two."""
    t = 0
    while t < pivots:
        # Where the numbers of column 0 would be, of this row and the three that follow.
        one = U(here - t)
        two = one + U(width - t - 1)
        three = two + U(width - t - 2)
        four = three + U(width - t - 3)
        a = room[t] * inverse[t]
        if pivots - t < 2:
            for j in range(t + 1, width):
                room[U(j)] -= a * lower[one + U(j)]
            return
        room[t + 1] -= a * lower[one + U(t + 1)]
        b = room[t + 1] * inverse[t + 1]
        if pivots - t < 4:
            for j in range(t + 2, width):
                room[U(j)] -= a * lower[one + U(j)] + b * lower[two + U(j)]
            here += 2 * (width - t) - 1
            t += 2
            continue
        room[t + 2] -= a * lower[one + U(t + 2)] + b * lower[two + U(t + 2)]
        c = room[t + 2] * inverse[t + 2]
        room[t + 3] -= (a * lower[one + U(t + 3)] + b * lower[two + U(t + 3)]) + c * lower[three + U(t + 3)]
        d = room[t + 3] * inverse[t + 3]
        for j in range(t + 4, width):
            room[U(j)] -= (a * lower[one + U(j)] + b * lower[two + U(j)]) + (
                c * lower[three + U(j)] + d * lower[four + U(j)]
            )
        here += 4 * (width - t) - 6
        t += 4


@borrowing(f"void({V}, int64, int64, int64, {V}, {V})")
def behind(upper, here, width, pivots, inverse, room):
    """Back substitution in a front, the rows of which end before ``here``."""
    t = pivots
    while t > 0:
        if t < 2:
            one, a = U(here - width), 0.0
            for j in range(1, width):
                a += upper[one + U(j)] * room[U(j)]
            room[0] = (room[0] - a) * inverse[0]
            return
        # Where the numbers of column 0 would be, of the last of the rows and those before it.
        one = U(here - width)
        two = one - U(width - t + 1)
        three = two - U(width - t + 2)
        four = three - U(width - t + 3)
        a, b, c, d = 0.0, 0.0, 0.0, 0.0
        if t < 4:
            for j in range(t, width):
                x = room[U(j)]
                a += upper[one + U(j)] * x
                b += upper[two + U(j)] * x
            x = (room[t - 1] - a) * inverse[t - 1]
            room[t - 1] = x
            room[t - 2] = (room[t - 2] - b - upper[two + U(t - 1)] * x) * inverse[t - 2]
            here -= 2 * (width - t) + 3
            t -= 2
            continue
        for j in range(t, width):
            x = room[U(j)]
            a += upper[one + U(j)] * x
            b += upper[two + U(j)] * x
            c += upper[three + U(j)] * x
            d += upper[four + U(j)] * x
        x = (room[t - 1] - a) * inverse[t - 1]
        y = (room[t - 2] - b - upper[two + U(t - 1)] * x) * inverse[t - 2]
        z = (room[t - 3] - c - upper[three + U(t - 1)] * x - upper[three + U(t - 2)] * y) * inverse[t - 3]
        rest = upper[four + U(t - 1)] * x + upper[four + U(t - 2)] * y + upper[four + U(t - 3)] * z
        room[t - 1], room[t - 2], room[t - 3] = x, y, z
        room[t - 4] = (room[t - 4] - d - rest) * inverse[t - 4]
        here -= 4 * (width - t) + 10
        t -= 4


@jit(f"void({PLAN}, {V}, {V}, {V}, {V}, {V})")
def solve(plan, upper, lower, inverse, b, x):
    """x = A⁻¹ b; Aᵀ's with ``upper`` and ``lower`` exchanged."""
    if plan[0].size > 3:
        solve_segments(plan, upper, lower, b, x)
        return
    head, first, _, places, rows = plan[:5]
    stored, order = plan[10], plan[11]
    y, room = np.empty(order.size), np.empty(head[2])
    for k in range(order.size):
        y[k] = b[order[k]]
    for s in range(first.size - 1):
        start, here = places[s], stored[s]
        width, pivots = places[s + 1] - start, first[s + 1] - first[s]
        for i in range(pivots):
            room[U(i)] = y[U(rows[U(start + i)])]
        for i in range(pivots, width):
            room[U(i)] = 0.0
        ahead(lower, here, width, pivots, inverse[first[s] : first[s + 1]], room)
        for i in range(pivots):
            y[U(rows[U(start + i)])] = room[U(i)]
        for i in range(pivots, width):
            y[U(rows[U(start + i)])] += room[U(i)]
    for s in range(first.size - 2, -1, -1):
        start, here = places[s], stored[s + 1]
        width, pivots = places[s + 1] - start, first[s + 1] - first[s]
        for i in range(width):
            room[U(i)] = y[U(rows[U(start + i)])]
        behind(upper, here, width, pivots, inverse[first[s] : first[s + 1]], room)
        for i in range(pivots):
            y[U(rows[U(start + i)])] = room[U(i)]
    for k in range(order.size):
        x[order[k]] = y[k]


@borrowing(f"void({PLAN}, {V}, boolean, {V}, {V})")
def residual(plan, values, transposed, x, r):
    """r −= A x, or Aᵀ x."""
    starts, inner = plan[12], plan[13]
    for j in range(x.size):
        if transposed:
            total = 0.0
            for e in range(starts[j], starts[j + 1]):
                total += values[e] * x[inner[e]]
            r[j] -= total
        else:
            for e in range(starts[j], starts[j + 1]):
                r[inner[e]] -= values[e] * x[j]


@jit(f"void({PLAN}, {V}, {V}, {V}, {V}, boolean, {V}, {V})")
def solve_refined(plan, values, upper, lower, inverse, transposed, b, x):
    """x = A⁻¹ b, or A⁻ᵀ b, with a step of iterative refinement."""
    if transposed:
        upper, lower = lower, upper
    solve(plan, upper, lower, inverse, b, x)
    rest, step = b.copy(), np.empty(b.size)
    residual(plan, values, transposed, x, rest)
    solve(plan, upper, lower, inverse, rest, step)
    for i in range(x.size):
        x[i] += step[i]


@borrowing(f"float64({PLAN}, {V})")
def norm(plan, values):
    """‖A‖₁."""
    starts, largest = plan[12], 0.0
    for j in range(starts.size - 1):
        total = 0.0
        for e in range(starts[j], starts[j + 1]):
            total += abs(values[e])
        if not total <= largest:
            largest = total  # not a number, too
    return largest


@borrowing(f"float64({V})")
def absolute_sum(x):
    total = 0.0
    for i in range(x.size):
        total += abs(x[i])
    return total


@jit(f"float64({PLAN}, {V}, {V}, {V})")
def inverse_norm(plan, upper, lower, inverse):
    """‖A⁻¹‖₁, or a little less: Higham, ACM TOMS 14 (1988) 381, as ``ChainLU`` has it."""
    n = inverse.size
    x, y = np.full(n, 1.0 / n), np.empty(n)
    solve(plan, upper, lower, inverse, x, y)
    largest, column = absolute_sum(y), -1
    last = largest
    for _ in range(5):
        for i in range(n):
            x[i] = 1.0 if y[i] >= 0.0 else -1.0
        solve(plan, lower, upper, inverse, x, y)
        steepest = 0
        for i in range(n):
            if abs(y[i]) > abs(y[steepest]):
                steepest = i
        if column >= 0 and abs(y[steepest]) <= abs(y[column]):
            break
        column = steepest
        x[:] = 0.0
        x[column] = 1.0
        solve(plan, upper, lower, inverse, x, y)
        own = absolute_sum(y)
        if not own <= largest:
            largest = own  # not a number, too
        if not own > last:
            break
        last = own
    for i in range(n):
        x[i] = (1.0 - 2.0 * (i % 2)) * (1.0 + i / max(n - 1, 1))
    solve(plan, upper, lower, inverse, x, y)
    return max(largest, absolute_sum(y) * 2.0 / (3.0 * n))
