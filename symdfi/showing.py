"""How objects show themselves: one line in a console, a table or formulas in a notebook."""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

#: The longest value that is shown in a line, and in a table.
_LINE, _CELL = 60, 400
#: Formulas of more characters are not shown in full.
_FORMULA = 6000


def brief(value: Any, most: int = _LINE) -> str:
    """A value in one line: arrays by their shape unless they are short."""
    if isinstance(value, np.ndarray):
        if value.size > 6:
            return f"array of shape {value.shape}"
        return np.array2string(value, precision=6, separator=", ").replace("\n", "")
    if isinstance(value, tuple) and any(isinstance(one, np.ndarray) for one in value):
        return f"({', '.join(brief(one, most) for one in value)})"
    text = re.sub(r"\s+", " ", re.sub(r" at 0x[0-9A-Fa-f]+", "", repr(value)))
    return text if len(text) <= most else text[: most - 1] + "…"


def shortened(text: str, most: int = _LINE) -> str:
    """A text of at most so many characters, in one line."""
    text = re.sub(r"\s+", " ", text)
    return text if len(text) <= most else text[: most - 1] + "…"


def table(title: str, rows: Iterable[tuple[str, Any]]) -> str:
    """A table in HTML, of names and values."""
    cells = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(value if isinstance(value, str) else brief(value, _CELL))}</td></tr>"
        for name, value in rows
    )
    return f"<div><b>{html.escape(title)}</b><table>{cells}</table></div>"


def formulas(exprs: Iterable[Any]) -> str:
    """Formulas below one another, between dollar signs; one that is too long is cut to what it is of."""
    from sympy import latex  # slow to import

    lines = []
    for expr in exprs:
        text = expr if isinstance(expr, str) else latex(expr)
        lines.append(text if len(text) <= _FORMULA else rf"\text{{a formula of {len(text)} characters}}")
    if len(lines) == 1:
        return rf"$\displaystyle {lines[0]}$"
    return r"$\displaystyle \begin{gathered}" + r" \\ ".join(lines) + r"\end{gathered}$"


class Settings:
    """Dataclasses that show their fields, in one line and as a table; arrays by their shapes."""

    def __repr__(self) -> str:
        own: Any = self
        fields = (f for f in dataclasses.fields(own) if f.repr) if dataclasses.is_dataclass(self) else ()
        return f"{type(self).__name__}({', '.join(f'{f.name}={brief(getattr(self, f.name))}' for f in fields)})"

    def _repr_html_(self) -> str:
        fields = dataclasses.fields(self) if dataclasses.is_dataclass(self) else ()
        return table(type(self).__name__, [(f.name, getattr(self, f.name)) for f in fields if f.repr])
