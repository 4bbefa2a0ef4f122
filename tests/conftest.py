"""What all tests ask of the process they run in."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator

import pytest
import scipy.linalg  # noqa: F401  (with its BLAS)
from threadpoolctl import threadpool_limits


def pytest_collection_finish() -> None:
    """What is imported lives as long as the process, and SymPy and Numba make many short-lived objects beside it: to
    look through all of it each time some thousands are new takes a tenth of the tests' time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> None:
    """Ctrl-C interrupts, also in a process that a shell started in the background, where it would be ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def own_cores() -> Iterator[None]:
    """Processes that run tests side by side have their shares of the cores: the threads of more than one BLAS, which
    spin while they wait for one another, would keep each other from running."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    with threadpool_limits(max(1, (os.cpu_count() or 1) // workers) if workers > 1 else None, user_api="blas"):
        yield
