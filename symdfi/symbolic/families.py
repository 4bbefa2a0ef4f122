"""Which axes of arrays belong together: those that an expression runs over with one index."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy as sp

from symdfi.symbolic.given import name_of

#: An axis of an array, by its name.
Axis = tuple[str, int]


def families(system: Any) -> dict[Axis, Axis]:
    """Of a Lagrangian, for every axis that is met with others a representative of these: k and x in
    ``Sum(k[i]*x[i]**2, (i, 0, 4))``, and a coordinate and its velocity."""
    found: dict[Axis, Axis] = {}

    def root(axis: Axis) -> Axis:
        while (above := found.setdefault(axis, axis)) != axis:
            axis = above
        return axis

    def together(axes: Iterable[Axis]) -> None:
        roots = sorted({root(axis) for axis in axes})
        for other in roots[1:]:
            found[other] = roots[0]

    for q, v in zip(system.coordinates, system.velocities, strict=True):
        for k in range(len(getattr(q, "shape", None) or ())):
            together([(name_of(q), k), (name_of(v), k)])
    exprs = (system.lagrangian, system.dissipation, *(equation.lhs for equation in system.constraint_equations))
    for expr in exprs:
        for node in expr.atoms(sp.Sum):
            for index, *_ in node.limits:
                together(_at(node.function, index))
    for q, indices, force in zip(system.coordinates, system.indices, system.external_forces, strict=True):
        for k, index in enumerate(indices):
            together([(name_of(q), k), *_at(force, index)])
    return {axis: root(axis) for axis in list(found)}


def _at(expr: sp.Expr, index: sp.Symbol) -> set[Axis]:
    """The axes that are taken at this very index."""
    nodes = expr.atoms(sp.Indexed)
    return {(name_of(node.base), k) for node in nodes for k, own in enumerate(node.indices) if own == index}
