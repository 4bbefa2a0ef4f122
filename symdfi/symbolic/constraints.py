"""Constraints on a Lagrangian system: how they are given, and their multipliers.

A holonomic constraint φ(q, t) = 0 holds no velocity, a nonholonomic one ψ(q, v, t) = 0 does. Either may stand for
many, one for each value of its free indices:  ``(expr, (i, lower, upper), ...)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp
from sympy.logic.boolalg import Boolean, BooleanAtom

from symdfi.errors import SymbolicError
from symdfi.symbolic import given
from symdfi.symbolic.indexed import Variable, canonical, depends, normalise
from symdfi.symbolic.private import Private
from symdfi.symbolic.ranges import Limits
from symdfi.symbolic.renaming import Renaming
from symdfi.symbolic.sets import Ranges
from symdfi.symbolic.sums import PlainSum


@dataclass(frozen=True)
class Constraint:
    """``expr`` = 0 over the free indices of ``limits``, with the ``multiplier`` λ of its force Gᵀλ.

    ``shown`` is what messages call it.
    """

    expr: sp.Expr
    limits: tuple[Limits, ...]
    is_holonomic: bool
    multiplier: Variable
    shown: str

    @property
    def indices(self) -> tuple[sp.Symbol, ...]:
        return tuple(index for index, _, _ in self.limits)

    @property
    def ranges(self) -> Ranges:
        return {index: (lower, upper) for index, lower, upper in self.limits}

    @property
    def extents(self) -> tuple[sp.Expr, ...]:
        return tuple(sp.expand(upper - lower + 1) for _, lower, upper in self.limits)

    @property
    def count(self) -> sp.Expr:
        """How many there are."""
        return sp.Mul(*(sp.Max(0, extent) for extent in self.extents))

    def renamed(self, number: int, renaming: Renaming) -> Constraint:
        """The same in symbols of our own."""
        own = {index: Private("c", k, index.name, integer=True) for k, index in enumerate(self.indices)}
        limits = tuple((own[index], renaming(lower), renaming(upper)) for index, lower, upper in self.limits)
        label = Private("l", number, real=True)
        shape = tuple(renaming(extent) for extent in self.extents)
        multiplier = sp.IndexedBase(label, shape=shape) if limits else label
        return replace(self, expr=renaming(self.expr, own), limits=limits, multiplier=multiplier)

    @property
    def total(self) -> sp.Expr:
        """Σ λ φ: its derivatives by q (by v, for a nonholonomic constraint) are the generalized forces Gᵀλ."""
        if not self.limits:
            return self.multiplier * self.expr
        at = tuple(sp.expand(index - lower) for index, lower, _ in self.limits)
        return PlainSum(self.multiplier[at] * self.expr, *reversed(self.limits))


def read_constraints(
    constraints: Any, read: Callable[[Any], sp.Expr], coordinates: Sequence[Variable], velocities: Sequence[Variable],
    inputs: Iterable[Variable], taken: Iterable[str],
) -> tuple[Constraint, ...]:  # fmt: skip
    """The constraints as they were given; their multipliers have names that are not ``taken``.

    Raises ``TypeError`` for text and for what is no expression, ``SymbolicError`` for one that can never hold or always
    does, that depends on an input or on no coordinate and velocity, that has a free index without limits, or that
    repeats or contradicts another.
    """
    listed = given.no_text(constraints, "constraints")
    if isinstance(listed, sp.Basic):
        raise TypeError(f"constraints is {listed}: give a list of constraints")
    parts = [_parts(number, one, read) for number, one in enumerate(listed)]
    used = {*taken, *(s.name for _, expr, _ in parts for s in expr.atoms(sp.Symbol))}
    stems = ("lambda",) if len(parts) == 1 else ()
    names = (
        name for name in (*stems, *(f"lambda_{k}" for k in range(1, len(used) + len(parts) + 1))) if name not in used
    )
    found: list[Constraint] = []
    for shown, expr, limits in parts:
        _check_symbols(shown, expr, limits, coordinates, velocities, inputs)
        label = sp.Symbol(next(names), real=True)
        extents = tuple(sp.expand(upper - lower + 1) for _, lower, upper in limits)
        multiplier = sp.IndexedBase(label, shape=extents) if limits else label
        moves = any(depends(expr, v) for v in velocities)
        found.append(Constraint(expr, limits, not moves, multiplier, shown))
    for number, one in enumerate(found):
        for other in found[:number]:
            _check_pair(other, one)
    return tuple(found)


def _parts(number: int, constraint: Any, read: Callable[[Any], sp.Expr]) -> tuple[str, sp.Expr, tuple[Limits, ...]]:
    """What one is called, its expression and its limits."""
    what = f"constraints[{number}]"
    limits: list[Limits] = []
    if isinstance(constraint, tuple | list | sp.Tuple):
        if not constraint:
            raise SymbolicError(f"{what} is empty: give an expression, or (expression, (index, lower, upper), ...)")
        constraint, *given_limits = constraint
        limits = [_limit(limit, what) for limit in given_limits]
    body = constraint if isinstance(constraint, Boolean) else given.expression(constraint, what)
    if isinstance(body, BooleanAtom):
        holds = "always holds" if body else "never holds"
        raise SymbolicError(f"{what} is {body}: it {holds}, whatever the coordinates are")
    if isinstance(body, sp.Equality):
        shown, body = f"{body.lhs} = {body.rhs}", body.lhs - body.rhs
    elif not isinstance(body, Boolean):
        shown = f"{body} = 0"
    else:
        raise SymbolicError(f"{what}, {body}, is no equation: give Eq(a, b), or an expression that vanishes")
    if limits:
        shown += " for " + ", ".join(f"{index} = {lower}..{upper}" for index, lower, upper in limits)
    shown = f"{what}, {shown}"
    try:
        expr = canonical(normalise(read(body)))
    except SymbolicError as error:
        raise SymbolicError(f"{shown}: {error}") from None
    return shown, expr, tuple(limits)


def _limit(limit: Any, what: str) -> Limits:
    given.no_text(limit, f"a limit of {what}")
    if not isinstance(limit, tuple | list | sp.Tuple) or len(limit) != 3:
        raise SymbolicError(f"the limit {limit} of {what} is no (index, lower, upper)")
    index, lower, upper = (normalise(given.expression(part, f"{part!r} in a limit of {what}")) for part in limit)
    if not isinstance(index, sp.Symbol):
        raise SymbolicError(f"{index} in a limit of {what} is no index: use a Symbol")
    return index, lower, upper


def _check_symbols(
    shown: str, expr: sp.Expr, limits: tuple[Limits, ...], coordinates: Sequence[Variable],
    velocities: Sequence[Variable], inputs: Iterable[Variable],
) -> None:  # fmt: skip
    indices = {index for index, _, _ in limits}
    for index, *bounds in limits:
        if any(bound.free_symbols & indices for bound in bounds):
            raise SymbolicError(f"{shown}: the range of {index} depends on another index, which is not supported")
    if not any(depends(expr, x) for x in (*coordinates, *velocities)):
        raise SymbolicError(f"{shown}: it depends on no coordinate and no velocity of the system")
    for signal in inputs:
        if depends(expr, signal):
            raise SymbolicError(f"{shown}: it depends on the input {signal}, whose time derivative is unknown")
    for index in sorted(indices - expr.free_symbols, key=str):
        raise SymbolicError(f"{shown}: it does not depend on {index}, so it is the same one again and again")
    inside = {s for r in expr.atoms(sp.Indexed) if r.base in (*coordinates, *velocities) for s in _free(r, expr)}
    sizes = {
        s
        for r in expr.atoms(sp.Indexed)
        for extent in r.base.shape or ()
        for s in sp.sympify(extent, strict=True).free_symbols
    }
    for index in sorted(inside - indices - sizes, key=str):
        if not index.is_positive:
            raise SymbolicError(f"{shown}: its index {index} has no limits: give (expression, ({index}, lower, upper))")


def _free(reference: sp.Indexed, expr: sp.Expr) -> set[sp.Symbol]:
    """The symbols in the indices of a reference that no sum of ``expr`` binds."""
    labels = {base.label for base in reference.atoms(sp.IndexedBase)}
    bound = {limit[0] for node in expr.atoms(sp.Sum) for limit in node.limits}
    return {s for k in reference.indices for s in k.free_symbols if isinstance(s, sp.Symbol)} - labels - bound


def _check_pair(first: Constraint, second: Constraint) -> None:
    """``SymbolicError`` where two are the same up to a factor, or differ by a number: they then contradict."""
    if first.extents != second.extents:
        return
    own = dict(zip(second.indices, first.indices, strict=True))
    if any(first.ranges[own[i]] != bounds for i, bounds in second.ranges.items()):
        return
    one, other = sp.expand(first.expr), sp.expand(second.expr.xreplace(own))
    for sign in (1, -1):
        difference = sp.expand(one - sign * other)
        if difference == 0:
            raise SymbolicError(f"{second.shown} repeats {first.shown}")
        if difference.is_number:
            raise SymbolicError(f"{second.shown} contradicts {first.shown}: they differ by {difference}")
