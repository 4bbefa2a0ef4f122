"""Random graphs that models share."""

from __future__ import annotations

import numpy as np


def ring_with_chords(size: int, chords: int, rng: np.random.Generator) -> np.ndarray:
    """The ends (2, size + chords) of the edges of a ring, and of chords drawn at random. ``ValueError`` for fewer than
    four nodes."""
    if size < 4 or chords < 0:
        raise ValueError(f"a ring with chords has n >= 4 nodes and chords >= 0, not {size} and {chords}")
    ring = np.stack([np.arange(size), np.roll(np.arange(size), -1)])
    starts = rng.integers(0, size, chords)
    return np.concatenate([ring, [starts, (starts + rng.integers(2, size - 1, chords)) % size]], axis=1)
