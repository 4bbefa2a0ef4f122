"""The exact gradients of what is given like in one call: arrays in, arrays out, by compiled loops over samples.

Where an answer is not found directly, for whatever reason, None stands for it: who solves step by step says why.
"""

from __future__ import annotations

import abc
import functools
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdfi.ep.bound import Bound, Place, places_of
from symdfi.ep.discrete import DiscreteSystem
from symdfi.ep.leaps import Leaps, Room
from symdfi.ep.newton_gradients import NewtonGradients
from symdfi.ep.setting import Setting, Signals


@dataclass(frozen=True)
class Found:
    """The cost, its gradient by name, and the path, None of one that follows from its beginning."""

    cost: float
    gradient: dict[str, np.ndarray]
    path: np.ndarray | None


#: Inputs and targets of a sample, and the path from which its orbit is sought.
Sample = tuple[Signals | None, Signals | None, np.ndarray | None]


@dataclass(frozen=True)
class Direct(abc.ABC):
    """Gradients by the parameters ``trainable``, of which the places are known."""

    bound: Bound
    trainable: tuple[tuple[str, Place], ...]

    @abc.abstractmethod
    def gradients(self, params: Mapping[Any, Any], samples: Sequence[Sample]) -> list[Found | None] | None:
        """What is found of samples. None where parameters or signals are not given as they were."""

    def _found(self, cost: float, theta: np.ndarray, path: np.ndarray | None) -> Found:
        return Found(cost, {name: theta[own].reshape(shape) for name, (own, shape) in self.trainable}, path)


def direct(
    system: DiscreteSystem, setting: Setting, trainable: Iterable[str], params: Mapping[Any, Any],
    inputs: Signals | None, targets: Signals | None,
) -> Direct | None:  # fmt: skip
    """None where there is no loop for a system, costs hold integrals, or a signal is a function."""
    by_leaps = ByLeaps.solver(system, setting)
    by_newton = NewtonGradients.of(system, setting) if by_leaps is None else None
    if by_leaps is None and by_newton is None:
        return None
    if (bound := Bound.of(system, setting, params, inputs, targets)) is None:
        return None
    places = dict(places_of(system.shapes(setting)))
    chosen = tuple((name, places[name]) for name in trainable)
    if by_leaps is not None:
        return ByLeaps(bound, chosen, by_leaps)
    assert by_newton is not None
    return ByNewton(bound, chosen, by_newton)


@dataclass(frozen=True)
class ByLeaps(Direct):
    """By explicit leapfrog from the initial state."""

    leaps: Leaps

    @staticmethod
    def solver(system: DiscreteSystem, setting: Setting) -> Leaps | None:
        """None where steps are not explicit, and where costs hold velocities or integrals."""
        leaps = Leaps.of(system, setting)
        if leaps is None or not leaps.system.has_costs_of_states or system.integral_count(setting):
            return None
        return leaps

    @property
    def _room(self) -> tuple[np.ndarray, np.ndarray, Room]:
        """Parameters, signals and room of this thread."""
        try:
            return self._rooms.own
        except AttributeError:
            leaps = self.leaps
            self._rooms.own = leaps.setting.params.copy(), leaps.signals.copy(), Room.of(leaps)
            return self._rooms.own

    @functools.cached_property
    def _rooms(self) -> threading.local:
        return threading.local()

    def gradients(self, params: Mapping[Any, Any], samples: Sequence[Sample]) -> list[Found | None] | None:
        if len(samples) > 1 and not self.leaps.system.has_massive_parameters:
            return self._together(params, samples)
        leaps, (packed, rows, room), found = self.leaps, self._room, []
        for inputs, targets, _ in samples:
            if not self.bound.reads(params, inputs, targets, packed, rows):
                return None
            done = leaps.forward(packed, rows, room)
            told = leaps.backward(packed, rows, room.path, leaps.no_push, room) if done else None
            found.append(None if told is None else self._found(*told, None))
        return found

    def _together(self, params: Mapping[Any, Any], samples: Sequence[Sample]) -> list[Found | None] | None:
        leaps, packed = self.leaps, self.leaps.setting.params.copy()
        signals = np.repeat(leaps.signals[None], len(samples), axis=0)
        for rows, (inputs, targets, _) in zip(signals, samples, strict=True):
            if not self.bound.reads(params, inputs, targets, packed, rows):
                return None
        told, costs, thetas = leaps.gradients(packed, signals)
        return [
            self._found(cost, theta, None) if well else None
            for well, cost, theta in zip(told, costs.tolist(), thetas, strict=True)
        ]


@dataclass(frozen=True)
class ByNewton(Direct):
    """By Newton's method between two times."""

    newton: NewtonGradients

    def gradients(self, params: Mapping[Any, Any], samples: Sequence[Sample]) -> list[Found | None] | None:
        like = self.newton.setting
        settings = [self.bound.setting(like, params, inputs, targets) for inputs, targets, _ in samples]
        known = [setting for setting in settings if setting is not None]
        if len(known) < len(settings):
            return None
        for setting in known:
            self.newton.system.check_period(setting)
        newton, packed = self.newton.for_parameters(known[0].params), known[0].params
        paths = [self._begun(path) for _, _, path in samples]
        if newton is None or any(path is None for path in paths):
            nothing: list[Found | None] = [None] * len(samples)
            return nothing
        signals, orbits = (
            np.stack([setting.signals for setting in known]),
            np.stack([p for p in paths if p is not None]),
        )
        told, costs, thetas = newton.found(packed, signals, orbits)
        return [
            self._found(cost, theta, path) if well else None
            for well, cost, theta, path in zip(told, costs.tolist(), thetas, orbits, strict=True)
        ]

    def _begun(self, path: np.ndarray | None) -> np.ndarray | None:
        """The path that the search begins at. None for one of another shape, or that is not finite."""
        setting = self.newton.setting
        nodes, d = setting.rule.n_nodes(setting.steps), setting.places.n_dof
        if path is None:
            return self.newton.start
        if not isinstance(path, np.ndarray) or path.shape != (nodes, d) or path.dtype != float:
            return None
        return setting.frame.placed(path) if np.isfinite(path).all() else None
