"""Trajectories given by their beginning: the discrete equations solved interval by interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdfi.compile.kernels import cache
from symdfi.ep.boundary import InitialState
from symdfi.ep.discrete import DiscreteSystem
from symdfi.ep.leaps import explicit_adjoint, explicit_march
from symdfi.ep.orbit import Orbit
from symdfi.ep.rules import Rule
from symdfi.ep.setting import Setting
from symdfi.errors import ConvergenceError, SingularMatrixError

#: From so many degrees of freedom on a step of the trapezoidal rule with a diagonal mass matrix, which is explicit but
#: for the damping, is solved by iteration without the rest of its matrix; where that is diagonal too, in any case.
EXPLICIT = 64
#: What an increment may be, in parts of the motion in an interval: rounding.
_TOLERANCE = 4 * np.finfo(float).eps


@dataclass(frozen=True)
class Marched:
    """``Linear`` of a marched trajectory: backward, from λ = 0 at T, stable where the motion is damped; its momenta
    ``p0`` and ``pN`` at the ends, to more digits than differences of its nodes have."""

    system: DiscreteSystem
    setting: Setting
    path: np.ndarray
    p0: np.ndarray
    pN: np.ndarray
    iterations: int

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def adjoint(self, push: np.ndarray) -> np.ndarray:
        """λ = −A⁻ᵀ push. ``ConvergenceError`` where the iteration fails in a step."""
        if (explicit := explicit_adjoint(self.system, self.setting, self.path, push)) is not None:
            return explicit
        kernels, setting, found = self.system.kernels, self.setting, np.zeros_like(push)
        course = Course.forward(setting)
        try:
            left = _loops().backward(
                kernels.pull.function, *_grid(self.system, course), self.iterations,
                *_room(self.system, course), self.path, np.ascontiguousarray(push), found,
            )  # fmt: skip
        except np.linalg.LinAlgError as error:
            raise SingularMatrixError("the equations of a step are singular", rcond=0.0) from error
        if left:
            raise ConvergenceError(
                f"the adjoint was not found in step {left} (to t = {setting.h * left:.6g}): take more steps",
                step=left, time=setting.h * left,
            )  # fmt: skip
        return found


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def march(system: DiscreteSystem, setting: Setting, iterations: int) -> Orbit:
    """The trajectory from its initial state. ``ConvergenceError`` where a step is not found,
    ``SingularMatrixError`` where a step has no solution, both with the path so far as ``partial``."""
    boundary, rule, h = setting.boundary, setting.rule, setting.h
    assert isinstance(boundary, InitialState)
    if (explicit := explicit_march(system, setting)) is not None:
        return _marched(system, setting, *explicit, 0, iterations)
    q0, v0, p0 = boundary.start(setting.places)
    path = np.zeros((rule.n_nodes(setting.steps), q0.size))
    path[: rule.degree + 1] = q0
    if v0 is not None:
        path[: rule.degree + 1] += h * rule.nodes[:, None] * v0
        p0 = system.momentum(setting, q0, v0)
    assert p0 is not None
    p = p0.copy()
    count = run(system, Course.forward(setting), path, p, iterations)
    return _marched(system, setting, path, p0, p, count, iterations)


def _marched(
    system: DiscreteSystem, setting: Setting, path: np.ndarray, p0: np.ndarray, pN: np.ndarray, count: int,
    iterations: int,
) -> Orbit:  # fmt: skip
    slope = system.slope(setting, path)
    slope[0] += p0
    residual = float(np.max(np.abs(slope[:-1])))
    return Orbit(system, setting, path, 0.0, residual, count, Marched(system, setting, path, p0, pN, iterations))


@dataclass(frozen=True)
class Course:
    """What a march meets: a rule, and the signals, the times and a source at its points in the order of the run.

    The ``source`` (points, 2d) counts as part of G and P: a term source·(q, q̇) of the Lagrangian; it may have no rows.
    """

    setting: Setting
    rule: Rule
    signals: np.ndarray
    times: np.ndarray
    source: np.ndarray

    @classmethod
    def forward(cls, setting: Setting) -> Course:
        """From t = 0 to T, without a source."""
        count = setting.points
        source = np.empty((0, 2 * setting.places.n_dof))
        return cls(setting, setting.rule, setting.signals_of(1.0, 0.0)[:count], setting.times[:count], source)

    def replayed(self, source: np.ndarray) -> Course:
        """Drives and fields from T to 0, the machine being the same, with a source in the order of the run."""
        return Course(self.setting, self.rule, *map(_contiguous, (self.signals[::-1], self.times[::-1], source)))

    def backward(self, source: np.ndarray) -> Course:
        """The nodes from the last to the first, every interval with its ends exchanged: the same discrete action, and
        for p the momentum −∂S/∂x with which its other end begins. The ``source`` is in the order of time."""
        rule = self.rule
        values, slopes = (np.ascontiguousarray(x[::-1, ::-1]) for x in (rule.values, rule.slopes))
        weights, places, nodes = (
            np.ascontiguousarray(x[::-1]) for x in (rule.weights, 1 - rule.places, 1 - rule.nodes)
        )
        return Course(
            self.setting, Rule(values, slopes, weights, places, nodes, rule.order),
            *map(_contiguous, (self.signals[::-1], self.times[::-1], source[::-1])),
        )  # fmt: skip


def run(system: DiscreteSystem, course: Course, path: np.ndarray, p: np.ndarray, iterations: int = 100) -> int:
    """Fills ``path`` from its first row on, the first interval being predicted, and takes the momentum ``p`` to the
    end. Returns the number of iterations; errors as ``march``."""
    setting, h, counted = course.setting, course.setting.h, np.zeros(1, np.int64)
    kernels = system.kernels
    try:
        done = _loops().forward(
            kernels.slope.function, kernels.pull.function, *_grid(system, course), iterations, *_room(system, course),
            course.source, course.rule.nodes, path, p, counted,
        )  # fmt: skip
    except np.linalg.LinAlgError as error:
        raise SingularMatrixError(
            "the equations of a step are singular: the mass matrix, or a step without a unique end", partial=path,
            rcond=0.0,
        ) from error  # fmt: skip
    if done < setting.steps:
        raise ConvergenceError(
            f"the iteration did not converge in step {done + 1} (to t = {h * (done + 1):.6g}): take more steps",
            partial=path[: done * course.rule.degree + 1], step=done + 1, time=h * (done + 1),
        )  # fmt: skip
    return int(counted[0])


def _grid(system: DiscreteSystem, course: Course) -> tuple[Any, ...]:
    """What both loops are told of the system and the rule."""
    setting, rule, kernels = course.setting, course.rule, system.kernels
    for kernel in (kernels.slope, kernels.pull, kernels.blocks):
        kernel.check(setting.index_values)
    return (
        kernels.blocks.function, setting.sizes, setting.ints, setting.params, course.signals, course.times,
        rule.values, rule.slopes, rule.weights, setting.h, _TOLERANCE,
    )  # fmt: skip


def _room(system: DiscreteSystem, course: Course) -> tuple[float, np.ndarray]:
    """What the damping has to a diagonal matrix, and room for the inverse of a step's matrix, or of its diagonal."""
    kernels, d = system.kernels, course.setting.places.n_dof
    if course.rule.shares_ends and kernels.has_own_momenta and (kernels.has_own_damping or d >= EXPLICIT):
        # One number is kept as a matrix is.
        return float(kernels.has_own_damping), np.empty((1, d))
    size = d * course.rule.degree
    return 1.0, np.empty((size, size))


def _contiguous(rows: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(rows)


def _loops():
    return cache.load_module("symdfi.ep.loops.march")
