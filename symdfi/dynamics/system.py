"""Lagrangian systems that compile, and their evaluation on arrays."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from symdfi.compile import cache, threads
from symdfi.compile.bounds import largest, smallest
from symdfi.compile.function import solve_sizes
from symdfi.compile.kernel import CompiledKernel, count_of, shape_of
from symdfi.compile.loops import Variable
from symdfi.dynamics.kernels import Kernels
from symdfi.errors import SingularMatrixError
from symdfi.symbolic import lagrangian as symbolic


class Lagrangian(symbolic.Lagrangian):
    """A Lagrangian system that compiles (see ``symdfi.symbolic.lagrangian.Lagrangian`` for the arguments)."""

    def compile(self) -> CompiledLagrangian:
        """The kernels of this system, each compiled when it is first used."""
        return self._compiled

    @functools.cached_property
    def _compiled(self) -> CompiledLagrangian:
        return CompiledLagrangian(self)


class CompiledLagrangian(Kernels):
    """A system on numbers: acceleration, energy, Lagrangian, momenta, forcing and mass matrix.

    States are arrays ``(..., n_dof)`` with the coordinates one after the other in declared order, each in
    row-major order; leading axes are batch axes. ``params`` maps parameters, by symbol or name, to a number
    or an array of the declared shape; sizes that do not follow from the shapes (a lattice n × m) are given
    there too. ``inputs`` maps inputs likewise; ``time`` and inputs may have the batch axes.
    """

    def acceleration(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """q̈ = M⁻¹F for states ``(..., n_dof)``. ``SingularMatrixError`` where M is singular."""
        result = self._run(self.acceleration_kernel, q, v, params, time, inputs)
        if not np.isfinite(result).all():
            self._refuse_singular(result, q, v, params, time, inputs)
        return result

    def _refuse_singular(self, result: np.ndarray, q: Any, v: Any, params: Any, time: Any, inputs: Any) -> None:
        """``SingularMatrixError`` for the first state with finite M and F but no finite acceleration."""
        forcing = self.forcing(q, v, params, time, inputs)
        mass = self.mass_matrix(q, v, params, time, inputs)
        known = np.isfinite(forcing).all(axis=-1) & np.isfinite(mass).all(axis=(-2, -1))
        for point in np.argwhere(known & ~np.isfinite(result).all(axis=-1)):
            index = tuple(int(k) for k in point)
            at = np.broadcast_to(np.atleast_1d(np.asarray(q, dtype=float)), result.shape)[index]
            where = f" of state {index}" if index else ""
            raise SingularMatrixError(
                f"the mass matrix is singular at q{where} = {np.array2string(at, threshold=8)}",
                partial=result, point=index,
            )  # fmt: skip

    def energy(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """Σ v ∂L/∂v − L, of shape ``(...)``."""
        return self._run(self.energy_kernel, q, v, params, time, inputs, sp.S.One)[..., 0]

    def lagrangian(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """L, of shape ``(...)``."""
        return self._run(self.lagrangian_kernel, q, v, params, time, inputs, sp.S.One)[..., 0]

    def momenta(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """p = ∂L/∂v, of shape ``(..., n_dof)``."""
        return self._run(self.momenta_kernel, q, v, params, time, inputs)

    def forcing(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """F of M q̈ = F, of shape ``(..., n_dof)``."""
        return self._run(self.forcing_kernel, q, v, params, time, inputs)

    def mass_matrix(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """M in full, of shape ``(..., n_dof, n_dof)``."""
        count = count_of(self.system.coordinates) ** 2
        flat = self._run(self.mass_kernel, q, v, params, time, inputs, count)
        n = np.shape(q)[-1] if np.ndim(q) else 1
        return flat.reshape((*flat.shape[:-1], n, n))

    @property
    def source(self) -> str:
        """The Python source of the acceleration kernel."""
        return self.acceleration_kernel.source

    def _run(
        self,
        kernel: CompiledKernel,
        q: Any,
        v: Any,
        params: Any,
        time: Any,
        inputs: Any,
        count: sp.Expr | None = None,
    ) -> np.ndarray:
        q, v = np.atleast_1d(np.asarray(q, dtype=float)), np.atleast_1d(np.asarray(v, dtype=float))
        if q.shape[-1] != v.shape[-1]:
            raise ValueError(f"q has {q.shape[-1]} degrees of freedom, v has {v.shape[-1]}")
        n = q.shape[-1]
        sizes, ints, packed = self.pack(params, n)
        known = self.sizes(n, params)
        self.check(kernel, self.limits(n, params))
        drive = self.input_values(inputs, known)
        batch = np.broadcast_shapes(q.shape[:-1], v.shape[:-1], np.shape(time), drive.shape[:-1])
        total = int(np.prod(batch, dtype=int))

        def rows(a: np.ndarray, *own: int) -> np.ndarray:
            return np.require(np.broadcast_to(a, (*batch, *own)), float, ["C", "W"]).reshape(total, *own)

        out = np.empty((total, n if count is None else int(sp.sympify(count).subs(known))))
        over = cache.load_module("symdfi.dynamics.loops.batch").over
        arguments = (sizes, ints, rows(q, n), rows(v, n), packed, rows(drive, drive.shape[-1]))
        threads.run(over, total, kernel.function, *arguments, rows(np.asarray(time)), out)
        return out.reshape((*batch, out.shape[1]))

    # Arguments

    def sizes(self, n_dof: int, params: Mapping[Any, Any] | None = None) -> dict[sp.Symbol, int]:
        """The size symbols from the length of a state, the shapes of the parameters, or given there."""
        given = self._named(params)
        found = {s: _integers(s, given[s], ()).item() for s in self.system.sizes if s in given}
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
            if value < 1:
                raise ValueError(f"the size {symbol} = {value} must be at least 1")
        total = (count_of(self.system.coordinates),)
        pending: list[tuple] = [("the state", total, (n_dof,), total[0], n_dof)]
        for symbol, shape in shapes.items():
            declared = shape_of(symbol)
            if len(shape) != len(declared):
                expected = f"({', '.join(map(str, declared))})" if declared else "a number"
                raise ValueError(f"the parameter {_name(symbol)} has shape {shape}, expected {expected}")
            pairs = zip(declared, shape, strict=True)
            pending += [(f"the parameter {_name(symbol)}", declared, shape, extent, own) for extent, own in pairs]
        found = solve_sizes(pending, given)
        for symbol in sorted(self.system.sizes - set(found), key=str):
            raise ValueError(f"the size {symbol} does not follow from the state and the parameters: give it in params")
        return found

    def shape(self, variable: Variable, sizes: Mapping[sp.Symbol, int]) -> tuple[int, ...]:
        """The extents of a variable as numbers."""
        return tuple(int(sp.sympify(extent).subs(sizes)) for extent in shape_of(variable))

    def pack(self, params: Mapping[Any, Any] | None, n_dof: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``(sizes, ints, params)`` as the kernels take them.

        Raises ``ValueError`` for a missing or unknown parameter and for a wrong shape.
        """
        given = self._named(params)
        for symbol in self.system.parameters:
            if symbol not in given:
                names = ", ".join(_name(p) for p in self.system.parameters)
                raise ValueError(f"no value for the parameter {_name(symbol)} (needed: {names})")
        sizes = self.sizes(n_dof, params)
        order = [sizes[s] for s in sorted(sizes, key=lambda s: s.name)]
        floats = [np.asarray(given[p], dtype=float).ravel() for p in self._floats]
        ints = [_integers(p, given[p], self.shape(p, sizes)).ravel() for p in self._ints]
        return (
            np.array(order, dtype=np.int64),
            np.concatenate(ints) if ints else np.empty(0, np.int64),
            np.concatenate(floats) if floats else np.empty(0),
        )

    def limits(self, n_dof: int, params: Mapping[Any, Any] | None) -> tuple[tuple[sp.Symbol, int], ...]:
        """The sizes and the ends of the index arrays, for ``CompiledKernel.check_sizes``."""
        known, given = dict(self.sizes(n_dof, params)), self._named(params)
        for base in self._ints:
            values = np.asarray(given[base])
            if values.size:
                known |= {smallest(base): int(values.min()), largest(base): int(values.max())}
        return tuple(sorted(known.items(), key=lambda pair: str(pair[0])))

    def check(self, kernel: CompiledKernel, limits: tuple[tuple[sp.Symbol, int], ...]) -> None:
        """Raise ``ValueError`` if a kernel's index leaves its array, or one of the Lagrangian itself does: a force
        on an element that does not exist would just be left out."""
        kernel.check_sizes(limits)
        if self._ints:
            self.lagrangian_kernel.check_sizes(limits)

    def _named(self, values: Mapping[Any, Any] | None) -> dict[Variable, Any]:
        by_name = {_name(p): p for p in (*self.system.parameters, *self.system.sizes)}
        found = {}
        for key, value in (values or {}).items():
            if _name(key) not in by_name:
                names = ", ".join(_name(p) for p in self.system.parameters) or "it has none"
                raise ValueError(f"{_name(key)} is no parameter of this system: {names}")
            found[by_name[_name(key)]] = value
        return found

    def input_values(
        self, inputs: Mapping[Any, Any] | None, sizes: Mapping[sp.Symbol, int], *, batched: bool = True
    ) -> np.ndarray:
        """Values of the inputs, packed along the last axis; batch axes, if allowed, come first."""
        notation = {_name(a): a for a in self.system.inputs}
        given = {_name(k): value for k, value in (inputs or {}).items()}
        for name in given:
            if name not in notation:
                raise ValueError(f"unknown input {name}")
        parts = []
        for name, symbol in notation.items():
            if name not in given:
                raise ValueError(f"no value for the input {name}")
            shape = self.shape(symbol, sizes)
            value = np.asarray(given[name], dtype=float)
            batch = value.ndim - len(shape)
            if batch < 0 or value.shape[batch:] != shape or (batch and not batched):
                expected = ", ".join(map(str, ("...", *shape) if batched else shape))
                raise ValueError(f"the input {name} has shape {value.shape}, expected ({expected})")
            parts.append(value.reshape((*value.shape[:batch], -1)))
        if not parts:
            return np.empty(0)
        common = np.broadcast_shapes(*(p.shape[:-1] for p in parts))
        return np.concatenate([np.broadcast_to(p, (*common, p.shape[-1])) for p in parts], axis=-1)


def _name(key: Any) -> str:
    if isinstance(key, sp.IndexedBase):
        return str(key.label)
    return key.func.__name__ if isinstance(key, sp.Function) else str(key)


def _integers(symbol: Variable, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "iu" or array.shape != shape:
        raise ValueError(f"{symbol} takes integers of shape {shape}, not {array.dtype} of shape {array.shape}")
    return array.astype(np.int64)
