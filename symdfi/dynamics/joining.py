"""A motion, and what it has gone on by, as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from symdfi.dynamics.adaptive import ACCEPTED, ROW
from symdfi.dynamics.dense import Interpolant, SciPyPolynomials, StepPolynomials
from symdfi.dynamics.events import Occurrences
from symdfi.dynamics.outcome import Outcome

#: A ``Trajectory``.
Trajectory = Any


def continued(before: Trajectory, after: Outcome, carry: Mapping[str, Any], *, every: bool) -> Outcome:
    """The outcome of an adaptive method that went on from where it stood, member by member, as if it had not stopped:
    what there was of later times is made anew. ``every`` where all steps are saved."""
    members = len(after.q)
    counts = carry.get("counts", np.zeros((members, 7), np.int64))
    steps = counts[:, ACCEPTED]
    # A member without a step has begun anew.
    rows = np.where(steps > 0, steps if every else counts[:, ROW], 0)
    skipped = np.zeros_like(rows) if every else rows
    q, v, energy = (x.reshape(members, *x.shape[len(before.batch) :]) for x in (before.q, before.v, before.energy))
    if before.batch:
        t, until = after.t, after.rows
        for member, row in enumerate(rows):
            for one, other in ((after.q, q), (after.v, v), (after.energy, energy)):
                one[member, :row] = other[member, :row]
        q, v, energy = after.q, after.v, after.energy
    else:
        (row,), (skip,) = rows, skipped
        t = np.append(before.t[:row], after.t[skip:])
        q, v, energy = (
            np.concatenate([x[:, :row], other[:, skip:]], axis=1)
            for x, other in ((q, after.q), (v, after.v), (energy, after.energy))
        )
        until = after.rows + row - skip
    happened = carry.get("happened", np.zeros((members, len(after.events)), np.int64))
    events = [
        _all((_first(one, happened[:, k] * (steps > 0)), other))
        for k, (one, other) in enumerate(zip(before.events, after.events, strict=True))
    ]
    # None was made before the first step.
    pairs = zip(before.dense or after.dense, after.dense, steps.tolist(), strict=False)
    return replace(
        after, t=t, q=q, v=v, energy=energy, rows=until, events=events, dense=[_chained(*pair) for pair in pairs]
    )


def followed(before: Trajectory, after: Outcome, rows: int) -> Outcome:
    """The outcome of equal steps that began where another run had come to, of which the first rows stay."""
    members = len(after.q)
    q, v, energy = (
        np.concatenate([x.reshape(members, *x.shape[len(before.batch) :])[:, :rows], other], axis=1)
        for x, other in ((before.q, after.q), (before.v, after.v), (before.energy, after.energy))
    )
    return replace(after, t=np.append(before.t[:rows], after.t), q=q, v=v, energy=energy, rows=after.rows + rows)


def _first(found: Occurrences, counts: np.ndarray) -> Occurrences:
    """Of every member the first ones, so many."""
    place = np.arange(len(found)) - np.searchsorted(found.member, found.member)
    own = place < counts[found.member]
    return Occurrences(found.t[own], found.q[own], found.v[own], found.member[own])


def _all(parts: tuple[Occurrences, Occurrences]) -> Occurrences:
    """What happened before and after, by members and in order of time."""
    found = Occurrences.joined(parts, (0, 0))
    order = np.argsort(found.member, kind="stable")
    return Occurrences(found.t[order], found.q[order], found.v[order], found.member[order])


def _chained(before: Interpolant, after: Interpolant, steps: int) -> Interpolant:
    """The first steps of one interpolant, and all of another that follows them."""
    if steps == 0:
        return after
    if isinstance(before, SciPyPolynomials):
        from scipy.integrate import OdeSolution  # slow to import

        ts, pieces = list(before.solution.ts[: steps + 1]), list(before.solution.interpolants[:steps])
        if isinstance(after, SciPyPolynomials):
            ts, pieces = ts + list(after.solution.ts[1:]), pieces + list(after.solution.interpolants)
        return SciPyPolynomials(OdeSolution(ts, pieces))
    assert isinstance(before, StepPolynomials) and isinstance(after, StepPolynomials)
    if after.end == after.t[-1]:  # no step was made
        return before
    parts = {
        name: np.concatenate([getattr(before, name)[:steps], getattr(after, name)]) for name in ("t", "h", "y", "F")
    }
    return StepPolynomials(**parts, end=after.end)
