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

from symdfi.ep.discrete import FREE, DiscreteSystem
from symdfi.ep.frame import Linear, TwoPoint
from symdfi.ep.setting import Setting
from symdfi.errors import DivergenceError

#: What an inverse iteration may leave of its equations: an error of the direction enters squared.
_PART = 1e-2


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def grid_error(system: DiscreteSystem, setting: Setting, path: np.ndarray, linear: Linear) -> float:
    """|λ_h − λ|/|λ_h| in the softest direction of the path, times the part |η·q|/|q| of the path that lies along it.

    η by inverse iteration from the path itself: a soft direction that the path does not take does it no harm. λ is
    δ²S[η] with values, slopes and quadrature of fourth order, at the same path; an error O(h²) of η changes it by
    O(h⁴). ``nan`` where there is no such estimate: on fewer than four intervals, for rules of higher order than the
    second, without time and without an action. ``DivergenceError`` where what it is made of overflows.
    """
    if setting.steps < 4 or setting.rule.order != 2 or not (isinstance(linear, TwoPoint) and system.has_action):
        return np.nan
    free = setting.frame.taken(path)
    length = _length(free)
    if length == 0:
        return 0.0
    eta = free
    for _ in range(6):
        eta = linear.factor.approximate(eta / _length(eta), _PART)
    # ‖H η‖ of a unit vector, and not ηᵀHη: of a mix of two small eigenvalues of opposite signs that vanishes.
    size, eta = 1 / _length(eta), eta / _length(eta)
    nodes = setting.frame.unfold(eta)
    coarse = _second_variation(system, setting, path, nodes)
    fine = _fine_variation(system, setting, path, nodes)
    error = float(abs(fine - coarse) / size * abs(np.sum(eta * (free / length))))
    if not np.isfinite(error):
        raise DivergenceError("the action's second variation is not finite in the softest direction", partial=path)
    return error


def _second_variation(system: DiscreteSystem, setting: Setting, path: np.ndarray, along: np.ndarray) -> float:
    """δ²S of the discrete action."""
    points, moved = (system.points(setting, x) for x in (path, along))
    count = setting.points
    at, moved = (tuple(x[:count] for x in pair) for pair in (points, moved))
    return _form(system, setting, at, moved, setting.signals_of(*FREE)[:count], setting.times[:count],
                 setting.weights[:count])  # fmt: skip


def _fine_variation(system: DiscreteSystem, setting: Setting, path: np.ndarray, along: np.ndarray) -> float:
    """δ²S by rules of fourth order, at the midpoints."""
    h, periodic, steps = setting.h, setting.frame.periodic, setting.steps
    signals = setting.signals_of(*FREE)[: setting.points]
    if setting.rule.shares_ends:  # sampled at the nodes
        at_nodes = np.concatenate([signals[::2], signals[-1:]])
        signals, _ = _fourth_order(at_nodes, h, periodic)
    times = h * (np.arange(steps) + 0.5)[:, None]
    at, moved = (_fourth_order(x, h, periodic) for x in (path, along))
    return _form(system, setting, at, moved, np.ascontiguousarray(signals), times, h * _quadrature(steps, periodic))


def _form(
    system: DiscreteSystem, setting: Setting, at: tuple[np.ndarray, ...], moved: tuple[np.ndarray, ...],
    signals: np.ndarray, times: np.ndarray, weights: np.ndarray,
) -> float:  # fmt: skip
    """Σ w (ηᵀL_qq η + 2 ηᵀL_qv η̇ + η̇ᵀL_vv η̇), of (η, η̇) = ``moved``: it with what the second derivatives make of it."""
    (q, v), direction = at, np.concatenate(moved, axis=1)
    (rows,) = system.run_at(
        system.kernels.pull, setting, (q, v), signals, times, [direction.shape[1]], direction
    )  # fmt: skip
    return float(weights @ np.einsum("ri,ri->r", direction, rows))


def _fourth_order(path: np.ndarray, h: float, periodic: bool) -> tuple[np.ndarray, np.ndarray]:
    """Values and slopes at the midpoints by cubics through four nodes."""
    if periodic:
        path = np.concatenate([path[-2:-1], path, path[1:2]])
    a, b, c, d = path[:-3], path[1:-2], path[2:-1], path[3:]
    q, v = (9 * (b + c) - a - d) / 16, (27 * (c - b) - (d - a)) / (24 * h)
    if periodic:
        return q, v
    value, slope = np.array([5.0, 15.0, -5.0, 1.0]) / 16, np.array([-23.0, 21.0, 3.0, -1.0]) / (24 * h)
    first, last = path[:4], path[:-5:-1]
    return (
        np.concatenate([(value @ first)[None], q, (value @ last)[None]]),
        np.concatenate([(slope @ first)[None], v, (-slope @ last)[None]]),
    )


def _quadrature(steps: int, periodic: bool) -> np.ndarray:
    """Weights at the midpoints, in units of h: the midpoint rule with its ends corrected to fourth order."""
    weights = np.ones(steps)
    if not periodic:
        correction = np.array([2.0, -3.0, 1.0]) / 24
        weights[:3] += correction
        weights[-3:] += correction[::-1]
    return weights


def _length(path: np.ndarray) -> float:
    """The Euclidean norm, of numbers whose squares overflow or vanish as well."""
    largest = float(np.max(np.abs(path)))
    return largest * float(np.linalg.norm(path / largest)) if 0 < largest < np.inf else largest
