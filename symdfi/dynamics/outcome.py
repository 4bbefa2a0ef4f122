"""What a method hands back of the members it has integrated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symdfi.dynamics.dense import Interpolant
from symdfi.dynamics.events import Occurrences
from symdfi.errors import ConvergenceError, DivergenceError, Interrupted, SingularMatrixError

#: What ends an integration before its time; it names the ``member`` among its details.
Failure = ConvergenceError | DivergenceError | SingularMatrixError | Interrupted


@dataclass
class Outcome:
    """States ``q`` and ``v`` (m, s, n_dof) at the times ``t`` (s,), of which every member has its first ``rows``
    (the others hold nothing); what happened; and the exception that ended the integration before its time.

    ``last`` is where a longer run goes on from, by name, a row a member: q, v, and what the method carries; empty where
    there is nothing to go on from, or no method that does."""

    t: np.ndarray
    q: np.ndarray
    v: np.ndarray
    rows: np.ndarray
    events: list[Occurrences] = field(default_factory=list)
    dense: list[Interpolant] = field(default_factory=list)
    failure: Failure | None = None
    energy: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    last: dict[str, Any] = field(default_factory=dict)


def joined(outcomes: Sequence[Outcome], total: int) -> Outcome:
    """The outcomes of blocks of members that follow one another, as one of ``total`` members: those of blocks that are
    missing at the end have nothing but their places."""
    missing = total - sum(len(outcome.q) for outcome in outcomes)
    first = outcomes[0]
    if len(outcomes) == 1 and not missing:
        return first

    def together(name: str) -> np.ndarray:
        parts = [getattr(outcome, name) for outcome in outcomes]
        rest = np.full((missing, *parts[0].shape[1:]), np.nan if parts[0].dtype == float else 0, parts[0].dtype)
        return np.concatenate([*parts, rest])

    starts = np.cumsum([0, *(len(outcome.q) for outcome in outcomes)])
    events = [Occurrences.joined([o.events[k] for o in outcomes], starts) for k in range(len(first.events))]
    dense = [interpolant for outcome in outcomes for interpolant in outcome.dense]
    failure = next((outcome.failure for outcome in outcomes if outcome.failure is not None), None)
    q, v, rows, energy = (together(name) for name in ("q", "v", "rows", "energy"))
    whole = not missing and all(outcome.last for outcome in outcomes)
    last = {name: _chained([o.last[name] for o in outcomes]) for name in first.last} if whole else {}
    return Outcome(first.t, q, v, rows, events, dense, failure, energy, last)


def _chained(parts: list[Any]) -> Any:
    return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else [one for part in parts for one in part]
