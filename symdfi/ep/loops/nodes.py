"""Between the nodes of a path and the points of its intervals. Run from the kernel cache, not imported."""

import numpy as np

from symdfi.compile.source.runtime import borrowing, restricted

U = np.uint64
V, M, T = "float64[::1]", "float64[:, ::1]", "float64[:, :, ::1]"


@borrowing(f"void({M}, int64, {M}, {M}, float64, {M}, {M})")
def points(path, steps, values, slopes, h, q, v):
    """Values and slopes of a path at the points of all intervals, (steps s, d)."""
    restricted()
    count, m, d = values.shape[0], values.shape[1] - 1, path.shape[1]
    if count == 1 and m == 1:  # all intervals in one loop
        a, b, f, g = values[0, 0], values[0, 1], slopes[0, 0] / h, slopes[0, 1] / h
        flat, left, right = path.reshape(path.size), q.reshape(q.size), v.reshape(v.size)
        for j in range(steps * d):
            left[U(j)] = a * flat[U(j)] + b * flat[U(j + d)]
            right[U(j)] = f * flat[U(j)] + g * flat[U(j + d)]
        return
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
    restricted()
    count, m, d = values.shape[0], values.shape[1] - 1, total.shape[1]
    if count == 1 and m == 1:
        a, b, f, g = h * weights[0] * values[0, 0], h * weights[0] * values[0, 1], slopes[0, 0], slopes[0, 1]
        f, g = f * weights[0], g * weights[0]
        for k in range(steps):
            for i in range(d):
                one, other = rows[U(k), U(i)], rows[U(k), U(d + i)]
                total[U(k), U(i)] += a * one + f * other
                total[U(k + 1), U(i)] += b * one + g * other
        return
    for k in range(steps):
        for s in range(count):
            row = k * count + s
            for a in range(m + 1):
                f, g = h * weights[s] * values[s, a], weights[s] * slopes[s, a]
                for i in range(d):
                    total[k * m + a, i] += f * rows[row, i] + g * rows[row, d + i]


@borrowing(f"void({M}, {M}, {M}, {M}, {T}, float64, int64[::1], {T})")
def couple(qq, qv, vq, vv, couplings, h, places, out):
    """The derivatives of the equations of an interval's nodes by them, (pairs of nodes, steps, kept entries)."""
    restricted()
    count, pairs, steps, kept = couplings.shape[1], couplings.shape[2], out.shape[1], places.size
    if count == 1 and kept == qq.shape[1]:  # all entries of all intervals in one loop
        one, two, three, four = qq.reshape(qq.size), qv.reshape(qv.size), vq.reshape(vq.size), vv.reshape(vv.size)
        flat = out.reshape(out.size)
        for c in range(pairs):
            a, b, f, g = h * couplings[0, 0, c], couplings[1, 0, c], couplings[2, 0, c], couplings[3, 0, c] / h
            for e in range(steps * kept):
                flat[U(c * steps * kept + e)] = (a * one[U(e)] + b * two[U(e)]) + (f * three[U(e)] + g * four[U(e)])
        return
    for c in range(pairs):
        for k in range(steps):
            for s in range(count):
                row = U(k * count + s)
                a, b = h * couplings[0, s, c], couplings[1, s, c]
                f, g = couplings[2, s, c], couplings[3, s, c] / h
                for e in range(kept):
                    at = U(places[e])
                    own = (a * qq[row, at] + b * qv[row, at]) + (f * vq[row, at] + g * vv[row, at])
                    out[U(c), U(k), U(e)] = own if s == 0 else out[U(c), U(k), U(e)] + own
