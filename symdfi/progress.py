"""Progress of long work: the bars of the verbs, and one display for all phases of a run.

By widgets in notebooks that have them, text in a terminal, nothing in a pipe.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

_COUNTED = "{desc} {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}{postfix}]"
_OPEN: ContextVar[Display | None] = ContextVar("display", default=None)


def bar(**settings: Any) -> Any:
    """A ``tqdm`` bar, which leaves nothing behind; within a ``display`` a part of that."""
    if (shown := _OPEN.get()) is not None:
        return shown.part(float(settings["total"]), float(settings.get("initial", 0)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # in a notebook without widgets: the text then, in silence
        from tqdm.auto import tqdm  # slow to import
    return tqdm(disable=None, leave=False, **settings)


def phase(name: str) -> None:
    """What begins now, for the display, where there is one."""
    if (shown := _OPEN.get()) is not None:
        shown.phase(name)


@contextlib.contextmanager
def together(total: float) -> Iterator[None]:
    """Within a display: the bars of what follows count up to one ``total``."""
    shown = _OPEN.get()
    if shown is None or shown.total is not None:
        yield
        return
    shown.count(total)
    try:
        yield
    finally:
        shown.total = None


@contextlib.contextmanager
def display(title: str) -> Iterator[None]:
    """One line of a terminal for a run from its beginning to its end: what it is at, and how far. Nothing elsewhere."""
    if not sys.stderr.isatty():
        yield
        return
    shown = Display(title)
    token = _OPEN.set(shown)
    try:
        yield
    finally:
        _OPEN.reset(token)
        shown.close()


class Display:
    """The line of a run: its title, a phase, and the bar of what is counted."""

    def __init__(self, title: str) -> None:
        from tqdm import tqdm

        self.title, self.total = title, None
        # A terminal that does not know its width would be shown nothing.
        width = shutil.get_terminal_size().columns - 1
        self._line = tqdm(total=1, leave=False, bar_format="{desc}", desc=f"{title}: loading", ncols=width, nrows=20)

    def phase(self, name: str) -> None:
        """What begins now."""
        self._line.bar_format, self.total = "{desc}", None
        self._line.set_postfix_str("", refresh=False)
        self._line.set_description_str(f"{self.title}: {name}")

    def count(self, total: float, initial: float = 0.0) -> None:
        """A bar from 0 to ``total``, where it begins at ``initial``."""
        self.total = total
        self._line.bar_format = _COUNTED
        self._line.reset(total)
        self._line.initial = self._line.n = initial
        self._line.refresh()

    @contextlib.contextmanager
    def part(self, total: float, initial: float) -> Iterator[Any]:
        """A verb's work: all of the bar, or a part of what is counted together, to which it adds what it found done."""
        if self.total is None:
            self.count(total, initial)
            try:
                yield self._line
            finally:
                self.total = None
        else:
            self._line.update(initial)
            yield self._line

    def close(self) -> None:
        """Leave nothing behind."""
        self._line.close()
