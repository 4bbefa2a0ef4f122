"""Accelerations of bonds, angles and pairs against the loops one would write by hand.

Both sides keep positions as (n, 3), visit each bond and each pair once (by hand) and use the same compiler flags.
"""

from __future__ import annotations

import numba
import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.source import runtime

n, m = sp.symbols("n m", integer=True, positive=True)
i, j, k, e = sp.symbols("i j k e", integer=True)
x, v = sd.coordinates("x", (n, 3))
mass, strength, rest = sp.symbols("mass strength rest", positive=True)
ends = [sp.IndexedBase(f"end{c}", shape=(m,)) for c in range(4)]
KINETIC = sp.Sum(mass * v[i, k] ** 2 / 2, (k, 0, 2), (i, 0, n - 1))


def vector(a: int, b: int) -> sp.Matrix:
    return sp.Matrix([x[ends[b][e], c] - x[ends[a][e], c] for c in range(3)])


def length(r: sp.Matrix) -> sp.Expr:
    return sp.sqrt(r.dot(r))


def torsion() -> sp.Expr:
    b1, b2, b3 = vector(0, 1), vector(1, 2), vector(2, 3)
    n1, n2 = b1.cross(b2), b2.cross(b3)
    return sp.atan2(length(b2) * b1.dot(n2), n1.dot(n2))


def cosine() -> sp.Expr:
    a, b = vector(1, 0), vector(1, 2)
    return a.dot(b) / (length(a) * length(b))


POTENTIALS = {
    "springs": sp.Sum(strength / 2 * (length(vector(0, 1)) - rest) ** 2, (e, 0, m - 1)),
    "angles": sp.Sum(strength / 2 * (cosine() - rest) ** 2, (e, 0, m - 1)),
    "torsions": sp.Sum(strength * (1 - sp.cos(3 * torsion() - rest)), (e, 0, m - 1)),
    "pairs": -sp.Sum(
        strength / sp.sqrt(sp.Sum((x[i, k] - x[j, k]) ** 2, (k, 0, 2)) + rest**2), (j, 0, i - 1), (i, 0, n - 1)
    ),
}


@numba.njit(fastmath=runtime.FASTMATH, error_model="numpy")
def springs(q, end0, end1, mass, strength, rest, out):
    out[:] = 0.0
    for e in range(end0.size):
        a, b = end0[e], end1[e]
        dx, dy, dz = q[b, 0] - q[a, 0], q[b, 1] - q[a, 1], q[b, 2] - q[a, 2]
        r = np.sqrt(dx * dx + dy * dy + dz * dz)
        f = strength * (r - rest) / r
        out[a, 0] += f * dx
        out[a, 1] += f * dy
        out[a, 2] += f * dz
        out[b, 0] -= f * dx
        out[b, 1] -= f * dy
        out[b, 2] -= f * dz
    for a in range(out.shape[0]):
        for c in range(3):
            out[a, c] /= mass


@numba.njit(fastmath=runtime.FASTMATH, error_model="numpy")
def angles(q, end0, end1, end2, mass, strength, rest, out):
    out[:] = 0.0
    for e in range(end0.size):
        a, b, c = end0[e], end1[e], end2[e]
        ax, ay, az = q[a, 0] - q[b, 0], q[a, 1] - q[b, 1], q[a, 2] - q[b, 2]
        cx, cy, cz = q[c, 0] - q[b, 0], q[c, 1] - q[b, 1], q[c, 2] - q[b, 2]
        ia, ic = 1 / np.sqrt(ax * ax + ay * ay + az * az), 1 / np.sqrt(cx * cx + cy * cy + cz * cz)
        ax, ay, az, cx, cy, cz = ax * ia, ay * ia, az * ia, cx * ic, cy * ic, cz * ic
        cosine = ax * cx + ay * cy + az * cz
        w = -strength * (cosine - rest)
        fx, fy, fz = w * ia * (cx - cosine * ax), w * ia * (cy - cosine * ay), w * ia * (cz - cosine * az)
        gx, gy, gz = w * ic * (ax - cosine * cx), w * ic * (ay - cosine * cy), w * ic * (az - cosine * cz)
        out[a, 0] += fx
        out[a, 1] += fy
        out[a, 2] += fz
        out[c, 0] += gx
        out[c, 1] += gy
        out[c, 2] += gz
        out[b, 0] -= fx + gx
        out[b, 1] -= fy + gy
        out[b, 2] -= fz + gz
    for a in range(out.shape[0]):
        for c in range(3):
            out[a, c] /= mass


@numba.njit(fastmath=runtime.FASTMATH, error_model="numpy")
def pairs(q, mass, strength, rest, out):
    out[:] = 0.0
    for a in range(q.shape[0]):
        x, y, z = q[a, 0], q[a, 1], q[a, 2]
        fx = fy = fz = 0.0
        for b in range(a):
            dx, dy, dz = q[b, 0] - x, q[b, 1] - y, q[b, 2] - z
            s = dx * dx + dy * dy + dz * dz + rest * rest
            w = strength / (s * np.sqrt(s))
            fx += w * dx
            fy += w * dy
            fz += w * dz
            out[b, 0] -= w * dx
            out[b, 1] -= w * dy
            out[b, 2] -= w * dz
        out[a, 0] += fx
        out[a, 1] += fy
        out[a, 2] += fz
    for a in range(out.shape[0]):
        for c in range(3):
            out[a, c] /= mass


BY_HAND = {"springs": (springs, 2, "≤ 2"), "angles": (angles, 3, "≤ 2"), "pairs": (pairs, 0, "≤ 1.5")}


@pytest.mark.parametrize("size", [3000, 30000])
@pytest.mark.parametrize("name", BY_HAND)
def test_acceleration(table, name: str, size: int) -> None:
    hand, gathers, target = BY_HAND[name]
    if not gathers and size > 3000:
        pytest.skip("as many pairs as 3000 particles have are enough")
    system = sd.Lagrangian(KINETIC - POTENTIALS[name], x, v)
    rng = np.random.default_rng(0)
    q, count = rng.normal(size=(size, 3)), 3 * size
    # Neighbours in memory, as a mesh has them.
    places = [(np.arange(count) // 3 + 1 + c * 2 + rng.integers(0, 2, count)) % size for c in range(gathers)]
    params = {mass: 1.3, strength: 0.7, rest: 0.4} | dict(zip(ends, places, strict=False))
    compare(table, f"{name}, {size} particles", system, q, places, params, hand, target)


def compare(table, label: str, system, q: np.ndarray, places: list, params: dict, hand, target: str) -> None:
    """The compiled acceleration against a loop by hand."""
    model = system.compile()
    sizes, ints, packed = model.pack(params, q.size)
    kernel, out, still, none = model.acceleration_kernel.function, np.empty(q.size), np.zeros(q.size), np.empty(0)
    expected = np.empty_like(q)

    def ours() -> None:
        kernel(sizes, ints, q.ravel(), still, packed, none, 0.0, out)

    def theirs() -> None:
        hand(q, *places, *(params[symbol] for symbol in (mass, strength, rest)), expected)

    ours()
    theirs()
    np.testing.assert_allclose(out.reshape(q.shape), expected, rtol=1e-8, atol=1e-9 * np.abs(expected).max())
    scale = 1 if not places else max(100_000 // len(q), 1)
    table.ratio(f"acceleration, {label} / hand-written", ours, theirs, target, rounds=21, scale=scale)


d = sp.Symbol("d", integer=True, positive=True)
y, u = sd.coordinates("y", (n, d))


def square(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    return sp.Sum((y[a, k] - y[b, k]) ** 2, (k, 0, d - 1))


#: The same with any number of components, and atoms that are embedded in what all others give them.
IN_SPACE = {
    "springs": sp.Sum(strength / 2 * (sp.sqrt(square(ends[0][e], ends[1][e])) - rest) ** 2, (e, 0, m - 1)),
    "gravity": -sp.Sum(strength / sp.sqrt(square(i, j) + rest**2), (j, 0, i - 1), (i, 0, n - 1)),
    "Lennard-Jones": sp.Sum(
        strength * (1 / (square(i, j) + rest) ** 6 - 1 / (square(i, j) + rest) ** 3), (j, 0, i - 1), (i, 0, n - 1)
    ),
    "embedded": sp.Sum(sp.sqrt(strength + sp.Sum(sp.exp(-rest * square(i, j)), (j, 0, n - 1))), (i, 0, n - 1)),
}


@numba.njit(fastmath=runtime.FASTMATH, error_model="numpy")
def springs_in_space(q, end0, end1, mass, strength, rest, out):
    out[:] = 0.0
    for e in range(end0.size):
        a, b = end0[e], end1[e]
        s = 0.0
        for c in range(q.shape[1]):
            s += (q[b, c] - q[a, c]) ** 2
        r = np.sqrt(s)
        f = strength * (r - rest) / r
        for c in range(q.shape[1]):
            out[a, c] += f * (q[b, c] - q[a, c])
            out[b, c] -= f * (q[b, c] - q[a, c])
    for a in range(out.shape[0]):
        for c in range(q.shape[1]):
            out[a, c] /= mass


def pairs_in_space(force):
    @numba.njit(fastmath=runtime.FASTMATH, error_model="numpy")
    def loop(q, mass, strength, rest, out):
        out[:] = 0.0
        for a in range(q.shape[0]):
            for b in range(a):
                s = 0.0
                for c in range(q.shape[1]):
                    s += (q[b, c] - q[a, c]) ** 2
                w = force(s, strength, rest)
                for c in range(q.shape[1]):
                    out[a, c] += w * (q[b, c] - q[a, c])
                    out[b, c] -= w * (q[b, c] - q[a, c])
        for a in range(out.shape[0]):
            for c in range(q.shape[1]):
                out[a, c] /= mass

    return loop


@numba.njit(fastmath=runtime.FASTMATH, error_model="numpy")
def gravity(s, strength, rest):
    return strength / ((s + rest * rest) * np.sqrt(s + rest * rest))


@numba.njit(fastmath=runtime.FASTMATH, error_model="numpy")
def lennard_jones(s, strength, rest):
    inverse = 1 / (s + rest)
    cube = inverse * inverse * inverse
    return strength * inverse * (6 * cube - 12 * cube * cube)


exp = runtime.compiled_names()["exp"]


@numba.njit(fastmath=runtime.FASTMATH, error_model="numpy")
def embedded(q, mass, strength, rest, out):
    out[:] = 0.0
    slope = np.empty(q.shape[0])
    for a in range(q.shape[0]):
        total = strength
        for b in range(q.shape[0]):
            s = 0.0
            for c in range(q.shape[1]):
                s += (q[b, c] - q[a, c]) ** 2
            total += exp(-rest * s)
        slope[a] = 0.5 / np.sqrt(total)
    for a in range(q.shape[0]):
        for b in range(q.shape[0]):
            s = 0.0
            for c in range(q.shape[1]):
                s += (q[b, c] - q[a, c]) ** 2
            w = -2 * rest * exp(-rest * s) * (slope[a] + slope[b])
            for c in range(q.shape[1]):
                out[a, c] += w * (q[b, c] - q[a, c])
    for a in range(out.shape[0]):
        for c in range(q.shape[1]):
            out[a, c] /= mass


IN_SPACE_BY_HAND = {
    "springs": (springs_in_space, 2, "≤ 2"),
    "gravity": (pairs_in_space(gravity), 0, "≤ 1.5"),
    "Lennard-Jones": (pairs_in_space(lennard_jones), 0, "≤ 1.5"),
    "embedded": (embedded, 0, "≤ 1.5"),
}


@pytest.mark.parametrize("components", [3, 16])
@pytest.mark.parametrize("name", IN_SPACE_BY_HAND)
def test_acceleration_in_space(table, name: str, components: int) -> None:
    """The number of components is a size."""
    hand, gathers, target = IN_SPACE_BY_HAND[name]
    size = 1500 if name == "embedded" else 3000
    system = sd.Lagrangian(sp.Sum(mass * u[i, k] ** 2 / 2, (k, 0, d - 1), (i, 0, n - 1)) - IN_SPACE[name], y, u)
    rng = np.random.default_rng(0)
    q, count = rng.normal(size=(size, components)), 3 * size
    places = [(np.arange(count) // 3 + 1 + c * 2 + rng.integers(0, 2, count)) % size for c in range(gathers)]
    params = {mass: 1.3, strength: 0.7, rest: 0.4, d: components} | dict(zip(ends, places, strict=False))
    compare(table, f"{name}, {size} particles in {components} dimensions", system, q, places, params, hand, target)


COLD = """
import runpy, time
made = runpy.run_path({path!r})
begin = time.perf_counter()
system = made["sd"].Lagrangian(made["KINETIC"] - made["POTENTIALS"]["torsions"], made["x"], made["v"])
system.compile().acceleration_kernel.function
print(time.perf_counter() - begin)
"""


def test_compile_time_of_torsions(table, tmp_path) -> None:
    """Derived and compiled in a process of its own, nothing in the cache."""
    seconds = table.fresh_process(COLD.format(path=__file__), tmp_path)
    table.figure("torsions by four gathers, derived and compiled", f"{seconds:.1f} s", "< 10 s")
    table.benchmark.pedantic(lambda: None, rounds=1)
