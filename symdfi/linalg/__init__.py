"""Anchored least squares (for Dirac-Frenkel steps) and block-tridiagonal LU (for discrete actions)."""

from symdfi.linalg.anchored import (
    LSMR,
    QR,
    SVD,
    AnchoredSolution,
    AnchoredSolver,
    Auto,
    Cholesky,
    Dual,
    Normal,
    Products,
    RandomizedSVD,
    Source,
    TruncatedSVD,
)
from symdfi.linalg.banded import BlockTridiagonalLU

__all__ = [
    "LSMR",
    "QR",
    "SVD",
    "AnchoredSolution",
    "AnchoredSolver",
    "Auto",
    "BlockTridiagonalLU",
    "Cholesky",
    "Dual",
    "Normal",
    "Products",
    "RandomizedSVD",
    "Source",
    "TruncatedSVD",
]
