"""Which axes of an array are those of one state."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

from symdfi.compile.kernels.function import solve_sizes
from symdfi.compile.kernels.groups import count_of, shape_of
from symdfi.numbers import count
from symdfi.symbolic.given import name_of
from symdfi.symbolic.lagrangian import Lagrangian

#: ``sizes(n_dof, params)``: the sizes, ``ValueError`` where the two contradict one another.
Sizes = Callable[[int, Mapping[Any, Any]], Mapping[sp.Symbol, int]]


def read_axes(
    system: Lagrangian, sizes: Sizes, shapes: Mapping[str, tuple[int, ...]], params: Mapping[Any, Any]
) -> tuple[dict[str, tuple[int, ...]], dict[Any, Any]]:
    """The axes of one state in arrays of these ``shapes``, by name, and ``params`` with the sizes that they tell.

    A state is flat, (n_dof,), or has the shape of the system's only coordinate, which then tells its sizes: n = 4 and
    m = 3 of a (4, 3) for a coordinate of shape (n, m). An array in that shape is one state; axes before those of a
    state are batch axes, and where they leave open which of the two is meant, sizes among ``params`` decide.

    Raises ``ValueError`` where both are possible, naming both, or neither is.
    """
    own, given = {}, dict(params)
    # The one with more axes first: its shape may tell the sizes that the other leaves open.
    for name, shape in sorted(shapes.items(), key=lambda pair: -len(pair[1])):
        own[name], given = _read(system, sizes, name, shape or (1,), given)
    return own, given


def _read(
    system: Lagrangian, sizes: Sizes, name: str, shape: tuple[int, ...], params: dict[Any, Any]
) -> tuple[tuple[int, ...], dict[Any, Any]]:
    declared = shape_of(system.coordinates[0]) if len(system.coordinates) == 1 else ()
    if not len(shape) >= len(declared) > 1:
        sizes(shape[-1], params)
        return shape[-1:], params
    own, readings, refusals = shape[len(shape) - len(declared) :], [], []
    for shaped in (True, False):
        try:
            axes, given = (own, _with_told(system, name, own, params)) if shaped else (shape[-1:], params)
            readings.append((axes, given, sizes(math.prod(axes), given)))
        except ValueError as error:
            refusals.append(error)
    shown, coordinate = ", ".join(map(str, declared)), name_of(system.coordinates[0])
    if not readings:
        total = count_of(system.coordinates)
        raise ValueError(
            f"{refusals[0]}: {name} of shape {shape} is neither flat, (..., {total}), nor (..., {shown}) as "
            f"{coordinate} is"
        )
    if len(readings) == 2 and len(shape) > len(declared):
        as_shaped, as_flat = (", ".join(f"{s} = {found[s]}" for s in sorted(found, key=str)) for *_, found in readings)
        raise ValueError(
            f"{name} of shape {shape} may be flat ({as_flat}) or in the shape ({shown}) of {coordinate} ({as_shaped}): "
            "give the sizes in params"
        )
    return readings[0][:2]


def with_sizes(
    system: Lagrangian, name: str, shape: tuple[int, ...], params: Mapping[Any, Any] | None
) -> dict[Any, Any]:
    """``params`` and the sizes that follow from the shape of the one state called ``name``, flat or in the shape of
    the system's only coordinate. ``ValueError`` for any other shape, and for one that contradicts the sizes among
    ``params``."""
    given = dict(params or {})
    if len(shape) <= 1:
        return given
    declared = shape_of(system.coordinates[0]) if len(system.coordinates) == 1 else ()
    if len(declared) != len(shape):
        of = ", ".join(name_of(q) for q in system.coordinates)
        expected = f"or ({', '.join(map(str, declared))})" if len(declared) > 1 else "of one state"
        raise ValueError(f"the coordinates {of}: {name} has shape {shape}, expected (n_dof,) {expected}")
    return _with_told(system, name, shape, given)


def _with_told(system: Lagrangian, name: str, own: tuple[int, ...], params: dict[Any, Any]) -> dict[Any, Any]:
    """``params`` with the sizes that a state in the shape of the only coordinate tells."""
    declared = shape_of(system.coordinates[0])
    by_name = {s.name: s for s in system.sizes}
    known = {
        by_name[name_of(key)]: count(value, f"the size {name_of(key)}", 1)
        for key, value in params.items() if name_of(key) in by_name
    }  # fmt: skip
    label = f"the coordinate {name_of(system.coordinates[0])}: {name}"
    pairs = zip(declared, own, strict=True)
    found = solve_sizes([(label, declared, own, extent, given) for extent, given in pairs], known)
    return params | {s: value for s, value in found.items() if s not in known}
