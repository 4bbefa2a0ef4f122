"""Second derivatives of the intervals of a path, full or sparse."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Blocks of at least this size of which at most this part is not zero are kept, and factorised, as sparse.
SMALLEST, FULLEST = 8, 0.5


@dataclass(frozen=True)
class Pattern:
    """Which entries of a d × d block are kept: all of them, or those at ``places`` of it by rows (as bytes)."""

    d: int
    places: bytes | None

    @classmethod
    def of(cls, flat: Sequence[np.ndarray], d: int) -> Pattern:
        """The entries that are not zero in some row of some array (rows, d²)."""
        if d < SMALLEST:
            return cls(d, None)
        # Entries of a structure are zero in the first row as well, or by accident; the sum of all rows tells.
        kept = np.zeros(d * d, bool)
        for rows in flat:
            kept |= (rows != 0).any(axis=0)
        if np.count_nonzero(kept) > FULLEST * d * d:
            return cls(d, None)
        return cls(d, np.flatnonzero(kept).tobytes())

    @functools.cached_property
    def at(self) -> np.ndarray:
        """The places."""
        return np.arange(self.d**2) if self.places is None else np.frombuffer(self.places, np.intp).copy()

    @property
    def size(self) -> int:
        return self.at.size

    def taken(self, rows: np.ndarray) -> np.ndarray:
        """The kept entries of blocks (rows, d²)."""
        return rows if self.places is None else rows[:, self.at]


@dataclass(frozen=True)
class Blocks:
    """∂r_a/∂x_c for the nodes a, c of each interval: the kept ``entries`` (N, m + 1, m + 1, size) of a ``pattern``."""

    pattern: Pattern
    entries: np.ndarray

    @property
    def full(self) -> np.ndarray:
        """(N, m + 1, m + 1, d, d), of blocks of which all entries are kept."""
        return self.entries.reshape(*self.entries.shape[:3], self.pattern.d, self.pattern.d)
