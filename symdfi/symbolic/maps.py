"""Index maps: which loop index owns a reference, and over what an index runs.

A reference ``x[m(i)]`` inside a sum over ``i`` contributes to the derivative by ``x[j]`` where ``m(i) = j``.
The maps that are solved for ``i``:

========================  ====================================================  ==========================
map                       owner                                                 condition besides the range
========================  ====================================================  ==========================
``c*i + d``               ``(j - d)/c``                                         ``(j - d) mod c = 0``
``Mod(±i + d, n)``        ``lo + Mod(±(j - d) - lo, n)``                         at most n values of i
========================  ====================================================  ==========================

Every other map (a gather ``p[i]``, ``p[i] + i``, ``Mod(2*i, n)``, ``floor(i/2)``, ``Max(i, j)``, ``i*m + j``) stays
a ``KroneckerDelta(m(i), j)`` under
its sum, which is a scatter-add when compiled.

What can be proved of indices is in ``sets``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy.logic.boolalg import Boolean

from symdfi.errors import SymbolicError
from symdfi.symbolic.affine import affine, outermost
from symdfi.symbolic.sets import Ranges, never_negative
from symdfi.symbolic.sums import readable, remainder


@dataclass(frozen=True)
class Owner:
    """The value of a summation index that makes an index map hit its target, and when it does."""

    value: sp.Expr
    conditions: tuple[Boolean, ...]


def is_index(expr: sp.Basic) -> bool:
    """Whether an expression is integer arithmetic that a kernel can do on indices, sizes and index arrays."""
    if isinstance(expr, sp.Indexed):
        return all(map(is_index, expr.indices))
    if isinstance(expr, sp.Pow):
        return bool(expr.exp.is_Integer) and is_index(expr.base)
    parts = isinstance(expr, sp.Add | sp.Mul | sp.Mod | sp.Max | sp.Min | sp.Abs | sp.floor | sp.ceiling)
    return isinstance(expr, sp.Symbol | sp.Rational) or (parts and all(map(is_index, expr.args)))


def check_index(expr: sp.Expr, term: Callable[[], object], indices: Iterable[sp.Symbol]) -> None:
    """Raise ``SymbolicError`` naming ``term()`` unless ``expr`` is integer arithmetic wherever it holds an index."""
    for index in indices:
        if index in expr.free_symbols and not is_index(expr):
            raise SymbolicError(
                f"the index map {readable(expr)} of {index.name} in {term()} is not supported: use integer arithmetic "
                "with +, -, *, floor, Mod, Max, Min and Abs on indices, sizes and index arrays"
            )


def is_single(expr: sp.Expr, indices: Iterable[sp.Symbol]) -> bool:
    """Whether a map varies with each of ``indices`` by rational steps, but for what stands in Mod and gathers.

    Solving i*m + j for j asks of every i whether j is in its range: n*n*m tests for n*m elements. Such a map is
    scattered instead, and so is Max(i, j).
    """
    atoms = outermost(expr, (sp.Mod, sp.Indexed))
    plain = expr.xreplace({atom: sp.Dummy(integer=True) for atom in atoms})
    return all(affine(plain, i) is not None for i in indices if i in plain.free_symbols)


def solve(
    expr: sp.Expr, index: sp.Symbol, bounds: tuple[sp.Expr, sp.Expr], target: sp.Expr, ranges: Ranges
) -> Owner | None:
    """The owner ``index`` of ``expr = target`` within ``bounds``; None where the map cannot be inverted."""
    lower, upper = bounds
    others, ranges = ranges, {**ranges, index: bounds}
    line = affine(expr, index)
    if line is not None:
        slope, offset = line
        value = sp.expand((target - offset) / slope)
        lowers, uppers = sp.Max.make_args(lower), sp.Min.make_args(upper)
        conditions = [value >= end for end in lowers] + [value <= end for end in uppers]
        if _reads_entries(value, target, others):
            conditions += [high >= low for low in lowers for high in uppers if sp.oo not in (high, -low)]
        if abs(slope) != 1:
            denominator = abs(slope.p)
            conditions.append(sp.Eq(remainder(sp.expand((target - offset) * slope.q), denominator), 0))
        return Owner(value, prune(conditions, ranges))
    if isinstance(expr, sp.Mod):
        modulus = expr.args[1]
        line = affine(expr.args[0], index)
        if line is None or abs(line[0]) != 1 or index in modulus.free_symbols:
            return None
        lowers, uppers = sp.Max.make_args(lower), sp.Min.make_args(upper)
        # Counted from any one of the lower bounds, if no remainder is met twice.
        for start in lowers:
            if never_negative(modulus - (upper - start + 1), ranges):
                value = start + remainder(sp.expand(line[0] * (target - line[1]) - start), modulus)
                inside = [target >= 0, target <= modulus - 1]
                if _reads_entries(value, target, others):
                    inside += [high >= low for low in lowers for high in uppers]
                inside += [value >= end for end in lowers if end != start]
                inside += [value <= end for end in uppers if sp.expand(end - start + 1 - modulus) != 0]
                return Owner(value, prune(inside, ranges))
    return None


def _reads_entries(value: sp.Expr, target: sp.Expr, others: Ranges) -> bool:
    """Whether entries of index arrays are read before it is known that the owner ``value`` is in its range, in it or in
    bounds of other indices that it varies with: they may not be there where that range is empty."""
    within = (value.free_symbols - target.free_symbols) & set(others)
    return value.has(sp.Indexed) or (
        bool(within) and any(bound.has(sp.Indexed) for bounds in others.values() for bound in bounds)
    )


def put(expr: sp.Basic, index: sp.Symbol, value: sp.Expr) -> Any:
    """``expr`` with a value for an index. Of a remainder in a product under another one SymPy 1.14 makes its square,
    Mod(2*Mod(a, n)**2, 3) of Mod(2*Mod(a, n), 3): it is written out, a - n*floor(a/n)."""
    if expr == index:
        return value
    if index not in expr.free_symbols or not expr.has(sp.Mod):
        return expr.xreplace({index: value})
    args = [put(arg, index, value) for arg in expr.args]
    if isinstance(expr, sp.Mod) and isinstance(args[0], sp.Mul):
        inner = {mod: mod.args[0] - mod.args[1] * sp.floor(mod.args[0] / mod.args[1]) for mod in args[0].atoms(sp.Mod)}
        args[0] = sp.expand(args[0].xreplace(inner))
    return remainder(*args) if isinstance(expr, sp.Mod) else expr.func(*args)


def prune(conditions: Iterable[Boolean | bool], ranges: Ranges) -> tuple[Boolean, ...]:
    """The conditions that do not hold already wherever the indices stay in their ``ranges``."""
    kept = []
    conditions = (sp.sympify(c, strict=True) for c in conditions)
    for condition in (literal for c in conditions for literal in sp.And.make_args(c)):
        if not is_integer(condition, ranges):
            kept.append(condition)  # about values, which need be neither integer nor positive
        elif not always(condition, ranges):
            kept.append(isolate(condition, ranges))
    return tuple(kept)


def is_integer(condition: Boolean, ranges: Ranges) -> bool:
    """Whether a condition speaks of indices, and of sizes in their bounds, alone."""
    known = set(ranges) | {s for bounds in ranges.values() for bound in bounds for s in bound.free_symbols}
    return condition.free_symbols <= known


def always(condition: Boolean, ranges: Ranges) -> bool:
    """Whether an inequality can be proved from the ranges alone (sizes are taken to be at least one)."""
    if isinstance(condition, sp.Ge | sp.Le):
        large, small = (
            (condition.lhs, condition.rhs) if isinstance(condition, sp.Ge) else (condition.rhs, condition.lhs)
        )
        return never_negative(large - small, ranges)
    if isinstance(condition, sp.Gt | sp.Lt):
        large, small = (
            (condition.lhs, condition.rhs) if isinstance(condition, sp.Gt) else (condition.rhs, condition.lhs)
        )
        return never_negative(large - small - 1, ranges)
    return condition == sp.true


def extreme(expr: sp.Expr, ranges: Ranges, top: bool) -> sp.Expr | None:
    """The largest (smallest) value of ``expr`` over ``ranges`` in sizes and ``largest``/``smallest`` entries.

    A bound, not always attained, where ``Mod``, ``Max``, ``Min`` or ``floor`` stand in the expression. None
    where an index occurs in another way.
    """
    expr = sp.expand(expr)
    for atom in outermost(expr, (sp.Mod, sp.Indexed, sp.Max, sp.Min, sp.Abs, sp.floor, sp.ceiling)):
        if isinstance(atom, sp.Indexed) or atom.has(sp.Indexed) or atom.free_symbols & set(ranges):
            line = _line(expr, atom)
            end = None if line is None else _end(atom, ranges, bool(line[0] > 0) == top)
            return None if line is None or end is None else extreme(line[1] + line[0] * end, ranges, top)
    index = _innermost(expr, ranges)
    if index is None:
        return expr
    line = affine(expr, index)
    if line is not None:
        return extreme(_put(line, ranges[index], top), ranges, top)
    # i*m + j, i*(i + 1)/2: at an end, if all steps go one way.
    step = sp.expand(expr.xreplace({index: index + 1}) - expr)
    lower, upper = ranges[index]
    for sign in (1, -1):
        if never_negative(sign * step, {**ranges, index: (lower, upper - 1)}):
            return extreme(expr.xreplace({index: upper if (sign > 0) == top else lower}), ranges, top)
    return None


def _put(line: tuple[sp.Expr, sp.Expr], bounds: tuple[sp.Expr, sp.Expr], top: bool) -> sp.Expr:
    """The largest (smallest) value of ``slope*index + offset`` for an index within bounds."""
    slope, offset = line
    return offset + slope * (bounds[1] if bool(slope > 0) == top else bounds[0])


def _end(atom: sp.Expr, ranges: Ranges, top: bool) -> sp.Expr | None:
    """``extreme`` of one atom that is not affine."""
    if isinstance(atom, sp.Indexed):
        return (largest if top else smallest)(atom.base)
    if isinstance(atom, sp.Mod):
        if not never_negative(atom.args[1] - 1, ranges):
            return None  # of a negative modulus the remainders are negative
        return extreme(atom.args[1] - 1, ranges, True) if top else sp.S.Zero
    if isinstance(atom, sp.Abs):
        low, high = (extreme(atom.args[0], ranges, end) for end in (False, True))
        return None if low is None or high is None else sp.Max(high, -low) if top else sp.Max(0, low, -high)
    ends = [extreme(arg, ranges, top) for arg in atom.args]
    return None if any(end is None for end in ends) else atom.func(*ends)


_Smallest, _Largest = (sp.Function(name, integer=True) for name in ("smallest", "largest"))


def smallest(base: sp.IndexedBase) -> sp.Expr:
    """Stands for the smallest entry of an index array."""
    return _Smallest(base.label)


def largest(base: sp.IndexedBase) -> sp.Expr:
    return _Largest(base.label)


def is_known(expr: sp.Expr) -> bool:
    """Whether ``expr`` speaks of sizes and indices alone, not of what index arrays hold."""
    return not expr.has(_Smallest, _Largest, sp.Indexed)


def _line(expr: sp.Expr, atom: sp.Expr) -> tuple[sp.Expr, sp.Expr] | None:
    """``affine`` in an atom that is no symbol."""
    hole = sp.Dummy(integer=True)
    return affine(expr.xreplace({atom: hole}), hole)


def _innermost(expr: sp.Expr, ranges: Ranges) -> sp.Symbol | None:
    """An index in ``expr`` that no bound of the others in it depends on."""
    present = [index for index in ranges if index in expr.free_symbols]
    for index in reversed(present):
        if not any(index in bound.free_symbols for other in present for bound in ranges[other]):
            return index
    return present[-1] if present else None


@functools.lru_cache(maxsize=4096)
def without_fractions(difference: sp.Expr) -> sp.Expr:
    """An expression of integers that has the sign of ``difference``: i - n for i/n - 1, 2i - n for i/n - 1/2."""
    expr = of_integers(sp.nsimplify(sp.expand(difference), rational=True))
    if any(power.exp.is_negative for power in expr.atoms(sp.Pow)):
        numerator, denominator = sp.together(expr).as_numer_denom()
        expr = sp.expand(numerator if denominator.is_positive else numerator * denominator)
    return sp.expand(expr * sp.ilcm(1, *(c.q for c in expr.as_coefficients_dict().values())))


def of_integers(expr: sp.Expr) -> sp.Expr:
    """``expr`` with remainders of integers: a/d mod b is (a mod d*b)/d, also of a size d, as where SymPy makes n*((a/n)
    mod 1) of a mod n. What is divided is rounded otherwise."""
    expr = expr.xreplace({node: sp.Mod(node.args[0], 1, evaluate=False) for node in expr.atoms(sp.frac)})
    found = {}
    for node in expr.atoms(sp.Mod):
        parts = [sp.together(arg).as_numer_denom() for arg in node.args]
        common = sp.lcm(*(denominator for _, denominator in parts))
        if common != 1:
            whole = (sp.expand(numerator * common / denominator) for numerator, denominator in parts)
            found[node] = sp.Mod(*whole, evaluate=False) / common
    return expr.xreplace(found) if found else expr


def standard(relation: Boolean) -> tuple[Boolean, bool]:
    """``(atom, positive)``: an inequality as ``e >= 0`` or its negation, so that i < n and i >= n share."""
    if isinstance(relation, sp.Eq | sp.Ne):
        return sp.Eq(*relation.args), isinstance(relation, sp.Eq)
    large, small = relation.args if isinstance(relation, sp.Ge | sp.Gt) else relation.args[::-1]
    expr = without_fractions(large - small) - (1 if isinstance(relation, sp.Gt | sp.Lt) else 0)
    if expr.could_extract_minus_sign():
        return sp.Ge(sp.expand(-expr - 1), 0, evaluate=False), False
    return sp.Ge(expr, 0, evaluate=False), True


def inequalities(literal: Boolean) -> list[sp.Expr]:
    """The integer expressions that are >= 0 where ``literal`` holds (all that it says, unless it is !=)."""
    if isinstance(literal, sp.Eq):
        difference = without_fractions(literal.lhs - literal.rhs)
        return [difference, -difference]
    if not isinstance(literal, sp.Ge | sp.Le | sp.Gt | sp.Lt):
        return []
    atom, positive = standard(literal)
    return [atom.lhs if positive else sp.expand(-atom.lhs - 1)]


def isolate(condition: Boolean, ranges: Ranges) -> Boolean:
    """Write an inequality as ``index >= bound`` or ``index <= bound`` for reading, if one index is in it."""
    if not isinstance(condition, sp.Ge | sp.Le):
        return condition
    difference = sp.expand(condition.lhs - condition.rhs)
    for index in sorted(difference.free_symbols & set(ranges), key=str):
        line = affine(difference, index)
        if line is not None and abs(line[0]) == 1:
            bound = sp.expand(-line[1] / line[0])
            at_least = isinstance(condition, sp.Ge) == (line[0] > 0)
            return sp.Ge(index, bound) if at_least else sp.Le(index, bound)
    return condition
