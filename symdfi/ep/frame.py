"""Which nodes of a path are unknown, and which equations they answer to.

A frame turns what stands at all nodes, of shape (nodes, d), into blocks of unknowns and back, and the second
derivatives of the intervals into a linear system for them, which answers for a whole path at once (``Linear``).
"""

from __future__ import annotations

import abc
import functools
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.sparse import csc_array

from symdfi.ep.blocks import SMALLEST, Blocks, Pattern
from symdfi.linalg import BlockTridiagonalLU, ChainLU, FrontalLU, FullChainLU, Places, Plan, SparseChainLU
from symdfi.linalg.frontal import segmented

#: Factors of more numbers are left to SuperLU, which needs no plan; and to nobody.
_STORED, _MOST = 2 * 10**7, 10**8
#: Up to so large a block of unknowns, of which no zeros are left out, whole segments are eliminated side by side. On
#: 256 nodes, blocks of 3 take half of the time that fronts take, blocks of 8 the same, and solving half of it.
_SEGMENTED = SMALLEST - 1


class Linear(Protocol):
    """The equations of motion linearised about a path, A δx = −push, both at all nodes: what is held does not move."""

    def adjoint(self, push: np.ndarray) -> np.ndarray:
        """λ = −A⁻ᵀ push, at all nodes, zero where no equation stands."""
        ...


class Frame(abc.ABC):
    """The unknown nodes of a two-point problem in blocks of ``degree`` nodes each."""

    degree: int
    periodic: bool

    @abc.abstractmethod
    def placed(self, path: np.ndarray) -> np.ndarray:
        """The path moved onto what is held."""

    @abc.abstractmethod
    def taken(self, path: np.ndarray) -> np.ndarray:
        """The unknown nodes of a path, ``(blocks, degree d)``, zero where one is held."""

    @abc.abstractmethod
    def fold(self, slope: np.ndarray, share: float = 0.0) -> np.ndarray:
        """The derivative by all nodes as one by the unknown ones, ``(blocks, degree d)``; with ``share`` times the
        momenta that are given at the ends."""

    @abc.abstractmethod
    def unfold(self, unknown: np.ndarray) -> np.ndarray:
        """The variation of all nodes for one of the unknown ones."""

    @abc.abstractmethod
    def full(self, blocks: np.ndarray) -> ChainLU:
        """The factors of the matrix made of second derivatives (N, m + 1, m + 1, d, d)."""

    @property
    @abc.abstractmethod
    def key(self) -> tuple[int, int, bool, bytes]:
        """Groups of nodes, nodes in a group, whether they are a ring, and which numbers of theirs are held."""

    def factor(self, blocks: Blocks) -> ChainLU:
        """The factors of the matrix made of the second derivatives of the intervals: by a plan where its pivots are
        safe, by LAPACK or SuperLU, who seek others, where they are not."""
        groups, _, periodic, _ = self.key
        matrix, (steps, count) = None, blocks.entries.shape[:2]
        plan = self.plan(steps, count, blocks.pattern) if steps > 1 and blocks.entries.dtype == float else None
        if plan is not None:
            matrix = self.sparse(blocks)
            if (found := FrontalLU(plan, matrix.data, groups, periodic)).is_safe:
                return found
        if blocks.pattern.places is None:
            return self.full(blocks.full)
        return SparseChainLU(self.sparse(blocks) if matrix is None else matrix, groups, periodic, rcond_min=None)

    def plan(self, steps: int, count: int, pattern: Pattern) -> Plan | None:
        """How that matrix is eliminated, of so many intervals with ``count`` nodes. None where there is too much to be
        kept."""
        return _plan(steps, count, pattern, self.degree, self.key)

    def slots(self, steps: int, count: int, pattern: Pattern) -> tuple[np.ndarray, np.ndarray]:
        """Where among the matrix's entries by columns each entry of the intervals goes, −1 for nowhere, and which of
        them are the diagonal of what is held."""
        chosen, _, places = _places(steps, count, pattern, self.degree, self.key)
        found = np.full(steps * count * count * pattern.size, -1)
        found[chosen] = places.slots[: chosen.size]
        return found, places.slots[chosen.size :]

    def sparse(self, blocks: Blocks) -> csc_array:
        """That matrix, with its largest entry on the diagonal of what is held."""
        chosen, held, places = _places(*blocks.entries.shape[:2], blocks.pattern, self.degree, self.key)
        unit = float(np.max(np.abs(blocks.entries), initial=0.0)) or 1.0
        return places.matrix(np.concatenate([blocks.entries.reshape(-1)[chosen], np.full(held, unit)]))


@dataclass(frozen=True)
class TwoPoint:
    """``Linear`` by the factors of all unknowns together, those of the equations ``at`` a path with these weights of
    the system and of the cost."""

    frame: Frame
    factor: ChainLU
    at: np.ndarray
    weights: tuple[float, complex] = (1.0, 0.0)

    @property
    def rcond(self) -> float:
        return self.factor.rcond

    def response(self, push: np.ndarray) -> np.ndarray:
        """δx = −A⁻¹ push."""
        return -self.frame.unfold(self.factor.solve(self.frame.fold(push)))

    def adjoint(self, push: np.ndarray) -> np.ndarray:
        return -self.frame.unfold(self.factor.solve_transposed(self.frame.fold(push)))


@dataclass(frozen=True)
class Ring(Frame):
    """A closed path of so many intervals: the last node is the first."""

    degree: int
    steps: int
    periodic = True

    @property
    def key(self) -> tuple[int, int, bool, bytes]:
        return self.steps, self.degree, True, b""

    def placed(self, path: np.ndarray) -> np.ndarray:
        return np.concatenate([path[:-1], path[:1]])

    def taken(self, path: np.ndarray) -> np.ndarray:
        return path[:-1].reshape((len(path) - 1) // self.degree, -1)

    def fold(self, slope: np.ndarray, share: float = 0.0) -> np.ndarray:
        own = slope[:-1].copy()
        own[0] += slope[-1]
        return own.reshape(len(own) // self.degree, -1)

    def unfold(self, unknown: np.ndarray) -> np.ndarray:
        own = unknown.reshape(len(unknown) * self.degree, -1)
        return np.concatenate([own, own[:1]])

    def full(self, blocks: np.ndarray) -> ChainLU:
        if self.steps == 1:
            matrix, m, d = blocks[0].copy(), self.degree, blocks.shape[-1]
            matrix[0] += matrix[m]
            matrix[:, 0] += matrix[:, m]
            matrix = matrix[:m, :m].transpose(0, 2, 1, 3).reshape(m * d, m * d)
            return FullChainLU(matrix, True, rcond_min=None)
        diagonal, upper, lower, last = _grouped(blocks)
        steps, m, d = diagonal.shape[:3]
        diagonal[1:, 0, :, 0, :] += last[:-1]
        diagonal[0, 0, :, 0, :] += last[-1]
        before = np.concatenate([lower[-1:], lower[:-1]])
        parts = [p.reshape(steps, m * d, m * d) for p in (before, diagonal, upper)]
        return BlockTridiagonalLU(*parts, periodic=True, rcond_min=None)


@dataclass(frozen=True)
class Open(Frame):
    """A path with two ends, of which some coordinates are held at ``first`` and ``last`` (NaN where they are not), and
    the momenta of the others given."""

    degree: int
    nodes: int
    first: np.ndarray
    last: np.ndarray
    p_first: np.ndarray
    p_last: np.ndarray
    periodic = False

    @functools.cached_property
    def held(self) -> np.ndarray:
        """(nodes, d): what does not move."""
        held = np.zeros((self.nodes, self.first.size), bool)
        held[0] |= ~np.isnan(self.first)
        held[-1] |= ~np.isnan(self.last)
        return held

    @functools.cached_property
    def _grouped_held(self) -> np.ndarray:
        """``held`` in groups of ``degree`` nodes, those beyond the last node with it."""
        missing = -self.nodes % self.degree
        padded = np.concatenate([self.held, np.ones((missing, self.first.size), bool)])
        return padded.reshape(-1, self.degree * self.first.size)

    @property
    def key(self) -> tuple[int, int, bool, bytes]:
        return self._span.stop - self._span.start, self.degree, False, self._grouped_held.tobytes()

    @functools.cached_property
    def _span(self) -> slice:
        """The groups that hold an unknown."""
        moving = np.flatnonzero(~self._grouped_held.all(axis=1))
        return slice(int(moving[0]), int(moving[-1]) + 1) if moving.size else slice(0, 0)

    def placed(self, path: np.ndarray) -> np.ndarray:
        path = path.copy()
        path[0] = np.where(self.held[0], self.first, path[0])
        # A single node has both ends.
        path[-1] = np.where(~np.isnan(self.last), self.last, path[-1])
        return path

    def taken(self, path: np.ndarray) -> np.ndarray:
        return self.fold(path)

    def fold(self, slope: np.ndarray, share: float = 0.0) -> np.ndarray:
        own = np.where(self.held, 0.0, slope)
        if share:
            own[0] += share * np.where(self.held[0], 0.0, self.p_first)
            own[-1] -= share * np.where(self.held[-1], 0.0, self.p_last)
        padded = np.concatenate([own, np.zeros((-self.nodes % self.degree, own.shape[1]))])
        return padded.reshape(self._grouped_held.shape)[self._span]

    def unfold(self, unknown: np.ndarray) -> np.ndarray:
        full = np.zeros(self._grouped_held.shape, unknown.dtype)
        full[self._span] = unknown
        return np.where(self.held, 0.0, full.reshape(-1, self.first.size)[: self.nodes])

    def full(self, blocks: np.ndarray) -> ChainLU:
        diagonal, upper, lower, last = _grouped(blocks)
        steps, m, d = diagonal.shape[:3]
        size, groups = m * d, len(self._grouped_held)
        full = np.zeros((groups, m, d, m, d))
        full[:steps] = diagonal
        full[1:, 0, :, 0, :] += last[: groups - 1]
        full, span = full.reshape(groups, size, size), self._span
        upper, lower = (p.reshape(-1, size, size)[: groups - 1] for p in (upper, lower))
        held, unit = self._grouped_held, float(np.max(np.abs(full), initial=0.0)) or 1.0
        if held[span].any():
            moves = ~held
            full = full * (moves[:, :, None] & moves[:, None, :])
            full[:, np.arange(size), np.arange(size)] += unit * held
            upper = upper * (moves[:-1, :, None] & moves[1:, None, :])
            lower = lower * (moves[1:, :, None] & moves[:-1, None, :])
        inner = slice(span.start, span.stop - 1)
        return BlockTridiagonalLU(lower[inner], full[span], upper[inner], rcond_min=None)


def _grouped(blocks: np.ndarray) -> tuple[np.ndarray, ...]:
    """Of groups of an interval's nodes but the last: their own blocks, those with the next group both ways, each
    (N, m, d, m, d), and the last node's own, (N, d, d), which belongs to the next group."""
    steps, count, _, d, _ = blocks.shape
    m = max(count - 1, 1)
    if count == 1:  # a point in no time
        zero = np.zeros((steps, 1, d, 1, d))
        return blocks.transpose(0, 1, 3, 2, 4).copy(), zero, zero, np.zeros((steps, d, d))
    ordered = blocks.transpose(0, 1, 3, 2, 4)
    diagonal = ordered[:, :m, :, :m].copy()
    upper, lower = np.zeros((2, steps, m, d, m, d))
    upper[:, :, :, 0] = ordered[:, :m, :, m]
    lower[:, 0] = ordered[:, m, :, :m]
    return diagonal, upper, lower, blocks[:, m, m]


@functools.lru_cache(maxsize=16)
def _places(
    steps: int, count: int, pattern: Pattern, degree: int, key: tuple[int, int, bool, bytes]
) -> tuple[np.ndarray, int, Places]:
    """Of intervals with ``count`` nodes, which of the kept entries are of unknowns, how many numbers are held, and
    where in the matrix these entries, and ones for what is held, lie."""
    groups, _, periodic, held = key
    d, m = pattern.d, degree
    size = groups * m * d
    nodes = np.arange(steps)[:, None] * m + np.arange(count)
    if periodic:
        nodes = nodes % (steps * m)
    row, column = np.divmod(pattern.at, d)
    shape = (steps, count, count, pattern.size)
    rows = np.broadcast_to(nodes[:, :, None, None] * d + row, shape).reshape(-1)
    columns = np.broadcast_to(nodes[:, None, :, None] * d + column, shape).reshape(-1)
    if periodic:
        return np.arange(rows.size), 0, Places.of(size, rows, columns)
    stays = np.frombuffer(held, bool)
    first = int(np.flatnonzero(~stays.reshape(-1, m * d).all(axis=1))[0]) * m * d
    chosen = np.flatnonzero(~(stays[rows] | stays[columns]))
    own = np.flatnonzero(stays[first : first + size])
    places = Places.of(size, np.append(rows[chosen] - first, own), np.append(columns[chosen] - first, own))
    return chosen, own.size, places


@functools.lru_cache(maxsize=16)
def spatial(pattern: Pattern) -> Plan:
    """How a matrix of the size of space with this pattern is eliminated."""
    rows, columns = np.divmod(pattern.at, pattern.d)
    return Plan.of(Places.of(pattern.d, rows, columns).pattern)


def check_room(pattern: Pattern, nodes: int) -> None:
    """``ValueError`` for a path whose factors would not fit: they hold more than those of a node at each of them."""
    if (held := nodes * spatial(pattern).stored) > _MOST:
        raise ValueError(
            f"the factors of {nodes} nodes of {pattern.d} degrees of freedom that meet like these would hold more than "
            f"{held:.1e} numbers. Periodic orbits by Midpoint, Trapezoidal or Fourier are found without, and "
            "trajectories from an initial state; else take fewer degrees of freedom, or steps"
        )


@functools.lru_cache(maxsize=16)
def _plan(steps: int, count: int, pattern: Pattern, degree: int, key: tuple[int, int, bool, bytes]) -> Plan | None:
    """``Frame.plan``."""
    _, _, places = _places(steps, count, pattern, degree, key)
    block = degree * pattern.d
    if block <= _SEGMENTED and (found := segmented(places.pattern, block)) is not None:
        return found
    found = Plan.of(places.pattern)
    return found if found.stored <= _STORED else None
