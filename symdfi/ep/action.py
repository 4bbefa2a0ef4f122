"""The discrete action of a nudged Lagrangian, its derivatives and its cost.

With nodes q_0 … q_N, h = T/N and the midpoint rule

    S_β = Σ_k h (L + β c)((q_k + q_{k+1})/2, (q_{k+1} − q_k)/h, t_{k+1/2}).

Every derivative of the EP theorem is exact for this action (THEORY-EP, §1), so the gradient of the discrete
cost is what the estimate tends to as β → 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdfi.compile.kernels import threads
from symdfi.compile.kernels.groups import count_of, shape_of
from symdfi.compile.kernels.index_values import IndexValues
from symdfi.compile.kernels.kernel import CompiledKernel
from symdfi.dynamics.system import Lagrangian
from symdfi.ep.boundary import Boundary
from symdfi.ep.cost import Cost
from symdfi.ep.kernels import ActionKernels
from symdfi.errors import DivergenceError
from symdfi.numbers import finite_reals
from symdfi.pickling import Rebuilt
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.given import name_of

#: Values by symbol or name: arrays over the midpoints, constants, or functions of time.
Signals = Mapping[Any, Any]

#: Values and slopes at the midpoints, each (N, d).
Middles = tuple[np.ndarray, np.ndarray]

#: The weights (α, β) of L and c: ``(1, β)`` makes S_β, and these the action alone and the cost alone.
Weights = tuple[float, float]
FREE: Weights = (1.0, 0.0)
COST: Weights = (0.0, 1.0)


@dataclass(frozen=True)
class Numbers:
    """A discrete action's numbers: grid, sizes, parameters, and input and target values at the midpoints."""

    boundary: Boundary
    steps: int
    h: float
    extents: Mapping[sp.Symbol, int]
    index_values: IndexValues
    sizes: np.ndarray
    ints: np.ndarray
    params: np.ndarray
    signals: np.ndarray
    times: np.ndarray


class DiscreteAction(Rebuilt):
    """∫ (αL + βc) dt on a time grid, for any weights (α, β), and its derivatives by path and parameters.

    Raises ``SymbolicError`` for a system with dissipation or generalized forces: it has no action.
    """

    def __init__(self, system: Lagrangian, cost: Cost | None = None) -> None:
        self.system = system
        self.kernels = ActionKernels(system, cost if cost is not None else Cost(sp.S.Zero))
        self.parameters = self.kernels.nudged.parameters

    # Numbers

    def numbers(
        self, boundary: Boundary, steps: int, n_dof: int, params: Mapping | None, signals: Signals | None
    ) -> Numbers:
        """The numbers on a grid. ``ValueError`` for what is missing, unknown, misshapen, not finite."""
        compiled = self.kernels.compiled
        used = self._used(params)
        sizes, ints, packed = compiled.pack(used, n_dof)
        extents = compiled.sizes(n_dof, used)
        h = boundary.T / steps
        times = h * (np.arange(steps) + 0.5)
        given, rows = compiled.index_values(n_dof, used), self._sampled(signals, times, extents)
        # Here for every kernel: what scatters by an index array skips elements out of range.
        self.kernels.value.check(given)
        return Numbers(boundary, steps, h, extents, given, sizes, ints, packed, rows, times.reshape(-1, 1))

    def _used(self, params: Mapping | None) -> dict[str, Any]:
        """The parameters and sizes of L + βc among the given ones, by name."""
        nudged = self.kernels.nudged
        lookup = self.kernels.compiled.lookup
        given = {name_of(lookup.find(key) or key): value for key, value in (params or {}).items()}
        known = [name_of(p) for p in nudged.parameters]
        allowed = {*known, *(s.name for s in nudged.sizes)}
        for name in sorted(set(given) - allowed - {name_of(p) for p in self.system.parameters}):
            raise ValueError(f"{name} is no parameter of this system: {', '.join(known) or 'it has none'}")
        for name in known:
            if name not in given:
                raise ValueError(f"no value for the parameter {name} (needed: {', '.join(known)})")
            finite_reals(given[name], f"the parameter {name}")
        return {name: value for name, value in given.items() if name in allowed}

    def _sampled(self, signals: Signals | None, times: np.ndarray, extents: Mapping[sp.Symbol, int]) -> np.ndarray:
        """Inputs and targets at the midpoints, a column a number, and two columns for the weights."""
        given = {name_of(key): value for key, value in (signals or {}).items()}
        wanted = {name_of(a): ("input", a) for a in self.system.inputs}
        wanted |= {name_of(y): ("target", y) for y in self.kernels.targets}
        for name in sorted(set(given) - set(wanted)):
            raise ValueError(f"{name} is no input or target: {', '.join(wanted) or 'there is none'}")
        columns = []
        for name, (kind, symbol) in wanted.items():
            if name not in given:
                raise ValueError(f"no value for the {kind} {name}")
            value = given[name]
            value = finite_reals([value(time) for time in times] if callable(value) else value, f"the {kind} {name}")
            shape = self.kernels.compiled.shape(symbol, extents)
            full = (times.size, *shape)
            if value.shape not in (shape, full):
                raise ValueError(
                    f"the {kind} {name} has shape {value.shape}, expected {shape} or {full}, a row a midpoint"
                )
            columns.append(np.broadcast_to(value, full).reshape(times.size, -1))
        return np.concatenate([*columns, np.empty((times.size, 2))], axis=1)

    def n_dof(self, params: Mapping | None) -> int | None:
        """The length of a state from the shapes, sizes and parameters; None where they leave it open."""
        given = {name_of(key): value for key, value in (params or {}).items()}
        total = count_of(self.system.coordinates)
        total = total.subs({s: int(given[s.name]) for s in self.kernels.nudged.sizes if s.name in given})
        for p in self.parameters:
            pairs = zip(shape_of(p), np.shape(given.get(name_of(p), 0.0)), strict=False)
            total = total.subs({extent: own for extent, own in pairs if isinstance(extent, sp.Symbol)})
        return int(total) if total.is_Integer else None

    def is_autonomous(self, numbers: Numbers) -> bool:
        """Whether L, with these inputs, does not depend on time."""
        drive = numbers.signals[:, : int(count_of(self.system.inputs).subs(numbers.extents))]
        return t not in self.system.L.free_symbols and not np.ptp(drive, axis=0).any()

    # The action and its derivatives: of a path on which they overflow infinite or NaN, if not said otherwise

    def value(self, numbers: Numbers, path: np.ndarray, weights: Weights = FREE) -> float:
        """∫ (αL + βc) dt. ``DivergenceError`` where it is not finite."""
        (rows,) = self._run(self.kernels.value, numbers, path, weights, [1])
        with np.errstate(over="ignore", invalid="ignore"):
            total = numbers.h * float(rows.sum())
        if not np.isfinite(total):
            what = "cost" if weights == COST else "action"
            raise DivergenceError(f"the {what} of the path is not finite{_where(numbers, rows)}", partial=path)
        return total

    @np.errstate(over="ignore", invalid="ignore")
    def gradient(self, numbers: Numbers, path: np.ndarray, weights: Weights = FREE) -> np.ndarray:
        """The derivative by the free nodes, ``(n_free, d)``: the discrete Euler–Lagrange equations."""
        d, h = path.shape[1], numbers.h
        (slope,) = self._run(self.kernels.slope, numbers, path, weights, [2 * d])
        by_q, by_v = 0.5 * h * slope[:, :d], slope[:, d:]
        left, right = by_q - by_v, by_q + by_v
        if numbers.boundary.periodic:
            return left + np.roll(right, 1, axis=0)
        return left[1:] + right[:-1]

    @np.errstate(over="ignore", invalid="ignore")
    def hessian(
        self, numbers: Numbers, path: np.ndarray, weights: Weights = FREE
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The second derivative by the free nodes: (lower, diagonal, upper) of ``BlockTridiagonalLU``."""
        d, h = path.shape[1], numbers.h
        flat = self._run(self.kernels.hessian, numbers, path, weights, [d * d] * 3)
        qq, qv, vv = (block.reshape(-1, d, d) for block in flat)
        vq = qv.transpose(0, 2, 1)
        even, odd = h / 4 * qq + vv / h, (qv + vq) / 2
        across = h / 4 * qq - vv / h + (qv - vq) / 2
        first, last = even - odd, even + odd
        if numbers.boundary.periodic:
            # across[k] couples row k to column k + 1 of the ring, its transpose row k + 1 to column k.
            return np.roll(across.transpose(0, 2, 1), 1, axis=0), first + np.roll(last, 1, axis=0), across
        return across[1:-1].transpose(0, 2, 1), first[1:] + last[:-1], across[1:-1]

    @np.errstate(over="ignore", invalid="ignore")
    def second_variation(
        self, numbers: Numbers, path: np.ndarray, along: np.ndarray, *, fourth_order: bool = False
    ) -> float:
        """δ²S of the action along a variation of all nodes, by the rules of the discrete action or by rules of
        fourth order."""
        d, h, periodic = path.shape[1], numbers.h, numbers.boundary.periodic
        weights = np.ones(numbers.steps)
        at, (q, v) = _middles(path, h), _middles(along, h)
        if fourth_order:
            weights = _quadrature(numbers.steps, periodic)
            at, (q, v) = (_fourth_order(x, h, periodic) for x in (path, along))
        flat = self._run(self.kernels.hessian, numbers, at, FREE, [d * d] * 3)
        qq, qv, vv = (block.reshape(-1, d, d) for block in flat)
        forms = ((q, qq, q), (2 * q, qv, v), (v, vv, v))
        return h * float(sum(np.einsum("k,ka,kab,kb", weights, x, block, y, optimize=True) for x, block, y in forms))

    def parameter_gradient(
        self, numbers: Numbers, path: np.ndarray, weights: Weights, along: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """∂_θ at fixed path, by name; with a variation of the path, ∂_θ of the derivative ``along`` it.

        ``DivergenceError`` naming a parameter by which the derivative is not finite."""
        variables, shape = self.kernels.differentiable, self.kernels.compiled.shape
        shapes = {name_of(p): shape(p, numbers.extents) for p in variables}
        counts = [int(np.prod(own, dtype=int)) for own in shapes.values()]
        direction = []
        if along is not None:
            direction = [np.concatenate(_middles(along, numbers.h), axis=1)]
        kernel = self.kernels.impulse if along is None else self.kernels.mixed
        (rows,) = self._run(kernel, numbers, path, weights, [sum(counts)], *direction)
        with np.errstate(over="ignore", invalid="ignore"):
            parts = np.split(numbers.h * rows.sum(axis=0), np.cumsum(counts)[:-1])
        found = {name: part.reshape(own) for (name, own), part in zip(shapes.items(), parts, strict=False)}
        return finite_derivatives(found, path)

    def _run(
        self, kernel: CompiledKernel, numbers: Numbers, path: np.ndarray | Middles, weights: Weights,
        widths: list[int], *more: np.ndarray,
    ) -> list[np.ndarray]:  # fmt: skip
        """A kernel at all midpoints of a path, or values there: an array (N, width) an output."""
        kernel.check(numbers.index_values)
        signals = numbers.signals.copy()
        signals[:, -2:] = weights
        q, v = path if isinstance(path, tuple) else _middles(path, numbers.h)
        out = [np.empty((numbers.steps, width)) for width in widths]
        arguments = (numbers.sizes, numbers.ints, q, v, numbers.params, signals, numbers.times, *more)
        threads.run(kernel.function, numbers.steps, *arguments, *out)
        return out


def finite_derivatives(by_name: dict[str, np.ndarray], path: np.ndarray) -> dict[str, np.ndarray]:
    """Derivatives by parameters, if they are finite; ``DivergenceError`` naming the first that is not."""
    for name, values in by_name.items():
        if not np.isfinite(values).all():
            raise DivergenceError(f"the derivative by the parameter {name} is not finite on the path", partial=path)
    return by_name


def _where(numbers: Numbers, rows: np.ndarray) -> str:
    """The first midpoint with a value that is not finite, in words; nothing if it is the sum that is not."""
    lost = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    return f" at t = {float(numbers.times[lost[0], 0]):.6g}" if lost.size else ""


@np.errstate(over="ignore", invalid="ignore")
def _middles(path: np.ndarray, h: float) -> Middles:
    """Values and slopes at the midpoints, of second order: what the discrete action is made of."""
    return 0.5 * (path[1:] + path[:-1]), np.diff(path, axis=0) / h


def _fourth_order(path: np.ndarray, h: float, periodic: bool) -> Middles:
    """Values and slopes at the midpoints by cubics through four nodes."""
    if periodic:
        path = np.concatenate([path[-2:-1], path, path[1:2]])
    a, b, c, d = path[:-3], path[1:-2], path[2:-1], path[3:]
    q, v = (9 * (b + c) - a - d) / 16, (27 * (c - b) - (d - a)) / (24 * h)
    if periodic:
        return q, v
    value, slope = np.array([5.0, 15.0, -5.0, 1.0]) / 16, np.array([-23.0, 21.0, 3.0, -1.0]) / (24 * h)
    first, last = path[:4], path[:-5:-1]
    return (
        np.concatenate([(value @ first)[None], q, (value @ last)[None]]),
        np.concatenate([(slope @ first)[None], v, (-slope @ last)[None]]),
    )


def _quadrature(steps: int, periodic: bool) -> np.ndarray:
    """Weights at the midpoints, in units of h: the midpoint rule with its ends corrected to fourth order."""
    weights = np.ones(steps)
    if not periodic:
        correction = np.array([2.0, -3.0, 1.0]) / 24
        weights[:3] += correction
        weights[-3:] += correction[::-1]
    return weights
