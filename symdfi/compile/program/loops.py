"""The loop program: what lies between SymPy and Numba.

A program is a list of assignments ``T[a, b] = expr`` over index ranges. ``expr`` holds no sum, or is one sum
of a sum-free summand, so that nothing is ever computed twice inside a nest. Ranges are integer expressions in
the sizes: the program, and with it the cost of deriving and compiling it, does not depend on their values.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import sympy as sp
from sympy.logic.boolalg import Boolean

from symdfi.errors import CompileError
from symdfi.symbolic import private
from symdfi.symbolic.maps import extreme, is_known
from symdfi.symbolic.sets import Ranges, never_negative
from symdfi.symbolic.sums import PlainSum, readable, renamed

Variable = sp.Symbol | sp.IndexedBase


@dataclass(frozen=True)
class Loop:
    """``for index in lower..upper``, both inclusive; ``name`` is what messages call the index."""

    index: sp.Symbol
    lower: sp.Expr
    upper: sp.Expr
    name: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or self.index.name)

    @property
    def extent(self) -> sp.Expr:
        return sp.expand(self.upper - self.lower + 1)

    @property
    def entries(self) -> set[sp.Indexed]:
        """What its bounds are read from."""
        return self.lower.atoms(sp.Indexed) | self.upper.atoms(sp.Indexed)

    def subs(self, mapping: dict) -> Loop:
        lower, upper = (sp.sympify(bound, strict=True).xreplace(mapping) for bound in (self.lower, self.upper))
        return Loop(mapping.get(self.index, self.index), lower, upper, self.name)


def ranges(loops: tuple[Loop, ...]) -> Ranges:
    """The bounds of each index."""
    return {loop.index: (loop.lower, loop.upper) for loop in loops}


def plain_names(loops: Iterable[Loop], taken: Iterable[sp.Symbol] = ()) -> dict[sp.Symbol, sp.Symbol]:
    """Symbols under which messages show loop indices: their names, numbered where two share one."""
    names: dict[sp.Symbol, sp.Symbol] = {}
    used = {symbol.name for symbol in taken}
    for loop in loops:
        candidates = (loop.name.lstrip("_") + suffix for suffix in ("", *map(str, range(1, 1000))))
        name = next(candidate for candidate in candidates if candidate not in used)
        names[loop.index] = sp.Symbol(name, integer=True)
        used.add(name)
    return names


@functools.lru_cache(maxsize=4096)
def hull(loops: tuple[Loop, ...]) -> tuple[Loop, ...]:
    """The smallest box around loops whose ranges may depend on one another, and on what index arrays hold."""
    found = []
    for position, loop in enumerate(loops):
        outer = ranges(loops[:position])
        lower, upper = extreme(loop.lower, outer, False), extreme(loop.upper, outer, True)
        if lower is None or upper is None:
            raise not_stored(loop, loops)
        # What stays within a nest is numbered from any element on: an index says nothing of what arrays hold.
        found.append(Loop(loop.index, lower if is_known(lower) else sp.S.Zero, upper, loop.name))
    return tuple(found)


def is_bounded(loops: tuple[Loop, ...]) -> bool:
    """Whether loops have a ``hull``."""
    try:
        hull(loops)
    except CompileError:
        return False
    return True


def box(loops: tuple[Loop, ...]) -> tuple[Loop, ...]:
    """The ``hull`` of what is kept in memory. ``CompileError`` where sizes do not tell how much that is."""
    found = hull(loops)
    for loop, own in zip(loops, found, strict=True):
        if not is_known(own.upper):
            raise not_stored(loop, loops)
    return found


def is_storable(loops: tuple[Loop, ...]) -> bool:
    """Whether sizes tell how much there is for all iterations of the loops."""
    return all(is_known(loop.upper) for loop in hull(loops))


def room(extents: Iterable[sp.Expr]) -> sp.Expr:
    """How many elements there are; none where an extent is negative."""
    return sp.Mul(*(e if never_negative(e, {}) else sp.Max(e, 0) for e in extents))


def not_stored(loop: Loop, loops: tuple[Loop, ...]) -> CompileError:
    """That a loop runs over more or less than sizes tell."""
    shown = loop.subs(plain_names(loops))
    bound = f"{shown.index} <= {shown.upper}" if not is_known(shown.upper) else f"{shown.index} >= {shown.lower}"
    return CompileError(
        f"what varies over {shown.index} = {shown.lower}..{shown.upper} cannot be stored, as sizes do not tell "
        f"how many there are: sum over a range of sizes under a condition, Piecewise((..., {bound}), (0, True))"
    )


@dataclass(frozen=True)
class Assignment:
    """``target[loops - lower] = Σ_sums expr``; ``sums`` from the outermost to the innermost.

    ``lower`` are the lower ends of the ``hull`` of the loops, which is what the target has room for.
    """

    target: Variable
    loops: tuple[Loop, ...]
    sums: tuple[Loop, ...]
    expr: sp.Expr
    batched: bool

    @property
    def shape(self) -> tuple[sp.Expr, ...]:
        return tuple(loop.extent for loop in hull(self.loops))

    def element(self, indices: tuple[sp.Expr, ...]) -> tuple[sp.Expr, ...]:
        """The indices of the target's element at the given values of the loop indices."""
        return tuple(i - loop.lower for i, loop in zip(indices, hull(self.loops), strict=True))

    def at(self, indices: tuple[sp.Expr, ...]) -> sp.Expr:
        """The value at the given values of the loop indices."""
        if not self.loops:
            return self.target
        return self.target[self.element(indices)]

    @property
    def value(self) -> sp.Expr:
        """The right-hand side as one SymPy expression."""
        limits = [(loop.index, loop.lower, loop.upper) for loop in reversed(self.sums)]
        return PlainSum(self.expr, *limits) if limits else self.expr


@dataclass(frozen=True)
class Piece:
    """One loop nest's work on a target.

    ``target[indices] = value`` (store), or ``+=`` (add). The last ``n_sums`` loops are a reduction whose
    result is added to (add) or put into (store) the target once they are done. ``guard`` is a run-time test.
    ``required`` are references that must be in range where a condition holds, though they are read, clamped,
    elsewhere too.
    """

    target: Variable
    indices: tuple[sp.Expr, ...]
    value: sp.Expr
    loops: tuple[Loop, ...]
    n_sums: int = 0
    add: bool = False
    guard: Boolean = sp.true
    required: tuple[tuple[sp.Indexed, Boolean], ...] = ()

    def rename(self, mapping: dict) -> Piece:
        return replace(
            self,
            indices=tuple(renamed(i, mapping) for i in self.indices),
            value=renamed(self.value, mapping),
            loops=tuple(loop.subs(mapping) for loop in self.loops),
            guard=renamed(self.guard, mapping),
            required=tuple((r.xreplace(mapping), c.xreplace(mapping)) for r, c in self.required),
        )


@dataclass(frozen=True)
class Held:
    """One element a time is a scalar of the loops around it, in which all that reads it follows (see ``fuse``).

    ``origin`` is the target that it is an element of, ``stage`` tells nests over the same loops apart.
    """

    origin: Variable
    stage: int


@dataclass(frozen=True)
class Definition:
    """All the pieces that together compute one assignment; ``fill``: its target is zeroed before them.

    Where it is ``held`` the first loops of every piece are those of the assignment.
    """

    assignment: Assignment
    pieces: tuple[Piece, ...]
    fill: bool
    held: Held | None = None

    @property
    def target(self) -> Variable:
        return self.assignment.target

    @property
    def shape(self) -> tuple[sp.Expr, ...]:
        return self.assignment.shape

    @property
    def batched(self) -> bool:
        return self.assignment.batched

    @functools.cached_property
    def reads(self) -> frozenset:
        """The variables (symbols and bases) that the pieces read."""
        return frozenset().union(*(variables(p.value) | variables(p.guard) for p in self.pieces))


def in_words(expr: sp.Basic, assignments: Mapping[Variable, Assignment]) -> sp.Basic:
    """``expr`` for a message: what is stored written out, indices under the names that the user gave them."""
    return readable(_written_out(expr, assignments, 3))


def _written_out(expr: sp.Basic, assignments: Mapping[Variable, Assignment], depth: int) -> sp.Basic:
    """``expr`` with the terms that assignments store in place of the references to them, ``depth`` levels deep."""
    written: dict[sp.Basic, sp.Basic] = {}
    for node in expr.atoms(sp.Symbol, sp.Indexed):
        assignment = assignments.get(node.base if isinstance(node, sp.Indexed) else node)
        if assignment is None:
            continue
        indices = node.indices if isinstance(node, sp.Indexed) else ()
        names: dict = {k.index: i + k.lower for i, k in zip(indices, hull(assignment.loops), strict=True)}
        names |= {k.index: private.dummy(k.name) for k in assignment.sums}
        value = assignment.value.xreplace(names)
        written[node] = _written_out(value, assignments, depth - 1) if depth else sp.Symbol("...")
    return expr.xreplace(written)


@functools.lru_cache(maxsize=1 << 12)
def variables(expr: sp.Basic) -> frozenset:
    """The symbols and ``IndexedBase`` of an expression (of an element: its base and those in its indices)."""
    return frozenset(expr.atoms(sp.Symbol, sp.IndexedBase))
