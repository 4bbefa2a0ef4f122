"""At which level of a nest, outside of all loops, in the outermost, ..., something may be read or tested."""

from __future__ import annotations

import functools

import sympy as sp
from sympy.logic.boolalg import Boolean

from symdfi.compile.program.loops import Loop, ranges
from symdfi.symbolic.sets import Ranges, never_negative


@functools.lru_cache(maxsize=1 << 14)
def held(reference: sp.Indexed, loops: tuple[Loop, ...]) -> int:
    """How many of the loops around a reference it must stay inside of: it may be read where they are empty only if it
    is in range there, too."""
    own = max((k for k, loop in enumerate(loops, 1) if loop.index in reference.free_symbols), default=0)
    outer = ranges(loops[:own])
    pairs = zip(reference.indices, reference.base.shape or (), strict=False)
    if all(never_negative(k, outer) and never_negative(extent - 1 - k, outer) for k, extent in pairs):
        return own
    empty = (k for k in range(len(loops), own, -1) if not _never_empty(loops[k - 1], ranges(loops[: k - 1])))
    return next(empty, own)


def _never_empty(loop: Loop, outer: Ranges) -> bool:
    lower, upper = sp.Max.make_args(loop.lower), sp.Min.make_args(loop.upper)
    return all(never_negative(high - low, outer) for low in lower for high in upper)


@functools.lru_cache(maxsize=4096)
def staged(condition: Boolean, loops: tuple[Loop, ...]) -> tuple[Boolean, ...]:
    """What of a condition is tested at each level: as early as the indices are known and entries of index arrays may be
    read, so that a loop's bounds are read only where the condition lets them be.

    Never before what holds fewer entries, which may keep these in range.
    """
    levels = {loop.index: level for level, loop in enumerate(loops, 1)}
    found: list[list[Boolean]] = [[] for _ in range(len(loops) + 1)]
    earliest = 0
    ranked: dict[int, list[tuple[int, Boolean]]] = {}
    for literal in sp.And.make_args(condition):
        entries = literal.atoms(sp.Indexed)
        own = [levels.get(symbol, 0) for symbol in literal.free_symbols] + [held(entry, loops) for entry in entries]
        ranked.setdefault(len(entries), []).append((max(own, default=0), literal))
    for rank in sorted(ranked):
        for level, literal in ranked[rank]:
            found[max(level, earliest)].append(literal)
        earliest = max(earliest, *(level for level, _ in ranked[rank]))
    return tuple(sp.And(*literals) for literals in found)
