"""One run of a reciprocal system for its gradient: THEORY-EP, section 5."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdfi.ep.march import Course, Marched, run
from symdfi.ep.nudging import Nudging, finite_nudge, pushed, pushes
from symdfi.ep.orbit import Orbit
from symdfi.ep.sensitivity import Sensitivity, sensitivity
from symdfi.errors import SymbolicError
from symdfi.linalg.blas import one_blas_thread

#: By how much, relative to the largest entry, matrices may differ that are to be the same: rounding.
_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Reciprocal(Nudging):
    """For M ü + D u̇ + K(t) u = f(t) with symmetric M, D and K, M and D constant, under ``InitialState``: one more run
    of the same system, without its drives and from rest, of any amplitude A, and no nudge.

    In its own time s = T − t it is driven by A ∂c/∂u at u(T − s), with A ∇Ψ for initial momentum, K replayed backward.
    Reciprocity makes of its motion A a(s) the adjoint, λ(t) = a(T − t), damping or gain being no obstacle, and

        dC/dθ = ∂_θC + ∫ λ·∂_θ(−M ü − D u̇ − K u + f) dt,    dC/dp₀ = λ(0),

    by parameters of D and by the initial state like by any other: exactly, for the discrete cost, at every A.

    Raises ``SymbolicError`` for any other boundary condition and for a system that is not of this kind, saying why.
    """

    amplitude: float = 1.0

    def __post_init__(self) -> None:
        finite_nudge(self.amplitude, "the amplitude")

    def gradient(self, free: Orbit) -> dict[str, np.ndarray]:
        return self.sensitivity(free).params

    @one_blas_thread()
    def sensitivity(self, free: Orbit) -> Sensitivity:
        """dC by parameters, signals, initial state and T."""
        return sensitivity(free, pushed(free), self.response(free) / self.amplitude)

    def response(self, free: Orbit) -> np.ndarray:
        """A λ at the nodes: the run, in the order of the trajectory's time."""
        if not isinstance(free.linear, Marched):
            raise SymbolicError("a reciprocal run is of a trajectory given by its beginning, InitialState or AtRest")
        if reason := not_reciprocal(free):
            raise SymbolicError(f"the system is not reciprocal: {reason}. Use Infinitesimal()")
        system, setting, d = free.system, free.setting, free.q.shape[1]
        push, at_end = pushes(free)
        still = np.zeros((setting.points, d))
        course = Course.forward(setting)
        (drives,) = system.run_at(system.kernels.slope, setting, (still, still), course.signals, course.times, [2 * d])
        # Its momentum is of the other time: of c's derivative by the velocity the sign turns round.
        source = self.amplitude * np.concatenate([push[:, :d], -push[:, d:]], axis=1) - drives
        path = np.zeros_like(free.q)
        run(system, course.replayed(source[::-1]), path, self.amplitude * at_end)
        return path[::-1].copy()


def not_reciprocal(free: Orbit) -> str:
    """Why a system is not linear with symmetric M, D and K, M and D constant; nothing if it is.

    Of its matrices M = ∂P/∂v, D = ∂P/∂q − ∂G/∂v and K = −∂G/∂q at all points, on the trajectory and beside it.
    """
    system, setting, d = free.system, free.setting, free.q.shape[1]
    rule, rng = setting.rule, np.random.default_rng(0)
    if not (np.allclose(rule.values, rule.values[::-1, ::-1]) and np.allclose(rule.weights, rule.weights[::-1])):
        return f"the rule {rule} is not symmetric in time"
    course, count = Course.forward(setting), setting.points
    here = tuple(x[:count] for x in system.points(setting, free.q))
    there = tuple(rng.normal(size=x.shape) * (np.max(np.abs(x)) or 1.0) for x in here)
    found = []
    for at in (here, there):
        parts = system.run_at(system.kernels.blocks, setting, at, course.signals, course.times, [d * d] * 4)
        qq, qv, vq, vv = (x.reshape(-1, d, d) for x in parts)
        found.append({"M": vv, "D": vq - qv, "K": -qq, "the coupling ∂²L/∂q∂v": vq})
    for name, own in found[0].items():
        size = np.max(np.abs(own))
        if not _same(own, found[1][name], size):
            return f"it is not linear, for {name} depends on the state"
        if name in "MDK" and not _same(own, own.transpose(0, 2, 1), size):
            return f"{name} is not symmetric"
        if name != "K" and not _same(own, own[:1], size):
            return f"{name} changes with time"
    return ""


def _same(one: np.ndarray, other: np.ndarray, size: float) -> bool:
    return bool(np.max(np.abs(one - other), initial=0.0) <= _TOLERANCE * size)
