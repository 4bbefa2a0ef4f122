"""What a user gives: SymPy expressions, never text, and values by symbol or name."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.choices import meant

Variable = sp.Symbol | sp.IndexedBase

_TEXT = (str, bytes, bytearray)


def expression(value: Any, what: str) -> Any:
    """``value`` as a SymPy object. ``TypeError`` naming ``what`` it is for text, which SymPy would run as a program,
    and for all that is no expression."""
    if isinstance(value, sp.Expr) and not value.is_Matrix:
        return value
    if isinstance(value, sp.Basic):  # an equation, a condition, an array
        raise TypeError(f"{what} is a {type(value).__name__}: give one SymPy expression")
    if isinstance(value, _TEXT):
        raise TypeError(f"{what} is the text {value!r}: give a SymPy expression, text is not evaluated")
    if isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "biufc":
        value = value.item()
    # Containers as well: SymPy would evaluate the text in them.
    if isinstance(value, sp.MatrixBase | Iterable):
        raise TypeError(f"{what} is a {type(value).__name__}: give one SymPy expression")
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{what} is {value}: give a SymPy expression or a number")
    try:
        return sp.sympify(value, strict=True)
    except sp.SympifyError:
        raise TypeError(f"{what} is a {type(value).__name__}: give a SymPy expression or a number") from None


def no_text(value: Any, what: str) -> Any:
    """``value``, unless it is text where a symbol, a function or a sequence of them is asked for (``TypeError``)."""
    if isinstance(value, _TEXT):
        raise TypeError(f"{what} is the text {value!r}: give SymPy's own object, text is not evaluated")
    return value


def sequence(values: Any, what: str) -> tuple:
    """A sequence of numbers or objects. ``TypeError`` for text, in it as well, and for what is no sequence."""
    # An IndexedBase has elements without end.
    if isinstance(values, sp.IndexedBase) or not isinstance(no_text(values, what), Iterable):
        raise TypeError(f"{what} is {values}: give a list")
    return tuple(no_text(value, f"{what}[{k}]") for k, value in enumerate(no_text(values, what)))


def mapping(values: Any, what: str, example: str) -> Mapping:
    """A mapping. ``TypeError`` for anything else, with an ``example``."""
    if not isinstance(no_text(values, what), Mapping):
        raise TypeError(f"{what} is a {type(values).__name__}: give a dict such as {example}")
    return values


def by_name(values: Any, what: str, example: str, named: Callable[[Any], str] | None = None) -> dict[str, Any]:
    """The values of a mapping by name, none of None. ``TypeError`` for what is no mapping, ``ValueError`` where two
    keys have one name."""
    found: dict[str, Any] = {}
    for key, value in ({} if values is None else mapping(values, what, example)).items():
        name = (named or name_of)(key)
        if name in found:
            raise ValueError(f"{what}: two values are given for {name}")
        found[name] = value
    return found


def variable(value: Any, what: str) -> Any:
    """``value``, an object of SymPy's (``TypeError`` for any other): a symbol, an array or a function."""
    if not isinstance(no_text(value, what), sp.Basic):
        raise TypeError(f"{what} is a {type(value).__name__}: give a symbol or an IndexedBase of SymPy's")
    return value


def variables(values: Any, what: str) -> tuple:
    """A sequence of symbols, arrays or functions. ``TypeError`` for what is none of SymPy's objects."""
    return tuple(variable(value, f"{what}[{k}]") for k, value in enumerate(sequence(values, what)))


def name_of(key: Any) -> str:
    """The name under which a value is given: of a symbol, an indexed base, a function of time, or itself."""
    if isinstance(key, sp.IndexedBase):
        key = key.label
    if isinstance(key, sp.Symbol):
        return key.name  # printing it would take as long as a hundred calls of a kernel
    return key.func.__name__ if isinstance(key, sp.Function) else str(key)


def as_declared(symbol: sp.Symbol, value: int) -> int:
    """The value of an integer symbol. ``ValueError`` where it is not what SymPy was told of the symbol."""
    for name in ("nonnegative", "nonpositive", "even", "odd"):
        if getattr(symbol, f"is_{name}") and not getattr(sp.Integer(value), f"is_{name}"):
            raise ValueError(f"{symbol} = {value}, but the symbol is declared {name}")
    return value


class Lookup:
    """The variables that values are given for, found by symbol or by name.

    Two symbols that SymPy tells apart stay two, though they may share a printed name: then only the symbols do.
    """

    def __init__(self, variables: Iterable[Variable], what: str = "parameters") -> None:
        self.variables, self.what = tuple(dict.fromkeys(variables)), what
        self._known: dict[Any, Variable] = {v: v for v in self.variables}
        self._named: dict[str, list[Variable]] = {}
        self._alike: dict[str, list[Variable]] = {}
        for v in self.variables:
            self._named.setdefault(name_of(v), []).append(v)
            self._alike.setdefault(_folded(name_of(v)), []).append(v)
        self._known |= {name: found[0] for name, found in self._named.items() if len(found) == 1}

    def find(self, key: Any) -> Variable | None:
        """The variable that a key stands for; None for an unknown one. ``ValueError`` where it may be either of two.

        Python writes a keyword in its compatible form, the Greek mu for the micro sign: such a name finds the variable
        that it may stand for.
        """
        if key in self._known:
            return self._known[key]
        if not isinstance(key, str | sp.Symbol | sp.IndexedBase | AppliedUndef):
            return None
        found = self._named.get(name_of(key), [])
        if isinstance(key, sp.Symbol | sp.IndexedBase):
            kind = sp.IndexedBase if isinstance(key, sp.IndexedBase) else sp.Symbol
            found = [v for v in found if isinstance(v, kind)]
        elif not found:
            found = self._alike.get(_folded(name_of(key)), [])
        if len(found) > 1:
            alike = " and ".join(map(sp.srepr, found))
            raise ValueError(f"{name_of(key)} may be either of the {self.what} {alike}: give it by its symbol")
        if found:
            self._known[key] = found[0]
        return found[0] if found else None

    def read(self, values: Mapping[Any, Any] | None, unknown: Callable[[str], str]) -> dict[Variable, Any]:
        """The values by variable. ``ValueError`` for a key that stands for none, as ``unknown`` says of its
        name, and for two that stand for one."""
        found: dict[Variable, Any] = {}
        if values is not None and not isinstance(values, Mapping):
            raise TypeError(f"the {self.what} are given as a {type(values).__name__}: give a dict by symbol or name")
        for key, value in (values or {}).items():
            variable = self.find(key)
            if variable is None:
                name = name_of(key)
                raise ValueError(unknown(name) + meant(name, map(name_of, self.variables)))
            if variable in found:
                raise ValueError(f"two values are given for {name_of(variable)}")
            found[variable] = value
        return found


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name)
