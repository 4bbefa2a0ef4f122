"""States given by coordinate, ``{x: values}``, as the arrays that they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdfi.choices import meant
from symdfi.compile.kernels.groups import shape_of
from symdfi.numbers import count, reals
from symdfi.symbolic.given import name_of
from symdfi.symbolic.indexed import Variable
from symdfi.symbolic.lagrangian import Lagrangian


def by_coordinate(
    given: Mapping[Any, Any], coordinates: Sequence[Variable], velocities: Sequence[Variable] | None, what: str
) -> dict[str, Any]:
    """The values by name of the coordinate, from keys that are symbols, names, or functions of time; where
    ``velocities`` are given also these, their names and the time derivatives.

    Raises ``ValueError`` for a key that is none of them and for two that are the same.
    """
    names = [name_of(q) for q in coordinates]
    known = {name: name for name in names}
    speeds = {name_of(v): name for v, name in zip(velocities or (), names, strict=False)}
    found: dict[str, Any] = {}
    for key, value in given.items():
        rate = isinstance(key, sp.Derivative)
        name = name_of(key.args[0] if rate else key)
        own = known.get(name) if rate or name not in speeds else speeds[name]
        if own is None or (rate and velocities is None):
            raise ValueError(
                f"{what}: {name_of(key)} is no coordinate of this system: {', '.join(names)}{meant(name, names)}"
            )
        if own in found:
            raise ValueError(f"{what}: two values are given for {own}")
        found[own] = value
    return found


def flat_state(
    system: Lagrangian, given: Any, what: str, params: Mapping[Any, Any] | None, *, is_velocity: bool
) -> Any:
    """A state by coordinate as an array (..., n_dof), 0 where nothing is given; anything else as it is.

    Leading axes of the values broadcast. Sizes that are symbols are told by the values or are among ``params``.
    Raises ``ValueError`` for an unknown coordinate, a shape that does not fit, and a size that is not told.
    """
    if not isinstance(given, Mapping):
        return given
    values = by_coordinate(given, system.coordinates, system.velocities if is_velocity else None, what)
    arrays = {name: reals(value, f"{what} of {name}") for name, value in values.items()}
    sizes = _sizes(system, arrays, what, params)
    parts = []
    for q in system.coordinates:
        name, extents = name_of(q), []
        for extent in shape_of(q):
            size = sp.sympify(extent, strict=True).subs(sizes)
            if not size.is_Integer:
                raise ValueError(f"{what} does not tell the size {size} of {name}: give {name} in full, or params")
            extents.append(int(size))
        shape, array = tuple(extents), arrays.get(name, np.zeros(()))
        if array.ndim == 0:
            array = np.broadcast_to(array, shape)
        if array.shape[array.ndim - len(shape) :] != shape:
            raise ValueError(f"{what} of {name} has shape {array.shape}, expected {_shown(shape)}")
        parts.append(array.reshape((*array.shape[: array.ndim - len(shape)], -1)))
    try:
        batch = np.broadcast_shapes(*(part.shape[:-1] for part in parts))
    except ValueError:
        raise ValueError(f"{what}: the leading axes of its values do not broadcast") from None
    return np.concatenate([np.broadcast_to(part, (*batch, part.shape[-1])) for part in parts], axis=-1)


def told_by(system: Lagrangian, shape: tuple[int, ...], params: Mapping[Any, Any] | None) -> dict[Any, Any]:
    """``params`` with the size that a state of this shape tells, where there is one only."""
    given = dict(params or {})
    missing = system.sizes - {s for s in system.sizes if s.name in set(map(name_of, given))}
    if len(missing) == 1 and shape:
        (size,) = missing
        total = sp.Add(*(sp.Mul(*shape_of(q)) for q in system.coordinates)).subs(_sizes(system, {}, "", params))
        roots = [root for root in sp.solve(total - shape[-1], size) if root.is_Integer and root > 0]
        if len(roots) == 1:
            given[size] = int(roots[0])
    return given


def _sizes(
    system: Lagrangian, arrays: Mapping[str, np.ndarray], what: str, params: Mapping[Any, Any] | None
) -> dict[sp.Symbol, int]:
    """The sizes among the parameters, and those that are extents of what is given."""
    by_name = {s.name: s for s in system.sizes}
    found = {
        by_name[name_of(key)]: count(value, f"the size {name_of(key)}", 1)
        for key, value in (params or {}).items() if name_of(key) in by_name
    }  # fmt: skip
    for q in system.coordinates:
        array, extents = arrays.get(name_of(q)), shape_of(q)
        if array is not None and array.ndim >= len(extents):
            own: Iterable[int] = array.shape[array.ndim - len(extents) :]
            for extent, size in zip(extents, own, strict=True):
                if isinstance(extent, sp.Symbol) and found.setdefault(extent, size) != size:
                    raise ValueError(f"{what} of {name_of(q)}: {extent} = {size}, but it is {found[extent]} elsewhere")
    return found


def _shown(shape: tuple[int, ...]) -> str:
    return f"(..., {', '.join(map(str, shape))})" if shape else "one number"
