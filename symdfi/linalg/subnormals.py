"""Subnormal numbers, below 2.2e-308, taken for zeros.

An x86 core takes a hundred times as long for them as for others. The far tails of an ansatz, or the squares of
its near tails, are full of them: JᵀJ of 100 Gaussians at 2000 points takes 43 ms instead of 4.
"""

from __future__ import annotations

import contextlib
import functools
from types import ModuleType

import llvmlite.binding as llvm
import numpy as np

from symdfi.compile.kernels import cache
from symdfi.linalg.blas import libraries

#: MXCSR: flush-to-zero (of results) and denormals-are-zeros (of operands).
FLUSH = 0x8040
#: The square of anything smaller is subnormal or zero.
_NEGLIGIBLE = 1e-150


def flushed() -> contextlib.AbstractContextManager[None]:
    """In this context, and this thread, subnormal operands and results count as zeros.

    Only x86 is slow on them, so elsewhere nothing is changed.
    """
    return _Flag(FLUSH)


def kept() -> contextlib.AbstractContextManager[None]:
    """In this context, and this thread, subnormal numbers are what they are, also within ``flushed``.

    For code of others that is called there, and as threads are born with the flag of the thread that starts them.
    """
    return _Flag(0)


class _Flag(contextlib.AbstractContextManager[None]):
    """The bits FLUSH of the control word as given, until the context ends. No generator: small solves take no longer
    than a few of those."""

    def __init__(self, flag: int) -> None:
        self._flag, self._control = flag, control_word()
        self._before = 0

    def __enter__(self) -> None:
        self._before = self._control.read()
        self._control.write(self._before & ~FLUSH | self._flag)

    def __exit__(self, *raised: object) -> None:
        self._control.write(self._before)


@functools.cache
def control_word() -> ModuleType:
    """Compiled ``read() -> word`` and ``write(word)`` of this thread's control word; they do nothing but on x86."""
    return cache.load_module(f"symdfi.linalg.{'control_word' if _is_x86() else 'no_control_word'}")


def without_tails(matrix: np.ndarray) -> np.ndarray:
    """``matrix``, with entries below 1e-150 as zeros where BLAS multiplies in threads that ``flushed`` does not
    reach."""
    if not _is_x86() or max((library.get_num_threads() for library in libraries()), default=2) == 1:
        return matrix
    return np.where(np.abs(matrix) < _NEGLIGIBLE, 0.0, matrix)


@functools.cache
def _is_x86() -> bool:
    return llvm.get_process_triple().startswith(("x86_64", "i386", "i686"))
