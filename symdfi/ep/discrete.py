"""A discrete nudged system: its equations of motion, its action and cost, and their derivatives.

With nodes x_a, h = T/N and a rule (see ``symdfi.ep.rules``), the equation of node a of an interval is

    r_a = Σ_s h b_s (φ_sa G + φ'_sa P/h),    G = ∂L/∂q + Q − ∂R/∂v,    P = ∂L/∂v,

at the rule's points, summed over the intervals that the node belongs to: the derivative ∂S/∂x_a of the discrete action
S = Σ h b_s L where there is one, the forced discrete Euler–Lagrange equations (f₁, f₂ of theory of EP, "The doubled
action") else. Every derivative here is exact for it, so the gradient of the discrete cost is what an estimate tends to
as β → 0.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from symdfi.compile.kernels import cache, threads
from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.compile.kernels.groups import count_of
from symdfi.dynamics.system import Lagrangian, check_system
from symdfi.ep.blocks import FULLEST, Blocks, Pattern
from symdfi.ep.boundary.periodic import PERIODIC
from symdfi.ep.cost import Cost
from symdfi.ep.entries import Entries
from symdfi.ep.frame import check_room
from symdfi.ep.kernels import PointKernels
from symdfi.ep.setting import Reader, Setting
from symdfi.errors import DivergenceError
from symdfi.pickling import Rebuilt
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.given import name_of

#: So many derivatives by parameters are held at once: what lies in a cache.
_CHUNK = 2**18
#: Sizes of so many settings are remembered.
_REMEMBERED = 256
#: From so many degrees of freedom on derivatives are listed where that is less.
_LISTED = 64
#: From so many numbers on at the points of a thread, handing over to it pays.
_WORTH = 2**13
#: The weights (α, β) of L and of the costs: ``(1, β)`` makes S_β, and these the system alone and the cost alone. With a
#: complex β, or a complex path, kernels compute in complex arithmetic.
Weights = tuple[float, complex]
FREE: Weights = (1.0, 0.0)
COST: Weights = (0.0, 1.0)


Found = TypeVar("Found")


def _by_sizes(method: Callable[[Any, Setting], Found]) -> Callable[[Any, Setting], Found]:
    """A method of a system that depends on the sizes of a setting alone: what it says of some is remembered."""

    @functools.wraps(method)
    def found(self: Any, setting: Setting) -> Found:
        key, known = (method.__name__, setting.sizes.tobytes()), self._remembered
        if key not in known:
            if len(known) >= _REMEMBERED:
                known.clear()
            known[key] = method(self, setting)
        return known[key]

    return found


class DiscreteSystem(Rebuilt):
    """αS + βC on a time grid, for any weights (α, β), and its derivatives by path, parameters and signals."""

    def __init__(self, system: Lagrangian, cost: Cost | None = None) -> None:
        self.system = system
        self.cost = cost if cost is not None else Cost()
        self.kernels = PointKernels(system, self.cost)
        self.reader = Reader(self.kernels)
        self.read = self.reader.setting

    @functools.cached_property
    def loops(self) -> ModuleType:
        """What goes between nodes and points."""
        return cache.load_module("symdfi.ep.loops.nodes")

    @functools.cached_property
    def _remembered(self) -> dict[tuple[str, bytes], Any]:
        """What is known of settings of some sizes (see ``_by_sizes``)."""
        return {}

    @functools.cached_property
    def patterns(self) -> dict[tuple[bytes, ...], Pattern]:
        """Patterns of second derivatives, as far as they are known."""
        return {}

    @property
    def has_action(self) -> bool:
        return self.kernels.has_action

    def is_autonomous(self, setting: Setting) -> bool:
        """Whether the system, with these inputs, does not depend on time."""
        drive = setting.signals[: setting.points, : self.input_count(setting)]
        return not self.has_time and not np.ptp(drive, axis=0).any()

    @_by_sizes
    def input_count(self, setting: Setting) -> int:
        """How many numbers the inputs hold at one time."""
        return int(count_of(self.system.inputs).subs(setting.extents))

    @functools.cached_property
    def has_time(self) -> bool:
        """Whether L, R or Q hold the time."""
        exprs = (self.system.L, self.system.dissipation, *self.system.external_forces)
        return any(t in expr.free_symbols for expr in exprs)

    def check_period(self, setting: Setting) -> None:
        """``ValueError`` where L, R or Q hold the time and are not periodic with a periodic orbit.

        Decided by G and P at states and times drawn at random, and a period later.
        """
        if not (setting.boundary.periodic and self.has_time):
            return
        d, count, rng = setting.places.n_dof, 8, np.random.default_rng(0)
        at = tuple(rng.normal(size=(2, count, d)))
        rows = rng.integers(setting.points, size=count)
        signals, times = setting.signals_of(*FREE)[rows], setting.boundary.T * rng.random((count, 1))
        now, later = (
            self.run_at(self.kernels.slope, setting, at, signals, times + shift, [2 * d])[0]
            for shift in (0.0, setting.boundary.T)
        )
        # States drawn at random may lie where L has no value: there is nothing to compare.
        known = np.isfinite(now) & np.isfinite(later)
        size = np.max(np.abs(now[known]), initial=0.0)
        if np.any(np.abs(later - now)[known] > PERIODIC * size):
            raise ValueError(
                "the system is not periodic: L, or a force, changes with t, but not with the period "
                f"T = {setting.boundary.T}"
            )

    # The action and its derivatives: of a path on which they overflow infinite or NaN, if not said otherwise

    def value(self, setting: Setting, path: np.ndarray, weights: Weights = FREE) -> float:
        """αS + βC. ``DivergenceError`` where it is not finite."""
        (rows,) = self.run(self.kernels.value, setting, self.points(setting, path), weights, [1])
        with np.errstate(over="ignore", invalid="ignore"):
            total = (setting.weights @ rows[:, 0]).item()
        if not np.isfinite(total):
            what = "cost" if weights == COST else "action"
            raise DivergenceError(f"the {what} of the path is not finite{_where(setting, rows)}", partial=path)
        return total

    @np.errstate(over="ignore", invalid="ignore")
    def slope(self, setting: Setting, path: np.ndarray, weights: Weights = FREE) -> np.ndarray:
        """The equations of all nodes, ``(nodes, d)``: the derivative of αS + βC by them, where there is an action."""
        d = path.shape[1]
        (rows,) = self.run(self.kernels.slope, setting, self.points(setting, path), weights, [2 * d])
        return self.gathered(setting, rows)

    @np.errstate(over="ignore", invalid="ignore")
    def gathered(self, setting: Setting, rows: np.ndarray) -> np.ndarray:
        """What stands beside q and v at the points, ``(rows, 2d)``, as it stands beside the nodes: Φᵀ(wG) + Φ'ᵀ(wP)."""
        rule, steps, h, d = setting.rule, setting.steps, setting.h, rows.shape[1] // 2
        if rows.dtype == float and not isinstance(h, complex):
            total = np.zeros((rule.n_nodes(steps), d))
            self.loops.gather(np.ascontiguousarray(rows), steps, rule.values, rule.slopes, rule.weights, h, total)
            if len(rows) > setting.points:
                total[-1] += rows[-1, :d]
            return total
        inner = rows[: setting.points].reshape(steps, -1, 2 * d)
        by_q, by_v = h * rule.weights * rule.values.T, rule.weights * rule.slopes.T
        local = by_q @ inner[:, :, :d] + by_v @ inner[:, :, d:]
        total, m = np.zeros((rule.n_nodes(steps), d), local.dtype), rule.degree
        for a in range(m + 1):
            total[a : a + max(m * (steps - 1), 0) + 1 : max(m, 1)] += local[:, a]
        if len(rows) > setting.points:
            total[-1] += rows[-1, :d]
        return total

    @np.errstate(over="ignore", invalid="ignore")
    def blocks(self, setting: Setting, path: np.ndarray, weights: Weights = FREE) -> Blocks:
        """The derivatives of the equations by the nodes, interval by interval. ``ValueError`` where there would be too
        many."""
        h, rule, steps = setting.h, setting.rule, setting.steps
        pattern, flat, at = self._second(setting, path, weights)
        if rule.spans or flat[0].dtype != float:
            parts = [rows[: setting.points][:, at].reshape(steps, -1, pattern.size) for rows in flat]
            found = rule.assembled(h, parts)
        else:
            count = rule.degree + 1
            found = np.empty((count * count, steps, pattern.size))
            self.loops.couple(*flat, rule.couplings.reshape(4, -1, count * count), h, at, found)
            found = found.reshape(count, count, steps, pattern.size).transpose(2, 0, 1, 3)
        if weights[1] and len(setting.weights) > setting.points:
            found[-1, -1] += flat[0][setting.points :, at].sum(axis=0)
        return Blocks(pattern, found)

    def _second(
        self, setting: Setting, path: np.ndarray, weights: Weights
    ) -> tuple[Pattern, list[np.ndarray], np.ndarray]:
        """Which entries of blocks are kept, the four derivatives of G and P at all points, a row each, and where in
        such a row what is kept stands."""
        rule, d, points = setting.rule, path.shape[1], self.points(setting, path)
        if self.lists(setting):
            places, signals = self.entries.places(setting), setting.signals_of(*weights)
            check_room(places.pattern, rule.n_nodes(setting.steps))
            found = self.entries.at(setting, points, signals, setting.times)
            return places.pattern, places.gathered(found), np.arange(places.pattern.size)
        flat = self.run(self.kernels.blocks, setting, points, weights, [d * d] * 4)
        pattern = Pattern.of(flat, d)
        return pattern, flat, pattern.at

    @_by_sizes
    def lists(self, setting: Setting) -> bool:
        """Whether second derivatives are listed entry by entry: there are many coordinates, and few that meet."""
        d = setting.places.n_dof
        return d >= _LISTED and sum(self.entries.counts(setting)) <= FULLEST * d * d

    @functools.cached_property
    def entries(self) -> Entries:
        return Entries(self.kernels)

    # Kernels at points

    @np.errstate(over="ignore", invalid="ignore")
    def points(self, setting: Setting, path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values and slopes of a path at the points, each (rows, d)."""
        rule, steps, d = setting.rule, setting.steps, path.shape[1]
        if path.dtype == float and not isinstance(setting.h, complex):
            q, v = np.empty((2, len(setting.weights), d))
            self.loops.points(np.ascontiguousarray(path), steps, rule.values, rule.slopes, setting.h, q, v)
            if len(q) > setting.points:
                q[-1], v[-1] = path[-1], v[-2]
            return q, v
        tables, m = (rule.values, rule.slopes / setting.h), max(rule.degree, 1)
        if steps == 1:
            q, v = (table @ path for table in tables)
        else:
            nodes = [path[a : a + m * (steps - 1) + 1 : m, None] for a in range(rule.degree + 1)]
            q, v = (
                functools.reduce(np.add, map(np.multiply, table.T[..., None], nodes)).reshape(-1, d) for table in tables
            )
        if len(setting.weights) > len(q):
            q, v = np.concatenate([q, path[-1:]]), np.concatenate([v, v[-1:]])
        return q, v

    def run(
        self, kernel: CompiledKernel, setting: Setting, at: tuple[np.ndarray, np.ndarray], weights: Weights,
        widths: list[int], *more: np.ndarray,
    ) -> list[np.ndarray]:  # fmt: skip
        """A kernel at all points, given values and slopes there: an array (rows, width) an output."""
        return self.run_at(kernel, setting, at, setting.signals_of(*weights), setting.times, widths, *more)

    def integrated(
        self, kernel: CompiledKernel, setting: Setting, at: tuple[np.ndarray, np.ndarray], weights: Weights,
        widths: list[int], *more: np.ndarray,
    ) -> list[np.ndarray]:  # fmt: skip
        """As ``run``, the first output integrated over the points: there may be many parameters, and their rows are
        never held all at once."""
        count, signals = len(setting.weights), setting.signals_of(*weights)
        chunk, total, rest = max(1, _CHUNK // (widths[0] + 1)), np.zeros(widths[0]), []
        for first in range(0, count, chunk):
            own = slice(first, first + chunk)
            q, v = (x[own] for x in at)
            out = self.run_at(
                kernel, setting, (q, v), signals[own], setting.times[own], widths, *(x[own] for x in more)
            )
            total += setting.weights[own] @ out[0]
            rest.append(out[1:])
        return [total, *(np.concatenate(parts) for parts in zip(*rest, strict=True))]

    def run_at(
        self, kernel: CompiledKernel, setting: Setting, at: tuple[np.ndarray, np.ndarray], signals: np.ndarray,
        times: np.ndarray, widths: list[int], *more: np.ndarray,
    ) -> list[np.ndarray]:  # fmt: skip
        """A kernel at any states, with signals and times of theirs."""
        kernel.check(setting.index_values)
        given = (*at, setting.params, signals, times, *more)
        if any(map(np.iscomplexobj, given)):
            kernel, given = kernel.complexified, [x.astype(complex, copy=False) for x in given]
        out = [np.empty((len(signals), width), given[0].dtype) for width in widths]
        arguments = (setting.sizes, setting.ints, *given)
        least = max(1, _WORTH // (at[0].shape[1] + sum(widths)))
        threads.run(kernel.function, len(signals), *arguments, *out, least=least)
        return out

    def momentum(self, setting: Setting, q: np.ndarray, v: np.ndarray) -> np.ndarray:
        """p = ∂L/∂v at the beginning."""
        (row,) = self.run_at(self.kernels.slope, setting, (q[None], v[None]), *self.beginning(setting), [2 * q.size])
        return row[0, q.size :]

    @staticmethod
    def beginning(setting: Setting) -> tuple[np.ndarray, np.ndarray]:
        """The signals of the free system, at the first point, and the time t = 0 as kernels take them."""
        signals = setting.signals[:1].copy()
        signals[:, -3:] = (1.0, 0.0, 0.0)
        return signals, np.zeros((1, 1))

    @_by_sizes
    def shapes(self, setting: Setting) -> dict[str, tuple[int, ...]]:
        """The shapes of the parameters that have a gradient, by name."""
        shape = self.kernels.compiled.shape
        return {name_of(p): shape(p, setting.extents) for p in self.kernels.differentiable}

    @_by_sizes
    def integral_count(self, setting: Setting) -> int:
        """The number of integrals that a function of them is a part of the cost."""
        shape = self.kernels.compiled.shape
        return sum(int(np.prod(shape(z, setting.extents), dtype=int)) for z in self.kernels.integrals)

    @_by_sizes
    def impulse_widths(self, setting: Setting) -> list[int]:
        """The widths of what ``kernels.impulse`` gives: by parameters, by all inputs but the weights, by t."""
        counts = [int(np.prod(shape, dtype=int)) for shape in self.shapes(setting).values()]
        return [sum(counts), setting.signals.shape[1] - 3, 1]

    @_by_sizes
    def signal_shapes(self, setting: Setting) -> dict[str, tuple[int, ...]]:
        """The shapes of inputs and targets at one time, by name."""
        shape = self.kernels.compiled.shape
        return {name_of(x): shape(x, setting.extents) for x in (*self.system.inputs, *self.kernels.targets)}


def discretised(system: Lagrangian, cost: Cost | None = None) -> DiscreteSystem:
    """The discrete system of a Lagrangian system and a cost, derived once for all boundaries, rules and calls.
    ``TypeError`` for what is no system."""
    check_system(system)
    return _derived(system, cost)


@functools.lru_cache(maxsize=32)
def _derived(system: Lagrangian, cost: Cost | None) -> DiscreteSystem:
    return DiscreteSystem(system, cost)


def _where(setting: Setting, rows: np.ndarray) -> str:
    """The first point with a value that is not finite, in words; nothing if it is the sum that is not."""
    lost = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    return f" at t = {float(setting.times[lost[0], 0]):.6g}" if lost.size else ""
