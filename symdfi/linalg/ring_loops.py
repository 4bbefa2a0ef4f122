"""Block LU of a ring, in the order of its nodes. Run from the kernel cache, not imported.

Node k, once those before it are eliminated, meets the next one and the last one n:

    S_k x_k + U_k x_{k+1} + C_k x_n = y_k,    and in row n    R_k x_k,

of which I_k = S_k⁻¹, W_k = I_k U_k, Z_k = I_k C_k and R_k are kept. Pivots are sought within a node alone.
"""

import numpy as np

from symdfi.compile.source.runtime import borrowing, jit

V, M, T = "float64[::1]", "float64[:, ::1]", "float64[:, :, ::1]"


@borrowing(f"void({M}, {M}, float64, {M})")
def add_product(a, b, factor, c):
    """c += factor a b, by four rows of b at once."""
    d = a.shape[0]
    whole = d - d % 4
    for i in range(d):
        for k in range(0, whole, 4):
            one, two = factor * a[i, k], factor * a[i, k + 1]
            three, four = factor * a[i, k + 2], factor * a[i, k + 3]
            for j in range(d):
                c[i, j] += (one * b[k, j] + two * b[k + 1, j]) + (three * b[k + 2, j] + four * b[k + 3, j])
        for k in range(whole, d):
            own = factor * a[i, k]
            for j in range(d):
                c[i, j] += own * b[k, j]


@borrowing(f"void({M}, {M}, float64, {M})")
def put_product(a, b, factor, c):
    """c = factor a b."""
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            c[i, j] = 0.0
    add_product(a, b, factor, c)


@borrowing(f"void({M}, {M})")
def copy(a, b):
    """b = a."""
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            b[i, j] = a[i, j]


@borrowing(f"float64({M}, {V})")
def invert(a, swapped):
    """a becomes a⁻¹, by Gauss–Jordan with row pivots. Its largest entry, infinite if a is singular."""
    d = a.shape[0]
    for k in range(d):
        best = k
        for i in range(k + 1, d):
            if abs(a[i, k]) > abs(a[best, k]):
                best = i
        swapped[k] = best
        if best != k:
            for j in range(d):
                a[k, j], a[best, j] = a[best, j], a[k, j]
        if not abs(a[k, k]) > 0.0:
            return np.inf
        pivot = 1.0 / a[k, k]
        a[k, k] = 1.0
        for j in range(d):
            a[k, j] *= pivot
        for i in range(d):
            factor = a[i, k]
            if i != k and factor != 0.0:
                a[i, k] = 0.0
                for j in range(d):
                    a[i, j] -= factor * a[k, j]
    for k in range(d - 1, -1, -1):
        other = int(swapped[k])
        if other != k:
            for i in range(d):
                a[i, k], a[i, other] = a[i, other], a[i, k]
    largest = 0.0
    for i in range(d):
        for j in range(d):
            largest = max(largest, abs(a[i, j]))
            if not np.isfinite(a[i, j]):
                return np.inf
    return largest


@borrowing(f"float64({T}, {T}, {T}, {T}, {T}, {T}, {T}, {T})")
def factor_in(lower, diagonal, upper, inverse, ahead, across, back, work):
    n, d = diagonal.shape[0] - 1, diagonal.shape[1]
    corner, end, swapped = work[0], inverse[n], work[1, 0]
    copy(diagonal[0], inverse[0])
    copy(lower[0], corner)
    copy(upper[n], back[0])
    copy(diagonal[n], end)  # from which all others take something
    largest = 0.0
    for k in range(n):
        if k == n - 1:
            for i in range(d):
                for j in range(d):
                    corner[i, j] += upper[k, i, j]
                    back[k, i, j] += lower[n, i, j]
        largest = max(largest, invert(inverse[k], swapped))
        if not largest < np.inf:
            return np.inf
        put_product(inverse[k], corner, 1.0, across[k])
        add_product(back[k], across[k], -1.0, end)
        if k < n - 1:
            put_product(inverse[k], upper[k], 1.0, ahead[k])
            copy(diagonal[k + 1], inverse[k + 1])
            add_product(lower[k + 1], ahead[k], -1.0, inverse[k + 1])
            put_product(lower[k + 1], across[k], -1.0, corner)
            put_product(back[k], ahead[k], -1.0, back[k + 1])
    return max(largest, invert(end, swapped))


@jit(f"float64({T}, {T}, {T}, {T}, {T}, {T}, {T})")
def factor(lower, diagonal, upper, inverse, ahead, across, back):
    """The factors of a ring of three nodes or more. Returns the largest entry of the inverses of pivots."""
    d = diagonal.shape[1]
    return factor_in(lower, diagonal, upper, inverse, ahead, across, back, np.empty((2, d, d)))


@borrowing(f"void({M}, {V}, {V})")
def subtract(a, x, y):
    """y −= a x."""
    for i in range(a.shape[0]):
        total = 0.0
        for j in range(a.shape[1]):
            total += a[i, j] * x[j]
        y[i] -= total


@borrowing(f"void({M}, {V}, {V})")
def subtract_transposed(a, x, y):
    """y −= aᵀ x."""
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            y[j] -= a[i, j] * x[i]


@borrowing(f"void({T}, {T}, {T}, {T}, {T}, {M}, {V})")
def solve_in(lower, inverse, ahead, across, back, x, room):
    n, d = x.shape[0] - 1, x.shape[1]
    for k in range(n):
        for i in range(d):
            room[i] = 0.0
        subtract(inverse[k], x[k], room)
        for i in range(d):
            x[k, i] = -room[i]
        if k < n - 1:
            subtract(lower[k + 1], x[k], x[k + 1])
        subtract(back[k], x[k], x[n])
    for i in range(d):
        room[i] = 0.0
    subtract(inverse[n], x[n], room)
    for i in range(d):
        x[n, i] = -room[i]
    for k in range(n - 1, -1, -1):
        subtract(across[k], x[n], x[k])
        if k < n - 1:
            subtract(ahead[k], x[k + 1], x[k])


@borrowing(f"void({T}, {T}, {T}, {T}, {T}, {M}, {V})")
def solve_transposed_in(lower, inverse, ahead, across, back, x, room):
    n, d = x.shape[0] - 1, x.shape[1]
    for k in range(n):
        if k > 0:
            subtract_transposed(ahead[k - 1], x[k - 1], x[k])
        subtract_transposed(across[k], x[k], x[n])
    for k in range(n, -1, -1):
        if k < n - 1:
            subtract_transposed(lower[k + 1], x[k + 1], x[k])
        if k < n:
            subtract_transposed(back[k], x[n], x[k])
        for i in range(d):
            room[i] = 0.0
        subtract_transposed(inverse[k], x[k], room)
        for i in range(d):
            x[k, i] = -room[i]


@borrowing(f"void({T}, {T}, {T}, boolean, {M}, {M})")
def residual(lower, diagonal, upper, transposed, x, r):
    """r −= A x, or Aᵀ x."""
    count = x.shape[0]
    for k in range(count):
        before, after = (k - 1 if k > 0 else count - 1), (k + 1 if k < count - 1 else 0)
        if transposed:
            subtract_transposed(diagonal[k], x[k], r[k])
            subtract_transposed(lower[k], x[k], r[before])
            subtract_transposed(upper[k], x[k], r[after])
        else:
            subtract(diagonal[k], x[k], r[k])
            subtract(lower[k], x[before], r[k])
            subtract(upper[k], x[after], r[k])


@jit(f"void({T}, {T}, {T}, {T}, {T}, {T}, {T}, boolean, {M}, {M})")
def solve(lower, diagonal, upper, inverse, ahead, across, back, transposed, b, x):
    """x = A⁻¹ b, or A⁻ᵀ b, with a step of iterative refinement."""
    room, r = np.empty(b.shape[1]), b.copy()
    x[:] = b
    for repeat in range(2):
        if repeat > 0:
            residual(lower, diagonal, upper, transposed, x, r)
        own = r if repeat > 0 else x
        if transposed:
            solve_transposed_in(lower, inverse, ahead, across, back, own, room)
        else:
            solve_in(lower, inverse, ahead, across, back, own, room)
        if repeat > 0:
            for k in range(x.shape[0]):
                for i in range(x.shape[1]):
                    x[k, i] += r[k, i]


@jit(f"float64({T}, {T}, {T})")
def norm(lower, diagonal, upper):
    """‖A‖₁."""
    count, d, largest = diagonal.shape[0], diagonal.shape[1], 0.0
    sums = np.empty(d)
    for k in range(count):
        before, after = (k - 1 if k > 0 else count - 1), (k + 1 if k < count - 1 else 0)
        sums[:] = 0.0
        for i in range(d):
            for j in range(d):
                sums[j] += abs(diagonal[k, i, j]) + abs(lower[after, i, j]) + abs(upper[before, i, j])
        for j in range(d):
            if not sums[j] <= largest:
                largest = sums[j]  # not a number, too
    return largest
