"""The echo of a motion that is damped like its mass, D = γM, with the damping turned into gain
(theory of EP, "Damping turned into gain").

e^{γt}L has the equations of L with the damping D = γM (Caldirola and Kanai), so that these have an action after all. Of
the trapezoidal rule this is so to the last term: an interval of the damped leapfrog, with P = p − h/2 ∂V at its
beginning,

    (1 + γh/2) M v = P,    q' = q + h v,    p' = (1 − γh/2) M v − h/2 ∂V(q'),

shrinks dq ∧ dp by e^{−κh} = (1 − γh/2)/(1 + γh/2), and its equations r_k are those of the discrete action

    S = Σ_k e^{κt_k} (h (1 + γh/2) v·Mv/2 − h/2 V(q_k) − h/2 e^{κh} V(q_{k+1})),    ∂S/∂q_k = e^{κt_k} r_k.

Its extremum under a nudge βC, the final state pinned, is therefore found by marching the r_k backward, where damping is
gain, under the forces b′ e^{κτ} ∂C/∂q_k with b′ = βe^{−κT}, τ = T − t; and λ = e^{−κτ} ∂q/∂b′ is the adjoint.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdfi.ep.course import Course
from symdfi.ep.echo import Reflection, check_spread, reflected
from symdfi.ep.march import Marched
from symdfi.ep.mirror import TOLERANCE, Mirror
from symdfi.ep.nudging import Complete, finite_nudge, pushed
from symdfi.ep.orbit import Orbit
from symdfi.ep.probe import COUPLING, Probe
from symdfi.ep.rules import Trapezoidal
from symdfi.ep.sensitivity import Sensitivity, sensitivity
from symdfi.errors import ConvergenceError, SymbolicError
from symdfi.linalg.blas import one_blas_thread

#: The largest γT: a rounding error ε grows by up to e^{γT} on the way back, which is √ε there. 18.02.
LARGEST = float(-0.5 * np.log(np.finfo(float).eps))
#: The largest part of the motion that a nudge may move it by: where forces are odd, what is cubic in it does not show
#: in the mean of the two echoes.
_SPREAD = 0.1


@dataclass(frozen=True, eq=False)
class GainFlippedEcho(Complete):
    """For M q̈ + γM q̇ + ∂V/∂q = 0, V any potential and M constant, under ``InitialState`` and by the rule
    ``Trapezoidal``: the final state pinned, and the machine run backward with gain in place of the damping.

    Twice, for ±b′, the nudge growing as b′ e^{γτ} on the way, τ = T − t, and the difference read with e^{−γτ}/b′: of
    q₊ − q₋ it is the adjoint λ, and

        dC/dθ = ∂_θC + ∫ λ·∂_θ(−∂V/∂q − M q̈ − γM q̇) dt,    dC/dp₀ = λ(0),

    by parameters of the damping too. b′ = β e^{−γT/2} with ``beta`` = β, as motions grow by e^{γτ/2} backward (by up to
    e^{γτ}, where they are overdamped: reduce β). Exact for the discrete cost as β → 0: bias O(β²), and rounding. That
    is what ends it. A rounding ε grows by up to e^{γT}: beyond γT = −ln(ε)/2 = 18, where it is √ε, the echo is refused.

    Raises ``SymbolicError`` for any other boundary condition, rule or system, saying why, ``ConvergenceError`` for γT
    beyond that, for steps γh ≥ 2, and for a nudge that is too large or is lost in rounding.
    """

    beta: float = 1e-5

    def __post_init__(self) -> None:
        finite_nudge(self.beta)

    @one_blas_thread()
    def sensitivity(self, free: Orbit) -> Sensitivity:
        """dC by parameters, signals, initial state and T."""
        gain, push = _gain(free), pushed(free)
        at_end = self.beta * np.exp(-0.5 * gain[0])
        above, below = (_echo(free, sign * at_end * push, gain, sign * self.beta).path for sign in (1, -1))
        spread = check_spread(free, above, below, self.beta)
        if spread.apart > _SPREAD * spread.size:
            raise ConvergenceError(
                f"the echoes nudged by beta = ±{abs(self.beta):g} are {spread.apart:.3g} from the free trajectory, of "
                f"{spread.size:.3g}: reduce beta",
                beta=self.beta,
            )  # fmt: skip
        return sensitivity(free, push, np.exp(-gain)[:, None] * (above - below) / (2 * at_end))

    def return_error(self, free: Orbit) -> float:
        """How far an echo without a nudge misses the initial state, as of ``Echo.return_error``."""
        return _echo(free, np.zeros_like(free.q), _gain(free), 0.0).missed(free)


def _echo(free: Orbit, push: np.ndarray, gain: np.ndarray, beta: float) -> Reflection:
    """The run backward under the forces e^{κτ} ``push`` on the nodes (nodes, d)."""
    setting, d = free.setting, free.q.shape[1]
    shares = np.full(len(push), setting.h)
    shares[[0, -1]] *= 0.5
    force = np.exp(gain)[:, None] * push / shares[:, None]
    # A node is the last point of one interval, and the first of the next.
    source = np.zeros((setting.points, 2 * d))
    source[0::2, :d], source[1::2, :d] = force[:-1], force[1:]
    course = Course.forward(setting).backward(source)
    return reflected(free, course, Mirror.none(d), np.zeros(d), beta)


def _gain(free: Orbit) -> np.ndarray:
    """κτ at the nodes, of a trajectory that has such an echo."""
    if not isinstance(free.linear, Marched):
        raise SymbolicError(
            "a gain-flipped echo is of a trajectory given by its beginning, InitialState or AtRest. Under other "
            "boundary conditions use Infinitesimal()"
        )
    if not isinstance(free.setting.rule, Trapezoidal):
        raise SymbolicError(
            f"a gain-flipped echo is of the leapfrog: use the rule Trapezoidal(), not {free.setting.rule}"
        )
    rate, reason = damped_like_its_mass(Probe.near(free))
    if reason:
        raise SymbolicError(f"no gain-flipped echo: {reason}. Use Infinitesimal(), which reads the doubled action")
    setting = free.setting
    half = 0.5 * rate * setting.h
    if not abs(half) < 1:
        raise ConvergenceError(
            f"no gain-flipped echo: γh = {2 * half:.3g}, steps so long turn velocities round; take more than "
            f"{setting.steps}",
            gain=rate * setting.boundary.T,
        )  # fmt: skip
    gain = 2 * np.arctanh(half) * np.arange(setting.steps, -1, -1)
    if gain[0] > LARGEST:
        raise ConvergenceError(f"no gain-flipped echo: {too_much(gain[0])}", gain=float(gain[0]))
    return gain


def too_much(gain: float) -> str:
    """Why there is no echo of so large a γT."""
    with np.errstate(over="ignore"):
        lost = np.finfo(float).eps * np.exp(gain)
    return (
        f"γT = {gain:.3g} is more than {LARGEST:.3g}: backward a rounding error ε grows by up to e^γT, to {lost:.1e} "
        "of the motion, more than √ε. Use Infinitesimal(), which reads the doubled action and is stable at any damping"
    )


def damped_like_its_mass(probe: Probe) -> tuple[float, str]:
    """γ of a system with the matrices D = γM, M constant and K symmetric, at states drawn at random; or why it is
    none."""
    rng, size = np.random.default_rng(1), float(np.max(np.abs(probe.q), initial=0.0)) or 1.0
    there = (probe.q + size * rng.normal(size=probe.q.shape), probe.v + size * rng.normal(size=probe.v.shape))
    found = [probe.matrices((probe.q, probe.v)), probe.matrices(there)]
    M, D, K, coupling = (np.concatenate([part[name] for part in found]) for name in ("M", "D", "K", COUPLING))
    largest = float(np.max(np.abs(M)))
    if not largest:
        return 0.0, "D = γM: there is no mass"
    if not np.isfinite(np.concatenate([M, D, K])).all():
        return 0.0, "D = γM: not finite at states near the motion"
    if np.max(np.abs(M - M[:1])) > TOLERANCE * largest or np.any(coupling):
        return 0.0, "L = q̇ᵀMq̇/2 − V(q, t) with a constant M: in this L velocities meet coordinates or the time"
    if np.any(probe.slope(probe.q, np.zeros_like(probe.v), probe.signals[:, : probe.r])[:, len(M[0]) :]):
        return 0.0, "L = q̇ᵀMq̇/2 − V(q, t): in this L there is a momentum at rest"
    rate = float(np.sum(M * D) / np.sum(M * M))
    if np.max(np.abs(D - rate * M)) > TOLERANCE * np.max(np.abs(D)):
        return rate, "D = γM: it is another"
    if np.max(np.abs(K - K.transpose(0, 2, 1))) > TOLERANCE * np.max(np.abs(K)):
        return rate, "forces of a potential: K = −F_u is not symmetric"
    return rate, ""
