"""Arguments that are single integers: bounds of sums, indices, and sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sympy as sp

from symdfi.compile.kernels.outputs import Part
from symdfi.compile.program.loops import Variable
from symdfi.errors import CompileError
from symdfi.symbolic.integers import integers


def sizes_among(arguments: Iterable[Variable]) -> frozenset[sp.Symbol]:
    """The arguments that are sizes of others."""
    listed = list(arguments)
    extents = [sp.sympify(e, strict=True) for a in listed if isinstance(a, sp.IndexedBase) for e in a.shape or ()]
    inside = {s for extent in extents for s in extent.free_symbols}
    return frozenset(a for a in listed if isinstance(a, sp.Symbol) and a in inside)


def counts(outputs: Mapping[str, Part], arguments: Iterable[Variable]) -> frozenset[sp.Symbol]:
    """The integer symbols among the arguments that stand in bounds of sums or in indices and are no sizes.

    Raises ``CompileError`` for one that is the extent of an output, or that a derivative is asked for by.
    """
    listed = list(arguments)
    symbols = {a for a in listed if isinstance(a, sp.Symbol) and a.is_integer} - sizes_among(listed)
    for name, part in outputs.items():
        for bound in (b for pair in part.ranges.values() for b in pair):
            for symbol in sorted(bound.free_symbols & symbols, key=str):
                raise CompileError(
                    f"the output {name} runs over {bound}, with the argument {symbol}: the shape of an output follows "
                    "from the shapes of the arguments alone"
                )
    arrays = [a for a in listed if isinstance(a, sp.IndexedBase)]
    exprs = [expr for part in outputs.values() for expr in part.exprs]
    found = symbols & integers(exprs, arrays, (i for part in outputs.values() for i in part.ranges))
    for name, part in outputs.items():
        for symbol in sorted(found, key=str):
            if getattr(part, "wrt", None) == symbol:
                raise CompileError(f"the output {name}: {symbol} stands in a bound or an index, no derivative is by it")
    return frozenset(found)
