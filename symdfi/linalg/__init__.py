"""Anchored least squares (for Dirac-Frenkel steps) and block-tridiagonal LU (for discrete actions)."""

from symdfi.linalg.anchored import (
    QR,
    SVD,
    AnchoredSolution,
    AnchoredSolver,
    Cholesky,
    Dual,
    TruncatedSVD,
)
from symdfi.linalg.banded import BlockTridiagonalLU

__all__ = [
    "QR",
    "SVD",
    "AnchoredSolution",
    "AnchoredSolver",
    "BlockTridiagonalLU",
    "Cholesky",
    "Dual",
    "TruncatedSVD",
]
