"""Trajectories given by their beginning: the discrete equations solved interval by interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdfi.compile.kernels import cache
from symdfi.ep.boundary import InitialState
from symdfi.ep.discrete import DiscreteSystem
from symdfi.ep.orbit import Orbit
from symdfi.ep.rules import Rule
from symdfi.ep.setting import Setting
from symdfi.errors import ConvergenceError, SingularMatrixError


@dataclass(frozen=True)
class Marched:
    """``Linear`` of a marched trajectory, by the second derivatives (N, m + 1, m + 1, d, d) of its intervals; its
    momenta ``p0`` and ``pN`` at the ends, to more digits than differences of its nodes have."""

    blocks: np.ndarray
    p0: np.ndarray
    pN: np.ndarray

    @property
    def rcond(self) -> float:
        count, d = self.blocks.shape[1], self.blocks.shape[3]
        inner = self.blocks[:, :-1, 1:].transpose(0, 1, 3, 2, 4).reshape(-1, (count - 1) * d, (count - 1) * d)
        return float(1 / np.linalg.cond(inner, 1).max())

    def adjoint(self, push: np.ndarray) -> np.ndarray:
        """λ, backward from λ = 0 at T: stable where the motion is damped."""
        found = np.zeros_like(push)
        try:
            _loops().backward(self.blocks, np.ascontiguousarray(push), found)
        except np.linalg.LinAlgError as error:
            raise SingularMatrixError("the equations of a step are singular", rcond=0.0) from error
        return found


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def march(system: DiscreteSystem, setting: Setting, iterations: int) -> Orbit:
    """The trajectory from its initial state. ``ConvergenceError`` where Newton's method fails in a step,
    ``SingularMatrixError`` where a step has no solution, both with the path so far as ``partial``."""
    boundary, rule, h = setting.boundary, setting.rule, setting.h
    assert isinstance(boundary, InitialState)
    q0, v0, p0 = boundary.start(setting.places)
    path = np.zeros((rule.n_nodes(setting.steps), q0.size))
    path[: rule.degree + 1] = q0
    if v0 is not None:
        path[: rule.degree + 1] += h * rule.nodes[:, None] * v0
        p0 = system.momentum(setting, q0, v0)
    assert p0 is not None
    p = p0.copy()
    count = run(system, Course.forward(setting), path, p, iterations)
    slope = system.slope(setting, path)
    slope[0] += p0
    residual = float(np.max(np.abs(slope[:-1])))
    return Orbit(system, setting, path, 0.0, residual, count, Marched(system.blocks(setting, path), p0, p))


@dataclass(frozen=True)
class Course:
    """What a march meets: a rule, and the signals, the times and a source at its points in the order of the run.

    The ``source`` (points, 2d) counts as part of G and P: a term source·(q, q̇) of the Lagrangian.
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
        source = np.zeros((count, 2 * setting.places.n_dof))
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
    end. Returns the number of Newton steps; errors as ``march``."""
    setting, rule, h = course.setting, course.rule, course.setting.h
    system.kernels.slope.check(setting.index_values)
    system.kernels.blocks.check(setting.index_values)
    counted = np.zeros(1, np.int64)
    arguments = (
        setting.sizes, setting.ints, setting.params, course.signals, course.times, course.source, rule.values,
        rule.slopes, rule.weights, rule.nodes, h, 4 * np.finfo(float).eps, iterations, path, p, counted,
    )  # fmt: skip
    try:
        done = _loops().forward(system.kernels.slope.function, system.kernels.blocks.function, *arguments)
    except np.linalg.LinAlgError as error:
        raise SingularMatrixError(
            "the equations of a step are singular: the mass matrix, or a step without a unique end", partial=path,
            rcond=0.0,
        ) from error  # fmt: skip
    if done < setting.steps:
        raise ConvergenceError(
            f"Newton's method did not converge in step {done + 1} (to t = {h * (done + 1):.6g}): take more steps",
            partial=path[: done * rule.degree + 1], step=done + 1, time=h * (done + 1),
        )  # fmt: skip
    return int(counted[0])


def _contiguous(rows: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(rows)


def _loops():
    return cache.load_module("symdfi.ep.loops.march")
