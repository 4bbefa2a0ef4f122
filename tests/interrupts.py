"""Ctrl-C at a place of the test's choosing."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any


def interrupting(function: Callable[..., Any], calls: int) -> Callable[..., Any]:
    """``function``, which sends this process a SIGINT in the call after so many."""
    left = [calls]

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            signal.raise_signal(signal.SIGINT)
        return function(*args, **kwargs)

    return wrapped
