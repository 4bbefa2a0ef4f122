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

from symdfi.compile.kernels import forks

#: Below this many samples a thread, handing over costs more than it saves.
MINIMUM = 256
#: Each thread takes its part in this many portions, the next one when it is done with the last: a core that is
#: busy with other work, or slow to wake up, takes fewer.
PORTIONS = 4

_Spans = deque[tuple[int, int]]
#: Whether a thread has begun with its part: who asks first, it or the caller that will not wait for it, decides.
_Claims = dict[int, bool]


def run(kernel: Callable[..., None], count: int, *args: object, least: int = MINIMUM, grain: int = 1) -> None:
    """``kernel(start, stop, *args)`` over ``range(count)``, on all cores where that pays: ``least`` samples each, from
    multiples of ``grain`` on."""
    parts = min(_cores(), count // least)
    if parts <= 1:
        kernel(0, count, *args)
        return
    portions = PORTIONS * parts
    ends = [count * k // portions // grain * grain for k in range(portions)]
    spans = deque((start, stop) for start, stop in itertools.pairwise([*ends, count]) if start < stop)
    jobs = _jobs()
    errors: list[BaseException | None] = []
    ended: SimpleQueue[None] = SimpleQueue()
    claims: _Claims = {}
    # Emptied in the end: a job that is left to a thread which other work keeps from beginning holds no array.
    part: list[Any] = [kernel, spans, args]
    for number in range(parts - 1):
        jobs.put((part, errors, ended, claims, number))
    try:
        _work(kernel, spans, args)
    finally:
        # Also where this thread is interrupted, here or there: the arrays are the caller's again once this returns.
        spans.clear()
        interrupts = _wait(errors, ended, claims, parts - 1)
        part.clear()
    for error in (*interrupts, *errors):
        if error is not None:
            raise error


def _wait(
    errors: list[BaseException | None], ended: SimpleQueue[None], claims: _Claims, count: int
) -> list[BaseException]:
    """Wait until those of ``count`` threads that have begun with their parts have ended them, and let none begin any
    more: where other work keeps the cores there is no waiting for a thread that only finds nothing left to do.

    What interrupted the waiting is returned. The list is what counts, filled before the queue is: an interrupt may come
    between taking and having an element.
    """
    interrupts: list[BaseException] = []
    while True:
        try:
            begun = sum(claims.setdefault(number, False) for number in range(count))
            while len(errors) < begun:
                ended.get()
            return interrupts
        except BaseException as caught:
            interrupts.append(caught)


def _work(kernel: Callable[..., None], spans: _Spans, args: tuple) -> None:
    while True:
        try:
            start, stop = spans.popleft()
        except IndexError:
            return
        kernel(start, stop, *args)


def _jobs() -> SimpleQueue[Any]:
    """The queue that this process's threads wait at, which are started for the first call."""
    with _starting:
        return _started()


@functools.cache
def _started() -> SimpleQueue[Any]:
    """A bare queue, as waking a thread through ``concurrent.futures`` takes 95 µs against 18."""
    jobs: SimpleQueue[Any] = SimpleQueue()
    for _ in range(_cores() - 1):
        threading.Thread(target=_serve, args=(jobs,), name="symdfi", daemon=True).start()
    return jobs


def _serve(jobs: SimpleQueue[Any]) -> None:
    while True:
        part, errors, ended, claims, number = jobs.get()
        if not claims.setdefault(number, True):
            del part, errors, ended, claims
            continue
        error = None
        kernel, spans, args = part
        try:
            _work(kernel, spans, args)
        except BaseException as caught:
            error = caught
            spans.clear()
        errors.append(error)
        ended.put(None)
        # Nothing of the last call is kept alive while waiting for the next.
        del part, kernel, spans, args, errors, ended, claims, error


def _start_anew() -> None:
    """In the child of a fork: threads do not survive it, and one of them may have held the lock."""
    global _starting
    _starting = threading.Lock()
    _started.cache_clear()
    _cores.cache_clear()


_starting = threading.Lock()
forks.begin_anew(_start_anew)


@functools.cache
def _cores() -> int:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
