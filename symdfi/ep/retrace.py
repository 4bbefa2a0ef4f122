"""The exact echo without a trajectory that is kept: memory that does not grow with the number of steps.

The leapfrog in whole numbers runs to the end, and comes back over its own path bit by bit (see ``symdfi.ep.exact``). On
the way back the free motion and its two echoes run abreast: of the free one the nudge is read where it is met, and
what is integrated is summed up as it goes. The time grid is read piece by piece (see ``symdfi.ep.pieces``).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from symdfi.ep.boundary import InitialState
from symdfi.ep.course import Course, run
from symdfi.ep.discrete import COST, FREE, DiscreteSystem
from symdfi.ep.echo import Spread
from symdfi.ep.exact import Whole, WholeLeapfrog, inverse_mass, sizes_of
from symdfi.ep.integrals import collected, cost_with, weights_of, with_values
from symdfi.ep.nudging import finite_nudge, pushes_at
from symdfi.ep.pieces import Pieces
from symdfi.ep.probe import Probe
from symdfi.ep.readout import finite_derivatives, readout
from symdfi.ep.sensitivity import by_velocity, shaped
from symdfi.ep.setting import Setting
from symdfi.linalg.blas import one_blas_thread


@dataclass(frozen=True)
class Retrace:
    """A free trajectory of which the beginning and the ``end`` are kept, in whole numbers; its ``cost``, the integrals
    ``z`` of that and their weights."""

    pieces: Pieces
    leapfrog: WholeLeapfrog
    start: Whole
    end: Whole
    cost: float
    z: np.ndarray
    weights: np.ndarray

    @classmethod
    @one_blas_thread()
    def of(cls, pieces: Pieces) -> Retrace:
        """``SymbolicError`` for a system that is not q̇ᵀMq̇/2 − V(q, t), and what ``extremize`` raises."""
        system, (q0, p0) = pieces.system, _beginning(pieces)
        leapfrog = _measured(pieces, q0, p0)
        start = leapfrog.rounded(q0, p0)
        state, z, cost, weights = start.copy(), np.zeros(system.integral_count(pieces.whole)), 0.0, np.empty(0)
        for number, piece in enumerate(pieces):
            path = leapfrog.free(piece, 1, state)
            z = z + collected(system, piece, path)
            cost += cost_with(system, piece, path, z)
            if number == len(pieces) - 1:
                weights = weights_of(system, piece, path, z)
        return cls(pieces, leapfrog, start, state, cost, z, weights)

    @property
    def system(self) -> DiscreteSystem:
        return self.pieces.system

    @functools.cached_property
    def return_error(self) -> float:
        """How far it misses the beginning on its way back, in units of the largest q and p: 0."""
        state = self.end.copy()
        for piece in reversed(self.pieces):
            self.leapfrog.free(piece, -1, state)
        return state.apart(self.start)

    @one_blas_thread()
    def gradient(self, beta: float) -> dict[str, np.ndarray]:
        """dC/dθ by name, from echoes nudged by ``beta`` and −``beta``; errors as of ``Echo``."""
        finite_nudge(beta)
        system, whole, spread, share = self.system, self.pieces.whole, Spread(), 0.5 / beta
        free, echoes = self.end.copy(), [self.end.copy(), self.end.copy()]
        theta = np.zeros(system.impulse_widths(whole)[0])
        for number, (piece, path) in enumerate(self._back(free)):
            push, at_end = pushes_at(system, piece, path)
            paths, size = [], beta
            for k in range(2):
                if number == 0:
                    echoes[k] = self.leapfrog.kicked(echoes[k], size * at_end)
                paths.append(self.leapfrog.echo(piece, size * push, echoes[k], size))
                size = -size
            theta += readout(system, piece, path, COST).by_theta
            for own, sign in zip(paths, (share, -share), strict=True):
                theta += sign * readout(system, piece, own, FREE).by_theta
            spread.add(system, piece, path, *paths)
        spread.check(beta)
        (above_q, _), (below_q, _) = (self.leapfrog.floats(echo) for echo in echoes)
        if (start := by_velocity(system, whole, share * (above_q - below_q))) is not None:
            theta += start.theta
        return finite_derivatives(shaped(theta, system.shapes(whole)), self.leapfrog.floats(self.start)[0][None])

    def _back(self, state: Whole) -> Iterator[tuple[Setting, np.ndarray]]:
        """The pieces from the last to the first, with what the cost weighs, and the free path over each."""
        for piece in reversed(self.pieces):
            yield with_values(piece, self.z, self.weights), self.leapfrog.free(piece, -1, state)


def _beginning(pieces: Pieces) -> tuple[np.ndarray, np.ndarray]:
    """q and p at t = 0."""
    boundary, first = pieces.whole.boundary, pieces[0]
    assert isinstance(boundary, InitialState)
    q0, v0, p0 = boundary.start(first.places)
    if v0 is not None:
        p0 = pieces.system.momentum(first, q0, v0)
    assert p0 is not None
    return q0, p0


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def _measured(pieces: Pieces, q: np.ndarray, p: np.ndarray) -> WholeLeapfrog:
    """The leapfrog with units for the largest q and p on the way, found by a run in floating point."""
    system, q, p, inverse = pieces.system, q.copy(), p.copy(), None
    sizes = np.zeros(2)
    for piece in pieces:
        path = np.empty((piece.steps + 1, q.size))
        path[:2] = q
        before = np.max(np.abs(p))
        run(system, Course.forward(piece), path, p)
        if inverse is None:
            inverse = inverse_mass(Probe.about(system, piece, path), piece.rule)
        largest = sizes_of(system, piece, path, inverse)
        sizes = np.maximum(sizes, [largest[0], max(largest[1], before, np.max(np.abs(p)))])
        q = path[-1].copy()
    assert inverse is not None
    return WholeLeapfrog.of(system, inverse, pieces.h, (float(sizes[0]), float(sizes[1])))
