"""Accelerations of coupled families as one would write them by hand: ``solve(q, v, out, work, *arrays)``.

The structure is known: Schur complements of arrows, Cramer's rule for blocks, elimination along chains without
pivoting, Sherman and Morrison's formula for rings and sums over all.
"""

from __future__ import annotations

import numba
import numpy as np

from symdfi.compile.source import runtime

sine, cosine = (runtime.compiled_names()[name] for name in ("sin", "cos"))
by_hand = numba.njit(fastmath=runtime.FASTMATH, error_model="numpy")


@by_hand
def cart(q, v, out, work):
    n = q.size - 1
    mass, force = 1.0 + n, 0.0
    for i in range(n):
        si, ci = sine(q[1 + i]), cosine(q[1 + i])
        work[i] = ci
        out[1 + i] = -si
        mass -= ci * ci
        force += si * (v[1 + i] * v[1 + i] + ci)
    out[0] = force / mass
    for i in range(n):
        out[1 + i] -= work[i] * out[0]


@by_hand
def piston(q, v, out, work):
    n = q.size - 1
    mass, force, half = 2.0 * n, -2.0 * q[n], 0.5 / n
    for i in range(n):
        mass -= half * half * q[i] * q[i]
        force += half * v[i] * v[i]
    out[n] = force / mass
    for i in range(n):
        out[i] = half * q[i] * out[n]


@by_hand
def spin(q, v, out, work, c, s):
    """The bath is driven by N = sin(theta) cos(phi)."""
    n = q.size - 2
    st, ct, sf, cf = np.sin(q[0]), np.cos(q[0]), np.sin(q[1]), np.cos(q[1])
    g, h = ct * cf, -st * sf
    rest = -st * cf * (v[0] * v[0] + v[1] * v[1]) - 2.0 * ct * sf * v[0] * v[1]
    square = pull = 0.0
    for i in range(n):
        square += c[i] * c[i]
        pull += c[i] * s[i] * q[2 + i]
    first = n * st * v[1] * (ct * v[1] - 1.0) + g * (square * rest + pull)
    second = n * st * v[0] * (1.0 - 2.0 * ct * v[1]) + h * (square * rest + pull)
    m00, m01, m11 = n - square * g * g, -square * g * h, n * (1.0 + st * st) - square * h * h
    determinant = m00 * m11 - m01 * m01
    out[0] = (m11 * first - m01 * second) / determinant
    out[1] = (m00 * second - m01 * first) / determinant
    drive = g * out[0] + h * out[1] + rest
    for i in range(n):
        out[2 + i] = -c[i] * drive - s[i] * q[2 + i]


@by_hand
def frames(q, v, out, work):
    n = q.size // 2
    for i in range(n):
        x, y, half = q[i], q[n + i], 0.5 * cosine(q[i])
        f, g = -4.0 * x * x * x - y, 0.5 * sine(x) * v[i] * v[i] - x
        inverse = 1.0 / (1.0 - half * half)
        out[i], out[n + i] = (f - half * g) * inverse, (g - half * f) * inverse


@by_hand
def fields(q, v, out, work, c):
    n = q.size // 2
    for i in range(n):
        f = g = 0.0
        if i > 0:
            f += q[i - 1] - q[i]
            g += q[n + i - 1] - q[n + i]
        if i < n - 1:
            f += q[i + 1] - q[i]
            g += q[n + i + 1] - q[n + i]
        inverse = 1.0 / (1.0 - c[i] * c[i])
        out[i], out[n + i] = (f - c[i] * g) * inverse, (g - c[i] * f) * inverse


@by_hand
def chain_of_frames(q, v, out, work):
    """Tridiagonal in the order y0, x0, y1, x1, ..."""
    n = q.size // 2
    link, inverse, f = 0.0, 0.0, 0.0  # of the unknown before
    for i in range(n):
        half = 0.5 * cosine(q[i])
        multiplier = link * inverse
        f = 0.5 * sine(q[i]) * v[i] * v[i] - multiplier * f
        inverse = 1.0 / (1.0 - multiplier * link)
        out[n + i] = f * inverse
        work[2 * i] = half * inverse
        multiplier = half * inverse
        f = -2.0 * q[i] - multiplier * f
        inverse = 1.0 / (1.0 - multiplier * half)
        link = 0.125
        out[i] = f * inverse
        work[2 * i + 1] = link * inverse
    after = 0.0
    for i in range(n - 1, -1, -1):
        out[i] -= work[2 * i + 1] * after
        out[n + i] -= work[2 * i] * out[i]
        after = out[n + i]


@by_hand
def ring_of_frames(q, v, out, work):
    """Tridiagonal but for y0 and x[n-1], which meet by e: A = T + e (1, 1)(1, 1)^T there, T with -e on their diagonal.
    Sherman and Morrison's formula with z, the solution for that vector, found on the way."""
    n, e = q.size // 2, 0.125
    z = work[2 * n :]
    link, inverse, f, r = 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        half = 0.5 * cosine(q[i])
        multiplier = link * inverse
        f = 0.5 * sine(q[i]) * v[i] * v[i] - multiplier * f
        r = (1.0 if i == 0 else 0.0) - multiplier * r
        inverse = 1.0 / ((1.0 - e if i == 0 else 1.0) - multiplier * link)
        out[n + i], z[n + i] = f * inverse, r * inverse
        work[2 * i] = half * inverse
        multiplier = half * inverse
        f = -2.0 * q[i] - multiplier * f
        r = (1.0 if i == n - 1 else 0.0) - multiplier * r
        inverse = 1.0 / ((1.0 - e if i == n - 1 else 1.0) - multiplier * half)
        link = e
        out[i], z[i] = f * inverse, r * inverse
        work[2 * i + 1] = link * inverse
    after, further = 0.0, 0.0
    for i in range(n - 1, -1, -1):
        out[i] -= work[2 * i + 1] * after
        z[i] -= work[2 * i + 1] * further
        out[n + i] -= work[2 * i] * out[i]
        z[n + i] -= work[2 * i] * z[i]
        after, further = out[n + i], z[n + i]
    share = e * (out[n] + out[n - 1]) / (1.0 + e * (z[n] + z[n - 1]))
    for p in range(2 * n):
        out[p] -= share * z[p]


@by_hand
def pairs(q, v, out, work):
    n = (q.size + 1) // 2
    out[0] = 0.0
    for i in range(n - 1):
        out[n + i] = -2.0 * q[n + i] * (16.0 / 15.0)
        out[1 + i] = -0.25 * out[n + i]


@by_hand
def pair(q, v, out, k, m):
    part = 0.25 * cosine(q[k])
    f, g = -2.0 * q[k], -2.0 * q[m] + 0.25 * sine(q[k]) * v[k] * v[k]
    inverse = 1.0 / (1.0 - part * part)
    out[k], out[m] = (f - part * g) * inverse, (g - part * f) * inverse


@by_hand
def dimers(q, v, out, work):
    for i in range(q.size // 2):
        pair(q, v, out, 2 * i, 2 * i + 1)


@by_hand
def ring_of_pairs(q, v, out, work):
    """Pairs of x[i + 1] and y[i]."""
    n = q.size // 2
    for i in range(n - 1):
        pair(q, v, out, i + 1, n + i)
    pair(q, v, out, 0, 2 * n - 1)


@by_hand
def crossed(q, v, out, work):
    """Pairs of w[i, 0] and w[i + 1, 1]."""
    n = q.size // 2
    out[1], out[2 * n - 2] = -2.0 * q[1], -2.0 * q[2 * n - 2]
    for i in range(n - 1):
        pair(q, v, out, 2 * i, 2 * i + 3)


@by_hand
def links(q, v, out, work):
    """Tridiagonal in the order x0, a0, x1, ..."""
    n = (q.size + 1) // 2
    inverse, f, half = 1.0, 0.0, 0.25
    out[0] = 0.0
    work[0] = half
    for i in range(n - 1):
        multiplier = half * inverse
        f = -2.0 * q[n + i] - multiplier * f
        inverse = 1.0 / (1.0 - multiplier * half)
        out[n + i] = f * inverse
        work[2 * i + 1] = multiplier = half * inverse
        f = -multiplier * f
        inverse = 1.0 / (1.0 - multiplier * half)
        out[1 + i] = f * inverse
        work[2 * i + 2] = half * inverse
    for i in range(n - 2, -1, -1):
        out[n + i] -= work[2 * i + 1] * out[1 + i]
        out[i] -= work[2 * i] * out[n + i]


@by_hand
def rods(q, v, out, work):
    for i in range(q.size // 2):
        si, ci, dx, dy = sine(q[2 * i]), cosine(q[2 * i]), v[2 * i], v[2 * i + 1]
        f = dy * dy * si * ci
        g = -q[2 * i + 1] - dy * ci * dx * si - (dx + dy * si) * ci * dx
        out[2 * i], out[2 * i + 1] = f * (1.0 + si * si) - si * g, g - si * f


@by_hand
def components(q, v, out, work):
    for i in range(q.size // 2):
        out[2 * i] = -q[2 * i]
        out[2 * i + 1] = 0.0


@by_hand
def rotating(q, v, out, work):
    turn = 1.0 / 3.0
    for i in range(q.size // 2):
        x, y = q[2 * i], q[2 * i + 1]
        out[2 * i] = 2.0 * turn * v[2 * i + 1] + turn * turn * x - x * x * x
        out[2 * i + 1] = -2.0 * turn * v[2 * i] + turn * turn * y - y * y * y


@by_hand
def triples(q, v, out, work):
    """Blocks [[2, p, r], [p, 2, s], [r, s, 2]] by their adjugates."""
    for i in range(q.size // 3):
        x, y, z, dx, dy, dz = q[3 * i], q[3 * i + 1], q[3 * i + 2], v[3 * i], v[3 * i + 1], v[3 * i + 2]
        p, s, r = 0.5 * cosine(x), 0.5 * cosine(y), 0.5 * cosine(z)
        f = 0.5 * sine(z) * dz * dz - 2.0 * x
        g = 0.5 * sine(x) * dx * dx - 2.0 * y
        h = 0.5 * sine(y) * dy * dy - 2.0 * z
        m00, m01, m02 = 4.0 - s * s, r * s - 2.0 * p, p * s - 2.0 * r
        m11, m12, m22 = 4.0 - r * r, p * r - 2.0 * s, 4.0 - p * p
        inverse = 1.0 / (2.0 * m00 + p * m01 + r * m02)
        out[3 * i] = (m00 * f + m01 * g + m02 * h) * inverse
        out[3 * i + 1] = (m01 * f + m11 * g + m12 * h) * inverse
        out[3 * i + 2] = (m02 * f + m12 * g + m22 * h) * inverse


@by_hand
def centre(q, v, out, work):
    n = q.size // 3
    sx = sy = sz = 0.0
    for i in range(n):
        sx += q[3 * i]
        sy += q[3 * i + 1]
        sz += q[3 * i + 2]
    sx, sy, sz = 0.5 * sx / n, 0.5 * sy / n, 0.5 * sz / n
    for i in range(n):
        out[3 * i], out[3 * i + 1], out[3 * i + 2] = sx - q[3 * i], sy - q[3 * i + 1], sz - q[3 * i + 2]


@by_hand
def phases(q, v, out, work):
    n = q.size
    cc = cs = ss = cx = sx = p = r = 0.0
    for i in range(n):
        si, ci, square = sine(q[i]), cosine(q[i]), v[i] * v[i]
        work[i], work[n + i] = ci, si
        cc += ci * ci
        cs += ci * si
        ss += si * si
        cx += ci * q[i]
        sx += si * q[i]
        p -= si * square
        r += ci * square
    # (n + [[cc, cs], [cs, ss]]) (A, B) = n (p, r) - n (cx, sx), A and B the derivatives of the two means
    f, g = n * (p - cx), n * (r - sx)
    determinant = (n + cc) * (n + ss) - cs * cs
    first, second = ((n + ss) * f - cs * g) / determinant / n, ((n + cc) * g - cs * f) / determinant / n
    for i in range(n):
        out[i] = -q[i] - work[i] * first - work[n + i] * second
