from . import dfi, dynamics, ep, errors, fields, linalg, plotting, results, symbolic
from .compile.kernels.function import compile
from .compile.kernels.outputs import gradient, hessian
from .dfi import (
    DFI,
    DFO,
    RSNG,
    BoundaryCondition,
    Box,
    Conserving,
    DiracFrenkel,
    GaussHermite,
    GaussianSamples,
    GaussLegendre,
    Grid,
    MixtureSamples,
    MonteCarlo,
    Problem,
    QuasiMonteCarlo,
    Samples,
    Solution,
    conditioning,
    evolve,
    fit,
    fit_error,
    polish,
    resume,
)
from .dynamics import DOP853, RK4, Event, ImplicitMidpoint, Lagrangian, SciPy, Trajectory, Verlet, integrate
from .ep import Centered, Cost, EPTrainer, FixedEnds, OneSided, Orbit, Periodic, extremize
from .errors import (
    CheckpointError,
    CompileError,
    ConvergenceError,
    DivergenceError,
    Interrupted,
    SingularMatrixError,
    SymbolicError,
    SymdfiError,
)
from .fields import LagrangianDensity, ReducedLagrangian
from .linalg import LSMR, QR, SVD, Auto, Cholesky, Dual, RandomizedSVD, TruncatedSVD
from .symbolic.activations import TrainedActivation, rational, swish
from .symbolic.ansatz import Ansatz
from .symbolic.coordinates import coordinates, t
from .symbolic.evolution import EvolutionEquation
from .symbolic.indexed import derivative, tangent
from .symbolic.mixtures import gaussians
from .symbolic.networks import Phases, mlp

__version__: str

__all__ = [
    # symbolic
    "t",
    "coordinates",
    "derivative",
    "tangent",
    "gradient",
    "hessian",
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
    # fields
    "LagrangianDensity",
    "ReducedLagrangian",
    # evolution of an ansatz
    "EvolutionEquation",
    "Ansatz",
    "gaussians",
    "mlp",
    "Phases",
    "swish",
    "rational",
    "TrainedActivation",
    "Box",
    "BoundaryCondition",
    "Grid",
    "GaussLegendre",
    "GaussHermite",
    "MonteCarlo",
    "QuasiMonteCarlo",
    "Samples",
    "GaussianSamples",
    "MixtureSamples",
    "Problem",
    "fit",
    "fit_error",
    "polish",
    "resume",
    "conditioning",
    "evolve",
    "Solution",
    "DFI",
    "DFO",
    "DiracFrenkel",
    "RSNG",
    "Conserving",
    "Cholesky",
    "QR",
    "SVD",
    "Dual",
    "TruncatedSVD",
    "LSMR",
    "RandomizedSVD",
    "Auto",
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
    "CheckpointError",
    "CompileError",
    "ConvergenceError",
    "DivergenceError",
    "SingularMatrixError",
    "Interrupted",
    # what they are made of
    "dfi",
    "dynamics",
    "ep",
    "errors",
    "fields",
    "linalg",
    "plotting",
    "results",
    "symbolic",
]
