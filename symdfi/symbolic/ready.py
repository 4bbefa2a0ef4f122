"""What the ready-made ansätze have in common: periods, and arrays of parameters."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symdfi.errors import SymbolicError
from symdfi.symbolic.given import expression, sequence

#: The period of each variable, None for one without.
Periods = tuple[sp.Expr | None, ...]


def periods(period: Sequence | None, variables: Sequence[sp.Symbol]) -> Periods:
    """The period of each variable, or None."""
    given = (None,) * len(variables) if period is None else sequence(period, "period")
    if len(given) != len(variables):
        raise SymbolicError(f"{len(given)} periods for {len(variables)} variables: give None for one without")
    return tuple(
        None if p is None else expression(p, f"the period of {x}") for x, p in zip(variables, given, strict=True)
    )


def array(name: str, *shape: int | sp.Expr) -> sp.IndexedBase:
    """An array of real parameters."""
    return sp.IndexedBase(sp.Symbol(name, real=True), shape=shape)
