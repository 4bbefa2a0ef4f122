"""Symbols of our own: whatever a user calls a symbol, it is never one of these."""

from __future__ import annotations

import functools
import itertools

import sympy as sp


class Private(sp.Symbol):
    """A symbol known by what it is for and a number, not by its name.

    No other symbol equals it. SymPy orders sums and products by their symbols: these go by ``role`` and ``number``, so
    that what is made of them does not depend on names. ``name`` is what messages and printed equations show.
    """

    __slots__ = ("number", "role")
    role: str
    number: int

    #: SymPy then asks for the ``sort_key`` of a symbol within a term, not for what is printed.
    is_Dummy = True

    def __new__(cls, role: str, number: int, name: str | None = None, **assumptions: bool | None) -> Private:
        cls._sanitize(assumptions, cls)
        symbol = sp.Symbol.__xnew__(cls, f"_{role}{number}" if name is None else name, **assumptions)
        symbol.role, symbol.number = role, number
        return symbol

    @property
    def rank(self) -> tuple[bool, str, int]:
        """The place in SymPy's order: what stands for a user's symbols comes last."""
        return self.role in ("s", "sz", "v"), self.role, self.number

    def __getnewargs_ex__(self) -> tuple:
        return (self.role, self.number, self.name), self._assumptions_orig

    def _hashable_content(self) -> tuple:
        return (self.role, self.number, *super()._hashable_content())

    def compare(self, other: sp.Basic) -> int:
        if isinstance(other, Private):
            return (self.rank > other.rank) - (self.rank < other.rank)
        return super().compare(other)

    @classmethod
    def class_key(cls) -> tuple:
        return 2, 0, "Private"

    def sort_key(self, order: str | None = None) -> tuple:
        return self.class_key(), (2, self.rank), sp.S.One.sort_key(), sp.S.One

    def _sympyrepr(self, printer: object) -> str:
        return f"Private({self.role!r}, {self.number}, {self.name!r})"


# SymPy's order of classes knows that name, and puts symbols before arrays: a weight stays the first factor of products,
# which compiled loops over the others take out of themselves.
Private.__name__ = "Symbol"

_count = itertools.count()


def dummy(name: str) -> Private:
    """An index that occurs nowhere else, ordered by its creation."""
    return Private("i", next(_count), name, integer=True)


def beyond(symbol: Private) -> None:
    """Of an index that another process has made (``dummy``): those that are still to come are others."""
    global _count
    if symbol.role == "i":
        _count = itertools.count(max(next(_count), symbol.number + 1))


def is_dummy(symbol: sp.Basic) -> bool:
    """Whether a summation index has no name of its own yet."""
    return isinstance(symbol, sp.Dummy) or (isinstance(symbol, Private) and symbol.role in "ik")


def is_count(symbol: sp.Basic) -> bool:
    """Whether a symbol stands for an integer that is no extent of an array: nothing says that it is at least one."""
    return isinstance(symbol, Private) and symbol.role == "sz"


@functools.cache
def index(role: str, number: int) -> Private:
    """An integer symbol of the compiler's own."""
    return Private(role, number, integer=True)


def like(variable: sp.Symbol | sp.IndexedBase, role: str, number: int) -> Private | sp.IndexedBase:
    """A real symbol, or an ``IndexedBase`` of the shape of ``variable``, of our own."""
    label = Private(role, number, real=True)
    return sp.IndexedBase(label, shape=variable.shape) if isinstance(variable, sp.IndexedBase) else label
