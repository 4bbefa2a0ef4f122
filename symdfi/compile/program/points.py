"""The points of loops, many at a time: index expressions on arrays of index values, with what index arrays hold."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import sympy as sp
from sympy.logic.boolalg import Boolean

from symdfi.compile.program.levels import staged
from symdfi.compile.program.loops import Loop, plain_names
from symdfi.symbolic.sums import readable

#: With more index values nothing is checked, and as many are held at once.
MAX_POINTS, BLOCK = 10**8, 1 << 16

#: Integers at the points of a block, or one for all of them.
Numbers = np.ndarray | int
#: Numerator and denominator.
_Ratio = tuple[Numbers, Numbers]


class Points:
    """The points of nested ``loops`` where ``guard`` holds, at given sizes and index arrays, those by their labels.

    ``ValueError``, naming the reference, where an entry that decides which these points are lies outside its array.
    """

    def __init__(
        self,
        loops: Sequence[Loop],
        guard: Boolean,
        known: Mapping[sp.Basic, int],
        arrays: Mapping[sp.Symbol, np.ndarray],
    ) -> None:
        self._loops, self._tests = tuple(loops), staged(guard, tuple(loops))
        self._known, self._arrays = dict(known), arrays
        self._sizes = {symbol: value for symbol, value in known.items() if isinstance(symbol, sp.Symbol)}
        self._left = MAX_POINTS

    def require(self, reference: str, index: sp.Expr, extent: sp.Expr) -> None:
        """``ValueError`` unless ``0 <= index < extent`` at all points, and if they are too many to tell."""
        self._left = MAX_POINTS
        for at in self._blocks(reference, index.free_symbols, 0, dict(self._known), 1):
            self._inside(reference, self._floor(index, at), extent, at)

    def _blocks(
        self, reference: str, wanted: set[sp.Basic], depth: int, at: dict[sp.Basic, Numbers], count: int
    ) -> Iterator[dict[sp.Basic, Numbers]]:
        """The values of the ``wanted`` indices wherever no loop is empty, those of the ``depth`` outer loops given at
        ``count`` points."""
        reached = self._holds(self._tests[depth], at, count)
        at, count = _chosen(at, reached), int(np.count_nonzero(reached))
        if count == 0:
            return
        if depth == len(self._loops):
            yield at
            return
        loop, inner = self._loops[depth], self._loops[depth + 1 :]
        low, high = -self._floor(-loop.lower, at), self._floor(loop.upper, at)
        spans = np.broadcast_to(np.maximum(high - low + 1, 0), count)
        later = [*self._tests[depth + 1 :], *(bound for k in inner for bound in (k.lower, k.upper))]
        if loop.index not in wanted.union(*(e.free_symbols for e in later)):
            occupied = np.flatnonzero(spans)
            yield from self._blocks(reference, wanted, depth + 1, _chosen(at, occupied), len(occupied))
            return
        ends = np.cumsum(spans)
        total = int(ends[-1])
        self._left -= total
        if self._left < 0:
            raise ValueError(
                f"the index of {self._shown(reference)} may leave its range{self._at_sizes()}, and it takes more than "
                f"{MAX_POINTS} values: too many to look at each"
            )
        first = np.broadcast_to(low, count) - (ends - spans)
        for start in range(0, total, BLOCK):
            flat = np.arange(start, min(start + BLOCK, total))
            outer = np.searchsorted(ends, flat, side="right")
            values = {**_chosen(at, outer), loop.index: flat + first[outer]}
            yield from self._blocks(reference, wanted, depth + 1, values, len(flat))

    def _holds(self, condition: Boolean, at: dict[sp.Basic, Numbers], count: int) -> np.ndarray:
        """Where a condition holds. Tests with more entries in them are made only where the others leave that open, as
        kernels do."""
        if condition in (sp.true, sp.false):
            return np.full(count, condition == sp.true)
        if isinstance(condition, sp.Not):
            return ~self._holds(condition.args[0], at, count)
        if isinstance(condition, sp.And | sp.Or):
            decisive, found = isinstance(condition, sp.Or), np.full(count, isinstance(condition, sp.And))
            ranked: dict[int, list[Boolean]] = {}
            for part in condition.args:
                ranked.setdefault(len(part.atoms(sp.Indexed)), []).append(part)
            for rank in sorted(ranked):
                open_ = np.flatnonzero(found != decisive)
                here = _chosen(at, open_)
                for part in ranked[rank]:
                    decided = self._holds(part, here, len(open_)) == decisive
                    found[open_[decided]] = decisive
            return found
        (a, b), (c, d) = (self._ratio(side, at) for side in condition.args)
        compare = {"==": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater}
        test = compare.get(condition.rel_op, np.greater_equal)
        return np.broadcast_to(test(a * d, c * b), count)

    # Integer arithmetic

    def _floor(self, expr: sp.Expr, at: Mapping[sp.Basic, Numbers]) -> Numbers:
        above, below = self._ratio(expr, at)
        return above // below

    def _ratio(self, expr: sp.Basic, at: Mapping[sp.Basic, Numbers]) -> _Ratio:
        """An index expression as a fraction with a positive denominator."""
        if expr in at:
            return at[expr], 1
        if isinstance(expr, sp.Rational):
            return int(expr.p), int(expr.q)
        if isinstance(expr, sp.Indexed):
            return self._entry(expr, at), 1
        if isinstance(expr, sp.Pow):
            (a, b), exponent = self._ratio(expr.base, at), int(expr.exp)
            if exponent >= 0:
                return a**exponent, b**exponent
            self._not_zero(expr, a, at)
            return np.sign(a) * b**-exponent if exponent % 2 else b**-exponent, abs(a) ** -exponent
        parts = [self._ratio(arg, at) for arg in expr.args]
        if isinstance(expr, sp.Add):
            return functools.reduce(lambda f, g: (f[0] * g[1] + g[0] * f[1], f[1] * g[1]), parts)
        if isinstance(expr, sp.Mul):
            return functools.reduce(lambda f, g: (f[0] * g[0], f[1] * g[1]), parts)
        if isinstance(expr, sp.Max | sp.Min):
            best = np.maximum if isinstance(expr, sp.Max) else np.minimum
            return functools.reduce(lambda f, g: (best(f[0] * g[1], g[0] * f[1]), f[1] * g[1]), parts)
        (a, b), *others = parts
        if isinstance(expr, sp.Mod):
            ((c, d),) = others
            self._not_zero(expr, c, at)
            return (a * d) % (c * b), b * d
        if isinstance(expr, sp.Abs):
            return abs(a), b
        return (a // b if isinstance(expr, sp.floor) else -(-a // b)), 1

    def _entry(self, reference: sp.Indexed, at: Mapping[sp.Basic, Numbers]) -> Numbers:
        array = self._arrays[reference.base.label]
        places = tuple(self._floor(index, at) for index in reference.indices)
        for place, extent in zip(places, reference.base.shape, strict=True):
            self._inside(reference, place, sp.sympify(extent, strict=True), at)
        return array[places]

    # Messages

    def _inside(
        self, reference: sp.Indexed | str, place: Numbers, extent: sp.Expr, at: Mapping[sp.Basic, Numbers]
    ) -> None:
        outside = (place < 0) | (place >= self._floor(extent, at))
        if np.any(outside):
            worst = int(np.argmax(outside))
            place = np.broadcast_to(place, np.shape(outside)).flat[worst]
            where = self._where(at, worst)
            raise ValueError(
                f"the index of {self._shown(reference)} is {place}{where}, outside 0..{readable(extent - 1)}"
                f"{self._at_sizes()}"
            )

    def _not_zero(self, expr: sp.Expr, divisor: Numbers, at: Mapping[sp.Basic, Numbers]) -> None:
        zero = np.equal(divisor, 0)
        if np.any(zero):
            where = self._where(at, int(np.argmax(zero)))
            raise ValueError(f"{self._shown(expr)} divides by zero{where}{self._at_sizes()}")

    def _where(self, at: Mapping[sp.Basic, Numbers], point: int) -> str:
        values = [(k, at[k.index]) for k in self._loops if k.index in at]
        shown = [f"{self._names[k.index]} = {np.atleast_1d(v)[point if np.size(v) > 1 else 0]}" for k, v in values]
        return f" at {', '.join(shown)}" if shown else ""

    def _at_sizes(self) -> str:
        """The sizes."""
        return f", at {', '.join(f'{size} = {value}' for size, value in self._sizes.items())}" if self._sizes else ""

    def _shown(self, expr: sp.Basic | str) -> str:
        return expr if isinstance(expr, str) else str(readable(expr.xreplace(self._names)))

    @functools.cached_property
    def _names(self) -> dict[sp.Symbol, sp.Symbol]:
        return plain_names(self._loops, self._sizes)


def _chosen(at: Mapping[sp.Basic, Numbers], which: np.ndarray) -> dict[sp.Basic, Numbers]:
    """The values at some of the points."""
    return {symbol: values[which] if isinstance(values, np.ndarray) else values for symbol, values in at.items()}
