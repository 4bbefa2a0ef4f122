"""Loop nests to Python source that Numba compiles to vectorised loops.

Every array is flat; indices are unsigned, so that Numba adds no wrap-around tests. Within a nest equal
subexpressions are computed once, each at the outermost loop where all it needs is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import sympy as sp

from symdfi.compile.passes.schedule import Nest, Schedule
from symdfi.compile.program.levels import held, staged
from symdfi.compile.program.loops import Definition, Loop, Piece, Variable, variables
from symdfi.compile.source.printing import Names, Printer, index_code
from symdfi.symbolic.maps import is_index

INDENT = "    "


@dataclass(frozen=True)
class Storage:
    """Where a variable lives: a flat array (perhaps one row a sample) with an offset, or a local scalar."""

    array: str | None
    offset: str = ""
    strides: tuple[str, ...] = ()
    batched: bool = False
    scalar: str = ""
    integer: bool = False
    #: The extent of each index, where every access is checked (see ``checked``).
    extents: tuple[str, ...] | None = None
    #: Whether what is written is added to what is there.
    adds: bool = False

    def element(self, indices: tuple[str, ...]) -> str:
        """The code of one element, given the codes of its indices."""
        parts = [f"{i}*{s}" if s != "1" else i for i, s in zip(indices, self.strides, strict=True)]
        flat = " + ".join(part for part in (self.offset, *parts) if part) or "0"
        place = f"U({flat})"
        if self.extents is not None:
            pairs = zip(indices, self.extents, strict=True)
            place = f"at({', '.join([flat, *(code for pair in pairs for code in pair)])})"
        return f"{self.array}[U(_s), {place}]" if self.batched else f"{self.array}[{place}]"

    def load(self, indices: tuple[str, ...]) -> str:
        """The code of one element's value."""
        element = self.element(indices)
        return element if self.extents is None else f"known({element})"


class Writer:
    """Writes the nests of one phase (before the sample loop, or in it), each as lines of its own."""

    def __init__(self, names: Names, storage: dict[Variable, Storage]) -> None:
        self.names, self.storage = names, storage
        self.segments: list[list[str]] = []

    def line(self, text: str, level: int = 0) -> None:
        self.segments[-1].append(INDENT * level + text)

    def fill(self, d: Definition) -> None:
        place = self.storage[d.target]
        if place.array is None:
            self.line(f"{place.scalar} = 0.0")
            return
        if place.adds:
            return
        counters = [self.names.fresh("_z") for _ in d.shape]
        for level, (counter, extent) in enumerate(zip(counters, d.shape, strict=True)):
            self.line(f"for {counter} in range({index_code(extent, self.names)}):", level)
        self.line(f"{place.element(tuple(counters))} = 0.0", len(counters))

    def write(self, plan: Schedule) -> None:
        for d in plan.fills:
            self.segments.append([])
            self.fill(d)
        for nest in plan.nests:
            self.segments.append([])
            _NestWriter(self, nest, plan.local).run()


class _NestWriter:
    """One nest: the lines of each open loop, and what is to be done once the loop in it has ended."""

    def __init__(self, writer: Writer, nest: Nest, local: frozenset) -> None:
        self.writer, self.nest, self.local = writer, nest, local
        self.blocks: list[list[str]] = [[]]
        self.after: list[list[str]] = [[]]
        #: What is known by a name, by the loop in which it has it.
        self.named_in: list[list[sp.Basic]] = [[]]
        self.path: tuple[Loop, ...] = ()
        #: The loop that an index, or what this nest stores or holds, belongs to.
        self.levels: dict[sp.Basic, int] = {}
        pieces = list(nest.pieces)
        guard = pieces[0].guard
        self.tests = staged(guard, nest.loops)
        #: The innermost loop with a test in it.
        self.tested = max((level for level, test in enumerate(self.tests) if test != sp.true), default=0)
        self.known: dict[sp.Basic, str] = {}
        self.uses: Counter = Counter()
        self.printer = Printer(self.named, writer.names, self.is_integer)
        for piece in pieces:
            self.count(piece.value)

    @property
    def depth(self) -> int:
        return len(self.path)

    def run(self) -> None:
        self.visit(self.nest)
        for text in self.ended():
            self.writer.line(text)

    def visit(self, nest: Nest) -> None:
        for loop in nest.loops:
            self.path += (loop,)
            self.levels[loop.index] = self.depth
            for stack in (self.blocks, self.after, self.named_in):
                stack.append([])
        self.levels |= dict.fromkeys(nest.inner, self.depth)
        for part in nest.body:
            if isinstance(part, Nest):
                self.visit(part)
            else:
                self.piece(part)
        for loop in reversed(nest.loops):
            body = self.ended()
            self.blocks[-1] += [self.header(loop), *(INDENT + line for line in body), *self.after[-1]]
            self.after[-1].clear()
            for expr in self.named_in.pop():
                self.known.pop(expr, None)
            self.path = self.path[:-1]

    def ended(self) -> list[str]:
        """The lines of the innermost open loop, or of what is around all."""
        body, level = self.blocks.pop() + self.after.pop(), len(self.blocks)
        if level > self.tested or self.tests[level] == sp.true:
            return body
        return [f"if {self.printer.condition(self.tests[level])}:", *(INDENT + line for line in body)]

    def header(self, loop: Loop) -> str:
        lower, upper = (index_code(b, self.writer.names) for b in (loop.lower, sp.sympify(loop.upper, strict=True) + 1))
        span = upper if lower == "0" else f"{lower}, {upper}"
        return f"for {self.writer.names[loop.index]} in range({span}):"

    def piece(self, piece: Piece) -> None:
        code = self.code(piece.value, self.depth)
        if piece.target in self.local:
            self.hold(piece, code)
            return
        place = self.writer.storage[piece.target]
        if place.array is None:
            where = place.scalar
        else:
            where = place.element(tuple(index_code(i, self.writer.names) for i in piece.indices))
        adds = piece.add or place.adds
        if piece.n_sums:
            free = self.depth - piece.n_sums
            self.after[free].append(f"{where} {'+=' if adds else '='} {self.total(code, free)}")
        elif adds:
            self.blocks[-1].append(f"{where} += {code}")
        else:
            name = code if code.isidentifier() else self.assign(code, self.depth)
            self.know(self.reference(piece), name, self.depth)
            self.blocks[-1].append(f"{where} = {name}")

    def hold(self, piece: Piece, code: str) -> None:
        """An element that is read in this nest alone: a scalar under the name of its value."""
        reference, own = self.reference(piece), self.levels[piece.target]
        if not piece.add:
            if piece.n_sums:
                name = self.total(code, own)
            else:
                name = code if code.isidentifier() else self.assign(code, self.level(piece.value))
            self.know(reference, name, own)
            return
        if reference not in self.known:
            name = self.writer.names.fresh("_x")
            self.blocks[own].append(f"{name} = 0.0")
            self.know(reference, name, own)
        if piece.n_sums:
            self.after[own].append(f"{self.known[reference]} += {self.total(code, own)}")
        else:
            self.blocks[-1].append(f"{self.known[reference]} += {code}")

    def total(self, code: str, free: int) -> str:
        """The name of a sum over the loops from ``free`` on."""
        name = self.writer.names.fresh("_r")
        self.blocks[-1].append(f"{name} += {code}")
        self.blocks[free].append(f"{name} = 0.0")
        return name

    def know(self, expr: sp.Basic, name: str, level: int) -> None:
        """From now on ``expr`` goes by a name, in the loop of that level."""
        self.known[expr] = name
        self.named_in[level].append(expr)

    @staticmethod
    def reference(piece: Piece) -> sp.Basic:
        return piece.target[piece.indices] if isinstance(piece.target, sp.IndexedBase) else piece.target

    def assign(self, code: str, level: int) -> str:
        name = self.writer.names.fresh("_x")
        self.blocks[level].append(f"{name} = {code}")
        return name

    def count(self, expr: sp.Basic) -> None:
        self.uses[expr] += 1
        if self.uses[expr] == 1 and not isinstance(expr, sp.Indexed):
            factored = _factored(expr)
            for arg in expr.args if factored is None else factored[1:]:
                self.count(arg)

    def level(self, expr: sp.Basic) -> int:
        """The innermost loop that an expression's value depends on."""
        own = max([self.tested, *(self.levels.get(s, 0) for s in variables(expr))])
        return max([own, *(held(r, self.path) for r in expr.atoms(sp.Indexed))]) if own < self.depth else own

    def is_index(self, expr: sp.Basic) -> bool:
        """Whether ``expr`` is integer arithmetic on indices and sizes."""
        stored = [(v, self.writer.storage.get(v)) for v in variables(expr)]
        return is_index(expr) and all(v not in self.local if place is None else place.integer for v, place in stored)

    def is_integer(self, condition: sp.Basic) -> bool:
        """Whether a relation is between indices and sizes."""
        return all(self.is_index(side) for side in condition.args)

    def named(self, expr: sp.Basic) -> str:
        """An identifier for a value that is written more than once in an operation."""
        text = self.code(expr)
        if not text.isidentifier():
            level = self.level(expr)
            text = self.assign(text, level)
            self.know(expr, text, level)
        return text

    def code(self, expr: sp.Basic, parent_level: int | None = None) -> str:
        """The code of a value: a name if it is shared or can be computed further out, else an expression."""
        if expr in self.known:
            return self.known[expr]
        if isinstance(expr, sp.Symbol):
            place = self.writer.storage.get(expr)
            if place is not None:
                return place.scalar
            return f"float({self.writer.names[expr]})"
        if expr.is_Atom and not isinstance(expr, sp.Indexed):
            return self.printer.literal(expr)
        level = self.level(expr)
        if isinstance(expr, sp.Indexed) and self.writer.storage[expr.base].integer:
            text = f"float({index_code(expr, self.writer.names)})"
        elif isinstance(expr, sp.Indexed):
            indices = tuple(index_code(i, self.writer.names) for i in expr.indices)
            text = self.writer.storage[expr.base].load(indices)
        elif isinstance(expr, sp.floor | sp.ceiling) and self.is_index(expr.args[0]):
            text = f"float({index_code(expr, self.writer.names)})"  # 49*(1/49) < 1
        elif (factored := _factored(expr)) is not None:
            text = f"({self.printer.literal(factored[0])}*{self.code(factored[1], level)})"
        else:
            text = self.printer.operation(expr, lambda arg: self.code(arg, level), self.uses)
        outer = parent_level is not None and level < parent_level
        if self.uses[expr] > 1 or outer:
            text = self.assign(text, level)
            self.know(expr, text, level)
        return text


def _factored(expr: sp.Basic) -> tuple[sp.Expr, sp.Expr] | None:
    """``(2, x - b)`` of 2x - 2b or of -2b + 2x: SymPy distributes numbers over sums, which hides the sum from
    the search for common subexpressions."""
    if not isinstance(expr, sp.Add):
        return None
    content, rest = expr.primitive()
    if content == 1:
        return None
    return (-content, -rest) if rest.could_extract_minus_sign() else (content, rest)


def strides(shape: Iterable[sp.Expr], names: Names) -> tuple[str, ...]:
    """Row-major strides as index code."""
    shape = list(shape)
    result = []
    for k in range(len(shape)):
        text = index_code(sp.Mul(*shape[k + 1 :]), names)
        result.append(text if text.isalnum() else f"({text})")
    return tuple(result)
