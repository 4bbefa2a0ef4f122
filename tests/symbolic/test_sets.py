"""Proofs about integers, by enumeration: what is proved holds, and what is known to hold is proved."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction

import pytest
import sympy as sp

from symdfi.symbolic.sets import is_empty, never_negative, value

n, m = sp.symbols("n m", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)
p = sp.IndexedBase(sp.Symbol("p", integer=True), shape=(n,))

TRIANGLE = {i: (sp.S.Zero, n - 1), j: (sp.S.Zero, i)}
SQUARE = {i: (sp.S.Zero, n - 1), j: (sp.S.Zero, m - 1)}


def points(ranges, at):
    """All index values of nested ranges at given sizes."""
    if not ranges:
        yield dict(at)
        return
    (index, (lower, upper)), *inner = ranges.items()
    for entry in range(-(-value(lower, at) // 1), value(upper, at) // 1 + 1):
        yield from points(dict(inner), {**at, index: entry})


@pytest.mark.parametrize(
    "expr, ranges, given",
    [
        (n * m - 1 - i * m - j, SQUARE, ()),
        (n * (n + 1) / 2 - 1 - i * (i + 1) / 2 - j, TRIANGLE, ()),
        (n * m - 1 - (n - 1 - i) * m - j, SQUARE, ()),
        (sp.floor((n - 1) / 3) - sp.floor(i / 3), TRIANGLE, ()),
        (n - 1 - sp.Abs(i - j), TRIANGLE, ()),
        (i - sp.Max(j, i - 2), TRIANGLE, ()),
        (sp.Min(i, j), SQUARE, ()),
        (n - 1 - sp.Mod(3 * i - j, n), SQUARE, ()),
        (i - sp.Mod(i, 4), TRIANGLE, ()),
        (n - 2 - i, TRIANGLE, (n - 2 - 2 * i, i - 1)),
        (n - 1 - p[i], TRIANGLE, (2 * n - 1 - 2 * p[i],)),
        (n - 1 - sp.floor(i / 2) - sp.floor((i + 1) / 2), TRIANGLE, ()),
        (n - sp.floor(i / n), {i: (sp.S.Zero, n**2 - 1)}, ()),
        (sp.ceiling((n - i) / 2) - 1, {i: (sp.S.Zero, n - 1)}, ()),
    ],
)
def test_proved(expr, ranges, given):
    assert never_negative(expr, ranges, given)


@pytest.mark.parametrize(
    "expr, ranges, given",
    [
        (n - 2 - i, {i: (sp.S.Zero, n - 1)}, ()),
        (n * m - 1 - i * n - j, SQUARE, ()),
        (n - 2, {}, ()),
        (-p[i] + n, TRIANGLE, ()),
        (n - 1 - sp.Mod(i, 2) - i, TRIANGLE, ()),
        (n + 3 - sp.Mod(-i, n) - sp.Mod(j + 4, n), SQUARE, ()),
        (sp.oo, {}, ()),
        (i, {i: (-sp.oo, n - 1)}, ()),
    ],
)
def test_not_proved(expr, ranges, given):
    assert not never_negative(expr, ranges, given)


def test_empty():
    assert is_empty({i: (sp.S.Zero, n - 1), j: (i + 1, i)})
    assert is_empty({i: (sp.S.Zero, n - 1), j: (i + 1, n - 1), k: (j + 1, i + 1)})
    assert is_empty({i: (sp.S.Zero, n - 1)}, (2 * i - n, n - 1 - 2 * i))
    assert is_empty({i: (sp.S.Zero, n - 1)}, (2 * i - 1, 1 - i, -i))
    assert not is_empty({i: (sp.S.One, n - 1)})
    assert not is_empty(TRIANGLE, (2 * j - i, i - 2 * j))


def random_expr(rng, atoms, depth=2):
    kind = rng.choice(["atom", "sum", "scaled", "floor", "mod", "max", "abs", "product"] if depth else ["atom"])
    first = random_expr(rng, atoms, depth - 1) if depth else rng.choice([*atoms, sp.Integer(rng.randint(-3, 3))])
    second = rng.choice([*atoms, sp.Integer(rng.randint(-3, 3))])
    return {
        "atom": first,
        "sum": first + rng.choice([-1, 1]) * second,
        "scaled": rng.choice([-2, 2, 3]) * first + second,
        "floor": sp.floor(first / rng.choice([2, 3])),
        "mod": sp.Mod(first, rng.choice([n, m, 2, 3])),
        "max": rng.choice([sp.Max, sp.Min])(first, second),
        "abs": sp.Abs(first - second),
        "product": first * second,
    }[kind]


@pytest.mark.parametrize("seed", range(4))
def test_what_is_proved_holds(seed):
    """Random claims, made just true or just false at the points of sizes up to 4."""
    rng = random.Random(seed)
    proved = 0
    for _ in range(60):
        outer = {i: (sp.Integer(rng.randint(-1, 2)), n - rng.randint(0, 2))}
        inner = {j: (rng.choice([sp.S.Zero, i, i - 1, sp.Max(0, i - 2)]), rng.choice([i, m - 1, sp.Min(i + 2, n - 1)]))}
        ranges = outer | inner
        given = [random_expr(rng, [i, j, n, m], 1)] if rng.random() < 0.4 else []
        expr = random_expr(rng, [i, j, n, m])
        values = [
            value(expr, at)
            for a, b in itertools.product(range(1, 5), repeat=2)
            for at in points(ranges, {n: a, m: b})
            if all(value(g, at) >= 0 for g in given)
        ]
        if not values:
            continue
        least = min(Fraction(v) for v in values)
        assert not never_negative(sp.expand(expr - least - 1), ranges, given)
        proved += never_negative(sp.expand(expr - least), ranges, given)
    assert proved > 10  # one in three or so: most of the others fall below at larger sizes
