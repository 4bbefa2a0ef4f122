"""Checkpoints: a run on the disk, to be gone on with to the last bit.

A file holds the motion, with all that the stepper and the samples keep from step to step, what is recorded so far, and
of what problem and stepper that is.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from symdfi import checkpoints
from symdfi.checkpoints import lasting
from symdfi.dfi.problem import Problem
from symdfi.dfi.record import Record
from symdfi.dfi.run import Run
from symdfi.dfi.schemes import Motion
from symdfi.dfi.steppers import Stepper


@dataclass(frozen=True)
class Checkpoint:
    """Where a run is kept, and every how many steps."""

    path: Path
    every: int

    def next(self, step: int) -> int:
        """The step after ``step`` to write at."""
        return (step // self.every + 1) * self.every

    def write(self, run: Run) -> None:
        """Raises ``OSError`` where the file cannot be written, ``TypeError`` for what a stepper keeps and none can."""
        state = {
            "problem": identity(run.problem),
            "stepper": lasting(repr(run.stepper)),
            "every": self.every,
            "span": [run.start, run.stop, run.steps, run.save_every, run.step],
            "motion": {f.name: getattr(run.motion, f.name) for f in dataclasses.fields(run.motion)},
            "record": run.record.state(),
        }
        checkpoints.write(state, self.path)


def read(path: str | Path, problem: Problem, stepper: Stepper) -> tuple[Run, Checkpoint]:
    """The run in a file, and how it was kept.

    Raises ``FileNotFoundError`` if there is none, ``CheckpointError`` where it is no checkpoint, is damaged, or is of
    another problem or stepper.
    """
    state = checkpoints.read(path, {"problem": identity(problem), "stepper": lasting(repr(stepper))})
    start, stop, steps, save_every, step = state["span"]
    record = Record.of(problem, stepper, (stop - start) / steps, state["record"])
    run = Run(problem, stepper, start, stop, steps, save_every, record, Motion(**state["motion"]), step)
    return run, Checkpoint(Path(path), state["every"])


def identity(problem: Problem) -> str:
    """What a problem is, in words and by its numbers."""
    found = hashlib.sha256()
    parts = problem.params, problem.points, problem.weights, problem.fresh_points, problem.fresh_weights
    for array in (*parts, problem.roots(problem.weights)):
        found.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
    ansatz = ", ".join(map(str, problem.ansatz.exprs))
    walls = "".join(f", {condition}" for condition in problem.boundary.conditions)
    return lasting(f"{problem.equation} by {ansatz} on {problem.domain}{walls} ({found.hexdigest()[:16]})")
