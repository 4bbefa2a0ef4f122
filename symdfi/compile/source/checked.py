"""A build for tests in which every access is checked: kernels run by the Python interpreter, element by element.

Within ``bounds_checked()`` every element is addressed by ``at``, which compares each index with its own extent (a
flat array alone would take x[0, n] for x[1, 0]), and every value that is read goes through ``known``, which tells
the bit pattern that memory nobody has written is filled with. Production kernels hold neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

#: A NaN that no operation makes: what unwritten memory holds.
UNWRITTEN = np.uint64(0x7FF8_DEAD_BEEF_0001)

_active: ContextVar[bool] = ContextVar("bounds_checked", default=False)


@contextmanager
def bounds_checked() -> Iterator[None]:
    """Kernels that are built within check every access and run as plain Python.

    ``IndexError`` for an index outside its extent and for an element that is read before it is written. Kernels are
    kept by the function or the system that they belong to: make those within, too, and call them there.
    """
    token = _active.set(True)
    try:
        yield
    finally:
        _active.reset(token)


def is_active() -> bool:
    return _active.get()


def at(flat: int, *pairs: int) -> int:
    """The place of an element, given its indices and their extents by turns."""
    for index, extent in zip(pairs[::2], pairs[1::2], strict=True):
        if not 0 <= index < extent:
            raise IndexError(f"the index {index} lies outside 0..{extent - 1}, in {pairs[::2]} of {pairs[1::2]}")
    return unsigned(flat)


def unsigned(index: int) -> int:
    if index < 0:
        raise IndexError(f"the index {index} is negative")
    return int(index)


def known(value: Any) -> Any:
    """A value that was read."""
    if value != value and np.float64(value).view(np.uint64) == UNWRITTEN:
        raise IndexError("an element is read before it is written")
    return value


def unwritten(shape: Any, dtype: Any = np.float64) -> np.ndarray:
    """Memory that nobody has written; of integers, which have no value to spare, it is not told."""
    return np.full(shape, UNWRITTEN).view(np.float64) if np.dtype(dtype) == np.float64 else np.zeros(shape, dtype)


class _Numpy:
    """NumPy, whose ``empty`` is ``unwritten``."""

    empty = staticmethod(unwritten)

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def names() -> dict[str, Any]:
    """What the source of a checked kernel refers to besides the names of every kernel."""
    return {"at": at, "known": known, "U": unsigned, "np": _Numpy()}


def run(kernel: Any, count: int, batched: bool, arguments: tuple) -> None:
    """Call a checked kernel whose last ``count`` arguments are outputs: all that it is asked for must be written."""
    outputs = arguments[len(arguments) - count :]
    own = [out[arguments[0] : arguments[1]] if batched and out.ndim == 2 else out for out in outputs]
    for out in own:
        out[...] = unwritten(out.shape)
    kernel(*arguments)
    for out in own:
        if (out.view(np.uint64) == UNWRITTEN).any():
            raise IndexError(f"the elements {np.argwhere(out.view(np.uint64) == UNWRITTEN).tolist()} are not written")
