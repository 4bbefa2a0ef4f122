"""Shapes of indexed variables, where the user left them to the ranges of the indices."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from symdfi.errors import SymbolicError
from symdfi.symbolic.affine import affine
from symdfi.symbolic.indexed import normalise
from symdfi.symbolic.sets import Ranges, never_negative


def shaped(expr: sp.Basic, bases: Iterable[sp.IndexedBase] = (), ranges: Ranges | None = None) -> dict:
    """``{base: base with a shape}`` for the bases in ``expr`` that have none.

    An extent is one more than the largest index that the sums (and ``ranges``, for free indices) lead to.
    Raises ``SymbolicError`` where the ranges do not tell.
    """
    wanted = {b for b in (*bases, *expr.atoms(sp.IndexedBase)) if b.shape is None}
    if not wanted:
        return {}
    expr = normalise(expr)
    bounds = dict(ranges or {})
    for node in expr.atoms(sp.Sum):
        bounds.update({i: (lo, hi) for i, lo, hi in node.limits})
    result = {}
    for base in sorted(wanted, key=str):
        references = [r for r in expr.atoms(sp.Indexed) if r.base == base]
        if not references:
            raise SymbolicError(f"{base} is not used, so its shape is unknown: IndexedBase({str(base)!r}, shape=...)")
        rank = len(references[0].indices)
        extents = tuple(_extent(base, [r.indices[k] for r in references], bounds) for k in range(rank))
        result[base] = sp.IndexedBase(base.label, shape=extents)
    return result


def _extent(base: sp.IndexedBase, indices: list[sp.Expr], ranges: Ranges) -> sp.Expr:
    tops = []
    for index in indices:
        top = sp.expand(index.args[1] - 1) if isinstance(index, sp.Mod) else index
        for symbol in [s for s in ranges if s in top.free_symbols]:
            line = affine(top, symbol)
            if line is None:
                raise SymbolicError(
                    f"the shape of {base} does not follow from the index {index}: give IndexedBase a shape"
                )
            top = sp.expand(line[1] + line[0] * ranges[symbol][1 if line[0] > 0 else 0])
        tops.append(sp.expand(top + 1))
    for candidate in dict.fromkeys(tops):
        if all(never_negative(candidate - other, {}) for other in tops):
            return candidate
    raise SymbolicError(f"the indices of {base} end at {', '.join(map(str, tops))}: give IndexedBase a shape")
