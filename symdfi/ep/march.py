"""Trajectories given by their beginning: the discrete equations solved interval by interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdfi.compile.kernels import cache
from symdfi.ep.boundary import InitialState
from symdfi.ep.discrete import DiscreteSystem
from symdfi.ep.orbit import Orbit
from symdfi.ep.setting import Setting
from symdfi.errors import ConvergenceError, SingularMatrixError


@dataclass(frozen=True)
class Marched:
    """``Linear`` of a marched trajectory, by the second derivatives (N, m + 1, m + 1, d, d) of its intervals."""

    blocks: np.ndarray

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
    system.kernels.slope.check(setting.index_values)
    system.kernels.blocks.check(setting.index_values)
    counted, p = np.zeros(1, np.int64), p0.copy()
    arguments = (
        setting.sizes, setting.ints, setting.params, setting.signals_of(1.0, 0.0), setting.times, rule.values,
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
    slope = system.slope(setting, path)
    slope[0] += p0
    residual = float(np.max(np.abs(slope[:-1])))
    return Orbit(system, setting, path, 0.0, residual, int(counted[0]), Marched(system.blocks(setting, path)))


def _loops():
    return cache.load_module("symdfi.ep.loops.march")
