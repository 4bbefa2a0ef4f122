"""The real components of fields: a real field is one, a complex field two, its real and its imaginary part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Components:
    """How the fields, ``complex`` or not, lie in the rows of a sample."""

    complex: tuple[bool, ...]

    @property
    def owners(self) -> tuple[int, ...]:
        """The field that each component belongs to."""
        return tuple(k for k, both in enumerate(self.complex) for _ in range(1 + both))

    @property
    def count(self) -> int:
        return len(self.complex) + sum(self.complex)

    def stacked(self, values: Sequence[np.ndarray]) -> np.ndarray:
        """Values (n,) of every field as (n, components)."""
        parts = [(np.real(v), np.imag(v)) if both else (v,) for v, both in zip(values, self.complex, strict=True)]
        return np.stack([part for both in parts for part in both], axis=1)

    def joined(self, rows: np.ndarray) -> np.ndarray:
        """Fields from (n, components): (n,) of one, (F, n) of several; complex where one of them is."""
        parts = iter(np.ascontiguousarray(rows.T))
        found = [next(parts) + 1j * next(parts) if both else next(parts) for both in self.complex]
        return found[0] if len(found) == 1 else np.stack(found)
