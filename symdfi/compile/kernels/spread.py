"""One call of a kernel over a large system, its rows shared out over threads.

Only of kernels that store (see ``passes.rows``): whatever the number of threads, each row is computed in the same way,
and results are the same to the last bit. Only calls from Python are spread: a loop that holds the kernel, as the
compiled steppers do, stays on its one thread. So does a call from one of several workers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import sympy as sp

from symdfi import workers
from symdfi.compile.kernels import cache, threads
from symdfi.compile.passes.rows import START, STOP, by_rows, work
from symdfi.compile.passes.schedule import Schedule
from symdfi.compile.program.loops import Definition, Variable
from symdfi.compile.source.assemble import Layout, Parameter, source
from symdfi.compile.source.emit import Storage, Writer
from symdfi.compile.source.printing import Names
from symdfi.symbolic.sets import value

#: From so many statements on, each counted once an iteration: where they are cheapest, half a million take 0.1 ms, five
#: times what it takes to wake a thread.
STATEMENTS = 1 << 19
#: Threads begin at multiples of so many rows where a row is a number: as many as a vectorised loop takes at a time.
GRAIN = 64
#: For how many sets of sizes it is remembered how they are called.
_REMEMBERED = 1024


@dataclass(frozen=True)
class RowKernel:
    """The source of ``kernel(start, stop, ...)``, which computes these rows of ``count``; ``grain`` go together."""

    source: str
    count: sp.Expr
    grain: int

    @functools.cached_property
    def function(self) -> Callable[..., None]:
        return cache.load(self.source).kernel


def row_kernel(
    schedule: Schedule,
    definitions: Iterable[Definition],
    outputs: Iterable[Variable],
    names: Names,
    storage: dict[Variable, Storage],
    layout: Layout,
) -> RowKernel | None:
    """A kernel without samples by rows; None where rows need one another."""
    found = by_rows(schedule, definitions, outputs)
    if found is None:
        return None
    ends = {names[START]: "start", names[STOP]: "stop"}
    own = replace(
        layout,
        parameters=[*(Parameter(name, "int64") for name in ends.values()), *layout.parameters],
        declared=ends | layout.declared,
        offsets=layout.offsets | set(ends),
    )
    writer = Writer(names, storage)
    writer.write(found.schedule)
    return RowKernel(source(own, writer.segments, [], False), found.count, GRAIN if found.fine else 1)


@dataclass(frozen=True)
class Spread:
    """A kernel by rows, made when it is first needed; ``made`` gives None where rows need one another."""

    sizes: tuple[sp.Symbol, ...]
    schedule: Schedule
    made: Callable[[], RowKernel | None]

    @functools.cached_property
    def rows(self) -> RowKernel | None:
        return self.made()

    def at(self, sizes: np.ndarray, whole: Callable[..., None]) -> Callable[..., None]:
        """``whole``, the kernel's function, or one that does the same on all cores, if that pays at these sizes."""
        key = sizes.tobytes()
        if key not in self._found:
            if len(self._found) == _REMEMBERED:
                self._found.clear()
            known: Mapping[sp.Basic, int] = dict(zip(self.sizes, sizes.tolist(), strict=True))
            try:
                rows = self.rows if value(self._work, known) >= STATEMENTS else None
            except ZeroDivisionError:  # remainders by a size less one, which is one
                rows = None
            shared = rows and functools.partial(_shared, whole, rows, int(value(rows.count, known)))
            self._found[key] = shared or whole
        return self._found[key]

    @functools.cached_property
    def _work(self) -> sp.Expr:
        return work(self.schedule)

    @functools.cached_property
    def _found(self) -> dict[bytes, Callable[..., None]]:
        return {}


def _shared(whole: Callable[..., None], rows: RowKernel, count: int, *arguments: object) -> None:
    if workers.is_worker():
        whole(*arguments)
    else:
        threads.run(rows.function, count, *arguments, least=rows.grain, grain=rows.grain)
