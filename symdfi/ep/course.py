"""Runs over a time grid, forward or backward, interval by interval."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from symdfi.compile.kernels import cache
from symdfi.ep.discrete import DiscreteSystem
from symdfi.ep.rules import Rule
from symdfi.ep.setting import Setting
from symdfi.errors import ConvergenceError, SingularMatrixError

#: From so many degrees of freedom on a step of the trapezoidal rule with a diagonal mass matrix, which is explicit but
#: for the damping, is solved by iteration without the rest of its matrix; where that is diagonal too, in any case.
EXPLICIT = 64
#: What an increment may be, in parts of the motion in an interval: rounding.
_TOLERANCE = 4 * np.finfo(float).eps


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
        done = loops().forward(
            kernels.slope.function, kernels.pull.function, *grid(system, course), iterations, *room(system, course),
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


def grid(system: DiscreteSystem, course: Course) -> tuple[Any, ...]:
    """What both loops are told of the system and the rule."""
    setting, rule, kernels = course.setting, course.rule, system.kernels
    for kernel in (kernels.slope, kernels.pull, kernels.blocks):
        kernel.check(setting.index_values)
    return (
        kernels.blocks.function, setting.sizes, setting.ints, setting.params, course.signals, course.times,
        rule.values, rule.slopes, rule.weights, setting.h, _TOLERANCE,
    )  # fmt: skip


def room(system: DiscreteSystem, course: Course) -> tuple[float, np.ndarray]:
    """What the damping has to a diagonal matrix, and room for the inverse of a step's matrix, or of its diagonal."""
    kernels, d = system.kernels, course.setting.places.n_dof
    if course.rule.shares_ends and kernels.has_own_momenta and (kernels.has_own_damping or d >= EXPLICIT):
        # One number is kept as a matrix is.
        return float(kernels.has_own_damping), np.empty((1, d))
    size = d * course.rule.degree
    return 1.0, np.empty((size, size))


def _contiguous(rows: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(rows)


def loops() -> ModuleType:
    return cache.load_module("symdfi.ep.loops.march")
