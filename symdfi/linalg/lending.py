"""Large matrices used again: what the system gives anew it clears first, page by page, and that takes longer than to
factorise a small part of it."""

from __future__ import annotations

import numpy as np


class Lender:
    """Lends square matrices, and has each back when nobody holds it, or a view of it, any more."""

    def __init__(self) -> None:
        self._back: dict[int, list[np.ndarray]] = {}

    def matrix(self, p: int) -> np.ndarray:
        """A matrix (p, p) as its last holder has left it, of zeros if there was none."""
        back = self._back.setdefault(p, [])
        return np.asarray(_Loan(back.pop() if back else np.zeros((p, p)), back))

    def copied(self, matrix: np.ndarray) -> np.ndarray:
        """A copy of a square ``matrix`` in Fortran order."""
        copy = self.matrix(len(matrix)).T
        np.copyto(copy, matrix)
        return copy


class _Loan:
    """What an array and all views of it refer to as the owner of their memory: it ends with the last of them."""

    def __init__(self, memory: np.ndarray, back: list[np.ndarray]) -> None:
        self._memory, self._back = memory, back
        self.__array_interface__ = memory.__array_interface__

    def __del__(self) -> None:
        self._back.append(self._memory)
