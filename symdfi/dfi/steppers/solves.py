"""The least-squares solves of a run."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from symdfi.dfi.problem import Problem
from symdfi.dfi.source import ProblemRows, Workspace
from symdfi.linalg import AnchoredSolution


@dataclass
class Solves:
    """The latest rows, a workspace that is used again, the latest solution, and how many there were."""

    problem: Problem
    rows: ProblemRows | None = None
    last: AnchoredSolution | None = None
    count: int = 0
    workspace: Workspace = field(default_factory=Workspace, repr=False)

    def at(self, theta: np.ndarray, time: float) -> ProblemRows:
        """The rows at θ, for a solver to ask for in the form it needs."""
        self.rows = self.problem.source(theta, time, self.workspace)
        self.count += 1
        return self.rows

    def fault(self) -> str | None:
        """What is not finite (or too large to be squared) in the latest rows, and where; None if nothing is."""
        return None if self.rows is None else self.rows.fault()
