"""Rules that make a discrete action of a Lagrangian, one a file."""

from symdfi.ep.rules.base import Rule
from symdfi.ep.rules.fourier import Fourier
from symdfi.ep.rules.galerkin import Galerkin
from symdfi.ep.rules.midpoint import Midpoint
from symdfi.ep.rules.named import rule_of
from symdfi.ep.rules.trapezoidal import Trapezoidal

__all__ = ["Fourier", "Galerkin", "Midpoint", "Rule", "Trapezoidal", "rule_of"]
