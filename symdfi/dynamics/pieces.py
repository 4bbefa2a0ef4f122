"""A motion that is kept in a file while it is under way: piece by piece, to the last bit as at one go."""

from __future__ import annotations

import dataclasses
import time
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from symdfi.dynamics.adaptive import ACCEPTED, Schedule
from symdfi.dynamics.fixed import Grid
from symdfi.dynamics.runs import bar
from symdfi.errors import Interrupted

#: A ``Trajectory``.
Trajectory = Any
#: The first piece is this part of the whole; from one to the next they grow or shrink by at most so much, to no less.
_FIRST, _GROWTH, _LEAST = 0.01, 4.0, 1e-3
#: To write takes at most this part of the time.
_WRITING = 0.05


@dataclass(frozen=True)
class Checkpoint:
    """The file that a motion is kept in, and after how many seconds, each time."""

    path: Path
    every: float


def in_pieces(
    motion: Trajectory, plan: Grid | Schedule, executor: Executor | None, checkpoint: Checkpoint
) -> Trajectory:
    """The motion gone on with by all of ``plan``. Raises what ``integrate`` does, and ``OSError`` where the file cannot
    be written; Ctrl-C leaves in the file what there is."""
    start, stop = _now(motion), float(plan.times[-1]) if isinstance(plan, Grid) else plan.stop
    length, share, written, pause = stop - start, _FIRST, time.monotonic(), checkpoint.every
    size = motion.resumption.ensemble.size
    with bar(size) as shown:
        while True:
            known, now = motion.resumption, _now(motion)
            piece = _until(plan, known.plan, now + share * length)
            end = float(piece.times[-1]) if isinstance(piece, Grid) else piece.stop
            # What adaptive methods report counts from the beginning of all.
            part = (end - now if isinstance(piece, Grid) else end - plan.start) / length
            began = time.monotonic()
            try:
                motion = known.onward(motion, piece, executor, lambda done, part=part: shown.update(done * part))
            except Interrupted as error:
                error.partial = _planned(error.partial, plan)
                if not error.partial.resumption.ended:
                    error.partial.save(checkpoint.path)
                raise
            motion = _planned(motion, plan)
            ended = bool(motion.resumption.ended)
            if end == stop or (ended and not motion.batch):
                return motion
            took = time.monotonic() - began
            share = max(_LEAST, share * min(_GROWTH, max(1 / _GROWTH, pause / max(took, 1e-3))))
            if ended or not _has_steps(motion):
                # Members that have all stopped, or a method that begins anew each time.
                share = 1.0 if ended else max(share, 2 * (end - start) / length)
            if time.monotonic() - written >= pause and not ended:
                before = time.monotonic()
                motion.save(checkpoint.path)
                written = time.monotonic()
                pause = max(checkpoint.every, (written - before) / _WRITING)


def _now(motion: Trajectory) -> float:
    """How far it has come."""
    plan = motion.resumption.plan
    return float(plan.time(plan.regular)) if isinstance(plan, Grid) else plan.stop


def _until(whole: Grid | Schedule, done: Grid | Schedule, end: float) -> Grid | Schedule:
    """The part of a plan that follows what is done, up to about ``end``."""
    if isinstance(whole, Grid):
        assert isinstance(done, Grid)
        ahead = whole.marks[whole.marks >= done.regular]
        saves = int(np.clip((end - whole.start) / whole.h, 0, 2**62)) // whole.every * whole.every
        upto = ahead[ahead <= max(saves, done.regular + whole.every)]
        return replace(whole, marks=upto if len(upto) > 1 else ahead)
    forward = np.sign(whole.stop - whole.start)
    if forward * end >= forward * whole.stop:
        return whole
    times = None if whole.times is None else whole.times[forward * whole.times <= forward * end]
    return replace(whole, stop=float(end), times=times)


def _planned(motion: Trajectory, plan: Grid | Schedule) -> Trajectory:
    """With all the times that it is to be saved at."""
    known = motion.resumption
    if isinstance(plan, Grid):
        return motion
    whole = replace(plan, stop=plan.stop if known.ended else known.plan.stop)
    return dataclasses.replace(motion, resumption=replace(known, plan=whole))


def _has_steps(motion: Trajectory) -> bool:
    """Whether what follows goes on from steps that were made."""
    counts = motion.resumption.ensemble.carry.get("counts")
    return counts is None or bool(counts[:, ACCEPTED].any())
