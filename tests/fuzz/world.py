"""Sizes and arrays that an expression is tried out in, and numbers that carry their derivatives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp


class OutOfRange(Exception):
    """An element outside its array is read."""


class Meaningless(Exception):
    """The expression has no meaning: a symbol without a value, an index that is no integer."""


class Jet:
    """A value v, its gradient g, its derivative t along a direction and the gradient h of t."""

    __slots__ = ("g", "h", "t", "v")

    def __init__(self, v: float, g: Any, t: float, h: Any) -> None:
        self.v, self.g, self.t, self.h = v, g, t, h

    def __add__(self, other: Any) -> Jet:
        if isinstance(other, Jet):
            return Jet(self.v + other.v, self.g + other.g, self.t + other.t, self.h + other.h)
        return Jet(self.v + float(other), self.g, self.t, self.h)

    def __mul__(self, other: Any) -> Jet:
        if isinstance(other, Jet):
            a, b = self, other
            mixed = a.h * b.v + a.t * b.g + b.t * a.g + a.v * b.h
            return Jet(a.v * b.v, a.g * b.v + a.v * b.g, a.t * b.v + a.v * b.t, mixed)
        c = float(other)
        return Jet(self.v * c, self.g * c, self.t * c, self.h * c)

    __radd__, __rmul__ = __add__, __mul__

    def through(self, f: float, df: float, ddf: float) -> Jet:
        return Jet(f, df * self.g, df * self.t, df * self.h + ddf * self.t * self.g)


@dataclass
class World:
    """Sizes, arrays and what the walk notices on its way."""

    sizes: dict[sp.Symbol, int]
    integers: dict[sp.IndexedBase, np.ndarray]
    values: dict[Any, np.ndarray]
    direction: dict[Any, np.ndarray]
    #: A value met within rounding of a kink (no derivative there) or of a jump (no value to compare).
    kink: bool = False
    jump: bool = False
    #: An element out of range that a factor of zero stands beside.
    dropped: str = ""
    #: The largest number met: what rounding is measured by.
    scale: float = 1.0
    jets: bool = True
    _leaves: dict = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(a.size for a in self.values.values())

    def leaf(self, variable: Any, at: tuple[int, ...]) -> Any:
        array = self.integers[variable] if variable in self.integers else self.values.get(variable)
        if array is None:
            raise Meaningless(str(variable))
        if any(not 0 <= k < extent for k, extent in zip(at, array.shape, strict=True)):
            raise OutOfRange(f"{variable}{list(at)}")
        if variable in self.integers:
            return int(array[at])
        if not self.jets:
            return float(array[at])
        key = (variable, at)
        if key not in self._leaves:
            start = 0
            for other, other_array in self.values.items():
                if other == variable:
                    break
                start += other_array.size
            g = np.zeros(self.count)
            g[start + (int(np.ravel_multi_index(at, array.shape)) if at else 0)] = 1.0
            self._leaves[key] = Jet(float(array[at]), g, float(self.direction[variable][at]), np.zeros(self.count))
        return self._leaves[key]

    def parts(self, gradient: Any) -> dict[Any, np.ndarray]:
        """A flat gradient as one array a variable."""
        flat = np.broadcast_to(np.asarray(gradient, dtype=float), (self.count,))
        cuts = np.cumsum([a.size for a in self.values.values()])[:-1]
        return {v: g.reshape(a.shape) for (v, a), g in zip(self.values.items(), np.split(flat, cuts), strict=True)}
