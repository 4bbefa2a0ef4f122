"""Where a solver has its rows from: it asks for them in the form that it needs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import block_diag, get_blas_funcs

from symdfi.linalg.anchored.rows import Blocks, Rows, checked, finite, raise_not_finite, real, residual, stacked
from symdfi.linalg.lending import Lender
from symdfi.linalg.spectrum import Array
from symdfi.linalg.subnormals import kept

_syrk, _gemv, _gemm = get_blas_funcs(("syrk", "gemv", "gemm"), dtype=np.float64)


@dataclass(frozen=True)
class Normal:
    """Normal equations: n, J^T J, and J^T (f - J target) (p,).

    J^T J vanishes outside of the diagonal blocks ``grams``, of each the lower triangle in Fortran order: one (p, p) as
    a rule, several where columns of J fall into groups that no row shares.
    """

    n: int
    grams: tuple[Array, ...]
    gradient: Array

    @property
    def gram(self) -> Array:
        """The lower triangle of J^T J (p, p), in Fortran order."""
        return self.grams[0] if len(self.grams) == 1 else np.asfortranarray(block_diag(*self.grams))


class Source(ABC):
    """Rows J (n, p) and f (n,) of a least-squares problem, in any of the forms that solvers ask for.

    A subclass gives ``blocks``, and whatever it can do better than by way of these. All results are finite, or a
    ``ValueError`` says what is not.
    """

    @abstractmethod
    def shape(self) -> tuple[int, int] | None:
        """(n, p), None if that shows only while the rows are read."""

    @abstractmethod
    def blocks(self) -> Blocks:
        """Consistent row blocks of J and finite f; J need not be finite. All may share one buffer."""

    @abstractmethod
    def again(self) -> Source:
        """The same rows, for reading more than once, ``product`` and ``pulled``."""

    def whole(self) -> tuple[Array, Array]:
        """J (n, p) and f (n,), the caller's own."""
        return stacked(self.blocks())

    def normal(self, target: Array | None) -> Normal:
        """The normal equations of the residual f - J target; no target is the zero one."""
        n, gram, gradient = 0, np.zeros((0, 0)), np.zeros(0)
        for k, (jacobian, f) in enumerate(self.blocks()):
            if n == 0:
                p = jacobian.shape[1]
                gram, gradient = np.zeros((p, p), order="F"), np.zeros(p)
            n += f.size
            gram = _syrk(1.0, jacobian.T, beta=1.0, c=gram, lower=1, overwrite_c=1)
            gradient = _added(jacobian, residual(jacobian, f, target), gradient)
            # A non-finite entry of J always reaches the diagonal of J^T J: p numbers to check, not n p.
            if not np.isfinite(np.einsum("ii->i", gram)).all():
                raise_not_finite(jacobian, f"J, block {k},")
        return Normal(n, (gram,), gradient)

    def residuals(self, target: Array | None, n: int) -> Array:
        """f - J target, (n,). ``ValueError`` if there are not n rows."""
        return np.concatenate([residual(jacobian, f, target) for jacobian, f in finite(self.blocks(), n)])

    def gradient(self, target: Array | None, shape: tuple[int, int]) -> Array:
        """J^T (f - J target), (p,). ``ValueError`` if J is not of the given shape."""
        n, p = shape
        gradient = np.zeros(p)
        for jacobian, f in finite(self.blocks(), n):
            gradient = _added(jacobian, residual(jacobian, f, target), gradient)
        return gradient

    def product(self, v: Array) -> Array:
        """J v for v (p,) or (p, k). What ``again`` gives has it."""
        raise NotImplementedError

    def pulled(self, r: Array) -> Array:
        """J^T r for r (n,) or (n, k). What ``again`` gives has it."""
        raise NotImplementedError


@dataclass(frozen=True)
class Read(Source):
    """Blocks from an iterable of them, which may be read once."""

    rows: Rows
    p: int | None

    def shape(self) -> tuple[int, int] | None:
        return None

    def blocks(self) -> Blocks:
        return checked(self.rows, self.p)

    def again(self) -> Source:
        return Held(*self.whole())


@dataclass(frozen=True)
class Held(Source):
    """J (n, p) and f (n,) as arrays."""

    jacobian: Array
    f: Array

    def shape(self) -> tuple[int, int]:
        n, p = self.jacobian.shape
        return n, p

    def blocks(self) -> Blocks:
        yield self.jacobian, self.f

    def again(self) -> Source:
        return self

    def product(self, v: Array) -> Array:
        # J.T of a C-ordered J is the Fortran-ordered matrix BLAS wants: no copy.
        return _gemv(1.0, self.jacobian.T, v, trans=1) if v.ndim == 1 else _gemm(1.0, self.jacobian.T, v, trans_a=1)

    def pulled(self, r: Array) -> Array:
        return _gemv(1.0, self.jacobian.T, r) if r.ndim == 1 else _gemm(1.0, self.jacobian.T, r)


@dataclass(frozen=True)
class Products(Source):
    """J by its products alone, J v for v (p,) and J^T r for r (n,), and f (n,): J is never formed.

    For solvers that need no more, `LSMR` and `RandomizedSVD`; to all others it gives J by p products. Raises
    ``ValueError`` for products of the wrong shape, or that are not finite.
    """

    jv: Callable[[Array], Array]
    jtr: Callable[[Array], Array]
    f: Array
    p: int

    def shape(self) -> tuple[int, int]:
        return self._right.size, self.p

    @cached_property
    def _right(self) -> Array:
        f = real("f", self.f)
        if f.ndim != 1 or f.size == 0:
            raise ValueError(f"f must have shape (n,) with n > 0, got {f.shape}")
        if not np.isfinite(f).all():
            raise_not_finite(f, "f")
        return f

    def blocks(self) -> Blocks:
        yield np.ascontiguousarray(self.product(np.eye(self.p))), self._right

    def again(self) -> Source:
        return self

    def residuals(self, target: Array | None, n: int) -> Array:
        if self._right.size != n:
            raise ValueError(f"rows holds {self._right.size} rows of J and f, but the factor is of a J with {n}")
        return self._right if target is None else self._right - self.product(target)

    def gradient(self, target: Array | None, shape: tuple[int, int]) -> Array:
        return self.pulled(self.residuals(target, shape[0]))

    def product(self, v: Array) -> Array:
        return _each(lambda column: self._checked("jv", self.jv, column, self._right.size), v)

    def pulled(self, r: Array) -> Array:
        return _each(lambda column: self._checked("jtr", self.jtr, column, self.p), r)

    @staticmethod
    def _checked(name: str, function: Callable[[Array], Array], vector: Array, size: int) -> Array:
        with kept():
            found = function(vector)
        found = real(f"what {name} gave", found)
        if found.shape != (size,):
            raise ValueError(f"{name} gave an array of shape {found.shape}, expected ({size},)")
        if not np.isfinite(found).all():
            raise_not_finite(found, f"what {name} gave")
        return found


def _each(function: Callable[[Array], Array], vectors: Array) -> Array:
    """``function`` of a vector, or of every column of a matrix."""
    if vectors.ndim == 1:
        return function(vectors)
    return np.stack([function(np.ascontiguousarray(column)) for column in vectors.T], axis=1)


def _added(jacobian: Array, residual: Array, gradient: Array) -> Array:
    """gradient + J^T residual, in place."""
    return _gemv(1.0, jacobian.T, residual, beta=1.0, y=gradient, overwrite_y=1)


@dataclass(frozen=True)
class Formed(Source):
    """Rows whose normal equations have been formed, without a target: asked for them once more it makes the gradient
    alone."""

    source: Source
    normals: Normal
    lender: Lender

    def shape(self) -> tuple[int, int]:
        return self.normals.n, self.normals.gradient.size

    def blocks(self) -> Blocks:
        return self.source.blocks()

    def again(self) -> Source:
        return self.source.again()

    def whole(self) -> tuple[Array, Array]:
        return self.source.whole()

    def normal(self, target: Array | None) -> Normal:
        grams = tuple(self.lender.copied(gram) for gram in self.normals.grams)
        return Normal(self.normals.n, grams, self.gradient(target, self.shape()))

    def residuals(self, target: Array | None, n: int) -> Array:
        return self.source.residuals(target, n)

    def gradient(self, target: Array | None, shape: tuple[int, int]) -> Array:
        if target is None and shape == self.shape():
            return self.normals.gradient.copy()
        return self.source.gradient(target, shape)

    def product(self, v: Array) -> Array:
        return self.source.product(v)

    def pulled(self, r: Array) -> Array:
        return self.source.pulled(r)
