"""Trajectories given by their beginning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdfi.dynamics.axes import with_sizes
from symdfi.dynamics.system import Lagrangian
from symdfi.ep.boundary.base import Boundary, Places, flat, positive, sizes_of
from symdfi.ep.frame import Open


@dataclass(frozen=True, init=False, eq=False, repr=False)
class InitialState(Boundary):
    """q(0) = q0 and q̇(0) = v0, or p(0) = p0: flat, in the shape of the system's only coordinate, or by coordinate,
    ``{x: values}``, zero where nothing is given.

    Any dissipation is welcome. The gradient is that of the doubled action (theory of EP, "The doubled action"). Run
    twice from the same initial state, free and nudged, the system itself does not give it: the boundary term ∂_βp·∂_θq
    at T remains.

    Raises ``ValueError`` unless exactly one of v0 and p0 is given.
    """

    q0: Any
    v0: Any
    T: float
    p0: Any
    shapes: tuple[tuple[int, ...], ...]
    is_marched = True

    def __init__(self, q0: Any, v0: Any = None, T: float | None = None, *, p0: Any = None) -> None:
        if T is None:
            raise ValueError("the end time T is missing: InitialState(q0, v0, T) or InitialState(q0, T=T, p0=p0)")
        if (v0 is None) == (p0 is None):
            raise ValueError("give either the initial velocity v0 or the initial momentum p0")
        found = {name: flat(value, name) for name, value in (("q0", q0), ("v0", v0), ("p0", p0))}
        counts = sizes_of([own for own, _ in found.values()])
        if len(counts) > 1:
            raise ValueError(f"q0, v0 and p0 are to have the same degrees of freedom, not {sorted(counts)}")
        for name, (own, _) in found.items():
            object.__setattr__(self, name, own)
        object.__setattr__(self, "T", positive(T))
        object.__setattr__(self, "shapes", tuple(shape for _, shape in found.values()))

    @property
    def n_dof(self) -> int | None:
        return next(iter(sizes_of([self.q0, self.v0, self.p0])), None)

    def with_sizes(self, system: Lagrangian, params: Mapping[Any, Any] | None) -> dict[Any, Any]:
        given = dict(params or {})
        for name, shape in zip(("q0", "v0", "p0"), self.shapes, strict=True):
            given = with_sizes(system, name, shape, given)
        return given

    def start(self, places: Places) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """q0, v0 and p0 as states, None for the one that is not given."""
        v0, p0 = (None if x is None else places.state(x, n, 0.0) for x, n in ((self.v0, "v0"), (self.p0, "p0")))
        return places.state(self.q0, "q0", 0.0), v0, p0

    def frame(self, places: Places, nodes: int, degree: int) -> Open:
        first = places.state(self.q0, "q0", 0.0)
        unheld = np.full(first.size, np.nan)
        return Open(degree, nodes, first, unheld, np.zeros(first.size), np.zeros(first.size))

    def guess(self, places: Places, part: np.ndarray) -> np.ndarray:
        return np.repeat(places.state(self.q0, "q0", 0.0)[None], part.size, axis=0)


class AtRest(InitialState):
    """The initial state q(0) = q0, 0 if it is not given, without velocity."""

    def __init__(self, T: float, q0: Any = None) -> None:
        super().__init__(q0, {}, T)
