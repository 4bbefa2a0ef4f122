"""What a picture is of: a title above it, and the settings below."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

#: Characters of the caption's size to an inch.
_TO_AN_INCH = 15
#: Attributes of datasets that are settings of what made them.
_SETTINGS = ("method", "stepper", "boundary", "T", "rule", "steps", "optimizer", "samples", "dt", "rtol", "seed")
_LONGEST = 60


def captioned(figure: Any, title: str, settings: str) -> Any:
    """The figure with a title above, over one that it has, and settings below it. Axes make room for both."""
    if figure.get_layout_engine() is None:
        figure.set_layout_engine("constrained")
    if title:
        figure.suptitle("\n".join(filter(None, [plain(title), figure.get_suptitle()])))
    if settings:
        width = max(30, int(_TO_AN_INCH * figure.get_figwidth()))
        lines = textwrap.wrap(settings, width, break_long_words=True)
        figure.supxlabel(plain("\n".join(lines)), fontsize=7, color="0.35", linespacing=1.3)
    return figure


def plain(text: str) -> str:
    """Text in which no dollar sign begins a formula."""
    return text.replace("$", r"\$")


def described(figure: Any, dataset: Any) -> Any:
    """The figure with the settings below that the dataset knows: parameters that are numbers, method and steps."""
    found: dict[str, Any] = {}
    for name, values in dataset.data_vars.items():
        if values.attrs.get("role") == "parameter" and values.ndim == 0:
            found[values.attrs.get("symbol", name)] = values.item()
    for name, value in dataset.attrs.items():
        if name.startswith("parameter ") and np.ndim(value) == 0:
            found[name.removeprefix("parameter ")] = np.asarray(value).item()
    found |= {name: dataset.attrs[name] for name in _SETTINGS if name in dataset.attrs}
    shown = {
        name: f"{value:g}" if isinstance(value, float | np.floating) else str(value) for name, value in found.items()
    }
    parts = [f"{name} = {text}" for name, text in shown.items() if text not in ("", "none") and len(text) <= _LONGEST]
    return captioned(figure, "", " ".join(", ".join(parts).split()))
