"""What files may hold of this room: problems and all that they are of, steppers and schemes."""

from __future__ import annotations

from symdfi.archive import keep
from symdfi.dfi.boundary import BoundaryCondition
from symdfi.dfi.domain import Box
from symdfi.dfi.problem import Problem
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
from symdfi.dfi.schemes import SCHEMES
from symdfi.dfi.steppers import DFI, DFO, RSNG, Adaptive, Budget, Conserving, DiracFrenkel, Memory, Trust
from symdfi.linalg import kept as _linalg  # noqa: F401
from symdfi.symbolic import kept as _symbolic  # noqa: F401

keep(BoundaryCondition, Box, Problem)
keep(GaussHermite, GaussianSamples, GaussLegendre, MixtureSamples, MonteCarlo, QuasiMonteCarlo, Samples)
keep(DFI, DFO, RSNG, Adaptive, Budget, Conserving, DiracFrenkel, Memory, Trust)
keep(Grid, room="dfi.")
keep(*SCHEMES.values(), room="dfi.")
