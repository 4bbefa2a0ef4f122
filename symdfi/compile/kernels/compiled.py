"""A kernel that has been built: its source, and the function that is made of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import sympy as sp

from symdfi.compile.kernels import cache
from symdfi.compile.kernels.index_values import Ends, IndexValues
from symdfi.compile.kernels.spread import Spread
from symdfi.compile.program.bounds import Check
from symdfi.compile.source import checked, interpreted, runtime
from symdfi.compile.source.complexified import complexified
from symdfi.compile.source.legend import readable
from symdfi.errors import CompileError

#: How many sizes with ends of index arrays, and how many contents of these, are remembered as checked.
_REMEMBERED = 1024


@dataclass(frozen=True)
class CompiledKernel:
    """The source of ``kernel`` and its compiled and plain-Python forms.

    Called as ``kernel([start, stop,] sizes, *groups, *outputs)``: samples start..stop-1 if one is batched. ``legend``
    says what a user calls its identifiers; ``sizes`` and ``checks`` are in the user's symbols.
    """

    source: str
    sizes: tuple[sp.Symbol, ...]
    batched_outputs: frozenset[str]
    batched: bool
    checks: tuple[Check, ...] = ()
    entry: str = "kernel"
    legend: Mapping[str, str] = field(default_factory=dict)
    #: The same by rows, where it may be had.
    spread: Spread | None = None
    #: In a build in which every access is checked (see ``source.checked``): the number of outputs.
    checked: int | None = None

    def __reduce__(self) -> str:
        raise TypeError("a kernel is code and does not travel: pickle what it was compiled for")

    def check(self, given: IndexValues) -> bool:
        """``ValueError`` if an index leaves its array; else whether sizes and the ends of index arrays tell that none
        does, whatever else is between these ends."""
        if not self.checks:
            return True
        if given.ends not in self._undecided:
            if len(self._undecided) == _REMEMBERED:
                self._undecided.clear()
            self._undecided[given.ends] = tuple(check for check in self.checks if not check.holds(given.known))
        undecided = self._undecided[given.ends]
        if undecided and given.content not in self._passed:
            for check in undecided:
                check.require(given.known, given.by_label)
            if len(self._passed) == _REMEMBERED:
                self._passed.clear()
            self._passed.add(given.content)
        return not undecided

    @functools.cached_property
    def _undecided(self) -> dict[Ends, tuple[Check, ...]]:
        """The checks that sizes and ends of index arrays leave open."""
        return {}

    @functools.cached_property
    def _passed(self) -> set[bytes]:
        """The contents of index arrays that no check objects to."""
        return set()

    @property
    def readable(self) -> str:
        """The source for reading, under names that remind of the user's, with a legend."""
        return readable(self.source, self.legend)

    @functools.cached_property
    def function(self) -> Callable[..., None]:
        """The compiled function (built or read from the on-disk cache at first use)."""
        if self.checked is not None:
            return self.python
        return cache.addressed(getattr(cache.load(self.source), self.entry))

    def at(self, sizes: np.ndarray) -> Callable[..., None]:
        """The function for calls from Python at given sizes: that of a large system may take all cores."""
        return self.function if self.spread is None else self.spread.at(sizes, self.function)

    @functools.cached_property
    def complexified(self) -> CompiledKernel:
        """The same program in complex arithmetic: all arrays but those of integers are complex128.

        ``CompileError`` for a function without a complex form, and of a build in which accesses are checked."""
        if self.checked is not None:
            raise CompileError("a kernel whose accesses are checked has no form in complex arithmetic")
        return replace(self, source=complexified(self.source), spread=None)

    @functools.cached_property
    def python(self) -> Callable[..., None]:
        """The same source run by the Python interpreter, for debugging and tests."""
        names: dict[str, Any] = runtime.python_names() | (checked.names() if self.checked is not None else {})
        namespace = interpreted.executed(self.source, names)
        run = np.errstate(all="ignore")(namespace[self.entry])
        if self.checked is None or self.entry != "kernel":
            return run
        count = self.checked
        return lambda *arguments: checked.run(run, count, self.batched, arguments)
