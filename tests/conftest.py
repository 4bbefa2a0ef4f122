"""What all tests ask of the process they run in."""

from __future__ import annotations

import gc
import signal

import pytest


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
