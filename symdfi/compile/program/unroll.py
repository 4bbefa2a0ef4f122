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


def _term(body: sp.Expr, put: dict) -> sp.Expr | None:
    """One term; None where what may not exist vanishes from it, as x[k - 1] does from k*x[k - 1] at k = 0."""
    term = body.xreplace(put)
    for reference in _read(body):
        if reference.has(*put) and not term.has(reference.xreplace(put)) and not _exists(reference, put):
            return None
    return term


def _read(expr: sp.Basic) -> set[sp.Indexed]:
    """What is read whatever the values, and the conditions on indices, are."""
    if isinstance(expr, sp.Indexed):
        return {expr}
    return set() if isinstance(expr, sp.Piecewise) else set().union(*map(_read, expr.args))


def _exists(reference: sp.Indexed, put: dict) -> bool:
    """Whether the numbers put into a reference are among the components of its array."""
    shape = reference.base.shape or ()
    pairs = [(k.xreplace(put), extent) for k, extent in zip(reference.indices, shape, strict=False) if k.has(*put)]
    return all(k.is_Integer and extent.is_Integer and 0 <= k < extent for k, extent in pairs)


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
            terms = [_term(body, {index: sp.Integer(k)}) for k in range(int(lower), int(upper) + 1)]
            if None not in terms:
                limits.remove(limit)
                body = sp.Add(*terms)
    return PlainSum(body, *limits) if limits else body
