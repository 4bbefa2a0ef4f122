"""Values written as JSON, with their arrays aside."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from symdfi.archive.classes import of_object
from symdfi.archive.trees import Table, hexed
from symdfi.archive.values import Missing


class Writer:
    """Writes values: None, numbers, texts, arrays, expressions, objects of the classes that are kept, and lists, tuples
    and mappings of these. What no file can hold is written as ``Missing``, and listed."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self.missing: list[Missing] = []
        self._table = Table()
        self._objects: list[Any] = []
        self._numbers: dict[int, tuple[Any, int]] = {}

    def document(self, value: Any) -> dict[str, Any]:
        """A value with all that it refers to, for ``json.dumps``; the arrays are beside it."""
        written = self._written(value, "run")
        return {"value": written, "objects": self._objects, "expressions": self._table.rows}

    def _written(self, value: Any, name: str) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, int):
            return value if abs(value) < 2**53 else {"int": hexed(value)}
        if isinstance(value, float):
            return value if np.isfinite(value) else {"float": repr(value)}
        if isinstance(value, complex):
            return {"complex": [self._written(part, name) for part in (value.real, value.imag)]}
        if isinstance(value, np.ndarray):
            return self._array(value, name)
        if isinstance(value, sp.Basic):
            return self._expression(value)
        if of_object(value) is not None:
            return self._object(value, name)
        if isinstance(value, sp.MatrixBase):
            parts = [self._written(part, name) for part in value.flat()]
            return {"matrix": [*value.shape, parts]}
        if isinstance(value, Mapping):
            pairs = value.items()
            return {"map": [[self._written(k, name), self._written(one, f"{name}_{k}")] for k, one in pairs]}
        if type(value) in (list, tuple):
            kind = "list" if isinstance(value, list) else "tuple"
            return {kind: [self._written(one, f"{name}_{k}") for k, one in enumerate(value)]}
        return self._lost(value)

    def _expression(self, value: sp.Basic) -> Any:
        if isinstance(value, sp.MatrixBase):
            return {"fixed matrix": [*value.shape, [self._written(part, "") for part in value.flat()]]}
        row = self._table.row(value)
        return self._lost(value) if row is None else {"expression": row}

    def _array(self, value: np.ndarray, name: str) -> Any:
        kind = value.dtype.kind
        if kind not in "fiubc" or value.dtype.itemsize > 16 or not value.dtype.isnative or value.dtype == np.longdouble:
            return self._lost(value)
        if not value.size:
            return {"empty": [list(value.shape), value.dtype.str]}
        key = f"a{len(self.arrays)}_{re.sub('[^0-9A-Za-z_]', '_', name)[:60]}"
        self.arrays[key] = value
        return {"array": [key, list(value.shape), value.dtype.str]}

    def _object(self, value: Any, name: str) -> Any:
        if id(value) in self._numbers:
            return {"object": self._numbers[id(value)][1]}
        kept = of_object(value)
        assert kept is not None
        call = kept.take(value)
        if call is None:
            return self._lost(value)
        args = [self._written(one, f"{name}_{k}") for k, one in enumerate(call.args)]
        fields = {key: self._written(one, f"{name}_{key}") for key, one in call.fields.items()}
        # The object is held, so that no other has its id.
        self._numbers[id(value)] = value, len(self._objects)
        self._objects.append([kept.name, args, fields])
        return {"object": len(self._objects) - 1}

    def _lost(self, value: Any) -> Any:
        found = Missing.of(value)
        self.missing.append(found)
        return {"missing": [found.kind, found.shown]}
