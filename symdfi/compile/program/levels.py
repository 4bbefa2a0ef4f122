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
    if is_inside(reference, loops[:own]):
        return own
    empty = (k for k in range(len(loops), own, -1) if not never_empty(loops[k - 1], ranges(loops[: k - 1])))
    return next(empty, own)


@functools.lru_cache(maxsize=1 << 14)
def is_inside(reference: sp.Indexed, loops: tuple[Loop, ...], given: tuple[sp.Expr, ...] = ()) -> bool:
    """Whether a reference is provably in range wherever the indices are and all of ``given`` are >= 0."""
    outer = ranges(loops)
    pairs = zip(reference.indices, reference.base.shape or (), strict=False)
    return all(never_negative(end, outer, given) for k, extent in pairs for end in (k, extent - 1 - k))


def never_empty(loop: Loop, outer: Ranges) -> bool:
    """Whether a loop provably has an iteration wherever the indices around it are in their ranges."""
    lower, upper = sp.Max.make_args(loop.lower), sp.Min.make_args(loop.upper)
    return all(never_negative(high - low, outer) for low in lower for high in upper)


@functools.lru_cache(maxsize=4096)
def staged(condition: Boolean, loops: tuple[Loop, ...]) -> tuple[Boolean, ...]:
    """What of a condition is tested at each level: as early as the indices are known and entries of index arrays may be
    read, so that a loop's bounds are read only where the condition lets them be.

    Never before what holds fewer entries, which may keep these in range.
    """
    levels = {loop.index: level for level, loop in enumerate(loops, 1)}
    #: Entries that the bounds of a loop are read from, level by level.
    bounds = [loop.entries for loop in loops]
    found: list[list[Boolean]] = [[] for _ in range(len(loops) + 1)]
    earliest = 0
    ranked: dict[int, list[tuple[int, Boolean]]] = {}
    for literal in sp.And.make_args(condition):
        entries = literal.atoms(sp.Indexed)
        own = max((levels.get(symbol, 0) for symbol in literal.free_symbols), default=0)
        inside = max((held(entry, loops) for entry in entries), default=0)
        # What a bound is read from anyway can be tested before.
        needed = (level for level in range(own, inside) if entries and entries <= bounds[level])
        ranked.setdefault(len(entries), []).append((next(needed, max(own, inside)), literal))
    for rank in sorted(ranked):
        for level, literal in ranked[rank]:
            found[max(level, earliest)].append(literal)
        earliest = max(earliest, *(level for level, _ in ranked[rank]))
    return tuple(sp.And(*literals) for literals in found)
