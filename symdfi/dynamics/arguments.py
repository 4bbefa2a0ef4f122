"""What is given to a compiled system, as its kernels take it: sizes, parameters, index arrays and inputs."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from symdfi.choices import meant
from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.compile.kernels.function import solve_sizes
from symdfi.compile.kernels.groups import count_of, shape_of
from symdfi.compile.kernels.index_values import IndexValues
from symdfi.compile.program.loops import Variable
from symdfi.dynamics.kernels import Kernels
from symdfi.numbers import reals
from symdfi.symbolic.given import Lookup, as_declared, name_of

#: How many shapes of variables are remembered.
_REMEMBERED = 1024


class Arguments(Kernels):
    """A system's kernels, and their arguments from what users give."""

    def length(self, params: Mapping[Any, Any] | None) -> int:
        """The number of degrees of freedom that the parameters tell."""
        given, total = self.named(params), count_of(self.system.coordinates)
        known = {s: integers_of(s, given[s], ()).item() for s in self.system.sizes if s in given}
        pairs = [(p, extent, own) for p in self.system.parameters if p in given
                 for extent, own in zip(shape_of(p), np.shape(given[p]), strict=False)]  # fmt: skip
        told = solve_sizes([(name_of(p), shape_of(p), np.shape(given[p]), *pair) for p, *pair in pairs], known)
        if not (found := total.subs(told)).is_Integer:
            raise ValueError(f"the number of degrees of freedom, {total}, does not follow from params: give n_dof")
        return int(found)

    def sizes(self, n_dof: int, params: Mapping[Any, Any] | None = None) -> dict[sp.Symbol, int]:
        """The size symbols from the length of a state, the shapes of the parameters, or given there."""
        given = self.named(params)
        found = {s: integers_of(s, given[s], ()).item() for s in self.system.sizes if s in given}
        shapes = {p: np.shape(given[p]) for p in self.system.parameters if p in given}
        key = (n_dof, frozenset(found.items()), frozenset(shapes.items()))
        if key not in self._solved_sizes:
            self._solved_sizes[key] = self._solve_sizes(n_dof, found, shapes)
        return self._solved_sizes[key]

    @functools.cached_property
    def _solved_sizes(self) -> dict[tuple, dict[sp.Symbol, int]]:
        return {}

    def _solve_sizes(self, n_dof: int, given: dict[sp.Symbol, int], shapes: dict) -> dict[sp.Symbol, int]:
        for symbol, value in given.items():
            if value < 1 and symbol not in self.system.counts:
                raise ValueError(f"the size {symbol} = {value} must be at least 1")
            as_declared(symbol, value)
        total = (count_of(self.system.coordinates),)
        pending: list[tuple] = [("the state", total, (n_dof,), total[0], n_dof)]
        for symbol, shape in shapes.items():
            declared = shape_of(symbol)
            if len(shape) != len(declared):
                expected = f"({', '.join(map(str, declared))})" if declared else "a number"
                raise ValueError(f"the parameter {name_of(symbol)} has shape {shape}, expected {expected}")
            pairs = zip(declared, shape, strict=True)
            pending += [(f"the parameter {name_of(symbol)}", declared, shape, extent, own) for extent, own in pairs]
        found = solve_sizes(pending, given)
        for symbol in sorted(self.system.sizes - set(found), key=str):
            inside = (k for element in self.system.L.atoms(sp.Indexed) for k in element.indices)
            is_index = any(symbol in k.free_symbols for k in inside)
            otherwise = f", or sum over it, Sum(..., ({symbol}, 0, n - 1)), if it is an index" if is_index else ""
            raise ValueError(
                f"the size {symbol} does not follow from the state and the parameters: give it in params{otherwise}"
            )
        return found

    def shape(self, variable: Variable, sizes: Mapping[sp.Symbol, int]) -> tuple[int, ...]:
        """The extents of a variable as numbers."""
        key = (variable, *sizes.items())
        if key not in self._shapes:
            if len(self._shapes) == _REMEMBERED:
                self._shapes.clear()
            extents = (int(sp.sympify(extent, strict=True).subs(sizes)) for extent in shape_of(variable))
            self._shapes[key] = tuple(extents)
        return self._shapes[key]

    @functools.cached_property
    def _shapes(self) -> dict[tuple, tuple[int, ...]]:
        return {}

    def pack(self, params: Mapping[Any, Any] | None, n_dof: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``(sizes, ints, params)`` as the kernels take them.

        Raises ``ValueError`` for a missing or unknown parameter and for a wrong shape.
        """
        given = self.named(params)
        self.check_given(given)
        sizes = self.sizes(n_dof, params)
        floats = [reals(given[p], f"the parameter {name_of(p)}").ravel() for p in self.float_parameters]
        found = [integers_of(p, given[p], self.shape(p, sizes)).ravel() for p in self.index_arrays]
        extents, ints = self.order(sizes), np.concatenate([np.empty(0, np.int64), *found])
        if self.system.constraints:
            ints = self.with_elimination(extents, ints, self.index_values(n_dof, params))
        return extents, ints, np.concatenate(floats) if floats else np.empty(0)

    def with_elimination(self, extents: np.ndarray, ints: np.ndarray, given: IndexValues) -> np.ndarray:
        """The index arrays, then the plan of an elimination under constraints. ``ValueError``, naming it, for an index
        that leaves its array."""
        if not self.constrained.is_planned(extents, ints):
            for check in self.constrained.checks:
                check.require(given.known, given.by_label)
        return self.constrained.with_plan(extents, ints)

    def check_given(self, values: Mapping[Variable, Any]) -> None:
        """``ValueError`` for a parameter without a value."""
        for symbol in self.system.parameters:
            if symbol not in values:
                names, name = ", ".join(map(name_of, self.system.parameters)), name_of(symbol)
                raise ValueError(
                    f"no value for the parameter {name} (needed: {names}): give params={{{name}: ...}}, or, for a "
                    f"function of time, Lagrangian(..., inputs=[{name}])"
                )

    def order(self, sizes: Mapping[sp.Symbol, int]) -> np.ndarray:
        """The sizes as the kernels take them."""
        order = sorted(sizes, key=lambda s: sp.default_sort_key(self.renaming.of(s)))
        return np.array([sizes[s] for s in order], dtype=np.int64)

    def index_values(self, n_dof: int, params: Mapping[Any, Any] | None) -> IndexValues:
        """The sizes and the index arrays as they are now, for ``check``."""
        sizes, given = self.sizes(n_dof, params), self.named(params)
        arrays = ((p, integers_of(p, given[p], self.shape(p, sizes)).copy()) for p in self.index_arrays)
        return IndexValues(sizes.items(), arrays)

    def check(self, kernel: CompiledKernel, given: IndexValues) -> bool:
        """``ValueError`` if a kernel's index leaves its array, or one of the Lagrangian itself does: a force on an
        element that does not exist would just be left out. Else whether the ends of the index arrays tell that."""
        settled = kernel.check(given)
        return self.lagrangian_kernel.check(given) and settled if self.index_arrays else settled

    @functools.cached_property
    def lookup(self) -> Lookup:
        """Parameters and sizes by symbol and name."""
        return Lookup((*self.system.parameters, *sorted(self.system.sizes, key=sp.default_sort_key)))

    @functools.cached_property
    def _inputs(self) -> Lookup:
        return Lookup(self.system.inputs, "inputs")

    def named(self, values: Mapping[Any, Any] | None) -> dict[Variable, Any]:
        """Parameters and sizes given by name or symbol, by symbol, and those that belong to the system. ``ValueError``
        for one that it lacks, and for two values of one that differ."""
        found: dict[Variable, Any] = {}
        if values is not None and not isinstance(values, Mapping):
            raise TypeError(
                f"params are given as a {type(values).__name__}: give a dict, {{k: 1.0}}, by symbol or name"
            )
        for key, value in (values or {}).items():
            symbol = self.lookup.find(key)
            if symbol is None:
                names = ", ".join(name_of(p) for p in self.system.parameters) or "it has none"
                close = meant(name_of(key), map(name_of, self.system.parameters))
                raise ValueError(f"{name_of(key)} is no parameter of this system: {names}{close}")
            if symbol in found and not np.array_equal(found[symbol], value):
                raise ValueError(f"params: two values are given for {name_of(symbol)}")
            found[symbol] = value
        return {**self.system.values, **found}

    def input_values(
        self, inputs: Mapping[Any, Any] | None, sizes: Mapping[sp.Symbol, int], *, batched: bool = True
    ) -> np.ndarray:
        """Values of the inputs, packed along the last axis; batch axes, if allowed, come first."""
        given = self._inputs.read(inputs, lambda name: f"unknown input {name}")
        parts = []
        for symbol in self.system.inputs:
            name = name_of(symbol)
            if symbol not in given:
                raise ValueError(
                    f"no value for the input {name}: give inputs={{{name}: ...}}, a number or a function of t"
                )
            shape = self.shape(symbol, sizes)
            value = reals(given[symbol], f"the input {name}")
            batch = value.ndim - len(shape)
            if batch < 0 or value.shape[batch:] != shape or (batch and not batched):
                expected = ", ".join(map(str, ("...", *shape) if batched else shape))
                raise ValueError(
                    f"the input {name} has shape {value.shape}, expected ({expected}): give one value, or a "
                    "function of time, of samples lambda t: np.interp(t, times, samples)"
                )
            parts.append(value.reshape((*value.shape[:batch], -1)))
        if not parts:
            return np.empty(0)
        common = np.broadcast_shapes(*(p.shape[:-1] for p in parts))
        return np.concatenate([np.broadcast_to(p, (*common, p.shape[-1])) for p in parts], axis=-1)


def integers_of(symbol: Variable, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """An index array, or a size where the shape is (). ``ValueError`` for other numbers and shapes."""
    array = np.asarray(value)
    if array.dtype.kind not in "iu" or array.shape != shape:
        raise ValueError(f"{symbol} takes integers of shape {shape}, not {array.dtype} of shape {array.shape}")
    return array.astype(np.int64, copy=False)
