"""Stability of periodic orbits: the monodromy matrix from the second derivatives of the intervals.

Of an interval with nodes x₀ … x_m and equations r_a the momenta at its ends are p₀ = −r₀ and p_m = r_m, the others
vanish. Linearised, with the inner nodes eliminated, r₀ = Aδx₀ + Bδx_m and r_m = Cδx₀ + Dδx_m, so that

    δx_m = −B⁻¹(Aδx₀ + δp₀),    δp_m = Cδx₀ + Dδx_m:

the map of the discrete flow, symplectic where there is an action. Its product over the intervals is the monodromy
matrix of (q, p), the eigenvalues of that Floquet's multipliers. They are of the order of the rule; of an orbit whose
phase is free one is 1 but for the grid, of one in a family by energy two.

Of an orbit by harmonic balance, which has no intervals, they are those of its trigonometric polynomial on grids of
order eight, finer and finer until nothing changes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from symdfi.ep.blocks import Blocks
from symdfi.ep.discrete import DiscreteSystem, Weights
from symdfi.ep.rules import Fourier, Galerkin
from symdfi.ep.setting import Setting
from symdfi.errors import ConvergenceError, SingularMatrixError

#: Grids are refined until the matrix changes by no more than this part, so many times at most.
_CONVERGED, _REFINED = 1e-11, 8


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


def interpolated_monodromy(
    system: DiscreteSystem, setting: Setting, rule: Fourier, path: np.ndarray, weights: Weights
) -> np.ndarray:
    """``monodromy`` of the motion linearised about a trigonometric polynomial, by its values ``path`` at the nodes of
    the rule. ``ConvergenceError`` where no grid is fine enough."""
    steps, before = max(8, rule.degree), None
    for _ in range(_REFINED):
        fine = _refined(setting, rule, steps)
        nodes = rule.interpolation(fine.rule.node_times(steps, 1.0)) @ path[:-1]
        found = monodromy(system.blocks(fine, nodes, weights))
        if before is not None and np.max(np.abs(found - before)) <= _CONVERGED * np.max(np.abs(found)):
            return found
        before, steps = found, 2 * steps
    raise ConvergenceError(f"the linearised motion about the orbit is too fast for {steps // 2} steps in a period")


def _refined(setting: Setting, rule: Fourier, steps: int) -> Setting:
    """The same on a grid of steps, its signals interpolated."""
    fine, T = Galerkin(4), setting.boundary.T
    times = fine.times(steps, 1.0)
    return replace(
        setting, rule=fine, steps=steps, times=T * times[:, None], weights=np.tile(T / steps * fine.weights, steps),
        signals=rule.interpolation(times) @ setting.signals[: rule.degree], sampled=fine.samples(steps),
    )  # fmt: skip


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
