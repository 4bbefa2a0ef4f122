"""Normal equations by Cholesky factors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import get_blas_funcs

from symdfi.linalg.anchored.base import AnchoredSolver, Factor
from symdfi.linalg.anchored.normal import factorised, solved
from symdfi.linalg.anchored.rows import Blocks, finite, raise_not_finite, residual
from symdfi.linalg.spectrum import Array, TriangularFactor

_syrk, _gemv = get_blas_funcs(("syrk", "gemv"), dtype=np.float64)


@dataclass(frozen=True)
class NormalFactor(Factor):
    """L L^T = J^T J + gamma I; J itself is not held.

    Reduced right-hand sides are gradients J^T (f - J target), (p,), which a caller may also have without J, by one
    reverse sweep: ``factor.minimiser(gradient, mu * anchor)``.
    """

    spectrum: TriangularFactor

    def reduce(self, blocks: Blocks, target: Array | None) -> Array:
        gradient = np.zeros(self.shape[1])
        for jacobian, f in finite(blocks, self.shape[0]):
            gradient = _pulled(jacobian, residual(jacobian, f, target), gradient)
        return gradient

    def minimiser(self, reduced: Array, target: Array | None) -> Array:
        increment = solved(self.spectrum, reduced)
        return increment if target is None else target + increment


@dataclass(frozen=True)
class Cholesky(AnchoredSolver):
    """Normal equations, v+ = mu v_n + (J^T J + gamma I)^-1 J^T (f - J mu v_n): the fast path for n >= p.

    J^T J accumulates block by block, so J is never held as a whole; C-ordered float64 blocks are not copied.
    The rounding error of J^T J, about roundoff * sigma_1^2, must stay well below gamma; SingularMatrixError
    is raised when it has eaten a pivot (THEORY-DFI, section 1).
    """

    def _factorise(
        self, blocks: Blocks, target: Array | None, gamma: float, relative: bool
    ) -> tuple[NormalFactor, Array]:
        n, gram, gradient = 0, np.zeros((0, 0)), np.zeros(0)
        for k, (jacobian, f) in enumerate(blocks):
            if n == 0:
                p = jacobian.shape[1]
                gram, gradient = np.zeros((p, p), order="F"), np.zeros(p)
            n += f.size
            gram = _syrk(1.0, jacobian.T, beta=1.0, c=gram, lower=1, overwrite_c=1)
            gradient = _pulled(jacobian, residual(jacobian, f, target), gradient)
            # A non-finite entry of J always reaches the diagonal of J^T J: p numbers to check, not n p.
            if not np.isfinite(np.einsum("ii->i", gram)).all():
                raise_not_finite(jacobian, f"J, block {k},")
        return NormalFactor((n, gradient.size), factorised(gram, gamma, relative)), gradient


def _pulled(jacobian: Array, residual: Array, gradient: Array) -> Array:
    """gradient + J^T residual, in place."""
    return _gemv(1.0, jacobian.T, residual, beta=1.0, y=gradient, overwrite_y=1)
