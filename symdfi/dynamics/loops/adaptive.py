"""Adaptive integration by any embedded method: step control, times, events. Run from the kernel cache, not imported.

A method is a pair of compiled functions, ``attempt`` and ``interpolate``. The state is y = (q, v), its slope (v, q̈).
One member of an ensemble is a row of every array whose first axis is the members'.
"""

import numpy as np

from symdfi.compile.kernels import cache
from symdfi.compile.source.runtime import jit

I, V, M, T = "int64[::1]", "float64[::1]", "float64[:, ::1]", "float64[:, :, ::1]"
J, IT = "int64[:, ::1]", "int64[:, :, ::1]"
KERNEL = f"FunctionType(void({I}, {I}, {V}, {V}, {V}, {V}, float64, {V}))"
ATTEMPT = (
    f"FunctionType(float64({KERNEL}, {I}, {I}, {V}, {M}, float64, float64, {V}, {V}, {M}, {V}, {V}, {V}, {V}, {V}))"
)
PROJECT = f"FunctionType(boolean({I}, {I}, {V}, {V}, {V}, {V}, float64))"
INTERPOLATE = f"FunctionType(void({KERNEL}, {I}, {I}, {V}, {M}, float64, float64, {V}, {M}, {V}, {V}, {M}))"

two_sum = cache.load_module("symdfi.dynamics.loops.compensated").two_sum

SAFETY, SMALLEST, LARGEST = 0.9, 0.2, 10.0
#: Of the PI controller (Söderlind's PI.4.2): the powers of the errors of this step and the last, times the order. The
#: smoother sizes are, the fewer steps are rejected where errors vary from step to step.
THIS, LAST = 0.6, -0.2
#: Into so many parts a step is divided to look for changes of an event's sign.
PARTS = 8

# What has become of a member, in counts[:, 0]; the other columns hold the next of ``times``, the accepted steps, the
# steps in the trail, the events found, whether the last attempt was rejected, and whether the end has had its say in
# the size of a step: before, a member is NEAR, and waits for what a longer run goes on from to be noted.
RUNNING, FINISHED, STOPPED, UNDERFLOW, NEAR = 0, 1, 2, 3, 4
STATUS, ROW, ACCEPTED, TRAIL, FOUND, REJECTED, MARKED = 0, 1, 2, 3, 4, 5, 6
# In clock: the time, the next step, the error of the last accepted one, and what rounding took off the time.
NOW, STEP, ERROR, LOW = 0, 1, 2, 3


@jit(f"float64({V}, {V})")
def norm(x, scale):
    """The root mean square of x / scale."""
    total = 0.0
    for i in range(x.size):
        total += (x[i] / scale[i]) ** 2
    return np.sqrt(total / x.size)


@jit(f"boolean({I}, {I}, {V}, {V}, {V}, {V}, float64)")
def anywhere(sizes, ints, q, v, params, inputs, t):
    """The projection of a system without constraints."""
    return True


@jit("boolean(float64, float64)")
def reaches(left, h):
    """Whether a step h comes to the end, or hardly less far, where ``left`` is what there is to it."""
    return abs(h) >= abs(left) * (1.0 - 1e-10)


@jit(f"float64({KERNEL}, int64, {I}, {I}, {V}, {V}, {V}, {V}, float64, float64, {V}, {V}, float64, {I})")
def first_step(acceleration, order, sizes, ints, y, f, params, row, t, t_end, rtol, atol, max_step, tally):
    """The size of the first step (II.4, Starting Step Size); NEAR in ``tally`` where the end has a say in it."""
    n = y.size
    scale, moved, f1 = np.empty(n), np.empty(n), np.empty(n)
    for i in range(n):
        scale[i] = atol[i] + rtol[i] * abs(y[i])
    span = min(abs(t_end - t), max_step)
    ahead = 1.0 if t_end > t else -1.0
    d0, d1 = norm(y, scale), norm(f, scale)
    h0 = 1e-6 if d0 < 1e-5 or d1 < 1e-5 else 0.01 * d0 / d1
    near = h0 > abs(t_end - t)
    h0 = min(span, h0)
    for i in range(n):
        moved[i] = y[i] + ahead * h0 * f[i]
    acceleration(sizes, ints, moved[: n // 2], moved[n // 2 :], params, row, t + ahead * h0, f1[n // 2 :])
    for i in range(n):
        f1[i] = (f1[i] if i >= n // 2 else moved[n // 2 + i]) - f[i]
    d2 = norm(f1, scale) / h0
    if d1 <= 1e-15 and d2 <= 1e-15:
        h1 = max(1e-6, 1e-3 * h0)
    else:
        h1 = (0.01 / max(d1, d2)) ** (1.0 / order)
    h = min(100.0 * h0, h1, span)
    h = ahead * (h if h > 0.0 else h0)
    last = reaches(t_end - t, h)
    if near or last:
        tally[STATUS] = NEAR
    return t_end - t if last else h


@jit(
    f"void(int64, int64, {KERNEL}, {KERNEL}, int64, {I}, {I}, {M}, {T}, {M}, {M}, {M}, {M}, {J}, float64, {V}, {V}, "
    "float64)"
)
def begin(
    start, stop, acceleration, events, order, sizes, ints, params, inputs, y, f, clock, values, counts, t_end, rtol,
    atol, max_step,
):  # fmt: skip
    """The slopes ``f`` and the events' ``values`` at the initial states, and the first steps, of members that have made
    no step yet."""
    n = y.shape[1] // 2
    for s in range(start, stop):
        if counts[s, ACCEPTED] > 0:
            continue
        own = params[s if params.shape[0] > 1 else 0]
        row = inputs[s if inputs.shape[0] > 1 else 0, 0]
        for i in range(n):
            f[s, i] = y[s, n + i]
        acceleration(sizes, ints, y[s, :n], y[s, n:], own, row, clock[s, NOW], f[s, n:])
        clock[s, STEP] = first_step(
            acceleration,
            order,
            sizes,
            ints,
            y[s],
            f[s],
            own,
            row,
            clock[s, NOW],
            t_end,
            rtol,
            atol,
            max_step,
            counts[s],
        )
        clock[s, ERROR] = 1.0
        if values.shape[1] > 0:
            events(sizes, ints, y[s, :n], y[s, n:], own, row, clock[s, NOW], values[s])


@jit(f"void({V}, {M}, float64, {V})")
def dense(y, F, x, out):
    """The state at the fraction x of a step that began at y."""
    for i in range(y.size):
        total = 0.0
        for c in range(F.shape[0] - 1, -1, -1):
            total = (total + F[c, i]) * (1.0 - x if c % 2 else x)
        out[i] = y[i] + total


@jit(
    f"float64({KERNEL}, {I}, {I}, {V}, {V}, {V}, float64, float64, {M}, int64, float64, float64, float64, float64, "
    f"{V}, {V})"
)
def root(events, sizes, ints, params, row, y, t, h, F, k, a, fa, b, fb, state, values):
    """Where event k, of opposite sign at the fractions a and b of a step, vanishes (Brent's method)."""
    n = y.size // 2
    c, fc = a, fa
    d = e = b - a
    # A time is known to its own rounding, or to that of the fraction.
    rounding = 2.0**-52 * max(1.0, abs(t / h))
    for _ in range(200):
        if (fb > 0.0) == (fc > 0.0):
            c, fc = a, fa
            d = e = b - a
        if abs(fc) < abs(fb):
            a, b, c = b, c, b
            fa, fb, fc = fb, fc, fb
        middle = 0.5 * (c - b)
        if abs(middle) <= rounding or fb == 0.0:
            break
        if abs(e) >= rounding and abs(fa) > abs(fb):
            r = fb / fa
            if a == c:
                p, q = 2.0 * middle * r, 1.0 - r
            else:
                u, w = fa / fc, fb / fc
                p = r * (2.0 * middle * u * (u - w) - (b - a) * (w - 1.0))
                q = (u - 1.0) * (w - 1.0) * (r - 1.0)
            if p > 0.0:
                q = -q
            p = abs(p)
            if 2.0 * p < min(3.0 * middle * q - abs(rounding * q), abs(e * q)):
                e, d = d, p / q
            else:
                d = e = middle
        else:
            d = e = middle
        a, fa = b, fb
        b += d if abs(d) > rounding else (rounding if middle > 0.0 else -rounding)
        dense(y, F, b, state)
        events(sizes, ints, state[:n], state[n:], params, row, t + b * h, values)
        fb = values[k]
    return b


@jit(f"float64({KERNEL}, {I}, {I}, {V}, {V}, float64, float64, {V}, {M}, {V}, {J}, {M}, {I}, {V}, {V}, {V})")
def find_events(events, sizes, ints, params, row, t, h, y, F, values, kinds, found, counts, state, now, ends):
    """Events in a step, in order of time: rows (event, time, state) of ``found``.

    ``values`` are those at the start of the step, and at its end afterwards. ``kinds`` has a row an event: the
    direction of change it asks for (0: either), and how many it takes until the integration stops (-1: never).
    Returns the fraction of the step at which the integration stops, 2 if it does not.
    """
    n, total = y.size // 2, values.size
    for part in range(PARTS):
        a, b = part / PARTS, (part + 1) / PARTS
        dense(y, F, b, state)
        events(sizes, ints, state[:n], state[n:], params, row, t + b * h, now)
        pending = 0
        for k in range(total):
            # From a value that is not zero: an event at the start of the integration is none.
            rises, falls = values[k] < 0.0 <= now[k], values[k] > 0.0 >= now[k]
            ends[k] = 2.0
            if (rises and kinds[k, 0] >= 0) or (falls and kinds[k, 0] <= 0):
                ends[k] = b
                if now[k] != 0.0:
                    ends[k] = root(
                        events, sizes, ints, params, row, y, t, h, F, k, a, values[k], b, now[k], state, ends[total:]
                    )
                pending += 1
        for _ in range(pending):
            first = 0
            for k in range(1, total):
                if ends[k] < ends[first]:
                    first = k
            x = ends[first]
            ends[first] = 2.0
            place = counts[FOUND]
            found[place, 0], found[place, 1] = first, t + x * h
            dense(y, F, x, found[place, 2:])
            counts[FOUND] += 1
            if kinds[first, 1] > 0:
                kinds[first, 1] -= 1
                if kinds[first, 1] == 0:
                    return x
        # From a zero no way on is a change of sign: what reaches zero is one event, not two.
        for k in range(total):
            values[k] = now[k]
    return 2.0


@jit(
    f"void(int64, int64, int64, {ATTEMPT}, {INTERPOLATE}, {PROJECT}, {KERNEL}, {KERNEL}, UniTuple(int64, 5), {I}, {I}, "
    f"{M}, {T}, {M}, {M}, {M}, {M}, {J}, {V}, {T}, {M}, {IT}, {T}, {T}, float64, {V}, {V}, float64)"
)
def advance(
    start, stop, attempts, attempt, interpolate, project, acceleration, events, method, sizes, ints, params, inputs, y,
    low, f, clock, counts, times, out, values, kinds, found, trail, t_end, rtol, atol, max_step,
):  # fmt: skip
    """Up to ``attempts`` steps of every member start..stop-1, in place.

    ``method`` has its order, its stages, its slopes with those of the dense output, the coefficients of that, and
    whether each step is to be projected.
    ``low`` is what rounding took off ``y``: errors of rounding then do not add up.
    ``inputs`` has a row a stage for each member where they vary (then one attempt a call), else one row. States
    at ``times`` go to ``out``; ``trail`` keeps what each accepted step began with, ``(t, h, y)``, and its dense
    output if there is room for it, ``(t, h, y, F)``.
    """
    n = y.shape[1]
    order, stages, slopes, degree, constrained = method
    K, F = np.empty((slopes, n)), np.empty((degree, n))
    ahead, rest, work = np.empty(n), np.empty(n), np.empty(n)
    kept, total = trail.shape[2], values.shape[1]
    now, ends = np.empty(total), np.empty(2 * total)
    for s in range(start, stop):
        own, at, tally = params[s if params.shape[0] > 1 else 0], clock[s], counts[s]
        rows = inputs[s if inputs.shape[0] > 1 else 0]
        state, lost = y[s], low[s]
        for i in range(n):
            K[0, i] = f[s, i]
        for _ in range(attempts):
            if tally[STATUS] != RUNNING or (kept > 0 and tally[TRAIL] == trail.shape[1]):
                break
            if total > 0 and found.shape[1] - tally[FOUND] < PARTS * total:
                break
            t, h = at[NOW], at[STEP]
            left = (t_end - t) - at[LOW]
            if tally[MARKED] == 1 and reaches(left, h):
                h = left
            last = h == left
            if not last and abs(h) < 8.0 * 2.0**-52 * max(abs(t), 1e-280):
                tally[STATUS] = UNDERFLOW
                break
            error = attempt(
                acceleration, sizes, ints, own, rows, t, h, state, lost, K, ahead, rest, work, rtol, atol
            )  # fmt: skip
            if not error < 1.0:
                at[STEP] = h * (max(SMALLEST, SAFETY * error ** (-1.0 / order)) if error < np.inf else SMALLEST)
                tally[REJECTED] = 1
                continue
            after, off = (t_end, 0.0) if last else two_sum(t, h + at[LOW])
            if constrained:
                row = rows[stages if rows.shape[0] > 1 else 0]
                if not project(sizes, ints, ahead[: n // 2], ahead[n // 2 :], own, row, after):
                    at[STEP] = h * SMALLEST
                    tally[REJECTED] = 1
                    continue
                for i in range(n):
                    rest[i] = 0.0
                for i in range(n // 2):
                    K[stages, i] = ahead[n // 2 + i]
                acceleration(sizes, ints, ahead[: n // 2], ahead[n // 2 :], own, row, after, K[stages, n // 2 :])
            upto = tally[ROW]
            while upto < times.size and (times[upto] - after) * h <= 0.0:
                upto += 1
            if total > 0 or kept > 2 + n or (upto > tally[ROW] and times[tally[ROW]] != after):
                interpolate(acceleration, sizes, ints, own, rows, t, h, state, K, ahead, work, F)
            if kept > 0:
                place = trail[s, tally[TRAIL]]
                place[0], place[1] = t, h
                for i in range(n):
                    place[2 + i] = state[i]
                if kept > 2 + n:
                    for c in range(degree):
                        for i in range(n):
                            place[2 + (c + 1) * n + i] = F[c, i]
                tally[TRAIL] += 1
            end = 2.0
            if total > 0:
                end = find_events(
                    events, sizes, ints, own, rows[0], t, h, state, F, values[s], kinds[s], found[s], tally, work,
                    now, ends,
                )  # fmt: skip
            while tally[ROW] < upto:
                time = times[tally[ROW]]
                x = (time - t) / h
                if x > end:
                    break
                if time == after:
                    for i in range(n):
                        out[s, tally[ROW], i] = ahead[i]
                else:
                    dense(state, F, x, out[s, tally[ROW]])
                tally[ROW] += 1
            tally[ACCEPTED] += 1
            if end <= 1.0:
                dense(state, F, end, work)
                for i in range(n):
                    state[i], lost[i] = work[i], 0.0
                at[NOW], at[LOW] = t + end * h, 0.0
                tally[STATUS] = STOPPED
                break
            for i in range(n):
                state[i], lost[i] = ahead[i], rest[i]
                K[0, i] = K[stages, i]
            at[NOW], at[LOW] = after, off
            if last:
                tally[STATUS] = FINISHED
                break
            factor = LARGEST
            if error > 0.0:
                factor = SAFETY * error ** (-THIS / order) * at[ERROR] ** (-LAST / order)
                factor = min(1.0 if tally[REJECTED] else LARGEST, max(SMALLEST, factor))
            tally[REJECTED] = 0
            at[ERROR] = max(error, 1e-4)
            size = min(abs(h) * factor, max_step)
            at[STEP] = size if h > 0.0 else -size
            if reaches((t_end - after) - off, size):
                if tally[MARKED] == 0:
                    tally[STATUS] = NEAR
                    break
                at[STEP] = (t_end - after) - off
        for i in range(n):
            f[s, i] = K[0, i]
