"""Index expressions as lines in one index."""

from __future__ import annotations

import sympy as sp

#: What hides an index from ``affine``.
_OPAQUE = (sp.Mod, sp.Indexed, sp.Piecewise, sp.floor, sp.ceiling, sp.Max, sp.Min, sp.Abs)


def affine(expr: sp.Expr, index: sp.Symbol) -> tuple[sp.Expr, sp.Expr] | None:
    """``(c, d)`` with ``expr = c*index + d``, c a non-zero rational and d free of ``index``; else None."""
    if any(index in atom.free_symbols for atom in expr.atoms(*_OPAQUE)):
        return None
    slope = sp.expand(expr).coeff(index, 1)
    if not slope.is_Rational or slope.is_zero:
        return None
    offset = sp.expand(expr - slope * index)
    return None if index in offset.free_symbols else (slope, offset)


def outermost(expr: sp.Basic, kinds: tuple[type, ...]) -> list[sp.Expr]:
    """The nodes of the given kinds that lie in no other such node."""
    walk = sp.preorder_traversal(expr)
    found = []
    for node in walk:
        if isinstance(node, kinds):
            found.append(node)
            walk.skip()
    return list(dict.fromkeys(found))
