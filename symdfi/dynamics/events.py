"""Events: times at which an expression of the state vanishes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.dynamics.system import CompiledLagrangian
from symdfi.errors import SymbolicError
from symdfi.numbers import count
from symdfi.showing import Settings


@dataclass(frozen=True)
class Event(Settings):
    """The times at which ``expr``, of coordinates, velocities, time and parameters, changes sign.

    ``direction`` 1 takes changes from below to above, −1 from above to below, 0 both; times are in the order in which
    the integration meets them, which also tells what is before and after. ``terminal`` ends the integration at the
    first of them, or at the one of that number. A zero at the start is no event. Two changes within an eighth of a
    step cancel out: bound the step with ``max_step`` where that matters.

    Raises ``TypeError`` for what is no expression and ``ValueError`` for another direction or number.
    """

    expr: sp.Expr
    direction: int = 0
    terminal: bool | int = False

    def __post_init__(self) -> None:
        if isinstance(self.expr, sp.Equality):
            object.__setattr__(self, "expr", self.expr.lhs - self.expr.rhs)
        if not isinstance(self.expr, sp.Expr):
            raise TypeError(f"an event is a SymPy expression that vanishes, not {self.expr!r}")
        if self.direction not in (-1, 0, 1):
            raise ValueError(f"the direction of an event is -1, 0 or 1, not {self.direction!r}")
        count(self.terminal, "terminal", 0)

    @property
    def limit(self) -> int:
        """The number of events after which the integration stops, −1 for never."""
        return int(self.terminal) or -1


@dataclass(frozen=True)
class Occurrences:
    """When an event happened: times ``t`` (e,), ``q`` and ``v`` (e, n_dof), and the ``member`` (e,) of the ensemble,
    by members and then in order of time."""

    t: np.ndarray
    q: np.ndarray
    v: np.ndarray
    member: np.ndarray

    def __len__(self) -> int:
        return len(self.t)

    def of(self, member: int) -> Occurrences:
        """Those of one member."""
        own = self.member == member
        return Occurrences(self.t[own], self.q[own], self.v[own], np.zeros(np.count_nonzero(own), int))

    @staticmethod
    def joined(parts: Sequence[Occurrences], starts: Iterable[int]) -> Occurrences:
        """Those of blocks of members, of which each begins with the member ``starts``."""
        members = [part.member + start for part, start in zip(parts, starts, strict=False)]
        q, v = (np.concatenate([getattr(part, name) for part in parts]) for name in "qv")
        return Occurrences(np.concatenate([part.t for part in parts]), q, v, np.concatenate(members))

    @staticmethod
    def listed(rows: Sequence[np.ndarray], members: np.ndarray, count: int, n_dof: int) -> list[Occurrences]:
        """From rows ``(event, time, q, v)`` and the member of each, in order of time: one for each of ``count``."""
        table = np.concatenate([np.empty((0, 2 + 2 * n_dof)), *rows])
        found = []
        for event in range(count):
            own = np.flatnonzero(table[:, 0] == event)
            own = own[np.argsort(members[own], kind="stable")]
            part = table[own]
            found.append(Occurrences(part[:, 1], part[:, 2 : 2 + n_dof], part[:, 2 + n_dof :], members[own]))
        return found


def read_events(events: Any) -> tuple[Event, ...]:
    """One event or a sequence of events, of which each may be given by its expression alone."""
    listed = events if isinstance(events, Sequence) and not isinstance(events, str) else [events]
    return tuple(event if isinstance(event, Event) else Event(event) for event in listed)


def event_kernel(kernels: CompiledLagrangian, events: Sequence[Event]) -> CompiledKernel:
    """The values of the events, one after the other. ``SymbolicError`` for one that depends on an input."""
    exprs = []
    for event in events:
        expr = kernels.system.read(event.expr)
        driven = [a for a in kernels.system.inputs if a.free_symbols & expr.free_symbols]
        if driven:
            raise SymbolicError(
                f"the event {event.expr} depends on the input {driven[0]}: inputs are known at steps only"
            )
        exprs.append(kernels.renaming(expr))
    return kernels.scalars(tuple(exprs))
