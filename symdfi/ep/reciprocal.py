"""One run of a reciprocal system for its gradient: theory of EP, "Linear systems"."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdfi.ep.course import Course, run
from symdfi.ep.frame import TwoPoint
from symdfi.ep.march import Marched
from symdfi.ep.mirror import Mirror
from symdfi.ep.nudging import Complete, finite_nudge, pushed, pushes
from symdfi.ep.orbit import Orbit
from symdfi.ep.probe import matrices, not_reciprocal
from symdfi.ep.sensitivity import Sensitivity, sensitivity
from symdfi.errors import SymbolicError
from symdfi.linalg.blas import one_blas_thread


@dataclass(frozen=True, eq=False)
class Reciprocal(Complete):
    """For M ü + D u̇ + K(t) u = f(t) with symmetric M, D and K, M and D constant, under ``InitialState``: one more run
    of the same system, without its drives and from rest, of any amplitude A, and no nudge.

    In its own time s = T − t it is driven by A ∂c/∂u at u(T − s), with A ∇Ψ for initial momentum, K replayed backward.
    Reciprocity makes of its motion A a(s) the adjoint, λ(t) = a(T − t), damping or gain being no obstacle, and

        dC/dθ = ∂_θC + ∫ λ·∂_θ(−M ü − D u̇ − K u + f) dt,    dC/dp₀ = λ(0),

    by parameters of D and by the initial state like by any other: exactly, for the discrete cost, at every A.

    Of a ``Periodic`` orbit, with K constant as well, it is the periodic motion under the time-reversed A ∂c/∂u: the
    action is then the convolution ∫ ½ũᵀ(M ü + D u̇ + K u) − ũᵀf dt with ũ(t) = u(−t), and a nudge that is not reversed
    gives another gradient.

    With a ``mirror`` S, a signed permutation as a matrix, or signs, symmetry is needed up to it, SMS = Mᵀ, SDS = Dᵀ and
    SKS = Kᵀ (twisted reciprocity: Hatano and Nelson's chains; gyroscopic systems that S turns round), for sources that
    S moves: λ(t) = S a(T − t).

    Raises ``SymbolicError`` for any other boundary condition and for a system that is not of this kind, saying why;
    ``ValueError`` for what is no mirror.
    """

    amplitude: float = 1.0
    mirror: Any = None

    def __post_init__(self) -> None:
        finite_nudge(self.amplitude, "the amplitude")

    @one_blas_thread()
    def sensitivity(self, free: Orbit) -> Sensitivity:
        """dC by parameters, signals, initial state and T."""
        return sensitivity(free, pushed(free), self.response(free) / self.amplitude)

    def response(self, free: Orbit) -> np.ndarray:
        """A λ at the nodes: the run, in the order of the trajectory's time."""
        held = isinstance(free.linear, TwoPoint) and free.setting.boundary.periodic
        if not (isinstance(free.linear, Marched) or held):
            raise SymbolicError(
                "a reciprocal run is of a trajectory given by its beginning, InitialState or AtRest, or of one that is "
                "Periodic"
            )
        mirror = Mirror.none(free.q.shape[1]) if self.mirror is None else Mirror.read(self.mirror, free.q.shape[1])
        check_reciprocal(free, mirror, varies=not free.setting.boundary.periodic)
        push, at_end = pushes(free)
        # Its momentum is of the other time: of c's derivative by the velocity the sign turns round.
        source, kick = self.amplitude * mirror.reflected(push)[::-1], self.amplitude * mirror(at_end)
        path = (
            _marched(free, source, kick) if isinstance(free.linear, Marched) else periodic_response(free, source, kick)
        )
        return mirror(path[::-1])


def _marched(free: Orbit, source: np.ndarray, p0: np.ndarray) -> np.ndarray:
    """From rest, without the system's own drives."""
    system, setting, d = free.system, free.setting, free.q.shape[1]
    course, still = Course.forward(setting), np.zeros((setting.points, d))
    (drives,) = system.run_at(system.kernels.slope, setting, (still, still), course.signals, course.times, [2 * d])
    # Drives are taken off what holds them: by a source as large as they are, no digit of it is lost.
    lift = _lift(max(np.max(np.abs(source)), np.max(np.abs(p0)) / setting.h), np.max(np.abs(drives)))
    path = np.zeros_like(free.q)
    run(system, course.replayed(lift * source - drives[::-1]), path, lift * p0)
    return path / lift


def _lift(size: float, to: float) -> float:
    """The power of two that brings a size, if it is smaller, to another, as far as numbers are that large."""
    return 2.0 ** min(math.ceil(math.log2(to) - math.log2(size)), 1000) if 0 < size < to else 1.0


def periodic_response(free: Orbit, source: np.ndarray, kick: np.ndarray) -> np.ndarray:
    """The periodic motion of the system, without its own drives, by the factors of the free orbit."""
    assert isinstance(free.linear, TwoPoint)
    push = free.system.gathered(free.setting, source)
    push[0] += kick
    return free.linear.response(push)


def check_reciprocal(free: Orbit, mirror: Mirror, varies: bool) -> None:
    """``SymbolicError`` for a system that is not reciprocal, on the trajectory and beside it; its K may be one that
    ``varies``."""
    system, setting, rule = free.system, free.setting, free.setting.rule
    rng, course = np.random.default_rng(0), Course.forward(free.setting)
    q, v = (x[: setting.points] for x in system.points(setting, free.q))
    beside = tuple(rng.normal(size=x.shape) * (np.max(np.abs(x)) or 1.0) for x in (q, v))
    found, other = (
        matrices(system, setting, at, course.signals, course.times) for at in ((q, v), (beside[0], beside[1]))
    )
    if reason := not_reciprocal(found, other, mirror, varies):
        raise SymbolicError(f"the system is not reciprocal: {reason}. Use Infinitesimal()")
    if not rule.is_symmetric:
        raise SymbolicError(f"the rule {rule} is not symmetric in time: no motion runs backward by it")
