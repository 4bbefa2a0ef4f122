"""Values that are alike, and what stands for those that no file can hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from symdfi.archive.classes import of_object
from symdfi.checkpoints import lasting


@dataclasses.dataclass(frozen=True)
class Missing:
    """What could not be kept in a file: the name of its class, and how it was shown."""

    kind: str
    shown: str

    @classmethod
    def of(cls, value: Any) -> Missing:
        """What stands for a value."""
        if isinstance(value, Missing):
            return value
        name = getattr(value, "__name__", None) if callable(value) else None
        shown = name if isinstance(name, str) else lasting(repr(value))
        return cls(type(value).__name__, shown if len(shown) <= 200 else shown[:199] + "…")

    def __str__(self) -> str:
        return self.shown if self.kind in ("function", "type") else f"the {self.kind} {self.shown}"


def alike(one: Any, other: Any) -> bool:
    """Whether two values are the same, in arrays bit by bit, NaN as well; objects by the calls that make them."""
    if one is other:
        return True
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return _same_arrays(one, other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return len(one) == len(other) and all(k in other and alike(value, other[k]) for k, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    kept = of_object(one)
    if kept is not None and type(other) is type(one):
        calls = kept.take(one), kept.take(other)
        return None not in calls and alike(*(_lasting(call, kept.spare) for call in calls))
    if dataclasses.is_dataclass(one) and type(other) is type(one):
        return all(alike(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one) if f.compare)
    if bool(one == other):
        return True
    # Of numbers NaN alone is not itself.
    both = isinstance(one, float | np.floating) and isinstance(other, float | np.floating)
    return both and bool(one != one and other != other)


def _lasting(call: Any, spare: Mapping[str, Any]) -> Any:
    """A call with all of it that a file has: without functions that may be left out."""
    lost = {key: instead for key, instead in spare.items() if of_object(call.fields.get(key)) is None}
    return call._replace(fields={**call.fields, **lost}) if lost else call


def _same_arrays(one: Any, other: Any) -> bool:
    if not (isinstance(one, np.ndarray) and isinstance(other, np.ndarray)):
        # A number and the array of no axes that it is.
        if np.ndim(one) or np.ndim(other):
            return False
        return alike(np.asarray(one).item(), np.asarray(other).item())
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.dtype.hasobject:
        return all(map(alike, one.ravel().tolist(), other.ravel().tolist()))
    return np.ascontiguousarray(one).tobytes() == np.ascontiguousarray(other).tobytes()


def digest(value: Any) -> int:
    """A hash that is the same for values that are alike: of the arrays' shapes alone."""
    parts = (getattr(value, f.name) for f in dataclasses.fields(value))
    shapes = tuple(part.shape for part in parts if isinstance(part, np.ndarray))
    return hash((type(value).__name__, shapes))


class Alike:
    """Results that are equal where all that they hold is alike."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return alike_fields(self, other)

    def __hash__(self) -> int:
        return digest(self)


def alike_fields(one: Any, other: Any) -> bool:
    """Whether two objects of one dataclass are alike, field by field."""
    return all(alike(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one) if f.compare)


def missing_in(value: Any) -> list[Missing]:
    """All that is missing in a value, of containers and the fields of dataclasses."""
    if isinstance(value, Missing):
        return [value]
    if isinstance(value, Mapping):
        return [m for part in value.values() for m in missing_in(part)]
    if isinstance(value, list | tuple):
        return [m for part in value for m in missing_in(part)]
    return []
