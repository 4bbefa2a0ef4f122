"""Subnormal numbers, below 2.2e-308, taken for zeros.

An x86 core takes a hundred times as long for them as for others. The far tails of an ansatz, or the squares of
its near tails, are full of them: JᵀJ of 100 Gaussians at 2000 points takes 43 ms instead of 4.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

import llvmlite.binding as llvm
import numpy as np
from threadpoolctl import ThreadpoolController

from symdfi.compile.kernels import cache

_FLUSH = 0x8040  # MXCSR: flush-to-zero (of results) and denormals-are-zeros (of operands)
#: The square of anything smaller is subnormal or zero.
_NEGLIGIBLE = 1e-150


@contextlib.contextmanager
def flushed() -> Iterator[None]:
    """In this context, and this thread, subnormal operands and results count as zeros.

    Only x86 is slow on them, so elsewhere nothing is changed.
    """
    if not _is_x86():
        yield
        return
    control = cache.load_module("symdfi.linalg.control_word")
    before = control.read()
    control.write(np.uint32(before | _FLUSH))
    try:
        yield
    finally:
        control.write(np.uint32(before))


def without_tails(matrix: np.ndarray) -> np.ndarray:
    """``matrix``, with entries below 1e-150 as zeros where BLAS multiplies in threads that ``flushed`` does not
    reach."""
    if not _is_x86() or max((library.get_num_threads() for library in _blas()), default=2) == 1:
        return matrix
    return np.where(np.abs(matrix) < _NEGLIGIBLE, 0.0, matrix)


@functools.cache
def _is_x86() -> bool:
    return llvm.get_process_triple().startswith(("x86_64", "i386", "i686"))


@functools.cache
def _blas() -> list:
    return ThreadpoolController().select(user_api="blas").lib_controllers
