"""Calls of a function: what the shapes of its arguments decide is decided once."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp

from symdfi.compile.kernels import threads
from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.compile.kernels.index_values import IndexValues, ends_of
from symdfi.compile.source.entrances import Entered
from symdfi.numbers import reals

_FLOAT, _INT = np.dtype(np.float64), np.dtype(np.int64)
#: How many ends of index arrays are remembered as checked.
_CHECKED = 256


def floats(name: str, value: Any) -> np.ndarray:
    """A C-contiguous, writable float64 array, ``value`` itself if it is one. ``ValueError`` for anything but reals."""
    array = reals(value, name)
    return array if array.flags.carray else np.require(array, requirements=["C", "W"])


def integers(name: str, value: Any) -> np.ndarray:
    """A C-contiguous, writable int64 array, ``value`` itself if it is one. ``ValueError`` for anything but integers."""
    array = np.asarray(value)
    if array.dtype == _INT and array.flags.carray:
        return array
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} is an index array: give integers, not {array.dtype}")
    return np.require(array, dtype=_INT, requirements=["C", "W"])


@dataclass(frozen=True)
class Output:
    """The name and shape of an output, and whether there is one a sample."""

    name: str
    shape: tuple[int, ...]
    batched: bool


@dataclass(frozen=True)
class Layout:
    """A kernel at given shapes of its arguments.

    ``order`` are the ``sizes`` as the kernel takes them, ``batch`` is the shape of the samples, ``own`` the shape of
    each float argument without batch axes, and ``with_batch`` says which have any.
    """

    kernel: CompiledKernel
    sizes: tuple[tuple[sp.Symbol, int], ...]
    order: np.ndarray
    batch: tuple[int, ...]
    own: tuple[tuple[int, ...], ...]
    with_batch: tuple[bool, ...]
    outputs: tuple[Output, ...]
    _checked: dict[tuple, None] = field(default_factory=dict)

    @functools.cached_property
    def function(self) -> Callable[..., None]:
        """What the kernel is called by."""
        return self.kernel.function if self.kernel.batched else self.kernel.at(self.order)

    def check(self, index_arrays: Sequence[tuple[sp.IndexedBase, np.ndarray]]) -> None:
        """``ValueError`` where an index leaves its array, given what the index arrays hold."""
        ends = ends_of(array for _, array in index_arrays)
        if ends not in self._checked and self.kernel.check(IndexValues(self.sizes, index_arrays)):
            if len(self._checked) == _CHECKED:
                self._checked.clear()
            self._checked[ends] = None

    def buffers(self) -> list[np.ndarray]:
        """New arrays for the outputs."""
        return [np.empty(self.batch + o.shape if o.batched else o.shape) for o in self.outputs]

    def run(
        self, function: Callable[..., None], ints: np.ndarray | None, arrays: Sequence[np.ndarray],
        buffers: Sequence[np.ndarray],
    ) -> None:  # fmt: skip
        """The kernel's ``function`` on C-contiguous arrays of the layout's shapes, into the buffers."""
        flat = [] if ints is None else [ints]
        if not self.kernel.batched:
            flat += [array if array.ndim == 1 else array.reshape(-1) for array in arrays]
            flat += [buffer if buffer.ndim == 1 else buffer.reshape(-1) for buffer in buffers]
            function(self.order, *flat)
            return
        count = math.prod(self.batch)
        for array, own, batched in zip(arrays, self.own, self.with_batch, strict=True):
            if batched and array.shape != self.batch + own:
                array = np.require(np.broadcast_to(array, self.batch + own), requirements=["C", "W"])
            flat.append(array.reshape((count, math.prod(own)) if batched else -1))
        for buffer, output in zip(buffers, self.outputs, strict=True):
            flat.append(buffer.reshape((count, math.prod(output.shape)) if output.batched else -1))
        threads.run(function, count, self.order, *flat)

    def results(self, buffers: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs by name, those of all samples alike once for each."""
        if not self.batch:
            return {output.name: buffer for output, buffer in zip(self.outputs, buffers, strict=True)}
        return {
            o.name: buffer if o.batched else np.broadcast_to(buffer, self.batch + o.shape).copy()
            for o, buffer in zip(self.outputs, buffers, strict=True)
        }


class BoundFunction:
    """A function at fixed shapes, with its index arrays: called with the other arguments, in their order or by name.

    Arrays that are C-contiguous and float64 are passed on as they are; a call takes microseconds. Made by
    ``Function.bind``.
    """

    def __init__(
        self, layout: Layout, names: Sequence[str], shapes: Sequence[tuple[int, ...]], ints: np.ndarray | None
    ) -> None:
        self._layout, self._ints = layout, ints
        self._names = tuple(names)
        # What is given is looked at here.
        self._function = layout.function.unchecked if isinstance(layout.function, Entered) else layout.function
        self._head = [layout.order] if ints is None else [layout.order, ints]
        # In the order in which a call needs them: a name, a shape, and whether the kernel takes it as it is.
        self._arguments = [(name, shape, len(shape) == 1) for name, shape in zip(names, shapes, strict=True)]
        shapes = [layout.batch + o.shape for o in layout.outputs]
        self._results = [(o.name, shape, len(shape) == 1) for o, shape in zip(layout.outputs, shapes, strict=True)]

    def __call__(self, *values: Any, out: dict[str, np.ndarray] | None = None, **named: Any) -> dict[str, np.ndarray]:
        """The outputs by name, in new arrays or in those of ``out``, which has one for each: C-contiguous, writable
        float64, of the output's shape.

        Raises ``TypeError`` for missing or unknown arguments, ``ValueError`` for another shape than the bound one.
        """
        if named or len(values) != len(self._names):
            values = self._ordered(values, named)
        if out is not None:
            self._check(out)
        if self._layout.batch:
            return self._run_batch(values, out)
        flat = self._head.copy()
        for value, (name, shape, fits) in zip(values, self._arguments, strict=True):
            if not (
                type(value) is np.ndarray and value.dtype is _FLOAT and value.shape == shape and value.flags.carray
            ):
                value = _fitting(name, value, shape)
            flat.append(value if fits else value.reshape(-1))
        found = {}
        for name, shape, fits in self._results:
            found[name] = array = np.empty(shape) if out is None else out[name]
            flat.append(array if fits else array.reshape(-1))
        self._function(*flat)
        return found

    def _run_batch(self, values: tuple, out: dict[str, np.ndarray] | None) -> dict[str, np.ndarray]:
        arrays = [_fitting(name, value, shape) for value, (name, shape, _) in zip(values, self._arguments, strict=True)]
        buffers = self._layout.buffers()
        if out is not None:
            buffers = [out[o.name] if o.batched else b for o, b in zip(self._layout.outputs, buffers, strict=True)]
        self._layout.run(self._function, self._ints, arrays, buffers)
        found = self._layout.results(buffers)
        if out is None:
            return found
        for name, array in found.items():
            if out[name] is not array:
                out[name][...] = array
        return out

    def _ordered(self, values: tuple, named: dict[str, Any]) -> tuple:
        rest = self._names[len(values) :]
        if set(named) != set(rest) or len(values) > len(self._names):
            raise TypeError(
                f"{len(values)} arguments by order and {sorted(named)} by name: expected {list(self._names)}"
            )
        return (*values, *(named[name] for name in rest))

    def _check(self, out: dict[str, np.ndarray]) -> None:
        if len(out) != len(self._results) or any(name not in out for name, _, _ in self._results):
            raise ValueError(f"out holds {list(out)}, the outputs are {[name for name, _, _ in self._results]}")
        for name, shape, _ in self._results:
            array = out[name]
            if not (isinstance(array, np.ndarray) and array.dtype == _FLOAT and array.shape == shape
                    and array.flags.carray):  # fmt: skip
                raise ValueError(f"out[{name!r}] must be a C-contiguous, writable float64 array of shape {shape}")


def _fitting(name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = floats(name, value)
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, but is bound to {shape}")
    return array
