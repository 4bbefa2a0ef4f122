"""The numbers and words that a model's run can be changed with."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

Settings = Mapping[str, float | int | str]


def positive(settings: Settings, *names: str) -> None:
    """``ValueError`` unless these settings are finite and above 0."""
    _within(settings, names, lambda value: value > 0, "positive")


def not_negative(settings: Settings, *names: str) -> None:
    """``ValueError`` unless these settings are finite and at least 0."""
    _within(settings, names, lambda value: value >= 0, "0 or more")


def _within(settings: Settings, names: tuple[str, ...], holds: Callable[[float], bool], what: str) -> None:
    for name in names:
        value = float(settings[name])
        if not (np.isfinite(value) and holds(value)):
            raise ValueError(f"the setting {name} = {settings[name]} must be {what}")
