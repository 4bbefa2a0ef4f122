"""Conditions on the iterations of a nest, and what they say of what is stored over some of its loops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sympy as sp
from sympy.logic.boolalg import Boolean

from symdfi.compile.program.loops import Loop, ranges
from symdfi.symbolic.affine import affine
from symdfi.symbolic.maps import extreme, inequalities, is_known
from symdfi.symbolic.sets import Ranges, never_negative

#: Literals of the condition under which a subexpression is evaluated at all.
Guards = tuple[Boolean, ...]


def not_empty(sums: tuple[Loop, ...]) -> Guards:
    """Where a range may be empty, what is stored for its iterations may lie outside its array."""
    return tuple(sp.Ge(s.upper, s.lower) for s in sums if s.lower.free_symbols | s.upper.free_symbols)


def kept(guards: Guards, deps: tuple[Loop, ...], loops: tuple[Loop, ...], closely: bool = False) -> Guards:
    """What the ``guards`` of a nest of ``loops`` say of ``deps``, those that an element is stored over: outside it the
    element is never read. ``closely``: also what other indices leave of sizes alone, n >= 2 where 0 < j < i < n."""
    stored, known = ranges(deps), ranges(loops)
    others = {index: bounds for index, bounds in known.items() if index not in stored}
    restricted = (others, *_restricted(others, [loop for loop in loops if loop.index in stored]))
    found: dict[Boolean, None] = {}
    inside = not_empty(deps)
    for guard in (guard for guard in guards if guard not in inside):
        indices = guard.free_symbols & set(known)
        if indices <= set(stored):
            projected = [guard]
        else:
            ends = [extreme(bound, where, True) for bound in inequalities(guard) for where in restricted]
            ends = [end for end in ends if end is not None and is_known(end)]
            projected = [sp.Ge(end, 0) for end in ends if closely or end.free_symbols & set(stored)]
        for literal in projected:
            if literal != sp.true and not (
                inequalities(literal) and all(never_negative(bound, stored) for bound in inequalities(literal))
            ):
                found[literal] = None
    return tuple(found)


def _restricted(others: Ranges, loops: Iterable[Loop]) -> Iterator[Ranges]:
    """The ranges with that of one index as a loop inside of it, whose bounds hold it, leaves it: around a loop over
    j <= i there is only i >= j left of i >= 0."""
    for loop in loops:
        spans = [end - loop.index for end in sp.Min.make_args(loop.upper)]
        spans += [loop.index - end for end in sp.Max.make_args(loop.lower)]
        for span in spans:
            held = span.free_symbols & set(others)
            if len(held) != 1:
                continue
            (index,) = held
            line = affine(span, index)
            if line is None or not line[0].is_Integer:
                continue
            lower, upper = others[index]
            if line[0] > 0:
                lower = -sp.floor(line[1] / line[0])
            else:
                upper = sp.floor(line[1] / -line[0])
            yield {**others, index: (lower, upper)}
