"""Mirrors: signed permutations Π = Πᵀ = Π⁻¹ through which a system's motion runs backward (theory of EP, "Mirrors").

A system without dissipation reverses through Π if w(s) = Πq(T − s) is a motion of it wherever q(t) is one, its drives
being replayed backward: if with G = ∂L/∂q and P = ∂L/∂q̇

    G(Πq, −Πq̇) = ΠG(q, q̇),    P(Πq, −Πq̇) = −ΠP(q, q̇).

The identity does for every L that is even in the velocities. With a gyroscopic term Gq̇ and a potential V these are
ΠMΠ = M, ΠGΠ = −G and V(Πq) = V(q); of L itself, a gauge that does not share the mirror is another L. Decided at states
drawn at random, which for analytic expressions is right with probability one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdfi.numbers import finite_reals

#: G and P, (rows, 2d), at states q and v, each (rows, d).
Slope = Callable[[np.ndarray, np.ndarray], np.ndarray]
#: The largest number of coordinates for which all mirrors are tried: 1384 of them.
SEARCHED = 6
#: What a mirror may break, relative to the largest of G and of P: rounding.
TOLERANCE = 1e-10


@dataclass(frozen=True, eq=False)
class Mirror:
    """(Πx)_i = signs_i x_order(i), on the last axis."""

    order: np.ndarray
    signs: np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(x[..., self.order] * self.signs)

    @property
    def is_identity(self) -> bool:
        return bool((self.order == np.arange(len(self.order))).all() and (self.signs == 1).all())

    def __str__(self) -> str:
        """What becomes of a state: ``(+q0, -q1)``, ``(+q1, +q0)``."""
        parts = (("+q" if sign > 0 else "-q") + str(own) for sign, own in zip(self.signs, self.order, strict=True))
        return f"({', '.join(parts)})"

    @property
    def matrix(self) -> np.ndarray:
        """Π, (d, d)."""
        return self(np.eye(len(self.order)))

    @classmethod
    def none(cls, d: int) -> Mirror:
        """The identity."""
        return cls(np.arange(d), np.ones(d))

    @classmethod
    def read(cls, given: Any, d: int) -> Mirror:
        """From a matrix (d, d), or from d signs. ``ValueError`` for what is no signed permutation that is its own
        inverse."""
        if isinstance(given, str | Mapping):
            raise ValueError(f"the mirror is {given!r}: give {d} signs, [1, -1, ...], or a matrix ({d}, {d})")
        found = finite_reals(given, "the mirror")
        if found.shape == (d,) and (np.abs(found) == 1).all():
            return cls(np.arange(d), found)
        if found.shape not in ((d, d), (d,)):
            raise ValueError(f"the mirror has shape {found.shape}, expected ({d}, {d}), or {d} signs")
        order = np.argmax(np.abs(np.atleast_2d(found)), axis=1)
        if found.ndim == 2:
            mirror = cls(order, found[np.arange(d), order])
            if (np.abs(mirror.signs) == 1).all() and (mirror.matrix == found).all() and (found == found.T).all():
                return mirror
        raise ValueError("the mirror is to be signs ±1, or a symmetric matrix with one ±1 in each row, 0 else")

    def reflected(self, slope: np.ndarray) -> np.ndarray:
        """(ΠG, −ΠP) of (G, P), by rows."""
        d = len(self.order)
        return np.concatenate([self(slope[:, :d]), -self(slope[:, d:])], axis=1)


def mirrors(d: int) -> Iterator[Mirror]:
    """All mirrors of d coordinates: first those that permute least, of these first those with the fewest signs."""
    for pairs in sorted(_pairings(tuple(range(d))), key=len):
        order = np.arange(d)
        for i, j in pairs:
            order[i], order[j] = j, i
        free = [k for k in range(d) if order[k] >= k]
        for signs in sorted(itertools.product((1.0, -1.0), repeat=len(free)), key=lambda s: s.count(-1.0)):
            own = np.ones(d)
            own[free], own[order[free]] = signs, signs
            yield Mirror(order, own)


def _pairings(left: tuple[int, ...]) -> Iterator[tuple[tuple[int, int], ...]]:
    """All ways to exchange coordinates in pairs."""
    if not left:
        yield ()
        return
    first, *others = left
    yield from _pairings(tuple(others))
    for other in others:
        for rest in _pairings(tuple(k for k in others if k != other)):
            yield ((first, other), *rest)


def broken(slope: Slope, at: tuple[np.ndarray, np.ndarray], mirror: Mirror, drive: Slope | None = None) -> float:
    """How much of G and P a mirror changes at states (q, v), in units of the largest of each; infinite if they have no
    value at any. ``drive`` gives G and P under the mirrored drive, if that is another."""
    q, v = at
    d = q.shape[1]
    here, there = mirror.reflected((drive or slope)(q, v)), slope(mirror(q), -mirror(v))
    worst = 0.0
    for part in (slice(0, d), slice(d, 2 * d)):
        one, other = here[:, part], there[:, part]
        known = np.isfinite(one) & np.isfinite(other)
        if not known.any():
            return np.inf
        size = np.max(np.abs(one[known])) or np.max(np.abs(other[known])) or 1.0
        worst = max(worst, float(np.max(np.abs(one - other)[known]) / size))
    return worst
