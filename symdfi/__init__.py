"""symdfi: write the physics once in SymPy, at any size, and run it at the speed of hand-written loops."""

from symdfi.errors import (
    CompileError,
    ConvergenceError,
    DivergenceError,
    SingularMatrixError,
    SymbolicError,
    SymdfiError,
)

__version__ = "0.1.0"

__all__ = [
    "CompileError",
    "ConvergenceError",
    "DivergenceError",
    "SingularMatrixError",
    "SymbolicError",
    "SymdfiError",
]
