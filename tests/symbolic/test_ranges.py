"""Nested ranges restricted by conditions, by enumeration."""

from __future__ import annotations

import itertools

import pytest
import sympy as sp

from symdfi.symbolic.ranges import bounded, narrow

n = sp.Symbol("n", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)
value = sp.Symbol("value", real=True)

NESTS = {
    "square": {i: (sp.S.Zero, n - 1), j: (sp.S.Zero, n - 1)},
    "triangle": {i: (sp.S.Zero, n - 1), j: (sp.S.Zero, i)},
    "upper triangle": {i: (sp.S.One, n - 2), j: (i + 1, n - 1)},
    "window": {i: (sp.S.Zero, n - 1), j: (sp.Max(0, i - 1), sp.Min(n - 1, i + 2))},
}
CONDITIONS = [
    i - 2, n - 3 - j, i - j - 1, j - i, n - 2 - i - j, 2 * j - i, i - 2 * j, 3 * j - 2 * i - 1, 2 * i - j - n, k - j,
    i + j - k,
]  # fmt: skip


def pairs(ranges, at):
    """All (i, j) of the ranges at given numbers."""
    (first, (low, high)), (second, (start, stop)) = ranges.items()
    found = []
    for a in range(int(sp.sympify(low).subs(at)), int(sp.sympify(high).subs(at)) + 1):
        inner = {**at, first: a}
        found += [
            {**inner, second: b}
            for b in range(int(sp.sympify(start).subs(inner)), int(sp.sympify(stop).subs(inner)) + 1)
        ]
    return found


@pytest.mark.parametrize("nest", NESTS)
@pytest.mark.parametrize("expr", CONDITIONS)
def test_narrowed_ranges_hold_what_the_condition_allows(nest, expr):
    found = narrow(NESTS[nest], expr, {k: (-sp.oo, sp.oo)})
    if found is None:
        assert not expr.free_symbols & {i, j}
        return
    for size, free in itertools.product(range(1, 7), range(-1, 4)):
        at = {n: size, k: free}
        expected = [point for point in pairs(NESTS[nest], at) if expr.subs(point) >= 0]
        assert pairs(found[0], at) == expected


@pytest.mark.parametrize("nest", NESTS)
@pytest.mark.parametrize("condition", [i >= j, j > i + 1, (j >= k) & (i <= k), sp.Eq(i, j), j <= k - 3, 2 * j < i + k])
def test_bounds_in_place_of_conditions_keep_the_sum(nest, condition):
    """Evaluated by SymPy, which gives a sum whose bounds are far out of order the sign of the sum in between."""
    known = {k: (sp.S.Zero, n - 1)}
    sums = [(index, *bounds) for index, bounds in reversed(NESTS[nest].items())]
    limits, conditions = bounded(sums, [condition], known)
    assert not any(c.free_symbols & {i, j} for c in conditions)
    for size in (1, 2, 5):
        for free in range(size):
            at = {n: size, k: free}
            expected = sum(3 ** point[i] + 5 ** point[j] for point in pairs(NESTS[nest], at) if condition.subs(point))
            inside = sp.Sum(3**i + 5**j, *limits).subs(at).doit()
            assert inside * int(all(c.subs(at) for c in conditions)) == expected


@pytest.mark.parametrize(
    "condition", [sp.Ne(i, j), sp.Eq(sp.Mod(i, 2), 0), (i < j) | (i > k), value > i, i > value * j]
)
def test_what_no_range_can_say_stays_a_condition(condition):
    sums = [(j, sp.S.Zero, n - 1), (i, sp.S.Zero, n - 1)]
    assert bounded(sums, [condition], {k: (sp.S.Zero, n - 1)}) == (tuple(sums), (condition,))
