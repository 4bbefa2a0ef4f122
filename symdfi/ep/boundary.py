"""Boundary conditions of an extremal trajectory. Each fixes which nodes q_0 … q_N of the time grid are free.

Only conditions for which the boundary term of the theorem (THEORY-EP, §1) vanishes are offered; the estimate
for a trajectory given by its initial state alone is wrong, and there is no class for it.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from symdfi.dynamics.axes import with_sizes
from symdfi.dynamics.system import Lagrangian
from symdfi.numbers import finite_reals, one_real


class Boundary(abc.ABC):
    """The end time, and how a path over all nodes follows from the free ones."""

    T: float
    periodic: bool

    @property
    def n_dof(self) -> int | None:
        """The number of degrees of freedom, where the condition tells it."""
        return None

    def with_sizes(self, system: Lagrangian, params: Mapping[Any, Any] | None) -> dict[Any, Any]:
        """``params`` and the sizes that the condition tells. ``ValueError`` for a shape that is not the system's."""
        return dict(params or {})

    @abc.abstractmethod
    def free(self, path: np.ndarray) -> np.ndarray:
        """The free nodes of a path over all N + 1 nodes, ``(n_free, d)``."""

    @abc.abstractmethod
    def path(self, free: np.ndarray) -> np.ndarray:
        """All N + 1 nodes from the free ones."""

    @abc.abstractmethod
    def variation(self, free: np.ndarray) -> np.ndarray:
        """The variation of all N + 1 nodes for one of the free ones: nodes held fixed do not move."""

    @abc.abstractmethod
    def guess(self, steps: int, n_dof: int) -> np.ndarray:
        """A path over all nodes to begin Newton's method from."""


@dataclass(frozen=True, init=False)
class FixedEnds(Boundary):
    """q(0) = q0 and q(T) = qT: flat, or in the shape of the system's only coordinate, which then tells its sizes."""

    q0: np.ndarray
    qT: np.ndarray
    T: float
    periodic = False
    #: The shapes that q0 and qT were given in.
    shapes: tuple[tuple[int, ...], tuple[int, ...]]

    def __init__(self, q0: ArrayLike, qT: ArrayLike, T: float) -> None:
        first, last = (finite_reals(q, name).flatten() for name, q in (("q0", q0), ("qT", qT)))
        if first.shape != last.shape:
            raise ValueError(f"q0 has {first.size} degrees of freedom, qT has {last.size}")
        object.__setattr__(self, "q0", first)
        object.__setattr__(self, "qT", last)
        object.__setattr__(self, "T", _positive(T))
        object.__setattr__(self, "shapes", (np.shape(q0), np.shape(qT)))

    @property
    def n_dof(self) -> int:
        return self.q0.size

    def with_sizes(self, system: Lagrangian, params: Mapping[Any, Any] | None) -> dict[Any, Any]:
        given = dict(params or {})
        for name, shape in zip(("q0", "qT"), self.shapes, strict=True):
            given = with_sizes(system, name, shape, given)
        return given

    def free(self, path: np.ndarray) -> np.ndarray:
        return path[1:-1]

    def path(self, free: np.ndarray) -> np.ndarray:
        return np.concatenate([self.q0[None], free, self.qT[None]])

    def variation(self, free: np.ndarray) -> np.ndarray:
        return np.pad(free, ((1, 1), (0, 0)))

    def guess(self, steps: int, n_dof: int) -> np.ndarray:
        part = np.linspace(0.0, 1.0, steps + 1)[:, None]
        return 2 * (0.5 * self.q0 + part * (0.5 * self.qT - 0.5 * self.q0))  # halves, whose difference is finite


@dataclass(frozen=True, init=False)
class Periodic(Boundary):
    """q(0) = q(T) and p(0) = p(T), the period T given (that of the drive)."""

    T: float
    periodic = True

    def __init__(self, T: float) -> None:
        object.__setattr__(self, "T", _positive(T))

    def free(self, path: np.ndarray) -> np.ndarray:
        return path[:-1]

    def path(self, free: np.ndarray) -> np.ndarray:
        return np.concatenate([free, free[:1]])

    def variation(self, free: np.ndarray) -> np.ndarray:
        return self.path(free)

    def guess(self, steps: int, n_dof: int) -> np.ndarray:
        return np.zeros((steps + 1, n_dof))


def _positive(time: float) -> float:
    end = one_real(time, "the end time T")
    if not 0 < end < np.inf:
        raise ValueError(f"the end time T = {time} must be positive and finite")
    return end
