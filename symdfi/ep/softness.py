"""Whether the time grid can tell an extremal trajectory from a conjugate point.

At a conjugate point (for periodic orbits: a resonance) the second variation of the action,

    δ²S[η] = ∫ (η̇ᵀ L_vv η̇ + 2 ηᵀ L_qv η̇ + ηᵀ L_qq η) dt,

has a direction η ≠ 0 with δ²S[η, ·] = 0, and no extremal stands alone. The grid moves the eigenvalue λ of
that direction by O(h²), so the discrete Hessian is singular somewhere else, and what Newton's method finds in
between, a path of length ∝ 1/λ_h along η, is an artefact of the grid. With λ that of the continuous action, its
relative error is |λ_h − λ|/|λ_h|: above 1 the two have opposite signs, and a conjugate point lies between.
"""

from __future__ import annotations

import numpy as np

from symdfi.ep.action import DiscreteAction, Numbers
from symdfi.errors import DivergenceError
from symdfi.linalg import BlockTridiagonalLU


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def grid_error(action: DiscreteAction, numbers: Numbers, path: np.ndarray, factor: BlockTridiagonalLU) -> float:
    """|λ_h − λ|/|λ_h| in the softest direction of the path, times the part |η·q|/|q| of the path that lies along it.

    η by inverse iteration from the path itself: a soft direction that the path does not take does it no harm. λ is
    δ²S[η] with values, slopes and quadrature of fourth order, at the same path; an error O(h²) of η changes it by
    O(h⁴). ``nan`` on fewer than four intervals, where there are no such formulas. ``DivergenceError`` where they
    overflow.
    """
    if numbers.steps < 4:
        return np.nan
    free = numbers.boundary.free(path)
    length = _length(free)
    if length == 0:
        return 0.0
    eta = free
    for _ in range(6):
        eta = factor.solve(eta / _length(eta))
    # ‖H η‖ of a unit vector, and not ηᵀHη: of a mix of two small eigenvalues of opposite signs that vanishes.
    size, eta = 1 / _length(eta), eta / _length(eta)
    nodes = numbers.boundary.variation(eta)
    coarse = action.second_variation(numbers, path, nodes)
    fine = action.second_variation(numbers, path, nodes, fourth_order=True)
    error = float(abs(fine - coarse) / size * abs(np.sum(eta * (free / length))))
    if not np.isfinite(error):
        raise DivergenceError("the action's second variation is not finite in the softest direction", partial=path)
    return error


def _length(path: np.ndarray) -> float:
    """The Euclidean norm, of numbers whose squares overflow or vanish as well."""
    largest = float(np.max(np.abs(path)))
    return largest * float(np.linalg.norm(path / largest)) if 0 < largest < np.inf else largest
