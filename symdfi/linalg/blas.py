"""How many threads BLAS may take."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

from threadpoolctl import OpenBLASController, ThreadpoolController

from symdfi.compile.kernels import forks

#: Set by a user who wants to decide.
_CHOICES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS")


@functools.cache
def libraries() -> tuple[Any, ...]:
    """The BLAS libraries of NumPy and SciPy. To look for them takes milliseconds."""
    import numpy.linalg
    import scipy.linalg

    del numpy, scipy  # each loads its own
    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)


def _by_thread(library: Any) -> bool:
    """OpenBLAS over OpenMP has a setting for each thread, all others have one for the process."""
    return library.internal_api == "openblas" and library.threading_layer == "openmp"


def _shared() -> list[Any]:
    return [library for library in libraries() if not _by_thread(library)]


def _set(counts: list[int]) -> None:
    """The numbers of threads of the shared libraries, from whatever thread: threadpoolctl lets one thread alone set
    those of OpenBLAS, and here the last to leave puts back what the first has set."""
    for library, count in zip(_shared(), counts, strict=True):
        OpenBLASController.clear_controlling_thread(force=True)
        library.set_num_threads(count)
    OpenBLASController.clear_controlling_thread(force=True)


class _Limit:
    """One thread for BLAS while anyone wants that. BLAS's own setting is one for the process: the first to enter
    sets it, the last to leave puts back what was there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: Counter[int] = Counter()  # how often a thread has entered
        self._before: list[int] | None = None

    def enter(self) -> None:
        with self._lock:
            if self._before is None:
                self._before = [library.get_num_threads() for library in _shared()]
                _set([1] * len(self._before))
            self._holders[threading.get_ident()] += 1

    def leave(self) -> None:
        with self._lock:
            self._holders[threading.get_ident()] -= 1
            self._end()

    def keep_own(self) -> None:
        """In the child of a fork, which has the thread that forked alone, and a lock that another may have held."""
        self._lock = threading.Lock()
        own = threading.get_ident()
        self._holders = Counter({own: self._holders[own]})
        self._end()

    def _end(self) -> None:
        self._holders = +self._holders
        if self._before is not None and not self._holders:
            _set(self._before)
            self._before = None


_limit = _Limit()
forks.begin_anew(_limit.keep_own)


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """In this context BLAS runs on one thread, unless the environment says how many it shall have.

    Contexts may be nested and be open in several threads at once; BLAS has its threads back when the last one ends.

    OpenBLAS's threads wait for one another in busy loops. For a Cholesky solve on two cores, two threads were at
    best 1.5 times as fast as one (p = 217, n = 1024), and with other work on the cores, our own kernels' threads
    for instance, 2 to 36 times as slow (p = 217 to 2209; p = 2209, n = 4096: 0.5-0.8 s against 1.8-4.1 s).
    """
    if any(os.environ.get(name) for name in _CHOICES):
        yield
        return
    with own_threads():
        yield


@contextlib.contextmanager
def own_threads() -> Iterator[None]:
    """In this context BLAS runs on one thread whatever the environment says: threads of our own each call it for
    themselves, and results depend on no setting."""
    own = [library for library in libraries() if _by_thread(library)]
    before = [library.get_num_threads() for library in own]
    _limit.enter()
    try:
        for library in own:
            library.set_num_threads(1)
        yield
    finally:
        for library, count in zip(own, before, strict=True):
            library.set_num_threads(count)
        _limit.leave()
