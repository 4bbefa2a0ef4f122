"""Ranges of nested indices, restricted by conditions on them."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp
from sympy.logic.boolalg import Boolean

from symdfi.symbolic.affine import affine
from symdfi.symbolic.maps import inequalities, is_integer, isolate
from symdfi.symbolic.sets import Ranges, never_negative

Limits = tuple[sp.Symbol, sp.Expr, sp.Expr]


def narrow(ranges: Ranges, expr: sp.Expr, known: Ranges) -> tuple[dict, list[sp.Expr]] | None:
    """Nested ranges, the outermost first, restricted to ``expr >= 0``; None where it bounds no index.

    It bounds the innermost index involved. The indices outside keep only the values that leave it one
    (Fourier and Motzkin's elimination): what is computed for the inner index, and read for it, lies within the
    condition as well. The second result is >= 0 where that leaves a value and could not be said by ranges.
    ``known`` are the ranges of other indices, to prove bounds redundant.
    """
    order = list(ranges)
    index = next((i for i in reversed(order) if i in expr.free_symbols), None)
    line = None if index is None else affine(expr, index)
    if index is None or line is None or not line[0].is_Integer or expr.has(sp.Indexed):
        return None
    (slope, offset), (lower, upper) = line, ranges[index]
    outer, rest = {i: ranges[i] for i in order[: order.index(index)]}, []
    if slope > 0:
        bound = -offset if slope == 1 else -sp.floor(offset / slope)
        lower, others = _tightest(sp.Max, lower, bound, {**known, **outer}), sp.Min.make_args(upper)
    else:
        bound = offset if slope == -1 else sp.floor(offset / -slope)
        upper, others = _tightest(sp.Min, upper, bound, {**known, **outer}), sp.Max.make_args(lower)
    for span in (sp.expand(offset + slope * other) for other in others):
        if not never_negative(span, {**known, **outer}):
            found = narrow(outer, span, known)
            outer, further = (outer, [span]) if found is None else found
            rest += further
    return {**outer, index: (lower, upper), **{i: ranges[i] for i in order[len(outer) + 1 :]}}, rest


def _tightest(kind: type, old: sp.Expr, new: sp.Expr, known: Ranges) -> sp.Expr:
    """``Max`` (``Min``) of two bounds, without those that another makes redundant."""
    sign = 1 if kind is sp.Max else -1
    if any(never_negative(sign * (arg - new), known) for arg in kind.make_args(old)):
        return old
    kept = [arg for arg in kind.make_args(old) if not never_negative(sign * (new - arg), known)]
    return kind(*kept, new, evaluate=False)


def bounded(
    sums: Iterable[Limits], conditions: Iterable[Boolean], known: Ranges
) -> tuple[tuple[Limits, ...], tuple[Boolean, ...]]:
    """The sums, given from the innermost to the outermost, with ``conditions`` as their bounds where possible.

    SymPy takes a condition under a sum out of it once that sum stands in another one (see ``sums``); a bound stays.
    What remains are conditions on free indices alone, and those that no range can express.
    """
    ranges = {index: (lower, upper) for index, lower, upper in reversed(list(sums))}
    kept: dict[Boolean, None] = {}
    for condition in (literal for c in conditions for literal in sp.And.make_args(c)):
        integers = is_integer(condition, {**known, **ranges})
        ends = inequalities(condition) if integers and condition.free_symbols & set(ranges) else []
        narrowed, rest = ranges, []
        for end in ends:
            found = narrow(narrowed, end, known)
            if found is None:
                ends = []
                break
            narrowed, rest = found[0], rest + found[1]
        if not ends:
            kept[condition] = None
            continue
        ranges = narrowed
        # A sum from k + 1 to k is empty, but one from k + 2 to k is not to SymPy, which changes its sign.
        spans = [span for span in rest if not never_negative(span + 1, {**known, **ranges})]
        kept |= dict.fromkeys(isolate(sp.Ge(span, 0), {**known, **ranges}) for span in spans)
    return tuple((i, lower, upper) for i, (lower, upper) in reversed(ranges.items())), tuple(kept)
