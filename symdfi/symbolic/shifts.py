"""How the strands of a chain stand in its sites: in which order, and shifted by how many sites against one another.

Strand a has the place ``B first[a] + rank[a]`` among B strands; where its element meets that of strand b ``apart``
sites further, the two unknowns lie ``|B (apart + first[b] - first[a]) + rank[b] - rank[a]|`` apart. The largest of
these is the width of the band.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

#: A strand, another one and how many sites further.
Meeting = tuple[int, int, int]

#: Up to so many strands all their orders are compared.
_ORDERED = 6


def arranged(strands: Sequence[int], meetings: Iterable[Meeting]) -> tuple[list[int], dict[int, int]]:
    """The order of the strands, as they come if that does as well, and the site at which each of them begins.

    Sites that meet none but themselves come first, whatever their order; else the band is as narrow as it can be, with
    all strands from the first site on if that does as well.
    """
    met = _extremes(meetings)
    orders = list(itertools.permutations(strands)) if len(strands) <= _ORDERED else [tuple(strands)]
    none = dict.fromkeys(strands, 0)
    sites, together = next((w, found) for w in itertools.count() if (found := _shifts(strands, met, w)) is not None)
    if sites == 0:
        return list(min(orders, key=lambda order: _width(order, together, met))), together
    best = min(orders, key=lambda order: _width(order, none, met))
    for width in range(len(strands) * (sites - 1) + 1, _width(best, none, met)):
        for order in orders:
            shifts = _shifts(order, met, width, len(order))
            if shifts is not None:
                return list(order), shifts
    return list(best), none


def _extremes(meetings: Iterable[Meeting]) -> dict[tuple[int, int], tuple[int, int]]:
    """The least and the largest distance at which two strands meet."""
    met: dict[tuple[int, int], tuple[int, int]] = {}
    for a, b, apart in meetings:
        least, most = met.get((a, b), (apart, apart))
        met[a, b] = min(least, apart), max(most, apart)
    return met


def _width(order: Sequence[int], first: dict[int, int], met: dict[tuple[int, int], tuple[int, int]]) -> int:
    place = {a: len(order) * first[a] + k for k, a in enumerate(order)}
    reach = (abs(len(order) * k + place[b] - place[a]) for (a, b), both in met.items() for k in both)
    return max(reach, default=0)


def _shifts(
    order: Sequence[int], met: dict[tuple[int, int], tuple[int, int]], width: int, breadth: int = 0
) -> dict[int, int] | None:
    """Where the strands begin in a band of that width, in sites or, given the ``breadth`` of a site, in unknowns.

    The differences first[b] - first[a] are bounded: the shortest paths keep to that, or none do (Bellman and Ford).
    """
    rank = {a: k if breadth else 0 for k, a in enumerate(order)}
    bounds: dict[tuple[int, int], int] = {}
    for (a, b), (least, most) in met.items():
        for start, end, far in ((a, b, most), (b, a, -least)):
            bound = (width - rank[end] + rank[start]) // (breadth or 1) - far
            bounds[start, end] = min(bounds.get((start, end), bound), bound)
    first = dict.fromkeys(order, 0)
    for _ in order:
        moved = False
        for (a, b), bound in bounds.items():
            if first[b] > first[a] + bound:
                first[b], moved = first[a] + bound, True
        if not moved:
            least = min(first.values())
            return {a: site - least for a, site in first.items()}
    return None
