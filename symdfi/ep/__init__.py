"""Equilibrium propagation in Lagrangian systems.

Signs, once and for all. The nudged action is

    S_β = ∫₀ᵀ (L + β c) dt,    dC/dθ = d/dβ ∂_θS_β at β = 0,    C = ∫₀ᵀ c dt,

with the partial derivative ∂_θ taken at fixed path. With L = T − V the nudged potential is V − βc: a positive
β pushes *uphill* in the cost, and a gradient step is θ ← θ − η dC/dθ. Hamiltonian texts write the same with a
minus sign, dC/dθ = −d/dβ ∫ ∂_θH dt, because ∂_θL at fixed (q, q̇) is −∂_θH at fixed (q, p). Energy-based texts
nudge E + βc and read +∂_θE: that is L = −E and β of the other sign.
"""

from symdfi.ep import kept as _kept  # noqa: F401  (what files may hold)
from symdfi.ep.advisor import Scheme, Schemes, schemes
from symdfi.ep.boundary import AtRest, Autonomous, Boundary, FixedEnds, InitialState, LimitCycle, Periodic, Static
from symdfi.ep.branch import Branch, Point
from symdfi.ep.check import GradientCheck
from symdfi.ep.continuation import continuation
from symdfi.ep.convolution import Convolution
from symdfi.ep.cost import Cost
from symdfi.ep.echo import Echo
from symdfi.ep.extremum import extremize
from symdfi.ep.gain import GainFlippedEcho
from symdfi.ep.history import Failure, Training
from symdfi.ep.nudging import Centered, Holomorphic, Infinitesimal, Nudging, OneSided
from symdfi.ep.optimizers import LBFGS, SGD, Adam
from symdfi.ep.orbit import Orbit
from symdfi.ep.reciprocal import Reciprocal
from symdfi.ep.rules import Fourier, Galerkin, Midpoint, Rule, Trapezoidal
from symdfi.ep.scan import NudgeScan
from symdfi.ep.sensitivity import Sensitivity
from symdfi.ep.trainer import EPTrainer

__all__ = [
    "LBFGS",
    "SGD",
    "Adam",
    "AtRest",
    "Autonomous",
    "Boundary",
    "Branch",
    "Centered",
    "Convolution",
    "Cost",
    "EPTrainer",
    "Echo",
    "Failure",
    "FixedEnds",
    "Fourier",
    "GainFlippedEcho",
    "Galerkin",
    "GradientCheck",
    "Holomorphic",
    "Infinitesimal",
    "InitialState",
    "LimitCycle",
    "Midpoint",
    "NudgeScan",
    "Nudging",
    "OneSided",
    "Orbit",
    "Periodic",
    "Point",
    "Reciprocal",
    "Rule",
    "Scheme",
    "Schemes",
    "Sensitivity",
    "Static",
    "Training",
    "Trapezoidal",
    "continuation",
    "extremize",
    "schemes",
]
