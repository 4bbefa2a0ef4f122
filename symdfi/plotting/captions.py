"""What a picture is of: a title above it, and the settings below."""

from __future__ import annotations

import textwrap
from typing import Any

#: Characters of the caption's size to an inch.
_TO_AN_INCH = 15


def captioned(figure: Any, title: str, settings: str) -> Any:
    """The figure with a title above, unless it has one, and settings below it. Axes make room for both."""
    if figure.get_layout_engine() is None:
        figure.set_layout_engine("constrained")
    if title and not figure.get_suptitle():
        figure.suptitle(plain(title))
    if settings:
        width = max(30, int(_TO_AN_INCH * figure.get_figwidth()))
        lines = textwrap.wrap(settings, width, break_long_words=True)
        figure.supxlabel(plain("\n".join(lines)), fontsize=7, color="0.35", linespacing=1.3)
    return figure


def plain(text: str) -> str:
    """Text in which no dollar sign begins a formula."""
    return text.replace("$", r"\$")
