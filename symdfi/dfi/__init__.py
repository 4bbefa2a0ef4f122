"""Dirac–Frenkel dynamics with inertia."""

from symdfi.dfi import kept as _kept  # noqa: F401  (what files may hold)
from symdfi.dfi.boundary import BoundaryCondition
from symdfi.dfi.conditioning import Conditioning, conditioning
from symdfi.dfi.domain import Box
from symdfi.dfi.energy import EnergyBalance, energy_balance
from symdfi.dfi.evolve import evolve, resume
from symdfi.dfi.faces import Dirichlet, Neumann
from symdfi.dfi.fit import fit, fit_error
from symdfi.dfi.gauss_newton import GaussNewton
from symdfi.dfi.polish import polish
from symdfi.dfi.problem import Problem
from symdfi.dfi.sampling import (
    GaussHermite,
    GaussianSamples,
    GaussLegendre,
    Grid,
    MixtureSamples,
    MonteCarlo,
    Quadrature,
    QuasiMonteCarlo,
    Samples,
)
from symdfi.dfi.schemes import ESDIRK4, RK43, TRBDF2, ImplicitEuler, Scheme
from symdfi.dfi.solution import Solution
from symdfi.dfi.steppers import (
    DFI,
    DFO,
    RSNG,
    Adaptive,
    Budget,
    Conserving,
    DiracFrenkel,
    Memory,
    Solves,
    Stepper,
    Trust,
)

__all__ = [
    "Adaptive",
    "BoundaryCondition",
    "Box",
    "Budget",
    "Conditioning",
    "Conserving",
    "DFI",
    "DFO",
    "DiracFrenkel",
    "Dirichlet",
    "EnergyBalance",
    "ESDIRK4",
    "GaussHermite",
    "GaussLegendre",
    "GaussNewton",
    "GaussianSamples",
    "Grid",
    "ImplicitEuler",
    "Memory",
    "MixtureSamples",
    "MonteCarlo",
    "Neumann",
    "Problem",
    "Quadrature",
    "QuasiMonteCarlo",
    "RK43",
    "RSNG",
    "Samples",
    "Scheme",
    "Solution",
    "Solves",
    "Stepper",
    "TRBDF2",
    "Trust",
    "conditioning",
    "energy_balance",
    "evolve",
    "fit",
    "fit_error",
    "polish",
    "resume",
]
