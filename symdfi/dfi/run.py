"""A run between two of its steps."""

from __future__ import annotations

from dataclasses import dataclass

from symdfi.dfi.problem import Problem
from symdfi.dfi.record import Record
from symdfi.dfi.schemes import Motion
from symdfi.dfi.steppers import Stepper


@dataclass
class Run:
    """From ``start`` to ``stop`` in so many steps, of which ``step`` are made and have led to ``motion``: with what is
    recorded so far, all that is needed to go on as if it had not stopped."""

    problem: Problem
    stepper: Stepper
    start: float
    stop: float
    steps: int
    save_every: int
    record: Record
    motion: Motion
    step: int = 0

    @property
    def h(self) -> float:
        return (self.stop - self.start) / self.steps

    def time(self, step: int) -> float:
        """The time that so many steps lead to."""
        return self.stop if step == self.steps else self.start + step * self.h
