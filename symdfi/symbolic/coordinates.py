"""Generalized coordinates, velocities and time."""

from __future__ import annotations

import re
from typing import Any, overload

import sympy as sp

from symdfi.symbolic.given import expression
from symdfi.symbolic.private import Private

#: Time. The same symbol as ``sympy.physics.mechanics.dynamicsymbols._t``.
t = sp.Symbol("t")

Coordinate = sp.Symbol | sp.IndexedBase


def other_time(*exprs: sp.Basic) -> str | None:
    """A symbol in expressions that prints as time and is another one, as it is written; None if there is none."""
    others = {s for expr in exprs for s in expr.atoms(sp.Symbol) if s.name == t.name and s != t}
    return sp.srepr(min(others, key=sp.default_sort_key)) if others else None


#: Names of which SymPy prints the letters with an accent and the rest as an index.
_ACCENTED = re.compile(r"([^\W\d_]+)([0-9_][0-9A-Za-z_]*)?")
#: As ``sympy.symbols`` separates names.
_SEVERAL = re.compile(r"\s*\w+(\s*,\s*\w+|\s+\w+)+\s*,?\s*|.+,\s*")


def rate_name(name: str, order: int = 1) -> str:
    """The name of a coordinate's velocity (order 1) or acceleration (2), which prints with dots.

    SymPy prints qdot_1 as q with a dot, and thetadot. Of any other name, as x₁ or K_{ij}, it is LaTeX's own form,
    \\dot{x₁}, from which no other name's is made.
    """
    accent = "d" * (order - 1) + "dot"
    match = _ACCENTED.fullmatch(name)
    stem = match[1] if match else ""
    # Of "rad" and "qdot" SymPy would read another accent.
    if match is None or not stem.isalpha() or (len(stem) > 1 and stem.endswith(("d", "dot"))):
        return rf"\{accent}{{{name}}}"
    return stem + accent + (match[2] or "")


@overload
def coordinates(name: str) -> tuple[sp.Symbol, sp.Symbol]: ...
@overload
def coordinates(
    name: str, extent: int | sp.Expr | tuple[int | sp.Expr, ...], /, *more: int | sp.Expr
) -> tuple[sp.IndexedBase, sp.IndexedBase]: ...
def coordinates(name: str, *shape: Any) -> tuple[Coordinate, Coordinate]:
    """A generalized coordinate and its velocity.

    ``coordinates("q")`` gives two real symbols, the second printed as q̇. ``coordinates("x", n)`` and
    ``coordinates("x", (n, m))`` give two ``IndexedBase`` of that shape; every extent is a positive int or a
    symbol (a size that is known only when the compiled kernel runs). Any name will do; as for ``sympy.symbols``, a
    space or a comma in it is escaped, ``r"a\\ b"``.

    Raises ``ValueError`` for several names or an extent that is no positive integer, ``TypeError`` for an extent that
    is no number or symbol.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a coordinate is a string, not {name!r}")
    if _SEVERAL.fullmatch(name):
        raise ValueError(f"{name!r} is not one name: call coordinates once for each coordinate")
    name = re.sub(r"\\([ ,])", r"\1", name)
    extents = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    dims = tuple(expression(extent, f"an extent of the coordinate {name!r}") for extent in extents)
    for extent in dims:
        if extent.is_integer is False or extent.is_positive is False:
            raise ValueError(f"an extent of {name!r} is {extent}: it must be a positive integer or a symbol")
    q, v = (sp.Symbol(label, real=True) for label in (name, rate_name(name)))
    return (sp.IndexedBase(q, shape=dims), sp.IndexedBase(v, shape=dims)) if dims else (q, v)


def acceleration_of(coordinate: Coordinate) -> Coordinate:
    """The symbol (or ``IndexedBase``) that stands for q̈ in printed equations."""
    if isinstance(coordinate, Private):
        return Private("q2", coordinate.number, rate_name(coordinate.name, 2), real=True)
    if isinstance(coordinate, sp.IndexedBase):
        label = sp.Symbol(rate_name(str(coordinate.label), 2), real=True)
        return sp.IndexedBase(label, shape=coordinate.shape)
    return sp.Symbol(rate_name(coordinate.name, 2), real=True)
