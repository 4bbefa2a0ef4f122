"""Sets of integers: what holds wherever indices stay in their ranges and conditions hold.

Every proof about indices is one question: is e >= 0 for all integers i, j, ... with

    lower_i <= i <= upper_i,    g_1 >= 0, g_2 >= 0, ...,    sizes >= 1?

(Integers that are no sizes, but stand in bounds and indices as they do, may have any sign.)

e, the bounds and g are polynomials in indices and sizes over ``floor``, ``Mod``, ``Max``, ``Min``, ``Abs`` and entries
of index arrays. Points of the set tried first refute most of what does not hold. A proof is a certificate of Farkas
and Handelman's kind: e = c + Σ λ_k f_k with λ_k >= 0 and c > -1, where f_k are what is known to be >= 0 and, where a
product such as n*m or i*m + j needs them, products of two of those. The λ come from an exact simplex method.

isl answers such questions for affine sets. It is not used: it has no wheels for Windows, and neither ``Mod(i, n)`` nor
``i*m + j`` with a symbolic n or m is affine, which is a ninth of what the tests ask. On the rest it takes 0.32 ms in
the median and refuses nothing that is proved here.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

import sympy as sp

from symdfi.symbolic import private
from symdfi.symbolic.certificates import Polynomial, combined, plus, scaled, times, whole

#: Inclusive bounds (lower, upper) by index.
Ranges = Mapping[sp.Symbol, tuple[sp.Expr, sp.Expr]]

#: With more choices among arguments of Max and Min a question stays open.
MAX_CHOICES = 32
#: The points tried: values of up to three sizes (cyclically), how many index values at each, values of entries.
_SIZES, _POINTS = ((1, 1, 1), (2, 2, 2), (5, 5, 5), (1, 4, 2), (7, 2, 3), (2, 9, 5)), 9
_ENTRIES = (0, 1, 4, -2, 2, 9)
_COUNTS = (0, 3, -1, 12, 1, -7)

_CHOICES = (sp.Max, sp.Min, sp.Abs)


def never_negative(expr: sp.Expr, ranges: Ranges, given: Iterable[sp.Expr] = ()) -> bool:
    """Whether the integer ``expr`` is provably >= 0 wherever the indices in it are in ``ranges``; with ``given``,
    wherever all indices are and all of ``given`` are >= 0. Symbols without a range are sizes, at least one, unless they
    are counts (see ``private.is_count``).

    Without ``given`` a range that is empty elsewhere proves nothing: what an index outside of it does then counts.
    """
    expr, given = sp.sympify(expr, strict=True), tuple(given)
    if expr.is_Integer and expr >= 0:
        return True
    return _proved(expr, tuple((ranges if given else _near(expr, ranges)).items()), given)


def is_empty(ranges: Ranges, given: Iterable[sp.Expr] = ()) -> bool:
    """Whether provably no index values are in ``ranges`` with all of ``given`` >= 0."""
    return _proved(sp.S.NegativeOne, tuple(ranges.items()), tuple(given))


@functools.lru_cache(maxsize=1 << 16)
def _proved(
    expr: sp.Expr,
    bounds: tuple[tuple[sp.Symbol, tuple[sp.Expr, sp.Expr]], ...],
    given: tuple[sp.Expr, ...],
) -> bool:
    ranges = dict(bounds)
    if expr.has(sp.oo, -sp.oo) or _refuted(expr, ranges, given):
        return False
    near = _near(expr, ranges) if given else ranges
    return (given != () and _follows(expr, near, ())) or _follows(expr, ranges, given)


def _near(expr: sp.Expr, ranges: Ranges) -> Ranges:
    """The ranges of the indices of ``expr`` and of those in their bounds."""
    wanted = expr.free_symbols & set(ranges)
    while True:
        more = set().union(*(bound.free_symbols for i in wanted for bound in ranges[i])) & set(ranges)
        if more <= wanted:
            return {i: bounds for i, bounds in ranges.items() if i in wanted}
        wanted |= more


#: ``(a, b)`` with a >= b.
_Fact = tuple[sp.Expr, sp.Expr]


def _facts(ranges: Ranges, given: Iterable[sp.Expr]) -> list[_Fact]:
    """What holds in the set."""
    found: dict[_Fact, None] = {}
    for index, (lower, upper) in ranges.items():
        found |= {(index, end): None for end in sp.Max.make_args(lower) if end != -sp.oo}
        found |= {(end, index): None for end in sp.Min.make_args(upper) if end != sp.oo}
    return [*found, *((g, sp.S.Zero) for g in given)]


# Points


def value(expr: sp.Basic, at: Mapping[sp.Basic, int]) -> int | Fraction:
    """An index expression at given values of its symbols and index arrays' entries. ``KeyError`` for one without,
    ``ZeroDivisionError`` for a remainder by zero, ``TypeError`` where it is no integer arithmetic."""
    if expr in at:
        return at[expr]
    if isinstance(expr, sp.Rational):
        return int(expr) if expr.is_Integer else Fraction(int(expr.p), int(expr.q))
    if isinstance(expr, sp.Symbol | sp.Indexed):
        raise KeyError(expr)
    args = [value(arg, at) for arg in expr.args]
    if isinstance(expr, sp.Add):
        return sum(args)
    if isinstance(expr, sp.Mul):
        return functools.reduce(lambda a, b: a * b, args)
    if isinstance(expr, sp.Pow) and expr.exp.is_Integer:
        return Fraction(args[0]) ** int(expr.exp) if args[1] < 0 else args[0] ** int(expr.exp)
    if isinstance(expr, sp.Mod):
        return args[0] % args[1]
    if isinstance(expr, sp.floor | sp.ceiling):
        return math.floor(args[0]) if isinstance(expr, sp.floor) else math.ceil(args[0])
    if isinstance(expr, sp.Max | sp.Min):
        return max(args) if isinstance(expr, sp.Max) else min(args)
    if isinstance(expr, sp.Abs):
        return abs(args[0])
    raise TypeError(f"{expr} is no integer arithmetic")


def _refuted(expr: sp.Expr, ranges: Ranges, given: Sequence[sp.Expr]) -> bool:
    """Whether ``expr`` is negative at one of the points tried."""
    exprs = [expr, *given, *(bound for bounds in ranges.values() for bound in bounds)]
    symbols = {s for e in exprs for s in e.free_symbols}
    entries = {s for s in symbols if isinstance(s, sp.Indexed)}
    labels = {entry.base.label for entry in entries}
    sizes = sorted((s for s in symbols - set(ranges) - labels if isinstance(s, sp.Symbol)), key=lambda s: s.name)
    try:
        return any(value(expr, at) < 0 for at in _points(ranges, sizes, entries, given))
    except (KeyError, TypeError, ZeroDivisionError):
        return False


def _nested(ranges: Ranges, indices: set) -> list[sp.Symbol]:
    """Indices in an order in which bounds depend on earlier ones."""
    order: list[sp.Symbol] = []
    pending = [i for i in ranges if i in indices]
    while pending:
        free = [i for i in pending if not set(pending) & set().union(*(b.free_symbols for b in ranges[i]))]
        if not free:
            break
        order += free
        pending = [i for i in pending if i not in free]
    return order + pending


def _points(ranges: Ranges, sizes: Sequence[sp.Symbol], entries: set, given: Sequence[sp.Expr]) -> Iterator[dict]:
    """Points of the set: the ends and the middle of each range, at a few sizes and entries of index arrays."""
    order = _nested(ranges, set(ranges))

    def walk(depth: int, at: dict) -> Iterator[dict]:
        if depth == len(order):
            yield at
            return
        lower, upper = (0 if b in (-sp.oo, sp.oo) else value(b, at) for b in ranges[order[depth]])
        low, high = math.ceil(lower), math.floor(upper)
        for place in dict.fromkeys((low, high, (low + high) // 2)) if low <= high else ():
            at[order[depth]] = place
            yield from walk(depth + 1, at)

    for chosen, entry, count in zip(_SIZES, _ENTRIES, _COUNTS, strict=True):
        at: dict[sp.Basic, int] = {s: chosen[k % len(chosen)] for k, s in enumerate(sizes)}
        at |= {s: max(count, 0) if s.is_nonnegative else count for s in sizes if private.is_count(s)}
        at |= dict.fromkeys(entries, entry)
        for point in itertools.islice(walk(0, at), _POINTS):
            if all(value(g, point) >= 0 for g in given):
                yield point


# Proofs


def _follows(expr: sp.Expr, ranges: Ranges, given: Sequence[sp.Expr]) -> bool:
    """Whether ``expr >= 0`` has a certificate in each case of what Max, Min and Abs stand for."""
    cases = _cases([(expr, sp.S.Zero), *_facts(ranges, given)])
    return cases is not None and all(_certified(case[0][0], case[1:], ranges) for case in cases)


def _cases(facts: list[_Fact]) -> list[list[_Fact]] | None:
    """The facts, and those that come with each choice, without Max, Min and Abs; None for too many choices."""
    done: list[list[_Fact]] = []
    pending = [facts]
    while pending:
        case = pending.pop()
        found = (a for pair in case for e in pair if e.args and e.has(*_CHOICES) for a in e.atoms(*_CHOICES))
        choice = next((a for a in found if not _chosen(a)), None)
        if choice is None:
            done.append(case)
        else:
            args = (choice.args[0], -choice.args[0]) if isinstance(choice, sp.Abs) else choice.args
            for best in args:
                put = [(a.xreplace({choice: best}), b.xreplace({choice: best})) for a, b in case]
                more = [(other, best) if isinstance(choice, sp.Min) else (best, other) for other in args]
                pending.append(put + [pair for pair in more if pair[0] != pair[1]])
        if len(done) + len(pending) > MAX_CHOICES:
            return None
    return done


def _chosen(atom: sp.Expr) -> bool:
    """Whether another choice is to be made first: the innermost go first."""
    return any(arg.has(*_CHOICES) for arg in atom.args)


class _System:
    """Polynomials over atoms that are >= 0 (sizes less one, remainders) or free, and what is known of them."""

    def __init__(self) -> None:
        self.numbers: dict[sp.Basic, int] = {}
        self.free: set[int] = set()
        self.symbols: dict[sp.Basic, Polynomial] = {}
        self.facts: list[Polynomial] = []
        self.equalities: list[Polynomial] = []

    def atom(self, key: sp.Basic, free: bool) -> Polynomial:
        number = self.numbers.setdefault(key, len(self.numbers))
        if free:
            self.free.add(number)
        return {(number,): 1}

    def polynomial(self, expr: sp.Expr) -> Polynomial:
        if expr.is_Rational:
            return {(): Fraction(int(expr.p), int(expr.q))} if expr != 0 else {}
        if isinstance(expr, sp.Add):
            total: Polynomial = {}
            for arg in expr.args:
                total = plus(total, self.polynomial(arg))
            return total
        if isinstance(expr, sp.Mul):
            return functools.reduce(times, map(self.polynomial, expr.args))
        if isinstance(expr, sp.Pow) and expr.exp.is_Integer and 0 < expr.exp <= 8:
            return functools.reduce(times, [self.polynomial(expr.base)] * int(expr.exp))
        if expr not in self.symbols:
            self.symbols[expr] = self.new(expr)
        return self.symbols[expr]

    def new(self, expr: sp.Expr) -> Polynomial:
        """What is no sum and no product: a size, an index, a remainder, a quotient, an entry."""
        if isinstance(expr, sp.Mod):
            return self.remainder(*expr.args)
        if isinstance(expr, sp.floor):
            return self.quotient(expr.args[0])
        if isinstance(expr, sp.ceiling):
            return scaled(self.quotient(-expr.args[0]), -1)
        if private.is_count(expr):
            return self.atom(expr, not expr.is_nonnegative)
        if isinstance(expr, sp.Symbol):  # a size: one and more
            return plus({(): 1}, self.atom(expr, False))
        return self.atom(expr, True)

    def remainder(self, argument: sp.Expr, modulus: sp.Expr) -> Polynomial:
        """r of a = m*q + r with 0 <= r < m, where m is positive."""
        a, m = self.polynomial(argument), self.polynomial(modulus)
        key = sp.Mod(argument, modulus, evaluate=False)
        if not self.positive(m):
            return self.atom(key, True)
        r, q = self.atom(key, False), self.atom(sp.Tuple(key), not self.nonnegative(a))
        self.facts.append(plus(plus(m, {(): -1}), scaled(r, -1)))
        self.equalities.append(plus(a, scaled(plus(r, times(m, q)), -1)))
        return r

    def quotient(self, argument: sp.Expr) -> Polynomial:
        """q of d*q <= a < d*q + d, for a fraction a/d of a positive d."""
        above, below = sp.fraction(sp.together(argument))
        a, d = self.polynomial(above), self.polynomial(below)
        scale = math.lcm(*(Fraction(c).denominator for c in a.values()))
        a, d = scaled(a, scale), scaled(d, scale)
        key = sp.floor(argument, evaluate=False)
        if not self.positive(d):
            return self.atom(key, True)
        q = self.atom(key, not self.nonnegative(a))
        rest = plus(a, scaled(times(d, q), -1))
        self.facts += [rest, plus(plus(d, {(): -1}), scaled(rest, -1))]
        return q

    def nonnegative(self, p: Polynomial) -> bool:
        """Whether no coefficient is negative, and no free atom in it."""
        return all(c >= 0 and not self.free.intersection(m) for m, c in p.items())

    def positive(self, p: Polynomial) -> bool:
        return self.nonnegative(plus(p, {(): -1}))


def _certified(expr: sp.Expr, known: Sequence[_Fact], indices: Iterable[sp.Symbol]) -> bool:
    system = _System()
    _place(system, indices, known)
    goal = system.polynomial(expr)
    facts = [plus(system.polynomial(a), scaled(system.polynomial(b), -1)) for a, b in known]
    goal = whole(goal)
    if not goal or (system.nonnegative(goal) and goal.get((), 0) >= 0):
        return True
    facts = [f for f in map(whole, facts + system.facts) if not system.nonnegative(f)]
    equalities = [whole(e) for e in system.equalities]
    both = [*equalities, *(scaled(e, -1) for e in equalities)]
    if combined(goal, [*facts, *both], system.free):
        return True
    if all(len(m) < 2 for p in (goal, *facts, *equalities) for m in p):
        return False
    # With products: goal <= -1 and the facts contradict one another, -1 = c + ...
    facts = [plus(scaled(goal, -1), {(): -1}), *facts]
    atoms = {(a,): 1 for p in facts for m in p for a in m if a not in system.free}
    factors = [*facts, *({m: c} for m, c in atoms.items())]
    products = [times(f, g) for k, f in enumerate(facts) for g in factors[k:]]
    return combined({(): -1}, [*facts, *both, *products], system.free)


def _place(system: _System, indices: Iterable[sp.Symbol], known: Sequence[_Fact]) -> None:
    """Every index as i = lower + a with a new atom a >= 0, for one of its lower bounds, else as a free atom."""
    pending = list(indices)
    while pending:
        ends = ((i, b) for i in pending for a, b in known if a == i and not b.free_symbols & set(pending))
        index, lower = next(ends, (pending[0], None))
        own = system.atom(index, lower is None)
        system.symbols[index] = own if lower is None else plus(system.polynomial(lower), own)
        pending.remove(index)
