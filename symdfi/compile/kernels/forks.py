"""What a fork must not leave to its child: locks that threads hold which the child does not have."""

from __future__ import annotations

import functools
import gc
import os
import sys
import threading
from collections.abc import Callable
from typing import Protocol


class Lock(Protocol):
    def acquire(self) -> object: ...
    def release(self) -> object: ...


def wait_for(*locks: Lock) -> None:
    """From now on a fork waits until no other thread holds one of these locks, to be taken in this order.

    For what cannot be left half done: the compiler's own state, in Python and in LLVM.
    """
    if hasattr(os, "register_at_fork"):
        for lock in reversed(locks):
            os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)


def begin_anew(renew: Callable[[], None]) -> None:
    """From now on the child of a fork calls ``renew`` before anything else."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew)


def _free_cached_properties() -> None:
    """Until Python 3.12 a ``cached_property`` has a lock, one for all objects, that is held while it is computed."""
    for found in gc.get_objects():
        if isinstance(found, functools.cached_property):
            found.lock = threading.RLock()  # pyright: ignore[reportAttributeAccessIssue]


if sys.version_info < (3, 12):
    begin_anew(_free_cached_properties)
