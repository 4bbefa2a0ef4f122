"""What files may hold of this room: problems and all that they are of, steppers and schemes."""

from __future__ import annotations

from symdfi.archive import Missing, keep, keep_as_data, keep_by
from symdfi.archive.classes import Call
from symdfi.dfi.advance import Resumption
from symdfi.dfi.boundary import BoundaryCondition
from symdfi.dfi.checkpoint import identity
from symdfi.dfi.domain import Box
from symdfi.dfi.faces import Dirichlet, Neumann
from symdfi.dfi.problem import Problem
from symdfi.dfi.record import Mark, Path
from symdfi.dfi.sampling import (
    GaussHermite,
    GaussianSamples,
    GaussLegendre,
    Grid,
    MixtureSamples,
    MonteCarlo,
    QuasiMonteCarlo,
    Samples,
)
from symdfi.dfi.schemes import SCHEMES, Motion
from symdfi.dfi.solution import Solution
from symdfi.dfi.steppers import DFI, DFO, RSNG, Adaptive, Budget, Conserving, DiracFrenkel, Memory, Trust
from symdfi.linalg import kept as _linalg  # noqa: F401
from symdfi.symbolic import kept as _symbolic  # noqa: F401


def _solution(solution: Solution) -> Call:
    """With what the problem is, which may be one that no file can hold."""
    fields = {name: getattr(solution, name) for name in solution.__dataclass_fields__}
    if not isinstance(solution.problem, Missing):
        fields["identity"] = identity(solution.problem)
    return Call((), fields)


keep(BoundaryCondition, Box, Dirichlet, Neumann, Problem)
keep(GaussHermite, GaussianSamples, GaussLegendre, MixtureSamples, MonteCarlo, QuasiMonteCarlo, Samples)
keep(DFI, DFO, RSNG, Adaptive, Budget, Conserving, DiracFrenkel, Memory, Trust)
keep(Grid, room="dfi.")
keep(*SCHEMES.values(), room="dfi.")
keep_as_data(Mark, Motion, Path)
keep_by(Solution, _solution)
keep_as_data(Resumption, room="dfi.")
