"""Where the entries of a matrix, one a turn of a loop nest, are stored.

They are stored over the box around the loops. A range that index arrays tell row by row, e = ptr[i]..ptr[i + 1] - 1,
has no box that sizes alone would tell: its entries are stored by e, which is in one row i at most (see ``Rows``).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import sympy as sp
from sympy.logic.boolalg import Boolean

from symdfi.compile.kernels.kernel import KernelBuilder
from symdfi.compile.program.loops import Loop, hull, not_stored, plain_names, room
from symdfi.compile.program.lower import Program
from symdfi.symbolic.affine import affine
from symdfi.symbolic.indexed import guarded, summed
from symdfi.symbolic.maps import is_known
from symdfi.symbolic.private import index as private_index
from symdfi.symbolic.ranges import Limits
from symdfi.symbolic.renaming import Renaming

#: An index expression and the extent that it stays below.
Place = tuple[sp.Expr, sp.Expr]


@dataclass(frozen=True)
class Nest:
    """Loops, the outermost first, with an entry where the ``conditions`` hold; ``places`` are the indices of what an
    entry reads and writes. ``CompileError`` where that does not tell how many entries there may be."""

    limits: tuple[Limits, ...]
    conditions: tuple[Boolean, ...] = ()
    places: tuple[Place, ...] = field(default=(), compare=False)

    @functools.cached_property
    def _loops(self) -> tuple[Loop, ...]:
        return tuple(Loop(*limit) for limit in self.limits)

    @functools.cached_property
    def _hull(self) -> tuple[Loop, ...]:
        return hull(self._loops)

    @functools.cached_property
    def row(self) -> Loop | None:
        """The loop over a range that index arrays tell row by row, if there is one: of two, one within the other's
        rows, the inner one, which tells the other."""
        ragged = [k for k, own in zip(self._loops, self._hull, strict=True) if not is_known(own.upper)]
        apart = [loop for loop in ragged if not any(loop.index in self._rows_of(other) for other in ragged)]
        if len(apart) > 1:
            raise not_stored(apart[1], self._loops)
        return apart[0] if apart else None

    def _rows_of(self, loop: Loop) -> set[sp.Basic]:
        """The indices that the range of a loop is told by, directly or not."""
        found = loop.lower.free_symbols | loop.upper.free_symbols
        for other in reversed(self._loops[: self._loops.index(loop)]):
            if other.index in found:
                found |= other.lower.free_symbols | other.upper.free_symbols
        return found & {k.index for k in self._loops}

    @functools.cached_property
    def loops(self) -> tuple[Loop, ...]:
        """What the entries are stored over."""
        if self.row is None:
            return self._hull
        told = self._rows_of(self.row)
        kept = [k for k in self._hull if k.index not in told]
        kept = [self._reach() if k.index == self.row.index else k for k in kept]
        return tuple(Loop(private_index("g", k), own.lower, own.upper, own.name) for k, own in enumerate(kept))

    def _reach(self) -> Loop:
        """All values that the index of ``row`` may have, as it stands in an index of something."""
        assert self.row is not None
        own = {k.index for k in self._loops}
        for expr, extent in self.places:
            line = affine(expr, self.row.index)
            if line is not None and abs(line[0]) == 1 and is_known(line[1]) and not line[1].free_symbols & own:
                first, last = sp.expand(-line[1] / line[0]), sp.expand((extent - 1 - line[1]) / line[0])
                lower, upper = (first, last) if line[0] > 0 else (last, first)
                return Loop(self.row.index, lower, upper, self.row.name)
        raise not_stored(self.row, self._loops)

    def whatever(self, program: Program) -> Nest:
        """The nest whatever the state is: without the conditions on values."""
        return replace(self, conditions=tuple(filter(program.is_index_condition, self.conditions)))

    @property
    def count(self) -> sp.Expr:
        """How many places there are."""
        return room(loop.extent for loop in self.loops)

    def stored(self, expr: sp.Expr, outside: int = 0) -> sp.Expr:
        """``expr`` over ``loops`` where there is an entry, what is ``outside`` elsewhere."""
        if self.row is None:
            conditions = list(self.conditions)
            for loop, (index, lower, upper) in zip(self.loops, self.limits, strict=True):
                conditions += [index >= lower] if lower != loop.lower else []
                conditions += [index <= upper] if upper != loop.upper else []
            if not conditions:
                return expr
            elsewhere = (outside, True)
            return sp.Piecewise((expr, sp.And(*conditions)), elsewhere) if outside else guarded(expr, conditions)
        told = self._rows_of(self.row)
        kept = [k.index for k in self._loops if k.index not in told]
        deltas = [sp.KroneckerDelta(i, own.index) for i, own in zip(kept, self.loops, strict=True)]
        entry = sp.Mul(*deltas, guarded(expr - outside, self.conditions))
        return summed(entry, tuple(reversed(self.limits)), ()) + outside

    def short(self) -> sp.Expr:
        """How many of the ranges of ``row`` end more than one before they begin."""
        assert self.row is not None
        told = self._rows_of(self.row)
        outer = tuple(limit for limit in reversed(self.limits) if limit[0] in told)
        pairs = [(lo, hi) for lo in sp.Max.make_args(self.row.lower) for hi in sp.Min.make_args(self.row.upper)]
        tests = [hi - lo + 1 < 0 for lo, hi in pairs if lo.has(sp.Indexed) and hi.has(sp.Indexed)]
        return summed(sp.Add(*(sp.Piecewise((1, test), (0, True)) for test in tests)), outer, ())


def bounded(exprs: Iterable[sp.Basic], more: Iterable[Place] = ()) -> tuple[Place, ...]:
    """The indices in ``exprs`` of arrays whose extents sizes tell."""
    found = dict.fromkeys(more)
    for reference in sorted({r for e in exprs for r in e.atoms(sp.Indexed)}, key=sp.default_sort_key):
        for index, extent in zip(reference.indices, reference.base.shape or (), strict=False):
            extent = sp.sympify(extent, strict=True)
            if is_known(extent):
                found[index, extent] = None
    return tuple(found)


class Rows:
    """That no two rows of a nest share an entry, e of e = ptr[i]..ptr[i + 1] - 1, nor end before they begin: outputs of
    the kernel of a pattern, and what they tell. ``renaming`` is for messages."""

    def __init__(self, nests: Iterable[Nest], renaming: Renaming) -> None:
        self._nests, self._renaming = [nest for nest in nests if nest.row is not None], renaming

    def output(self, builder: KernelBuilder) -> None:
        if self._nests:
            assign = builder.program.assign
            builder.output("times", [assign(nest.stored(sp.S.One), nest.loops) for nest in self._nests])
            builder.output("short", [assign(nest.short()) for nest in self._nests])

    def arrays(self, known: Mapping[sp.Basic, int]) -> list[np.ndarray]:
        """What the outputs are written into."""
        if not self._nests:
            return []
        return [np.zeros(sum(number(nest.count, known) for nest in self._nests)), np.zeros(len(self._nests))]

    def check(self, written: Sequence[np.ndarray], known: Mapping[sp.Basic, int]) -> None:
        """``ValueError``, naming the range, where the rows of a nest are not apart."""
        end = 0
        for k, nest in enumerate(self._nests):
            start, end = end, end + number(nest.count, known)
            loops = nest._loops
            row = next(loop for loop in loops if nest.row == loop).subs(plain_names(loops))
            lower, upper = map(self._renaming.back, (row.lower, row.upper))
            shown = f"{row.index} = {lower}..{upper}"
            if written[1][k]:
                raise ValueError(f"{_arrays(lower, upper)} must not decrease: a range {shown} ends before it begins")
            if written[0][start:end].max(initial=0.0) > 1:
                raise ValueError(f"two of the ranges {shown} overlap: {_arrays(lower, upper)} must not decrease")


def _arrays(*bounds: sp.Expr) -> str:
    return " and ".join(sorted({str(base) for bound in bounds for base in bound.atoms(sp.IndexedBase)}))


def number(expr: sp.Expr, known: Mapping[sp.Basic, int]) -> int:
    """An expression in sizes at given ones."""
    return int(sp.sympify(expr, strict=True).subs(known))
