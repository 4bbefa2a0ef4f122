"""What SciPy's solvers remember from step to step, as data, so that a motion goes on with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdfi.dynamics.adaptive import ACCEPTED, ROW, RUNNING, STATUS, STOPPED
from symdfi.dynamics.states import Ensemble

#: What of a solver is given by the problem, and what it works in.
_GIVEN = ("t_bound", "direction", "K", "K_extended", "I", "gamma", "alpha", "error_const", "max_step", "rtol", "atol")


@dataclass(frozen=True)
class Standing:
    """Where a member stands: the time, the state ``y``, the ``steps`` made, the ``rows`` saved, whether an event has
    ``stopped`` it; the ``values`` of the events, how many are ``left`` of each and have ``happened``; the time
    ``since`` which progress is watched, and the solver's ``memory``."""

    time: float
    y: np.ndarray
    steps: int
    rows: int
    stopped: bool
    values: np.ndarray
    left: np.ndarray
    happened: np.ndarray
    since: float
    memory: dict[str, Any]

    @classmethod
    def of(cls, ensemble: Ensemble, member: int) -> Standing:
        """That of a member of a motion that goes on; without steps, one that begins."""
        y, carry = np.concatenate([ensemble.q[member], ensemble.v[member]]), ensemble.carry
        if not carry:
            none = np.empty(0, int)
            return cls(np.nan, y, 0, 0, False, np.empty(0), none, none, np.nan, {})
        tally, clock = carry["counts"][member], carry["clock"][member]
        return cls(
            float(clock[0]), y, int(tally[ACCEPTED]), int(tally[ROW]), tally[STATUS] == STOPPED,
            carry["values"][member], carry["left"][member], carry["happened"][member], float(clock[1]),
            carry["memory"][member],
        )  # fmt: skip

    def put(self, solver: Any) -> None:
        """Into a solver that has just been made."""
        vars(solver).update({name: _decoded(value) for name, value in self.memory.items()})


def together(members: Sequence[Any]) -> dict[str, Any]:
    """Of all members, by name."""
    found = [one.standing for one in members]
    n, events = members[0].model.n_dof, len(members[0].schedule.events)
    counts = np.zeros((len(found), 7), np.int64)
    for row, one in zip(counts, found, strict=True):
        row[STATUS], row[ROW], row[ACCEPTED] = STOPPED if one.stopped else RUNNING, one.rows, one.steps
    y = np.array([one.y for one in found])

    def listed(name: str) -> np.ndarray:
        return np.array([getattr(one, name) if one.steps else np.zeros(events, int) for one in found])

    return {
        "q": np.ascontiguousarray(y[:, :n]), "v": np.ascontiguousarray(y[:, n:]),
        "clock": np.array([[one.time, one.since] for one in found]), "counts": counts, "values": listed("values"),
        "left": listed("left"), "happened": listed("happened"), "memory": [one.memory for one in found],
    }  # fmt: skip


def kept(solver: Any) -> dict[str, Any]:
    """The memory of a solver."""
    found = {name: _encoded(value) for name, value in vars(solver).items() if name not in _GIVEN}
    if "D" in found:  # changed in place, and beyond what has been written it is anything
        found["D"][solver.order + 2 :] = 0
    return {name: value for name, value in found.items() if value is not NotImplemented}


def felt(solver: Any, slope: Any) -> bool:
    """Whether the end had a say in the size of the first step: in its first guess already, or in itself. LSODA does not
    show what it remembers: a longer run begins anew."""
    if not hasattr(solver, "h_abs"):
        return True
    scale = solver.atol + np.abs(solver.y) * solver.rtol
    d0, d1 = (np.linalg.norm(x / scale) / np.sqrt(x.size) for x in (solver.y, slope(solver.t, solver.y)))
    guess = 1e-6 if d0 < 1e-5 or d1 < 1e-5 else 0.01 * d0 / d1
    return bool(guess >= abs(solver.t_bound - solver.t)) or comes_to_the_end(solver)


def comes_to_the_end(solver: Any) -> bool:
    """Whether the next step is the last, if it succeeds: shortened by the end, or nearly."""
    return bool(min(solver.h_abs, solver.max_step) >= abs(solver.t_bound - solver.t) * (1 - 1e-9))


def _encoded(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str | np.generic):
        return value
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, tuple):
        return tuple(map(_encoded, value))
    if type(value).__name__ == "RadauDenseOutput":
        return {name: _encoded(part) for name, part in vars(value).items()}
    return NotImplemented  # functions of the problem


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        from scipy.integrate._ivp.radau import RadauDenseOutput

        found = object.__new__(RadauDenseOutput)
        vars(found).update(value)
        return found
    return value.copy() if isinstance(value, np.ndarray) else value
