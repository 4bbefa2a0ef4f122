"""Owners of index maps, and proofs about ranges."""

from __future__ import annotations

import itertools

import pytest
import sympy as sp

from symdfi.symbolic.maps import affine, extreme, prune, smallest, solve, standard
from symdfi.symbolic.sets import never_negative

n, m = sp.symbols("n m", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)
p = sp.IndexedBase(sp.Symbol("p", integer=True), shape=(n,))


@pytest.mark.parametrize(
    "expr, expected",
    [
        (2 * i + j, (2, j)),
        (n - 1 - i, (-1, n - 1)),
        (i / 2, (sp.Rational(1, 2), 0)),
        (2 * (i + 1) - i, (1, 2)),
        (i * n, None),
        (i**2, None),
        (j, None),
        (sp.Mod(i, n), None),
        (p[i], None),
        (i + sp.floor(i / 2), None),
    ],
)
def test_affine(expr, expected):
    assert affine(expr, i) == expected


@pytest.mark.parametrize(
    "index_map",
    [i, i + 2, 7 - i, 2 * i, 2 * i + 1, 3 * i - 2, sp.Mod(i + 3, n), sp.Mod(2 - i, n), sp.Mod(i - 1, n)],
)
@pytest.mark.parametrize("lower, upper", [(0, n - 1), (1, n - 2), (2, n - 1)])
def test_owners_are_exact(index_map, lower, upper):
    """The owner of j is the one i with map(i) = j, and the conditions hold where there is one."""
    owner = solve(index_map, i, (sp.sympify(lower), sp.sympify(upper)), j, {})
    assert owner is not None
    for size, target in itertools.product((1, 2, 5, 6), range(-3, 20)):
        at = {n: size, j: target}
        top = int(sp.sympify(upper).subs(at))
        hits = [value for value in range(lower, top + 1) if index_map.subs({**at, i: value}) == target]
        assert all(sp.sympify(c).subs(at) for c in owner.conditions) == bool(hits)
        if hits:
            assert [owner.value.subs(at)] == hits


@pytest.mark.parametrize("index_map", [p[i], p[i] + i, sp.Mod(2 * i, n), i * n])
def test_other_maps_are_not_inverted(index_map):
    assert solve(index_map, i, (sp.S.Zero, n - 1), j, {}) is None


def test_a_remainder_that_wraps_twice_is_not_inverted():
    assert solve(sp.Mod(i, n), i, (sp.S.Zero, 2 * n - 1), j, {}) is None


inside = {i: (sp.S.Zero, n - 1)}
triangle = {i: (sp.S.Zero, n - 1), j: (sp.S.Zero, i)}


@pytest.mark.parametrize(
    "expr, ranges, expected",
    [
        (i, inside, True),
        (n - 1 - i, inside, True),
        (n - 2 - i, inside, False),
        (i - j, triangle, True),
        (n - 1 - j, triangle, True),
        (j - i, triangle, False),
        (n * m - n, {}, True),
        (n + m - 2, {}, True),
        (n - m, {}, False),
        (n - 1, {}, True),
        (n - 2, {}, False),
        (sp.Mod(i + 5, n), inside, True),
        (n - 1 - sp.Mod(i + 5, n), inside, True),
        (sp.Max(i - 3, 0), inside, True),
        (sp.Min(i - 3, 0), inside, False),
        (k, {}, True),  # a symbol without a range is a size
        (k, {k: (-sp.oo, sp.oo)}, False),
        (p[0], {}, False),  # what an index array holds is not known
        (p[i] - 1, inside, False),
        (smallest(p), {}, False),
        (2 * i - j, {i: (j, n), j: (sp.S.Zero, n)}, True),
    ],
)
def test_proofs(expr, ranges, expected):
    assert never_negative(expr, ranges) is expected


@pytest.mark.parametrize(
    "expr, low, high",
    [
        (2 * i - 1, -1, 2 * n - 3),
        (i - j, 0, n - 1),
        (n - 1 - i, 0, n - 1),
        (sp.Mod(i + 3, m), 0, m - 1),
        (sp.Max(i - 3, 2), 2, sp.Max(n - 4, 2)),
        (sp.floor(i / 2), 0, sp.floor((n - 1) / 2)),
    ],
)
def test_extremes(expr, low, high):
    assert sp.expand(extreme(expr, triangle, False) - low) == 0
    assert sp.expand(extreme(expr, triangle, True) - high) == 0


def test_extremes_of_a_gather_are_the_ends_of_its_array():
    found = extreme(p[i] + i, inside, False)
    assert found == smallest(p)


def test_extremes_of_what_grows_are_at_the_ends():
    assert extreme(i**2, inside, True) == sp.expand((n - 1) ** 2)
    assert extreme(i**2 - 3 * i, inside, True) is None


def test_conditions_that_hold_anyway_go():
    assert prune([i >= 0, i < n, i < n - 1], inside) == (i <= n - 2,) or prune([i < n - 1], inside) == (i < n - 1,)
    value = sp.Symbol("value", real=True)
    assert prune([value > 0, i >= 0], inside) == (value > 0,)


@pytest.mark.parametrize("relation", [i < n / 2, 3 * i >= 2 * j + 1, i > sp.Rational(5, 2), i <= 2.5, i < j, n - i > 2])
def test_inequalities_are_brought_to_integers(relation):
    atom, positive = standard(relation)
    for at in itertools.product(range(-2, 7), repeat=3):
        values = dict(zip((i, j, n), at, strict=True))
        assert bool(atom.subs(values)) == (bool(relation.subs(values)) == positive)


def test_opposite_inequalities_share_an_atom():
    assert standard(i < n)[0] == standard(i >= n)[0]
    assert standard(i < n)[1] is not standard(i >= n)[1]
