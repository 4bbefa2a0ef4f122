"""Loops in another order, over the same values of their indices."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symdfi.compile.program.loops import Loop, ranges
from symdfi.symbolic.maps import extreme
from symdfi.symbolic.ranges import narrow


def reordered(loops: Sequence[Loop], order: Sequence[sp.Symbol]) -> tuple[Loop, ...] | None:
    """The loops in the order of their indices given, those not named after them; None where ranges cannot say it."""
    result = list(loops)
    for place, index in enumerate(order):
        at = next(k for k, loop in enumerate(result) if loop.index == index)
        while at > place:
            pair = _interchanged(tuple(result[: at - 1]), result[at - 1], result[at])
            if pair is None:
                return None
            result[at - 1 : at + 1] = pair
            at -= 1
    return tuple(result)


def _interchanged(around: tuple[Loop, ...], outer: Loop, inner: Loop) -> tuple[Loop, Loop] | None:
    """Two loops, one in the other, the other way round.

    i = 0..n-2, j = i+1..n-1 is j = 1..n-1, i = 0..j-1: the outer one meets what the inner one reaches anywhere, and
    what bounded that one for each i bounds i for each j.
    """
    lowers, uppers = sp.Max.make_args(inner.lower), sp.Min.make_args(inner.upper)
    bounds = [inner.index - end for end in lowers] + [end - inner.index for end in uppers]
    bounds = [bound for bound in bounds if outer.index in bound.free_symbols]
    if not bounds:
        return inner, outer
    own = ranges((outer,))
    low = [extreme(end, own, False) if outer.index in end.free_symbols else end for end in lowers]
    high = [extreme(end, own, True) if outer.index in end.free_symbols else end for end in uppers]
    if None in (*low, *high):
        return None
    nested = {**ranges(around), inner.index: (sp.Max(*low), sp.Min(*high)), outer.index: (outer.lower, outer.upper)}
    for bound in bounds:
        found = narrow(nested, bound, {})
        if found is None or found[1]:
            return None
        nested = found[0]
    # What bounds the loops around as well leaves out only values for which there is nothing to do.
    return tuple(Loop(loop.index, *nested[loop.index], loop.name) for loop in (inner, outer))  # pyright: ignore
