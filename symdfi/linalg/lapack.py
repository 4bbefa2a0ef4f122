"""LAPACK and BLAS for compiled code: SciPy's own, by name.

Kernels on disk refer to a routine by its symbol, which is given its address here in every process that loads them.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from numba import types
from numba.extending import get_cython_function_address

_INT, _CHAR, _FLOAT = (types.CPointer(kind) for kind in (types.int32, types.uint8, types.float64))


def _routine(name: str, *arguments: Any, library: str = "lapack") -> Any:
    symbol = f"symdfi_{name}"
    llvm.add_symbol(symbol, get_cython_function_address(f"scipy.linalg.cython_{library}", name))
    return types.ExternalFunction(symbol, types.void(*arguments))


#: ``potrf(uplo, n, a, lda, info)``: A = L Lᵀ of a symmetric positive definite matrix.
potrf = _routine("dpotrf", _CHAR, _INT, _FLOAT, _INT, _INT)
#: ``potrs(uplo, n, nrhs, a, lda, b, ldb, info)``: the solution from that factor.
potrs = _routine("dpotrs", _CHAR, _INT, _INT, _FLOAT, _INT, _FLOAT, _INT, _INT)
#: ``getrf(m, n, a, lda, ipiv, info)``: P A = L U.
getrf = _routine("dgetrf", _INT, _INT, _FLOAT, _INT, _INT, _INT)
#: ``getrs(trans, n, nrhs, a, lda, ipiv, b, ldb, info)``: the solution from those factors.
getrs = _routine("dgetrs", _CHAR, _INT, _INT, _FLOAT, _INT, _INT, _FLOAT, _INT, _INT)
#: ``syrk(uplo, trans, n, k, alpha, a, lda, beta, c, ldc)``: C = α A Aᵀ + β C.
syrk = _routine(
    "dsyrk", _CHAR, _CHAR, _INT, _INT, _FLOAT, _FLOAT, _INT, _FLOAT, _FLOAT, _INT, library="blas"
)  # fmt: skip
#: ``gemv(trans, m, n, alpha, a, lda, x, incx, beta, y, incy)``: y = α A x + β y.
gemv = _routine(
    "dgemv", _CHAR, _INT, _INT, _FLOAT, _FLOAT, _INT, _FLOAT, _INT, _FLOAT, _FLOAT, _INT, library="blas"
)  # fmt: skip
#: ``gemm(transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)``: C = α A B + β C.
gemm = _routine(
    "dgemm", _CHAR, _CHAR, _INT, _INT, _INT, _FLOAT, _FLOAT, _INT, _FLOAT, _INT, _FLOAT, _FLOAT, _INT, library="blas"
)  # fmt: skip
#: ``trsm(side, uplo, transa, diag, m, n, alpha, a, lda, b, ldb)``: B = α B A⁻¹, A triangular, for side "R".
trsm = _routine(
    "dtrsm", _CHAR, _CHAR, _CHAR, _CHAR, _INT, _INT, _FLOAT, _FLOAT, _INT, _FLOAT, _INT, library="blas"
)  # fmt: skip
