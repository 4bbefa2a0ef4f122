"""Trajectories between two given ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdfi.compile.kernels.groups import count_of
from symdfi.dynamics.axes import with_sizes
from symdfi.dynamics.system import Lagrangian
from symdfi.ep.boundary.base import Boundary, Places, flat, massless, positive, sizes_of
from symdfi.ep.frame import Open
from symdfi.ep.rules import Rule
from symdfi.errors import SymbolicError
from symdfi.symbolic.given import name_of


@dataclass(frozen=True, init=False, eq=False, repr=False)
class FixedEnds(Boundary):
    """q(0) = q0 and q(T) = qT: flat, or in the shape of the system's only coordinate, which then tells its sizes.

    By coordinate, ``{x: values}``, an end holds those named and leaves the others free: there the momentum is given
    instead, ``p0`` and ``pT``, zero if it is not (the natural boundary condition).
    """

    q0: Any
    qT: Any
    T: float
    p0: Any
    pT: Any
    #: The shapes that q0 and qT were given in.
    shapes: tuple[tuple[int, ...], tuple[int, ...]]

    def __init__(self, q0: Any, qT: Any, T: float, *, p0: Any = None, pT: Any = None) -> None:
        (first, one), (last, other) = flat(q0, "q0"), flat(qT, "qT")
        if len(sizes_of([first, last])) > 1:
            raise ValueError(f"q0 has {first.size} degrees of freedom, qT has {last.size}")
        for q, p, end in ((first, p0, "0"), (last, pT, "T")):
            if p is not None and isinstance(q, np.ndarray):
                raise ValueError(f"p{end} is given, where q{end} holds all coordinates: give q{end} by coordinate")
            both = {name_of(key) for key in q or {}} & {name_of(key) for key in p} if isinstance(p, Mapping) else set()
            for name in sorted(both):
                raise ValueError(f"both q{end} and p{end} are given for {name}")
        for name, value in (("q0", first), ("qT", last), ("T", positive(T)), ("shapes", (one, other))):
            object.__setattr__(self, name, value)
        for name, value in (("p0", p0), ("pT", pT)):
            object.__setattr__(self, name, flat(value, name)[0])

    @property
    def n_dof(self) -> int | None:
        return next(iter(sizes_of([self.q0, self.qT])), None)

    def with_sizes(self, system: Lagrangian, params: Mapping[Any, Any] | None) -> dict[Any, Any]:
        given = dict(params or {})
        for name, shape in zip(("q0", "qT"), self.shapes, strict=True):
            given = with_sizes(system, name, shape, given)
        return given

    def check_system(self, system: Lagrangian, rule: Rule) -> None:
        for name in massless(system):
            for end, q in (("0", self.q0), ("T", self.qT)):
                if isinstance(q, np.ndarray) or name in {name_of(key) for key in q or {}}:
                    raise SymbolicError(
                        f"L does not hold the velocity of {name}: its ends cannot be fixed. Give q{end} by coordinate, "
                        f"without {name}, or use Static for a system without time"
                    )
        _check_order(system)
        check_rule(system, rule)

    def frame(self, places: Places, nodes: int, degree: int) -> Open:
        first, last = (places.state(q, name, np.nan) for q, name in ((self.q0, "q0"), (self.qT, "qT")))
        momenta = (places.state(p, name, 0.0) for p, name in ((self.p0, "p0"), (self.pT, "pT")))
        return Open(degree, nodes, first, last, *momenta)

    def guess(self, places: Places, part: np.ndarray) -> np.ndarray:
        first, last = (places.state(q, name, np.nan) for q, name in ((self.q0, "q0"), (self.qT, "qT")))
        start = np.nan_to_num(np.where(np.isnan(first), last, first), posinf=None, neginf=None)
        end = np.where(np.isnan(last), start, last)
        return 2 * (0.5 * start + part[:, None] * (0.5 * end - 0.5 * start))  # halves, whose difference is finite


def _check_order(system: Lagrangian) -> None:
    """``SymbolicError`` for a motion of first order to which two ends are too many conditions, or too few.

    A coordinate whose velocity L holds has one at each end: its value, or its momentum, where that is a function of
    coordinates a condition on them, too. d equations of first order take d of them.
    """
    slow = massless(system)
    for q, v in zip(system.coordinates, system.velocities, strict=True):
        if name_of(q) in slow and (system.dissipation.has(v) or any(force.has(v) for force in system.external_forces)):
            raise SymbolicError(
                f"the motion of {name_of(q)}, damped and without inertia, is of first order: it follows from its "
                "beginning, and ends do not determine it. Use InitialState or Periodic"
            )
    if not system.is_first_order:
        return
    fast = [q for q in system.coordinates if name_of(q) not in slow]
    # Sizes are not known yet: what differs at all of them differs where each is 1.
    left = sp.expand(2 * count_of(fast) - count_of(system.coordinates))
    if left.subs(dict.fromkeys(left.free_symbols, 1)) != 0:
        raise SymbolicError(
            f"L is linear in the velocities: its motion is of first order, and takes {count_of(system.coordinates)} "
            f"conditions, where ends give {2 * count_of(fast)}. Add a total derivative that leaves half "
            "of the velocities in L, as in L = pq̇ − H, and hold these coordinates at both ends; or use InitialState or "
            "Periodic"
        )


def check_rule(system: Lagrangian, rule: Rule) -> None:
    """``SymbolicError`` for a coordinate that its equations fix at the points of a rule alone, and not at the nodes."""
    for name in massless(system):
        if not (rule.shares_ends or rule.spans):
            raise SymbolicError(
                f"L does not hold the velocity of {name}: {rule} determines it between the nodes only, and the nodes "
                "not at all or by accident of their number; use the rule Trapezoidal()"
            )
