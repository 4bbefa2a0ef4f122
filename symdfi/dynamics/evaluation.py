"""The kernels of a compiled system on arrays of states."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import sympy as sp

from symdfi.compile.kernels import cache, threads
from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.compile.kernels.groups import shape_of
from symdfi.compile.kernels.index_values import IndexValues, ends_of
from symdfi.compile.program.loops import Variable
from symdfi.dynamics.arguments import Arguments, integers_of
from symdfi.dynamics.axes import read_axes
from symdfi.dynamics.named_states import flat_state, told_by
from symdfi.dynamics.plans import PlannedKernel, with_plans
from symdfi.numbers import reals
from symdfi.symbolic.given import name_of

#: How many sets of shapes, and of ends of index arrays, are remembered.
_CHECKED = 1024
_NOTHING = np.empty(0, np.int64)


@dataclass(frozen=True)
class Settled:
    """What the shapes of states and parameters decide.

    ``own`` are the axes of one q and ``own_v`` of one v as given, ``n`` its length, ``order`` the sizes as the kernels
    take them, ``batch`` the batch axes of the parameters, ``shapes`` those of one set. ``checked`` remembers which
    kernels' indices are in range, with which ends of the index arrays.
    """

    own: tuple[int, ...]
    own_v: tuple[int, ...]
    n: int
    sizes: dict[sp.Symbol, int]
    order: np.ndarray
    shapes: dict[Variable, tuple[int, ...]]
    batch: tuple[int, ...]
    checked: dict[tuple, None] = field(default_factory=dict)

    def packed(self, values: Mapping[Variable, Any]) -> np.ndarray:
        """The float parameters one after the other: ``(count,)``, or ``(*batch, count)`` where they have batch axes."""
        arrays = [reals(values[p], f"the parameter {name_of(p)}") for p in self.shapes]
        if not arrays:
            return np.empty(0)
        if not self.batch:
            return np.concatenate([array.reshape(-1) for array in arrays])
        rows = [
            np.broadcast_to(array, self.batch + shape).reshape((*self.batch, math.prod(shape)))
            for array, shape in zip(arrays, self.shapes.values(), strict=True)
        ]
        return np.concatenate(rows, axis=-1)


@dataclass(frozen=True)
class States:
    """States as the kernels take them: flat ``q`` and ``v`` (..., n_dof), ``time`` (...), parameters and inputs
    ``packed`` and ``drive`` (..., count), the index ``arrays``, and ``ints``, these and the plans behind them."""

    at: Settled
    q: np.ndarray
    v: np.ndarray
    time: np.ndarray
    packed: np.ndarray
    drive: np.ndarray
    arrays: tuple[np.ndarray, ...]
    ints: np.ndarray

    @property
    def batch(self) -> tuple[int, ...]:
        """The shape in which there are states."""
        rows = (x.shape[:-1] for x in (self.q, self.v, self.packed, self.drive))
        return np.broadcast_shapes(self.time.shape, *rows)

    def one(self, index: tuple[int, ...]) -> States:
        """One of the states."""
        batch = self.batch
        rows = {
            name: np.broadcast_to(x, (*batch, x.shape[-1]))[index].copy()
            for name, x in (("q", self.q), ("v", self.v), ("packed", self.packed), ("drive", self.drive))
        }
        return replace(self, time=np.asarray(np.broadcast_to(self.time, batch)[index]), **rows)

    def shaped(self, result: np.ndarray) -> np.ndarray:
        """A result ``(..., n_dof)`` in the shape in which coordinates are given."""
        return result.reshape(result.shape[:-1] + self.at.own)


class Evaluation(Arguments):
    """A system's kernels, evaluated at states with leading batch axes."""

    def read_states(self, q: Any, v: Any, params: Any, time: Any, inputs: Any) -> States:
        """What users give of states, once for all kernels. ``ValueError`` for what is missing, unknown, misshapen or
        no number."""
        if isinstance(q, Mapping) or isinstance(v, Mapping):
            q = flat_state(self.system, q, "q", params, is_velocity=False)
            v = flat_state(self.system, v, "v", told_by(self.system, np.shape(q), params), is_velocity=True)
        q, v = reals(q, "q"), reals(v, "v")
        q, v = (q if q.ndim else q.reshape(1)), (v if v.ndim else v.reshape(1))
        values = self.named(params)
        sizes = self.system.sizes
        shapes = [(p, integers_of(p, x, ()).item() if p in sizes else _shape(x)) for p, x in values.items()]
        key = (q.shape, v.shape, *shapes)
        at = self._settled.get(key)
        if at is None:
            at = self._settle(q.shape, v.shape, values)
            if len(self._settled) == _CHECKED:
                self._settled.clear()
            self._settled[key] = at
        q, v = (
            x.reshape((*x.shape[: x.ndim - len(own)], -1)) if len(own) > 1 else x
            for x, own in ((q, at.own), (v, at.own_v))
        )
        arrays = tuple(integers_of(p, values[p], self.shape(p, at.sizes)) for p in self.index_arrays)
        ints = np.concatenate([a.reshape(-1) for a in arrays]) if arrays else _NOTHING
        if self.system.constraints:
            given = IndexValues(at.sizes.items(), zip(self.index_arrays, arrays, strict=True))
            ints = self.with_elimination(at.order, ints, given)
        drive = self.input_values(inputs, at.sizes)
        return States(at, q, v, reals(time, "the time"), at.packed(values), drive, arrays, ints)

    @functools.cached_property
    def _settled(self) -> dict[tuple, Settled]:
        return {}

    def _settle(self, of_q: tuple[int, ...], of_v: tuple[int, ...], values: Mapping[Variable, Any]) -> Settled:
        one, leading = dict(values), []  # the parameters without their batch axes
        for p in self.float_parameters:
            if p in values and (axes := len(_shape(values[p])) - len(shape_of(p))) > 0:
                given = _shape(values[p])
                leading.append(given[:axes])
                one[p] = np.broadcast_to(0.0, given[axes:])
        own, told = read_axes(self.system, self.sizes, {"q": of_q, "v": of_v}, one)
        n = math.prod(own["q"])
        if n != math.prod(own["v"]):
            raise ValueError(f"q has the shape {of_q}, v has {of_v}")
        sizes = self.sizes(n, told)
        self.check_given(values)
        shapes = {p: self.shape(p, sizes) for p in self.float_parameters}
        return Settled(own["q"], own["v"], n, sizes, self.order(sizes), shapes, np.broadcast_shapes(*leading))

    def evaluate(self, kernel: CompiledKernel, states: States, length: int) -> np.ndarray:
        """The output of a kernel, ``(*batch, length)``."""
        at, q, v, packed, drive = states.at, states.q, states.v, states.packed, states.drive
        key = id(kernel), ends_of(states.arrays)
        if key not in at.checked:
            given = IndexValues(at.sizes.items(), zip(self.index_arrays, states.arrays, strict=True))
            if self.check(kernel, given):
                if len(at.checked) == _CHECKED:
                    at.checked.clear()
                at.checked[key] = None
        ints = self.with_plan(kernel, at.order, states.ints)
        if q.ndim == v.ndim == packed.ndim == drive.ndim == 1 and states.time.ndim == 0:
            out = np.empty(length)
            kernel.at(at.order)(at.order, ints, _row(q), _row(v), packed, drive, float(states.time), out)
            return out
        batch = states.batch
        total = math.prod(batch)

        def rows(a: np.ndarray, *own: int) -> np.ndarray:
            return np.require(np.broadcast_to(a, (*batch, *own)), float, ["C", "W"]).reshape(total, *own)

        out = np.empty((total, length))
        over = cache.load_module("symdfi.dynamics.loops.batch").over
        if kernel.checked is not None:  # run by the interpreter
            over = over.py_func
        sets = rows(packed, packed.shape[-1]) if packed.ndim > 1 else packed[None]
        arguments = (at.order, ints, rows(q, at.n), rows(v, at.n), sets, rows(drive, drive.shape[-1]))
        threads.run(over, total, kernel.function, *arguments, rows(states.time), out)
        return out.reshape((*batch, length))

    @staticmethod
    def with_plan(kernel: CompiledKernel, sizes: np.ndarray, ints: np.ndarray) -> np.ndarray:
        """The index arrays, and what a kernel that eliminates by a plan finds behind them."""
        if isinstance(kernel, PlannedKernel):
            return with_plans(ints, {kernel.slot: kernel.plans.make(sizes, ints)})
        return ints


def _shape(value: Any) -> tuple[int, ...]:
    return value.shape if isinstance(value, np.ndarray) else () if isinstance(value, float | int) else np.shape(value)


def _row(state: np.ndarray) -> np.ndarray:
    """A state as a kernel takes it."""
    return state if state.flags.carray else np.require(state, requirements=["C", "W"])
