"""Trajectories given by their beginning: the discrete equations solved interval by interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdfi.ep.boundary import InitialState
from symdfi.ep.course import Course, grid, loops, room, run
from symdfi.ep.discrete import DiscreteSystem
from symdfi.ep.leaps import explicit_adjoint, explicit_march
from symdfi.ep.orbit import Orbit
from symdfi.ep.setting import Setting
from symdfi.errors import ConvergenceError, SingularMatrixError


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
            left = loops().backward(
                kernels.pull.function, *grid(self.system, course), self.iterations,
                *room(self.system, course), self.path, np.ascontiguousarray(push), found,
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
