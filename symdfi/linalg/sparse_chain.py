"""Block-tridiagonal systems whose blocks are sparse: actions of chains, lattices and graphs
(theory of EP, "The extremum")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from symdfi.linalg.chain import ChainLU

#: A diagonal pivot is taken if it is no smaller than this part of the largest of its column.
_PIVOT = 0.1


@dataclass(frozen=True, eq=False)
class Places:
    """Where the entries of a matrix of ``size`` lie that are given in some order, more than one at a place."""

    size: int
    order: NDArray[Any]
    firsts: NDArray[Any]
    rows: NDArray[Any]
    starts: NDArray[Any]

    @classmethod
    def of(cls, size: int, rows: NDArray[Any], columns: NDArray[Any]) -> Places:
        order = np.lexsort((rows, columns))
        row, column = rows[order], columns[order]
        new = np.ones(order.size, bool)
        new[1:] = (np.diff(row) != 0) | (np.diff(column) != 0)
        firsts = np.flatnonzero(new)
        starts = np.concatenate([[0], np.cumsum(np.bincount(column[firsts], minlength=size))])
        return cls(size, order.astype(np.int32), firsts, row[firsts].astype(np.int32), starts.astype(np.int32))

    def matrix(self, values: NDArray[Any]) -> csc_array:
        """The matrix of these entries; those at one place add up."""
        return self._matrix(np.add.reduceat(values[self.order], self.firsts))

    @property
    def slots(self) -> NDArray[Any]:
        """Which entry of the matrix, by columns, each given one is a part of."""
        found = np.empty(self.order.size, np.int64)
        found[self.order] = np.repeat(np.arange(self.firsts.size), np.diff(self.firsts, append=self.order.size))
        return found

    @property
    def pattern(self) -> csc_array:
        """Ones where such a matrix has an entry."""
        return self._matrix(np.ones(self.firsts.size))

    def _matrix(self, data: NDArray[Any]) -> csc_array:
        return csc_array((data, self.rows, self.starts), shape=(self.size, self.size))


class SparseChainLU(ChainLU):
    """SuperLU on the entries that are not zero, ordered by minimum degree, with a step of iterative refinement: a
    chain's fill costs O(N d), where a band costs O(N d^3)."""

    def __init__(
        self, matrix: csc_array, nodes: int, periodic: bool = False, *, rcond_min: float | None = 1e-14
    ) -> None:
        self._begin(nodes, matrix.shape[0] // nodes, matrix.dtype, periodic)
        self._matrix = matrix
        self.norm = float(abs(matrix).sum(axis=0).max())
        self._end(self._factorise(), rcond_min)

    def _factorise(self) -> bool:
        try:
            self._lu = splu(
                self._matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=_PIVOT, options={"SymmetricMode": True}
            )
        except RuntimeError as error:  # what SuperLU says of a pivot that is zero
            if "singular" not in str(error):
                raise
            return False
        return True

    @property
    def sign(self) -> float:
        """The sign of the determinant."""
        odd = sum(_is_odd(order) for order in (self._lu.perm_r, self._lu.perm_c))
        return float(np.prod(np.sign(self._lu.U.diagonal())) * (-1.0) ** odd)

    def __getstate__(self) -> dict[str, Any]:
        """SuperLU's factors do not travel: they are made anew."""
        return {key: value for key, value in super().__getstate__().items() if key != "_lu"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._factorise()

    def _apply(self, rhs: NDArray[Any], trans: int) -> NDArray[Any]:
        matrix = (self._matrix, self._matrix.T, self._matrix.conj().T)[trans]
        with np.errstate(over="ignore", invalid="ignore"):
            found = self._lu.solve(rhs, "NTH"[trans])
            return found + self._lu.solve(rhs - matrix @ found, "NTH"[trans])


def _is_odd(order: NDArray[Any]) -> bool:
    """Whether a permutation is made of an odd number of exchanges: its length less the number of its cycles."""
    cycles, _ = connected_components(
        csc_array((np.ones(order.size), order, np.arange(order.size + 1)), shape=(order.size, order.size)),
        connection="weak",
    )
    return bool((order.size - cycles) % 2)
