"""Orders and shifts of strands against all of them."""

from __future__ import annotations

import itertools
import random

import pytest

from symdfi.symbolic.shifts import arranged


def width(order, first, meetings):
    place = {a: len(order) * first[a] + k for k, a in enumerate(order)}
    return max(abs(len(order) * apart + place[b] - place[a]) for a, b, apart in meetings)


def sites(first, meetings):
    return max(abs(apart + first[b] - first[a]) for a, b, apart in meetings)


def all_shifts(strands, most):
    for shifts in itertools.product(range(most + 1), repeat=len(strands)):
        if min(shifts) == 0:
            yield dict(zip(strands, shifts, strict=True))


@pytest.mark.parametrize("seed", range(30))
def test_no_other_band_is_narrower(seed):
    rng = random.Random(seed)
    strands = list(range(rng.randint(1, 3)))
    meetings = [(a, rng.choice(strands[: a + 1]), rng.randint(-3, 3)) for a in strands]
    meetings += [(rng.choice(strands), rng.choice(strands), rng.randint(-2, 2)) for _ in range(2)]
    order, first = arranged(strands, meetings)
    assert sorted(order) == strands and min(first.values()) == 0
    choices = list(all_shifts(strands, 9))
    if min(sites(other, meetings) for other in choices) == 0:
        assert sites(first, meetings) == 0
    else:
        orders = itertools.permutations(strands)
        assert width(order, first, meetings) == min(width(o, s, meetings) for o in orders for s in choices)


def test_strands_stay_where_they_are_if_that_does_as_well():
    assert arranged([0, 1], [(0, 1, 0), (1, 0, 1), (0, 0, 1)]) == ([0, 1], {0: 0, 1: 0})


def test_a_tree_of_distances_is_blocks_however_far_they_are():
    """Twelve strands, more than there are orders for."""
    meetings = [(a, a + 1, 5 * (-1) ** a + a) for a in range(11)]
    _, first = arranged(range(12), meetings)
    assert sites(first, meetings) == 0
