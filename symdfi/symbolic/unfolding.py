"""Choices that SymPy has multiplied out, taken apart again.

``Sum`` folds every ``Piecewise`` of its summand into one at the outside: a sum or product of k independent choices, or
k of them one inside the other, becomes one of 2ᵏ branches. What does not depend on a condition can be read off the
branches: terms, factors, and all that stands around the one place where two of them differ.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

#: Values, each with the tests that have to hold for it.
Branches = tuple[tuple[sp.Expr, frozenset[Boolean]], ...]


@functools.lru_cache(maxsize=64)
def unfolded(expr: sp.Expr) -> sp.Expr:
    """``expr`` as a sum, product or nest of choices, where it has more branches than one for every condition."""
    if not isinstance(expr, sp.Piecewise) or expr.has(sp.Sum):
        return expr
    branches = tuple((value, frozenset(sp.And.make_args(condition)) - {sp.true}) for value, condition in expr.args)
    conditions = sorted({c for _, test in expr.args for c in test.atoms(Relational)}, key=sp.default_sort_key)
    if branches[-1][1] or len(branches) <= len(conditions) + 1:
        return expr
    best = expr
    # The numbers of a sum have been added up, those of factors have not, and the exponents of exponentials have.
    for numbers, exponents in ((True, False), (False, False), (False, True)):
        found = _chosen(branches, conditions, numbers, exponents)
        best = min(best, found, key=_size)
        if _size(best) <= len(conditions):
            break
    return best


def _size(expr: sp.Expr) -> int:
    """How many branches there are besides the last ones."""
    return sum(len(choice.args) - 1 for choice in expr.atoms(sp.Piecewise))


def _chosen(branches: Branches, conditions: list[Relational], numbers: bool, exponents: bool) -> sp.Expr:
    """The value of the branches, a choice for every condition that it depends on; with ``numbers`` a number that two
    branches have in common is a term of both, with ``exponents`` exp(y) is a factor of exp(x + y)."""
    if len(branches) == 1:
        return branches[0][0]
    first, *rest = conditions
    holds, fails = (_chosen(_given(branches, first, truth), rest, numbers, exponents) for truth in (sp.true, sp.false))
    return _Choice(first, numbers, exponents).between(holds, fails)


class _Choice:
    """What is one value where a condition holds and another where it does not, by what the two have in common."""

    def __init__(self, condition: Relational, numbers: bool, exponents: bool) -> None:
        self.condition, self.numbers, self.exponents = condition, numbers, exponents
        self._found: dict[tuple[sp.Expr, sp.Expr], sp.Expr] = {}
        #: For every two values the two that differ in the end, the same two wherever they do.
        self._differ: dict[tuple[sp.Expr, sp.Expr], tuple[sp.Expr, sp.Expr]] = {}

    def between(self, holds: sp.Expr, fails: sp.Expr) -> sp.Expr:
        """The choice, around no more than it has to be."""
        if holds == fails:
            return holds
        key = holds, fails
        if key not in self._found:
            self._found[key], self._differ[key] = self._narrowed(holds, fails)
        return self._found[key]

    def _narrowed(self, holds: sp.Expr, fails: sp.Expr) -> tuple[sp.Expr, tuple[sp.Expr, sp.Expr]]:
        common = _common_terms(holds, fails)
        if common != 0 and (self.numbers or not common.is_number):
            own = holds - common, fails - common
            return common + self.between(*own), self._differ[own]
        common, *own = _common_factors(holds, fails, self.exponents)
        if common != 1:
            return common * self.between(*own), self._differ[tuple(own)]
        power = _power(holds, fails)
        ours, theirs = _node(holds, power), _node(fails, power)
        if ours.form == theirs.form:
            pairs = list(zip(ours.values, theirs.values, strict=True))
            values = [self.between(*pair) for pair in pairs]
            different = {self._differ[pair] for pair in pairs if pair[0] != pair[1]}
            if len(different) == 1:
                return ours.rebuilt(*values), different.pop()
        return sp.Piecewise((holds, self.condition), (fails, True), evaluate=False), (holds, fails)


def _common_terms(holds: sp.Expr, fails: sp.Expr) -> sp.Expr:
    """The terms of both, which are there whether the condition holds or not: of 2*x and 5*x it is 2*x."""
    ours, theirs = holds.as_coefficients_dict(), fails.as_coefficients_dict()
    common = [term for term in theirs if term in ours]
    return sp.Add(*(term * (theirs[term] if term == 1 else _shared(ours[term], theirs[term])) for term in common))


def _common_factors(holds: sp.Expr, fails: sp.Expr, exponents: bool) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """The factors of both, and those that each of them has besides: of x**2 and x**5 it is x**2."""
    ours, theirs = _powers(holds, exponents), _powers(fails, exponents)
    common: list[sp.Expr] = []
    for base in [base for base in ours if base in theirs]:
        shared = _shared(ours[base], theirs[base])
        common.append(_raised(base, shared))
        ours[base], theirs[base] = ours[base] - shared, theirs[base] - shared
    own, other = (sp.Mul(*(_raised(base, exponent) for base, exponent in powers.items())) for powers in (ours, theirs))
    return sp.Mul(*common), own, other


def _powers(expr: sp.Expr, exponents: bool) -> dict[sp.Expr, sp.Expr]:
    """The factors of an expression by their bases, with their exponents: those that are no numbers are their own."""
    found: dict[sp.Expr, sp.Expr] = {}
    for factor in sp.Mul.make_args(expr):
        powers = {factor: sp.S.One}
        if isinstance(factor, sp.Pow) and factor.exp.is_Rational:
            powers = {factor.base: factor.exp}
        elif exponents and isinstance(factor, sp.exp):
            powers = {sp.exp(term): times for term, times in factor.exp.as_coefficients_dict().items()}
        for base, exponent in powers.items():
            found[base] = found.get(base, sp.S.Zero) + exponent
    return found


def _raised(base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
    """A power, of exp(x) as exp(2*x), which is finite where exp(x) may not be."""
    return sp.exp(base.exp * exponent) if isinstance(base, sp.exp) else base**exponent


def _shared(one: sp.Expr, other: sp.Expr) -> sp.Expr:
    """What two exponents or coefficients have in common: nothing if their signs are opposite."""
    if one.is_positive and other.is_positive:
        return min(one, other)
    return max(one, other) if one.is_negative and other.is_negative else sp.S.Zero


@dataclass(frozen=True)
class _Node:
    """An operation apart from the values it is done with."""

    form: tuple
    values: tuple[sp.Expr, ...]
    rebuilt: Callable[..., sp.Expr]


def _node(expr: sp.Expr, power: sp.Expr) -> _Node:
    """The operation around an expression, what is raised to an integer as a power of ``power``."""
    if isinstance(expr, sp.Pow) and power != 1:
        base = expr.base ** (expr.exp / power)
        return _Node((sp.Pow, power), (base,), lambda value: value**power)
    if isinstance(expr, sp.Piecewise):
        values, conditions = zip(*expr.args, strict=True)
        rebuilt = lambda *new: sp.Piecewise(*zip(new, conditions, strict=True), evaluate=False)  # noqa: E731
        return _Node((sp.Piecewise, conditions), values, rebuilt)
    if isinstance(expr, sp.Function):
        return _Node((expr.func,), expr.args, lambda *new: expr.func(*new, evaluate=False))
    if isinstance(expr, sp.Add | sp.Mul):
        values = tuple(sorted(expr.args, key=_kind))
        return _Node((expr.func, *map(_kind, values)), values, expr.func)
    return _Node((), (), lambda: expr)


def _kind(expr: sp.Expr) -> str:
    return f"{expr.func.__name__} {expr.exp if isinstance(expr, sp.Pow) else ''}"


def _power(holds: sp.Expr, fails: sp.Expr) -> sp.Expr:
    """The power that both are of something: of y**2 and x**4 it is the second."""
    if not (isinstance(holds, sp.Pow) and isinstance(fails, sp.Pow)):
        return sp.S.One
    if all(e.exp.is_Integer and e.exp > 0 for e in (holds, fails)):
        return sp.gcd(holds.exp, fails.exp)
    return holds.exp if holds.exp == fails.exp and holds.exp.is_Rational else sp.S.One


def _given(branches: Branches, condition: Relational, truth: Boolean) -> Branches:
    """The branches that are left where ``condition`` is true (false)."""
    put = {condition: truth, sp.Not(condition): sp.Not(truth)}
    left: list[tuple[sp.Expr, frozenset[Boolean]]] = []
    for value, tests in branches:
        here = {put.get(test, test) if isinstance(test, Relational) else test.xreplace(put) for test in tests}
        if sp.false not in here:
            left.append((value, frozenset(part for test in here for part in sp.And.make_args(test)) - {sp.true}))
            if not left[-1][1]:
                break
    return tuple(left)
