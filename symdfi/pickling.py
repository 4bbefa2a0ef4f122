"""Objects that travel to other processes by their symbols: what was compiled for them stays behind."""

from __future__ import annotations

import functools
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

#: A process keeps so many of the objects it was sent, to find one again that is sent again.
_MOST_KEPT = 64


class Rebuilt:
    """An object that pickles as the call that made it: symbols, expressions and numbers, no kernel and no code.

    It is made anew where it is unpickled, its kernels then found in the cache on disk. Made by equal calls, it is the
    same object in one process, so that what it derives serves all work that is sent with it: it must not change.
    """

    def __new__(cls, *args: Any, **settings: Any) -> Any:
        made = super().__new__(cls)
        # Past the guard of frozen dataclasses.
        object.__setattr__(made, "_call", (args, settings))
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        args, settings = self.__dict__["_call"]
        return _rebuilt, (type(self), args, settings)


class Bare:
    """An object that pickles without its cached properties."""

    def __getstate__(self) -> dict[str, Any]:
        cached = functools.cached_property
        return {k: v for k, v in self.__dict__.items() if not isinstance(getattr(type(self), k, None), cached)}


_kept: OrderedDict[Any, Any] = OrderedDict()


def _rebuilt(cls: type, args: tuple, settings: dict[str, Any]) -> Any:
    key = cls, _frozen(args), _frozen(settings)
    try:
        found = _kept.pop(key, None)
    except TypeError:  # an argument cannot be looked up: an array, say
        return cls(*args, **settings)
    _kept[key] = cls(*args, **settings) if found is None else found
    while len(_kept) > _MOST_KEPT:
        _kept.popitem(last=False)
    return _kept[key]


def _frozen(value: Any) -> Any:
    """Lists, tuples and mappings in a form that can be looked up; numbers with their type, as 1 == 1.0 == True."""
    if isinstance(value, Mapping):
        return "mapping", tuple((_frozen(k), _frozen(v)) for k, v in value.items())
    if isinstance(value, list | tuple):
        return type(value), tuple(map(_frozen, value))
    return (type(value), value) if isinstance(value, int | float) else value


class Once:
    """A value for many pieces of work: pickled once, and made anew once in each process that it is sent to."""

    def __init__(self, value: Any) -> None:
        self.value = value

    @functools.cached_property
    def _pickled(self) -> bytes:
        return pickle.dumps(self.value)

    def __reduce__(self) -> tuple[Any, ...]:
        return _made_once, (self._pickled,)


@functools.lru_cache(maxsize=8)
def _made_once(pickled: bytes) -> Once:
    return Once(pickle.loads(pickled))
