"""Which classes are kept, and how their objects are written: as the calls that make them.

The rooms of the house name their own classes here, each once; nothing else is ever made of what a file holds.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from symdfi.pickling import Rebuilt


class Call(NamedTuple):
    """What a class is called with."""

    args: tuple[Any, ...] = ()
    fields: Mapping[str, Any] = {}


class Kept(NamedTuple):
    """A class under the name that files have: ``take`` gives the call that makes an object anew, or None where there
    is none, and ``make`` makes it. Arguments that are ``spare`` are left out where they cannot be kept. Where another
    one is missing in a file, so is the object, unless it ``bears`` that."""

    name: str
    cls: type
    take: Callable[[Any], Call | None]
    make: Callable[..., Any]
    spare: Mapping[str, Any] = {}
    bears: bool = False


_BY_NAME: dict[str, Kept] = {}
_BY_CLASS: dict[type, Kept] = {}


def keep(*classes: type, spare: Mapping[str, Any] | None = None, room: str = "") -> None:
    """Keep objects of these classes: by the call that made them (``pickling.Rebuilt``), or as dataclasses by their
    fields. Classes of one name are told apart by their ``room``."""
    for cls in classes:
        _keep(Kept(room + cls.__name__, cls, functools.partial(_call_of, spare=spare or {}), cls, spare or {}))


def keep_as_data(*classes: type, room: str = "") -> None:
    """Keep dataclasses whose arguments are not their fields: by these alone."""
    for cls in classes:
        names = {f.name for f in dataclasses.fields(cls)}

        def make(cls: type = cls, names: set[str] = names, **fields: Any) -> Any:
            if set(fields) != names:
                raise TypeError(f"a {cls.__name__} has {', '.join(sorted(names))}")
            made = object.__new__(cls)
            for name, value in fields.items():
                object.__setattr__(made, name, value)
            return made

        _keep(Kept(room + cls.__name__, cls, _fields_of, make, bears=True))


def keep_by(cls: type, take: Callable[[Any], Call | None], make: Callable[..., Any] | None = None) -> None:
    """Keep objects of a class by a call of ``make``, the class itself if it is not given."""
    _keep(Kept(cls.__name__, cls, take, make or cls, bears=True))


def _keep(kept: Kept) -> None:
    if kept.name in _BY_NAME and _BY_NAME[kept.name].cls is not kept.cls:
        raise ValueError(f"two classes are kept under the name {kept.name}")
    _BY_NAME[kept.name] = _BY_CLASS[kept.cls] = kept


def of_object(value: Any) -> Kept | None:
    """How an object is kept: of its very class, not of one that it is derived from."""
    return _BY_CLASS.get(type(value))


def of_name(name: Any) -> Kept:
    """The class that a file calls so. ``TypeError`` for a name of none."""
    if not isinstance(name, str) or name not in _BY_NAME:
        raise TypeError(f"{name!r} is no class that files may hold")
    return _BY_NAME[name]


def _call_of(value: Any, spare: Mapping[str, Any]) -> Call | None:
    if isinstance(value, Rebuilt):
        found = vars(value).get("_call")
        return None if found is None else _named(type(value), Call(*found), spare)
    return Call((), {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init})


def _named(cls: type, call: Call, names: Collection[str]) -> Call:
    """A call with its arguments of these names by name, however they were given."""
    known = list(inspect.signature(cls).parameters)[: len(call.args)] if names else []
    first = min((k for k, name in enumerate(known) if name in names), default=len(call.args))
    return Call(call.args[:first], {**dict(zip(known[first:], call.args[first:], strict=True)), **call.fields})


def _fields_of(value: Any) -> Call:
    return Call((), {f.name: getattr(value, f.name) for f in dataclasses.fields(value)})
