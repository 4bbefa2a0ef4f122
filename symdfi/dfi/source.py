"""The rows of a problem at one θ and time, made when a solver asks for them and in the form that it asks for."""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Protocol

import numpy as np
from scipy.linalg import get_blas_funcs

from symdfi.compile.kernels import cache, threads
from symdfi.dfi.strips import Strips
from symdfi.linalg import Normal, Source
from symdfi.linalg.anchored.rows import Blocks, checked, raise_not_finite
from symdfi.linalg.blas import own_threads
from symdfi.linalg.lending import Lender
from symdfi.linalg.subnormals import kept

(_gemm,) = get_blas_funcs(("gemm",), dtype=np.float64)

#: Numbers in a block of J, half a megabyte: it is used while it is in the second-level cache.
_BLOCK = 2**16
#: Rows in a block, at least and at most: with fewer BLAS is slow, more have no effect.
_FEWEST, _MOST = 256, 2048
#: Groups of samples with sums of their own.
_GROUPS = 16
#: From so many parameters on threads take tiles of JᵀJ and not groups of samples: a matrix each would be too much.
_WIDE = 1024
#: Columns of a tile, at least and at most, and how many tiles there are between: each reads all columns to its right
#: anew, so that few are best for one thread, many for many.
_NARROWEST, _WIDEST, _TILES = 192, 384, 8
#: Numbers in a chunk of J then, 64 MiB, and rows that go together in its product with a vector.
_CHUNK_SIZE, _HEIGHT = 2**23, 256
#: Rows of a block that Python handles.
_CHUNK = 4096


class Evaluated(Protocol):
    """What rows are made from: a ``Problem``."""

    points: np.ndarray

    @property
    def row_count(self) -> int: ...

    def rows(
        self, theta: np.ndarray, time: float, out: tuple[np.ndarray, np.ndarray] | None = ..., samples: slice = ...
    ) -> tuple[np.ndarray, np.ndarray]: ...

    def tangents(
        self, theta: np.ndarray, velocity: np.ndarray, time: float, fresh: bool = ...
    ) -> tuple[np.ndarray, np.ndarray]: ...

    def run_groups(
        self, loop: Callable[..., None], count: int, theta: np.ndarray, time: float, *more: object
    ) -> None: ...

    def jv(self, theta: np.ndarray, v: np.ndarray, time: float) -> np.ndarray: ...

    def jtr(self, theta: np.ndarray, r: np.ndarray, time: float) -> np.ndarray: ...

    def sample(self, row: int) -> str: ...

    def strips(self, theta: np.ndarray) -> Strips: ...


@dataclass
class Workspace:
    """Sums by groups of samples, a chunk of J, and the matrices of normal equations, used again from solve to solve."""

    grams: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    chunk: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    lender: Lender = field(default_factory=Lender)

    def of(self, groups: int, size: int) -> np.ndarray:
        if self.grams.shape != (groups, size):
            self.grams = np.empty((groups, size))
        return self.grams

    def rows(self, count: int, p: int) -> np.ndarray:
        if len(self.chunk) < count or self.chunk.shape[1] != p:
            self.chunk = np.empty((count, p))
        return self.chunk[:count]


class Rows(Source):
    """Rows that can say what is wrong with them."""

    @abc.abstractmethod
    def fault(self) -> str | None:
        """What is not finite (or too large to be squared), and where; None if nothing is."""


@dataclass(frozen=True)
class ProblemRows(Rows):
    """J and f of ``problem`` at θ and time. J as a whole is in memory only where a solver asks for it."""

    problem: Evaluated
    theta: np.ndarray
    time: float
    workspace: Workspace = field(default_factory=Workspace, repr=False)

    def shape(self) -> tuple[int, int]:
        return self.problem.row_count, self.theta.size

    def again(self) -> Source:
        return self

    def blocks(self) -> Blocks:
        return checked(self._chunks(), self.theta.size)

    def _chunks(self) -> Blocks:
        fields = self.problem.row_count // len(self.problem.points)
        step = max(1, _CHUNK // fields)
        for start in range(0, len(self.problem.points), step):
            yield self.problem.rows(self.theta, self.time, samples=slice(start, start + step))

    def whole(self) -> tuple[np.ndarray, np.ndarray]:
        with kept():
            jacobian, f = self.problem.rows(self.theta, self.time)
        if not (np.isfinite(jacobian).all() and np.isfinite(f).all()):
            self._require_finite()
        return jacobian, f

    def normal(self, target: np.ndarray | None) -> Normal:
        p, division, strips = self.theta.size, self._division, self.problem.strips(self.theta)
        if max(strips.widths) >= _WIDE:
            return self._wide(target)
        if division.groups == 1:
            return super().normal(target)  # which has nothing to share out, and is called faster
        sums, gradients = self.workspace.of(division.groups, strips.size), np.empty((division.groups, p))
        sound = np.empty(division.groups, dtype=bool)
        along = np.zeros(p) if target is None else target
        loops, grams, place = _loops(), [], 0
        with own_threads():
            self.problem.run_groups(
                loops.accumulate, division.groups, self.theta, self.time, along, strips.table, division.ends,
                division.block, sums, gradients, sound,
            )  # fmt: skip
        if not sound.all():
            self._require_finite()
        for width in strips.widths:
            gram = self.workspace.lender.matrix(width)  # of which nobody writes the upper triangle
            threads.run(loops.total, width, sums, place, gram)
            grams.append(gram.T)
            place += width**2
        return Normal(self.problem.row_count, tuple(grams), _sum(gradients))

    def _wide(self, target: np.ndarray | None) -> Normal:
        """The normal equations of many parameters, over chunks of J."""
        p, samples, loops = self.theta.size, len(self.problem.points), cache.load_module("symdfi.dfi.loops.wide")
        fields = self.problem.row_count // samples
        chunks = -(-self.problem.row_count // max(_FEWEST, _CHUNK_SIZE // p))
        step = -(-samples // chunks)
        gram, gradient = self.workspace.lender.matrix(p), np.zeros(p)
        width = min(max(_NARROWEST, -(-p // _TILES)), _WIDEST)
        for start in range(0, samples, step):
            count = (min(start + step, samples) - start) * fields
            out = self.workspace.rows(count, p), np.empty(count)
            with kept():
                jacobian, right = self.problem.rows(self.theta, self.time, out, slice(start, start + step))
            sound, flat = np.isfinite(right).all(), jacobian.reshape(-1)
            with own_threads():
                if target is not None and target.any():
                    tiles = -(-count // _HEIGHT)
                    threads.run(loops.subtract, tiles, _HEIGHT, flat, target, right, p, least=1)
                tiles, first = -(-p // width), start == 0
                threads.run(loops.add, tiles, width, flat, right, gram.reshape(-1), gradient, p, first, least=1)
            if not (sound and np.isfinite(np.einsum("ii->i", gram)).all()):
                self._require_finite()
        return Normal(self.problem.row_count, (gram.T,), gradient)

    def residuals(self, target: np.ndarray | None, n: int) -> np.ndarray:
        if self.problem.row_count != n:
            raise ValueError(f"rows holds {self.problem.row_count} rows of J and f, but the factor is of a J with {n}")
        along = np.zeros(self.theta.size) if target is None else target
        with kept():
            moved, f = self.problem.tangents(self.theta, along, self.time, fresh=False)
        found = f - moved
        if not np.isfinite(found).all():
            self._require_finite()
        return found

    def gradient(self, target: np.ndarray | None, shape: tuple[int, int]) -> np.ndarray:
        return self.pulled(self.residuals(target, shape[0]))

    def product(self, v: np.ndarray) -> np.ndarray:
        if v.ndim == 1:
            with kept():
                return self.problem.jv(self.theta, v, self.time)
        return np.concatenate([_gemm(1.0, jacobian.T, v, trans_a=1) for jacobian, _ in self.blocks()])

    def pulled(self, r: np.ndarray) -> np.ndarray:
        if r.ndim == 1:
            with kept():
                return self.problem.jtr(self.theta, r, self.time)
        total, start = np.zeros((self.theta.size, r.shape[1]), order="F"), 0
        for jacobian, f in self.blocks():
            own = r[start : start + f.size]
            total = _gemm(1.0, jacobian.T, own, beta=1.0, c=total, overwrite_c=1)
            start += f.size
        return total

    def fault(self) -> str | None:
        start, largest = 0, np.sqrt(np.finfo(float).max)
        for jacobian, f in self._chunks():
            for name, values in (("J", jacobian), ("f", f)):
                sizes = np.abs(values.reshape(len(values), -1)).max(axis=1)
                bad = np.flatnonzero(~(sizes < largest))
                if bad.size:
                    return f"{name} is {sizes[bad[0]]:.3g} {self.problem.sample(start + int(bad[0]))}"
            start += f.size
        return None

    def _require_finite(self) -> None:
        """``ValueError`` naming what is not finite in J or f, or in the squares of J."""
        for k, (jacobian, _) in enumerate(self.blocks()):
            with np.errstate(over="ignore", invalid="ignore"):
                if not np.isfinite(np.einsum("ij,ij->j", jacobian, jacobian)).all():
                    raise_not_finite(jacobian, f"J, block {k},")

    @functools.cached_property
    def _division(self) -> Division:
        return Division.of(len(self.problem.points), self.problem.row_count, self.theta.size)


@dataclass(frozen=True)
class Division:
    """Samples divided into groups, ends[g]..ends[g+1]-1 in group g, and these into blocks: by the sizes of the problem
    alone."""

    ends: np.ndarray
    block: int

    @property
    def groups(self) -> int:
        return len(self.ends) - 1

    @staticmethod
    @functools.lru_cache(maxsize=64)
    def of(samples: int, rows: int, p: int) -> Division:
        most = min(_GROUPS, rows // max(_FEWEST, p))  # sums over p² entries cost as much as p rows
        groups = 1 << (max(most, 1).bit_length() - 1)  # a power of two: for 2, 4, 8 threads all have as many
        ends = np.arange(groups + 1, dtype=np.int64) * samples // groups
        fields, longest = rows // samples, int(np.diff(ends).max())
        least = max(1, min(_MOST, max(_FEWEST, _BLOCK // p)) // fields)
        blocks = -(-longest // least)
        return Division(ends, -(-longest // blocks))


def pulled(problem: Evaluated, theta: np.ndarray, r: np.ndarray, time: float) -> np.ndarray:
    """Jᵀ r, (p,), from r (n F,) at the quadrature points."""
    division = Division.of(len(problem.points), problem.row_count, theta.size)
    gradients = np.empty((division.groups, theta.size))
    with own_threads():
        problem.run_groups(_loops().pull, division.groups, theta, time, r, division.ends, division.block, gradients)
    return _sum(gradients)


def _sum(gradients: np.ndarray) -> np.ndarray:
    """Over groups, in their order."""
    return functools.reduce(np.add, gradients) if len(gradients) > 1 else gradients[0]


def _loops() -> ModuleType:
    return cache.load_module("symdfi.dfi.loops.normal")
