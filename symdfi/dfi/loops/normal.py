"""Normal equations of a problem's rows, block by block: J is never in memory as a whole. Run from the kernel cache, not
imported.

Samples are divided into groups, each with sums of its own, and groups into blocks. Threads take groups; what is added
to what depends on the division alone, so results are the same to the last bit for any number of threads. BLAS is called
by address, without the interpreter's lock, and is to run on one thread.

Columns of J that share no row with others make a diagonal block of J^T J. What BLAS takes at once of a block's rows is
a strip (row, step, column, width, place): of the rows row, row + step, ... the entries from column on, and the place of
the block in the sums, where blocks (width, width) lie after one another.
"""

import numpy as np

from symdfi.compile.source.runtime import jit
from symdfi.linalg import lapack, subnormals

_control = subnormals.control_word()
read, write = _control.read, _control.write
syrk, gemv = lapack.syrk, lapack.gemv

I, S, V, M, W = "int64[::1]", "int64[:, ::1]", "float64[::1]", "float64[:, ::1]", "boolean[::1]"
#: J and f of samples start..stop-1: (start, stop, sizes, points, roots, theta, params, t, J, f).
ROWS = f"FunctionType(void(int64, int64, {I}, {M}, {M}, {V}, {V}, float64, {M}, {M}))"
FLUSH, KEEP = np.uint32(subnormals.FLUSH), np.uint32(~subnormals.FLUSH & 0xFFFFFFFF)
LOWER, PLAIN, TRANSPOSED = ord("L"), ord("N"), ord("T")


@jit(f"void(uint8, float64, {V}, int64, int64, int64, {V}, float64, {V}, int64)")
def strip_multiplied(kind, alpha, a, width, lead, count, x, beta, y, step):
    """y = alpha A x + beta y for A (width, count) by columns ``lead`` apart, or its transpose; of the vector with an
    entry a column of A every ``step``-th entry counts."""
    trans, rows, columns = np.array([kind], np.uint8), np.array([width], np.int32), np.array([count], np.int32)
    apart, factors = np.array([lead], np.int32), np.array([alpha, beta])
    along, onto = np.array([1], np.int32), np.array([1], np.int32)
    if kind == PLAIN:
        along[0] = step
    else:
        onto[0] = step
    gemv(
        trans.ctypes, rows.ctypes, columns.ctypes, factors.ctypes, a.ctypes, apart.ctypes, x.ctypes, along.ctypes,
        factors[1:].ctypes, y.ctypes, onto.ctypes,
    )  # fmt: skip


@jit(f"void({V}, int64, int64, int64, {V})")
def strip_squared(a, width, lead, count, gram):
    """G = A A^T + G, its lower triangle, for A (width, count) by columns ``lead`` apart and G (width, width)."""
    lower, plain = np.array([LOWER], np.uint8), np.array([PLAIN], np.uint8)
    order, columns, apart = np.array([width], np.int32), np.array([count], np.int32), np.array([lead], np.int32)
    factor = np.array([1.0])
    syrk(
        lower.ctypes, plain.ctypes, order.ctypes, columns.ctypes, factor.ctypes, a.ctypes, apart.ctypes,
        factor.ctypes, gram.ctypes, order.ctypes,
    )  # fmt: skip


@jit(f"void(uint8, float64, {V}, {V}, float64, {V}, int64)")
def multiplied(kind, alpha, a, x, beta, y, p):
    """y = alpha A x + beta y for A (p, n) by columns, or its transpose."""
    strip_multiplied(kind, alpha, a, p, p, a.size // p, x, beta, y, 1)


@jit(f"void({V}, {V}, int64)")
def squared(a, gram, p):
    """G = A A^T + G, its lower triangle, for A (p, n) and G (p, p), both by columns."""
    strip_squared(a, p, p, a.size // p, gram)


@jit(f"boolean({V})")
def finite(x):
    """Zeros add up to zero, infinities and NaN times zero do not."""
    total = 0.0
    for k in range(x.size):
        total += 0.0 * x[k]
    return total == 0.0


@jit(f"void(int64, int64, {ROWS}, {I}, {M}, {M}, {V}, {V}, float64, {V}, {S}, {I}, int64, {M}, {M}, {W})")
def accumulate(
    start, stop, rows, sizes, points, roots, theta, params, t, target, strips, ends, block, grams, gradients, sound
):  # fmt: skip
    """J^T J, of every block the lower triangle by columns, and J^T (f - J target) of the groups start..stop-1; samples
    ends[g]..ends[g+1]-1 are group g's. ``sound`` says whether J^T J and f are finite."""
    if start == stop:
        return
    p, fields = theta.size, roots.shape[1]
    jacobian, right = np.empty((block, fields * p)), np.empty((block, fields))
    moving = False
    for k in range(p):
        moving = moving or target[k] != 0.0
    word = read()
    for g in range(start, stop):
        gram, gradient = grams[g], gradients[g]
        gram[:] = 0.0  # not by a factor 0 in BLAS, with which NaN may stay what it is
        gradient[:] = 0.0
        sound[g] = True
        for begin in range(ends[g], ends[g + 1], block):
            count = min(block, ends[g + 1] - begin)
            here = slice(begin, begin + count)
            write(word & KEEP)
            rows(0, count, sizes, points[here], roots[here], theta, params, t, jacobian[:count], right[:count])
            write(word | FLUSH)
            a, r = jacobian[:count].reshape(count * fields * p), right[:count].reshape(count * fields)
            sound[g] = sound[g] and finite(r)
            for k in range(strips.shape[0]):
                row, step, column, width, place = strips[k]
                here_a, here_r, number = a[row * p + column :], r[row:], count * fields // step
                if moving:
                    strip_multiplied(
                        TRANSPOSED, -1.0, here_a, width, step * p, number, target[column:], 1.0, here_r, step
                    )  # fmt: skip
                strip_multiplied(PLAIN, 1.0, here_a, width, step * p, number, here_r, 1.0, gradient[column:], step)
                strip_squared(here_a, width, step * p, number, gram[place:])
        # An entry of J that is not finite always reaches the diagonal.
        for k in range(strips.shape[0]):
            width, place = strips[k, 3:]
            for i in range(width):
                sound[g] = sound[g] and np.isfinite(gram[place + i * (width + 1)])
    write(word)


@jit(f"void(int64, int64, {ROWS}, {I}, {M}, {M}, {V}, {V}, float64, {V}, {I}, int64, {M})")
def pull(start, stop, rows, sizes, points, roots, theta, params, t, r, ends, block, gradients):
    """J^T r of the groups start..stop-1, from r (n,) of all rows."""
    if start == stop:
        return
    p, fields = theta.size, roots.shape[1]
    jacobian, right = np.empty((block, fields * p)), np.empty((block, fields))
    word = read()
    for g in range(start, stop):
        gradient = gradients[g]
        gradient[:] = 0.0
        for begin in range(ends[g], ends[g + 1], block):
            count = min(block, ends[g + 1] - begin)
            here = slice(begin, begin + count)
            write(word & KEEP)
            rows(0, count, sizes, points[here], roots[here], theta, params, t, jacobian[:count], right[:count])
            write(word | FLUSH)
            own = r[begin * fields : (begin + count) * fields]
            multiplied(PLAIN, 1.0, jacobian[:count].reshape(count * fields * p), own, 1.0, gradient, p)
    write(word)


@jit(f"void(int64, int64, {M}, int64, {M})")
def total(start, stop, grams, place, gram):
    """The sum over groups, in their order, of columns start..stop-1 of the block at ``place``."""
    p = gram.shape[0]
    for j in range(start, stop):
        here = place + j * p
        gram[j, j:] = grams[0, here + j : here + p]
        for g in range(1, grams.shape[0]):
            for i in range(j, p):
                gram[j, i] += grams[g, here + i]
