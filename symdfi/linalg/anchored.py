"""Anchored least squares: the one linear problem behind Dirac-Frenkel, Tikhonov, inertial and SPRING steps.

    v+ = argmin_v ||J v - f||^2 + gamma ||v - mu v_n||^2            (THEORY-DFI, section 1)

with the Jacobian J (n, p), the right-hand side f (n,), the anchor v_n (p,), gamma >= 0 and the damping mu:

    Dirac-Frenkel             gamma = 0 (or `TruncatedSVD`)
    Tikhonov, regularised DF  gamma > 0, mu = 0
    DFI, inertia              gamma = epsilon / h, mu = 1
    SPRING                    gamma > 0, mu = 0.99

What is minimised is chosen by the caller, how it is minimised by the solver:

    solver          factorises             cost              relative error of the increment
    Cholesky        J^T J + gamma I        n p^2 + p^3/3     roundoff * sigma_1^2 / gamma
    QR              [J; sqrt(gamma) I]     2 (n + p) p^2     roundoff * sigma_1 / sqrt(gamma)
    SVD             J                      several QR        roundoff * sigma_1 / sqrt(gamma)
    Dual            J J^T + gamma I        p n^2 + n^3/3     as Cholesky, for n < p
    TruncatedSVD    J, cut at rtol sigma_1 several QR        no anchor: the minimum-norm solution

Every solver computes the increment v+ - mu v_n from the residual f - J mu v_n, so rounding errors scale with
how far the velocity moves in the step, not with the velocity.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.linalg import get_blas_funcs, get_lapack_funcs, svd

from symdfi.errors import SingularMatrixError
from symdfi.linalg.spectrum import Array, SingularValues, Spectrum, TriangularFactor, largest_eigenvalue
from symdfi.linalg.subnormals import flushed, without_tails

Rows = Iterable[tuple[Array, Array]]
Blocks = Iterator[tuple[Array, Array]]

# SciPy's BLAS throughout: NumPy bundles another one, and two thread pools fight over the cores.
_syrk, _gemv, _symv = get_blas_funcs(("syrk", "gemv", "symv"), dtype=np.float64)
_potrf, _potrs, _trtrs, _trcon, _geqrf, _geqrf_lwork = get_lapack_funcs(
    ("potrf", "potrs", "trtrs", "trcon", "geqrf", "geqrf_lwork"), dtype=np.float64
)
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class AnchoredSolution:
    """Result of an anchored least-squares solve.

    Attributes
    ----------
    v
        The minimiser v+, shape (p,).
    gamma
        The regularisation used: gamma, or gamma sigma_1(J)^2 if it was asked for relative to the spectrum.
    sigma_max
        sigma_1(J). Evaluated on first access, unless the solve needed it. From the singular values with `SVD`
        and `TruncatedSVD`, otherwise by Lanczos iteration (a lower bound, relative error about 1e-6, at worst
        5e-4).
    effective_rank
        sum_i sigma_i^2 / (sigma_i^2 + gamma), how many directions the data decide and not the anchor.
        Evaluated on first access: as (order of the factor) - gamma trace((G + gamma I)^-1), about p^3/3
        operations, where no singular values are at hand.
    """

    v: Array
    gamma: float
    spectrum: Spectrum = field(repr=False)

    @cached_property
    def sigma_max(self) -> float:
        """sigma_1(J)."""
        return self.spectrum.sigma_max()

    @cached_property
    def effective_rank(self) -> float:
        """sum_i sigma_i^2 / (sigma_i^2 + gamma)."""
        return self.spectrum.effective_rank()


class AnchoredSolver(ABC):
    """A way of solving v+ = argmin ||J v - f||^2 + gamma ||v - mu v_n||^2 (THEORY-DFI, section 1)."""

    def solve(
        self, rows: Rows, anchor: Array, gamma: float, *, relative: bool = False, mu: float = 1.0
    ) -> AnchoredSolution:
        """Minimise ||J v - f||^2 + gamma ||v - mu v_n||^2 over v.

        Parameters
        ----------
        rows
            Row blocks (J_block (b, p), f_block (b,)) of J and f, one or several. Read once; all blocks may
            use the same buffer. Stack real and imaginary parts of complex rows as rows.
        anchor
            v_n, shape (p,).
        gamma
            Regularisation, >= 0; in units of sigma_1(J)^2 if `relative`.
        mu
            Damping of the anchor.

        Raises
        ------
        ValueError
            Wrong shapes, complex or non-finite input, negative gamma; the message names which.
        SingularMatrixError
            The regularised problem is singular to working precision; has attributes gamma and sigma_max.
        """
        anchor = _real("anchor", anchor)
        if anchor.ndim != 1 or anchor.size == 0:
            raise ValueError(f"anchor must have shape (p,) with p > 0, got {anchor.shape}")
        if not np.isfinite(anchor).all():
            raise ValueError("anchor is not finite")
        if not (gamma >= 0 and np.isfinite(gamma)):
            raise ValueError(f"gamma must be finite and >= 0, got {gamma}")
        if not np.isfinite(mu):
            raise ValueError(f"mu must be finite, got {mu}")
        with flushed():
            return self._solve(_checked(rows, anchor.size), mu * anchor, float(gamma), relative)

    @abstractmethod
    def _solve(self, blocks: Blocks, target: Array, gamma: float, relative: bool) -> AnchoredSolution:
        """Solve for checked blocks (J not yet known to be finite) and the damped anchor `target` = mu v_n."""


@dataclass(frozen=True)
class Cholesky(AnchoredSolver):
    """Normal equations, v+ = mu v_n + (J^T J + gamma I)^-1 J^T (f - J mu v_n): the fast path for n >= p.

    J^T J accumulates block by block, so J is never held as a whole; C-ordered float64 blocks are not copied.
    The rounding error of J^T J, about roundoff * sigma_1^2, must stay well below gamma; SingularMatrixError
    is raised when it has eaten a pivot (THEORY-DFI, section 1).
    """

    def _solve(self, blocks: Blocks, target: Array, gamma: float, relative: bool) -> AnchoredSolution:
        p = target.size
        gram = np.zeros((p, p), order="F")
        gradient = np.zeros(p)
        moved = bool(target.any())
        for k, (jacobian, f) in enumerate(blocks):
            # J.T of a C-ordered J is the Fortran-ordered matrix BLAS wants: no copy.
            columns = jacobian.T
            residual = _gemv(-1.0, columns, target, beta=1.0, y=f, trans=1) if moved else f
            gram = _syrk(1.0, columns, beta=1.0, c=gram, lower=1, overwrite_c=1)
            gradient = _gemv(1.0, columns, residual, beta=1.0, y=gradient, overwrite_y=1)
            # A non-finite entry of J always reaches the diagonal of J^T J: p numbers to check, not n p.
            if not np.isfinite(np.einsum("ii->i", gram)).all():
                _raise_not_finite(jacobian, f"J, block {k},")
        sigma_max = _sigma_max_of(gram) if relative else None
        gamma = gamma if sigma_max is None else gamma * sigma_max**2
        factor = _cholesky(gram, gamma, sigma_max)
        increment, _ = _potrs(factor.triangle, gradient, lower=1, overwrite_b=1)
        return AnchoredSolution(target + increment, gamma, factor)


@dataclass(frozen=True)
class Dual(AnchoredSolver):
    """Dual normal equations, v+ = mu v_n + J^T (J J^T + gamma I)^-1 (f - J mu v_n): the fast path for n < p.

    Same accuracy as `Cholesky`; gamma = 0 needs full row rank and gives the increment of least norm
    (THEORY-DFI, section 1).
    """

    def _solve(self, blocks: Blocks, target: Array, gamma: float, relative: bool) -> AnchoredSolution:
        jacobian, f = _stacked(blocks)
        columns = jacobian.T
        residual = _gemv(-1.0, columns, target, beta=1.0, y=f, trans=1)
        gram = _syrk(1.0, columns, trans=1, lower=1)
        sigma_max = _sigma_max_of(gram) if relative else None
        gamma = gamma if sigma_max is None else gamma * sigma_max**2
        factor = _cholesky(gram, gamma, sigma_max)
        weights, _ = _potrs(factor.triangle, residual, lower=1, overwrite_b=1)
        return AnchoredSolution(_gemv(1.0, columns, weights, beta=1.0, y=target), gamma, factor)


@dataclass(frozen=True)
class QR(AnchoredSolver):
    """Least squares on [J; sqrt(gamma) I] for the increment, by Householder QR.

    The accurate path when J is ill-conditioned. gamma = 0 is plain least squares and needs
    full column rank (THEORY-DFI, section 1).
    """

    def _solve(self, blocks: Blocks, target: Array, gamma: float, relative: bool) -> AnchoredSolution:
        jacobian, f = _stacked(blocks)
        columns = jacobian.T
        (n, p), sigma_max = jacobian.shape, None
        if relative:
            square = largest_eigenvalue(lambda x: _gemv(1.0, columns, _gemv(1.0, columns, x, trans=1)), p)
            sigma_max = float(np.sqrt(square))
            gamma = gamma * square
        augmented = np.zeros((n + p if gamma > 0 else n, p + 1), order="F")
        augmented[:n, :p] = jacobian
        augmented[:n, p] = _gemv(-1.0, columns, target, beta=1.0, y=f, trans=1)
        if gamma > 0:
            np.einsum("ii->i", augmented[n:, :p])[:] = np.sqrt(gamma)
        triangle, projected = _triangularize(augmented)
        if len(triangle) < p or _equilibrated_rcond(triangle) < p * _EPS:
            if sigma_max is None:
                sigma_max = float(np.linalg.norm(triangle, 2))
            if sigma_max == 0:
                raise _zero_jacobian()
            raise SingularMatrixError(
                f"[J; sqrt(gamma) I] has dependent columns to working precision (J {n} x {p}, "
                f"gamma = {gamma:.3g}, sigma_max = {sigma_max:.3g}); use a larger gamma, or TruncatedSVD",
                gamma=gamma,
                sigma_max=sigma_max,
            )
        increment, _ = _trtrs(triangle, projected)
        factor = TriangularFactor(triangle, False, gamma, sigma_max)
        return AnchoredSolution(target + increment, gamma, factor)


@dataclass(frozen=True)
class SVD(AnchoredSolver):
    """Filter factors, v+ = mu v_n + sum_i sigma_i / (sigma_i^2 + gamma) u_i^T (f - J mu v_n) v_i.

    The slowest solver and the one that has the whole spectrum. gamma = 0 needs full rank, min(n, p), and
    gives the
    increment of least norm (THEORY-DFI, section 1).
    """

    def _solve(self, blocks: Blocks, target: Array, gamma: float, relative: bool) -> AnchoredSolution:
        jacobian, f = _stacked(blocks)
        residual = _gemv(-1.0, jacobian.T, target, beta=1.0, y=f, trans=1)
        projected, sigma, right = _thin_svd(jacobian, residual)
        if relative:
            gamma = gamma * float(sigma[0]) ** 2
        if sigma[0] == 0 and gamma == 0:
            raise _zero_jacobian()
        if np.sqrt(sigma[-1] ** 2 + gamma) <= max(jacobian.shape) * _EPS * sigma[0]:
            raise SingularMatrixError(
                f"J is rank-deficient to working precision and gamma = {gamma:.3g} does not make up for it "
                f"(sigma_max = {sigma[0]:.3g}, sigma_min = {sigma[-1]:.3g}); use a larger gamma, or "
                "TruncatedSVD",
                gamma=gamma,
                sigma_max=float(sigma[0]),
            )
        length = np.hypot(sigma, np.sqrt(gamma))
        increment = right.T @ (projected * (sigma / length / length))
        return AnchoredSolution(target + increment, gamma, SingularValues(sigma, gamma))


@dataclass(frozen=True)
class TruncatedSVD(AnchoredSolver):
    """Plain Dirac-Frenkel by truncation, v+ = sum over sigma_i > rtol sigma_1 of (u_i^T f / sigma_i) v_i.

    The solution of least norm in the retained directions. There is no regularisation, so gamma must be 0, and
    of the anchor only its length is used: its null component is not added (THEORY-DFI, section 1).

    Parameters
    ----------
    rtol
        Cut-off relative to sigma_1, 0 <= rtol < 1. Below about max(n, p) * 2e-16 it keeps directions that are
        noise.
    """

    rtol: float

    def __post_init__(self) -> None:
        if not 0 <= self.rtol < 1:
            raise ValueError(f"rtol must satisfy 0 <= rtol < 1, got {self.rtol}")

    def _solve(self, blocks: Blocks, target: Array, gamma: float, relative: bool) -> AnchoredSolution:
        if gamma != 0:
            raise ValueError(f"gamma must be 0 with TruncatedSVD, got {gamma}; SVD regularises")
        projected, sigma, right = _thin_svd(*_stacked(blocks))
        kept = sigma > self.rtol * sigma[0]
        v = right[kept].T @ (projected[kept] / sigma[kept])
        return AnchoredSolution(v, 0.0, SingularValues(sigma[kept], 0.0))


def _real(name: str, values: Array) -> Array:
    if np.iscomplexobj(values):
        raise ValueError(f"{name} is complex; stack real and imaginary parts as rows")
    return np.ascontiguousarray(values, dtype=np.float64)


def _checked(rows: Rows, p: int) -> Blocks:
    """Blocks of consistent shape with finite f; whether J is finite the solver can often tell for less."""
    total = 0
    for k, (jacobian, f) in enumerate(rows):
        jacobian, f = _real("J", jacobian), _real("f", f)
        if jacobian.ndim != 2 or jacobian.shape[1] != p:
            raise ValueError(f"J, block {k}, must have shape (b, {p}) as the anchor, got {jacobian.shape}")
        if f.shape != jacobian.shape[:1]:
            raise ValueError(f"f, block {k}, must have shape {jacobian.shape[:1]} to match J, got {f.shape}")
        if not np.isfinite(f).all():
            _raise_not_finite(f, f"f, block {k},")
        if f.size:
            total += f.size
            yield without_tails(jacobian), f
    if total == 0:
        raise ValueError("rows holds no row of J and f")


def _raise_not_finite(values: Array, name: str) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad) == 0:
        largest = float(np.abs(values).max())
        raise ValueError(f"{name} is finite but its squares overflow (largest entry {largest:.3g})")
    raise ValueError(f"{name} is not finite in {len(bad)} entries, first at {tuple(int(i) for i in bad[0])}")


def _stacked(blocks: Blocks) -> tuple[Array, Array]:
    # Copied before the next block is asked for, which may come in the same buffer.
    jacobians, fs = zip(*((jacobian.copy(), f.copy()) for jacobian, f in blocks), strict=True)
    jacobian, f = (jacobians[0], fs[0]) if len(fs) == 1 else (np.concatenate(jacobians), np.concatenate(fs))
    if not np.isfinite(jacobian).all():
        _raise_not_finite(jacobian, "J")
    return jacobian, f


def _zero_jacobian() -> SingularMatrixError:
    """No solver and no gamma relative to sigma_1 = 0 helps here."""
    return SingularMatrixError(
        "J = 0: no parameter has any effect at any of the points, and gamma is 0 or relative to sigma_1(J) = 0; begin "
        "from other parameters, or put points where the parameters have an effect, or give an absolute gamma > 0",
        gamma=0.0,
        sigma_max=0.0,
    )


def _cholesky(gram: Array, gamma: float, sigma_max: float | None) -> TriangularFactor:
    """Lower factor of gram + gamma I, in place; of `gram` the lower triangle is read, the upper is zero."""
    diagonal = np.einsum("ii->i", gram)
    scale = sigma_max if sigma_max is not None else float(np.sqrt(diagonal.sum()))
    if scale == 0 and gamma == 0:
        raise _zero_jacobian()
    diagonal += gamma
    size, magnitude = len(gram), diagonal.copy()
    factor, info = _potrf(gram, lower=1, clean=0, overwrite_a=1)
    # In exact arithmetic each squared pivot is >= gamma; one well below is made of rounding errors.
    pivots = np.einsum("ii->i", factor) ** 2
    if info != 0 or not np.all(pivots >= np.maximum(gamma / 2, _EPS * magnitude)):
        bound = "" if sigma_max is not None else "<"
        raise SingularMatrixError(
            f"the normal matrix ({size} x {size}) plus gamma I is not positive definite to working precision "
            f"(gamma = {gamma:.3g}, sigma_max {bound}= {scale:.3g}): gamma is below the rounding error of "
            f"the products, about {_EPS * scale**2:.1g}; use QR or SVD, or a larger gamma",
            gamma=gamma,
            sigma_max=scale,
        )
    return TriangularFactor(factor, True, gamma, sigma_max)


def _triangularize(augmented: Array) -> tuple[Array, Array]:
    """R (min(rows, p), p) and Q^T r for the Fortran-ordered [A r] (rows, p + 1), which is overwritten."""
    rows, p = augmented.shape[0], augmented.shape[1] - 1
    work, _ = _geqrf_lwork(*augmented.shape)
    reduced = _geqrf(augmented, lwork=int(work), overwrite_a=1)[0]
    top = min(rows, p)
    return np.asfortranarray(np.triu(reduced[:top, :p])), reduced[:top, p].copy()


def _equilibrated_rcond(triangle: Array) -> float:
    """Reciprocal condition of R with its columns scaled to unit length, so that mere scaling is no alarm."""
    lengths = np.sqrt(np.einsum("ij,ij->j", triangle, triangle))
    if not lengths.all():
        return 0.0
    return float(_trcon(np.asfortranarray(triangle / lengths))[0])


def _thin_svd(jacobian: Array, f: Array) -> tuple[Array, Array, Array]:
    """U^T f (k,), sigma (k,), V^T (k, p) with k = min(n, p); by QR first when J is tall."""
    n, p = jacobian.shape
    if n > 1.5 * p:
        augmented = np.empty((n, p + 1), order="F")
        augmented[:, :p], augmented[:, p] = jacobian, f
        jacobian, f = _triangularize(augmented)
    left, sigma, right = svd(jacobian, full_matrices=False, check_finite=False)
    return left.T @ f, sigma, right


def _sigma_max_of(gram: Array) -> float:
    return float(np.sqrt(largest_eigenvalue(lambda x: _symv(1.0, gram, x, lower=1), len(gram))))
