"""Rows of several sources, one below the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from symdfi.linalg.anchored.rows import Blocks
from symdfi.linalg.anchored.source import Normal, Source
from symdfi.linalg.spectrum import Array


@dataclass(frozen=True)
class Stacked(Source):
    """J = [J_1; J_2; ...] and f = [f_1; f_2; ...] of ``parts`` of known shapes."""

    parts: tuple[Source, ...]

    def shape(self) -> tuple[int, int]:
        shapes = [part.shape() for part in self.parts]
        found = [shape for shape in shapes if shape is not None]
        assert len(found) == len(shapes)
        return sum(n for n, _ in found), found[0][1]

    def blocks(self) -> Blocks:
        for part in self.parts:
            yield from part.blocks()

    def again(self) -> Source:
        return Stacked(tuple(part.again() for part in self.parts))

    def whole(self) -> tuple[Array, Array]:
        jacobians, fs = zip(*(part.whole() for part in self.parts), strict=True)
        return np.concatenate(jacobians), np.concatenate(fs)

    def normal(self, target: Array | None) -> Normal:
        found = [part.normal(target) for part in self.parts]
        gram, gradient = found[0].gram, found[0].gradient
        for other in found[1:]:
            gram += other.gram
            gradient = gradient + other.gradient
        return Normal(sum(own.n for own in found), (gram,), gradient)

    def residuals(self, target: Array | None, n: int) -> Array:
        if self.shape()[0] != n:
            raise ValueError(f"rows holds {self.shape()[0]} rows of J and f, but the factor is of a J with {n}")
        return np.concatenate([part.residuals(target, count) for part, count in self._counted()])

    def gradient(self, target: Array | None, shape: tuple[int, int]) -> Array:
        found = [part.gradient(target, (count, shape[1])) for part, count in self._counted()]
        return np.add.reduce(found)

    def product(self, v: Array) -> Array:
        return np.concatenate([part.product(v) for part in self.parts])

    def pulled(self, r: Array) -> Array:
        start, total = 0, np.zeros((self.shape()[1], *r.shape[1:]))
        for part, count in self._counted():
            total = total + part.pulled(np.ascontiguousarray(r[start : start + count]))
            start += count
        return total

    def _counted(self) -> Iterator[tuple[Source, int]]:
        for part in self.parts:
            shape = part.shape()
            assert shape is not None
            yield part, shape[0]
