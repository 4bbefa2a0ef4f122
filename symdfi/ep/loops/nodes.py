"""Between the nodes of a path and the points of its intervals. Run from the kernel cache, not imported."""

import numpy as np

from symdfi.compile.source.runtime import borrowing

V, M, T = "float64[::1]", "float64[:, ::1]", "float64[:, :, ::1]"


@borrowing(f"void({M}, int64, {M}, {M}, float64, {M}, {M})")
def points(path, steps, values, slopes, h, q, v):
    """Values and slopes of a path at the points of all intervals, (steps s, d)."""
    count, m, d = values.shape[0], values.shape[1] - 1, path.shape[1]
    for k in range(steps):
        for s in range(count):
            row = k * count + s
            for i in range(d):
                q[row, i], v[row, i] = 0.0, 0.0
            for a in range(m + 1):
                f, g = values[s, a], slopes[s, a] / h
                for i in range(d):
                    q[row, i] += f * path[k * m + a, i]
                    v[row, i] += g * path[k * m + a, i]


@borrowing(f"void({M}, int64, {M}, {M}, {V}, float64, {M})")
def gather(rows, steps, values, slopes, weights, h, total):
    """Adds Σ_s h b_s (φ_sa G + φ'_sa P/h), with G and P in a row a point, to the rows of the nodes a."""
    count, m, d = values.shape[0], values.shape[1] - 1, total.shape[1]
    for k in range(steps):
        for s in range(count):
            row = k * count + s
            for a in range(m + 1):
                f, g = h * weights[s] * values[s, a], weights[s] * slopes[s, a]
                for i in range(d):
                    total[k * m + a, i] += f * rows[row, i] + g * rows[row, d + i]


@borrowing(f"void({M}, {M}, {M}, {M}, {T}, float64, int64[::1], {T})")
def couple(qq, qv, vq, vv, couplings, h, places, out):
    """The derivatives of the equations of an interval's nodes by them, (steps, pairs of nodes, kept entries)."""
    count, pairs = couplings.shape[1], couplings.shape[2]
    for k in range(out.shape[0]):
        for c in range(pairs):
            for e in range(places.size):
                out[k, c, e] = 0.0
            for s in range(count):
                row = k * count + s
                a, b = h * couplings[0, s, c], couplings[1, s, c]
                f, g = couplings[2, s, c], couplings[3, s, c] / h
                for e in range(places.size):
                    at = np.uint64(places[e])
                    out[k, c, e] += (a * qq[row, at] + b * qv[row, at]) + (f * vq[row, at] + g * vv[row, at])
