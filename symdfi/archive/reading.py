"""Values read from what ``Writer`` has written: nothing but the classes that are kept is ever made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy as sp

from symdfi.archive.classes import of_name
from symdfi.archive.trees import expressions, unhexed
from symdfi.archive.values import Missing
from symdfi.errors import CheckpointError, SymdfiError

_FLOATS = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf}


class Reader:
    """Reads a document; ``array`` gives the arrays by name.

    Raises ``CheckpointError`` for what is none, before anything else is done with it.
    """

    def __init__(self, document: Any, array: Callable[[str], np.ndarray]) -> None:
        self._array = array
        if not isinstance(document, dict) or set(document) != {"value", "objects", "expressions"}:
            raise CheckpointError("the record is none: it has no value, objects and expressions")
        if not all(isinstance(document[name], list) for name in ("objects", "expressions")):
            raise CheckpointError("the record is none: its objects and expressions are no lists")
        self._expressions = expressions(document["expressions"])
        self._objects: list[Any] = []
        for row in document["objects"]:
            self._objects.append(self._guarded(lambda row=row: self._made(*row), row))
        self.value = self._guarded(lambda: self._read(document["value"]), document["value"])

    @staticmethod
    def _guarded(read: Callable[[], Any], shown: Any) -> Any:
        try:
            return read()
        except CheckpointError:
            raise
        except (SymdfiError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise CheckpointError(f"the record holds what is none: {str(shown)[:80]} ({error})") from error

    def _made(self, name: Any, args: list[Any], fields: Mapping[str, Any]) -> Any:
        kept = of_name(name)
        given = [self._read(one) for one in args]
        named = {key: self._read(one) for key, one in fields.items()}
        for key, instead in kept.spare.items():
            if isinstance(named.get(key), Missing):
                named[key] = instead
        lost = [] if kept.bears else [one for one in (*given, *named.values()) if isinstance(one, Missing)]
        return Missing(name, f"with {lost[0]}") if lost else kept.make(*given, **named)

    def _read(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float | str):
            return value
        ((kind, held),) = value.items()
        return _READERS[kind](self, held)

    def _listed(self, held: Any) -> list[Any]:
        return [self._read(one) for one in held]

    def _mapped(self, held: Any) -> dict[Any, Any]:
        return {self._read(key): self._read(one) for key, one in held}

    def _numbers(self, held: Any) -> np.ndarray:
        name, shape, dtype = held
        return _of_dtype(self._array(name), shape, dtype)

    def _object(self, held: Any) -> Any:
        return self._objects[_place(held, self._objects)]

    def _expression(self, held: Any) -> Any:
        return self._expressions[_place(held, self._expressions)]

    def _matrix(self, held: Any) -> Any:
        return sp.Matrix(held[0], held[1], self._listed(held[2]))


def _place(number: Any, among: list[Any]) -> int:
    if not isinstance(number, int) or not 0 <= number < len(among):
        raise TypeError(f"{number!r} stands for nothing that comes before it")
    return number


def _of_dtype(found: np.ndarray, shape: Any, dtype: Any) -> np.ndarray:
    wanted = np.dtype(str(dtype))
    if wanted.kind not in "fiubc":
        raise TypeError(f"arrays of {wanted} are not kept")
    found = np.ascontiguousarray(found)
    if found.dtype != wanted:
        found = found.view(wanted)
    return found.reshape([unhexed(extent) for extent in shape])


_READERS: dict[str, Callable[[Reader, Any], Any]] = {
    "int": lambda _, held: unhexed(held),
    "float": lambda _, held: _FLOATS[held],
    "complex": lambda self, held: complex(*self._listed(held)),
    "list": Reader._listed,
    "tuple": lambda self, held: tuple(self._listed(held)),
    "map": Reader._mapped,
    "array": Reader._numbers,
    "empty": lambda _, held: np.empty([unhexed(n) for n in held[0]], np.dtype(str(held[1]))),
    "object": Reader._object,
    "expression": Reader._expression,
    "matrix": Reader._matrix,
    "fixed matrix": lambda self, held: sp.ImmutableMatrix(self._matrix(held)),
    "missing": lambda _, held: Missing(str(held[0]), str(held[1])),
}
