"""One BLAS thread while anyone wants that, and as many as before afterwards."""

from __future__ import annotations

import os
import threading

import pytest
from threadpoolctl import threadpool_limits

from symdfi.linalg import blas


def counts() -> set[int]:
    return {library.get_num_threads() for library in blas.libraries()}


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    for name in blas._CHOICES:
        monkeypatch.delenv(name, raising=False)
    with threadpool_limits(2, user_api="blas"):
        yield


def test_one_in_the_context_and_two_after_it():
    with blas.one_blas_thread():
        assert counts() == {1}
        with blas.one_blas_thread():
            assert counts() == {1}
        assert counts() == {1}
    assert counts() == {2}


def test_after_an_error():
    with pytest.raises(ZeroDivisionError), blas.one_blas_thread(), blas.one_blas_thread():
        raise ZeroDivisionError
    assert counts() == {2}


def test_the_environment_decides(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    with blas.one_blas_thread():
        assert counts() == {2}


def test_the_first_to_enter_leaves_first():
    """In two threads, the contexts overlapping: the limits of each alone would be undone by the other."""
    inside, leave, seen = threading.Event(), threading.Event(), []

    def second() -> None:
        with blas.one_blas_thread():
            inside.set()
            assert leave.wait(30)
            seen.append(counts())
        seen.append(counts())

    thread = threading.Thread(target=second)
    with blas.one_blas_thread():
        thread.start()
        assert inside.wait(30)
    assert counts() == {1}
    leave.set()
    thread.join()
    assert seen == [{1}, {2}]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on Windows")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_in_the_child_of_a_fork():
    """It has the thread that forked alone: the others' contexts are not its own."""
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with blas.one_blas_thread():
            inside.set()
            assert leave.wait(30)

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(30)
    child = os.fork()
    if child == 0:
        os._exit(0 if counts() == {2} else 1)
    leave.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert counts() == {2}
