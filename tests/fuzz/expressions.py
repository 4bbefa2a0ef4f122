"""Random expressions over index arithmetic, drawn against worlds in which their indices can be tried out.

A world gives sizes and the entries of every array. An index expression is kept if it stays in range in all of them,
else it is wrapped, clipped or guarded, and now and then left as it is, to be refused when it is called.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

from tests.fuzz.oracle import closure, condition, integer
from tests.fuzz.world import Meaningless, OutOfRange, World

n, m, e = sp.symbols("n m e", integer=True, positive=True)


def _real(name: str, *shape: sp.Expr) -> Any:
    label = sp.Symbol(name, real=True)
    return sp.IndexedBase(label, shape=shape) if shape else label


def _index_array(name: str, *shape: sp.Expr) -> sp.IndexedBase:
    return sp.IndexedBase(sp.Symbol(name, integer=True), shape=shape)


x, y, z, w, u = _real("x", n), _real("y", n), _real("z", m), _real("w", e), _real("u", 2 * n)
A, B = _real("A", n, n), _real("B", n, m)
c = _real("c")
#: p, q hold places in 0..n-1; row pointers and columns of a sparse matrix with e entries.
p, q, ptr, col = _index_array("p", n), _index_array("q", m), _index_array("ptr", n + 1), _index_array("col", e)
VALUES = (x, y, z, w, u, A, B, c)
INTEGERS = (p, q, ptr, col)
NAMES = {str(s): s for s in (*VALUES, *INTEGERS, n, m, e)}
INDICES = tuple(sp.Symbol(name, integer=True) for name in ("i", "j", "k", "l", "r", "s"))
#: What references are drawn from.
POOL = (x, x, x, x, y, y, z, w, u, A, A, B, B, c)
#: Points of a scope beyond which no further sum is opened.
MOST_POINTS = 350


def world(sizes: tuple[int, int, int], seed: int) -> World:
    """Random entries at sizes (n, m, e)."""
    rng = np.random.default_rng([*sizes, seed])
    known = dict(zip((n, m, e), sizes, strict=True))
    shape = lambda v: tuple(int(sp.sympify(k).subs(known)) for k in v.shape) if isinstance(v, sp.IndexedBase) else ()  # noqa: E731
    integers = {p: rng.integers(0, sizes[0], sizes[0]), q: rng.integers(0, sizes[0], sizes[1])}
    cuts = np.sort(rng.integers(0, sizes[2] + 1, sizes[0] - 1))
    integers |= {ptr: np.array([0, *cuts, sizes[2]]), col: rng.integers(0, sizes[0], sizes[2])}
    values = {v: rng.normal(size=shape(v)) for v in VALUES}
    return World(known, integers, values, {v: rng.normal(size=shape(v)) for v in VALUES})


def worlds(seed: int) -> tuple[World, ...]:
    """Sizes of one, of two, and larger ones."""
    rng = random.Random(seed)
    sizes = [(1, rng.randint(1, 3), rng.randint(1, 3)), (2, rng.randint(1, 4), rng.randint(1, 4))]
    sizes += [
        (3, rng.choice((1, 2, 3, 5)), rng.randint(1, 6)),
        (rng.randint(4, 6), rng.randint(1, 4), rng.randint(1, 7)),
    ]
    return tuple(world(size, seed) for size in sizes)


@dataclass(frozen=True)
class Scope:
    """The indices in scope and, in every world, the points that they take together."""

    worlds: tuple[World, ...]
    points: tuple[tuple[dict, ...], ...]
    indices: tuple[sp.Symbol, ...] = ()

    def everywhere(self, tests: list[sp.Basic]) -> list[bool | None]:
        """For each test whether it holds at every point; None where it cannot be told."""
        return [self._holds(condition(test)) for test in tests]

    def _holds(self, test: Any) -> bool | None:
        try:
            return all(test(where, at) for where, points in zip(self.worlds, self.points, strict=True) for at in points)
        except (OutOfRange, Meaningless, ZeroDivisionError):
            return None

    def within(self, index: sp.Symbol, lower: sp.Expr, upper: sp.Expr) -> Scope | None:
        """The scope inside a sum over ``index``; None if it is too large or its bounds mean nothing."""
        low, high, points = closure(lower), closure(upper), []
        for where, outer in zip(self.worlds, self.points, strict=True):
            inside: list[dict] = []
            for at in outer:
                try:
                    ends = integer(low(where, at)), integer(high(where, at))
                except (OutOfRange, Meaningless, ZeroDivisionError):
                    return None
                inside += [{**at, index: k} for k in range(ends[0], ends[1] + 1)]
                if len(inside) > MOST_POINTS:
                    return None
            points.append(tuple(inside))
        return Scope(self.worlds, tuple(points), (*(k for k in self.indices if k != index), index))


class Generator:
    """Draws expressions from a seed."""

    def __init__(
        self, seed: int, where: tuple[World, ...] | None = None, pool: tuple = POOL, rough: float = 0.2
    ) -> None:
        """``pool`` are the arrays to choose from, ``rough`` is how often a function has kinks or jumps."""
        self.rng = random.Random(seed)
        self.worlds = where or worlds(seed)
        self.pool, self.rough = pool, rough
        self.top = Scope(self.worlds, tuple(({},) for _ in self.worlds))

    def energy(self) -> sp.Expr:
        """A scalar expression."""
        total = self.total(self.top, self.rng.choice((1, 2, 2, 3, 3)))
        kind = self.rng.randrange(8)
        if kind == 0:
            total *= self.rng.choice((c, n, self.reference(self.top)))
        if kind == 1:
            total = self.function(total)
        if kind == 2:
            total += self.total(self.top, 1)
        return total

    def array(self) -> tuple[sp.Expr, list[tuple]]:
        """An expression over a free index, and its limits."""
        index = self.rng.choice(INDICES)
        upper = self.rng.choice((n, n, m)) - 1
        scope = self.top.within(index, sp.S.Zero, upper)
        assert scope is not None
        return self.expression(scope, self.rng.choice((1, 2, 2, 3))), [(index, sp.S.Zero, upper)]

    # Sums

    def total(self, scope: Scope, depth: int) -> sp.Expr:
        """A sum over one or two new indices."""
        limits, inside = [], scope
        for _ in range(self.rng.choice((1, 1, 1, 2))):
            found = self.limits(inside)
            if found is None:
                break
            inside, limit = found
            limits.insert(0, limit)
        if not limits:
            return self.expression(scope, 0)
        body = self.expression(inside, depth - 1)
        return sp.Sum(body, *limits) if self.rng.random() < 0.9 else sp.Sum(self.index_value(inside) * body, *limits)

    def limits(self, scope: Scope) -> tuple[Scope, tuple] | None:
        # Now and then an index hides one of the same name around it.
        free = [k for k in INDICES if k not in scope.indices or self.rng.random() < 0.01]
        index = self.rng.choice(free[:3])
        for _ in range(6):
            lower, upper = self.bounds(scope)
            inside = scope.within(index, sp.sympify(lower), sp.sympify(upper))
            if inside is not None and index not in (sp.sympify(lower) + sp.sympify(upper)).free_symbols:
                return inside, (index, lower, upper)
        return None

    def bounds(self, scope: Scope) -> tuple[Any, Any]:
        rng, size = self.rng, self.rng.choice((n, n, n, m, m, 2 * n))
        simple = [
            (0, size - 1), (0, size - 1), (0, size - 2), (1, size - 1), (2, size - 2), (1, size), (0, 1), (0, e - 1),
            (0, sp.floor(size / 2)), (size - 2, size - 1), (-1, size - 1),
        ]  # fmt: skip
        if not scope.indices or rng.random() < 0.4:
            return rng.choice(simple)
        i, j = rng.choice(scope.indices), rng.choice(scope.indices)
        return rng.choice([
            (0, i), (0, i - 1), (i, size - 1), (i + 1, size - 1), (0, size - 1 - i), (i, i + 1), (i - 1, i + 1), (i, j),
            (sp.Max(0, i - 2), sp.Min(size - 1, i + 1)), (0, sp.floor(i / 2)), (2 * i, 2 * i + 1), (0, i + j),
            (j, 2 * i), (ptr[i], ptr[i + 1] - 1), (ptr[i], ptr[i + 1] - 1), (0, p[i]), (p[i], size - 1),
            (0, sp.Mod(i, 2)), (0, sp.Max(i, j)), (sp.Min(i, j), size - 1), (sp.Mod(i + 1, n), size - 1),
            (sp.ceiling(i / 2), i),
        ])  # fmt: skip

    # Places

    def place(self, scope: Scope, extent: sp.Expr, depth: int = 0) -> tuple[sp.Expr, list[sp.Basic]]:
        """An index of an axis, and the tests that keep it in range where it is not kept already."""
        for _ in range(5):
            try:
                candidate = sp.sympify(self.map(scope, extent, depth))
            except RecursionError:  # SymPy's own, of Mod(i + n - 1, n + 1)
                continue
            held = scope.everywhere([candidate >= 0, candidate <= extent - 1])
            if None in held:
                continue
            if all(held):
                return candidate, []
            remedy = self.rng.random()
            if remedy < 0.25 and extent in (n, m, e, 2 * n):
                return sp.Mod(candidate, extent), []
            if remedy < 0.32:
                return sp.Max(0, sp.Min(candidate, extent - 1)), []
            if remedy < 0.55 and depth == 0:
                tests = [candidate >= 0, candidate <= extent - 1]
                return candidate, [test for test, true in zip(tests, held, strict=True) if not true]
            if remedy > 0.985:
                return candidate, []
        return self.rng.choice([sp.S.Zero, extent - 1]), []

    def map(self, scope: Scope, extent: sp.Expr, depth: int) -> Any:
        rng = self.rng
        shift, size = rng.randint(-3, 3), rng.choice((n, extent))
        if not scope.indices or rng.random() < 0.04:
            return rng.choice([0, extent - 1, sp.Mod(shift, extent), 1, extent / 2, sp.floor(extent / 2)])
        i, j = rng.choice(scope.indices), rng.choice(scope.indices)
        if rng.random() < 0.4:
            return rng.choice([i, i, i, i + 1, i - 1, i + shift])
        if rng.random() < 0.4 and depth < 2:
            array = rng.choice((p, p, q, col, ptr))
            inner, tests = self.place(scope, array.shape[0], depth + 1)
            if not tests:
                return rng.choice([array[inner], array[inner], array[inner] + 1, sp.Mod(array[inner] + j, size)])
        return rng.choice([
            extent - 1 - i, n - 1 - i, 2 * i, 2 * i + 1, 3 * i + shift, i + j, i - j, 2 * i - j, i + n, i - 2 * j + 1,
            sp.Mod(i + shift, extent), sp.Mod(shift - i, extent), sp.Mod(i + j, size), sp.Mod(i - j + shift, size),
            sp.Mod(2 * i + shift, size), sp.Mod(i * m + j, size), sp.Mod(i, 2), sp.Mod(-i, n) + sp.Mod(i + 3, n),
            sp.Mod(i, n) + sp.Mod(j + shift, n), sp.Mod(sp.Mod(i, 2) + j, extent), sp.floor(i / 2),
            sp.floor((i + j) / 2), sp.floor((i + shift) / 3),
            sp.ceiling(i / 2), sp.Abs(i - j), sp.Abs(i + shift), sp.Max(i, j), sp.Min(i, j),
            sp.Min(i + 1, extent - 1), sp.Max(i - 1, 0), i * m + j, i * n + j, i * (i + 1) / 2 + j, i**2, i / 2,
            sp.floor(i / m), sp.Mod(i, m), 2 * sp.floor(i / 2) + sp.Mod(j, 2),
        ])  # fmt: skip

    def reference(self, scope: Scope) -> sp.Expr:
        """An element, under a ``Piecewise`` where only that keeps it in range."""
        base = self.rng.choice(self.pool)
        if not isinstance(base, sp.IndexedBase):
            return base
        places, tests = [], []
        for extent in base.shape:
            place, needed = self.place(scope, extent)
            places.append(place)
            tests += needed
        element = base[tuple(places)]
        other = self.rng.choice((sp.S.Zero, sp.S.Zero, c, 1))
        return sp.Piecewise((element, sp.And(*tests)), (other, True)) if tests else element

    def index_value(self, scope: Scope) -> sp.Expr:
        """A number made of indices and sizes."""
        rng = self.rng
        if not scope.indices:
            return rng.choice([n, n / 2, sp.Rational(1, 3), m])
        i, j = rng.choice(scope.indices), rng.choice(scope.indices)
        return rng.choice([
            i, i, i, i, i + 1, i - j, i * j, i**2, sp.Mod(i, 2), sp.Mod(i + j, 3), sp.floor(i / 2), sp.Abs(i - j),
            sp.Max(i, j), sp.Min(i, j), (-1) ** i, 1 / (i**2 + 1), n - i, p[sp.Mod(i, n)], sp.KroneckerDelta(i, j),
            sp.KroneckerDelta(i, 0), sp.sign(i - j), sp.sin(i),
        ])  # fmt: skip

    # Values

    def expression(self, scope: Scope, depth: int) -> sp.Expr:
        if depth <= 0:
            return self.reference(scope)
        sub = lambda: self.expression(scope, depth - 1)  # noqa: E731
        rng = self.rng
        match rng.choice("++***ffffpccdRrrvSSSSSSs"):
            case "+":
                return rng.randint(-2, 2) * sub() + sub()
            case "*":
                return sub() * sub()
            case "f":
                return self.function(sub())
            case "p":
                inner = sub()
                return rng.choice([inner**2, inner**3, 1 / (2 + sp.sin(inner)), (1 + inner**2) ** sp.Rational(-3, 2)])
            case "c":
                return sp.Piecewise((sub(), self.condition(scope)), (rng.choice((sp.S.Zero, sub())), True))
            case "d":
                places = [rng.choice([*scope.indices, self.place(scope, n, 1)[0], sp.S.Zero]) for _ in range(2)]
                return sp.KroneckerDelta(*places) * sub()
            case "R":
                return rng.choice((sp.Max, sp.Min))(sub(), sub())
            case "v":
                return self.index_value(scope) * sub()
            case "s":
                return self.index_value(scope) * self.total(scope, depth - 1)
            case "S":
                return self.total(scope, depth)
        return self.reference(scope)

    def function(self, inner: sp.Expr) -> sp.Expr:
        rng = self.rng
        rough = [
            sp.Abs(inner), sp.sign(inner), sp.floor(inner), sp.ceiling(inner), sp.Mod(inner, 1),
            sp.Mod(inner, c**2 + 1), sp.frac(inner), sp.Heaviside(inner),
            inner - 2 * sp.floor(inner / 2 + sp.Rational(1, 2)),
        ]  # fmt: skip
        smooth = [
            sp.sin(inner), sp.tanh(inner), sp.exp(-(inner**2)), sp.sqrt(1 + inner**2), sp.log(1 + inner**2),
            sp.atan(inner),
        ]  # fmt: skip
        return rng.choice(rough if rng.random() < self.rough else smooth)

    def condition(self, scope: Scope) -> sp.Basic:
        rng = self.rng
        if not scope.indices:
            return rng.choice([self.reference(scope) > 0, n > 2, sp.Eq(sp.Mod(n, 2), 0), m < n])
        i, j = rng.choice(scope.indices), rng.choice(scope.indices)

        def simple() -> sp.Basic:
            return rng.choice([
                i < n - 1, i > 0, sp.Eq(i, 0), sp.Ne(i, n - 1), i < j, sp.Eq(i, j), sp.Ne(i, j), 2 * i <= n, i + j < n,
                sp.Abs(i - j) <= 1, sp.Abs(i - j) > 1, sp.Eq(sp.Mod(i, 2), 0), sp.Eq(sp.Mod(i + j, 3), 1), i < n / 2,
                3 * i >= 2 * j + 1, n > 3, sp.Eq(sp.Mod(i + 1, n), sp.Mod(j, n)), sp.Max(i, j) < n, i * j > 2,
                sp.Eq(sp.floor(i / 2), sp.floor(j / 2)), m > n, p[sp.Mod(i, n)] > j, sp.Eq(q[sp.Mod(j, m)], i),
            ])  # fmt: skip

        match rng.choice("iiiivAON"):
            case "v":
                return self.reference(scope) > 0
            case "A":
                return sp.And(simple(), simple())
            case "O":
                return sp.Or(simple(), simple())
            case "N":
                return sp.Not(sp.And(simple(), simple()))
        return simple()


@dataclass(frozen=True)
class Case:
    """An expression (an array over ``limits``, else a scalar) with the worlds to try it in."""

    expr: sp.Expr
    limits: tuple[tuple, ...]
    worlds: tuple[World, ...]
    seed: int

    def code(self) -> str:
        limits = "".join(f", {limit}" for limit in self.limits)
        return f"({self.expr}{limits})" if limits else str(self.expr)

    def of(self, expr: sp.Expr) -> Case:
        return replace(self, expr=expr)


def case(seed: int) -> Case:
    """The case of a seed."""
    generator = Generator(seed)
    if generator.rng.random() < 0.2:
        expr, limits = generator.array()
        return Case(sp.sympify(expr), tuple(limits), generator.worlds, seed)
    return Case(sp.sympify(generator.energy()), (), generator.worlds, seed)
