"""A system at given numbers run backward by itself, through a mirror (see ``symdfi.ep.mirror``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdfi.compile.kernels.groups import count_of
from symdfi.ep.discrete import FREE
from symdfi.ep.march import Course
from symdfi.ep.mirror import SEARCHED, TOLERANCE, Mirror, broken, mirrors
from symdfi.ep.orbit import Orbit
from symdfi.errors import SymbolicError


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


def reversal(free: Orbit, mirror: Any) -> Reversal:
    """The one that is given, or with ``"find"`` the first that is found. ``SymbolicError`` where there is none."""
    probe, d = _Probe(free), free.q.shape[1]
    rule = free.setting.rule
    if not (
        np.allclose(rule.values, rule.values[::-1, ::-1], rtol=0, atol=1e-14)
        and np.allclose(rule.slopes, -rule.slopes[::-1, ::-1], rtol=0, atol=1e-12)
        and np.allclose(rule.weights, rule.weights[::-1], rtol=0, atol=1e-14)
    ):
        raise SymbolicError(f"the rule {rule} is not symmetric in time: no motion runs backward by it")
    if not isinstance(mirror, str):
        found = probe.reversal(Mirror.read(mirror, d))
        if (left := probe.broken(found)) > TOLERANCE:
            raise SymbolicError(
                f"the system does not run backward through this mirror: it changes forces or momenta by {left:.1e} of "
                "their size. L is to be even in the velocities up to the mirror, L(Πq, −Πq̇) = L(q, q̇); use another "
                "one, or Echo() without a mirror, which marches any discrete action backward"
            )
        return found
    if mirror != "find":
        raise ValueError(f"mirror = {mirror!r} is to be a matrix, signs, 'find' or None")
    if d > SEARCHED:
        raise ValueError(f"a mirror of {d} coordinates is to be given: it is sought for up to {SEARCHED}")
    for candidate in mirrors(d):
        if probe.broken(found := probe.reversal(candidate)) <= TOLERANCE:
            return found
    raise SymbolicError(
        f"no signed permutation of the {d} coordinates lets the system run backward. Use Echo() without a mirror, "
        "which marches any discrete action backward"
    )


class _Probe:
    """G and P of a free trajectory's system at states drawn near it."""

    def __init__(self, free: Orbit) -> None:
        self.system, self.setting = free.system, free.setting
        rng, rows = np.random.default_rng(0), 8
        own = rng.integers(free.setting.points, size=rows)
        q, v = (x[own] for x in self.system.points(self.setting, free.q))
        self.at = (_scattered(rng, q), _scattered(rng, v))
        self.times = self.setting.times[own]
        self.r = int(count_of(self.system.system.inputs).subs(self.setting.extents))
        self.signals = self.setting.signals_of(*FREE)[own]
        self.signals[:, : self.r] = _scattered(rng, self.signals[:, : self.r])

    def slope(self, q: np.ndarray, v: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        signals = self.signals.copy()
        signals[:, : self.r] = inputs
        d, kernel = q.shape[1], self.system.kernels.slope
        at = (np.ascontiguousarray(q), np.ascontiguousarray(v))
        return self.system.run_at(kernel, self.setting, at, signals, self.times, [2 * d])[0]

    def reversal(self, mirror: Mirror) -> Reversal:
        """What a mirror makes of each input: the one, up to its sign, whose force the mirror turns it into; itself
        where there is none, and then the mirror is broken."""
        q, v = self.at
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
            lambda q, v: self.slope(q, v, drive), self.at, found.mirror,
            lambda q, v: self.slope(q, v, drive @ found.inputs.T),
        )  # fmt: skip


def _scattered(rng: np.random.Generator, states: np.ndarray) -> np.ndarray:
    """States of the same size, drawn."""
    return states + 0.5 * (np.max(np.abs(states), initial=0.0) or 1.0) * rng.normal(size=states.shape)
