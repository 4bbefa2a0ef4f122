"""Cholesky factors of normal matrices, G + gamma I with G = J^T J or J J^T."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.linalg import get_blas_funcs, get_lapack_funcs

from symdfi.errors import SingularMatrixError
from symdfi.linalg.anchored.rows import zero_jacobian
from symdfi.linalg.cholesky import cholesky
from symdfi.linalg.lending import Lender
from symdfi.linalg.spectrum import Array, BlockFactor, TriangularFactor, largest_eigenvalue

(_symv,) = get_blas_funcs(("symv",), dtype=np.float64)
(_potrs,) = get_lapack_funcs(("potrs",), dtype=np.float64)
_EPS = float(np.finfo(np.float64).eps)


def factorised(gram: Array, gamma: float, relative: bool) -> TriangularFactor:
    """Lower factor of gram + gamma I, in place; of ``gram`` the lower triangle is read, the upper is zero.

    Raises ``SingularMatrixError`` where rounding errors have eaten a pivot.
    """
    sigma_max = None
    if relative:
        sigma_max = _sigma_max(gram)
        gamma = gamma * sigma_max**2
    return _factorised(gram, gamma, sigma_max)


def factorised_blocks(grams: Sequence[Array], gamma: float, relative: bool) -> TriangularFactor | BlockFactor:
    """``factorised`` of all diagonal blocks of a gram, with one gamma."""
    if len(grams) == 1:
        return factorised(grams[0], gamma, relative)
    known = [_sigma_max(gram) if relative else None for gram in grams]
    if relative:
        gamma = gamma * max(sigma for sigma in known if sigma is not None) ** 2
    parts = (_factorised(gram, gamma, sigma) for gram, sigma in zip(grams, known, strict=True))
    return BlockFactor(gamma, tuple(parts))


def _sigma_max(gram: Array) -> float:
    return float(np.sqrt(largest_eigenvalue(lambda x: _symv(1.0, gram, x, lower=1), len(gram))))


def _factorised(gram: Array, gamma: float, sigma_max: float | None) -> TriangularFactor:
    diagonal = np.einsum("ii->i", gram)
    scale = sigma_max if sigma_max is not None else float(np.sqrt(diagonal.sum()))
    if scale == 0 and gamma == 0:
        raise zero_jacobian()
    diagonal += gamma
    size, magnitude = len(gram), diagonal.copy()
    definite = cholesky(gram)
    # In exact arithmetic each squared pivot is >= gamma; one well below is made of rounding errors.
    pivots = diagonal**2
    if not definite or not np.all(pivots >= np.maximum(gamma / 2, _EPS * magnitude)):
        bound = "" if sigma_max is not None else "<"
        raise SingularMatrixError(
            f"the normal matrix ({size} x {size}) plus gamma I is not positive definite to working precision "
            f"(gamma = {gamma:.3g}, sigma_max {bound}= {scale:.3g}): gamma is below the rounding error of "
            f"the products, about {_EPS * scale**2:.1g}; use QR or SVD, or a larger gamma",
            gamma=gamma,
            sigma_max=scale,
        )
    return TriangularFactor(gamma, gram, True, sigma_max)


def solved(factor: TriangularFactor | BlockFactor, right: Array) -> Array:
    """(G + gamma I)^-1 right."""
    if isinstance(factor, TriangularFactor):
        return _potrs(factor.triangle, right, lower=1)[0]
    ends = np.cumsum([len(part.triangle) for part in factor.parts])
    return np.concatenate([solved(*one) for one in zip(factor.parts, np.split(right, ends[:-1]), strict=True)])


def tikhonov_curve(
    grams: Sequence[Array], gradient: Array, size: float, lender: Lender
) -> Callable[[float], tuple[float, float] | None]:
    """||v|| and ||J v - f||, in units of ||f|| = ``size``, of v = (G + gamma sigma_1^2 I)^-1 gradient, by gamma; of
    diagonal blocks of G = J^T J that stay as they are.

    None where rounding errors eat pivots. A residual is told from what v takes off ||f||^2, so down to
    sqrt(roundoff) ||f||, which is added to it.
    """
    square = max(_sigma_max(gram) for gram in grams) ** 2

    def point(gamma: float) -> tuple[float, float] | None:
        if square == 0:
            return 0.0, 1.0
        try:
            factor = factorised_blocks([lender.copied(gram) for gram in grams], gamma * square, False)
        except SingularMatrixError:
            return None
        v = solved(factor, gradient)
        speed = float(np.linalg.norm(v))
        left = size**2 - float(gradient @ v) - gamma * square * speed**2
        return speed, (max(left / size**2, 0.0) + _EPS) ** 0.5 if size > 0 else 1.0

    return point
