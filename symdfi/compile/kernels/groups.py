"""What a kernel takes: variables in groups, and how many numbers they hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sympy as sp

from symdfi.compile.program.loops import Variable
from symdfi.errors import CompileError


@dataclass(frozen=True)
class Group:
    """Variables that a kernel takes as one flat array, one after the other in row-major order.

    ``batched``: one row a sample, in which, unless it is ``common`` to them, several lanes have their numbers side by
    side. ``integer``: index arrays (int64). ``scalar``: a symbol passed as a float. ``shown`` is what a reader knows
    the array by.
    """

    name: str
    members: tuple[Variable, ...]
    batched: bool = False
    integer: bool = False
    scalar: bool = False
    shown: str = ""
    common: bool = False

    @property
    def type(self) -> str:
        base = "int64" if self.integer else "float64"
        return base if self.scalar else base + ("[:, ::1]" if self.batched else "[::1]")


def shape_of(variable: Variable) -> tuple[sp.Expr, ...]:
    """The extents of a variable; ``CompileError`` for an ``IndexedBase`` without a shape."""
    if not isinstance(variable, sp.IndexedBase):
        return ()
    if variable.shape is None:
        raise CompileError(f"{variable} has no shape: declare it as IndexedBase({str(variable)!r}, shape=(n,))")
    return tuple(sp.sympify(extent, strict=True) for extent in variable.shape)


def count_of(variables: Iterable[Variable]) -> sp.Expr:
    """How many numbers the variables hold together."""
    return sp.expand(sp.Add(*(sp.Mul(*shape_of(v)) for v in variables)))
