"""Quadrature rules: tensor grids, random and quasi-random samples, given ones, and those that follow the solution."""

from symdfi.dfi.sampling.base import Quadrature, Rule
from symdfi.dfi.sampling.following import GaussianSamples, MixtureSamples
from symdfi.dfi.sampling.given import Samples
from symdfi.dfi.sampling.hermite import GaussHermite
from symdfi.dfi.sampling.random import MonteCarlo, QuasiMonteCarlo
from symdfi.dfi.sampling.tensor import GaussLegendre, Grid

__all__ = [
    "GaussHermite",
    "GaussLegendre",
    "GaussianSamples",
    "Grid",
    "MixtureSamples",
    "MonteCarlo",
    "Quadrature",
    "QuasiMonteCarlo",
    "Rule",
    "Samples",
]
