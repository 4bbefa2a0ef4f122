"""The numbers and words that a model's run can be changed with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np

#: By name: numbers, words, and what else a model of one's own may want, as lists of numbers.
Settings = Mapping[str, Any]

#: More than any integer setting can mean, and less than what NumPy's integers hold.
_LARGEST = 10**12


class Noted(dict[str, Any]):
    """Settings that note which of them are read."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)

    def __iter__(self) -> Iterator[str]:  # by a copy, {**s}, all are read
        self.read.update(super().__iter__())
        return super().__iter__()

    def unread(self, names: Iterable[str], own: Settings) -> list[str]:
        """Which of the ``names`` nobody has read: settings that all models have, without those that are a model's
        ``own``."""
        return [name for name in names if name in self.keys() - self.read - own.keys()]

    def refuse_unread(self, model: str, names: Iterable[str], standard: Settings, own: Settings) -> None:
        """``ValueError`` for one that nobody has read but that was set."""
        for name in self.unread(names, own):
            if super().__getitem__(name) != standard[name]:
                raise ValueError(f"the setting {name} has no effect: the model {model} does not read s[{name!r}]")

    def leave_out_unread(self, names: Iterable[str], own: Settings) -> None:
        """So that no result says it was made with them."""
        for name in self.unread(names, own):
            del self[name]


def positive(settings: Settings, *names: str) -> None:
    """``ValueError`` unless these settings are finite and above 0."""
    _within(settings, names, lambda value: value > 0, "positive")


def not_negative(settings: Settings, *names: str) -> None:
    """``ValueError`` unless these settings are finite and at least 0."""
    _within(settings, names, lambda value: value >= 0, "0 or more")


def _within(settings: Settings, names: tuple[str, ...], holds: Callable[[float], bool], what: str) -> None:
    for name in names:
        try:
            value = float(settings[name])
        except (TypeError, ValueError):
            raise ValueError(f"the setting {name} = {settings[name]!r} must be a number") from None
        if not (np.isfinite(value) and holds(value)):
            raise ValueError(f"the setting {name} = {settings[name]} must be {what}")


def completed(defaults: Settings, standard: Settings) -> dict[str, Any]:
    """A model's settings, and of the ``standard`` ones those that it does not have; a standard one that is a number is
    one in the model too where it was written as an integer."""
    own = {
        name: float(value) if isinstance(standard.get(name), float) and type(value) is int else value
        for name, value in defaults.items()
    }
    return {**own, **{name: value for name, value in standard.items() if name not in own}}


def parsed(name: str, text: str, default: Any) -> Any:
    """A setting written as ``text``, of the type of its ``default``. ``ValueError`` where it is none."""
    if isinstance(default, str):
        return text
    if isinstance(default, list | tuple):
        return checked(name, [_number(one) for one in text.strip("[]() ").split(",") if one.strip()], default)
    if isinstance(default, bool):
        return checked(name, {"true": True, "false": False}.get(text.lower(), text), default)
    try:
        value = int(text) if isinstance(default, int | np.integer) else float(text)
    except ValueError:
        raise ValueError(_expected(name, text, default)) from None
    return checked(name, value, default)


def checked(name: str, value: Any, default: Any) -> Any:
    """A setting's ``value``, of the type of its ``default``. ``ValueError`` where it is none."""
    if isinstance(default, bool) or isinstance(value, bool):
        if not (isinstance(default, bool) and isinstance(value, bool)):
            raise ValueError(_expected(name, value, default))
        return value
    if isinstance(default, list | tuple):
        if not isinstance(value, list | tuple):
            raise ValueError(_expected(name, value, default))
        return [checked(name, one, default[0]) for one in value] if default else list(value)
    if isinstance(default, str):
        # Words that may be numbers, as "budget" or 1e-9, are read by the model.
        return str(value)
    if isinstance(default, int | np.integer) and isinstance(value, int | np.integer):
        if abs(value) > _LARGEST:
            raise ValueError(f"the setting {name} = {value} is larger than {_LARGEST}")
        return int(value)
    if not isinstance(default, float | np.floating) or not isinstance(value, int | float | np.number):
        raise ValueError(_expected(name, value, default))
    if not math.isfinite(value):
        raise ValueError(f"the setting {name} is a finite number, not {str(value)!r}")
    return float(value)


def chosen(model: str, defaults: Settings, given: Settings) -> dict[str, Any]:
    """All settings of a model, those that are ``given`` each of the type of its default. ``ValueError`` for one that
    the model does not have, or of another type."""
    for name in given:
        if name not in defaults:
            raise ValueError(f"the model {model} has no setting {name!r}{hint(name, list(defaults))}")
    return {**defaults, **{name: checked(name, value, defaults[name]) for name, value in given.items()}}


def hint(name: str, known: list[str]) -> str:
    """What may have been meant by a name."""
    close = get_close_matches(name, known, n=1)
    return f": did you mean {close[0]!r}?" if close else f": one of {', '.join(known)}"


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.strip().strip("\"'")


def _expected(name: str, value: Any, default: Any) -> str:
    kinds = {
        bool: "true or false", int: "an integer", float: "a number", str: "a word", list: "a list", tuple: "a list",
    }  # fmt: skip
    kind = float if isinstance(default, np.floating) else int if isinstance(default, np.integer) else type(default)
    if kind not in kinds:
        return f"the setting {name} is {default!r} in the model: there is no other way to give it"
    return f"the setting {name} is {kinds[kind]}, not {value!r}"
