"""Independent work shared out over the workers of an executor: threads, processes, or the machines of a cluster.

Work is divided into blocks whose number depends on its size alone, and put together in their order, so results are
the same for any number of workers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor
from typing import Any

_own = threading.local()

#: Work for an executor makes at most so many blocks.
_MOST_BLOCKS = 256


def blocks(count: int, size: int | None = None) -> list[tuple[int, int]]:
    """``(start, stop)`` of the blocks of ``count`` members, of the given size or so that there are not too many."""
    size = size or -(-count // _MOST_BLOCKS)
    return [(start, min(start + size, count)) for start in range(0, count, size)]


def run(function: Callable[..., Any], parts: Sequence[tuple], executor: Executor | None) -> Generator[Any]:
    """``function(*part)`` for every part, in their order; without an executor one after the other, here.

    Who stops listening cancels what has not begun. An exception is passed on, with a note that says in which part it
    was raised. Raises ``TypeError`` for what is no ``concurrent.futures.Executor``.
    """
    if executor is None:
        yield from (function(*part) for part in parts)
        return
    if not isinstance(executor, Executor):
        raise TypeError(
            f"an executor is a concurrent.futures.Executor, such as ProcessPoolExecutor() or Dask's "
            f"client.get_executor(), not {executor!r}"
        )
    futures = [executor.submit(_as_worker, function, part) for part in parts]
    try:
        for number, future in enumerate(futures):
            try:
                yield future.result()
            except Exception as error:
                error.add_note(f"in block {number} of {len(parts)}, by {type(executor).__name__}")
                raise
    finally:
        for future in futures:
            future.cancel()


def is_worker() -> bool:
    """Whether this thread does a part of what an executor shares out: the cores are taken."""
    return getattr(_own, "working", False)


def _as_worker(function: Callable[..., Any], part: tuple) -> Any:
    before, _own.working = is_worker(), True
    try:
        return function(*part)
    finally:
        _own.working = before
