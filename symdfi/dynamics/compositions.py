"""Symmetric compositions: a symmetric method of order 2 in substeps that are multiples of the step, of higher order."""

from __future__ import annotations

import numpy as np

#: Of 5 substeps by Suzuki (Phys. Lett. A 146, 1990), of 9 by Kahan and Li (Math. Comp. 66, 1997); the rest by symmetry.
_HALVES: dict[int, list[float]] = {
    2: [],
    4: [1 / (4 - 4 ** (1 / 3))] * 2,
    6: [0.39216144400731413928, 0.33259913678935943860, -0.70624617255763935981, 0.08221359629355080023],
}


def substeps(order: int) -> np.ndarray:
    """The substeps as parts of a step: they add up to one. ``ValueError`` for an order that there is not."""
    if order not in _HALVES:
        raise ValueError(f"order = {order} of a composed method: one of {', '.join(map(str, _HALVES))}")
    half = _HALVES[order]
    return np.array([*half, 1.0 - 2.0 * sum(half), *reversed(half)])
