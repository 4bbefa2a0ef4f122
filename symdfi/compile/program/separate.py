"""Sums over pairs by the addition theorems.

    Σ_ij w_i w_j cos(x_i − x_j)  =  (Σ_i w_i cos x_i)² + (Σ_i w_i sin x_i)²

A sine or cosine of a sum whose terms each vary with one of the indices becomes a sum of products, and products are
summed one index at a time (see ``Program``): mean fields (Kuramoto's, the Hamiltonian one, structure factors) then cost
O(n), and so do their derivatives. A symmetric sum over each pair once, j < i, is half of that over all but for i = j.
It is done where *all* of a summand comes apart, for pairs that are visited for one term can serve the others as well,
and where few terms arise.

The absolute error stays that of some roundings a term, as sines are at most one. The factors of an exponential
exp(x_i − x_j) could overflow, the terms of a power (x_i − x_j)² cancel: neither is taken apart, nor is anything that
is not beside a sine or cosine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sympy as sp

from symdfi.compile.program.levels import is_inside
from symdfi.compile.program.loops import Loop
from symdfi.symbolic.sums import PlainSum

#: The most terms that a summand is written as.
MAX_TERMS = 32
#: The largest power of what holds sines and cosines that is multiplied out.
MAX_POWER = 4
#: What an extent that is not known is taken for where costs are compared.
_MANY = 1000


def separated(total: sp.Sum, loops: tuple[Loop, ...]) -> sp.Expr | None:
    """``total``, within ``loops``, as sums of products whose factors vary with fewer indices; None where that does not
    halve the terms that are evaluated."""
    # A scatter stands under all of its sums.
    if not total.function.has(sp.sin, sp.cos) or total.function.has(sp.KroneckerDelta):
        return None
    sums = tuple(Loop(*limit) for limit in reversed(total.limits))
    loops = tuple(loop for loop in loops if loop.index not in {own.index for own in sums})
    terms = _terms(total.function, sums, loops)
    if terms is not None:
        return sp.Add(*(PlainSum(term, *total.limits) for term in terms))
    return _from_all_pairs(total.function, sums, loops)


def _terms(body: sp.Expr, sums: tuple[Loop, ...], loops: tuple[Loop, ...]) -> list[sp.Expr] | None:
    """The terms of a summand, whose sums take fewer evaluations together; None where there are no such."""
    parts = _Parts(loops + sums, sums)
    whole = parts.of(body)
    if whole.is_Symbol or _number(whole) > MAX_TERMS:
        return None
    terms = [parts.back(term) for term in sp.Add.make_args(sp.expand(whole))]
    if len(terms) > MAX_TERMS or 2 * sum(map(parts.cost, terms)) > parts.cost(body):
        return None
    return terms


def _number(expr: sp.Expr) -> int:
    """How many terms ``expr`` has at most when it is multiplied out."""
    if isinstance(expr, sp.Add):
        return sum(map(_number, expr.args))
    if isinstance(expr, sp.Pow):
        return _number(expr.base) ** int(expr.exp)
    number = 1
    for arg in expr.args if isinstance(expr, sp.Mul) else ():
        number *= _number(arg)
    return number


class _Parts:
    """Takes summands apart: into polynomials in symbols, each for a factor that stays as it is."""

    def __init__(self, loops: tuple[Loop, ...], sums: tuple[Loop, ...]) -> None:
        self._sums = sums
        self._extents = {k.index: int(k.extent) if k.extent.is_Integer else _MANY for k in loops}
        self._symbols: dict[sp.Expr, sp.Dummy] = {}

    def of(self, expr: sp.Expr) -> sp.Expr:
        """The polynomial of ``expr``; a symbol where no sine or cosine in it comes apart."""
        if len(self._indices(expr)) < 2:
            return self._symbol(expr)
        if isinstance(expr, sp.sin | sp.cos):
            groups = self._groups(expr.args[0])
            return self._expanded(expr.func, groups) if len(groups) > 1 else self._symbol(expr)
        if isinstance(expr, sp.Add | sp.Mul):
            found = [self.of(arg) for arg in expr.args]
            if all(own.is_Symbol for own in found):
                return self._symbol(expr)
            if isinstance(expr, sp.Mul):
                found = self._with_difference(expr, found)
            return expr.func(*found)
        if isinstance(expr, sp.Pow) and expr.exp.is_Integer and 1 < expr.exp <= MAX_POWER:
            base = self.of(expr.base)
            plain = [arg for arg in sp.Add.make_args(expr.base) if self.of(arg).is_Symbol]
            if not base.is_Symbol and len(self._indices(sp.Tuple(*plain))) < 2:
                return base**expr.exp
        return self._symbol(expr)

    def back(self, expr: sp.Expr) -> sp.Expr:
        """``expr`` with what the symbols stand for."""
        return expr.xreplace({symbol: node for node, symbol in self._symbols.items()})

    def cost(self, product: sp.Expr) -> int:
        """How often something is evaluated where a product is summed one index at a time."""
        factors = [self._indices(factor) for factor in sp.Mul.make_args(product)]
        ranges = (self._indices(sp.Tuple(own.index, own.lower, own.upper)) for own in self._sums)
        factors += [own for own in ranges if len(own) > 1]
        left, total = {own.index for own in self._sums}, 0
        while left:
            around = {k: frozenset({k}).union(*(f for f in factors if k in f)) for k in left}
            own = min(sorted(left, key=str), key=lambda k: self._evaluations(around[k]))
            total += self._evaluations(around[own])
            factors = [*(f for f in factors if own not in f), around[own] - {own}]
            left.remove(own)
        return total + self._evaluations(frozenset().union(*factors))

    def _evaluations(self, indices: Iterable[sp.Basic]) -> int:
        number = 1
        for index in indices:
            number *= self._extents[index]
        return number

    def _indices(self, expr: sp.Basic) -> frozenset[sp.Basic]:
        """The indices that ``expr`` varies with."""
        return frozenset(self._extents.keys() & expr.free_symbols)

    def _symbol(self, expr: sp.Expr) -> sp.Expr:
        return self._symbols.setdefault(expr, sp.Dummy())

    def _with_difference(self, expr: sp.Mul, found: list[sp.Expr]) -> list[sp.Expr]:
        """The factors of a product that holds sines, one plain sum among them multiplied out: of two, as of a square,
        the products would cancel."""
        plain = [k for k, arg in enumerate(expr.args) if isinstance(arg, sp.Add) and found[k].is_Symbol]
        coupled = [k for k in plain if len(self._indices(expr.args[k])) > 1]
        if len(coupled) == 1:
            found[coupled[0]] = sp.Add(*map(self._symbol, expr.args[coupled[0]].args))
        return found

    def _groups(self, argument: sp.Expr) -> list[sp.Expr]:
        """An argument as terms that vary with different indices, none of which varies with all those of another."""
        groups: dict[frozenset, list[sp.Expr]] = {}
        terms = [(self._indices(term), term) for term in self._linear(argument)]
        for indices, term in sorted(terms, key=lambda pair: -len(pair[0])):
            groups.setdefault(next((own for own in groups if indices <= own), indices), []).append(term)
        return [sp.Add(*group) for group in groups.values()]

    def _linear(self, argument: sp.Expr) -> Iterator[sp.Expr]:
        """The terms of an argument; those of a sum in it, of a scalar product, are sums of their own."""
        for term in sp.Add.make_args(sp.expand_mul(argument)):
            held = [f for f in sp.Mul.make_args(term) if isinstance(f, sp.Sum)]
            inner = sp.expand_mul(held[0].function) if len(held) == 1 else term
            if len(held) == 1 and isinstance(inner, sp.Add) and len(self._indices(held[0])) > 1:
                for own in inner.args:
                    yield term / held[0] * PlainSum(own, *held[0].limits)
            else:
                yield term

    def _expanded(self, function: type, groups: list[sp.Expr]) -> sp.Expr:
        """The sine or cosine of the sum of ``groups`` in those of each."""
        sine, cosine = sp.S.Zero, sp.S.One
        for group in groups:
            s, c = self._signed(sp.sin(group)), self._signed(sp.cos(group))
            sine, cosine = sine * c + cosine * s, cosine * c - sine * s
        return sine if function is sp.sin else cosine

    def _signed(self, expr: sp.Expr) -> sp.Expr:
        """A symbol for ``expr`` but for its sign, so that opposite ones are told to be so."""
        number, rest = expr.as_coeff_Mul()
        return number * self._symbol(rest)


def _from_all_pairs(body: sp.Expr, sums: tuple[Loop, ...], loops: tuple[Loop, ...]) -> sp.Expr | None:
    """A symmetric sum over each pair once from that over all pairs and that over i = j; None where this is none, or
    does not come apart."""
    for inner in sums:
        for outer in (k for k in sums if k.index in inner.lower.free_symbols | inner.upper.free_symbols):
            square = _square(outer, inner)
            if square is None:
                continue
            a, b = outer.index, inner.index
            lower, upper, sign = square
            put = {outer: Loop(a, lower, upper), inner: Loop(b, lower, upper)}
            own = tuple(put.get(k, k) for k in sums)
            if any({a, b} & (k.lower.free_symbols | k.upper.free_symbols) for k in own):
                continue
            terms = _terms(body, own, loops)
            if terms is None or sp.Add(*terms) != sp.Add(*(term.xreplace({a: b, b: a}) for term in terms)):
                continue
            if all(is_inside(reference, loops + own) for reference in body.atoms(sp.Indexed)):
                limits = [(k.index, k.lower, k.upper) for k in reversed(own)]
                alike = PlainSum(body.xreplace({b: a}), *(limit for limit in limits if limit[0] != b))
                return (sp.Add(*(PlainSum(term, *limits) for term in terms)) + sign * alike) / 2
    return None


def _square(outer: Loop, inner: Loop) -> tuple[sp.Expr, sp.Expr, int] | None:
    """The range of both indices where one runs up to, or from, the other; and 1 if they may be equal, else -1."""
    below, above = inner.upper - outer.index, inner.lower - outer.index
    if below in (-1, 0) and outer.lower - inner.lower in (0, -below):
        return inner.lower, outer.upper, 1 if below == 0 else -1
    if above in (0, 1) and inner.upper - outer.upper in (0, above):
        return outer.lower, inner.upper, 1 if above == 0 else -1
    return None
