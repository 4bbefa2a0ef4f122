"""Anchored least squares over a subspace of the velocities: some of their entries, or what is orthogonal to vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import get_lapack_funcs

from symdfi.linalg.anchored.base import AnchoredSolution, AnchoredSolver
from symdfi.linalg.anchored.rows import Blocks
from symdfi.linalg.anchored.source import Normal, Source
from symdfi.linalg.spectrum import Array

_geqp3, _ormqr = get_lapack_funcs(("geqp3", "ormqr"), dtype=np.float64)
#: A vector counts as dependent on others where less than this part of it is orthogonal to them.
_DEPENDENT = 1e-12


class Subspace(ABC):
    """A subspace of R^p by an isometry E (p, q): v = E w, and E^T E = I."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(p, q)."""

    @abstractmethod
    def into(self, w: Array) -> Array:
        """E w for w (q,) or (q, k)."""

    @abstractmethod
    def onto(self, v: Array) -> Array:
        """E^T v for v (p,) or (p, k)."""

    def columns(self, jacobian: Array) -> Array:
        """J E (b, q) in C order."""
        return np.ascontiguousarray(self.onto(jacobian.T).T)


@dataclass(frozen=True)
class Entries(Subspace):
    """The vectors of R^p (``size``) that vanish but for the entries ``kept`` (q,), in ascending order."""

    kept: np.ndarray
    size: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.size, len(self.kept)

    def into(self, w: Array) -> Array:
        v = np.zeros((self.size, *w.shape[1:]))
        v[self.kept] = w
        return v

    def onto(self, v: Array) -> Array:
        return v[self.kept]


@dataclass(frozen=True)
class Orthogonal(Subspace):
    """The vectors orthogonal to given ones, by Householder reflectors: E = Q [0; I] where the first columns of Q span
    those given. ``packed`` (p, r) and ``scales`` (r,) are LAPACK's, r the rank."""

    packed: Array
    scales: Array

    @staticmethod
    def to(vectors: Array) -> Orthogonal:
        """To the k rows of ``vectors`` (k, p), of which some may be zero or depend on others.

        Raises ``ValueError`` where nothing is orthogonal to them all.
        """
        lengths = np.linalg.norm(vectors, axis=1)
        units = np.asfortranarray((vectors[lengths > 0] / lengths[lengths > 0, None]).T)
        p, k = units.shape
        if k == 0:
            return Orthogonal(np.zeros((p, 0), order="F"), np.zeros(0))
        packed, _, scales, *_ = _geqp3(units)
        rank = int((np.abs(np.diagonal(packed)) > _DEPENDENT).sum())
        if rank == p:
            raise ValueError(f"nothing in R^{p} is orthogonal to {len(vectors)} vectors of rank {rank}")
        return Orthogonal(np.asfortranarray(packed[:, :rank]), scales[:rank])

    @property
    def shape(self) -> tuple[int, int]:
        p, rank = self.packed.shape
        return p, p - rank

    def into(self, w: Array) -> Array:
        return self._turned("N", np.concatenate([np.zeros((len(self.scales), *w.shape[1:])), w]))

    def onto(self, v: Array) -> Array:
        return self._turned("T", v)[len(self.scales) :]

    def _turned(self, trans: str, v: Array) -> Array:
        """Q v, or Q^T v."""
        if not self.scales.size:
            return v
        columns = np.array(v if v.ndim == 2 else v[:, None], order="F")
        work = 64 * columns.shape[1] + 65 * 64  # a block of 64, and a triangular factor of (64 + 1) x 64
        turned, *_ = _ormqr("L", trans, self.packed, self.scales, columns, work, overwrite_c=1)
        return turned if v.ndim == 2 else turned[:, 0]


@dataclass(frozen=True)
class Restricted(Source):
    """The rows J E and f of ``source``."""

    source: Source
    space: Subspace

    def shape(self) -> tuple[int, int] | None:
        shape = self.source.shape()
        return None if shape is None else (shape[0], self.space.shape[1])

    def blocks(self) -> Blocks:
        for jacobian, f in self.source.blocks():
            yield self.space.columns(jacobian), f

    def again(self) -> Source:
        return Restricted(self.source.again(), self.space)

    def normal(self, target: Array | None) -> Normal:
        p, q = self.space.shape
        if 2 * q < p:
            return super().normal(target)
        # Of most of the columns the whole matrix is cheap, which a source may sum faster than block by block.
        found = self.source.normal(self._whole(target))
        lower = found.gram
        gram = np.tril(lower) + np.tril(lower, -1).T
        reduced = self.space.columns(self.space.columns(gram).T)
        return Normal(found.n, (np.asfortranarray(np.tril(reduced)),), self.space.onto(found.gradient))

    def residuals(self, target: Array | None, n: int) -> Array:
        return self.source.residuals(self._whole(target), n)

    def gradient(self, target: Array | None, shape: tuple[int, int]) -> Array:
        return self.space.onto(self.source.gradient(self._whole(target), (shape[0], self.space.shape[0])))

    def product(self, v: Array) -> Array:
        return self.source.product(self.space.into(v))

    def pulled(self, r: Array) -> Array:
        return self.space.onto(self.source.pulled(r))

    def _whole(self, target: Array | None) -> Array | None:
        return None if target is None else self.space.into(target)


def solve_within(
    spaces: Sequence[Subspace], solver: AnchoredSolver, rows: Source, anchor: Array, gamma: float, *,
    relative: bool = False, mu: float = 1.0,
) -> AnchoredSolution:  # fmt: skip
    """The minimiser of ||J v - f||^2 + gamma ||v - mu v_n||^2 over v = E_1 E_2 ... w, each of the ``spaces`` one of the
    coordinates of the one before it.

    That is the same problem for w, of J E and the anchor E^T v_n. With ``relative`` gamma is in units of
    sigma_1(J E)^2. Arguments and errors as in ``AnchoredSolver.solve``.
    """
    for space in spaces:
        rows, anchor = Restricted(rows, space), space.onto(anchor)
    found = solver.solve(rows, np.ascontiguousarray(anchor), gamma, relative=relative, mu=mu)
    v = found.v
    for space in reversed(spaces):
        v = space.into(v)
    return replace(found, v=v, coordinates=found.v if spaces else None)
