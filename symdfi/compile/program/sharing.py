"""Subexpressions that an expression holds more than once.

SymPy's expressions are trees that share their nodes, and a derivative taken argument by argument follows every
path to a node: r = sin r cos r + r², nested nine deep, has 3⁹ of them. Stored once, each node is differentiated
once; within one nest what is stored is a scalar.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import sympy as sp
from sympy.logic.boolalg import Boolean

#: What takes fewer operations than this is computed again rather than stored; a function counts as so many.
MIN_OPERATIONS = 8


def is_closed(node: sp.Basic) -> bool:
    """Whether the operands of a node are no values, or may be defined under a condition alone."""
    return not node.args or isinstance(node, sp.Indexed | sp.Sum | sp.Piecewise | sp.KroneckerDelta | Boolean)


def operations(expr: sp.Basic) -> int:
    """How many operations the tree of an expression has."""
    return _counted(expr)[expr]


def shared(expr: sp.Basic) -> set[sp.Basic]:
    """The nodes of ``expr`` worth storing: those that several others hold, and what costly functions are applied to,
    whose derivative every variable in it shares."""
    counted = _counted(expr)
    open_nodes = [node for node in counted if not is_closed(node)]
    holders = Counter(arg for node in open_nodes for arg in node.args)
    found = {node for node, times in holders.items() if times > 1}
    costly = (node for node in open_nodes if not isinstance(node, sp.Add | sp.Mul) and _own(node) >= MIN_OPERATIONS)
    found |= {arg for node in costly for arg in node.args}
    return {node for node in found if counted[node] >= MIN_OPERATIONS}


def _counted(expr: sp.Basic) -> dict[sp.Basic, int]:
    """The operations of every node."""
    found: dict[sp.Basic, int] = {}

    def count(node: sp.Basic) -> int:
        if node not in found:
            values = [value for value, _ in node.args] if isinstance(node, sp.Piecewise) else node.args
            found[node] = 0 if is_closed(node) and values is node.args else sum(map(count, values)) + _own(node)
        return found[node]

    count(expr)
    return found


def _own(node: sp.Basic) -> int:
    """The operations of one node, its operands given."""
    if isinstance(node, sp.Add | sp.Mul):
        return len(node.args) - 1
    if isinstance(node, sp.Pow) and node.exp.is_Integer and 0 < node.exp <= 4:
        return int(node.exp) - 1
    return 0 if node.is_number else MIN_OPERATIONS


def rebuilt(expr: sp.Basic, replace: Callable[[sp.Basic, sp.Basic], sp.Basic]) -> sp.Basic:
    """``expr`` from its innermost nodes outwards, each ``replace(node, node with new operands)``; a node that is held
    twice is visited once."""
    done: dict[sp.Basic, sp.Basic] = {}

    def visit(node: sp.Basic) -> sp.Basic:
        if node not in done:
            args = node.args if is_closed(node) else tuple(map(visit, node.args))
            same = all(new is old for new, old in zip(args, node.args, strict=True))
            done[node] = replace(node, node if same else node.func(*args))
        return done[node]

    return visit(expr)
