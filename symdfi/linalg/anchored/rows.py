"""Rows of a least-squares problem: blocks of J and f, checked as they stream by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from scipy.linalg import get_blas_funcs

from symdfi.errors import SingularMatrixError
from symdfi.linalg.spectrum import Array
from symdfi.linalg.subnormals import kept, without_tails

Rows = Iterable[tuple[Array, Array]]
Blocks = Iterator[tuple[Array, Array]]

# SciPy's BLAS throughout: NumPy bundles another one, and two thread pools fight over the cores.
(_gemv,) = get_blas_funcs(("gemv",), dtype=np.float64)


def real(name: str, values: Array) -> Array:
    """``values`` as C-ordered float64. ``ValueError`` if they are complex."""
    if np.iscomplexobj(values):
        raise ValueError(f"{name} is complex; stack real and imaginary parts as rows")
    return np.ascontiguousarray(values, dtype=np.float64)


def checked(rows: Rows, p: int | None = None) -> Blocks:
    """Blocks of consistent shape with finite f; whether J is finite the solver can often tell for less."""
    total, alike = 0, "as the anchor"
    for k, (jacobian, f) in enumerate(_drawn(rows)):
        jacobian, f = real("J", jacobian), real("f", f)
        if p is None and jacobian.ndim == 2 and jacobian.shape[1] > 0:
            p, alike = jacobian.shape[1], "as block 0"
        if jacobian.ndim != 2 or jacobian.shape[1] != p:
            expected = "(b, p) with p > 0" if p is None else f"(b, {p}) {alike}"
            raise ValueError(f"J, block {k}, must have shape {expected}, got {jacobian.shape}")
        if f.shape != jacobian.shape[:1]:
            raise ValueError(f"f, block {k}, must have shape {jacobian.shape[:1]} to match J, got {f.shape}")
        if not np.isfinite(f).all():
            raise_not_finite(f, f"f, block {k},")
        if f.size:
            total += f.size
            yield without_tails(jacobian), f
    if total == 0:
        raise ValueError("rows holds no row of J and f")


def _drawn(rows: Rows) -> Blocks:
    """The rows as they come. What makes them is not part of the solve, and runs as outside of it."""
    source = iter(rows)
    while True:
        with kept():
            block = next(source, None)
        if block is None:
            return
        yield block


def residual(jacobian: Array, f: Array, target: Array | None) -> Array:
    """f - J target; no target is the zero one."""
    # J.T of a C-ordered J is the Fortran-ordered matrix BLAS wants: no copy.
    return f if target is None else _gemv(-1.0, jacobian.T, target, beta=1.0, y=f, trans=1)


def finite(blocks: Blocks, n: int) -> Blocks:
    """The blocks of a J that was factorised before: finite, and of n rows again."""
    total = 0
    for k, (jacobian, f) in enumerate(blocks):
        if not np.isfinite(jacobian).all():
            raise_not_finite(jacobian, f"J, block {k},")
        total += f.size
        yield jacobian, f
    if total != n:
        raise ValueError(f"rows holds {total} rows of J and f, but the factor is of a J with {n}")


def stacked(blocks: Blocks) -> tuple[Array, Array]:
    """J (n, p), finite, and f (n,), as copies."""
    # Copied before the next block is asked for, which may come in the same buffer.
    jacobians, fs = zip(*((jacobian.copy(), f.copy()) for jacobian, f in blocks), strict=True)
    jacobian, f = (jacobians[0], fs[0]) if len(fs) == 1 else (np.concatenate(jacobians), np.concatenate(fs))
    if not np.isfinite(jacobian).all():
        raise_not_finite(jacobian, "J")
    return jacobian, f


def raise_not_finite(values: Array, name: str) -> None:
    """``ValueError`` that says which of the values are not finite, or too large to be squared."""
    bad = np.argwhere(~np.isfinite(values))
    if len(bad) == 0:
        largest = float(np.abs(values).max())
        raise ValueError(f"{name} is finite but its squares overflow (largest entry {largest:.3g})")
    raise ValueError(f"{name} is not finite in {len(bad)} entries, first at {tuple(int(i) for i in bad[0])}")


def zero_jacobian() -> SingularMatrixError:
    """No solver and no gamma relative to sigma_1 = 0 helps here."""
    return SingularMatrixError(
        "J = 0: no parameter has any effect at any of the points, and gamma is 0 or relative to sigma_1(J) = 0; begin "
        "from other parameters, or put points where the parameters have an effect, or give an absolute gamma > 0",
        gamma=0.0,
        sigma_max=0.0,
    )
