"""Arguments that are single integers: bounds of sums, indices, and sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sympy as sp

from symdfi.compile.kernels.outputs import Part
from symdfi.compile.program.loops import Variable
from symdfi.errors import CompileError


def sizes_among(arguments: Iterable[Variable]) -> frozenset[sp.Symbol]:
    """The arguments that are sizes of others."""
    listed = list(arguments)
    extents = [sp.sympify(e, strict=True) for a in listed if isinstance(a, sp.IndexedBase) for e in a.shape or ()]
    inside = {s for extent in extents for s in extent.free_symbols}
    return frozenset(a for a in listed if isinstance(a, sp.Symbol) and a in inside)


def counts(outputs: Mapping[str, Part], arguments: Iterable[Variable]) -> dict[sp.Symbol, sp.IndexedBase]:
    """The integer symbols among the arguments that stand in bounds of sums or in indices, no sizes, each with the index
    array of one element that is compiled in its place: what it holds is checked in every call, as of any index array.

    Raises ``CompileError`` for one that is the extent of an output, or that a derivative is asked for by.
    """
    listed = list(arguments)
    symbols = {a for a in listed if isinstance(a, sp.Symbol) and a.is_integer} - sizes_among(listed)
    used: set[sp.Basic] = set()
    for name, part in outputs.items():
        for bound in (b for pair in part.ranges.values() for b in pair):
            for symbol in sorted(bound.free_symbols & symbols, key=str):
                raise CompileError(
                    f"the output {name} runs over {bound}, with the argument {symbol}: the shape of an output follows "
                    "from the shapes of the arguments alone"
                )
        for expr in part.exprs:
            for node in sp.preorder_traversal(expr):
                if isinstance(node, sp.Sum):
                    used |= {s for _, *bounds in node.limits for b in bounds for s in b.free_symbols}
                elif isinstance(node, sp.Indexed):
                    used |= {s for index in node.indices for s in index.free_symbols}
    found = {s: sp.IndexedBase(s, shape=(1,)) for s in listed if s in symbols & used}
    for name, part in outputs.items():
        for symbol in found:
            if getattr(part, "wrt", None) == symbol:
                raise CompileError(f"the output {name}: {symbol} stands in a bound or an index, no derivative is by it")
    return found
