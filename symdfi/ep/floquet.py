"""Stability of periodic orbits: the monodromy matrix from the second derivatives of the intervals.

Of an interval with nodes x₀ … x_m and equations r_a the momenta at its ends are p₀ = −r₀ and p_m = r_m, the others
vanish. Linearised, with the inner nodes eliminated, r₀ = Aδx₀ + Bδx_m and r_m = Cδx₀ + Dδx_m, so that

    δx_m = −B⁻¹(Aδx₀ + δp₀),    δp_m = Cδx₀ + Dδx_m:

the map of the discrete flow, symplectic where there is an action. Its product over the intervals is the monodromy
matrix of (q, p), the eigenvalues of that Floquet's multipliers. They are of the order of the rule; of an orbit whose
phase is free one is 1 but for the grid, of one in a family by energy two.
"""

from __future__ import annotations

import numpy as np

from symdfi.ep.blocks import Blocks
from symdfi.errors import SingularMatrixError


@np.errstate(over="ignore", invalid="ignore")
def monodromy(blocks: Blocks) -> np.ndarray:
    """(2d, 2d): what becomes of (δq, δp) from the first node to the last. ``SingularMatrixError`` where an interval
    does not tell its end from its beginning, as without a mass."""
    d, count = blocks.pattern.d, blocks.entries.shape[1]
    found, full = np.eye(2 * d), np.zeros((count, count, d * d))
    for number, entries in enumerate(blocks.entries):
        full[:, :, blocks.pattern.at] = entries
        matrix = full.reshape(count, count, d, d).transpose(0, 2, 1, 3).reshape(count * d, count * d)
        found = _interval(matrix, d, number) @ found
    return found


def _interval(matrix: np.ndarray, d: int, number: int) -> np.ndarray:
    """The map of one interval, from its matrix (m + 1 nodes)."""
    size = len(matrix)
    ends, inner = np.r_[:d, size - d : size], np.arange(d, size - d)
    small = matrix[np.ix_(ends, ends)]
    try:
        if inner.size:
            small = small - matrix[np.ix_(ends, inner)] @ np.linalg.solve(
                matrix[np.ix_(inner, inner)], matrix[np.ix_(inner, ends)]
            )
        A, B, C, D = small[:d, :d], small[:d, d:], small[d:, :d], small[d:, d:]
        moved = -np.linalg.solve(B, np.concatenate([A, np.eye(d)], axis=1))
    except np.linalg.LinAlgError as error:
        raise SingularMatrixError(
            f"the interval {number + 1} does not tell its end from its beginning: a coordinate without a mass?",
            rcond=0.0,
        ) from error  # fmt: skip
    return np.concatenate([moved, np.concatenate([C, np.zeros((d, d))], axis=1) + D @ moved])
