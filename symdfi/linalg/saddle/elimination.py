"""A saddle-point matrix in a band, for LU with partial pivoting. Run from the kernel cache, not imported.

Row k of the band holds A[k, k - width .. k + 2 width]: the last ``width`` are room for what pivoting fills in. A plan
is that of ``ordering.plan``.
"""

import numpy as np

from symdfi.compile.source.runtime import jit
from symdfi.linalg.structured import load

eliminate, substitute = load("pivoted").eliminate, load("pivoted").substitute

V, P, B = "float64[::1]", "int64[::1]", "float64[:, ::1]"
HEAD = 5
#: See ``reach``.
FLOOR = 2.0**-13


@jit(f"void({P}, {V}, {V}, {V})")
def scales(plan, mass, jacobian, scale):
    """The factors of the unknowns that make the largest entries of every row of M and of G one.

    A coordinate is measured by its mass, a multiplier by the constraint's reach; massless ones by the constraints.
    """
    n, m, n_mass, n_jacobian = plan[0], plan[1], plan[3], plan[4]
    at = HEAD + n + m
    rows, columns = plan[at : at + n_mass], plan[at + n_mass : at + 2 * n_mass]
    at += 2 * n_mass
    own, moved = plan[at : at + n_jacobian], plan[at + n_jacobian : at + 2 * n_jacobian]
    scale[:] = 0.0
    for e in range(n_mass):
        if rows[e] >= 0 and columns[e] >= 0 and rows[e] == columns[e]:
            scale[rows[e]] += mass[e]
    for k in range(n):
        scale[k] = 1.0 / np.sqrt(abs(scale[k])) if scale[k] != 0.0 else 0.0
    for turn in range(2):
        largest = np.zeros(n + m)
        for e in range(n_jacobian):
            if own[e] >= 0 and moved[e] >= 0:
                largest[n + own[e]] = max(largest[n + own[e]], abs(jacobian[e]) * scale[moved[e]])
        for k in range(n, n + m):
            if scale[k] == 0.0 and largest[k] > 0.0:
                scale[k] = 1.0 / largest[k]
        for e in range(n_jacobian):
            if own[e] >= 0 and moved[e] >= 0:
                largest[moved[e]] = max(largest[moved[e]], abs(jacobian[e]) * scale[n + own[e]])
        for k in range(n):
            if scale[k] == 0.0 and largest[k] > 0.0:
                scale[k] = 1.0 / largest[k]
        if turn == 0:
            # Constraints among massless coordinates alone: in the units they come in.
            for k in range(n):
                if scale[k] == 0.0:
                    scale[k] = 1.0
    for k in range(n, n + m):
        if scale[k] == 0.0:
            scale[k] = 1.0


@jit(f"void({P}, {V}, {V}, {V}, {V}, {B})")
def fill(plan, mass, jacobian, lower, scale, band):
    """The scaled matrix [[M, Gᵀ], [H, 0]], G = ``jacobian`` and H = ``lower`` of one pattern."""
    n, m, width, n_mass, n_jacobian = plan[0], plan[1], plan[2], plan[3], plan[4]
    place = plan[HEAD : HEAD + n + m]
    at = HEAD + n + m
    rows, columns = plan[at : at + n_mass], plan[at + n_mass : at + 2 * n_mass]
    at += 2 * n_mass
    own, moved = plan[at : at + n_jacobian], plan[at + n_jacobian : at + 2 * n_jacobian]
    band[:, :] = 0.0
    for e in range(n_mass):
        r, c = rows[e], columns[e]
        if r >= 0 and c >= 0:
            band[place[r], place[c] - place[r] + width] += mass[e] * scale[r] * scale[c]
    for e in range(n_jacobian):
        if own[e] >= 0 and moved[e] >= 0:
            r, c = n + own[e], moved[e]
            factor = scale[r] * scale[c]
            band[place[c], place[r] - place[c] + width] += jacobian[e] * factor
            band[place[r], place[c] - place[r] + width] += lower[e] * factor


@jit(f"boolean({P}, {V}, {V}, {V}, {V})")
def solve(plan, mass, jacobian, lower, x):
    """Overwrite x with the solution of [[M, Gᵀ], [H, 0]] x = x, H = ``lower``; False, and NaN, where it is singular."""
    n, m, width = plan[0], plan[1], plan[2]
    size = n + m
    place = plan[HEAD : HEAD + size]
    scale, b = np.empty(size), np.empty(size)
    band = np.empty((size, 3 * width + 1))
    scales(plan, mass, jacobian, scale)
    fill(plan, mass, jacobian, lower, scale, band)
    for k in range(size):
        b[place[k]] = x[k] * scale[k]
    # Without a border, and without room for one.
    columns, rows, corner, tail = np.empty((size, 0)), np.empty((0, size)), np.empty((0, 0)), np.empty(0)
    regular = eliminate(width, 0, band, columns, rows, corner, corner, b, tail) == 0
    if regular:
        substitute(width, 0, band, columns, b, tail)
    for k in range(size):
        x[k] = b[place[k]] * scale[k] if regular else np.nan
    return regular


@jit(f"void({P}, {V}, {V}, {V})")
def apply_transposed(plan, jacobian, multipliers, out):
    """out = Gᵀλ."""
    n, m, n_mass, n_jacobian = plan[0], plan[1], plan[3], plan[4]
    at = HEAD + n + m + 2 * n_mass
    out[:] = 0.0
    for e in range(n_jacobian):
        i, k = plan[at + e], plan[at + n_jacobian + e]
        if i >= 0 and k >= 0:
            out[k] += jacobian[e] * multipliers[i]


@jit(f"void({P}, {V}, {V}, {V})")
def reach(plan, jacobian, x, out):
    """Of each constraint Σ|G| max|x| over the unknowns in it: what rounding in x does to it is measured by that.

    Unknowns that are held at zero count as FLOOR of the largest of all: they are sums of what cancels.
    """
    n, m, n_mass, n_jacobian = plan[0], plan[1], plan[3], plan[4]
    at = HEAD + n + m + 2 * n_mass
    largest = np.zeros(m)
    out[:] = 0.0
    for e in range(n_jacobian):
        i, k = plan[at + e], plan[at + n_jacobian + e]
        if i >= 0 and k >= 0:
            out[i] += abs(jacobian[e])
            largest[i] = max(largest[i], abs(x[k]))
    least = 0.0
    for k in range(x.size):
        least = max(least, FLOOR * abs(x[k]))
    for i in range(m):
        out[i] *= max(largest[i], least)
