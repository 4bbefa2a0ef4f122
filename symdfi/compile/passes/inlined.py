"""What cannot be stored, because sizes do not tell how many there are, computed where it is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import sympy as sp

from symdfi.compile.program.loops import Assignment, Variable, hull


def inlined(assignments: Iterable[Assignment], targets: set[Variable]) -> list[Assignment]:
    """The assignments without those to the ``targets``, which hold no sums, their values in place of their elements."""
    values: dict[Variable, Assignment] = {}
    kept = []
    for a in assignments:
        elements = (e for e in a.expr.atoms(sp.Indexed) if e.base in values)
        put = {e: _value(values[e.base], e.indices) for e in elements}
        own = replace(a, expr=a.expr.xreplace(put)) if put else a
        if a.target in targets:
            values[a.target] = own
        else:
            kept.append(own)
    return kept


def _value(assignment: Assignment, indices: tuple[sp.Expr, ...]) -> sp.Expr:
    """What an element holds."""
    loops = zip(assignment.loops, hull(assignment.loops), indices, strict=True)
    return assignment.expr.xreplace({loop.index: place + box.lower for loop, box, place in loops})
