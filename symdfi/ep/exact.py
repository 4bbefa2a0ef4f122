"""Leapfrog in whole numbers, which runs back over its own path bit by bit.

q and p are whole numbers of units, and every kick p += [h/2 G(q, t)] and drift q += [h M⁻¹p], rounded to units, is
undone by subtracting the same number: the map is one to one, rounding included, so that no path need be kept to return.
Source: D. Levesque and L. Verlet, J. Stat. Phys. 72 (1993) 519.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from symdfi.compile.kernels import cache
from symdfi.ep.course import Course
from symdfi.ep.discrete import DiscreteSystem
from symdfi.ep.march import Marched
from symdfi.ep.orbit import Orbit
from symdfi.ep.probe import COUPLING, Probe
from symdfi.ep.rules import Rule, Trapezoidal
from symdfi.ep.setting import Setting
from symdfi.errors import ConvergenceError, DivergenceError, SymbolicError

#: A unit is the largest number on the free trajectory by 2 to this power: a float's rounding, with room for nudges.
_BITS = 52


@dataclass
class Whole:
    """A state q, p in whole units, which a run moves along."""

    q: np.ndarray
    p: np.ndarray

    def copy(self) -> Whole:
        return Whole(self.q.copy(), self.p.copy())

    def apart(self, other: Whole) -> float:
        """The largest difference, in units of the largest q and p of the motion."""
        return float(max(np.max(np.abs(self.q - other.q)), np.max(np.abs(self.p - other.p))) * 2.0**-_BITS)


@dataclass(frozen=True)
class WholeLeapfrog:
    """The leapfrog of a system with the inverse M⁻¹ of its mass matrix by steps ``h``, in ``units`` of q and p."""

    system: DiscreteSystem
    inverse: np.ndarray
    h: float
    units: tuple[float, float]

    @classmethod
    def of(cls, system: DiscreteSystem, inverse: np.ndarray, h: float, sizes: tuple[float, float]) -> WholeLeapfrog:
        """For a motion with q and p of these sizes."""
        unit_q, unit_p = (2.0 ** (np.ceil(np.log2(size or 1.0)) - _BITS) for size in sizes)
        return cls(system, inverse, h, (float(unit_q), float(unit_p)))

    def rounded(self, q: np.ndarray, p: np.ndarray) -> Whole:
        return Whole(*(np.rint(x / unit).astype(np.int64) for x, unit in zip((q, p), self.units, strict=True)))

    def floats(self, state: Whole) -> tuple[np.ndarray, np.ndarray]:
        return state.q * self.units[0], state.p * self.units[1]

    def kicked(self, state: Whole, kick: np.ndarray) -> Whole:
        """A copy of a state, its momentum less a ``kick``."""
        return Whole(state.q.copy(), state.p - np.rint(kick / self.units[1]).astype(np.int64))

    def run(self, setting: Setting, source: np.ndarray, sign: int, state: Whole) -> np.ndarray:
        """Moves a state over the setting, forward for ``sign`` = 1, else backward, with a ``source`` at the points; the
        path, in the order of time. ``DivergenceError`` where the whole numbers end."""
        kernel = self.system.kernels.slope
        kernel.check(setting.index_values)
        course, path = Course.forward(setting), np.empty((setting.steps + 1, state.q.size))
        done = cache.load_module("symdfi.ep.loops.exact").leap(
            kernel.function, setting.sizes, setting.ints, setting.params, course.signals, course.times,
            np.ascontiguousarray(source), self.inverse, self.h, *self.units, sign, state.q, state.p, path,
        )  # fmt: skip
        if done < setting.steps:
            raise DivergenceError(
                f"step {done + 1} leaves the whole numbers of 64 bits: the motion grows", step=done + 1
            )  # fmt: skip
        return path

    def echo(self, setting: Setting, source: np.ndarray, state: Whole, beta: float) -> np.ndarray:
        """``run`` backward under a source that a nudge makes. ``ConvergenceError`` where that is too large."""
        try:
            return self.run(setting, source, -1, state)
        except DivergenceError as error:
            message = f"the echo nudged by beta = {beta:g} was lost on the way: {error}; reduce beta"
            raise ConvergenceError(message, beta=beta) from error

    def free(self, setting: Setting, sign: int, state: Whole) -> np.ndarray:
        """``run`` without a source."""
        return self.run(setting, np.zeros((setting.points, 2 * state.q.size)), sign, state)


@dataclass(frozen=True)
class Exact:
    """A free trajectory retraced in whole numbers: ``orbit``, and its ``end``."""

    orbit: Orbit
    leapfrog: WholeLeapfrog
    end: Whole

    @classmethod
    def of(cls, free: Orbit) -> Exact:
        """``SymbolicError`` for another rule than ``Trapezoidal`` and for what is not q̇ᵀMq̇/2 − V(q, t)."""
        assert isinstance(free.linear, Marched)
        setting, ends = free.setting, np.max(np.abs([free.linear.p0, free.linear.pN]))
        inverse = inverse_mass(Probe.near(free), setting.rule)
        sizes = sizes_of(free.system, setting, free.q, inverse)
        leapfrog = WholeLeapfrog.of(free.system, inverse, setting.h, (sizes[0], max(sizes[1], ends)))
        state = leapfrog.rounded(free.q[0], free.linear.p0)
        _, p0 = leapfrog.floats(state)
        path = leapfrog.free(setting, 1, state)
        linear = replace(free.linear, p0=p0, pN=leapfrog.floats(state)[1])
        return cls(replace(free, q=path, linear=linear), leapfrog, state)

    def back(self, source: np.ndarray, kick: np.ndarray, beta: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The path to the beginning, and q and p there, with a source at the points and a ``kick`` −∇ at the end."""
        state = self.leapfrog.kicked(self.end, kick)
        return self.leapfrog.echo(self.orbit.setting, source, state, beta), *self.leapfrog.floats(state)


def check_leapfrog(rule: Rule) -> None:
    """``SymbolicError`` for another rule than ``Trapezoidal``."""
    if not isinstance(rule, Trapezoidal):
        raise SymbolicError(f"an exact echo is of the leapfrog: use the rule Trapezoidal(), not {rule}")


def sizes_of(system: DiscreteSystem, setting: Setting, path: np.ndarray, inverse: np.ndarray) -> tuple[float, float]:
    """The largest |q| and |p| on a path."""
    speeds = system.points(setting, path)[1]
    return float(np.max(np.abs(path))), float(np.max(np.abs(np.linalg.solve(inverse, speeds.T)), initial=0.0))


def inverse_mass(probe: Probe, rule: Rule) -> np.ndarray:
    """M⁻¹ of a system whose L is q̇ᵀMq̇/2 − V(q, t). ``SymbolicError`` for another, and for another rule than
    ``Trapezoidal``."""
    check_leapfrog(rule)
    found = probe.matrices((probe.q, probe.v))
    M = found["M"]
    same = np.max(np.abs(M - M[:1])) <= 1e-12 * np.max(np.abs(M))
    coupled = np.any(found["D"]) or np.any(found[COUPLING])
    at_rest = probe.slope(probe.q, np.zeros_like(probe.v), probe.signals[:, : probe.r])[:, len(M[0]) :]
    if not same or coupled or np.any(at_rest):
        raise SymbolicError(
            "an exact echo is of L = q̇ᵀMq̇/2 − V(q, t) with a constant mass matrix M: in this L velocities meet "
            "coordinates or the time. Use Echo()"
        )
    return np.ascontiguousarray(np.linalg.inv(M[0]))
