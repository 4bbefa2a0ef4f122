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
from symdfi.compile.kernels.index_values import IndexValues, ends_of
from symdfi.compile.kernels.kernel import CompiledKernel, count_of, shape_of
from symdfi.compile.program.loops import Variable
from symdfi.dynamics.bound import BoundLagrangian, Settled
from symdfi.dynamics.holding import Holding
from symdfi.dynamics.plans import PlannedKernel, with_plans
from symdfi.errors import SingularMatrixError
from symdfi.numbers import count, reals
from symdfi.symbolic import lagrangian as symbolic
from symdfi.symbolic.given import Lookup, name_of

#: How many coordinates of a direction an error names.
_SHOWN = 4
#: How many sets of shapes, and of ends of index arrays, are remembered.
_CHECKED = 1024
_NOTHING = np.empty(0, np.int64)
#: Up to so many coordinates a mass matrix is looked at in full.
_IN_FULL = 3000


class Lagrangian(symbolic.Lagrangian):
    """A Lagrangian system that compiles (see ``symdfi.symbolic.lagrangian.Lagrangian`` for the arguments)."""

    def compile(self) -> CompiledLagrangian:
        """The kernels of this system, each compiled when it is first used."""
        return self._compiled

    @functools.cached_property
    def _compiled(self) -> CompiledLagrangian:
        return CompiledLagrangian(self)


class CompiledLagrangian(Holding):
    """A system on numbers: acceleration, energy, Lagrangian, momenta, forcing and mass matrix.

    States are arrays ``(..., n_dof)`` with the coordinates one after the other in declared order, each in
    row-major order; leading axes are batch axes. States of a system whose only coordinate has two or more axes may
    be in its shape, ``(..., n, m)``, and so are the results then. ``params`` maps parameters, by symbol or name, to
    a number or an array of the declared shape; sizes that do not follow from the shapes are given there too.
    ``inputs`` maps inputs likewise; ``time``, inputs, and parameters other than index arrays may have batch axes.

    The formulas are evaluated as NumPy would: what overflows is infinite, what has no value is NaN, without a warning
    (and, in another order of the operations, not always where NumPy's would be). ``integrate`` lets no such number
    through. What is given may be any real number, infinite or NaN as well; ``ValueError`` for anything else.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return Lagrangian.compile, (self.system,)

    def acceleration(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """q̈ of M q̈ = F (+ Gᵀλ under constraints) for states ``(..., n_dof)``.

        ``SingularMatrixError`` where M is singular; with constraints where [[M, Gᵀ], [G, 0]] is, and then it says
        which constraint follows from the others.
        """
        q, v, values, at = self._states(q, v, params)
        result = self._run(self.acceleration_kernel, q, v, values, at, time, inputs, at.n)
        if not np.isfinite(result).all():
            self._refuse_singular(result, q, v, values, time, inputs)
        return result.reshape(result.shape[:-1] + at.own)

    def bind(
        self, params: Mapping[Any, Any] | None = None, *, n_dof: int | None = None, inputs: Any = None
    ) -> BoundLagrangian:
        """The system at one size, with its parameters and inputs settled, for many calls of microseconds.

            bound = system.compile().bind({k: 1.0}, n_dof=64)
            bound.acceleration(q, v, t)

        ``n_dof`` may be left out where the parameters' shapes and sizes tell it. Raises ``ValueError`` as a call does.
        """
        n = self._length(params) if n_dof is None else count(n_dof, "n_dof", 1)
        params = dict(params or {})
        order, ints, packed = self.pack(params, n)
        given, drive = self.index_values(n, params), self.input_values(inputs, self.sizes(n, params), batched=False)

        def prepare(kernel: CompiledKernel) -> np.ndarray:
            self.check(kernel, given)
            return self.with_plan(kernel, order, ints)

        def refuse(q: Any, v: Any, t: float) -> None:
            self.acceleration(q, v, params, t, inputs)

        return BoundLagrangian(self, n, (order, packed), drive, prepare, refuse)

    def _length(self, params: Mapping[Any, Any] | None) -> int:
        """The number of degrees of freedom that the parameters tell."""
        given, total = self.named(params), count_of(self.system.coordinates)
        known = {s: _integers(s, given[s], ()).item() for s in self.system.sizes if s in given}
        pairs = [(p, extent, own) for p in self.system.parameters if p in given
                 for extent, own in zip(shape_of(p), np.shape(given[p]), strict=False)]  # fmt: skip
        told = solve_sizes([(name_of(p), shape_of(p), np.shape(given[p]), *pair) for p, *pair in pairs], known)
        if not (found := total.subs(told)).is_Integer:
            raise ValueError(f"the number of degrees of freedom, {total}, does not follow from params: give n_dof")
        return int(found)

    def _refuse_singular(self, result: np.ndarray, q: Any, v: Any, params: Any, time: Any, inputs: Any) -> None:
        """``SingularMatrixError`` for the first state with finite M and F but no finite acceleration."""
        forcing = self.forcing(q, v, params, time, inputs)
        for point in np.argwhere(np.isfinite(forcing).all(axis=-1) & ~np.isfinite(result).all(axis=-1)):
            index = tuple(int(k) for k in point)
            at = [np.broadcast_to(x, result.shape)[index] for x in (q, v)]
            given = {key: np.asarray(x, dtype=float) for key, x in (inputs or {}).items()}
            shapes = {name_of(a): len(shape_of(a)) for a in self.system.inputs}
            own = {k: _of_state(x, x.ndim - shapes[name_of(k)], result.shape[:-1], index) for k, x in given.items()}
            values = {p: np.asarray(x) for p, x in params.items()}
            member = {p: _of_state(x, x.ndim - len(shape_of(p)), result.shape[:-1], index) for p, x in values.items()}
            when = _of_state(np.asarray(time, dtype=float), np.ndim(time), result.shape[:-1], index)
            self.refuse_singular(at[0], at[1], member, when, own, partial=result, point=index)

    def refuse_singular(
        self, q: np.ndarray, v: np.ndarray, params: Any, time: Any, inputs: Any, *,
        partial: Any = None, point: tuple[int, ...] = (),
    ) -> None:  # fmt: skip
        """``SingularMatrixError`` for a mass matrix of one state that could not be solved with: where it is singular,
        and along which ``direction`` (None for a coupled system of more than 3000 coordinates). Nothing happens if M is
        not finite: then it is not M that failed."""
        if self.system.constraints:
            self.refuse_dependent(q, v, params, time, inputs, partial=partial, point=point)
            return
        # A diagonal alone: the full matrix of a long chain would not fit in memory.
        diagonal = self.system.mass_structure.kind == "diagonal"
        where = f" of state {point}" if point else ""
        if not diagonal and q.size > _IN_FULL:
            raise SingularMatrixError(
                f"the mass matrix is singular, or needs pivoting, at q{where} = {np.array2string(q, threshold=8)}; "
                f"with {q.size} coordinates it is too large to tell along which",
                partial=partial, point=point, direction=None,
            )  # fmt: skip
        evaluate = self._diagonal if diagonal else self.mass_matrix
        mass = evaluate(q, v, params, time, inputs)
        if not np.isfinite(mass).all():
            return
        if diagonal:
            direction = np.eye(1, q.size, int(np.argmin(np.abs(mass))))[0]
        else:
            values, vectors = np.linalg.eigh(mass)
            direction = vectors[:, np.argmin(np.abs(values))]
        raise SingularMatrixError(
            f"the mass matrix is singular at q{where} = {np.array2string(q, threshold=8)}, "
            f"along {self._combination(direction, params)}",
            partial=partial, point=point, direction=direction,
        )  # fmt: skip

    def _diagonal(self, q: Any, v: Any, params: Any, time: Any, inputs: Any) -> np.ndarray:
        q, v, values, at = self._states(q, v, params)
        return self._run(self.diagonal_kernel, q, v, values, at, time, inputs, at.n)

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
        q, v, values, at = self._states(q, v, params)
        return self._run(self.energy_kernel, q, v, values, at, time, inputs, 1)[..., 0]

    def lagrangian(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """L, of shape ``(...)``."""
        q, v, values, at = self._states(q, v, params)
        return self._run(self.lagrangian_kernel, q, v, values, at, time, inputs, 1)[..., 0]

    def momenta(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """p = ∂L/∂v, of shape ``(..., n_dof)``."""
        q, v, values, at = self._states(q, v, params)
        result = self._run(self.momenta_kernel, q, v, values, at, time, inputs, at.n)
        return result.reshape(result.shape[:-1] + at.own)

    def forcing(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """F of M q̈ = F, of shape ``(..., n_dof)``."""
        q, v, values, at = self._states(q, v, params)
        result = self._run(self.forcing_kernel, q, v, values, at, time, inputs, at.n)
        return result.reshape(result.shape[:-1] + at.own)

    def mass_matrix(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """M in full, of shape ``(..., n_dof, n_dof)``."""
        q, v, values, at = self._states(q, v, params)
        flat = self._run(self.mass_kernel, q, v, values, at, time, inputs, at.n**2)
        return flat.reshape((*flat.shape[:-1], at.n, at.n))

    @property
    def source(self) -> str:
        """The Python source of the acceleration kernel."""
        return self.acceleration_kernel.readable

    def _run(
        self,
        kernel: CompiledKernel,
        q: np.ndarray,
        v: np.ndarray,
        values: Mapping[Variable, Any],
        at: Settled,
        time: Any,
        inputs: Any,
        length: int,
    ) -> np.ndarray:
        """The output of a kernel, ``(*batch, length)``."""
        arrays = [_integers(p, values[p], self.shape(p, at.sizes)) for p in self.index_arrays]
        key = id(kernel), ends_of(arrays)
        if key not in at.checked:
            given = IndexValues(at.sizes.items(), zip(self.index_arrays, arrays, strict=True))
            if self.check(kernel, given):
                if len(at.checked) == _CHECKED:
                    at.checked.clear()
                at.checked[key] = None
        ints = np.concatenate([a.reshape(-1) for a in arrays]) if arrays else _NOTHING
        if self.system.constraints:
            ints = self.constrained.with_plan(at.order, ints)
        ints = self.with_plan(kernel, at.order, ints)
        packed, drive = at.packed(values), self.input_values(inputs, at.sizes)
        time = reals(time, "the time")
        if q.ndim == v.ndim == drive.ndim == 1 and not at.batch and time.ndim == 0:
            out = np.empty(length)
            kernel.function(at.order, ints, _row(q), _row(v), packed, drive, float(time), out)
            return out
        batch = np.broadcast_shapes(q.shape[:-1], v.shape[:-1], time.shape, drive.shape[:-1], at.batch)
        total = int(np.prod(batch, dtype=int))

        def rows(a: np.ndarray, *own: int) -> np.ndarray:
            return np.require(np.broadcast_to(a, (*batch, *own)), float, ["C", "W"]).reshape(total, *own)

        out = np.empty((total, length))
        over = cache.load_module("symdfi.dynamics.loops.batch").over
        if kernel.checked is not None:  # run by the interpreter
            over = over.py_func
        sets = rows(packed, packed.shape[-1]) if at.batch else packed[None]
        arguments = (at.order, ints, rows(q, at.n), rows(v, at.n), sets, rows(drive, drive.shape[-1]))
        threads.run(over, total, kernel.function, *arguments, rows(time), out)
        return out.reshape((*batch, length))

    @staticmethod
    def with_plan(kernel: CompiledKernel, sizes: np.ndarray, ints: np.ndarray) -> np.ndarray:
        """The index arrays, and what a kernel that eliminates by a plan finds behind them."""
        if isinstance(kernel, PlannedKernel):
            return with_plans(ints, {kernel.slot: kernel.plans.make(sizes, ints)})
        return ints

    # Arguments

    def _states(self, q: Any, v: Any, params: Any) -> tuple[np.ndarray, np.ndarray, dict[Variable, Any], Settled]:
        """q and v flat, ``(..., n_dof)``, the parameters by symbol, and what their shapes settle."""
        q, v = reals(q, "q"), reals(v, "v")
        q, v = (q if q.ndim else q.reshape(1)), (v if v.ndim else v.reshape(1))
        values = self.named(params)
        sizes = self.system.sizes
        shapes = [(p, _integers(p, x, ()).item() if p in sizes else _shape(x)) for p, x in values.items()]
        key = (q.shape, *shapes)
        at = self._settled.get(key)
        if at is None:
            at = self._settle(q.shape, values)
            if len(self._settled) == _CHECKED:
                self._settled.clear()
            self._settled[key] = at
        own = at.own
        if v.shape[v.ndim - len(own) :] != own:
            raise ValueError(f"q has the shape {q.shape}, v has {v.shape}")
        if len(own) > 1:
            q, v = (x.reshape((*x.shape[: x.ndim - len(own)], -1)) for x in (q, v))
        return q, v, values, at

    @functools.cached_property
    def _settled(self) -> dict[tuple, Settled]:
        return {}

    def _settle(self, shape: tuple[int, ...], values: Mapping[Variable, Any]) -> Settled:
        one, leading = dict(values), []  # the parameters without their batch axes
        for p in self.float_parameters:
            if p in values and (axes := len(_shape(values[p])) - len(shape_of(p))) > 0:
                given = _shape(values[p])
                leading.append(given[:axes])
                one[p] = np.broadcast_to(0.0, given[axes:])
        own, sizes = self._read_state(shape, one)
        for symbol in self.system.parameters:
            if symbol not in values:
                names = ", ".join(name_of(p) for p in self.system.parameters)
                raise ValueError(f"no value for the parameter {name_of(symbol)} (needed: {names})")
        shapes = {p: self.shape(p, sizes) for p in self.float_parameters}
        batch = np.broadcast_shapes(*leading)
        return Settled(own, math.prod(own), sizes, self._order(sizes), shapes, batch)

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
        key = (variable, *sizes.items())
        if key not in self._shapes:
            if len(self._shapes) == _CHECKED:
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
        for symbol in self.system.parameters:
            if symbol not in given:
                names = ", ".join(name_of(p) for p in self.system.parameters)
                raise ValueError(f"no value for the parameter {name_of(symbol)} (needed: {names})")
        sizes = self.sizes(n_dof, params)
        floats = [reals(given[p], f"the parameter {name_of(p)}").ravel() for p in self.float_parameters]
        found = [_integers(p, given[p], self.shape(p, sizes)).ravel() for p in self.index_arrays]
        extents, ints = self._order(sizes), np.concatenate([_NOTHING, *found])
        if self.system.constraints:
            ints = self.constrained.with_plan(extents, ints)
        return extents, ints, np.concatenate(floats) if floats else np.empty(0)

    def _order(self, sizes: Mapping[sp.Symbol, int]) -> np.ndarray:
        """The sizes as the kernels take them."""
        order = sorted(sizes, key=lambda s: sp.default_sort_key(self.renaming.of(s)))
        return np.array([sizes[s] for s in order], dtype=np.int64)

    def index_values(self, n_dof: int, params: Mapping[Any, Any] | None) -> IndexValues:
        """The sizes and the index arrays as they are now, for ``check``."""
        sizes, given = self.sizes(n_dof, params), self.named(params)
        arrays = ((p, _integers(p, given[p], self.shape(p, sizes)).copy()) for p in self.index_arrays)
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
            value = reals(given[symbol], f"the input {name}")
            batch = value.ndim - len(shape)
            if batch < 0 or value.shape[batch:] != shape or (batch and not batched):
                expected = ", ".join(map(str, ("...", *shape) if batched else shape))
                raise ValueError(f"the input {name} has shape {value.shape}, expected ({expected})")
            parts.append(value.reshape((*value.shape[:batch], -1)))
        if not parts:
            return np.empty(0)
        common = np.broadcast_shapes(*(p.shape[:-1] for p in parts))
        return np.concatenate([np.broadcast_to(p, (*common, p.shape[-1])) for p in parts], axis=-1)


def _shape(value: Any) -> tuple[int, ...]:
    return value.shape if isinstance(value, np.ndarray) else () if isinstance(value, float | int) else np.shape(value)


def _row(state: np.ndarray) -> np.ndarray:
    """A state as a kernel takes it."""
    return state if state.flags.carray else np.require(state, requirements=["C", "W"])


def _factor(part: float) -> str:
    return "" if abs(part - 1) < 5e-4 else f"{part:.3g} "


def _of_state(value: np.ndarray, batch: int, axes: tuple[int, ...], index: tuple[int, ...]) -> np.ndarray:
    """What one state of a batch has of ``value``, the first ``batch`` axes of which are batch axes."""
    return np.broadcast_to(value, (*axes, *value.shape[batch:]))[index]


def _integers(symbol: Variable, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "iu" or array.shape != shape:
        raise ValueError(f"{symbol} takes integers of shape {shape}, not {array.dtype} of shape {array.shape}")
    return array.astype(np.int64, copy=False)
