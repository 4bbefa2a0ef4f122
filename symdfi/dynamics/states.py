"""States as users give them: flat, or in the shape of the system's only coordinate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symdfi.compile.kernels.function import solve_sizes
from symdfi.compile.kernels.kernel import shape_of
from symdfi.dynamics.system import Lagrangian, name_of


def with_sizes(
    system: Lagrangian, name: str, shape: tuple[int, ...], params: Mapping[Any, Any] | None
) -> dict[Any, Any]:
    """``params`` and the sizes that follow from the shape of the state called ``name``.

    One state is flat, (n_dof,) or a number; that of a system with a single coordinate may have the coordinate's
    shape, which then tells its sizes: n = 4 and m = 3 of a (4, 3) for a coordinate of shape (n, m).

    Raises ``ValueError`` for any other shape (an ensemble would pass for a longer state), and for one that
    contradicts the sizes among ``params``.
    """
    given = dict(params or {})
    if len(shape) <= 1:
        return given
    of = ", ".join(name_of(q) for q in system.coordinates)
    declared = shape_of(system.coordinates[0]) if len(system.coordinates) == 1 else ()
    if len(declared) != len(shape):
        expected = f"or ({', '.join(map(str, declared))})" if len(declared) > 1 else "of one state"
        raise ValueError(f"the coordinates {of}: {name} has shape {shape}, expected (n_dof,) {expected}")
    by_name = {s.name: s for s in system.sizes}
    known = {by_name[name_of(key)]: int(value) for key, value in given.items() if name_of(key) in by_name}
    pairs = zip(declared, shape, strict=True)
    found = solve_sizes([(f"the coordinate {of}: {name}", declared, shape, e, g) for e, g in pairs], known)
    return given | {s: value for s, value in found.items() if s not in known}
