"""The outputs of a kernel that writes the entries of a matrix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import sympy as sp

from symdfi.compile.kernels.groups import count_of, shape_of
from symdfi.compile.kernels.kernel import KernelBuilder
from symdfi.compile.program.loops import Assignment, Loop
from symdfi.compile.source.printing import Names, index_code
from symdfi.symbolic.indexed import Variable, normalise
from symdfi.symbolic.structure import Dense

#: The longest arrays that lie on the stack: one from the heap takes as long as a few tens of operations.
STACKED = 128
#: An expression over loops, written from an offset on in steps.
Part = tuple[sp.Expr, tuple[Loop, ...], sp.Expr, tuple]


@dataclass
class Assembly:
    """What is written: the outputs of ``kernel``, and the modules that ``solve`` calls."""

    builder: KernelBuilder
    coordinates: tuple[Variable, ...]
    indices: tuple[tuple[sp.Symbol, ...], ...]
    columns: tuple[tuple[sp.Symbol, ...], ...]
    #: Whether the matrix is.
    symmetric: bool = False
    #: The code of the extents, written with the names that ``solve`` gives to sizes.
    names: Names = field(default_factory=Names)
    modules: dict[str, str] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    #: Of the plan of a sparse elimination, and where the plans begin.
    slot: int = 0
    ints: sp.Expr = sp.S.Zero

    def assign(self, expr: sp.Expr, loops: Iterable[Loop] = ()) -> Assignment:
        return self.builder.program.assign(normalise(expr), tuple(loops))

    def row_loops(self, r: int) -> tuple[Loop, ...]:
        pairs = zip(self.indices[r], shape_of(self.coordinates[r]), strict=True)
        return tuple(Loop(index, sp.S.Zero, extent - 1) for index, extent in pairs)

    def output(self, name: str, parts: Sequence[Part], *, per_sample: bool = False) -> bool:
        """An output of expressions over loops, each from an offset on in steps; False if there is none."""
        if not parts:
            return False
        written = [self.assign(expr, loops) for expr, loops, _, _ in parts]
        self.builder.output(name, written, [(offset, steps) for _, _, offset, steps in parts], per_sample=per_sample)
        self.outputs.append(name)
        return True

    def load(self, name: str, kind: str, function: str, **constants: int) -> str:
        given = "".join(f", {key}={value}" for key, value in constants.items())
        self.modules[name] = f"structured.load({kind!r}{given}).{function}"
        return name

    def code(self, expr: sp.Expr | int) -> str:
        return index_code(sp.expand(sp.sympify(expr, strict=True)), self.names)

    def array(self, length: sp.Expr) -> str:
        """The code that makes an array: on the stack where it is short, which is told at run time if need be."""
        made = f"np.empty({self.code(length)})"
        if length.is_Integer:
            return f"stack({length})" if 0 < length <= STACKED else made
        return f"stack({STACKED}) if {self.code(length)} <= {STACKED} else {made}"

    @property
    def starts(self) -> list[sp.Expr]:
        counts = [count_of([q]) for q in self.coordinates]
        return [sp.Add(*counts[:k]) for k in range(len(counts))]

    @property
    def total(self) -> sp.Expr:
        return count_of(self.coordinates)


def row_major(loops: tuple[Loop, ...]) -> list[sp.Expr]:
    return [sp.Mul(*(loop.extent for loop in loops[k + 1 :])) for k in range(len(loops))]


def dense_parts(assembly: Assembly, found: Dense) -> list[Part]:
    """The entries of a full matrix by rows."""
    parts = []
    for (r, c), expr in found.blocks.items():
        rows = assembly.row_loops(r)
        columns = tuple(
            Loop(index, sp.S.Zero, loop.upper)
            for index, loop in zip(assembly.columns[c], assembly.row_loops(c), strict=True)
        )
        steps = (*(step * assembly.total for step in row_major(rows)), *row_major(columns))
        parts.append((expr, rows + columns, assembly.starts[r] * assembly.total + assembly.starts[c], steps))
    return parts
