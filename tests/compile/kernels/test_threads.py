"""Samples shared out over threads: every sample once, errors passed on, many callers at once."""

from __future__ import annotations

import subprocess
import sys
import threading
import weakref
from queue import SimpleQueue

import numpy as np
import pytest

from symdfi.compile.kernels import threads


def fill(start: int, stop: int, out: np.ndarray, value: float) -> None:
    out[start:stop] += value


@pytest.mark.parametrize("count", [0, 1, 255, 512, 513, 5000, 100_003])
def test_each_sample_once(monkeypatch, count) -> None:
    monkeypatch.setattr(threads, "_cores", lambda: 4)
    out = np.zeros(count)
    threads.run(fill, count, out, 2.0)
    assert (out == 2.0).all()


def test_callers_at_once() -> None:
    outs = [np.zeros(20_000) for _ in range(8)]

    def call(out: np.ndarray) -> None:
        for _ in range(50):
            threads.run(fill, out.size, out, 1.0)

    callers = [threading.Thread(target=call, args=(out,)) for out in outs]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert all((out == 50.0).all() for out in outs)


def test_a_thread_that_does_not_begin_holds_no_array(monkeypatch) -> None:
    """Other work keeps it: of a thousand calls it would else hold the arrays of all."""
    unserved: SimpleQueue = SimpleQueue()
    monkeypatch.setattr(threads, "_cores", lambda: 2)
    monkeypatch.setattr(threads, "_jobs", lambda: unserved)
    out = np.zeros(4096)
    held = weakref.ref(out)
    threads.run(fill, out.size, out, 1.0)
    assert (out == 1.0).all() and not unserved.empty()
    del out
    assert held() is None


@pytest.mark.parametrize("where", ["main", "other"])
def test_an_error_reaches_the_caller_and_the_threads_go_on(monkeypatch, where) -> None:
    monkeypatch.setattr(threads, "_cores", lambda: 2)
    threads._started.cache_clear()
    failed = threading.Event()

    def fail(start: int, stop: int) -> None:
        if (threading.current_thread() is threading.main_thread()) == (where == "main"):
            failed.set()
            raise FloatingPointError(f"samples {start} to {stop}")
        assert failed.wait(600)

    with pytest.raises(FloatingPointError, match="samples"):
        threads.run(fail, 4096)
    out = np.zeros(4096)
    threads.run(fill, out.size, out, 1.0)
    assert (out == 1.0).all()
    threads._started.cache_clear()


FORK = """
import os, sys
import numpy as np
from symdfi.compile.kernels import threads

def total():
    out = np.zeros(4096)
    threads.run(lambda start, stop, out: out.__setitem__(slice(start, stop), 1.0), out.size, out)
    return out.sum()

assert total() == 4096
child = os.fork()
if child == 0:
    os._exit(0 if total() == 4096 else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no fork on Windows")
def test_after_a_fork() -> None:
    """The child has threads of its own. In a process of its own: others' threads may not survive a fork."""
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
