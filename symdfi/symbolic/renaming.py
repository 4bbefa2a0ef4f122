"""Symbols of our own in place of a user's, numbered by declaration and by structure, never by name.

SymPy orders the terms of a sum and the factors of a product by the names of their symbols, and what is derived and
compiled follows that order. Under numbers two models that differ in names alone become one expression, and so one
kernel; and no name of a user's meets another that reads alike, or gets any further than messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

import sympy as sp
from sympy.logic.boolalg import And, Or

from symdfi.symbolic.private import Private
from symdfi.symbolic.sums import PlainSum, normalise, renamed

Variable = sp.Symbol | sp.IndexedBase

#: What does not depend on the order of its arguments.
_UNORDERED = (sp.Add, sp.Mul, And, Or, sp.Max, sp.Min, sp.Eq, sp.Ne, sp.KroneckerDelta)


class Renaming:
    """The numbers of ``declared`` variables, in order, and of ``others``, by where they stand in ``exprs``.

    The symbols in their shapes, and ``sizes``, are numbered apart, those that are the extents of declared ones first;
    so are ``counts``, those of the sizes that need not be positive.
    Called with an expression it gives the same one in symbols of our own, its summation indices numbered from the
    outside inwards.
    """

    def __init__(
        self,
        declared: Iterable[Variable],
        exprs: Iterable[sp.Basic] = (),
        others: Iterable[Variable] = (),
        sizes: Iterable[sp.Symbol] = (),
        counts: Iterable[sp.Symbol] = (),
    ) -> None:
        order: list[Variable] = list(dict.fromkeys(declared))
        counted = set(counts)
        extents = [extent for variable in order for extent in _shape(variable)]
        order += [extent for extent in dict.fromkeys(extents) if isinstance(extent, sp.Symbol) and extent not in order]
        others = set(others) - set(order)
        inside = {s for v in (*order, *others) for extent in _shape(v) for s in extent.free_symbols} | set(sizes)
        unknown = (inside | others) - set(order)
        order += _by_structure([_standard(normalise(e), {}) for e in exprs], order, unknown)
        self._to_private: dict[Variable, Variable] = {}
        #: The user's symbol of each of our own.
        self.shown: dict[sp.Basic, sp.Symbol] = {}
        count = {"s": 0, "sz": 0, "v": 0}
        labels: dict[Variable, Private] = {}
        for variable in order:
            label = variable.label if isinstance(variable, sp.IndexedBase) else variable
            role = "sz" if variable in counted else "s" if variable in inside else "v"
            labels[variable] = Private(role, count[role], str(label), **label.assumptions0)
            count[role] += 1
            self.shown[labels[variable]] = label
        self._to_private |= {v: own for v, own in labels.items() if not isinstance(v, sp.IndexedBase)}
        symbols = dict(self._to_private)
        for variable, own in labels.items():
            if isinstance(variable, sp.IndexedBase):
                shape = None if variable.shape is None else tuple(e.xreplace(symbols) for e in _shape(variable))
                self._to_private[variable] = sp.IndexedBase(own, shape=shape)
        self._to_user = {own: variable for variable, own in self._to_private.items()}

    def __call__(self, expr: sp.Basic, indices: Mapping[sp.Basic, Private] | None = None) -> sp.Expr:
        """``expr`` in symbols of our own; ``indices`` are those of its free indices."""
        return _standard(normalise(expr), {**self._to_private, **(indices or {})})

    def of(self, variable: Variable) -> Variable:
        """Our own in place of a variable."""
        return self._to_private[variable]

    def user(self, own: Variable) -> Variable:
        """The variable that one of our own stands for."""
        return self._to_user[own]

    def back(self, expr: sp.Expr) -> sp.Expr:
        """An expression in the user's symbols again."""
        return expr.xreplace(self.shown)


def _shape(variable: sp.Basic) -> tuple[sp.Expr, ...]:
    shape = variable.shape if isinstance(variable, sp.IndexedBase) else None
    return () if shape is None else tuple(sp.sympify(extent, strict=True) for extent in shape)


def _standard(expr: sp.Basic, names: Mapping[sp.Basic, sp.Basic], depth: int = 0) -> sp.Expr:
    """``expr`` with every summation index numbered by the sums around it, and symbols replaced by ``names``."""
    if isinstance(expr, sp.Sum):
        names, limits = dict(names), []
        for index, *bounds in reversed(expr.limits):
            bounds = [bound.xreplace(names) for bound in bounds]
            names[index] = Private("k", depth, index.name, integer=True)
            limits.append((names[index], *bounds))
            depth += 1
        return PlainSum(_standard(expr.function, names, depth), *reversed(limits))
    if not expr.has(sp.Sum):
        return renamed(expr, names)
    args = [_standard(arg, names, depth) for arg in expr.args]
    return expr.func(*args, evaluate=False) if isinstance(expr, sp.Function) else expr.func(*args)


def _by_structure(exprs: Sequence[sp.Basic], known: Sequence[Variable], unknown: Iterable[Variable]) -> list[Variable]:
    """The unknown variables by where they stand in ``exprs``: what tells two of them apart is never their name.

    Each is coloured by the expressions as they look with it marked, again and again while that tells more of them
    apart. Of those that look alike all through, which may be swapped, one is put first.
    """
    waiting = sorted(unknown, key=sp.default_sort_key)
    shapes = [sp.Tuple(variable, *_shape(variable)) for variable in (*known, *waiting)]
    colours: dict[sp.Basic, bytes] = {v: b"known %d" % k for k, v in enumerate(known)}
    colours |= dict.fromkeys(waiting, b"unknown")
    found: list[Variable] = []
    while waiting:
        classes = 0
        while classes < (classes := len({colours[v] for v in waiting})) < len(waiting):
            marked = {v: {**colours, v: b"marked"} for v in waiting}
            looks = {v: [[_look(e, c, {}) for e in group] for group in (exprs, shapes)] for v, c in marked.items()}
            colours |= {v: _digest(colours[v], *own, *sorted(others)) for v, (own, others) in looks.items()}
        first = min(waiting, key=lambda v: colours[v])
        waiting.remove(first)
        colours[first] = b"known %d" % (len(known) + len(found))
        found.append(first)
    return found


def _look(expr: sp.Basic, colours: Mapping[sp.Basic, bytes], cache: dict[sp.Basic, bytes]) -> bytes:
    """A digest of an expression with colours in place of its variables."""
    if expr not in cache:
        if expr in colours:
            cache[expr] = _digest(colours[expr], repr(sorted(expr.assumptions0.items())).encode())
        elif isinstance(expr, Private):
            cache[expr] = _digest(expr.role.encode(), b"%d" % expr.number)
        elif not expr.args:
            cache[expr] = _digest(sp.srepr(expr).encode())
        else:
            parts = [_look(arg, colours, cache) for arg in expr.args]
            if isinstance(expr, _UNORDERED):
                parts.sort()
            cache[expr] = _digest(type(expr).__name__.encode(), *parts)
    return cache[expr]


def _digest(*parts: bytes) -> bytes:
    return blake2b(b"".join(b"%d:%s" % (len(part), part) for part in parts), digest_size=16).digest()
