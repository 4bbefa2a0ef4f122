"""symdfi: write the physics once in SymPy, at any size, and run it at the speed of hand-written loops."""

from symdfi.compile.function import compile, gradient
from symdfi.dfi import DFI, Box, DiracFrenkel, GaussLegendre, Grid, Problem, Solution, evolve, fit, fit_error
from symdfi.dynamics import DOP853, RK4, ImplicitMidpoint, Lagrangian, Trajectory, Verlet, integrate
from symdfi.ep import Centered, Cost, EPTrainer, FixedEnds, OneSided, Orbit, Periodic, extremize
from symdfi.errors import (
    CompileError,
    ConvergenceError,
    DivergenceError,
    SingularMatrixError,
    SymbolicError,
    SymdfiError,
)
from symdfi.linalg import QR, SVD, Cholesky, Dual, TruncatedSVD
from symdfi.symbolic.ansatz import Ansatz, gaussians, mlp
from symdfi.symbolic.coordinates import coordinates, t
from symdfi.symbolic.evolution import EvolutionEquation
from symdfi.symbolic.indexed import derivative, tangent

__version__ = "0.1.0"

__all__ = [
    "compile",
    "gradient",
    "DFI",
    "Box",
    "DiracFrenkel",
    "GaussLegendre",
    "Grid",
    "Problem",
    "Solution",
    "evolve",
    "fit",
    "fit_error",
    "DOP853",
    "RK4",
    "ImplicitMidpoint",
    "Lagrangian",
    "Trajectory",
    "Verlet",
    "integrate",
    "Centered",
    "Cost",
    "EPTrainer",
    "FixedEnds",
    "OneSided",
    "Orbit",
    "Periodic",
    "extremize",
    "CompileError",
    "ConvergenceError",
    "DivergenceError",
    "SingularMatrixError",
    "SymbolicError",
    "SymdfiError",
    "QR",
    "SVD",
    "Cholesky",
    "Dual",
    "TruncatedSVD",
    "Ansatz",
    "gaussians",
    "mlp",
    "coordinates",
    "t",
    "EvolutionEquation",
    "derivative",
    "tangent",
]
