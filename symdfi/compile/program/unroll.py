"""Sums of a few terms written out.

The components of a vector, or the two ends of a bond, are then scalars of the loop around them: a distance in space
is one expression, and neither it nor its derivative needs an array or an inner loop.
"""

from __future__ import annotations

import sympy as sp

from symdfi.compile.program.sharing import operations
from symdfi.symbolic.sums import PlainSum

#: The largest extent of a sum that is written out.
MAX_EXTENT = 4
#: How many operations what is written out may have.
MAX_OPERATIONS = 128


def unrolled(expr: sp.Basic) -> sp.Basic:
    """``expr`` with the terms of every sum over a range of one to four numbers, if none of them holds a sum."""
    if not expr.has(sp.Sum) or isinstance(expr, sp.Indexed):
        return expr
    if not isinstance(expr, sp.Sum):
        args = [unrolled(arg) for arg in expr.args]
        return expr.func(*args, evaluate=False) if isinstance(expr, sp.Function) else expr.func(*args)
    body, limits = unrolled(expr.function), list(expr.limits)
    if body.has(sp.Sum):
        return PlainSum(body, *limits)
    for limit in expr.limits:
        index, lower, upper = limit
        few = lower.is_Integer and upper.is_Integer and 0 <= upper - lower < MAX_EXTENT
        bound = any(index in other.free_symbols for _, *bounds in limits for other in bounds)
        if few and not bound and operations(body) * int(upper - lower + 1) <= MAX_OPERATIONS:
            limits.remove(limit)
            body = sp.Add(*(body.xreplace({index: sp.Integer(k)}) for k in range(int(lower), int(upper) + 1)))
    return PlainSum(body, *limits) if limits else body
