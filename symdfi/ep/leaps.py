"""Trajectories from their beginning, and gradients, by explicit leapfrog where a system and a rule admit it."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from symdfi.compile.kernels import cache, threads
from symdfi.ep.boundary import InitialState
from symdfi.ep.discrete import DiscreteSystem
from symdfi.ep.leapfrog import LANES, Leapfrog
from symdfi.ep.rules import Trapezoidal
from symdfi.ep.setting import Setting

#: The most numbers of the paths of samples side by side.
_ABREAST = 2**24
#: So many numbers of paths are gone through forth and back in the time that it may take to wake up a thread.
_SHARE = 2**16


@functools.lru_cache(maxsize=32)
def leapfrog(system: DiscreteSystem) -> Leapfrog:
    """The explicit leapfrog of a system, derived once."""
    return Leapfrog(system.kernels)


@dataclass(frozen=True)
class Leaps:
    """The nodes of a setting as the loops take them: a row a node of the ``signals``, with the weights that L and the
    costs have there, of the ``times`` (nodes, 1) and of the initial velocity ``v0``, which has no numbers where the
    momentum is given."""

    system: Leapfrog
    setting: Setting
    signals: np.ndarray
    times: np.ndarray
    q0: np.ndarray
    v0: np.ndarray
    p0: np.ndarray

    @classmethod
    def of(cls, system: DiscreteSystem, setting: Setting) -> Leaps | None:
        """None where steps are not explicit."""
        own, boundary = leapfrog(system), setting.boundary
        if not isinstance(setting.rule, Trapezoidal) or not isinstance(boundary, InitialState) or not own.is_explicit:
            return None
        for kernel in (own.linear, own.force):
            kernel.check(setting.index_values)
        inner = setting.points
        signals, times = (np.concatenate([x[:inner:2], x[inner - 1 : inner]]) for x in (setting.signals, setting.times))
        weights = np.full(len(signals), setting.h)
        weights[[0, -1]] *= 0.5
        signals[:, -3:] = weights[:, None] * (1.0, 1.0, 0.0)
        signals[-1, -1] = float(len(setting.weights) > inner)
        q0, v0, p0 = boundary.start(setting.places)
        nothing = np.empty(0)
        return cls(own, setting, signals, times, q0, nothing if v0 is None else v0, nothing if p0 is None else p0)

    @property
    def is_abreast(self) -> bool:
        """Whether there are loops over several samples at once, and room for their paths."""
        room = LANES * len(self.signals) * self.q0.size
        return room <= _ABREAST and not self.system.has_massive_parameters

    @functools.cached_property
    def no_push(self) -> np.ndarray:
        return np.empty((0, self.q0.size))

    def forward(self, params: np.ndarray, signals: np.ndarray, room: Room) -> bool:
        """Fills the path of a room, and leaves the momentum at its end in ``p``. False where there is no such path, for
        whatever reason."""
        setting, moving = self.setting, self.v0.size > 0
        room.path[0] = self.q0
        room.p[:] = self.v0 if moving else self.p0
        return self.system.forward.leap(
            setting.sizes, setting.ints, params, signals, self.times, setting.h, self.system.varies, moving, room.path,
            room.p, room.work, room.sums,
        )  # fmt: skip

    def backward(
        self, params: np.ndarray, signals: np.ndarray, path: np.ndarray, push: np.ndarray, room: Room
    ) -> tuple[float, np.ndarray] | None:
        """C and dC/dθ, of the costs by the weights in ``signals`` and of a ``push`` by the nodes, which may have no
        rows; λ is left in the room. None where they are not finite."""
        setting, system, theta = self.setting, self.system, np.empty((1, params.size))
        system.pull.check(setting.index_values)
        weighs = system.has_massive_parameters
        done = system.backward.back(
            setting.sizes, setting.ints, params, signals, self.times, setting.h, system.varies, weighs, path, push,
            room.found, theta, room.impulse, room.value, room.work, room.sums,
        )  # fmt: skip
        if done and weighs:
            if self.v0.size:  # p0 = M v0
                with np.errstate(over="ignore", invalid="ignore"):  # what is lost shows in θ
                    room.impulse[0] += room.found[0] * self.v0
            room.work[0] = 1.0
            system.inertia.function(
                0, 1, setting.sizes, setting.ints, path[:1], room.work[:1], params, signals[:1], self.times[:1],
                room.impulse, theta,
            )  # fmt: skip
            done = np.isfinite(theta).all()
        return (room.value.item(), theta[0]) if done else None

    def gradients(self, params: np.ndarray, signals: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of samples with ``signals`` (samples, nodes, width): which are found, C, and dC/dθ (samples, parameters).
        Only where it ``is_abreast``. The numbers of a sample do not depend on those beside it."""
        setting, system, count, moving = self.setting, self.system, len(signals), self.v0.size > 0
        system.pull.check(setting.index_values)
        thetas, costs, found = np.empty((count, params.size)), np.empty(count), np.empty(count, bool)
        series = np.ascontiguousarray(signals.transpose(0, 2, 1))
        share = -(-_SHARE // (LANES * self.times.size * self.q0.size))
        threads.run(
            cache.entry(system.abreast.both.gradients), -(-count // LANES), setting.sizes, setting.ints, params,
            self.times, setting.h, system.varies, moving, self.q0, self.v0 if moving else self.p0, series, thetas,
            costs, found, least=share,
        )  # fmt: skip
        return found, costs, thetas


class Room:
    """What runs over so many nodes fill: the path, and λ, as far as it is asked for, else of two nodes in turn."""

    def __init__(self, nodes: int, d: int, *, whole: bool = False) -> None:
        self.path, self.found = np.empty((nodes, d)), np.empty((nodes if whole else 2, d))
        self.p, self.impulse, self.value, self.work = np.empty(d), np.empty((1, d)), np.empty((1, 1)), np.empty((8, d))
        self.sums = np.empty(1)

    @classmethod
    def of(cls, leaps: Leaps, *, whole: bool = False) -> Room:
        return cls(len(leaps.signals), leaps.q0.size, whole=whole)


class Alone:
    """Gradients of one sample after the other, by one thread: of a ``system`` without massive parameters. All that its
    loop reads and fills lies in one array, of which ``params`` and ``signals`` are views to be written."""

    def __init__(self, leaps: Leaps) -> None:
        setting, (nodes, width), d, count = leaps.setting, leaps.signals.shape, leaps.q0.size, leaps.setting.params.size
        leaps.system.pull.check(setting.index_values)
        moving = leaps.v0.size > 0
        counts = (nodes, d, width, count, setting.sizes.size, leaps.system.varies, moving)
        self._whole = np.concatenate([np.array(counts, np.int64), setting.sizes, setting.ints])
        # As ``loops.leapfrog_gradient`` cuts it: h, parameters, signals, times, start, path, and what is filled.
        given = [[setting.h], setting.params, leaps.signals.reshape(-1), leaps.times.reshape(-1)]
        given += [leaps.v0 if moving else leaps.p0, leaps.q0]
        self._room = np.concatenate([*given, np.zeros((nodes - 1 + 1 + 8 + 2 + 1) * d + count + 2)])
        self.params = self._room[1 : 1 + count]
        self.signals = self._room[1 + count : 1 + count + nodes * width].reshape(nodes, width)
        self._theta, self._value = self._room[-2 - count : -2], self._room[-2:-1]
        self._function = leaps.system.both.gradient  # kept: what is called is part of it
        self._call = cache.entry(self._function)

    def found(self) -> tuple[float, np.ndarray] | None:
        """C and dC/dθ for ``params`` and ``signals``. None where the motion or they are not finite."""
        return (self._value.item(), self._theta.copy()) if self._call(self._whole, self._room) else None


class Apart:
    """The same of any system, forth and back in calls of their own."""

    def __init__(self, leaps: Leaps) -> None:
        self.leaps, self.params, self.signals = leaps, leaps.setting.params.copy(), leaps.signals.copy()
        self._room = Room.of(leaps)

    def found(self) -> tuple[float, np.ndarray] | None:
        leaps, room = self.leaps, self._room
        if not leaps.forward(self.params, self.signals, room):
            return None
        return leaps.backward(self.params, self.signals, room.path, leaps.no_push, room)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def explicit_march(system: DiscreteSystem, setting: Setting) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The path of a setting and its momenta at both ends."""
    leaps = Leaps.of(system, setting)
    if leaps is None or not leaps.forward(setting.params, leaps.signals, room := Room.of(leaps)):
        return None
    p0 = leaps.p0 if leaps.p0.size else system.momentum(setting, leaps.q0, leaps.v0)
    return room.path, p0, room.p


def explicit_adjoint(system: DiscreteSystem, setting: Setting, path: np.ndarray, push: np.ndarray) -> np.ndarray | None:
    """λ of a path for a ``push``, the derivative of anything by its nodes."""
    leaps = Leaps.of(system, setting)
    if leaps is None:
        return None
    leaps.signals[:, -2:] = 0.0
    room = Room.of(leaps, whole=True)
    found = leaps.backward(setting.params, leaps.signals, path, np.ascontiguousarray(push), room)
    return room.found if found is not None and np.isfinite(room.found).all() else None


def explicit_gradient(system: DiscreteSystem, setting: Setting, path: np.ndarray) -> np.ndarray | None:
    """dC/dθ, flat, at the path of a setting."""
    leaps = Leaps.of(system, setting)
    if leaps is None or not leaps.system.has_costs_of_states:
        return None
    found = leaps.backward(setting.params, leaps.signals, path, leaps.no_push, Room.of(leaps))
    return None if found is None else found[1]
