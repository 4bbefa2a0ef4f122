"""A system's forces at states drawn at random: what decides which schemes it admits.

An identity between analytic expressions that holds at random arguments holds with probability one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdfi.compile.kernels.groups import count_of
from symdfi.ep.course import Course
from symdfi.ep.discrete import FREE, DiscreteSystem
from symdfi.ep.mirror import TOLERANCE, Mirror, broken, mirrors
from symdfi.ep.orbit import Orbit
from symdfi.ep.setting import Setting

_ROWS = 8
COUPLING = "the coupling ∂²L/∂q∂v"


@dataclass(frozen=True)
class Reversal:
    """A mirror of the coordinates, and what it makes of the inputs, (r, r): a′ = Aa."""

    mirror: Mirror
    inputs: np.ndarray

    def course(self, free: Orbit, source: np.ndarray) -> Course:
        """The same machine, its drives mirrored and replayed backward; ``source`` in the order of time, unmirrored."""
        course, r = Course.forward(free.setting), len(self.inputs)
        course.signals[:, :r] = course.signals[:, :r] @ self.inputs.T
        return course.replayed(self.mirror.reflected(source)[::-1])


@dataclass(frozen=True)
class Probe:
    """States q and v, (rows, d), with ``times`` (rows, 1) and ``signals`` of their own, at which identities between a
    system's forces are looked at."""

    system: DiscreteSystem
    setting: Setting
    q: np.ndarray
    v: np.ndarray
    times: np.ndarray
    signals: np.ndarray

    @classmethod
    def near(cls, free: Orbit) -> Probe:
        """Near a free trajectory."""
        return cls.about(free.system, free.setting, free.q)

    @classmethod
    def about(cls, system: DiscreteSystem, setting: Setting, path: np.ndarray) -> Probe:
        """Near a path."""
        rng = np.random.default_rng(0)
        own = rng.integers(setting.points, size=_ROWS)
        q, v = (_scattered(rng, x[own]) for x in system.points(setting, path))
        return cls(system, setting, q, v, setting.times[own], setting.signals_of(*FREE)[own])._driven(rng)

    @classmethod
    def drawn(cls, system: DiscreteSystem, setting: Setting) -> Probe:
        """Anywhere."""
        rng, d = np.random.default_rng(0), setting.places.n_dof
        own = rng.integers(setting.points, size=_ROWS)
        q, v = rng.normal(size=(2, _ROWS, d))
        times = setting.boundary.T * rng.random((_ROWS, 1))
        return cls(system, setting, q, v, times, setting.signals_of(*FREE)[own])._driven(rng)

    def _driven(self, rng: np.random.Generator) -> Probe:
        """With inputs of their own."""
        self.signals[:, : self.r] = _scattered(rng, self.signals[:, : self.r])
        return self

    @property
    def r(self) -> int:
        """The number of inputs."""
        return int(count_of(self.system.system.inputs).subs(self.setting.extents))

    def matrices(self, at: tuple[np.ndarray, np.ndarray]) -> dict[str, np.ndarray]:
        """M = ∂P/∂v, D = ∂P/∂q − ∂G/∂v, K = −∂G/∂q and ∂P/∂q, each (rows, d, d), at states."""
        return matrices(self.system, self.setting, at, self.signals, self.times)

    def found(self) -> Reversal | None:
        """The first mirror through which the system reverses, if it has one."""
        candidates = (self.reversal(mirror) for mirror in mirrors(self.q.shape[1]))
        return next((found for found in candidates if self.broken(found) <= TOLERANCE), None)

    def slope(self, q: np.ndarray, v: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        signals = self.signals.copy()
        signals[:, : self.r] = inputs
        d, kernel = q.shape[1], self.system.kernels.slope
        at = (np.ascontiguousarray(q), np.ascontiguousarray(v))
        return self.system.run_at(kernel, self.setting, at, signals, self.times, [2 * d])[0]

    def reversal(self, mirror: Mirror) -> Reversal:
        """What a mirror makes of each input: the one, up to its sign, whose force the mirror turns it into; itself
        where there is none, and then the mirror is broken."""
        q, v = self.q, self.v
        units = np.eye(self.r)
        here = [mirror.reflected(self._force(q, v, unit)) for unit in units]
        there = [self._force(mirror(q), -mirror(v), unit) for unit in units]
        inputs = np.eye(self.r)
        for j, own in enumerate(there):
            size = np.max(np.abs(own), initial=0.0)
            options = ((i, sign) for i in sorted(range(self.r), key=lambda i: i != j) for sign in (1.0, -1.0))
            for i, sign in options:
                if np.max(np.abs(own - sign * here[i]), initial=0.0) <= 1e-9 * size:
                    inputs[:, j] = sign * units[i]
                    break
        return Reversal(mirror, inputs)

    def _force(self, q: np.ndarray, v: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        found = self.slope(q, v, inputs) - self.slope(q, v, np.zeros(self.r))
        return np.where(np.isfinite(found), found, 0.0)

    def broken(self, found: Reversal) -> float:
        drive = self.signals[:, : self.r]
        return broken(
            lambda q, v: self.slope(q, v, drive), (self.q, self.v), found.mirror,
            lambda q, v: self.slope(q, v, drive @ found.inputs.T),
        )  # fmt: skip


def _scattered(rng: np.random.Generator, states: np.ndarray) -> np.ndarray:
    """States of the same size, drawn."""
    return states + 0.5 * (np.max(np.abs(states), initial=0.0) or 1.0) * rng.normal(size=states.shape)


def matrices(
    system: DiscreteSystem, setting: Setting, at: tuple[np.ndarray, np.ndarray], signals: np.ndarray, times: np.ndarray
) -> dict[str, np.ndarray]:
    """M = ∂P/∂v, D = ∂P/∂q − ∂G/∂v, K = −∂G/∂q and ∂P/∂q, each (rows, d, d), at states, signals and times."""
    d = at[0].shape[1]
    parts = system.run_at(system.kernels.blocks, setting, at, signals, times, [d * d] * 4)
    qq, qv, vq, vv = (x.reshape(-1, d, d) for x in parts)
    return {"M": vv, "D": vq - qv, "K": -qq, COUPLING: vq}


def not_reciprocal(here: dict[str, np.ndarray], there: dict[str, np.ndarray], mirror: Mirror, varies: bool) -> str:
    """Why a system with these matrices at two sets of states, at the same times, is not linear with SMS = Mᵀ, SDS = Dᵀ
    and SKS = Kᵀ, S the mirror, M and D constant, and K unless it ``varies``; nothing if it is."""
    for name, own in here.items():
        if not _same(own, there[name], float(np.max(np.abs(own)))):
            return f"it is not linear, for {name} depends on the state"
    for name, own in here.items():
        size = float(np.max(np.abs(own)))
        if name != COUPLING and not _same(mirror(mirror(own).transpose(0, 2, 1)), own, size):
            return f"{name} is not symmetric" if mirror.is_identity else f"S{name}S is not {name}ᵀ"
        if not (varies and name == "K") and not _same(own, own[:1], size):
            return f"{name} changes with time"
    return ""


def _same(one: np.ndarray, other: np.ndarray, size: float) -> bool:
    return bool(np.max(np.abs(one - other), initial=0.0) <= TOLERANCE * size)
