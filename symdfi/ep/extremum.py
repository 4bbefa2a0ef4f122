"""Extremal trajectories of a discrete action by Newton's method.

The action is a saddle in general, so it is never descended. Its Hessian is block tridiagonal over the time
grid, cyclic for periodic orbits; a nudged orbit starts from the free one and reuses its factorisation.
"""

from __future__ import annotations

import contextlib
import functools
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdfi.dynamics.axes import with_sizes
from symdfi.dynamics.system import Lagrangian
from symdfi.ep.action import COST, FREE, DiscreteAction, Numbers, Signals, Weights
from symdfi.ep.boundary import Boundary
from symdfi.ep.softness import grid_error
from symdfi.errors import ConvergenceError, DivergenceError, Interrupted, SingularMatrixError, SymbolicError
from symdfi.linalg import BlockTridiagonalLU
from symdfi.linalg.blas import one_blas_thread
from symdfi.numbers import count, finite_reals, real
from symdfi.pickling import Bare
from symdfi.symbolic.given import name_of
from symdfi.symbolic.indexed import Variable

#: The largest ``Orbit.grid_error``. From 1 on the Hessians of the grid and of the continuous action differ in the sign
#: of an eigenvalue; the estimate itself is good to O(h²), so half of that is on the safe side.
_GRID_ERROR = 0.5


@dataclass(frozen=True)
class Orbit(Bare):
    """An extremal trajectory of S_β: nodes ``q`` (N + 1, d) at the times ``t``.

    ``residual`` is max |∂S_β/∂q|, ``iterations`` counts Newton (nudged: chord) steps, and ``factor`` holds
    the LU factors of the Hessian of S_0 at the free orbit.
    """

    action: DiscreteAction
    numbers: Numbers
    q: np.ndarray
    beta: float
    residual: float
    iterations: int
    factor: BlockTridiagonalLU

    def __repr__(self) -> str:
        size = f"{len(self.q)} nodes of {self.q.shape[1]} degrees of freedom"
        return f"Orbit({size}, T = {self.numbers.boundary.T:g}, beta = {self.beta:g}, residual = {self.residual:.1e})"

    @property
    def t(self) -> np.ndarray:
        return np.linspace(0.0, self.numbers.boundary.T, self.numbers.steps + 1)

    @property
    def rcond(self) -> float:
        """The reciprocal condition number of the Hessian, in the 1-norm; it falls as N⁻² far from conjugate points."""
        return self.factor.rcond

    @functools.cached_property
    def grid_error(self) -> float:
        """The path's relative error by the grid in its softest direction, an estimate (see ``symdfi.ep.softness``)."""
        return grid_error(self.action, self.numbers, self.q, self.factor)

    @functools.cached_property
    def value(self) -> float:
        """The action S_β."""
        return self.action.value(self.numbers, self.q, (1.0, self.beta))

    @functools.cached_property
    def cost(self) -> float:
        """C = Σ h c."""
        return self.action.value(self.numbers, self.q, COST)

    def gradient(self) -> dict[str, np.ndarray]:
        """∂_θS_β at fixed path: the impulse of the momentum conjugate to each parameter, by name."""
        return self.action.parameter_gradient(self.numbers, self.q, (1.0, self.beta))

    def __getitem__(self, coordinate: Variable | str) -> np.ndarray:
        """A coordinate at the nodes, ``(N + 1, *shape)``, by symbol, function of time or name."""
        start = 0
        for q in self.action.system.coordinates:
            shape = self.action.kernels.compiled.shape(q, self.numbers.extents)
            stop = start + int(np.prod(shape, dtype=int))
            if name_of(q) == name_of(coordinate):
                return self.q[:, start:stop].reshape((-1, *shape))
            start = stop
        names = ", ".join(name_of(q) for q in self.action.system.coordinates)
        raise KeyError(f"{coordinate} is no coordinate of this system: {names}")


def extremize(
    system: Lagrangian,
    boundary: Boundary,
    steps: int,
    params: Mapping[Any, Any] | None = None,
    inputs: Signals | None = None,
    *,
    guess: np.ndarray | None = None,
    tolerance: float = 1e-12,
    iterations: int = 100,
) -> Orbit:
    """The extremal trajectory of the action on ``steps`` intervals under a boundary condition.

    ``inputs`` are constants, arrays over the midpoints t_{k+1/2} (steps, *shape), or functions of time.
    ``guess`` is a path (steps + 1, d), or of the coordinate's shape (steps + 1, n, m), to begin from: a straight
    line, or rest, if not given. Newton's method
    stops when max |∂S/∂q| ≤ ``tolerance`` ‖∂²S/∂q∂q‖₁ max |q|, and one more step takes it to roundoff.

    Raises ``ConvergenceError`` and, on Ctrl-C, ``Interrupted`` (the path so far as ``partial``; the former with
    ``residual``); ``SingularMatrixError`` at a conjugate point or a resonance, of the discrete action or so close to
    one of the continuous action that at least half of the path would be the grid's error (``Orbit.grid_error``), and
    for an autonomous orbit, whose phase is free; ``DivergenceError`` where what is computed, of an orbit as well,
    overflows; ``ValueError`` for bad input; and ``SymbolicError`` for a system without an action and for any other
    boundary condition.
    """
    options: dict[str, Any] = {"guess": guess, "tolerance": tolerance, "iterations": iterations}
    return solve(DiscreteAction(system), boundary, steps, params, inputs, **options)


@one_blas_thread()
@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # what overflows ends in an error that says so
def solve(
    action: DiscreteAction,
    boundary: Boundary,
    steps: int,
    params: Mapping[Any, Any] | None,
    signals: Signals | None,
    *,
    guess: np.ndarray | None = None,
    tolerance: float = 1e-12,
    iterations: int = 100,
) -> Orbit:
    """``extremize`` for an action with a cost, whose targets are among the signals."""
    check_boundary(boundary)
    steps, iterations = count(steps, "steps", 2), count(iterations, "iterations", 0)
    if not (tolerance := real(tolerance, "tolerance")) >= 0:
        raise ValueError(f"tolerance = {tolerance} must not be negative")
    params = boundary.with_sizes(action.system, params)
    guess = None if guess is None else finite_reals(guess, "the guess")
    if guess is not None and np.ndim(guess) > 2:
        params = with_sizes(action.system, "a node of the guess", np.shape(guess)[1:], params)
        guess = np.reshape(guess, (len(guess), -1))
    path = _start(boundary, steps, action.n_dof(params), guess)
    numbers = action.numbers(boundary, steps, path.shape[1], params, signals)
    with _keeping(path) as kept:
        slope = action.gradient(numbers, path)
        reach, iteration = _size(path), 0
        while True:
            factor = _factorise(action, numbers, path, slope, iteration)
            goal, step = _floor(factor, tolerance) * reach, -factor.solve(slope)
            if not np.isfinite(goal):
                raise ConvergenceError(
                    f"the action's Hessian, of the norm {factor.norm:.3g}, is too large to tell whether max |∂S/∂q| = "
                    f"{_size(slope):.3g} vanishes on a path of the size {reach:.3g}",
                    partial=path, residual=_size(slope),
                )  # fmt: skip
            if _size(slope) <= goal:
                break
            if iteration == iterations:
                raise ConvergenceError(
                    f"no extremal trajectory after {iteration} Newton steps: max |∂S/∂q| = {_size(slope):.3g}, "
                    f"to reach {goal:.3g}; try a better guess or a shorter time",
                    partial=path, residual=_size(slope),
                )  # fmt: skip
            # A path is as exact as the longer of itself and the one it came from by a step.
            reach = _size(path)
            path, slope = _advance(action, numbers, path, factor, step)
            reach, iteration = max(reach, _size(path)), iteration + 1
            kept.append(path)
        last, rest = _move(action, numbers, path, step)
        if _size(rest) < _size(slope):
            path, slope = last, rest
    _check_phase(action, numbers, path, factor)
    orbit = Orbit(action, numbers, path, 0.0, _size(slope), iteration, factor)
    _check_softness(orbit)
    return orbit


@one_blas_thread()
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def nudge(free: Orbit, beta: float, *, tolerance: float = 1e-12, iterations: int = 100) -> Orbit:
    """The orbit of S_β near a free one, by chord steps with the free orbit's factorisation.

    They contract by O(β), and go on until max |∂S_β/∂q| is at roundoff. Raises ``ConvergenceError`` if β is
    too large for that, or so small that the nudge is lost in the roundoff.
    """
    action, numbers, factor = free.action, free.numbers, free.factor
    weights: Weights = (1.0, beta)
    push, rounding = _size(action.gradient(numbers, free.q, COST)), np.finfo(float).eps * factor.norm * _size(free.q)
    if not np.isfinite(push):
        raise DivergenceError("the derivative of the cost by the path is not finite", partial=free.q)
    if push > 0 and abs(beta) * push <= rounding:
        raise ConvergenceError(
            f"the orbit nudged by beta = {beta:g} cannot be told from the free one: max |beta ∂C/∂q| = "
            f"{abs(beta) * push:.3g} is less than the roundoff of ∂S/∂q, {rounding:.3g}; increase beta",
            partial=free.q, beta=beta,
        )  # fmt: skip
    with _keeping(free.q) as kept:
        path, slope = free.q, action.gradient(numbers, free.q, weights)
        if not np.isfinite(slope).all():
            raise ConvergenceError(
                f"the action nudged by beta = {beta:g} is not finite: reduce beta", partial=path, beta=beta
            )
        residual, iteration = _size(slope), 0
        while True:
            trial, slope = _move(action, numbers, path, -factor.solve(slope), weights)
            if _size(slope) < 0.9 * residual and iteration < iterations:
                path, residual, iteration = trial, _size(slope), iteration + 1
                kept.append(path)
            elif residual <= _floor(factor, tolerance) * _size(path):
                return Orbit(action, numbers, path, beta, residual, iteration, factor)
            else:
                raise ConvergenceError(
                    f"the orbit nudged by beta = {beta:g} was not reached from the free one: max |∂S/∂q| = "
                    f"{residual:.3g} after {iteration} steps; reduce beta",
                    partial=path, residual=residual, beta=beta,
                )  # fmt: skip


@contextlib.contextmanager
def _keeping(path: np.ndarray) -> Iterator[deque[np.ndarray]]:
    """The last of the paths that are appended is the ``partial`` of an interrupt, ``path`` if there is none."""
    kept = deque([path], maxlen=1)
    try:
        yield kept
    except KeyboardInterrupt as error:
        raise Interrupted("interrupted on the way to an extremal trajectory", partial=kept[0]) from error


def check_boundary(boundary: Boundary) -> None:
    """``SymbolicError`` unless the theorem's boundary term vanishes."""
    if not isinstance(boundary, Boundary):
        raise SymbolicError(
            f"{boundary!r} is no boundary condition whose boundary term vanishes: use FixedEnds or Periodic "
            "(for a trajectory given by its initial state the estimate would be wrong)"
        )


def _start(boundary: Boundary, steps: int, n_dof: int | None, guess: np.ndarray | None) -> np.ndarray:
    """The path to begin with, on the boundary condition."""
    if n_dof is not None and boundary.n_dof is not None and n_dof != boundary.n_dof:
        raise ValueError(f"the ends have {boundary.n_dof} degrees of freedom, the system has {n_dof}")
    d = n_dof if n_dof is not None else boundary.n_dof
    if guess is None:
        if d is None:
            raise ValueError(
                "the number of degrees of freedom does not follow from the parameters: give the sizes among "
                "them, or a guess (steps + 1, n_dof)"
            )
        return boundary.guess(steps, d)
    path = guess
    if path.ndim != 2 or path.shape != (steps + 1, path.shape[1] if d is None else d):
        expected = f"({steps + 1}, {'n_dof' if d is None else d})"
        raise ValueError(f"the guess has shape {path.shape}, expected (steps + 1, n_dof) = {expected}")
    return boundary.path(boundary.free(path))


def _advance(
    action: DiscreteAction, numbers: Numbers, path: np.ndarray, factor: BlockTridiagonalLU, step: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The path after a Newton step, and its ∂S/∂q.

    The length is the first of 1, 1/2, ..., 1/64 for which H⁻¹∂S/∂q, with H from before the step, shrinks
    (the natural monotonicity test: Deuflhard, Newton Methods for Nonlinear Problems, 2004, section 3.3). If
    it does for none, the path is near a fold, and a step of up to three times its size leaves it. That finds
    most orbits of strongly driven systems from rest, where a descent of |∂S/∂q| is caught in its minima.
    """
    for halvings in range(7):
        length = 0.5**halvings
        trial, slope = _move(action, numbers, path, length * step)
        if np.isfinite(slope).all() and _size(factor.solve(slope)) < (1 - length / 4) * _size(step):
            return trial, slope
    return _move(action, numbers, path, step * min(1.0, (3 * _size(path) or np.inf) / (_size(step) or 1.0)))


def _move(
    action: DiscreteAction, numbers: Numbers, path: np.ndarray, step: np.ndarray, weights: Weights = FREE
) -> tuple[np.ndarray, np.ndarray]:
    """The path after a step of the free nodes, and ∂S/∂q there."""
    moved = numbers.boundary.path(numbers.boundary.free(path) + step)
    return moved, action.gradient(numbers, moved, weights)


def _size(array: np.ndarray) -> float:
    return float(np.max(np.abs(array)))


def _floor(factor: BlockTridiagonalLU, tolerance: float) -> float:
    """What max |∂S/∂q| is held against, for a path of size 1: never below roundoff."""
    return max(tolerance, 16 * np.finfo(float).eps) * factor.norm


def _factorise(
    action: DiscreteAction, numbers: Numbers, path: np.ndarray, slope: np.ndarray, iteration: int
) -> BlockTridiagonalLU:
    """LU factors of the action's Hessian, with the physics in the error if it is singular."""
    where = f"after {iteration} Newton steps, max |∂S/∂q| = {_size(slope):.3g}"
    blocks = action.hessian(numbers, path)
    if not all(np.isfinite(array).all() for array in (slope, *blocks)):
        raise ConvergenceError(
            f"the derivatives of the action or of the cost are not finite on the path {where}: try another guess",
            partial=path, residual=_size(slope),
        )  # fmt: skip
    try:
        return BlockTridiagonalLU(*blocks, periodic=numbers.boundary.periodic)
    except SingularMatrixError as error:
        if iteration and _size(slope) > 1e-6 * _size(blocks[1]) * _size(path):
            raise ConvergenceError(
                f"no extremal trajectory: the action's Hessian is singular on the path {where}; try a better "
                "guess or a shorter time",
                partial=path, residual=_size(slope),
            ) from error  # fmt: skip
        raise SingularMatrixError(
            f"the Hessian of the action is singular {where}: {_cause(numbers)} ({error})",
            partial=path, rcond=error.rcond,
        ) from error  # fmt: skip


def _cause(numbers: Numbers) -> str:
    """Why a Hessian is singular."""
    if numbers.boundary.periodic:
        return "a resonance, or an autonomous orbit, whose phase is free"
    return "the ends are conjugate points (sin ωT = 0 for an oscillator)"


def _check_softness(orbit: Orbit) -> None:
    """``SingularMatrixError`` for an orbit that the grid cannot tell from a conjugate point."""
    if orbit.grid_error >= _GRID_ERROR:
        raise SingularMatrixError(
            f"the Hessian of the action is singular to the accuracy of the grid: {_cause(orbit.numbers)}. On "
            f"{orbit.numbers.steps} steps the path is off by {orbit.grid_error:.2g} times its own size; take more "
            "steps, or another T",
            partial=orbit.q, rcond=orbit.rcond, grid_error=orbit.grid_error,
        )  # fmt: skip


def _check_phase(action: DiscreteAction, numbers: Numbers, path: np.ndarray, factor: BlockTridiagonalLU) -> None:
    """``SingularMatrixError`` for an orbit that may be shifted in time: periodic, moving, L free of time.

    The grid hides this: on a coarse one the Hessian is far from singular, and its inverse has no meaning.
    """
    moves = np.ptp(path, axis=0).max() > 1e-6 * _size(path)
    if numbers.boundary.periodic and moves and action.is_autonomous(numbers):
        raise SingularMatrixError(
            "an autonomous orbit, whose phase is free: the action's Hessian is singular in the continuum",
            partial=path, rcond=factor.rcond,
        )  # fmt: skip
