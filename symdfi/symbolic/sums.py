"""Sums as they are written, and the names of their indices.

SymPy's ``Sum`` folds every ``Piecewise`` of its summand to the outside, through the sums in between: a condition
on an inner index then stands where that index means nothing, or another one. The calculus therefore works on
``PlainSum``; only what is handed to the user (``canonical``) holds SymPy's own class again, built as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp
from sympy.concrete.expr_with_limits import ExprWithLimits

from symdfi.errors import SymbolicError
from symdfi.symbolic import private
from symdfi.symbolic.conditions import other_than_relations, plain
from symdfi.symbolic.unfolding import unfolded
from symdfi.symbolic.whole import rounded_down

#: What is rebuilt under new names without a look at its arguments; a delta puts its two in order.
_SETTLED = (sp.Function, sp.Max, sp.Min, sp.Pow, sp.core.relational.Relational)


class PlainSum(sp.Sum):
    """A ``Sum`` that stays as it is built, also when SymPy rebuilds it in a substitution."""

    def __new__(cls, function: sp.Basic, *limits: tuple | sp.Tuple) -> PlainSum:
        return _built(cls, sp.sympify(function, strict=True), [sp.Tuple(*limit) for limit in limits])

    @property
    def free_symbols(self) -> set[sp.Basic]:
        """As of any ``Sum``, without the rebuilt summand that SymPy reads them off."""
        found = set(self.function.free_symbols)
        for index, *bounds in self.limits:
            found.discard(index)
            found.update(*(bound.free_symbols for bound in bounds))
        return found


def _built(kind: type, function: sp.Basic, limits: list[sp.Tuple]):
    while isinstance(function, sp.Sum):
        function, limits = function.function, [*function.limits, *limits]
    total = sp.Expr.__new__(kind, function, *limits)
    total.is_commutative = function.is_commutative
    return total


def renamed(expr: sp.Basic, names: Mapping[sp.Basic, sp.Basic]) -> Any:
    """``expr.xreplace(names)`` for symbols and arrays that become others.

    Where these are told the same, no function has another special value under the new names, and SymPy's search for
    one, which takes longer than all else, is left out.
    """
    if not names:
        return expr
    if not all(map(_is_alike, names, names.values())):
        return _replaced(expr, names)
    done: dict[sp.Basic, sp.Basic] = dict(names)

    def visit(node: sp.Basic) -> sp.Basic:
        if node not in done:
            args = [visit(arg) for arg in node.args]
            same = all(new is old for new, old in zip(args, node.args, strict=True))
            evaluated = not isinstance(node, _SETTLED) or isinstance(node, sp.KroneckerDelta)
            done[node] = node if same else node.func(*args) if evaluated else node.func(*args, evaluate=False)
        return done[node]

    return visit(expr)


def _replaced(expr: sp.Basic, values: Mapping[sp.Basic, sp.Basic]) -> Any:
    """``expr.xreplace(values)``, also where SymPy evaluates a remainder without end."""
    try:
        return expr.xreplace(values)
    except RecursionError:
        done: dict[sp.Basic, Any] = dict(values)

    def visit(node: sp.Basic) -> Any:
        if node not in done:
            args = [visit(arg) for arg in node.args]
            done[node] = (remainder if isinstance(node, sp.Mod) else node.func)(*args) if args else node
        return done[node]

    return visit(expr)


def remainder(value: sp.Expr, modulus: sp.Expr) -> sp.Expr:
    """A remainder. SymPy 1.14 evaluates Mod(a - 2, n + 1) and Mod(a + n - 1, n + 1) without end, but not
    Mod(a + 3*n + 1, n + 1)."""
    for periods in range(5):
        try:
            return sp.Mod(sp.expand(value + periods * modulus) if periods else value, modulus)
        except RecursionError:
            continue
    return sp.Mod(value, modulus, evaluate=False)


def _is_alike(old: sp.Basic, new: sp.Basic) -> bool:
    """Whether what is told of two symbols, or of the entries of two arrays, is the same."""
    if isinstance(old, sp.IndexedBase) and isinstance(new, sp.IndexedBase):
        old, new = old.label, new.label
    return isinstance(old, sp.Symbol) and isinstance(new, sp.Symbol) and old.assumptions0 == new.assumptions0


def normalise(expr: sp.Basic) -> sp.Expr:
    """Plain symbols for ``Idx``, integer dummies for summation indices, whole numbers for indices of elements: the form
    the calculus works on.

    Raises ``SymbolicError`` for a sum without bounds, for a product over an index, for an integral, and where SymPy
    has folded a ``Piecewise`` so that what was meant cannot be told.
    """
    expr = sp.sympify(expr, strict=True)
    for other in expr.atoms(ExprWithLimits):
        if not isinstance(other, sp.Sum):
            raise SymbolicError(f"{shortened(other)} is no Sum, and of what binds an index only a Sum is supported")
    _check_elements(expr)
    expr = _rename(expr, {}, None)
    expr = expr.xreplace({idx: sp.Symbol(str(idx.label), integer=True) for idx in expr.atoms(sp.Idx)})
    expr = rounded_down(expr)
    conditions = {c: plain(c) for c in expr.atoms(sp.core.relational.Relational) if _is_of_integers(c)}
    return expr.xreplace({c: other for c, other in conditions.items() if other != c})


def _check_elements(expr: sp.Basic) -> None:
    """``SymbolicError`` for an array that stands where one of its elements is asked for."""
    todo, seen = [expr], set()
    while todo:
        node = todo.pop()
        for arg in node.args:
            if isinstance(arg, sp.IndexedBase) and not isinstance(node, sp.Indexed):
                raise SymbolicError(
                    f"the array {arg} stands without an index in {shortened(node)}: take its elements, {arg}[i], one "
                    f"by one or all of them in a Sum({arg}[i], (i, 0, ...))"
                )
            if arg.args and arg not in seen:
                seen.add(arg)
                todo.append(arg)


def _is_of_integers(condition: sp.Basic) -> bool:
    return all(s.is_integer for s in condition.free_symbols if isinstance(s, sp.Symbol | sp.Indexed))


def _rename(expr: sp.Basic, names: dict, around: sp.Sum | None) -> sp.Expr:
    """One pass from the outside in; ``names`` are the dummies of the sums around ``expr``, ``around`` the next."""
    if isinstance(expr, sp.Sum):
        for condition in (c for cases in expr.function.atoms(sp.Piecewise) for _, c in cases.args):
            for other in other_than_relations(condition):
                raise SymbolicError(f"the condition {shortened(other)} is not supported, in {shortened(expr)}")
        names, limits = dict(names), []
        # From the outermost limit inwards: Sum(f, (j, 0, i), (i, 0, n)).
        for limit in reversed(expr.limits):
            if len(limit) != 3:
                raise SymbolicError(f"the sum {shortened(expr)} needs explicit bounds (index, lower, upper)")
            index, *bounds = limit
            bounds = [bound.xreplace(names) for bound in bounds]
            names[index] = private.dummy(index.name)
            # An array may have the label that is the index here.
            names |= {base: base for base in expr.atoms(sp.IndexedBase) if base.label == index}
            limits.append((names[index], *bounds))
        return PlainSum(_rename(unfolded(expr.function), names, expr), *reversed(limits))
    if not expr.has(sp.Sum):
        return renamed(expr, names)
    if isinstance(expr, sp.Piecewise) and around is not None:
        _check_unfolded(expr, around)
    args = [_rename(arg, names, around) for arg in expr.args]
    # New names bring no new special values, and a function's search for them walks all sums below it.
    return expr.func(*args, evaluate=False) if isinstance(expr, sp.Function) else expr.func(*args)


def _check_unfolded(expr: sp.Piecewise, around: sp.Sum) -> None:
    """Raise where a condition names an index that a sum in the branches binds: the trace of SymPy's folding."""
    bound = {limit[0] for node in expr.atoms(sp.Sum) for limit in node.limits}
    used = {symbol for _, condition in expr.args for symbol in condition.free_symbols}
    for index in sorted(bound & used, key=str):
        raise SymbolicError(
            f"in {shortened(around)} a condition on {index} stands outside the sum over {index}: SymPy takes a "
            f"Piecewise out of a sum within another. Write the condition as bounds of the sum over {index}, or both "
            f"sums as one, Sum(f, ({index}, ...), (outer, ...)); if it is meant for an outer {index}, rename the inner "
            "index"
        )


def fresh(expr: sp.Sum) -> PlainSum:
    """The same sum with summation indices that occur nowhere else."""
    body, limits = expr.function, list(expr.limits)
    for position in range(len(limits)):
        limit = limits[position]
        index = limit[0]
        dummy = private.dummy(index.name)
        body = renamed(body, {index: dummy})
        # The bounds to the left of a limit may depend on its index: Sum(f, (j, 0, i), (i, 0, n)).
        for inner in range(position):
            limits[inner] = sp.Tuple(limits[inner][0], *(b.xreplace({index: dummy}) for b in limits[inner][1:]))
        limits[position] = sp.Tuple(dummy, *limit[1:])
    return PlainSum(body, *limits)


def canonical(expr: sp.Expr) -> sp.Expr:
    """Readable, reproducible names for the dummies: i, j, k, ... that clash with no other symbol."""
    expr = sp.sympify(expr, strict=True)
    dummies = [limit[0] for node in sp.preorder_traversal(expr) if isinstance(node, sp.Sum) for limit in node.limits]
    dummies = [d for d in dict.fromkeys(dummies) if private.is_dummy(d)]
    taken = {s.name for s in expr.atoms(sp.Symbol) - set(dummies)}
    names = (f"{letter}{number}" for number in ("", *range(1, 1000)) for letter in "ijklmnpqrs")
    free_names = (name for name in names if name not in taken)
    return _written(expr.xreplace({d: sp.Symbol(next(free_names), integer=True) for d in dummies}))


def _written(expr: sp.Basic) -> sp.Expr:
    """``expr`` with SymPy's own class of sums."""
    if not expr.has(PlainSum):
        return expr
    args = [_written(arg) for arg in expr.args]
    if isinstance(expr, sp.Sum):
        return _built(sp.Sum, args[0], args[1:])
    return expr.func(*args, evaluate=False) if isinstance(expr, sp.Function) else expr.func(*args)


def readable(expr: sp.Basic) -> sp.Basic:
    """``expr`` with every dummy under its plain name (numbered if that is taken), for messages, in SymPy's order."""
    dummies = sorted(filter(private.is_dummy, expr.atoms(sp.Symbol)), key=sp.default_sort_key)
    taken = {s.name for s in expr.atoms(sp.Symbol) - set(dummies)}
    names: dict[sp.Basic, sp.Symbol] = {
        s: sp.Symbol(s.name, **s.assumptions0) for s in expr.atoms(private.Private) - set(dummies)
    }
    for dummy in dummies:
        candidates = (dummy.name + suffix for suffix in ("", *map(str, range(1, 1000))))
        name = next(candidate for candidate in candidates if candidate not in taken)
        taken.add(name)
        names[dummy] = sp.Symbol(name, integer=True)
    return expr.xreplace(names)


def shortened(expr: sp.Basic, length: int = 200) -> str:
    """A term as a message names it."""
    text = str(readable(expr))
    return text if len(text) <= length else text[:length] + "..."
