"""A time grid piece by piece, read where it is met and forgotten: what a run over it need not keep."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symdfi.compile.kernels.groups import shape_of
from symdfi.ep.boundary import Boundary
from symdfi.ep.discrete import DiscreteSystem
from symdfi.ep.rules import Trapezoidal
from symdfi.ep.setting import Setting, Signals
from symdfi.symbolic.given import name_of

#: About so many numbers are held of a piece.
_ROOM = 2**14


@dataclass(frozen=True)
class Pieces:
    """The grid of ``steps`` intervals of the trapezoidal rule in pieces of ``length`` intervals, the last one shorter:
    each a ``Setting`` of its own, with the end time from its beginning, but times that go on.

    ``whole`` holds what all have in common.
    """

    system: DiscreteSystem
    whole: Setting
    signals: Mapping[str, _Given]
    steps: int
    length: int

    @classmethod
    def read(
        cls, system: DiscreteSystem, boundary: Boundary, steps: int, params: Mapping[Any, Any], signals: Signals | None
    ) -> Pieces:
        """Errors as of ``Reader.setting``."""
        axes = {name_of(x): len(shape_of(x)) for x in (*system.system.inputs, *system.kernels.targets)}
        given = {name_of(key): _signal(name_of(key), value, axes, steps) for key, value in (signals or {}).items()}
        ends = {name: own.rows(slice(None, None, steps)) for name, own in given.items()}
        params = boundary.with_sizes(system.system, params)
        whole = system.read(boundary, Trapezoidal(), 1, None, params, ends)
        width = sum(system.impulse_widths(whole)) + 4 * whole.places.n_dof
        return cls(system, whole, given, steps, max(16, _ROOM // width))

    @property
    def h(self) -> float:
        return self.whole.boundary.T / self.steps

    def __len__(self) -> int:
        return -(-self.steps // self.length)

    def __iter__(self) -> Iterator[Setting]:
        return (self[k] for k in range(len(self)))

    def __reversed__(self) -> Iterator[Setting]:
        return (self[k] for k in reversed(range(len(self))))

    def __getitem__(self, k: int) -> Setting:
        first, last = k * self.length, min((k + 1) * self.length, self.steps)
        whole, rule, count = self.whole, self.whole.rule, last - first
        times = whole.boundary.T * (np.arange(first, last + 1) / self.steps)
        given = {name: own.rows(slice(first, last + 1)) for name, own in self.signals.items()}
        rows = self.system.reader.sampled(whole.boundary, times, given, whole.extents)
        own, weights = rule.samples(count), np.tile(self.h * rule.weights, count)
        if last == self.steps and len(whole.weights) > whole.points:  # a terminal cost
            times, own, weights = np.append(times, times[-1]), np.append(own, count + 1), np.append(weights, 1.0)
        boundary = copy.copy(whole.boundary)
        object.__setattr__(boundary, "T", self.h * count)
        return replace(
            whole, boundary=boundary, steps=count, signals=rows[own], times=times[own].reshape(-1, 1), weights=weights,
            sampled=own,
        )  # fmt: skip


@dataclass(frozen=True)
class _Given:
    """A signal, which is or is not an array over all times."""

    value: Any
    varies: bool

    def rows(self, which: slice) -> Any:
        return self.value[which] if self.varies else self.value


def _signal(name: str, value: Any, axes: Mapping[str, int], steps: int) -> _Given:
    if callable(value) or np.ndim(value) <= axes.get(name, 0):
        return _Given(value, False)
    if len(value) != steps + 1:
        raise ValueError(f"{name} has {len(value)} rows, expected {steps + 1}, a row for each time of the rule")
    return _Given(value, True)
