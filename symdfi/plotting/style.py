"""The one style of all figures: fonts, lines, legends, colours, axes of orders of magnitude."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")

#: What a label shows of a name.
_LONGEST = 20
_STYLE: dict[Any, Any] = {
    "font.size": 9.0, "axes.titlesize": 10.0, "axes.labelsize": 9.0, "legend.fontsize": 8.0, "figure.titlesize": 11.0,
    "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "lines.linewidth": 1.2,
    "xtick.labelsize": 8.0, "ytick.labelsize": 8.0,
}  # fmt: skip


def styled(function: Callable[P, R]) -> Callable[P, R]:
    """``function``, which draws, in this style; whatever a user's own settings are otherwise."""

    @functools.wraps(function)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        from matplotlib import rc_context

        with rc_context(_STYLE):
            return function(*args, **kwargs)

    return drawn


def legend(axis: Any, columns: int = 3) -> None:
    """A legend below an axis, never over its curves."""
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.19), ncols=columns, columnspacing=1.2, handlelength=1.6)


def draw_map(
    figure: Any, axis: Any, x: np.ndarray, time: np.ndarray, values: np.ndarray, *, whole: bool = False, **colours: Any
) -> Any:
    """Values (s, n) over x and the time, from the first time to the last and no further; over numbered places with a
    ``whole`` cell for each."""
    across = np.append(x - 0.5, x[-1] + 0.5) if whole else cells(x)
    image = axis.pcolormesh(across, cells(time), values, rasterized=True, **{**colours_of(values), **colours})
    axis.spines[:].set_visible(True)
    return image


def cells(places: np.ndarray) -> np.ndarray:
    """Ends of cells about places (n,) in order: halfway between two of them, and at the first and last of all."""
    if len(places) == 1:
        return np.array([places[0] - 0.5, places[0] + 0.5])
    return np.concatenate([places[:1], (places[1:] + places[:-1]) / 2, places[-1:]])


def colours_of(values: np.ndarray) -> dict[str, Any]:
    """Colours of a map: diverging and symmetric about 0 where values have both signs."""
    finite = values[np.isfinite(values)]
    largest = float(np.abs(finite).max(initial=0.0)) or 1.0
    both = finite.size > 0 and finite.min() < -0.02 * largest and finite.max() > 0.02 * largest
    return {"vmin": -largest, "vmax": largest, "cmap": "RdBu_r"} if both else {"cmap": "viridis"}


def draw_orders(axis: Any, time: np.ndarray, values: np.ndarray, *style: str, **settings: Any) -> None:
    """A line of orders of magnitude in time, from the first step on: what begins with rounding, as an error of an
    initial value that is exact, would take most of the axis. A single step is a dot."""
    rows = slice(1, None) if len(time) > 1 else slice(None)
    t, y = time[rows], values[rows]
    marker = {"marker": "o", "ms": 4} if len(t) == 1 else {}
    axis.semilogy(t, np.where(y > 0, y, np.nan), *style, **{**marker, **settings})
    if len(time) > 1:
        axis.set_xlim(min(time[0], time[-1]), max(time[0], time[-1]))


def hide_rounding(axis: Any) -> None:
    """Cut off what is orders below the rest of its line."""
    medians = [np.nanmedian(y) for y in (line.get_ydata() for line in axis.lines) if np.isfinite(y).any()]
    lowest = 1e-2 * min((m for m in medians if m > 0), default=0.0)
    if axis.dataLim.ymin < lowest:
        axis.set_ylim(bottom=lowest)


def without_empty(grid: np.ndarray) -> None:
    """Remove axes on which nothing was drawn."""
    for axis in grid.flat:
        if not axis.has_data():
            axis.remove()


def letter(name: str) -> str:
    """A field's name as plain text: eta as η, p_u as pᵤ; as it is where it is no one symbol."""
    from sympy.printing.pretty.pretty_symbology import pretty_symbol

    return (pretty_symbol(name) if name.isidentifier() else name).replace("$", r"\$")


def greek(name: str, index: tuple[int, ...] = ()) -> str:
    """A coordinate's name as TeX: theta1 as θ₁, an element of an array with its index; as it is where it is none."""
    from sympy import Symbol, latex

    letter, element = latex(Symbol(name)), ", ".join(map(str, index))
    text = f"${{{letter}}}_{{{element}}}$" if index else f"${letter}$"
    if len(name) <= _LONGEST and _is_formula(text):
        return text
    plain = " ".join(name.split())
    plain = (plain if len(plain) <= _LONGEST else plain[:_LONGEST] + "…").replace("$", r"\$")
    return f"{plain}[{element}]" if index else plain


def _is_formula(text: str) -> bool:
    """Whether matplotlib can set ``text``."""
    from matplotlib.mathtext import MathTextParser

    try:
        MathTextParser("path").parse(text)
    except ValueError:
        return False
    return True
