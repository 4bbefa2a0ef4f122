"""Block-tridiagonal systems, open or closed to a ring: Hessians of actions (THEORY-EP, section 2)."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import get_lapack_funcs

from symdfi.errors import SingularMatrixError
from symdfi.pickling import Bare


class BlockTridiagonalLU(Bare):
    """LU factorisation, done once, of a block-tridiagonal matrix A with N nodes and d x d blocks.

    Row k of A x = b reads

        L_k x_{k-1} + D_k x_k + U_k x_{k+1} = b_k,    D_k = diagonal[k], L_k and U_k as indexed below.

    Open ends: the first and the last node lack one neighbour. LAPACK's banded LU with partial pivoting,
    bandwidth 2d - 1. Periodic: neighbours are taken mod N. The ring is folded flat, node order 0, N-1, 1,
    N-2, ..., in which neighbours are at most two places apart: again a plain banded matrix, bandwidth 3d - 1,
    pivoted throughout. No low-rank correction of an open chain is involved, so the chain cut open may be
    singular when the ring is not. With N = 1 and N = 2 couplings that join the same pair of nodes add up.
    Cost O(N d^3), a solve O(N d^2).

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

    Attributes
    ----------
    nodes, block_size
        N and d.
    norm
        ||A||_1.
    rcond
        Estimate of 1 / (||A||_1 ||A^-1||_1) by Higham's method, as in LAPACK's gbcon but on plain solves:
        5 to 13 of them, and up to 20 times faster. Seldom more than three times too large.

    Raises
    ------
    ValueError
        Wrong shapes or non-finite blocks; the message names which.
    SingularMatrixError
        A pivot is exactly zero, or rcond < rcond_min; attribute rcond.
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
        self.nodes, self.block_size = _shape(blocks, periodic)
        self.periodic = periodic
        self._dtype = np.result_type(np.float64, *blocks.values())
        self._place = _folded(self.nodes) if periodic else np.arange(self.nodes)
        size = self.nodes * self.block_size
        self._band = min((3 if periodic else 2) * self.block_size - 1, size - 1)

        matrix = self._assemble(blocks["lower"], blocks["diagonal"], blocks["upper"])
        self.norm = float(np.abs(matrix[self._band :]).sum(axis=0).max())
        gbtrf = get_lapack_funcs("gbtrf", dtype=self._dtype)
        self._lu, self._pivots, info = gbtrf(matrix, self._band, self._band, overwrite_ab=1)
        self._is_singular = info != 0
        if rcond_min is not None or self._is_singular:
            self.check(rcond_min or 0.0)

    @functools.cached_property
    def rcond(self) -> float:
        """Estimate of 1 / (||A||_1 ||A^-1||_1)."""
        # Pivots near the smallest numbers overflow the estimate, to inf or nan.
        with np.errstate(over="ignore", invalid="ignore"):
            inverse_norm = np.inf if self._is_singular else self._inverse_norm()
        return 1 / self.norm / inverse_norm if np.isfinite(inverse_norm) else 0.0

    def check(self, rcond_min: float = 1e-14) -> None:
        """``SingularMatrixError`` if rcond < rcond_min."""
        if not self.rcond >= max(rcond_min, np.finfo(np.float64).tiny):
            kind = "ring" if self.periodic else "chain"
            raise SingularMatrixError(
                f"block-tridiagonal {kind}, {self.nodes} nodes, {self.block_size} x {self.block_size} "
                f"blocks, is singular to working precision: rcond = {self.rcond:.2g}, "
                f"threshold {rcond_min:.2g}",
                rcond=self.rcond,
            )

    @functools.cached_property
    def _gbtrs(self) -> Any:
        return get_lapack_funcs("gbtrs", dtype=self._dtype)

    def solve(self, rhs: ArrayLike) -> NDArray[Any]:
        """Solve A x = rhs for rhs of shape (N, d) or (N, d, k), k right-hand sides at once.

        Raises
        ------
        ValueError
            rhs has the wrong shape or is not finite.
        """
        return self._solve(rhs, trans=0)

    def solve_transposed(self, rhs: ArrayLike) -> NDArray[Any]:
        """Solve A^T x = rhs (transposed, not conjugated) for rhs of shape (N, d) or (N, d, k).

        Raises
        ------
        ValueError
            rhs has the wrong shape or is not finite.
        """
        return self._solve(rhs, trans=1)

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

    def _inverse_norm(self) -> float:
        """||A^-1||_1 or a little less: Higham, ACM TOMS 14 (1988) 381, the algorithm of LAPACK's lacn2."""
        size = self.nodes * self.block_size

        def apply(x: NDArray[Any], trans: int) -> NDArray[Any]:
            return self._gbtrs(self._lu, self._band, self._band, x, self._pivots, trans=trans)[0]

        image = apply(np.full(size, 1 / size, dtype=self._dtype), 0)
        estimates, column = [np.abs(image).sum()], -1
        for _ in range(5):
            length = np.abs(image)
            phase = np.divide(image, length, out=np.ones_like(image), where=length > 0)
            ascent = np.abs(apply(phase, 2))
            steepest = int(np.argmax(ascent))
            if column >= 0 and ascent[steepest] <= ascent[column]:
                break
            column = steepest
            image = apply(np.eye(1, size, column, dtype=self._dtype)[0], 0)
            estimates.append(np.abs(image).sum())
            if not estimates[-1] > estimates[-2]:
                break
        # Against matrices built so that the ascent stalls at once.
        ramp = (-1.0) ** np.arange(size) * np.linspace(1, 2, size)
        estimates.append(np.abs(apply(ramp.astype(self._dtype), 0)).sum() * 2 / (3 * size))
        return float(np.max(estimates))

    def _solve(self, rhs: ArrayLike, trans: int) -> NDArray[Any]:
        rhs = np.asarray(rhs)
        if rhs.ndim not in (2, 3) or rhs.shape[:2] != (self.nodes, self.block_size):
            raise ValueError(
                f"rhs must have shape (N, d) or (N, d, k) with N = {self.nodes}, d = {self.block_size}, got {rhs.shape}"
            )
        if not np.isfinite(rhs).all():
            raise ValueError("rhs is not finite")
        if np.iscomplexobj(rhs) and self._dtype == np.float64:
            return self._solve(np.real(rhs), trans) + 1j * self._solve(np.imag(rhs), trans)
        folded = np.empty(rhs.shape, dtype=self._dtype)
        folded[self._place] = rhs
        columns = folded.reshape(self.nodes * self.block_size, -1)
        solution, _ = self._gbtrs(self._lu, self._band, self._band, columns, self._pivots, trans=trans)
        return np.ascontiguousarray(solution.reshape(rhs.shape)[self._place])


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


def _folded(nodes: int) -> NDArray[np.intp]:
    """Place of each node of a ring in the order 0, N-1, 1, N-2, ..."""
    node = np.arange(nodes)
    return np.where(2 * node < nodes, 2 * node, 2 * (nodes - 1 - node) + 1)
