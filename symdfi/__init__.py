"""symdfi: write the physics once in SymPy, at any size, and run it at the speed of hand-written loops."""

from symdfi.compile.kernels.function import compile
from symdfi.compile.kernels.outputs import gradient
from symdfi.dfi import (
    DFI,
    Box,
    DiracFrenkel,
    GaussLegendre,
    Grid,
    Problem,
    Solution,
    evolve,
    fit,
    fit_error,
)
from symdfi.dynamics import DOP853, RK4, Event, ImplicitMidpoint, Lagrangian, SciPy, Trajectory, Verlet, integrate
from symdfi.ep import Centered, Cost, EPTrainer, FixedEnds, OneSided, Orbit, Periodic, extremize
from symdfi.errors import (
    CompileError,
    ConvergenceError,
    DivergenceError,
    Interrupted,
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
    # symbolic
    "t",
    "coordinates",
    "derivative",
    "tangent",
    "gradient",
    "compile",
    # mechanics
    "Lagrangian",
    "integrate",
    "Trajectory",
    "Verlet",
    "ImplicitMidpoint",
    "RK4",
    "DOP853",
    "SciPy",
    "Event",
    # evolution of an ansatz
    "EvolutionEquation",
    "Ansatz",
    "gaussians",
    "mlp",
    "Box",
    "Grid",
    "GaussLegendre",
    "Problem",
    "fit",
    "fit_error",
    "evolve",
    "Solution",
    "DFI",
    "DiracFrenkel",
    "Cholesky",
    "QR",
    "SVD",
    "Dual",
    "TruncatedSVD",
    # equilibrium propagation
    "Cost",
    "FixedEnds",
    "Periodic",
    "extremize",
    "Orbit",
    "OneSided",
    "Centered",
    "EPTrainer",
    # errors
    "SymdfiError",
    "SymbolicError",
    "CompileError",
    "ConvergenceError",
    "DivergenceError",
    "SingularMatrixError",
    "Interrupted",
]
