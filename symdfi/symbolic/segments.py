"""Chains of blocks whose strands begin and end at different sites, in segments whose sites all hold the same."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from symdfi.symbolic.chains import Sites, Strand
from symdfi.symbolic.structures import Chain


def segments(chain: Chain) -> list[Chain]:
    """The segments one after the other, the sites of each numbered from 0 on.

    They hold from so many elements on as ``least_count`` says: with fewer, strands end before others begin.
    """
    sites = chain.sites
    if sites.is_full and not sites.is_turned:
        return [chain]
    count = sites.strands[0].count
    if any(strand.turn for strand in sites.strands):
        bounds: list[sp.Expr] = [*map(sp.Integer, sorted({strand.turn for strand in sites.strands})), count]
        held = [list(range(chain.breadth))] * (len(bounds) - 1)
    else:
        ends = [int(sp.expand(strand.count - count)) + strand.first for strand in sites.strands]
        begun = sorted({strand.first for strand in sites.strands})
        bounds = [*map(sp.Integer, begun), *(count + end for end in sorted(set(ends)))]
        held = [[a for a, strand in enumerate(sites.strands) if strand.first <= site] for site in begun]
        held += [[a for a, last in enumerate(ends) if last > end] for end in sorted(set(ends))[:-1]]
    return [_segment(chain, *piece) for piece in zip(held, bounds[:-1], bounds[1:], strict=True)]


def least_count(sites: Sites) -> tuple[sp.Expr, int]:
    """A number of elements and the least one with which all strands have begun before one of them ends."""
    turns, count = [strand.turn for strand in sites.strands], sites.strands[0].count
    if any(turns):
        return count, max(turns)
    ends = (int(sp.expand(strand.count - count)) + strand.first for strand in sites.strands)
    return count, max(strand.first for strand in sites.strands) - min(ends)


def _segment(chain: Chain, held: list[int], lower: sp.Expr, upper: sp.Expr) -> Chain:
    sites, (index,) = chain.sites, chain.sites.indices
    rank = {a: k for k, a in enumerate(held)}
    extent = sp.expand(upper - lower)
    #: By strand, its element at the segment's first site.
    begin = {a: _element(sites.strands[a], lower) for a in held}

    def moved(a: int, expr: sp.Expr) -> sp.Expr:
        return expr.xreplace({index: index + begin[a]})

    strands = []
    for a in held:
        own = sites.strands[a]
        place = tuple(sp.expand(moved(a, k)) for k in own.place)
        start = sp.expand(own.start + own.step * begin[a])
        strands.append(replace(own, place=place, start=start, count=extent, first=0, turn=0))
    bands = {
        (rank[a], rank[a + d] - rank[a]): moved(a, e) for (a, d), e in chain.bands.items() if {a, a + d} <= set(held)
    }
    columns, rows = (
        {(rank[a], b): moved(a, e) for (a, b), e in side.items() if a in rank} for side in (chain.columns, chain.rows)
    )
    return Chain(Sites(sites.indices, (extent,), tuple(strands)), False, bands, columns, rows)


def _element(strand: Strand, site: sp.Expr) -> sp.Expr:
    """The number of a strand's element at a site."""
    if strand.turn:
        return site - strand.turn + (strand.count if strand.turn > site else 0)
    return site - strand.first
