"""S6: accelerations of coupled families against the solves one would write by hand (``by_hand``).

Both sides use the same compiler flags, sines and cosines; the hand-written ones are given their work arrays.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.kernels import cache
from symdfi.compile.source import runtime
from tests.benchmarks import by_hand

EPS = np.finfo(float).eps
n = sp.Symbol("n", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)
Sum, Mod, cos, sin = sp.Sum, sp.Mod, sp.cos, sp.sin
every, inner = (i, 0, n - 1), (i, 0, n - 2)
x, v = sd.coordinates("x", n)
y, u = sd.coordinates("y", n)
a, ad = sd.coordinates("a", n - 1)
d, dd = sd.coordinates("d", 2 * n)
w, wd = sd.coordinates("w", (n, 2))
b, bd = sd.coordinates("b", (n, 3))
R, V = sd.coordinates("R")
theta, omega = sd.coordinates("theta")
phi, phid = sd.coordinates("phi")
c, s = (sp.IndexedBase(name, shape=(n,)) for name in "cs")


@dataclass(frozen=True)
class Case:
    hand: Callable
    L: sp.Expr
    q: tuple
    v: tuple
    #: Degrees of freedom: so many a site, and so many more.
    count: tuple[int, int]
    arrays: tuple = ()


T = Sum(v[i] ** 2, every) / 2
TWO = Sum(v[i] ** 2 + u[i] ** 2 + cos(x[i]) * v[i] * u[i], every) / 2
LINKS = T + Sum(ad[i] ** 2 / 2 + v[i + 1] * ad[i] / 4 - a[i] ** 2, inner)
NX = omega * cos(theta) * cos(phi) - phid * sin(theta) * sin(phi)
TURN = sp.Rational(1, 3)
CASES = {
    "cart with pendula": Case(
        by_hand.cart, (1 + n) * V**2 / 2 + T + Sum(V * v[i] * cos(x[i]) + cos(x[i]), every), (R, x), (V, v), (1, 1)
    ),
    "piston and gas": Case(
        by_hand.piston, T + V**2 * n - Sum(V * v[i] * x[i], every) / 2 / n - R**2, (x, R), (v, V), (1, 1)
    ),
    "spin and bath": Case(
        by_hand.spin,
        n * (omega**2 + (1 + sin(theta) ** 2) * phid**2) / 2 + n * phid * cos(theta)
        + T - Sum(s[i] * x[i] ** 2 / 2, every) + Sum(c[i] * v[i], every) * NX,
        (theta, phi, x), (omega, phid, v), (1, 2), (c, s),
    ),
    "planar frames": Case(by_hand.frames, TWO - Sum(x[i] ** 4 + x[i] * y[i], every), (x, y), (v, u), (2, 0)),
    "two fields": Case(
        by_hand.fields,
        Sum((v[i] ** 2 + u[i] ** 2) / 2 + c[i] * v[i] * u[i], every)
        - Sum((x[i + 1] - x[i]) ** 2 + (y[i + 1] - y[i]) ** 2, inner) / 2,
        (x, y), (v, u), (2, 0), (c,),
    ),
    "chain of frames": Case(
        by_hand.chain_of_frames, TWO + Sum(v[i] * u[i + 1], inner) / 8 - Sum(x[i] ** 2, every), (x, y), (v, u), (2, 0)
    ),
    "ring of frames": Case(
        by_hand.ring_of_frames,
        TWO + Sum(v[i] * u[Mod(i + 1, n)], every) / 8 - Sum(x[i] ** 2, every), (x, y), (v, u), (2, 0)
    ),
    "dimers": Case(
        by_hand.dimers,
        Sum(dd[i] ** 2 / 2 - d[i] ** 2, (i, 0, 2 * n - 1)) + Sum(dd[2 * i] * dd[2 * i + 1] * cos(d[2 * i]), every) / 4,
        (d,), (dd,), (2, 0),
    ),
    "sites with a link each": Case(by_hand.pairs, LINKS, (x, a), (v, ad), (2, -1)),
    "pairs round a ring": Case(
        by_hand.ring_of_pairs,
        Sum((v[i] ** 2 + u[i] ** 2) / 2 - x[i] ** 2 - y[i] ** 2, every)
        + Sum(v[Mod(i + 1, n)] * u[i] * cos(x[Mod(i + 1, n)]), every) / 4,
        (x, y), (v, u), (2, 0),
    ),
    "crossed pairs": Case(
        by_hand.crossed,
        Sum((wd[i, 0] ** 2 + wd[i, 1] ** 2) / 2 - w[i, 0] ** 2 - w[i, 1] ** 2, every)
        + Sum(wd[i, 0] * wd[i + 1, 1] * cos(w[i, 0]), inner) / 4,
        (w,), (wd,), (2, 0),
    ),
    "sites and links": Case(by_hand.links, LINKS + Sum(v[i] * ad[i] / 4, inner), (x, a), (v, ad), (2, -1)),
    "rods": Case(
        by_hand.rods,
        Sum((wd[i, 0] + wd[i, 1] * sin(w[i, 0])) ** 2 + wd[i, 1] ** 2 - w[i, 1] ** 2, every), (w,), (wd,), (2, 0),
    ),
    "components by name": Case(
        by_hand.components, Sum(wd[i, 0] ** 2 + 2 * wd[i, 1] ** 2 - w[i, 0] ** 2, every), (w,), (wd,), (2, 0)
    ),
    "rotating frame": Case(
        by_hand.rotating,
        Sum((wd[i, 0] - TURN * w[i, 1]) ** 2 + (wd[i, 1] + TURN * w[i, 0]) ** 2, every) / 2
        - Sum(w[i, 0] ** 4 + w[i, 1] ** 4, every) / 4,
        (w,), (wd,), (2, 0),
    ),
    "blocks of three": Case(
        by_hand.triples,
        Sum(Sum(bd[i, k] ** 2 - b[i, k] ** 2, (k, 0, 2)), every)
        + Sum(sum(bd[i, m] * bd[i, (m + 1) % 3] * cos(b[i, m]) for m in range(3)), every) / 2,
        (b,), (bd,), (3, 0),
    ),
    "centre of mass": Case(
        by_hand.centre,
        Sum(Sum(bd[i, k] ** 2 - b[i, k] ** 2, (k, 0, 2)), every) + Sum(Sum(bd[i, k], every) ** 2, (k, 0, 2)) / n,
        (b,), (bd,), (3, 0),
    ),
    "mean field of phases": Case(
        by_hand.phases,
        2 * T - Sum(x[i] ** 2, every)
        + (Sum(cos(x[i]) * v[i], every) ** 2 + Sum(sin(x[i]) * v[i], every) ** 2) / n,
        (x,), (v,), (1, 0),
    ),
    "mean field of pairs": Case(
        by_hand.phases,
        2 * T - Sum(x[i] ** 2, every) + Sum(Sum(cos(x[i] - x[j]) * v[i] * v[j], every), (j, 0, n - 1)) / n,
        (x,), (v,), (1, 0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("size", [10, 1000, 100_000])
@pytest.mark.parametrize("name", CASES)
def test_acceleration(table, name: str, size: int) -> None:
    case = CASES[name]
    kernels, rng = sd.Lagrangian(case.L, list(case.q), list(case.v)).compile(), np.random.default_rng(0)

    def bound(sites: int):
        arrays = [rng.uniform(0.2, 0.8, sites) for _ in case.arrays]
        return kernels.bind(
            dict(zip(case.arrays, arrays, strict=True)), n_dof=case.count[0] * sites + case.count[1]
        ), arrays

    few, _ = bound(40)
    mass = few.mass_matrix(*rng.uniform(-1, 1, (2, few.n_dof)))
    scale = np.sqrt(np.diag(mass))
    condition = np.linalg.cond(mass / np.outer(scale, scale))
    system, arrays = bound(size)
    q, speed = rng.uniform(-1, 1, (2, system.n_dof))
    found, expected, work = np.empty(q.size), np.empty(q.size), np.empty(2 * q.size)

    def ours() -> None:
        system.acceleration(q, speed, 0.0, found)

    def theirs() -> None:
        case.hand(q, speed, expected, work, *arrays)

    ours()
    theirs()
    np.testing.assert_allclose(found, expected, atol=1e3 * EPS * condition * np.abs(expected).max())
    calls, label = max(1, 20_000 // size), f"acceleration, {name}, n = {size} / hand-written"
    table.ratio(label, ours, theirs, "≤ 2", rounds=31, scale=calls, clock=time.thread_time)


# Neither of the two counts references, as our loop does not.
@numba.njit(fastmath=runtime.FASTMATH, error_model="numpy", _nrt=False)
def one_by_one(solve, q, v, out, work, arrays):
    for s in range(q.shape[0]):
        solve(q[s], v[s], out[s], work, *arrays)


def as_kernel(solve: Callable, arrays: int) -> Callable:
    """A hand-written solve as an integrator takes it, by pointer; its work array lies in the inputs."""
    state = "int64[::1], int64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64, float64[::1]"
    compiled = numba.njit(f"void({state})", fastmath=runtime.FASTMATH, error_model="numpy", nogil=True, _nrt=False)
    if arrays == 0:
        return compiled(lambda sizes, ints, q, v, params, inputs, t, out: solve(q, v, out, inputs))
    if arrays == 1:
        return compiled(lambda sizes, ints, q, v, params, inputs, t, out: solve(q, v, out, inputs, params))

    def kernel(sizes, ints, q, v, params, inputs, t, out):
        half = params.size // 2
        solve(q, v, out, inputs, params[:half], params[half:])

    return compiled(kernel)


@pytest.mark.parametrize(("size", "inlined"), [(10, False), (1000, False), (10, True)])
@pytest.mark.parametrize("name", CASES)
def test_many_systems(table, name: str, size: int, inlined: bool) -> None:
    """Called from compiled code: by pointer as integrators do, both of them, and against a loop made for the
    hand-written solve alone, which has it inlined."""
    case, rng = CASES[name], np.random.default_rng(0)
    kernels = sd.Lagrangian(case.L, list(case.q), list(case.v)).compile()
    total = case.count[0] * size + case.count[1]
    arrays = tuple(rng.uniform(0.2, 0.8, size) for _ in case.arrays)
    sizes, ints, packed = kernels.pack(dict(zip(case.arrays, arrays, strict=True)), total)
    kernel, over = kernels.acceleration_kernel.function, cache.load_module("symdfi.dynamics.loops.batch").over
    q, v = rng.uniform(-1, 1, (2, 20_000 // size, total))
    found, expected, work = np.empty(q.shape), np.empty(q.shape), np.empty(2 * total)
    times, none = np.zeros(len(q)), np.empty((len(q), 0))
    by_pointer, room = as_kernel(case.hand, len(arrays)), np.empty((len(q), 2 * total))
    own = np.concatenate([*arrays, np.empty(0)])[None]

    def ours() -> None:
        over(0, len(q), kernel, sizes, ints, q, v, packed[None], none, times, found)

    def theirs() -> None:
        if inlined:
            one_by_one(case.hand, q, v, expected, work, arrays)
        else:
            over(0, len(q), by_pointer, sizes, ints, q, v, own, room, times, expected)

    ours()
    theirs()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    label = f"acceleration, {name}, n = {size}, from compiled code / hand-written{', inlined' if inlined else ''}"
    table.ratio(label, ours, theirs, "" if inlined else "≤ 2", rounds=31, clock=time.thread_time)
