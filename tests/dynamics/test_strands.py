"""Systems that meet at constant distances: strands of a chain shifted against one another, against full matrices."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.source.checked import bounds_checked

EPS = np.finfo(float).eps
n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x, u = sd.coordinates("x", n)
y, v = sd.coordinates("y", n)
z, w = sd.coordinates("z", n)
a, ad = sd.coordinates("a", n - 1)
c, cd = sd.coordinates("c", n - 6)
d, dd = sd.coordinates("d", 2 * n)
b, bd = sd.coordinates("b", (n, 2))
R, V = sd.coordinates("R")


@dataclass(frozen=True)
class Strand:
    """The elements ``q[at(k)]``, k = 0..n - 1 - short."""

    q: sp.IndexedBase
    v: sp.IndexedBase
    at: tuple[sp.Expr, ...]
    short: int = 0

    def places(self, k):
        return tuple(expr.subs(i, k) for expr in self.at)


X, Y, Z = Strand(x, u, (i,)), Strand(y, v, (i,)), Strand(z, w, (i,))
A, C = Strand(a, ad, (i,), 1), Strand(c, cd, (i,), 6)
EVEN, ODD = Strand(d, dd, (2 * i,)), Strand(d, dd, (2 * i + 1,))
FIRST, SECOND = Strand(b, bd, (i, sp.S.Zero)), Strand(b, bd, (i, sp.S.One))


@dataclass(frozen=True)
class Meeting:
    """Σ_k weight cos(one_k) v_one,k v_other,k+apart over the k that there are, or all k modulo n on a ``ring``."""

    one: Strand
    other: Strand
    apart: int
    weight: sp.Rational
    ring: bool = False

    def term(self):
        if self.ring:
            there, limits = sp.Mod(i + self.apart, n), (i, 0, n - 1)
        else:
            last = sp.Min(n - 1 - self.one.short, n - 1 - self.other.short - self.apart)
            there, limits = i + self.apart, (i, max(0, -self.apart), last)
        here, far = self.one.places(i), self.other.places(there)
        return self.weight * sp.Sum(sp.cos(self.one.q[here]) * self.one.v[here] * self.other.v[far], limits)

    def pairs(self, size):
        if self.ring:
            return [(k, (k + self.apart) % size) for k in range(size)]
        return [
            (k, k + self.apart)
            for k in range(size - self.one.short)
            if 0 <= k + self.apart < size - self.other.short
        ]  # fmt: skip


def strands_of(meetings):
    return list(dict.fromkeys(s for m in meetings for s in (m.one, m.other)))


def pairs_of(meetings):
    return list(dict.fromkeys((s.q, s.v) for s in strands_of(meetings)))


def lagrangian(meetings, border):
    total = sum(m.term() for m in meetings)
    for q, p in pairs_of(meetings):
        every = (i, 0, q.shape[0] - 1)
        for at in [(i,)] if len(q.shape) == 1 else [(i, sp.Integer(k)) for k in range(2)]:
            total += sp.Sum(p[at] ** 2 * (2 + i) / 2 - q[at] ** 4, every)
            if border:
                total += sp.Sum(sp.sin(q[at]) * p[at] * V, every) / 8
    return total + (n * V**2 * 2 - R**2 if border else 0)


def by_hand(meetings, border, size, state, speed):
    """M and F of L = vᵀM(q)v/2 - U(q), entry by entry."""
    places = {}
    for q, _ in pairs_of(meetings):
        shape = [int(extent.subs(n, size)) for extent in q.shape]
        places |= {(q, at): len(places) + k for k, at in enumerate(itertools.product(*map(range, shape)))}
    total = len(places) + border
    mass, forcing = np.zeros((total, total)), np.zeros(total)

    def product(f, df, k, r, c):
        """f(q_k) v_r v_c in L."""
        mass[r, c] += f(state[k])
        mass[c, r] += f(state[k])
        slope = df(state[k])
        forcing[k] += slope * speed[r] * speed[c]
        forcing[r] -= slope * speed[k] * speed[c]
        forcing[c] -= slope * speed[k] * speed[r]

    for (_, at), k in places.items():
        mass[k, k] += 2 + at[0]
        forcing[k] -= 4 * state[k] ** 3
        if border:
            product(lambda q: np.sin(q) / 8, lambda q: np.cos(q) / 8, k, k, total - 1)
    if border:
        mass[-1, -1] += 4 * size
        forcing[-1] -= 2 * state[-1]
    for m in meetings:
        for here, there in m.pairs(size):
            r = places[m.one.q, tuple(map(int, m.one.places(here)))]
            c = places[m.other.q, tuple(map(int, m.other.places(there)))]
            factor = float(m.weight)
            product(lambda q, k=factor: k * np.cos(q), lambda q, k=factor: -k * np.sin(q), r, r, c)
    return mass, forcing


def check(meetings, border, sizes):
    pairs = pairs_of(meetings)
    last = [(R, V)] if border else []
    system = sd.Lagrangian(lagrangian(meetings, border), *map(list, zip(*pairs, *last, strict=True)))
    kernels, rng = system.compile(), np.random.default_rng(0)
    fewer = max(0, *(strand.short - 1 for strand in strands_of(meetings)))
    for size in (fewer + size for size in sizes):
        total = sum(int(sp.Mul(*q.shape).subs(n, size)) for q, _ in pairs) + border
        state, speed = rng.uniform(-1, 1, (2, total))
        mass, forcing = by_hand(meetings, border, size, state, speed)
        expected = np.linalg.solve(mass, forcing)
        found = kernels.acceleration(state, speed, {n: size})
        room = 100 * EPS * np.linalg.cond(mass) * max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(found, expected, rtol=0, atol=room, err_msg=f"n = {size}")
        # The same matrix for a right-hand side that is given.
        sizes_, ints, packed = kernels.pack({n: size}, total)
        given = (sizes_, ints, state, speed, packed, np.empty(0), 0.0, 0.1)
        kernels.legendre_kernel.function(*given, forcing)
        np.testing.assert_allclose(forcing, expected, rtol=0, atol=room, err_msg=f"n = {size}")
    return system.mass_structure


FIFTH = sp.Rational(1, 5)


def weight(rng):
    return sp.Rational(rng.choice([-1, 1]), rng.randint(5, 9))


#: A tree of strands with one distance an edge: what meets is a block of as many unknowns as there are strands.
TREES = {
    "a link ahead": (X, A, [(0, 1, -1)]),
    "six fewer": (X, C, [(0, 1, -6)]),
    "three ahead": (X, Y, [(0, 1, 3)]),
    "two back": (Y, X, [(0, 1, -2)]),
    "three strands": (X, Y, Z, [(0, 1, 1), (1, 2, -3)]),
    "a link and two": (A, X, Y, [(0, 1, 1), (0, 2, 2)]),
    "components": (FIRST, SECOND, [(0, 1, 1)]),
    "dimers of neighbours": (ODD, EVEN, [(0, 1, 1)]),
}


def tree(name, ring=False):
    *strands, edges = TREES[name]
    rng = random.Random(1)
    return [Meeting(strands[k], strands[m], apart, weight(rng), ring) for k, m, apart in edges]


@pytest.mark.parametrize("name", TREES)
def test_separate_systems_are_blocks(name):
    with bounds_checked():
        assert check(tree(name), 0, (1, 2, 3, 4, 5, 9)).kind == "blocks"


@pytest.mark.parametrize("name", ["a link ahead", "a link and two"])
def test_separate_systems_beside_a_border_are_blocks(name):
    with bounds_checked():
        found = check(tree(name), 1, (1, 2, 3, 6))
    assert found.kind == "bordered" and all(chain.is_blocks for chain in found.chains)


@pytest.mark.parametrize("name", ["three ahead", "three strands", "components"])
def test_separate_systems_round_a_ring_are_blocks(name):
    with bounds_checked():
        assert check(tree(name, ring=True), 0, (1, 2, 3, 4, 5, 9)).kind == "blocks"


@pytest.mark.parametrize(("name", "ring"), [("a link ahead", False), ("components", True)])
def test_compiled(name, ring):
    check(tree(name, ring), 0, (1, 2, 3, 5, 40))


def test_the_band_shrinks():
    """Distances 3 and 1: the sites of one strand lie two further, and none of what meets is more than 2 apart."""
    for ring in (False, True):
        meetings = [Meeting(X, Y, 3, sp.Rational(1, 6), ring), Meeting(X, X, 1, sp.Rational(1, 7), ring)]
        with bounds_checked():
            found = check(meetings, 0, (1, 2, 3, 4, 5, 7, 12))
        (chain,) = found.chains
        assert chain.width == 2


@pytest.mark.parametrize("meetings", [tree("components"), tree("dimers of neighbours"), [Meeting(EVEN, ODD, 0, FIFTH)]])
def test_nothing_is_stored_between_loops(meetings):
    """Whatever is computed at a site is computed where its strands take it."""
    pairs = pairs_of(meetings)
    kernels = sd.Lagrangian(lagrangian(meetings, 0), *map(list, zip(*pairs, strict=True))).compile()
    assert "np.empty(" not in kernels.acceleration_kernel.source


@pytest.mark.parametrize("seed", range(8))
def test_random_distances(seed):
    rng = random.Random(seed)
    strands = rng.sample([X, Y, Z, A, EVEN, ODD, FIRST, SECOND], rng.randint(2, 3))
    ring = rng.random() < 0.4
    strands = [s for s in strands if not (ring and s.short)]
    edges = [(rng.choice(strands), rng.choice(strands), rng.randint(-4, 4)) for _ in range(rng.randint(1, 4))]
    meetings = [Meeting(*edge, weight(rng), ring) for edge in edges if edge[0] is not edge[1] or edge[2] != 0]
    with bounds_checked():
        check(meetings or tree("two back"), rng.randint(0, 1), (1, 2, 3, 5, 11))


@pytest.mark.parametrize("count", [1, 2, 7, 60])
def test_a_singular_block_among_others(count):
    """Pairs on the diagonal, one of them without an inverse, and a border that makes the whole regular."""
    y, u = sd.coordinates("y", (n, 2))
    R, w = sd.coordinates("R")
    masses = sp.IndexedBase("m", shape=(n,))
    pairs = masses[i] * (u[i, 0] ** 2 + u[i, 0] * u[i, 1]) / 2 + u[i, 1] ** 2 / 2 + w * u[i, 0] - y[i, 0] ** 2 * y[i, 1]
    kernels = sd.Lagrangian(sp.Sum(pairs, (i, 0, n - 1)) + 3 * w**2 / 2, [y, R], [u, w], parameters=[masses]).compile()
    rng = np.random.default_rng(count)
    given = rng.uniform(1, 2, count)
    given[count // 2] = 0.0
    q, v = rng.normal(size=(2, 2 * count + 1))
    M, F = kernels.mass_matrix(q, v, {masses: given}), kernels.forcing(q, v, {masses: given})
    expected = np.linalg.solve(M, F)
    bound = 100 * np.finfo(float).eps * np.linalg.cond(M) * np.abs(expected).max()
    np.testing.assert_allclose(kernels.acceleration(q, v, {masses: given}), expected, rtol=0, atol=bound)


@pytest.mark.parametrize("count", [1, 7, 60])
def test_singular_blocks_alone(count):
    """Nothing is written past what there is room for, and the error says what is singular."""
    y, u = sd.coordinates("y", (n, 2))
    m = sp.Symbol("m")
    same = m * (u[i, 0] + u[i, 1]) ** 2 / 2 - y[i, 0] ** 2 * y[i, 1]
    kernels = sd.Lagrangian(sp.Sum(same, (i, 0, n - 1)), y, u, parameters=[m]).compile()
    for _ in range(20):
        with pytest.raises(sd.SingularMatrixError):
            kernels.acceleration(np.ones((count, 2)), np.ones((count, 2)), {m: 1.0})
