"""Block-tridiagonal systems by LAPACK's banded LU: Hessians of actions (theory of EP, "The extremum")."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import get_lapack_funcs

from symdfi.linalg.chain import ChainLU


class BlockTridiagonalLU(ChainLU):
    """LAPACK's banded LU with partial pivoting, for full blocks.

    Open ends: bandwidth 2d - 1. The ring is folded flat, node order 0, N-1, 1, N-2, ..., in which neighbours are at
    most two places apart: again a plain banded matrix, bandwidth 3d - 1, pivoted throughout. No low-rank correction of
    an open chain is involved, so the chain cut open may be singular when the ring is not. Cost O(N d^3), a solve
    O(N d^2).

    Row k of A x = b reads

        L_k x_{k-1} + D_k x_k + U_k x_{k+1} = b_k,    D_k = diagonal[k], L_k and U_k as indexed below.

    Open ends: the first and the last node lack one neighbour. Periodic: neighbours are taken mod N. With N = 1 and
    N = 2 couplings that join the same pair of nodes add up.

    Parameters
    ----------
    lower, diagonal, upper
        Real or complex blocks. Open: shapes (N-1, d, d), (N, d, d), (N-1, d, d); lower[k] couples node k+1 to
        node k, upper[k] node k to node k+1. Periodic: all (N, d, d); lower[k] couples node k to node k-1 mod
        N, upper[k] node k to node k+1 mod N.
    periodic
        Whether the chain closes to a ring.
    rcond_min
        Reciprocal condition number (1-norm) below which the matrix counts as singular. None: only an exact zero
        among the pivots does, and ``rcond`` is not estimated unless it is asked for, or by ``check``.

    Raises
    ------
    ValueError
        Wrong shapes or non-finite blocks; the message names which.
    SingularMatrixError
        As of every ``ChainLU``.
    """

    def __init__(
        self,
        lower: ArrayLike,
        diagonal: ArrayLike,
        upper: ArrayLike,
        periodic: bool = False,
        *,
        rcond_min: float | None = 1e-14,
    ) -> None:
        blocks = {"lower": np.asarray(lower), "diagonal": np.asarray(diagonal), "upper": np.asarray(upper)}
        self._begin(*_shape(blocks, periodic), np.result_type(np.float64, *blocks.values()), periodic)
        self._end(self._factorise(*blocks.values()), rcond_min)

    def _factorise(self, lower: NDArray[Any], diagonal: NDArray[Any], upper: NDArray[Any]) -> bool:
        self._place = _folded(self.nodes) if self.periodic else np.arange(self.nodes)
        size = self.nodes * self.block_size
        self._band = min((3 if self.periodic else 2) * self.block_size - 1, size - 1)
        matrix = self._assemble(lower, diagonal, upper)
        self.norm = float(np.abs(matrix[self._band :]).sum(axis=0).max())
        gbtrf = get_lapack_funcs("gbtrf", dtype=self._dtype)
        self._lu, self._pivots, info = gbtrf(matrix, self._band, self._band, overwrite_ab=1)
        return info == 0

    @functools.cached_property
    def _gbtrs(self) -> Any:
        return get_lapack_funcs("gbtrs", dtype=self._dtype)

    def _apply(self, rhs: NDArray[Any], trans: int) -> NDArray[Any]:
        apart = (self.nodes, self.block_size, -1)
        folded = np.empty((self.nodes, self.block_size, rhs.shape[1]), dtype=self._dtype)
        folded[self._place] = rhs.reshape(apart)
        columns = folded.reshape(rhs.shape)
        found, _ = self._gbtrs(self._lu, self._band, self._band, columns, self._pivots, trans=trans)
        return found.reshape(apart)[self._place].reshape(rhs.shape)

    def _assemble(self, lower: NDArray[Any], diagonal: NDArray[Any], upper: NDArray[Any]) -> NDArray[Any]:
        """LAPACK band storage, entry (i, j) at [2 band + i - j, j]; the first rows are room for fill-in."""
        nodes, d, band = self.nodes, self.block_size, self._band
        matrix = np.zeros((3 * band + 1, nodes * d), dtype=self._dtype, order="F")
        here = np.arange(nodes)
        above, below = (here, here) if self.periodic else (here[:-1], here[1:])
        column_stride, row_stride = matrix.strides[1], matrix.strides[0]
        for row, column, block in (
            (here, here, diagonal),
            (below, (below - 1) % nodes, lower),
            (above, (above + 1) % nodes, upper),
        ):
            distance = self._place[row] - self._place[column]
            for apart in np.unique(distance):
                # All blocks this far off the diagonal, by column place, each transposed: one regular stride.
                band_blocks = as_strided(
                    matrix[2 * band + apart * d :, 0],
                    shape=(nodes, d, d),
                    strides=(d * column_stride, column_stride - row_stride, row_stride),
                )
                chosen = distance == apart
                # Adds, because on rings of one or two nodes several blocks fall on the same place.
                band_blocks[self._place[column[chosen]]] += block[chosen].transpose(0, 2, 1)
        return matrix


def _folded(nodes: int) -> NDArray[np.intp]:
    """Place of each node of a ring in the order 0, N-1, 1, N-2, ..."""
    node = np.arange(nodes)
    return np.where(2 * node < nodes, 2 * node, 2 * (nodes - 1 - node) + 1)


def _shape(blocks: dict[str, NDArray[Any]], periodic: bool) -> tuple[int, int]:
    diagonal = blocks["diagonal"]
    if diagonal.ndim != 3 or diagonal.shape[1] != diagonal.shape[2] or diagonal.size == 0:
        raise ValueError(f"diagonal must have shape (N, d, d), got {diagonal.shape}")
    nodes, d = diagonal.shape[:2]
    expected = (nodes if periodic else nodes - 1, d, d)
    for name in ("lower", "upper"):
        if blocks[name].shape != expected:
            raise ValueError(f"{name} must have shape {expected}, got {blocks[name].shape}")
    for name, block in blocks.items():
        if not np.isfinite(block).all():
            raise ValueError(f"{name} is not finite")
    return nodes, d
