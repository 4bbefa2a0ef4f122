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
from symdfi.linalg.chain import ChainLU
from symdfi.linalg.frontal import FrontalLU, Plan
from symdfi.linalg.full_chain import FullChainLU
from symdfi.linalg.sparse_chain import Places, SparseChainLU

__all__ = [
    "LSMR",
    "QR",
    "SVD",
    "AnchoredSolution",
    "AnchoredSolver",
    "Auto",
    "BlockTridiagonalLU",
    "ChainLU",
    "Cholesky",
    "Dual",
    "FrontalLU",
    "FullChainLU",
    "Normal",
    "Places",
    "Plan",
    "Products",
    "RandomizedSVD",
    "Source",
    "SparseChainLU",
    "TruncatedSVD",
]
