"""From one problem to another along a straight line: what is given of an orbit, and the equations in between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from scipy.sparse import csc_array

from symdfi.ep.boundary import Autonomous, Boundary, FixedEnds, Periodic
from symdfi.ep.closed import Pinned
from symdfi.ep.closure import Closure, Place
from symdfi.ep.discrete import DiscreteSystem, Weights
from symdfi.ep.frame import Frame, TwoPoint
from symdfi.ep.orbit import Orbit
from symdfi.ep.search import size
from symdfi.ep.setting import Setting, Signals
from symdfi.errors import SymbolicError

#: What a boundary condition has of numbers that may change.
_NUMBERS = ("T", "energy", "action")


@dataclass(frozen=True)
class Homotopy:
    """(1 − s) of one setting and s of the other, and so of β. Both are on the same grid."""

    system: DiscreteSystem
    one: Setting
    other: Setting
    betas: tuple[float, float]

    @classmethod
    def of(
        cls, orbit: Orbit, params: Mapping[Any, Any] | None, signals: Signals, beta: float, boundary: Boundary | None
    ) -> Homotopy:
        """From an orbit to what is to be changed. ``ValueError`` for what is unknown, misshapen or may not change."""
        system, one = orbit.system, orbit.setting
        other = system.reader.changed(one, params, signals)
        if boundary is not None:
            other = replace(other, boundary=_comparable(one.boundary, boundary))
        if beta != orbit.beta and not system.has_action:
            raise SymbolicError(
                "a system with dissipation or generalized forces is no extremum of an action: there is no orbit nudged "
                "by beta to be led to"
            )
        if beta != orbit.beta and isinstance(orbit.linear, Pinned) and system.kernels.has_timed_costs:
            raise SymbolicError("the cost holds the time: of a closed orbit a nudge by it is not led on")
        if other.boundary.T != one.boundary.T and system.has_time:
            raise SymbolicError("the system holds the time: T is not to be changed, unless the drive is an input")
        return cls(system, one, other, (float(np.real(orbit.beta)), beta))

    def beta(self, s: complex) -> complex:
        return (1 - s) * self.betas[0] + s * self.betas[1]

    @np.errstate(all="ignore")  # of the columns that the weights of the action will fill
    def setting(self, s: complex) -> Setting:
        one, other = self.one, self.other
        boundary = object.__new__(type(one.boundary))
        vars(boundary).update(vars(one.boundary))
        for name in _NUMBERS:
            first, last = (getattr(x.boundary, name, None) for x in (one, other))
            if first != last:
                vars(boundary)[name] = _between(first, last, s)
        found = replace(
            one, params=_between(one.params, other.params, s), signals=_between(one.signals, other.signals, s)
        )
        return found.stretched(boundary) if boundary.T != one.boundary.T else replace(found, boundary=boundary)

    def weights(self, s: complex) -> Weights:
        return (1.0, self.beta(s))


class Equations(Protocol):
    """F(u; s) = 0 for an orbit and what else is unknown of it."""

    @property
    def homotopy(self) -> Homotopy: ...

    def start(self) -> np.ndarray:
        """u of the orbit that is begun with."""
        ...

    def residual(self, u: np.ndarray, s: complex) -> np.ndarray: ...

    def matrix(self, u: np.ndarray, s: float) -> csc_array:
        """∂F/∂u."""
        ...

    def orbit(self, u: np.ndarray, s: float) -> Orbit:
        """With its factors."""
        ...

    def place(self, u: np.ndarray, s: float) -> tuple[Setting, np.ndarray]:
        """The grid, and the nodes (nodes, d)."""
        ...


@dataclass(frozen=True)
class Held:
    """Of the nodes alone."""

    homotopy: Homotopy
    begin: Orbit

    @property
    def frame(self) -> Frame:
        return self.begin.setting.frame

    def start(self) -> np.ndarray:
        return np.zeros(self.frame.taken(self.begin.q).size)

    def residual(self, u: np.ndarray, s: complex) -> np.ndarray:
        setting, path = self._at(u, s)
        weights = self.homotopy.weights(s)
        return self.frame.fold(self.homotopy.system.slope(setting, path, weights), weights[0]).reshape(-1)

    def matrix(self, u: np.ndarray, s: float) -> csc_array:
        setting, path = self._at(u, s)
        return self.frame.sparse(self.homotopy.system.blocks(setting, path, self.homotopy.weights(s)))

    def place(self, u: np.ndarray, s: float) -> tuple[Setting, np.ndarray]:
        return self._at(u, s)

    def orbit(self, u: np.ndarray, s: float) -> Orbit:
        (setting, path), system = self._at(u, s), self.homotopy.system
        weights, residual = self.homotopy.weights(s), size(self.residual(u, s))
        linear = TwoPoint(setting.frame, setting.frame.factor(system.blocks(setting, path, weights)), path, weights)
        return Orbit(system, setting, path, weights[1], residual, 0, linear)

    def _at(self, u: np.ndarray, s: complex) -> tuple[Setting, np.ndarray]:
        shape = self.frame.taken(self.begin.q).shape
        return self.homotopy.setting(s), self.begin.q + self.frame.unfold(u.reshape(shape))


@dataclass(frozen=True)
class Running:
    """Of the nodes of a closed orbit, its period where that is unknown, and the multipliers of its phase."""

    homotopy: Homotopy
    pinned: Pinned

    @classmethod
    def of(cls, homotopy: Homotopy, orbit: Orbit) -> Running:
        pinned = Pinned.of(orbit)
        place = Place(orbit.q, orbit.setting.boundary.T, pinned.place.mu)
        return cls(homotopy, replace(pinned, closure=replace(pinned.closure, reference=orbit.q), place=place))

    def start(self) -> np.ndarray:
        return np.zeros(self.pinned.factor.block_size)

    def residual(self, u: np.ndarray, s: complex) -> np.ndarray:
        closure, place = self._at(u, s)
        return closure.residual(place, self.homotopy.weights(s))

    def matrix(self, u: np.ndarray, s: float) -> csc_array:
        closure, place = self._at(u, s)
        found = closure.matrix(place, self.homotopy.weights(s))
        if not closure.seeks_period:
            return found
        # By τ in units of the first period, and not of this one.
        n, scale = closure.phase.shape[1], np.ones(found.shape[1])
        scale[n] = 1 / (1 + u[n])
        return csc_array(found * scale[None])

    def place(self, u: np.ndarray, s: float) -> tuple[Setting, np.ndarray]:
        closure, place = self._at(u, s)
        return closure.at(place), place.path

    def orbit(self, u: np.ndarray, s: float) -> Orbit:
        (closure, place), weights = self._at(u, s), self.homotopy.weights(s)
        residual = size(closure.residual(place, weights))
        linear = Pinned(closure, place, closure.factor(place, weights), weights)
        return Orbit(self.homotopy.system, closure.at(place), place.path, weights[1], residual, 0, linear)

    def _at(self, u: np.ndarray, s: complex) -> tuple[Closure, Place]:
        closure = replace(self.pinned.closure, setting=self.homotopy.setting(s))
        start = self.pinned.place if closure.seeks_period else replace(self.pinned.place, T=closure.boundary.T)
        return closure, closure.moved(start, u)


def equations(homotopy: Homotopy, orbit: Orbit) -> Equations:
    return Running.of(homotopy, orbit) if isinstance(orbit.linear, Pinned) else Held(homotopy, orbit)


def _between(one: Any, other: Any, s: complex) -> Any:
    return (1 - s) * one + s * other


def _comparable(one: Boundary, other: Boundary) -> Boundary:
    """``ValueError`` unless both conditions differ in numbers alone."""
    if type(one) is not type(other) or not isinstance(one, Periodic | FixedEnds | Autonomous):
        raise ValueError(f"{other!r} is no condition that one leads to from {one!r}: T, energy or action may change")
    for name, value in vars(one).items():
        given = vars(other)[name]
        if name in _NUMBERS:
            if (value is None) != (given is None):
                raise ValueError(f"{name} is given of one of {one!r} and {other!r} only")
        elif repr(value) != repr(given):
            raise ValueError(f"{name} is not to be changed on the way: it is {value!r}, then {given!r}")
    return other
