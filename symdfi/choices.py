"""What a user chooses by name or by object: methods, steppers, schemes; and the names that were meant by others."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def chosen(value: Any, kind: Any, names: Mapping[str, Callable[[], Any]], what: str, example: str) -> Any:
    """``value`` of a ``kind`` (a class, or several), or what ``names`` makes of a name, in which letters may be small
    or large and words joined by - or _.

    Raises ``ValueError`` for an unknown name, ``TypeError`` for a class in place of an object and for anything else,
    each with what ``what`` is, in messages, and with an ``example``.
    """
    if isinstance(value, kind):
        return value
    known = ", ".join(names)
    if isinstance(value, str):
        by_key = {_key(name): name for name in names}
        if _key(value) in by_key:
            return names[by_key[_key(value)]]()
        raise ValueError(f"unknown {what} {value!r}: one of {known}{meant(value, names)}")
    if isinstance(value, type) and issubclass(value, kind):
        raise TypeError(f"the {what} is the class {value.__name__}: give an object, {value.__name__}(...)")
    raise TypeError(f"the {what} is {value!r}: give an object such as {example}, or a name, one of {known}")


def meant(name: Any, known: Iterable[Any]) -> str:
    """The end of a message: which of the ``known`` names is close to one that is not among them."""
    names = list(map(str, known))
    close = difflib.get_close_matches(_key(str(name)), list(map(_key, names)), 1, 0.6)
    if not close:
        return ""
    return f"; did you mean {next(n for n in names if _key(n) == close[0])}?"


def _key(name: str) -> str:
    return name.lower().replace("_", "-").replace(" ", "-")
