"""What is declared of a Lagrangian system beside L itself: forces, parameters and names, read and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sympy as sp

from symdfi.errors import SymbolicError
from symdfi.symbolic.coordinates import acceleration_of, other_time, t
from symdfi.symbolic.given import name_of
from symdfi.symbolic.indexed import Variable, canonical, depends, normalise
from symdfi.symbolic.private import Private


def read_forces(
    forces: Mapping[Any, sp.Expr], read: Callable[[Any, str], sp.Expr], coordinates: Sequence[Variable],
    velocities: Sequence[Variable], rows: Sequence[tuple[sp.Symbol, ...]],
) -> tuple[sp.Expr, ...]:  # fmt: skip
    """The generalized forces Q, one expression a coordinate in the indices of its row, from the user's by coordinate.
    ``read`` brings what a force acts on into the internal notation.

    Raises ``SymbolicError`` for what is no coordinate, and for an indexed one without its indices.
    """
    result = [sp.S.Zero] * len(coordinates)
    for key, force in forces.items():
        key = normalise(read(key, "what a force acts on"))
        base = key.base if isinstance(key, sp.Indexed) else key
        if base not in coordinates:
            speeds = {name_of(v): name_of(q) for q, v in zip(coordinates, velocities, strict=True)}
            own = speeds.get(name_of(base))
            advice = f"; the force on {own} is given by it, {{{own}: ...}}" if own else ""
            raise SymbolicError(f"a force acts on {key}, which is no coordinate: {coordinates}{advice}")
        position = coordinates.index(base)
        own = rows[position]
        if own and not isinstance(key, sp.Indexed):
            raise SymbolicError(f"the force on {key} needs indices: forces={{{base}[j]: ...}}")
        renamed, hits = {}, []
        for index, row in zip(key.indices if own else (), own, strict=True):
            if isinstance(index, sp.Symbol) and index not in renamed and index not in base.free_symbols:
                renamed[index] = row
            else:
                hits.append((row, index))
        # The user's indices may be called as those of rows are.
        deltas = (sp.KroneckerDelta(row, index.xreplace(renamed)) for row, index in hits)
        result[position] += canonical(sp.Mul(normalise(force).xreplace(renamed), *deltas))
    return tuple(result)


def check_accelerations(
    exprs: Iterable[tuple[str, sp.Expr]], coordinates: Sequence[Variable], parameters: Iterable[Any],
    show: Callable[[sp.Basic], Any],
) -> None:  # fmt: skip
    """``SymbolicError`` for an acceleration, under the name that it has in equations of motion, in an expression, each
    with what it is called."""
    names = {name_of(acceleration_of(q)): q for q in coordinates}
    declared = set(map(name_of, parameters))
    for what, expr in exprs:
        found = {s for node in expr.atoms(sp.Symbol, sp.IndexedBase) if (s := name_of(node)) in names}
        for name in sorted(found - declared):
            acceleration = show(acceleration_of(names[name]))
            raise SymbolicError(
                f"{what} holds the acceleration {acceleration}, which is not supported: L, R, Q and constraints "
                "are functions of coordinates, velocities and time (u*u'' in L may be written -u'**2, up to "
                "d/dt(u*u'))"
            )


def read_parameters(
    parameters: Sequence[Variable] | None, exprs: Iterable[tuple[str, sp.Basic]], known: Iterable[Variable],
    sizes: Iterable[sp.Symbol], rows: Iterable[tuple[sp.Symbol, ...]],
) -> tuple[Variable, ...]:  # fmt: skip
    """The parameters of expressions, each with what it is called: those listed, or all that is neither ``known``, a
    size, nor an index of a row.

    Raises ``SymbolicError`` for a symbol that is not listed, and for a parameter that is something else.
    """
    known, sizes = {*known, t}, set(sizes)
    apart = sizes | {s for own in rows for s in own}
    apart |= {b.label for b in known if isinstance(b, sp.IndexedBase)}
    held = [(what, normalise(e)) for what, e in exprs]
    bases = {b for _, e in held for b in e.atoms(sp.IndexedBase)}
    scalars = {s for _, e in held for s in e.free_symbols if isinstance(s, sp.Symbol)}
    found = (bases | (scalars - {b.label for b in bases} - apart)) - known
    if parameters is None:
        if another := other_time(*(s for s in found if isinstance(s, sp.Symbol))):
            raise SymbolicError(
                f"the Lagrangian holds {another}, which prints as time and is another symbol: take sd.t for "
                "time, or list it among the parameters"
            )
        return tuple(sorted(found, key=lambda p: str(p.label if isinstance(p, sp.IndexedBase) else p)))
    for symbol in sorted(found - set(parameters), key=str):
        where = next(what for what, e in held if depends(e, symbol))
        raise SymbolicError(f"the symbol {symbol} of {where} is no coordinate, velocity, parameter, input or size")
    for symbol in parameters:
        if symbol in known:
            raise SymbolicError(f"{symbol} is listed as a parameter and is a coordinate, velocity, input or t")
    return tuple(p for p in parameters if p not in sizes)


def check_names(symbols: Iterable[Variable]) -> None:
    """``SymbolicError`` for two of the same name."""
    labels = [s.label if isinstance(s, sp.IndexedBase) else s for s in symbols]
    names = [str(label) for label in labels if not (isinstance(label, Private) and label.role == "n")]
    for name in sorted({name for name in names if names.count(name) > 1}):
        raise SymbolicError(f"two of the coordinates, velocities, inputs, parameters and sizes are named {name}")
