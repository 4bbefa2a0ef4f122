"""Samples shared out over threads: kernels release the interpreter lock."""

from __future__ import annotations

import functools
import itertools
import os
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

#: Below this many samples a thread, handing over costs more than it saves.
MINIMUM = 256
#: Each thread takes its part in this many portions, the next one when it is done with the last: a core that is
#: busy with other work, or slow to wake up, takes fewer.
PORTIONS = 4

_Spans = deque[tuple[int, int]]


def run(kernel: Callable[..., None], count: int, *args: object) -> None:
    """``kernel(start, stop, *args)`` over ``range(count)``, on all cores where that pays."""
    parts = min(_cores(), count // MINIMUM)
    if parts <= 1:
        kernel(0, count, *args)
        return
    portions = PORTIONS * parts
    spans = deque(itertools.pairwise(count * k // portions for k in range(portions + 1)))
    outcomes: SimpleQueue[BaseException | None] = SimpleQueue()
    jobs = _jobs(os.getpid())
    for _ in range(parts - 1):
        jobs.put((kernel, spans, args, outcomes))
    try:
        _work(kernel, spans, args)
    finally:
        # Also where this thread was interrupted: the arrays are the caller's again once this returns.
        spans.clear()
        errors = [outcomes.get() for _ in range(parts - 1)]
    for error in errors:
        if error is not None:
            raise error


def _work(kernel: Callable[..., None], spans: _Spans, args: tuple) -> None:
    while True:
        try:
            start, stop = spans.popleft()
        except IndexError:
            return
        kernel(start, stop, *args)


@functools.cache
def _jobs(process: int) -> SimpleQueue[Any]:
    """The queue that this process's threads wait at: a bare one, as waking a thread through
    ``concurrent.futures`` takes 95 µs against 18. Keyed by process, as threads do not survive a fork."""
    jobs: SimpleQueue[Any] = SimpleQueue()
    for _ in range(_cores() - 1):
        threading.Thread(target=_serve, args=(jobs,), name="symdfi", daemon=True).start()
    return jobs


def _serve(jobs: SimpleQueue[Any]) -> None:
    while True:
        kernel, spans, args, outcomes = jobs.get()
        error = None
        try:
            _work(kernel, spans, args)
        except BaseException as caught:
            error = caught
            spans.clear()
        outcomes.put(error)
        # Nothing of the last call is kept alive while waiting for the next.
        del kernel, spans, args, outcomes, error


@functools.cache
def _cores() -> int:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
