"""How a user writes coordinates: as symbols with velocities of their own, or as functions of time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.errors import SymbolicError
from symdfi.symbolic.coordinates import acceleration_of, other_time, rate_name, t
from symdfi.symbolic.given import expression
from symdfi.symbolic.indexed import Variable
from symdfi.symbolic.private import Private


@dataclass(frozen=True)
class Notation:
    """The translation between functions of time and the symbols that the derivation works on (both ways)."""

    to_symbols: Mapping[sp.Expr, Variable] = field(default_factory=dict)
    to_functions: Mapping[Variable, sp.Expr] = field(default_factory=dict)

    def read(self, expr: Any, what: str = "the expression") -> sp.Expr:
        """The user's expression in symbols. ``SymbolicError`` for another function of time, ``TypeError`` for text."""
        expr = expression(expr, what)
        # Derivatives first: they hold the functions.
        for derivative in (True, False):
            here = {f: s for f, s in self.to_symbols.items() if isinstance(f, sp.Derivative) == derivative}
            expr = expr.xreplace(here) if here else expr
        for other in sorted(expr.atoms(sp.Derivative, AppliedUndef), key=sp.default_sort_key):
            raise SymbolicError(
                f"{other} is no coordinate, velocity or input: functions of time are the coordinates, "
                "their first derivatives and what is listed as inputs"
            )
        return expr

    def show(self, expr: sp.Basic) -> Any:
        """An expression of the derivation in the user's notation."""
        return expr.xreplace(self.to_functions) if self.to_functions else expr


def read_coordinates(
    q: Sequence, v: Any, inputs: Iterable
) -> tuple[Notation, tuple[Variable, ...], tuple[Variable, ...], tuple[Variable, ...]]:
    """``(notation, coordinates, velocities, inputs)``, all of them symbols or indexed bases.

    Raises ``SymbolicError`` for a pair that does not match or a coordinate that is no function of time.
    """
    if v is not None:
        velocities = _listed(v)
        _check_pairs(q, velocities)
        coordinates = tuple(q)
    else:
        for function in q:
            if not isinstance(function, AppliedUndef) or function.args != (t,):
                another = other_time(function)
                if another:
                    raise SymbolicError(f"{function} is a function of {another}, which is not time: take sd.t for it")
                name = function.label if isinstance(function, sp.IndexedBase) else function
                raise SymbolicError(
                    "without velocities a coordinate is a function of time such as dynamicsymbols('q'), not "
                    f"{function}: give its velocity too, Lagrangian(L, {name}, v) of {name}, v = "
                    f"sd.coordinates('{name}')"
                )
        # Of our own: the user may have symbols of these names besides.
        names = [function.func.__name__ for function in q]
        coordinates = tuple(Private("q", k, name, real=True) for k, name in enumerate(names))
        velocities = [Private("q1", k, rate_name(name), real=True) for k, name in enumerate(names)]
    to_symbols: dict[sp.Expr, Variable] = {}
    if v is None:
        for function, symbol, speed in zip(q, coordinates, velocities, strict=True):
            to_symbols[function] = symbol
            to_symbols[sp.Derivative(function, t)] = speed
            to_symbols[sp.Derivative(function, (t, 2))] = acceleration_of(symbol)
    signals = []
    for k, signal in enumerate(inputs):
        if isinstance(signal, AppliedUndef) and signal.args == (t,):
            to_symbols[signal] = Private("u", k, signal.func.__name__, real=True)
        elif not isinstance(signal, sp.Symbol | sp.IndexedBase):
            raise SymbolicError(f"an input is a Symbol, an IndexedBase or a function of time, not {signal}")
        signals.append(to_symbols.get(signal, signal))
    to_functions = {symbol: function for function, symbol in to_symbols.items()}
    return Notation(to_symbols, to_functions), coordinates, tuple(velocities), tuple(signals)


def _listed(variables: Any) -> list:
    many = isinstance(variables, Sequence | sp.Tuple | sp.MatrixBase)
    return list(variables) if many else [variables]


def _check_pairs(q: Sequence, v: Sequence) -> None:
    if len(q) != len(v):
        raise SymbolicError(f"{len(q)} coordinates but {len(v)} velocities: {list(q)} and {list(v)}")
    for c, s in zip(q, v, strict=True):
        if not isinstance(c, sp.Symbol | sp.IndexedBase) or isinstance(c, sp.Symbol) != isinstance(s, sp.Symbol):
            raise SymbolicError(
                f"the coordinate {c} and velocity {s} must both be Symbol or both be IndexedBase: Lagrangian(L, q, v)"
            )
        if str(c) == rate_name(str(s)):
            raise SymbolicError(f"{c} is the velocity of {s}: give coordinates first, Lagrangian(L, {s}, {c})")
        if isinstance(c, sp.IndexedBase) and (c.shape is None or c.shape != s.shape):
            raise SymbolicError(f"{c} and {s} need the same shape: use symdfi.coordinates")
