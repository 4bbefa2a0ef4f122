"""Extremal trajectories between two ends, and periodic ones, by Newton's method.

The action is a saddle in general, so it is never descended. Its Hessian is block tridiagonal over the time
grid, cyclic for periodic orbits; a nudged orbit starts from the free one and reuses its factorisation. Systems without
an action are solved all the same: their equations are not symmetric.
"""

from __future__ import annotations

import numpy as np

from symdfi.ep.discrete import COST, FREE, DiscreteSystem, Weights
from symdfi.ep.frame import TwoPoint
from symdfi.ep.iterated import IteratedRing, is_iterated
from symdfi.ep.nested import coarser, finer
from symdfi.ep.orbit import Orbit
from symdfi.ep.search import check_nudge, floor, keeping, size
from symdfi.ep.setting import Setting
from symdfi.errors import ConvergenceError, DivergenceError, Interrupted, SingularMatrixError
from symdfi.linalg import ChainLU

#: The largest ``Orbit.grid_error``. From 1 on the Hessians of the grid and of the continuous action differ in the sign
#: of an eigenvalue; the estimate itself is good to O(h²), so half of that is on the safe side.
_GRID_ERROR = 0.5
#: An orbit is at rounding with this part of the goal, and its factors as good as those of a path within such a part.
_ROUNDED, _ALIKE = 1e-3, 1e-13
#: The least reciprocal condition number of the equations at an orbit.
_RCOND = 1e-14
#: What iterations leave of a Newton step's equations, at most and at least.
_LOOSE, _TIGHT = 0.1, 1e-5
#: The tolerance of an orbit that is a guess.
_GUESS = 1e-3


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # what overflows ends in an error that says so
def newton(system: DiscreteSystem, setting: Setting, path: np.ndarray, tolerance: float, iterations: int) -> Orbit:
    """The orbit that Newton's method finds from a path. Errors as of ``extremize``."""
    path = setting.frame.placed(path)
    if not path.any() and is_iterated(system, setting) and (coarse := coarser(setting)) is not None:
        path = _from_coarser(system, setting, coarse, path, iterations)
    with keeping(path) as kept:
        slope = _slope(system, setting, path)
        reach, iteration, factor, part = size(path), 0, None, _LOOSE
        while True:
            factor = _factorise(system, setting, path, slope, iteration, factor)
            goal, step = floor(factor, tolerance) * reach, -factor.approximate(slope, part)
            if not np.isfinite(goal):
                raise ConvergenceError(
                    f"the action's Hessian, of the norm {factor.norm:.3g}, is too large to tell whether max |∂S/∂q| = "
                    f"{size(slope):.3g} vanishes on a path of the size {reach:.3g}",
                    partial=path, residual=size(slope),
                )  # fmt: skip
            # Within the goal, but not yet to rounding, the factors are those of a path that is a step away: on badly
            # conditioned ones that would show in a gradient.
            near = size(slope) <= goal * _ROUNDED or size(step) <= _ALIKE * size(path) or iteration == iterations
            if size(slope) <= goal and near:
                break
            if iteration == iterations:
                raise ConvergenceError(
                    f"no extremal trajectory after {iteration} Newton steps: max |∂S/∂q| = {size(slope):.3g}, "
                    f"to reach {goal:.3g}; try a better guess or a shorter time",
                    partial=path, residual=size(slope),
                )  # fmt: skip
            # A path is as exact as the longer of itself and the one it came from by a step.
            reach = size(path)
            path, slope, shrunk = _advance(system, setting, path, factor, step)
            # Where Newton's steps shrink so, one that is solved to the square of that shrinks as one that is exact.
            part = min(max(shrunk**2, _TIGHT), _LOOSE)
            reach, iteration = max(reach, size(path)), iteration + 1
            kept.append(path)
        _check_condition(system, setting, path, slope, factor, iteration)
        at = path
        last, rest = _move(system, setting, path, step)
        if size(rest) < size(slope):
            path, slope = last, rest
    _check_phase(system, setting, path, factor)
    orbit = Orbit(system, setting, path, 0.0, size(slope), iteration, TwoPoint(setting.frame, factor, at))
    _check_softness(orbit)
    return orbit


def _from_coarser(
    system: DiscreteSystem, setting: Setting, coarse: Setting, path: np.ndarray, iterations: int
) -> np.ndarray:
    """A guess from the orbit on a coarser grid; the path itself, which is at rest, if there is none."""
    rest = np.zeros((coarse.steps + 1, path.shape[1]))
    try:
        return finer(newton(system, coarse, rest, _GUESS, iterations).q, setting.steps)
    except (ConvergenceError, DivergenceError, SingularMatrixError):
        return path
    except Interrupted as error:
        error.partial = finer(error.partial, setting.steps)
        raise


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def nudge(free: Orbit, beta: complex, *, tolerance: float = 1e-12, iterations: int = 100) -> Orbit:
    """The orbit of S_β near a free one, by chord steps with the free orbit's factorisation.

    They contract by O(β), and go on until max |∂S_β/∂q| is at roundoff. Raises ``ConvergenceError`` if β is
    too large for that, or so small that the nudge is lost in the roundoff.
    """
    system, setting = free.system, free.setting
    assert isinstance(free.linear, TwoPoint)
    factor, weights = free.linear.factor, (1.0, beta)
    push = size(setting.frame.fold(system.slope(setting, free.q, COST)))
    rounding = np.finfo(float).eps * factor.norm * size(free.q)
    check_nudge(free.q, beta, push, rounding)
    with keeping(free.q) as kept:
        path, slope = free.q, _slope(system, setting, free.q, weights)
        if not np.isfinite(slope).all():
            raise ConvergenceError(
                f"the action nudged by beta = {beta:g} is not finite: reduce beta", partial=path, beta=beta
            )
        residual, iteration = size(slope), 0
        while True:
            trial, slope = _move(system, setting, path, -factor.solve(slope), weights)
            if size(slope) < 0.9 * residual and iteration < iterations:
                path, residual, iteration = trial, size(slope), iteration + 1
                kept.append(path)
            elif residual <= floor(factor, tolerance) * size(path):
                return Orbit(system, setting, path, beta, residual, iteration, free.linear)
            else:
                raise ConvergenceError(
                    f"the orbit nudged by beta = {beta:g} was not reached from the free one: max |∂S/∂q| = "
                    f"{residual:.3g} after {iteration} steps; reduce beta",
                    partial=path, residual=residual, beta=beta,
                )  # fmt: skip


def _advance(
    system: DiscreteSystem, setting: Setting, path: np.ndarray, factor: ChainLU, step: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """The path after a Newton step, its ∂S/∂q, and what the next step is in parts of this one, where that is known.

    The length is the first of 1, 1/2, ..., 1/64 for which H⁻¹∂S/∂q, with H from before the step, shrinks
    (the natural monotonicity test: Deuflhard, Newton Methods for Nonlinear Problems, 2004, section 3.3). If
    it does for none, the path is near a fold, and a step of up to three times its size leaves it. That finds
    most orbits of strongly driven systems from rest, where a descent of |∂S/∂q| is caught in its minima.
    """
    for halvings in range(7):
        length = 0.5**halvings
        trial, slope = _move(system, setting, path, length * step)
        if np.isfinite(slope).all():
            after = size(factor.approximate(slope, _LOOSE))
            if after < (1 - length / 4) * size(step):
                return trial, slope, after / size(step)
    longest = min(1.0, (3 * size(path) or np.inf) / (size(step) or 1.0))
    return *_move(system, setting, path, step * longest), 1.0


def _move(
    system: DiscreteSystem, setting: Setting, path: np.ndarray, step: np.ndarray, weights: Weights = FREE
) -> tuple[np.ndarray, np.ndarray]:
    """The path after a step of the unknown nodes, and ∂S/∂q there."""
    moved = path + setting.frame.unfold(step)
    return moved, _slope(system, setting, moved, weights)


def _slope(system: DiscreteSystem, setting: Setting, path: np.ndarray, weights: Weights = FREE) -> np.ndarray:
    """∂S/∂q by the unknown nodes."""
    return setting.frame.fold(system.slope(setting, path, weights), weights[0])


def _factorise(
    system: DiscreteSystem, setting: Setting, path: np.ndarray, slope: np.ndarray, iteration: int, last: ChainLU | None
) -> ChainLU:
    """What solves with the action's Hessian, given what did on the ``last`` path: LU factors, with the physics in the
    error if it is singular, or an iteration."""
    if np.isfinite(slope).all() and is_iterated(system, setting):
        return IteratedRing(system, setting, path, last)
    blocks = system.blocks(setting, path)
    if not (np.isfinite(slope).all() and np.isfinite(blocks.entries).all()):
        raise ConvergenceError(
            "the derivatives of the action or of the cost are not finite on the path "
            f"{_progress(slope, iteration)}: try another guess",
            partial=path, residual=size(slope),
        )  # fmt: skip
    try:
        return setting.frame.factor(blocks)
    except SingularMatrixError as error:
        raise _singular(system, setting, path, slope, size(blocks.entries), iteration, error) from error


def _check_condition(
    system: DiscreteSystem, setting: Setting, path: np.ndarray, slope: np.ndarray, factor: ChainLU, iteration: int
) -> None:
    """``SingularMatrixError`` for equations that are singular at the orbit, to working precision."""
    try:
        factor.check(_RCOND)
    except SingularMatrixError as error:
        raise _singular(system, setting, path, slope, factor.norm, iteration, error) from error


def _singular(
    system: DiscreteSystem, setting: Setting, path: np.ndarray, slope: np.ndarray, scale: float, iteration: int,
    error: SingularMatrixError,
) -> Exception:  # fmt: skip
    where = _progress(slope, iteration)
    if iteration and size(slope) > 1e-6 * scale * size(path):
        return ConvergenceError(
            f"no extremal trajectory: the action's Hessian is singular on the path {where}; try a better "
            "guess or a shorter time",
            partial=path, residual=size(slope),
        )  # fmt: skip
    cause = _cause(system, setting, path)
    if not iteration and size(slope) > 1e-6 * scale * size(path):
        cause += "; where the system is not linear, another guess may do"
    return SingularMatrixError(
        f"the Hessian of the action is singular {where}: {cause} ({error})", partial=path, rcond=error.rcond
    )


def _progress(slope: np.ndarray, iteration: int) -> str:
    return f"after {iteration} Newton steps, max |∂S/∂q| = {size(slope):.3g}"


def _cause(system: DiscreteSystem, setting: Setting, path: np.ndarray) -> str:
    """Why a Hessian is singular."""
    if setting.rule.degree == 0:
        return "an equilibrium that is not alone, or a fold where two of them meet"
    found = "the ends are conjugate points (sin ωT = 0 for an oscillator)"
    if setting.frame.periodic:
        found = "a resonance, or an autonomous orbit, whose phase is free"
    rule = setting.rule
    if not (rule.shares_ends or rule.spans) and _lacks_inertia(system, setting, path):
        found += (
            f"; or, as the mass matrix ∂²L/∂q̇∂q̇ is singular, nodes that {rule} does not determine on "
            f"{setting.steps} steps: use the rule Trapezoidal()"
        )
    return found


def _lacks_inertia(system: DiscreteSystem, setting: Setting, path: np.ndarray) -> bool:
    """Whether there are motions without a mass on a path."""
    d = path.shape[1]
    if system.lists(setting):
        return False
    *_, flat = system.run(system.kernels.blocks, setting, system.points(setting, path), FREE, [d * d] * 4)
    masses = flat[: setting.points].reshape(-1, d, d)
    if not np.isfinite(masses).all():
        return False
    values = np.linalg.svd(masses, compute_uv=False)
    return bool(np.any(values[:, -1] <= d * np.finfo(float).eps * values[:, 0]))


def _check_softness(orbit: Orbit) -> None:
    """``SingularMatrixError`` for an orbit that the grid cannot tell from a conjugate point."""
    if orbit.grid_error >= _GRID_ERROR:
        raise SingularMatrixError(
            "the Hessian of the action is singular to the accuracy of the grid: "
            f"{_cause(orbit.system, orbit.setting, orbit.q)}. On {orbit.setting.steps} steps the path is off by "
            f"{orbit.grid_error:.2g} times its own size; take more steps, or another T",
            partial=orbit.q, rcond=orbit.rcond, grid_error=orbit.grid_error,
        )  # fmt: skip


def _check_phase(system: DiscreteSystem, setting: Setting, path: np.ndarray, factor: ChainLU) -> None:
    """``SingularMatrixError`` for an orbit that may be shifted in time: periodic, moving, L free of time.

    The grid hides this: on a coarse one the Hessian is far from singular, and its inverse has no meaning.
    """
    moves = np.ptp(path, axis=0).max() > 1e-6 * size(path)
    if setting.frame.periodic and moves and system.is_autonomous(setting):
        raise SingularMatrixError(
            "an autonomous orbit, whose phase is free: the action's Hessian is singular in the continuum",
            partial=path, rcond=factor.rcond,
        )  # fmt: skip
