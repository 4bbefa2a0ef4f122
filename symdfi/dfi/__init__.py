"""Dirac–Frenkel dynamics with inertia."""

from symdfi.dfi.domain import Box, GaussLegendre, Grid, Quadrature
from symdfi.dfi.evolve import evolve
from symdfi.dfi.fit import fit, fit_error
from symdfi.dfi.problem import Problem
from symdfi.dfi.schemes import Scheme
from symdfi.dfi.solution import Solution
from symdfi.dfi.steppers import DFI, DiracFrenkel, Stepper

__all__ = [
    "DFI", "Box", "DiracFrenkel", "GaussLegendre", "Grid", "Problem", "Quadrature", "Scheme", "Solution", "Stepper",
    "evolve", "fit", "fit_error",
]  # fmt: skip
