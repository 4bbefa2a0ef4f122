"""Loops in another order meet the same index values, each once."""

import itertools
from collections import Counter
from collections.abc import Iterator

import pytest
import sympy as sp

from symdfi.compile.passes.interchange import reordered
from symdfi.compile.program.loops import Loop

n, m = sp.symbols("n m", integer=True)
i, j, k = sp.symbols("i j k", integer=True)
start = sp.IndexedBase("start", shape=(n + 1,))


def points(loops: tuple[Loop, ...], known: dict) -> Iterator[tuple]:
    if not loops:
        yield tuple(sorted((str(s), int(v)) for s, v in known.items()))
        return
    first, *rest = loops
    for value in range(int(first.lower.subs(known)), int(first.upper.subs(known)) + 1):
        yield from points(tuple(rest), {**known, first.index: value})


NESTS = {
    "box": (Loop(i, 0 * n, n - 1), Loop(j, 0 * n, m - 1)),
    "above": (Loop(i, 0 * n, n - 2), Loop(j, i + 1, n - 1)),
    "below": (Loop(i, 0 * n, n - 1), Loop(j, 0 * n, i)),
    "band": (Loop(i, 0 * n, n - 1), Loop(j, sp.Max(0, i - 2), sp.Min(m - 1, i + 1))),
    "against": (Loop(i, 0 * n, n - 1), Loop(j, n - i, m)),
    "tetrahedron": (Loop(i, 0 * n, n - 1), Loop(j, 0 * n, i - 1), Loop(k, j + 1, i)),
}


@pytest.mark.parametrize("name", NESTS)
def test_same_values(name: str) -> None:
    loops = NESTS[name]
    for order in itertools.permutations(loop.index for loop in loops):
        found = reordered(loops, order)
        assert found is not None
        assert [loop.index for loop in found] == list(order)
        for size, other in itertools.product(range(1, 6), repeat=2):
            known = {n: size, m: other}
            assert Counter(points(found, known)) == Counter(points(loops, known))


def test_a_triangle_is_its_transpose() -> None:
    assert reordered(NESTS["above"], [j]) == (Loop(j, sp.S.One, n - 1), Loop(i, sp.S.Zero, j - 1))


def test_ranges_from_index_arrays_stay_inside() -> None:
    loops = (Loop(i, sp.S.Zero, n - 1), Loop(j, start[i], start[i + 1] - 1), Loop(k, sp.S.Zero, m - 1))
    assert reordered(loops, [j]) is None
    assert reordered(loops, [k]) == (loops[2], loops[0], loops[1])
