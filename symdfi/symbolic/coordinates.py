"""Generalized coordinates, velocities and time."""

from __future__ import annotations

import re

import sympy as sp

#: Time. The same symbol as ``sympy.physics.mechanics.dynamicsymbols._t``.
t = sp.Symbol("t")

Coordinate = sp.Symbol | sp.IndexedBase


def _with_accent(name: str, accent: str) -> str:
    """Insert ``accent`` after the letters of ``name`` so that SymPy prints it above them: q_1 -> qdot_1."""
    match = re.match(r"[A-Za-z]+", name)
    end = len(name) if match is None else match.end()
    return name[:end] + accent + name[end:]


def coordinates(name: str, *shape: int | sp.Expr | tuple) -> tuple[Coordinate, Coordinate]:
    """A generalized coordinate and its velocity.

    ``coordinates("q")`` gives two real symbols, the second printed as q̇. ``coordinates("x", n)`` and
    ``coordinates("x", (n, m))`` give two ``IndexedBase`` of that shape; every extent is a positive int or a
    symbol (a size that is known only when the compiled kernel runs).

    Raises ``ValueError`` for a name without a leading letter or an extent that is no positive integer.
    """
    if re.search(r"[\s,]", name):
        raise ValueError(f"{name!r} is not one name: call coordinates once for each coordinate")
    if not re.match(r"[A-Za-z]", name):
        raise ValueError(f"a coordinate's name begins with a letter, not {name!r}")
    extents = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
    dims = tuple(sp.sympify(extent) for extent in extents)
    for extent in dims:
        if extent.is_integer is False or extent.is_positive is False:
            raise ValueError(f"an extent of {name!r} is {extent}: it must be a positive integer or a symbol")
    velocity = _with_accent(name, "dot")
    if not dims:
        return sp.Symbol(name, real=True), sp.Symbol(velocity, real=True)
    q, v = (sp.IndexedBase(sp.Symbol(label, real=True), shape=dims) for label in (name, velocity))
    return q, v


def acceleration_of(coordinate: Coordinate) -> Coordinate:
    """The symbol (or ``IndexedBase``) that stands for q̈ in printed equations."""
    if isinstance(coordinate, sp.IndexedBase):
        label = sp.Symbol(_with_accent(str(coordinate.label), "ddot"), real=True)
        return sp.IndexedBase(label, shape=coordinate.shape)
    return sp.Symbol(_with_accent(coordinate.name, "ddot"), real=True)
