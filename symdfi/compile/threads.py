"""Samples shared out over threads: kernels release the interpreter lock."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

#: Below this many samples a thread, handing over costs more than it saves.
MINIMUM = 256


@functools.cache
def _pool(process: int) -> ThreadPoolExecutor:
    # Keyed by process: a pool does not survive a fork.
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="symdfi")


def run(kernel: Callable[..., None], count: int, *args: object) -> None:
    """``kernel(start, stop, *args)`` over ``range(count)``, in one part a core where that pays."""
    parts = min(os.cpu_count() or 1, count // MINIMUM)
    if parts <= 1:
        kernel(0, count, *args)
        return
    edges = [count * k // parts for k in range(parts + 1)]
    spans = list(itertools.pairwise(edges))
    futures = [_pool(os.getpid()).submit(kernel, *span, *args) for span in spans[1:]]
    kernel(*spans[0], *args)
    for future in futures:
        future.result()
