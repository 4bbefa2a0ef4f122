"""What decides whether indices stay in range: sizes, and what index arrays hold."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
import sympy as sp

from symdfi.symbolic.maps import largest, smallest

#: Sizes, and the smallest and the largest entry of each index array that has any.
Ends = tuple[tuple[tuple[sp.Symbol, int], ...], tuple[tuple[int, int] | None, ...]]


def ends_of(arrays: Iterable[np.ndarray]) -> tuple[tuple[int, int] | None, ...]:
    """The smallest and the largest entry of each array, None for one without entries."""
    return tuple([(int(a.min()), int(a.max())) if a.size else None for a in arrays])


class IndexValues:
    """Sizes and index arrays (int64) of a call. The arrays must not change while it is in use."""

    def __init__(
        self, sizes: Iterable[tuple[sp.Symbol, int]], arrays: Iterable[tuple[sp.IndexedBase, np.ndarray]]
    ) -> None:
        self.sizes, self.arrays = tuple(sizes), tuple(arrays)

    @functools.cached_property
    def ends(self) -> Ends:
        return self.sizes, ends_of(array for _, array in self.arrays)

    @functools.cached_property
    def known(self) -> dict[sp.Basic, int]:
        """The sizes and ends by what stands for them in formulas."""
        known: dict[sp.Basic, int] = dict(self.sizes)
        for (base, _), pair in zip(self.arrays, self.ends[1], strict=True):
            if pair is not None:
                known[smallest(base)], known[largest(base)] = pair
        return known

    @functools.cached_property
    def by_label(self) -> dict[sp.Symbol, np.ndarray]:
        return {base.label: array for base, array in self.arrays}

    @functools.cached_property
    def content(self) -> bytes:
        """A digest of all of it."""
        digest = blake2b(repr(self.sizes).encode(), digest_size=16)
        for _, array in self.arrays:
            digest.update(repr(array.shape).encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.digest()
