"""The convolution action of linear damped systems: theory of EP, "Linear systems".

M ü + D u̇ + K u = f with symmetric M, D and K has an action in which a second copy of the motion runs backward in time,
ũ(t) = u(−t) of a periodic one, u(T − t) of one that begins at rest:

    A = ∫ (½ ũᵀ(M ü + D u̇ + K u) − ũᵀf) dt.

By a rule that is symmetric in time, with the equations r_k(u) of the nodes, it is −Σ_k ½ ũ_k·(r_k(u) + r_k(0)), and
r = 0 its extremum, for what r is linear by, reversed, is a symmetric matrix.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from symdfi.ep.boundary import InitialState
from symdfi.ep.course import Course, run
from symdfi.ep.frame import TwoPoint
from symdfi.ep.march import Marched
from symdfi.ep.mirror import Mirror
from symdfi.ep.nudging import Complete, finite_nudge, pushed, pushes
from symdfi.ep.orbit import Orbit
from symdfi.ep.reciprocal import check_reciprocal, periodic_response
from symdfi.ep.sensitivity import Sensitivity, sensitivity
from symdfi.errors import SymbolicError
from symdfi.linalg.blas import one_blas_thread


@dataclass(frozen=True, eq=False)
class Convolution(Complete):
    """For M ü + D u̇ + K u = f(t) with constant symmetric M, D and K, ``Periodic`` or from rest at 0: the machine with
    its drives, nudged by ±β ∂c/∂u of the free motion, reversed in time (by ±β ∇Ψ at the beginning).

    The nudge is frozen and the system linear, so that for any ``beta`` and any cost (u₊ − u₋)/2β is the reversed
    adjoint λ, and the response of the convolution action (see ``symdfi.ep.convolution``),

        dC/dθ = ∂_θC − (∂_θA(u₊) − ∂_θA(u₋))/2β = ∂_θC + ∫ λ·∂_θ(f − M ü − D u̇ − K u) dt,

    is the gradient, exact for the discrete cost. A nudge that is not reversed gives another one.

    Raises ``SymbolicError`` for any other boundary condition and for a system that is not of this kind, saying why.
    """

    beta: float = 1.0

    def __post_init__(self) -> None:
        finite_nudge(self.beta)

    @one_blas_thread()
    def sensitivity(self, free: Orbit) -> Sensitivity:
        """dC by parameters, signals, initial state and T."""
        above, below = (self.nudged(free, beta) for beta in (self.beta, -self.beta))
        return sensitivity(free, pushed(free), (above - below)[::-1] / (2 * self.beta))

    def nudged(self, free: Orbit, beta: float) -> np.ndarray:
        """The motion of the machine under a nudge."""
        check_convolution(free)
        d = free.q.shape[1]
        push, at_end = pushes(free)
        # Its momentum is of the other time: of c's derivative by the velocity the sign turns round.
        source, kick = beta * Mirror.none(d).reflected(push)[::-1], beta * at_end
        if not isinstance(free.linear, Marched):
            return free.q + periodic_response(free, source, kick)
        path, p = np.zeros_like(free.q), kick.copy()
        run(free.system, replace(Course.forward(free.setting), source=np.ascontiguousarray(source)), path, p)
        return path


def check_convolution(free: Orbit) -> None:
    """``SymbolicError`` for a motion that has no convolution action."""
    boundary = free.setting.boundary
    if isinstance(boundary, InitialState):
        assert isinstance(free.linear, Marched)
        if np.any(free.q[0]) or np.any(free.linear.p0):
            raise SymbolicError(
                "the convolution action is of motions that begin at rest, at 0: this one does not. Use Reciprocal()"
            )
    elif not (isinstance(free.linear, TwoPoint) and boundary.periodic):
        raise SymbolicError("the convolution action is of a motion that is Periodic or begins AtRest")
    check_reciprocal(free, Mirror.none(free.q.shape[1]), varies=False)
