"""The equations of a closed orbit whose phase is pinned, and whose period may be an unknown.

With the discrete action S(x, T) of the nodes x and the period T, a closed orbit is an extremum of

    W = A(S, T) + μ·Φ(x − x*),    A = S, S + ET or (2πJ − S)/T,

over x, T where it is free, and the multipliers μ of the phase conditions, which vanish with the grid. Of a limit cycle
there is no action: the equations r(x, T) = 0 and Φ(x − x*) = 0 fix x and T. In both cases T is sought by its relative
change τ. What is needed of T (h = T/N, slopes as 1/T, weights as T, G and P as in ``symdfi.ep.discrete``):

    T ∂S/∂T = S − Σ w v·P,    T ∂r/∂T: rows G − ∂_vG v and −∂_vP v beside q and v,    T² ∂²S/∂T² = Σ w v·∂_vP v.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import block_array, csc_array

from symdfi.ep.boundary import Autonomous, Closed
from symdfi.ep.discrete import COST, FREE, DiscreteSystem, Weights
from symdfi.ep.setting import Setting
from symdfi.linalg import SparseChainLU


@dataclass(frozen=True)
class Place:
    """A closed path (nodes, d), its period and its multipliers."""

    path: np.ndarray
    T: float
    mu: np.ndarray


@dataclass(frozen=True)
class Closure:
    """The equations about a reference path, of a ``setting`` whose period is that of the search's begin.

    ``phase`` are the rows Φ over the unknown nodes, (k, n), of the length ``unit``, which is that of the equations.
    """

    system: DiscreteSystem
    setting: Setting
    reference: np.ndarray
    phase: np.ndarray

    @property
    def boundary(self) -> Closed:
        boundary = self.setting.boundary
        assert isinstance(boundary, Closed)
        return boundary

    @property
    def has_action(self) -> bool:
        return isinstance(self.boundary, Autonomous)

    @property
    def seeks_period(self) -> bool:
        return self.boundary.seeks_period

    @classmethod
    def about(cls, system: DiscreteSystem, setting: Setting, path: np.ndarray) -> Closure:
        """With the phase conditions of the boundary, about a path. ``ValueError`` for rows that do not fit, and for a
        path that does not move."""
        boundary, frame = setting.boundary, setting.frame
        assert isinstance(boundary, Closed)
        given, (nodes, d) = boundary.phase, path.shape
        if np.ptp(path, axis=0).max() <= 1e-6 * np.max(np.abs(path)):
            raise ValueError("the guess does not move: a closed orbit is sought from one that does")
        if given is None:
            ahead, behind = (np.roll(path[:-1], shift, axis=0) for shift in (-1, 1))
            rows = [ahead - behind]
        elif given.shape[1:] == (d,):
            rows = [np.concatenate([row[None], np.zeros((nodes - 2, d))]) for row in given]
        elif given.shape[1:] == (nodes, d):
            rows = [frame.fold(row) for row in given]
        else:
            raise ValueError(
                f"the phase has shape {given.shape}: of {nodes} nodes and {d} degrees of freedom it is (k, {d}) or "
                f"(k, {nodes}, {d})"
            )
        phase = np.array([np.reshape(row, -1) for row in rows])
        lengths = np.linalg.norm(phase, axis=1, keepdims=True)
        if not lengths.all():
            raise ValueError("a row of the phase is zero")
        return cls(system, setting, path, phase / lengths)

    def scaled(self, unit: float) -> Closure:
        """With conditions of the size of the equations, which factorisations compare them with."""
        return replace(self, phase=unit * self.phase)

    def at(self, place: Place) -> Setting:
        """The grid of a place."""
        return self.setting.stretched(self.boundary.stretched(place.T))

    def start(self, path: np.ndarray) -> Place:
        return Place(path, self.setting.boundary.T, np.zeros(len(self.phase)))

    def moved(self, place: Place, step: np.ndarray) -> Place:
        """A place after a step of the unknowns: nodes, then τ, then μ."""
        n = self.phase.shape[1]
        shift = self.setting.frame.unfold(step[:n].reshape(-1, place.path.shape[1] * self.setting.frame.degree))
        T, mu = place.T, place.mu
        if self.seeks_period:
            T = (T * (1 + step[n])).item()
        if self.has_action:
            mu = mu + step[n + self.seeks_period :]
        return Place(place.path + shift, T, mu)

    def residual(self, place: Place, weights: Weights = FREE) -> np.ndarray:
        """The equations of S_β, nodes, then τ, then phase."""
        setting = self.at(place)
        slope = self._flat(self.system.slope(setting, place.path, weights))
        pinned = self.phase @ self._flat(place.path - self.reference, by_sum=False)
        if not self.has_action:
            return np.concatenate([slope, pinned])
        by_S, by_T, *_ = self.of_action(place, self._value(setting, place, weights) if self.seeks_period else 0.0)
        parts = [by_S * slope + self.phase.T @ place.mu, pinned]
        if self.seeks_period:
            parts.insert(1, np.array([by_S * self._stretch(setting, place, weights) + place.T * by_T]))
        return np.concatenate(parts)

    def factor(self, place: Place, weights: Weights = FREE) -> SparseChainLU:
        """Factors of the derivative of the equations. ``SingularMatrixError`` where a pivot vanishes."""
        return SparseChainLU(self.matrix(place, weights), 1, rcond_min=None)

    def of_action(self, place: Place, S: float) -> tuple[float, float, float, float]:
        """Of A(S, T) the derivatives by S, T, S and T, and T twice."""
        boundary, T = self.boundary, place.T
        assert isinstance(boundary, Autonomous)
        if boundary.energy is not None:
            return 1.0, boundary.energy, 0.0, 0.0
        if boundary.action is None:
            return 1.0, 0.0, 0.0, 0.0
        rest = 2 * np.pi * boundary.action - S
        return -1 / T, -rest / T**2, 1 / T**2, 2 * rest / T**3

    def by_period(self, setting: Setting, path: np.ndarray, weights: Weights = FREE) -> np.ndarray:
        """T ∂r/∂T of the equations, at the unknown nodes."""
        rows, speeds, moved = self._moved(setting, path, weights)
        d = speeds.shape[1]
        return self._flat(self.system.gathered(setting, np.concatenate([rows[:, :d], 0 * speeds], axis=1) - moved))

    def of_cost(self, place: Place) -> tuple[np.ndarray, float, float]:
        """The observable's derivatives by the unknown nodes and by τ, and the share of C in it: 1, or 1/T of a mean."""
        setting = self.at(place)
        slope, by_end = self._flat(self.system.slope(setting, place.path, COST)), 0.0
        share = 1 / place.T if self.boundary.is_mean else 1.0
        if self.seeks_period:
            by_end = self._stretch(setting, place, COST)
            if self.boundary.is_mean:
                by_end -= self._value(setting, place, COST)
        return share * slope, share * by_end, share

    def stretched_cost(self, place: Place) -> float:
        """T ∂C/∂T at fixed nodes and samples."""
        return self._stretch(self.at(place), place, COST)

    def matrix(self, place: Place, weights: Weights = FREE) -> csc_array:
        """The derivative of ``residual``, of costs that do not hold the time."""
        setting, k = self.at(place), len(self.phase)
        matrix = setting.frame.sparse(self.system.blocks(setting, place.path, weights))
        if not self.has_action:
            by_T = self.by_period(setting, place.path)[:, None]
            return csc_array(block_array([[matrix, csc_array(by_T)], [csc_array(self.phase), None]], format="csc"))
        if not self.seeks_period:
            border = csc_array(self.phase)
            return csc_array(block_array([[matrix, border.T], [border, None]], format="csc"))
        T, S = place.T, self._value(setting, place, weights)
        slope = self._flat(self.system.slope(setting, place.path, weights))
        by_S, _, S_T, T_T = self.of_action(place, S)
        first = self._stretch(setting, place, weights)
        _, speeds, moved = self._moved(setting, place.path, weights)
        count = setting.points
        bent = np.einsum("ri,ri->r", speeds, moved[:, speeds.shape[1] :])
        second = setting.weights[:count] @ bent[:count]
        column = by_S * self.by_period(setting, place.path, weights) + T * S_T * slope
        corner = by_S * second + 2 * T * S_T * first + T**2 * T_T
        border = csc_array(np.concatenate([column[None], self.phase]))
        inner = np.zeros((k + 1, k + 1))
        inner[0, 0] = corner
        return csc_array(block_array([[by_S * matrix, border.T], [border, csc_array(inner)]], format="csc"))

    def _moved(self, setting: Setting, path: np.ndarray, weights: Weights) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """G and P at the points, the slopes v there, and (∂_vG v, ∂_vP v)."""
        d, system = path.shape[1], self.system
        _, v = at = system.points(setting, path)
        (rows,) = system.run(system.kernels.slope, setting, at, weights, [2 * d])
        _, qv, _, vv = system.run(system.kernels.blocks, setting, at, weights, [d * d] * 4)
        rows = np.concatenate([rows[: setting.points], 0 * rows[setting.points :]])  # no part of what is at T scales
        turned = [np.einsum("rij,rj->ri", block.reshape(-1, d, d), v) for block in (qv, vv)]
        return rows, v, np.concatenate(turned, axis=1)

    def _value(self, setting: Setting, place: Place, weights: Weights) -> float:
        return self.system.value(setting, place.path, weights)

    def _stretch(self, setting: Setting, place: Place, weights: Weights) -> float:
        """T ∂/∂T of αS + βC at fixed nodes and samples; of a cost that holds the time, at fixed phase."""
        system, count, d = self.system, setting.points, place.path.shape[1]
        at = system.points(setting, place.path)
        (values,) = system.run(system.kernels.value, setting, at, weights, [1])
        (slopes,) = system.run(system.kernels.slope, setting, at, weights, [2 * d])
        each = values[:, 0] - np.einsum("ri,ri->r", at[1], slopes[:, d:])
        total = setting.weights[:count] @ each[:count]
        if weights[1] and system.kernels.has_timed_costs:
            *_, by_time = system.run(system.kernels.impulse, setting, at, weights, system.impulse_widths(setting))
            total += setting.weights @ (setting.times[:, 0] * by_time[:, 0])
        return np.asarray(total).item()

    def _flat(self, nodes: np.ndarray, by_sum: bool = True) -> np.ndarray:
        frame = self.setting.frame
        return np.reshape(frame.fold(nodes) if by_sum else frame.taken(nodes), -1)
