"""Leapfrog in whole numbers, which runs back over its own path bit by bit.

q and p are whole numbers of units, and every kick p += [h/2 G(q, t)] and drift q += [h M⁻¹p], rounded to units, is
undone by subtracting the same number: the map is one to one, rounding included, so that no path need be kept to return.
Source: D. Levesque and L. Verlet, J. Stat. Phys. 72 (1993) 519.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from symdfi.compile.kernels import cache
from symdfi.ep.march import Course, Marched
from symdfi.ep.orbit import Orbit
from symdfi.ep.probe import Probe
from symdfi.ep.rules import Trapezoidal
from symdfi.errors import DivergenceError, SymbolicError

#: A unit is the largest number on the free trajectory by 2 to this power: a float's rounding, with room for nudges.
_BITS = 52


@dataclass(frozen=True)
class Exact:
    """A free trajectory retraced in whole numbers: ``orbit``, of which ``q`` and ``p`` are the end in units."""

    orbit: Orbit
    inverse: np.ndarray
    units: tuple[float, float]
    q: np.ndarray
    p: np.ndarray

    @classmethod
    def of(cls, free: Orbit) -> Exact:
        """``SymbolicError`` for another rule than ``Trapezoidal`` and for what is not q̇ᵀMq̇/2 − V(q, t)."""
        assert isinstance(free.linear, Marched)
        inverse, setting = _inverse_mass(free), free.setting
        speeds = free.system.points(setting, free.q)[1]
        momenta = np.max(np.abs(np.linalg.solve(inverse, speeds.T)), initial=0.0)
        sizes = np.max(np.abs(free.q)), max(momenta, np.max(np.abs([free.linear.p0, free.linear.pN])))
        unit_q, unit_p = (2.0 ** (np.ceil(np.log2(size or 1.0)) - _BITS) for size in sizes)
        q, p = (np.rint(x / unit).astype(np.int64) for x, unit in ((free.q[0], unit_q), (free.linear.p0, unit_p)))
        source = np.zeros((setting.points, 2 * q.size))
        found = cls(free, inverse, (unit_q, unit_p), q.copy(), p.copy())
        path = found._run(source, 1, found.q, found.p)
        linear = replace(free.linear, p0=p * unit_p, pN=found.p * unit_p)
        return replace(found, orbit=replace(free, q=path, linear=linear))

    def back(self, source: np.ndarray, kick: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The path to the beginning, and q and p there, with a source at the points and a ``kick`` −∇ at the end."""
        q, p = self.q.copy(), self.p - np.rint(kick / self.units[1]).astype(np.int64)
        path = self._run(source, -1, q, p)
        return path, q * self.units[0], p * self.units[1]

    def _run(self, source: np.ndarray, sign: int, q: np.ndarray, p: np.ndarray) -> np.ndarray:
        system, setting = self.orbit.system, self.orbit.setting
        system.kernels.slope.check(setting.index_values)
        course, path = Course.forward(setting), np.empty((setting.steps + 1, q.size))
        done = cache.load_module("symdfi.ep.loops.exact").leap(
            system.kernels.slope.function, setting.sizes, setting.ints, setting.params, course.signals, course.times,
            np.ascontiguousarray(source), self.inverse, setting.h, *self.units, sign, q, p, path,
        )  # fmt: skip
        if done < setting.steps:
            raise DivergenceError(
                f"step {done + 1} leaves the whole numbers of 64 bits: the motion grows", step=done + 1
            )  # fmt: skip
        return path


def _inverse_mass(free: Orbit) -> np.ndarray:
    """M⁻¹ of a system whose L is q̇ᵀMq̇/2 − V(q, t)."""
    probe = Probe.near(free)
    if not isinstance(free.setting.rule, Trapezoidal):
        raise SymbolicError(f"an exact echo is of the leapfrog: use the rule Trapezoidal(), not {free.setting.rule}")
    found = probe.matrices((probe.q, probe.v))
    M = found.pop("M")
    same = np.max(np.abs(M - M[:1])) <= 1e-12 * np.max(np.abs(M))
    coupled = any(np.any(found[name]) for name in found if name != "K")
    at_rest = probe.slope(probe.q, np.zeros_like(probe.v), probe.signals[:, : probe.r])[:, len(M[0]) :]
    if not same or coupled or np.any(at_rest):
        raise SymbolicError(
            "an exact echo is of L = q̇ᵀMq̇/2 − V(q, t) with a constant mass matrix M: in this L velocities meet "
            "coordinates or the time. Use Echo()"
        )
    return np.ascontiguousarray(np.linalg.inv(M[0]))
