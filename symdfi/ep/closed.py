"""Closed orbits by Newton's method on nodes, period and multipliers together (see ``symdfi.ep.closure``)."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

import numpy as np

from symdfi.ep.boundary import Closed
from symdfi.ep.closure import Closure, Place
from symdfi.ep.discrete import FREE, DiscreteSystem
from symdfi.ep.orbit import Orbit
from symdfi.ep.readout import finite_derivatives, sampled
from symdfi.ep.search import check_nudge, floor, keeping, size
from symdfi.ep.sensitivity import Sensitivity, shaped
from symdfi.ep.setting import Setting
from symdfi.errors import ConvergenceError, DivergenceError, SingularMatrixError, SymbolicError
from symdfi.linalg import SparseChainLU

#: The least reciprocal condition number of the equations at an orbit: what a symmetry leaves of one that is soft is
#: rounding, and a grid of N steps far more, N⁻².
_RCOND = 1e-12
#: What moves by no more than this part of the guess is an equilibrium.
_AT_REST = 1e-6
#: Of so many unknowns the soft directions are counted, those softer than this part of the stiffest.
_COUNTED, _SOFT = 2000, 1e-10


@dataclass(frozen=True)
class Pinned:
    """``Linear`` of a closed orbit: its equations with phase and period, and their factors, with these weights of the
    system and of the cost."""

    closure: Closure
    place: Place
    factor: SparseChainLU
    weights: tuple[float, complex] = FREE

    @property
    def rcond(self) -> float:
        return self.factor.rcond

    def adjoint(self, push: np.ndarray) -> np.ndarray:
        """λ = −A⁻ᵀ push at all nodes, of a push that does not go by the period."""
        return self._unfolded(self._solved(np.reshape(self.closure.setting.frame.fold(push), -1), 0.0))

    @classmethod
    def of(cls, free: Orbit) -> Pinned:
        """With what the cost's integrals are at the orbit."""
        pinned = free.linear
        assert isinstance(pinned, Pinned)
        return replace(pinned, closure=replace(pinned.closure, setting=free.setting))

    def multipliers(self) -> tuple[np.ndarray, float]:
        """λ at all nodes, and of the period's equation, against the derivative of the observable."""
        push, by_end, _ = self.closure.of_cost(self.place)
        found, n = self._solved(push, by_end), self.closure.phase.shape[1]
        own = self.closure.has_action and self.closure.seeks_period
        return self._unfolded(found), float(found[n]) if own else 0.0

    def _solved(self, push: np.ndarray, by_end: float) -> np.ndarray:
        if not np.isfinite(push).all() or not np.isfinite(by_end):
            raise DivergenceError("the derivative of the cost by the path is not finite", partial=self.place.path)
        rest = self.factor.nodes * self.factor.block_size - push.size
        full = np.concatenate([push, np.zeros(rest)])
        if self.closure.seeks_period:
            full[push.size] = by_end
        return -self.factor.solve_transposed(full.reshape(1, -1)).reshape(-1)

    def _unfolded(self, found: np.ndarray) -> np.ndarray:
        frame, n = self.closure.setting.frame, self.closure.phase.shape[1]
        return frame.unfold(found[:n].reshape(-1, self.place.path.shape[1] * frame.degree))


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def closed(system: DiscreteSystem, setting: Setting, path: np.ndarray, tolerance: float, iterations: int) -> Orbit:
    """The closed orbit that Newton's method finds from a path. Errors as of ``extremize``."""
    if not system.is_autonomous(setting):
        raise ValueError(
            "the system, or an input, changes with time: then it has no orbit of a free phase; use Periodic"
        )
    assert isinstance(setting.boundary, Closed)
    if system.kernels.integrals and setting.boundary.is_mean:
        raise SymbolicError("a function of integrals is no mean: give a period or an energy instead of the action")
    path = setting.frame.placed(path)
    closure = Closure.about(system, setting, path)
    closure = closure.scaled(float(np.max(np.abs(system.blocks(setting, path).entries))) or 1.0)
    place, iteration, length = closure.start(path), 0, np.inf
    with keeping(path) as kept:
        rest = closure.residual(place)
        while True:
            factor = _factorise(closure, place, rest, iteration)
            reach = size(place.path)
            if np.ptp(place.path, axis=0).max() <= _AT_REST * np.ptp(path, axis=0).max():
                raise ConvergenceError(
                    "the search for a closed orbit led to an equilibrium: there may be no orbit of this period, energy "
                    "or action near; try another one, or a better guess",
                    partial=place.path,
                )  # fmt: skip
            goal, step = floor(factor, tolerance) * reach, -_solved(factor, rest)
            done = size(rest) <= goal
            n = closure.phase.shape[1]
            before, length = length, max(size(step[:n]) / reach, abs(step[n]) if closure.seeks_period else 0.0)
            # At rounding, or where it does not shrink any more.
            if done and (
                size(rest) <= 1e-3 * goal or length <= 1e-13 or length > before / 2 or iteration == iterations
            ):
                break
            if iteration == iterations or not np.isfinite(goal):
                raise ConvergenceError(
                    f"no closed orbit after {iteration} Newton steps: max |∂W/∂(q, T)| = {size(rest):.3g}, to reach "
                    f"{goal:.3g}; try a better guess of the path and of its period",
                    partial=place.path, residual=size(rest),
                )  # fmt: skip
            place, rest = _advance(closure, place, factor, step)
            iteration += 1
            kept.append(place.path)
        _check_condition(closure, place, factor)
        last = closure.moved(place, step)
        if size(closure.residual(last)) < size(rest):
            place = last
    return _orbit(closure, place, 0.0, size(closure.residual(place)), iteration, Pinned(closure, place, factor))


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def nudge_closed(free: Orbit, beta: complex, *, tolerance: float = 1e-12, iterations: int = 100) -> Orbit:
    """As ``nudge``, of a closed orbit: chord steps of nodes, period and multipliers with the free orbit's factors."""
    pinned = Pinned.of(free)
    closure, place, factor, weights = pinned.closure, pinned.place, pinned.factor, (1.0, beta)
    push, _, _ = closure.of_cost(place)
    check_nudge(free.q, beta, size(push), np.finfo(float).eps * factor.norm * size(free.q))
    rest = closure.residual(place, weights)
    residual, iteration = size(rest), 0
    with keeping(free.q) as kept:
        while np.isfinite(residual):
            trial = closure.moved(place, -_solved(factor, rest))
            rest = closure.residual(trial, weights)
            if size(rest) < 0.9 * residual and iteration < iterations:
                place, residual, iteration = trial, size(rest), iteration + 1
                kept.append(place.path)
            elif residual <= floor(factor, tolerance) * size(place.path):
                return _orbit(closure, place, beta, residual, iteration, pinned)
            else:
                break
    raise ConvergenceError(
        f"the closed orbit nudged by beta = {beta:g} was not reached from the free one: max |∂W/∂(q, T)| = "
        f"{residual:.3g} after {iteration} steps; reduce beta",
        partial=place.path, residual=residual, beta=beta,
    )  # fmt: skip


@np.errstate(over="ignore", invalid="ignore")
def closed_parameters(free: Orbit) -> dict[str, np.ndarray]:
    """The derivative of the observable, C or C/T, by the parameters. Errors as of ``by_parameters``."""
    theta, _ = _integrated(free)
    return finite_derivatives(shaped(theta, free.system.shapes(free.setting)), free.q)


@np.errstate(over="ignore", invalid="ignore")
def closed_sensitivity(free: Orbit) -> Sensitivity:
    """The derivatives of the observable by parameters and signals, and by what is given of T, E and J."""
    theta, by_signal = _integrated(free)
    system, setting, pinned = free.system, free.setting, Pinned.of(free)
    closure, place = pinned.closure, pinned.place
    along, stretch = pinned.multipliers()
    boundary, nothing = closure.boundary, np.full(free.q.shape[1], np.nan)
    by_T = by_E = by_J = np.nan
    if closure.has_action and not closure.seeks_period:
        frozen = closure.by_period(setting, place.path) @ np.reshape(setting.frame.taken(along), -1)
        by_T = (closure.stretched_cost(place) + frozen) / place.T
    elif closure.has_action:
        by_E, by_J = (place.T * stretch, np.nan) if not boundary.is_mean else (np.nan, -2 * np.pi * stretch / place.T)
    found = Sensitivity(
        shaped(theta, system.shapes(setting)), shaped(sampled(setting, by_signal), system.signal_shapes(setting)),
        nothing, nothing, nothing, nothing, nothing, float(by_T), float(by_E), float(by_J),
    )  # fmt: skip
    finite_derivatives(found.params, free.q)
    return found


def _integrated(free: Orbit) -> tuple[np.ndarray, np.ndarray]:
    """∂_θ of observable + λ·F, and the same by the signals at the points.

    λ_x·∂_xθS + λ_T ∂_Tθ S is the derivative of ∫ L along the variation of q and v at the points that the nodes and T
    make, and where T weighs the points a part λ_T/T of ∂_θS itself.
    """
    system, setting, pinned = free.system, free.setting, Pinned.of(free)
    closure, place = pinned.closure, pinned.place
    along, stretch = pinned.multipliers()
    _, _, share = closure.of_cost(place)
    by_S, own = 1.0, 0.0
    if closure.has_action:
        by_S, _, S_T, _ = closure.of_action(place, 0.0)
        own = stretch * (by_S + place.T * S_T)
    at, widths = system.points(setting, free.q), system.impulse_widths(setting)
    moved_q, moved_v = system.points(setting, along)
    direction = np.concatenate([moved_q, moved_v - stretch * at[1]], axis=1)
    implicit = system.integrated(system.kernels.doubled, setting, at, FREE, [*widths, 2 * free.q.shape[1]], direction)
    explicit = system.integrated(system.kernels.impulse, setting, at, (own, share), widths)
    return by_S * implicit[0] + explicit[0], by_S * implicit[1] + explicit[1]


def _orbit(closure: Closure, place: Place, beta: complex, residual: float, iterations: int, linear: Pinned) -> Orbit:
    return Orbit(closure.system, closure.at(place), place.path, beta, residual, iterations, linear)


def _advance(closure: Closure, place: Place, factor: SparseChainLU, step: np.ndarray) -> tuple[Place, np.ndarray]:
    """The place after a step of the first of the lengths 1, 1/2, ..., 1/64 for which H⁻¹F shrinks, and F there; of the
    shortest if it does for none."""
    found = None
    for halvings in range(7):
        length = 0.5**halvings
        if closure.seeks_period and not abs(length * step[closure.phase.shape[1]]) < 0.5:
            continue  # a period does not leave for another one
        trial = closure.moved(place, length * step)
        with contextlib.suppress(DivergenceError):  # an action that overflows: a shorter step is to be taken
            rest = closure.residual(trial)
            if not np.isfinite(rest).all():
                continue
            found = trial, rest
            if size(_solved(factor, rest)) < (1 - length / 4) * size(step):
                return found
    if found is None:
        raise ConvergenceError(
            "no closed orbit: no step leads on from the path; try a better guess of the path and of its period",
            partial=place.path,
        )  # fmt: skip
    return found


def _solved(factor: SparseChainLU, rest: np.ndarray) -> np.ndarray:
    return factor.solve(rest.reshape(1, -1)).reshape(-1)


def _factorise(closure: Closure, place: Place, rest: np.ndarray, iteration: int) -> SparseChainLU:
    try:
        if np.isfinite(rest).all():
            return closure.factor(place)
    except SingularMatrixError as error:
        raise _singular(closure, place, error) from error
    raise ConvergenceError(
        f"the derivatives of the action are not finite on the path after {iteration} Newton steps: try another guess",
        partial=place.path,
    )  # fmt: skip


def _check_condition(closure: Closure, place: Place, factor: SparseChainLU) -> None:
    try:
        factor.check(_RCOND)
    except SingularMatrixError as error:
        raise _singular(closure, place, error) from error


def _singular(closure: Closure, place: Place, error: SingularMatrixError) -> SingularMatrixError:
    """How many directions are soft, in words."""
    setting = closure.at(place)
    matrix, pinned = setting.frame.sparse(closure.system.blocks(setting, place.path)), len(closure.phase)
    counted = ""
    if matrix.shape[0] <= _COUNTED:
        values = np.linalg.svd(matrix.toarray(), compute_uv=False)
        counted = f": {np.count_nonzero(values <= _SOFT * values[0])} directions of the orbit are soft,"
    return SingularMatrixError(
        f"the equations of the closed orbit are singular{counted} and {pinned} pinned. Pin one for the phase, one for "
        "each symmetry and each further family that the orbit is one of, by as many rows of the phase "
        f"({error})",
        partial=place.path, rcond=error.rcond,
    )  # fmt: skip
