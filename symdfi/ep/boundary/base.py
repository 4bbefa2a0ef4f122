"""What a boundary condition says of a trajectory."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdfi.dynamics.named_states import by_coordinate
from symdfi.dynamics.system import Lagrangian
from symdfi.ep.frame import Frame
from symdfi.ep.rules import Rule
from symdfi.numbers import finite_reals, one_real
from symdfi.showing import Settings
from symdfi.symbolic.given import name_of
from symdfi.symbolic.indexed import Variable


@dataclass(frozen=True)
class Places:
    """Where the coordinates stand in a state of ``n_dof`` numbers: their shapes in declared order."""

    coordinates: tuple[Variable, ...]
    shapes: tuple[tuple[int, ...], ...]
    velocities: tuple[Variable, ...] = ()

    @property
    def n_dof(self) -> int:
        return sum(int(np.prod(shape, dtype=int)) for shape in self.shapes)

    def __iter__(self) -> Iterator[tuple[str, slice, tuple[int, ...]]]:
        start = 0
        for q, shape in zip(self.coordinates, self.shapes, strict=True):
            stop = start + int(np.prod(shape, dtype=int))
            yield name_of(q), slice(start, stop), shape
            start = stop

    def state(self, given: Mapping[Any, Any] | np.ndarray | None, what: str, missing: float) -> np.ndarray:
        """A state from a flat array, or from values by coordinate; ``missing`` where none is given.

        ``ValueError`` for a wrong shape, an unknown coordinate, and what is not finite."""
        found = np.full(self.n_dof, missing)
        if given is None:
            return found
        if not isinstance(given, Mapping):
            array = finite_reals(given, what).reshape(-1)
            if array.size != self.n_dof:
                raise ValueError(f"{what} has {array.size} degrees of freedom, the system has {self.n_dof}")
            return array.copy()
        by_name = by_coordinate(given, self.coordinates, self.velocities if what == "v0" else None, what)
        for name, own, shape in self:
            if name in by_name:
                value = finite_reals(by_name.pop(name), f"{what} of {name}")
                if value.shape not in ((), shape):
                    raise ValueError(f"{what} of {name} has shape {value.shape}, expected {shape}")
                found[own] = np.broadcast_to(value, shape).reshape(-1)
        return found


class Boundary(Settings, abc.ABC):
    """The end time, and how the nodes of a path are bound to its ends.

    Offered are conditions under which the boundary term of the theorem (theory of EP, "The theorem") vanishes, for the
    system itself or for the doubled one ("The doubled action" there).
    """

    T: float
    periodic: bool = False
    #: Whether the trajectory follows from its beginning step by step.
    is_marched: bool = False

    @property
    def takes_functions(self) -> bool:
        """Whether the times are known at which functions of time are sampled."""
        return True

    @property
    def n_dof(self) -> int | None:
        """The number of degrees of freedom, where the condition tells it."""
        return None

    def with_sizes(self, system: Lagrangian, params: Mapping[Any, Any] | None) -> dict[Any, Any]:
        """``params`` and the sizes that the condition tells. ``ValueError`` for a shape that is not the system's."""
        return dict(params or {})

    def rule(self, chosen: Rule) -> Rule:
        """The rule by which time is discretised, given the one that was chosen."""
        return chosen

    def check_system(self, system: Lagrangian, rule: Rule) -> None:
        """``SymbolicError`` for a system that has no trajectory of this kind."""
        return

    def check_signal(self, name: str, values: np.ndarray, function: Callable | None, times: np.ndarray) -> None:
        """``ValueError`` for a drive that contradicts the condition: its ``values`` at ``times``, and what they are
        values of, if that is a function."""
        return

    @abc.abstractmethod
    def frame(self, places: Places, nodes: int, degree: int) -> Frame:
        """Which of the nodes are unknown."""

    @abc.abstractmethod
    def guess(self, places: Places, part: np.ndarray) -> np.ndarray:
        """A path to begin from, at the given parts of the time."""


def massless(system: Lagrangian) -> list[str]:
    """The coordinates whose velocity L does not hold."""
    pairs = zip(system.coordinates, system.velocities, strict=True)
    return [name_of(q) for q, v in pairs if not system.L.has(v)]


def flat(given: Any, what: str) -> tuple[Any, tuple[int, ...]]:
    """A state as it is given, by coordinate or as one array, finite, and the shape of the latter."""
    if given is None or isinstance(given, Mapping):
        return (None if given is None else dict(given)), ()
    array = finite_reals(given, what)
    return array.flatten(), array.shape


def sizes_of(given: Sequence[Any]) -> set[int]:
    """The lengths of the states that are given as arrays."""
    return {x.size for x in given if isinstance(x, np.ndarray)}


def positive(time: float) -> float:
    end = one_real(time, "the end time T")
    if not 0 < end < np.inf:
        raise ValueError(f"the end time T = {time} must be positive and finite")
    return end
