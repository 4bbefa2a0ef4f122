"""What users give of a discrete system, as its kernels take it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

from symdfi.compile.kernels.groups import count_of, shape_of
from symdfi.compile.kernels.index_values import IndexValues
from symdfi.ep.boundary import Boundary, Closed, Places
from symdfi.ep.frame import Frame
from symdfi.ep.kernels import WEIGHTS, PointKernels
from symdfi.ep.rules import Rule
from symdfi.numbers import finite_reals
from symdfi.symbolic.given import by_name, name_of

#: Values by symbol or name: arrays over the times at which the rule samples, constants, or functions of time.
Signals = Mapping[Any, Any]


#: What is given by name, as messages say it.
PARAMS, SIGNALS = ("params", "{k: 1.0}"), ("inputs and targets", "{f: values}")

#: How many lengths of states are remembered, by the shapes of the parameters.
_REMEMBERED = 1024


def merged(inputs: Signals | None, targets: Signals | None) -> dict[str, Any]:
    """Inputs and targets by name. ``TypeError`` for what is no mapping, ``ValueError`` for two values of one name."""
    found: dict[str, Any] = {}
    for kind, given in (("inputs", inputs), ("targets", targets)):
        if given is not None and not isinstance(given, Mapping):
            raise TypeError(f"{kind} are given by name, as {{y: values}}, not as {type(given).__name__}")
        for name, value in by_name(given, kind, SIGNALS[1]).items():
            if name in found:
                raise ValueError(f"{name} is given both among the inputs and among the targets")
            found[name] = value
    return found


@dataclass(frozen=True)
class Setting:
    """A discrete system's numbers: its grid, sizes, parameters, and inputs and targets at the points.

    The points are those of the rule, interval by interval, and where there is a terminal cost one more, at T, a row
    each in ``signals``, ``times`` (rows, 1) and the quadrature ``weights`` (rows,). ``sampled`` says where among the
    times of the rule each row is.
    """

    boundary: Boundary
    rule: Rule
    steps: int
    frame: Frame
    places: Places
    extents: Mapping[sp.Symbol, int]
    index_values: IndexValues
    sizes: np.ndarray
    ints: np.ndarray
    params: np.ndarray
    signals: np.ndarray
    times: np.ndarray
    weights: np.ndarray
    sampled: np.ndarray

    @property
    def h(self) -> float:
        return self.boundary.T / self.steps

    @functools.cached_property
    def rule_times(self) -> np.ndarray:
        """The times of the rule."""
        return self.rule.times(self.steps, self.boundary.T)

    def signals_of(self, alpha: float, beta: complex) -> np.ndarray:
        """The signals at all points with the weights α of the system and β of the costs."""
        signals = self.signals.astype(complex) if isinstance(beta, complex) else self.signals.copy()
        signals[:, -3:] = (alpha, beta, 0.0)
        signals[self.points :, -3:] = (0.0, 0.0, beta)
        return signals

    @property
    def share(self) -> float:
        """What counts of an integral over the orbit: all of it, or 1/T of it where the observable is a mean."""
        return 1 / self.boundary.T if isinstance(self.boundary, Closed) and self.boundary.is_mean else 1.0

    def stretched(self, boundary: Boundary) -> Setting:
        """The same samples on a grid of another end time, that of ``boundary``."""
        share, end = boundary.T / self.boundary.T, len(self.weights) - self.points
        weights = self.weights * np.append(np.full(self.points, share), np.ones(end))
        return replace(self, boundary=boundary, times=share * self.times, weights=weights)

    @property
    def points(self) -> int:
        """The number of points of the rule."""
        return self.steps * len(self.rule.places)


class Reader:
    """Reads ``Setting``s for a system."""

    def __init__(self, kernels: PointKernels) -> None:
        self.kernels = kernels
        self._lengths: dict[tuple, int | None] = {}

    def setting(
        self, boundary: Boundary, rule: Rule, steps: int, n_dof: int | None, params: Mapping | None,
        signals: Signals | None,
    ) -> Setting:  # fmt: skip
        """The numbers on a grid. ``ValueError`` for what is missing, unknown, misshapen, not finite."""
        compiled = self.kernels.compiled
        used = self._used(params)
        d = self._length(boundary, n_dof, used)
        sizes, ints, packed = compiled.pack(used, d)
        extents = compiled.sizes(d, used)
        rows = self.sampled(boundary, rule.times(steps, boundary.T), signals, extents)
        times, sampled = rule.times(steps, boundary.T), rule.samples(steps)
        weights = np.tile(boundary.T / steps * rule.weights, steps)
        if self.kernels.has_terminal:
            times, sampled, weights = np.append(times, boundary.T), np.append(sampled, len(times)), [*weights, 1.0]
        given = compiled.index_values(d, used)
        # Here for every kernel: what scatters by an index array skips elements out of range.
        self.kernels.value.check(given)
        places = self.places(extents)
        frame = boundary.frame(places, rule.n_nodes(steps), max(rule.degree, 1))
        return Setting(
            boundary, rule, steps, frame, places, extents, given, sizes, ints, packed, rows[sampled],
            times[sampled].reshape(-1, 1), np.asarray(weights), sampled,
        )  # fmt: skip

    def changed(self, setting: Setting, params: Mapping[Any, Any] | None, signals: Signals) -> Setting:
        """The same grid with other values of those parameters and signals that are named. ``ValueError`` as of
        ``setting``."""
        compiled, extents = self.kernels.compiled, setting.extents
        values, rows = setting.params.copy(), setting.signals.copy()
        given = by_name(params, *PARAMS, lambda key: name_of(compiled.lookup.find(key) or key))
        start = 0
        for p in self.kernels.differentiable:
            shape = compiled.shape(p, extents)
            stop = start + int(np.prod(shape, dtype=int))
            if name_of(p) in given:
                value = finite_reals(given.pop(name_of(p)), f"the parameter {name_of(p)}")
                if value.shape not in ((), shape):
                    raise ValueError(f"the parameter {name_of(p)} has shape {value.shape}, expected {shape}")
                values[start:stop] = np.broadcast_to(value, shape).reshape(-1)
            start = stop
        for name in given:
            raise ValueError(f"{name} is no parameter of this system that can change")
        given, times = by_name(signals, *SIGNALS), setting.rule.times(setting.steps, setting.boundary.T)
        start = 0
        for symbol in (*self.kernels.system.inputs, *self.kernels.targets):
            shape, name = compiled.shape(symbol, extents), name_of(symbol)
            stop = start + int(np.prod(shape, dtype=int))
            if name in given:
                kind = "input" if symbol in self.kernels.system.inputs else "target"
                sampled = _rows(setting.boundary, times, f"the {kind} {name}", given.pop(name), shape, kind == "input")
                rows[:, start:stop] = sampled[setting.sampled]
            start = stop
        for name in given:
            raise ValueError(f"{name} is no input or target of this system")
        return replace(setting, params=values, signals=rows)

    def places(self, extents: Mapping[sp.Symbol, int]) -> Places:
        system = self.kernels.nudged
        shape = self.kernels.compiled.shape
        return Places(system.coordinates, tuple(shape(q, extents) for q in system.coordinates), system.velocities)

    def _length(self, boundary: Boundary, told: int | None, params: Mapping[str, Any]) -> int:
        """The length of a state."""
        own, ends = self._from_params(params), boundary.n_dof
        if own is not None and ends is not None and own != ends:
            raise ValueError(f"the ends have {ends} degrees of freedom, the system has {own}")
        d = next((x for x in (own, ends, told) if x is not None), None)
        if d is None:
            raise ValueError(
                "the number of degrees of freedom does not follow from the parameters: give the sizes among "
                "them, or a guess (nodes, n_dof)"
            )
        return d

    def _from_params(self, given: Mapping[str, Any]) -> int | None:
        """The length of a state from the shapes, sizes and parameters; None where they leave it open."""
        nudged = self.kernels.nudged
        sizes = tuple((s, int(given[s.name])) for s in sorted(nudged.sizes, key=str) if s.name in given)
        shapes = tuple(np.shape(given.get(name_of(p), 0.0)) for p in nudged.parameters)
        if (sizes, shapes) not in self._lengths:
            total = count_of(nudged.coordinates).subs(dict(sizes))
            for p, own in zip(nudged.parameters, shapes, strict=True):
                pairs = zip(shape_of(p), own, strict=False)
                total = total.subs({extent: count for extent, count in pairs if isinstance(extent, sp.Symbol)})
            if len(self._lengths) == _REMEMBERED:
                self._lengths.clear()
            self._lengths[sizes, shapes] = int(total) if total.is_Integer else None
        return self._lengths[sizes, shapes]

    def _used(self, params: Mapping | None) -> dict[str, Any]:
        """The parameters and sizes of the nudged system among the given ones, by name."""
        nudged = self.kernels.nudged
        lookup = self.kernels.compiled.lookup
        given = by_name(params, *PARAMS, lambda key: name_of(lookup.find(key) or key))
        known = [name_of(p) for p in nudged.parameters]
        allowed = {*known, *(s.name for s in nudged.sizes)}
        for name in sorted(set(given) - allowed - {name_of(p) for p in self.kernels.system.parameters}):
            raise ValueError(f"{name} is no parameter of this system: {', '.join(known) or 'it has none'}")
        for name in known:
            if name not in given:
                raise ValueError(f"no value for the parameter {name} (needed: {', '.join(known)})")
            finite_reals(given[name], f"the parameter {name}")
        return {name: value for name, value in given.items() if name in allowed}

    def sampled(
        self, boundary: Boundary, times: np.ndarray, signals: Signals | None, extents: Mapping[sp.Symbol, int]
    ) -> np.ndarray:
        """Inputs and targets at the times of the rule and then at T, a column a number, then those of integrals and
        of their weights, still zero, and three for the weights."""
        given = by_name(signals, *SIGNALS)
        wanted = {name_of(a): ("input", a) for a in self.kernels.system.inputs}
        wanted |= {name_of(y): ("target", y) for y in self.kernels.targets}
        for name in sorted(set(given) - set(wanted)):
            raise ValueError(f"{name} is no input or target: {', '.join(wanted) or 'there is none'}")
        columns = []
        for name, (kind, symbol) in wanted.items():
            if name not in given:
                raise ValueError(f"no value for the {kind} {name}")
            shape = self.kernels.compiled.shape(symbol, extents)
            columns.append(_rows(boundary, times, f"the {kind} {name}", given[name], shape, kind == "input"))
        for symbol in (*self.kernels.shares, *self.kernels.integrals):  # known of a trajectory
            width = int(np.prod(self.kernels.compiled.shape(symbol, extents), dtype=int))
            columns.append(np.zeros((times.size + 1, width)))
        return np.concatenate([*columns, np.empty((times.size + 1, len(WEIGHTS)))], axis=1)


def _rows(
    boundary: Boundary, times: np.ndarray, what: str, value: Any, shape: tuple[int, ...], drives: bool
) -> np.ndarray:
    """An input or a target at the times of the rule and then at T."""
    function = value if callable(value) else None
    if function is not None:
        if not boundary.takes_functions:
            raise ValueError(
                f"{what} is a function of time, of which the period is not known: give a constant, or samples over the "
                "phase"
            )
        value = [function(time) for time in (*times, boundary.T)]
    value = finite_reals(value, what)
    count = times.size + (function is not None)
    if value.shape not in (shape, (count, *shape)):
        shown = value.shape if function is None else (times.size, *value.shape[1:])
        raise ValueError(
            f"{what} has shape {shown}, expected {shape} or {(times.size, *shape)}, a row for each time of the rule"
        )
    varies = value.shape != shape
    rows = value if varies else np.broadcast_to(value, (times.size, *shape))
    if drives and varies:
        boundary.check_signal(what, rows[: times.size], function, times)
    # At T the last sample stands for what is sampled before it only.
    rows = np.concatenate([rows, rows[-1:]]) if len(rows) == times.size else rows
    return rows.reshape(times.size + 1, -1)
