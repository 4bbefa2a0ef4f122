"""Lagrangian systems that compile, and their evaluation on arrays."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from symdfi.compile.kernels import cache, threads
from symdfi.compile.kernels.function import solve_sizes
from symdfi.compile.kernels.kernel import CompiledKernel, count_of, shape_of
from symdfi.compile.program.loops import Variable
from symdfi.dynamics.kernels import Kernels
from symdfi.dynamics.plans import PlannedKernel, with_plans
from symdfi.errors import SingularMatrixError
from symdfi.symbolic import lagrangian as symbolic
from symdfi.symbolic.given import Lookup, name_of
from symdfi.symbolic.maps import largest, smallest

#: How many coordinates of a direction an error names.
_SHOWN = 4


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
    row-major order; leading axes are batch axes. States of a system whose only coordinate has two or more axes may
    be in its shape, ``(..., n, m)``, and so are the results then. ``params`` maps parameters, by symbol or name, to
    a number or an array of the declared shape; sizes that do not follow from the shapes are given there too.
    ``inputs`` maps inputs likewise; ``time`` and inputs may have the batch axes.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return Lagrangian.compile, (self.system,)

    def acceleration(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """q̈ = M⁻¹F for states ``(..., n_dof)``. ``SingularMatrixError`` where M is singular."""
        q, v, own, params = self._states(q, v, params)
        result = self._run(self.acceleration_kernel, q, v, params, time, inputs)
        if not np.isfinite(result).all():
            self._refuse_singular(result, q, v, params, time, inputs)
        return result.reshape((*result.shape[:-1], *own))

    def _refuse_singular(self, result: np.ndarray, q: Any, v: Any, params: Any, time: Any, inputs: Any) -> None:
        """``SingularMatrixError`` for the first state with finite M and F but no finite acceleration."""
        forcing = self.forcing(q, v, params, time, inputs)
        for point in np.argwhere(np.isfinite(forcing).all(axis=-1) & ~np.isfinite(result).all(axis=-1)):
            index = tuple(int(k) for k in point)
            at = [np.broadcast_to(x, result.shape)[index] for x in (q, v)]
            given = {key: np.asarray(x, dtype=float) for key, x in (inputs or {}).items()}
            shapes = {name_of(a): len(shape_of(a)) for a in self.system.inputs}
            own = {k: _of_state(x, x.ndim - shapes[name_of(k)], result.shape[:-1], index) for k, x in given.items()}
            when = _of_state(np.asarray(time, dtype=float), np.ndim(time), result.shape[:-1], index)
            self.refuse_singular(at[0], at[1], params, when, own, partial=result, point=index)

    def refuse_singular(
        self, q: np.ndarray, v: np.ndarray, params: Any, time: Any, inputs: Any, *,
        partial: Any = None, point: tuple[int, ...] = (),
    ) -> None:  # fmt: skip
        """``SingularMatrixError`` for a mass matrix of one state that could not be solved with: where it is singular,
        and along which ``direction``. Nothing happens if M is not finite: then it is not M that failed."""
        # A diagonal alone: the full matrix of a long chain would not fit in memory.
        diagonal = self.system.mass_structure.kind == "diagonal"
        evaluate = self._diagonal if diagonal else self.mass_matrix
        mass = evaluate(q, v, params, time, inputs)
        if not np.isfinite(mass).all():
            return
        if diagonal:
            direction = np.eye(1, q.size, int(np.argmin(np.abs(mass))))[0]
        else:
            values, vectors = np.linalg.eigh(mass)
            direction = vectors[:, np.argmin(np.abs(values))]
        where = f" of state {point}" if point else ""
        raise SingularMatrixError(
            f"the mass matrix is singular at q{where} = {np.array2string(q, threshold=8)}, "
            f"along {self._combination(direction, params)}",
            partial=partial, point=point, direction=direction,
        )  # fmt: skip

    def _diagonal(self, q: Any, v: Any, params: Any, time: Any, inputs: Any) -> np.ndarray:
        return self._run(self.diagonal_kernel, q, v, params, time, inputs)

    def _combination(self, direction: np.ndarray, params: Any) -> str:
        """A direction as the sum of the coordinates with the largest parts in it, the largest part 1."""
        sizes = self.sizes(direction.size, params)
        names = []
        for q in self.system.coordinates:
            for index in np.ndindex(self.shape(q, sizes)):
                names.append(name_of(q) + (f"[{', '.join(map(str, index))}]" if index else ""))
        parts = direction / direction[np.argmax(np.abs(direction))]
        order = np.argsort(-np.abs(parts), kind="stable")
        shown = np.sort(order[np.abs(parts[order]) > 1e-6][:_SHOWN])
        text = " ".join(f"{'-' if parts[k] < 0 else '+'} {_factor(abs(parts[k]))}{names[k]}" for k in shown)
        return text.removeprefix("+ ") + (" + ..." if np.count_nonzero(np.abs(parts) > 1e-6) > _SHOWN else "")

    def energy(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """Σ v ∂L/∂v − L, of shape ``(...)``."""
        q, v, _, params = self._states(q, v, params)
        return self._run(self.energy_kernel, q, v, params, time, inputs, sp.S.One)[..., 0]

    def lagrangian(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """L, of shape ``(...)``."""
        q, v, _, params = self._states(q, v, params)
        return self._run(self.lagrangian_kernel, q, v, params, time, inputs, sp.S.One)[..., 0]

    def momenta(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """p = ∂L/∂v, of shape ``(..., n_dof)``."""
        q, v, own, params = self._states(q, v, params)
        result = self._run(self.momenta_kernel, q, v, params, time, inputs)
        return result.reshape((*result.shape[:-1], *own))

    def forcing(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """F of M q̈ = F, of shape ``(..., n_dof)``."""
        q, v, own, params = self._states(q, v, params)
        result = self._run(self.forcing_kernel, q, v, params, time, inputs)
        return result.reshape((*result.shape[:-1], *own))

    def mass_matrix(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """M in full, of shape ``(..., n_dof, n_dof)``."""
        q, v, _, params = self._states(q, v, params)
        flat = self._run(self.mass_kernel, q, v, params, time, inputs, count_of(self.system.coordinates) ** 2)
        return flat.reshape((*flat.shape[:-1], q.shape[-1], q.shape[-1]))

    @property
    def source(self) -> str:
        """The Python source of the acceleration kernel."""
        return self.acceleration_kernel.readable

    def _run(
        self,
        kernel: CompiledKernel,
        q: np.ndarray,
        v: np.ndarray,
        params: Any,
        time: Any,
        inputs: Any,
        count: sp.Expr | None = None,
    ) -> np.ndarray:
        n = q.shape[-1]
        sizes, ints, packed = self.pack(params, n)
        known = self.sizes(n, params)
        self.check(kernel, self.limits(n, params))
        drive = self.input_values(inputs, known)
        batch = np.broadcast_shapes(q.shape[:-1], v.shape[:-1], np.shape(time), drive.shape[:-1])
        total = int(np.prod(batch, dtype=int))

        def rows(a: np.ndarray, *own: int) -> np.ndarray:
            return np.require(np.broadcast_to(a, (*batch, *own)), float, ["C", "W"]).reshape(total, *own)

        out = np.empty((total, n if count is None else int(sp.sympify(count, strict=True).subs(known))))
        if isinstance(kernel, PlannedKernel):
            ints = with_plans(ints, {kernel.slot: kernel.plans.make(sizes, ints)})
        over = cache.load_module("symdfi.dynamics.loops.batch").over
        if kernel.checked is not None:  # run by the interpreter
            over = over.py_func
        arguments = (sizes, ints, rows(q, n), rows(v, n), packed[None], rows(drive, drive.shape[-1]))
        threads.run(over, total, kernel.function, *arguments, rows(np.asarray(time)), out)
        return out.reshape((*batch, out.shape[1]))

    # Arguments

    def _states(self, q: Any, v: Any, params: Any) -> tuple[np.ndarray, np.ndarray, tuple[int, ...], Any]:
        """q and v flat, ``(..., n_dof)``, the shape of one state as given, and ``params`` with all sizes."""
        q, v = np.atleast_1d(np.asarray(q, dtype=float)), np.atleast_1d(np.asarray(v, dtype=float))
        known = {name_of(p): np.shape(value) or value for p, value in (params or {}).items()}
        key = (q.shape, frozenset((name, value) for name, value in known.items() if isinstance(value, tuple | int)))
        if key not in self._read_states:
            self._read_states[key] = self._read_state(q.shape, params)
        own, sizes = self._read_states[key]
        if v.shape[v.ndim - len(own) :] != own:
            raise ValueError(f"q has the shape {q.shape}, v has {v.shape}")
        q, v = (x.reshape((*x.shape[: x.ndim - len(own)], -1)) for x in (q, v))
        return q, v, own, {**(params or {}), **sizes}

    @functools.cached_property
    def _read_states(self) -> dict[tuple, tuple[tuple[int, ...], dict[sp.Symbol, int]]]:
        return {}

    def _read_state(self, shape: tuple[int, ...], params: Any) -> tuple[tuple[int, ...], dict[sp.Symbol, int]]:
        """The axes of one state among those of an array of states, the last or those of the only coordinate, and
        the sizes. ``ValueError`` where both are possible, or neither."""
        declared = shape_of(self.system.coordinates[0]) if len(self.system.coordinates) == 1 else ()
        own = shape[len(shape) - len(declared) :]
        if len(declared) < 2 or len(shape) < len(declared):
            return shape[-1:], self.sizes(shape[-1], params)
        flat, shaped = self._fitting(shape[-1:], None, params), self._fitting(own, declared, params)
        shown, name = ", ".join(map(str, declared)), name_of(self.system.coordinates[0])
        if flat is not None and shaped is not None:
            either, other = (", ".join(f"{s} = {sizes[s]}" for s in sorted(sizes, key=str)) for sizes in (flat, shaped))
            raise ValueError(
                f"states of shape {shape} may be flat ({either}) or in the shape ({shown}) of {name} ({other}): "
                "give the sizes in params"
            )
        if shaped is not None:
            return own, shaped
        try:
            return shape[-1:], self.sizes(shape[-1], params)
        except ValueError as error:
            total = count_of(self.system.coordinates)
            raise ValueError(
                f"{error}: states of shape {shape} are neither flat, (..., {total}), nor (..., {shown}) as {name} is"
            ) from None

    def _fitting(
        self, own: tuple[int, ...], declared: tuple[sp.Expr, ...] | None, params: Any
    ) -> dict[sp.Symbol, int] | None:
        """The sizes if one state has the axes ``own``; None if ``params`` and the declared shapes contradict that."""
        given = dict(params or {})
        try:
            if declared is not None:
                known = {s: int(value) for s, value in self.named(params).items() if s in self.system.sizes}
                pairs = zip(declared, own, strict=True)
                given |= solve_sizes([("", declared, own, extent, axis) for extent, axis in pairs], known)
            return self.sizes(math.prod(own), given)
        except ValueError:
            return None

    def sizes(self, n_dof: int, params: Mapping[Any, Any] | None = None) -> dict[sp.Symbol, int]:
        """The size symbols from the length of a state, the shapes of the parameters, or given there."""
        given = self.named(params)
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
                raise ValueError(f"the parameter {name_of(symbol)} has shape {shape}, expected {expected}")
            pairs = zip(declared, shape, strict=True)
            pending += [(f"the parameter {name_of(symbol)}", declared, shape, extent, own) for extent, own in pairs]
        found = solve_sizes(pending, given)
        for symbol in sorted(self.system.sizes - set(found), key=str):
            raise ValueError(f"the size {symbol} does not follow from the state and the parameters: give it in params")
        return found

    def shape(self, variable: Variable, sizes: Mapping[sp.Symbol, int]) -> tuple[int, ...]:
        """The extents of a variable as numbers."""
        return tuple(int(sp.sympify(extent, strict=True).subs(sizes)) for extent in shape_of(variable))

    def pack(self, params: Mapping[Any, Any] | None, n_dof: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``(sizes, ints, params)`` as the kernels take them.

        Raises ``ValueError`` for a missing or unknown parameter and for a wrong shape.
        """
        given = self.named(params)
        for symbol in self.system.parameters:
            if symbol not in given:
                names = ", ".join(name_of(p) for p in self.system.parameters)
                raise ValueError(f"no value for the parameter {name_of(symbol)} (needed: {names})")
        sizes = self.sizes(n_dof, params)
        order = [sizes[s] for s in sorted(sizes, key=lambda s: sp.default_sort_key(self.renaming.of(s)))]
        floats = [np.asarray(given[p], dtype=float).ravel() for p in self.float_parameters]
        ints = [_integers(p, given[p], self.shape(p, sizes)).ravel() for p in self.index_arrays]
        return (
            np.array(order, dtype=np.int64),
            np.concatenate(ints) if ints else np.empty(0, np.int64),
            np.concatenate(floats) if floats else np.empty(0),
        )

    def limits(self, n_dof: int, params: Mapping[Any, Any] | None) -> tuple[tuple[sp.Symbol, int], ...]:
        """The sizes and the ends of the index arrays, for ``CompiledKernel.check_sizes``."""
        known, given = dict(self.sizes(n_dof, params)), self.named(params)
        for base in self.index_arrays:
            values = np.asarray(given[base])
            if values.size:
                known |= {smallest(base): int(values.min()), largest(base): int(values.max())}
        return tuple(sorted(known.items(), key=lambda pair: str(pair[0])))

    def check(self, kernel: CompiledKernel, limits: tuple[tuple[sp.Symbol, int], ...]) -> None:
        """Raise ``ValueError`` if a kernel's index leaves its array, or one of the Lagrangian itself does: a force
        on an element that does not exist would just be left out."""
        kernel.check_sizes(limits)
        if self.index_arrays:
            self.lagrangian_kernel.check_sizes(limits)

    @functools.cached_property
    def lookup(self) -> Lookup:
        """Parameters and sizes by symbol and name."""
        return Lookup((*self.system.parameters, *sorted(self.system.sizes, key=sp.default_sort_key)))

    @functools.cached_property
    def _inputs(self) -> Lookup:
        return Lookup(self.system.inputs, "inputs")

    def named(self, values: Mapping[Any, Any] | None) -> dict[Variable, Any]:
        """Parameters and sizes given by name or symbol, by symbol. ``ValueError`` for one that the system lacks."""
        found = {}
        for key, value in (values or {}).items():
            symbol = self.lookup.find(key)
            if symbol is None:
                names = ", ".join(name_of(p) for p in self.system.parameters) or "it has none"
                raise ValueError(f"{name_of(key)} is no parameter of this system: {names}")
            found[symbol] = value
        return found

    def input_values(
        self, inputs: Mapping[Any, Any] | None, sizes: Mapping[sp.Symbol, int], *, batched: bool = True
    ) -> np.ndarray:
        """Values of the inputs, packed along the last axis; batch axes, if allowed, come first."""
        given = self._inputs.read(inputs, lambda name: f"unknown input {name}")
        parts = []
        for symbol in self.system.inputs:
            name = name_of(symbol)
            if symbol not in given:
                raise ValueError(f"no value for the input {name}")
            shape = self.shape(symbol, sizes)
            value = np.asarray(given[symbol], dtype=float)
            batch = value.ndim - len(shape)
            if batch < 0 or value.shape[batch:] != shape or (batch and not batched):
                expected = ", ".join(map(str, ("...", *shape) if batched else shape))
                raise ValueError(f"the input {name} has shape {value.shape}, expected ({expected})")
            parts.append(value.reshape((*value.shape[:batch], -1)))
        if not parts:
            return np.empty(0)
        common = np.broadcast_shapes(*(p.shape[:-1] for p in parts))
        return np.concatenate([np.broadcast_to(p, (*common, p.shape[-1])) for p in parts], axis=-1)


def _factor(part: float) -> str:
    return "" if abs(part - 1) < 5e-4 else f"{part:.3g} "


def _of_state(value: np.ndarray, batch: int, axes: tuple[int, ...], index: tuple[int, ...]) -> np.ndarray:
    """What one state of a batch has of ``value``, the first ``batch`` axes of which are batch axes."""
    return np.broadcast_to(value, (*axes, *value.shape[batch:]))[index]


def _integers(symbol: Variable, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "iu" or array.shape != shape:
        raise ValueError(f"{symbol} takes integers of shape {shape}, not {array.dtype} of shape {array.shape}")
    return array.astype(np.int64)
