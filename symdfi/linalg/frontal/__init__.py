"""Multifrontal elimination by a plan that is made once for a pattern."""

from symdfi.linalg.frontal.factors import FrontalLU
from symdfi.linalg.frontal.plan import Plan
from symdfi.linalg.frontal.segmented import segmented

__all__ = ["FrontalLU", "Plan", "segmented"]
