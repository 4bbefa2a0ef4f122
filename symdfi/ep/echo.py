"""The echo of a trajectory that is given by its beginning: theory of EP, "The echo"."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdfi.ep.boundary import Boundary
from symdfi.ep.course import Course, run
from symdfi.ep.discrete import COST, FREE, DiscreteSystem
from symdfi.ep.exact import Exact
from symdfi.ep.march import Marched
from symdfi.ep.mirror import Mirror
from symdfi.ep.nudging import Complete, finite_nudge, pushes, pushes_at
from symdfi.ep.orbit import Orbit
from symdfi.ep.readout import Readout, finite_derivatives, readout, rounding
from symdfi.ep.reversal import Reversal, reversal
from symdfi.ep.sensitivity import Sensitivity, by_velocity, shaped
from symdfi.ep.setting import Setting
from symdfi.errors import ConvergenceError, SymbolicError
from symdfi.linalg.blas import one_blas_thread

#: The part of an echo's response that may be of second order in the nudge: the bias is of the order of its square.
_BEND = 0.2
#: The rounding of a path, in units of its size.
_ROUNDING = 16 * np.finfo(float).eps

#: The largest share of rounding in a derivative.
_LOST = 1e-5


@dataclass(frozen=True)
class Reflection:
    """A run from the pinned end to the beginning: its path in the order of time, and q and p at t = 0."""

    path: np.ndarray
    q: np.ndarray
    p: np.ndarray

    def missed(self, free: Orbit) -> float:
        """How far it is from the initial state of the free trajectory (see ``Echo.return_error``)."""
        assert isinstance(free.linear, Marched)
        p0, pN = free.linear.p0, free.linear.pN
        sizes = np.max(np.abs(free.q)), np.max(np.abs([p0, pN]))
        misses = np.max(np.abs(self.q - free.q[0])), np.max(np.abs(self.p - p0))
        return float(max(miss / (size or 1.0) for miss, size in zip(misses, sizes, strict=True)))


@dataclass(frozen=True, eq=False)
class Echo(Complete):
    """The final state pinned: for ``InitialState`` without dissipation, any rule and any Lagrangian.

    From (q_N, p_N − β∇Ψ) the discrete equations of L + β e·(q, q̇), with e the cost's derivative along the free
    trajectory, are marched back to t = 0, for β and −β. Nothing is left of the theorem's boundary term at T, and at the
    beginning, where the two runs end,

        dC/dθ = ∂_β∂_θS,    dC/dq₀ = −∂_βp₀,    dC/dp₀ = ∂_βq₀,

    centred in β: bias O(β²), none for linear systems, and rounding errors of the order of ε/β times the growth of the
    motion's own. Exact for the discrete cost as β → 0.

    With a ``mirror`` Π it is what an experiment can do: the same machine runs forward in its own time s from
    w = Πq_N with momentum −Π(p_N − β∇Ψ), so that w(s) = Πq(T − s), its drives mirrored and replayed backward, nudged by
    the mirrored e(T − s). That takes a system that reverses through Π (see ``symdfi.ep.mirror``), which is checked: the
    identity for an L that is even in the velocities, a mirror that turns a magnetic field or a Coriolis force round for
    a gyroscopic one. ``mirror`` is a signed permutation as a matrix, or signs, or "find" for the first there is.

    With ``exact=True`` the leapfrog of L = q̇ᵀMq̇/2 − V(q, t), by the rule ``Trapezoidal``, runs in whole numbers, which
    rounding does not hinder to come back (see ``symdfi.ep.exact``): ``return_error`` is 0, however long the time. So no
    trajectory need be kept: ``EPTrainer.gradient`` takes memory that does not grow with the number of steps.

    Raises ``SymbolicError`` for any other boundary condition, for dissipation, and for a mirror that does not reverse
    the system, ``ValueError`` for what is no mirror, ``ConvergenceError`` for a nudge that
    is too large or is lost in rounding, ``DivergenceError`` for what is not finite.
    """

    beta: float = 1e-5
    mirror: Any = None
    exact: bool = False

    def __post_init__(self) -> None:
        finite_nudge(self.beta)
        if self.exact and self.mirror is not None:
            raise ValueError("an exact echo is of the leapfrog in whole numbers, which takes no mirror")

    @one_blas_thread()
    def sensitivity(self, free: Orbit) -> Sensitivity:
        """dC by parameters, signals, initial state and T."""
        free, reflect = self._way(free)
        system, setting = free.system, free.setting
        above, below = reflect(self.beta), reflect(-self.beta)
        check_spread(free, above.path, below.path, self.beta)
        share = 0.5 / self.beta
        q0, p0 = share * (below.p - above.p), share * (above.q - below.q)
        found = readout(system, setting, free.q, COST)
        for path, sign in ((above.path, share), (below.path, -share)):
            found = found.plus(readout(system, setting, path, FREE), sign)
        return _collected(free, found, q0, p0)

    def return_error(self, free: Orbit) -> float:
        """How far an echo without a nudge misses the initial state: the larger of max |q − q₀|, in units of the largest
        |q| on the way, and max |p − p₀|, in units of the larger |p| of the ends. A multiple of rounding, or floating
        point does not bring the motion back for so long a time: a gradient is good to about this over β."""
        free, reflect = self._way(free)
        return reflect(0.0).missed(free)

    def _way(self, free: Orbit) -> tuple[Orbit, Callable[[float], Reflection]]:
        """The free trajectory, and how a nudge makes an echo of it."""
        check_echo(free.system, free.setting.boundary)
        if self.exact:
            whole = Exact.of(free)
            return whole.orbit, functools.partial(_retraced, whole)
        if self.mirror is None:
            return free, functools.partial(_marched, free)
        return free, functools.partial(_mirrored, free, reversal(free, self.mirror))


def check_echo(system: DiscreteSystem, boundary: Boundary) -> None:
    """``SymbolicError`` for a system that has no echo, and for another boundary condition than ``InitialState``."""
    if not boundary.is_marched:
        raise SymbolicError(
            "an echo is of a trajectory given by its beginning, InitialState or AtRest. Under other "
            "boundary conditions nudge the system itself, by Centered()"
        )
    if not system.has_action:
        raise SymbolicError(
            "with dissipation or generalized forces the motion does not retrace itself. Use "
            "Infinitesimal(), which reads the doubled action, or where D = γM GainFlippedEcho()"
        )


def _marched(free: Orbit, beta: float) -> Reflection:
    """The discrete action from its other end."""
    push, at_end = pushes(free)
    course = Course.forward(free.setting).backward(beta * push)
    return reflected(free, course, Mirror.none(free.q.shape[1]), beta * at_end, beta)


def _mirrored(free: Orbit, through: Reversal, beta: float) -> Reflection:
    """The machine itself."""
    push, at_end = pushes(free)
    return reflected(free, through.course(free, beta * push), through.mirror, beta * at_end, beta)


def _retraced(whole: Exact, beta: float) -> Reflection:
    """In whole numbers."""
    push, at_end = pushes(whole.orbit)
    return Reflection(*whole.back(beta * push, beta * at_end, beta))


def reflected(free: Orbit, course: Course, mirror: Mirror, kick: np.ndarray, beta: float) -> Reflection:
    """A run over the course from the end of a free trajectory, the momentum there less a ``kick``.
    ``ConvergenceError`` where it is lost."""
    assert isinstance(free.linear, Marched)
    path, p = mirror(free.q[::-1]), mirror(kick - free.linear.pN)
    try:
        run(free.system, course, path, p)
    except ConvergenceError as error:
        raise ConvergenceError(f"the echo nudged by beta = {beta:g} was lost on the way: {error}", beta=beta) from error
    return Reflection(mirror(path[::-1]), mirror(path[-1]), -mirror(p))


@dataclass
class Spread:
    """What a nudge makes of a path: how far two echoes are ``apart``, the part of it that is not linear in the nudge,
    and the rounding in what it changes, by parameter."""

    pushed: bool = False
    apart: float = 0.0
    size: float = 0.0
    bend: float = 0.0
    noise: np.ndarray | float = 0.0
    told: np.ndarray | float = 0.0

    def add(self, system: DiscreteSystem, setting: Setting, free: np.ndarray, above: np.ndarray, below: np.ndarray):
        """A path, or a piece of one, and its echoes."""
        self.pushed |= any(np.any(part) for part in pushes_at(system, setting, free))
        self.apart = max(self.apart, np.max(np.abs(above - below)) / 2)
        self.size = max(self.size, np.max(np.abs(free)))
        self.bend = max(self.bend, np.max(np.abs(above - free + below - free)) / 2)
        noise, told = rounding(system, setting, above, below)
        self.noise, self.told = self.noise + noise, self.told + told

    @np.errstate(divide="ignore", invalid="ignore")
    def check(self, beta: float) -> None:
        """``ConvergenceError`` for echoes that a nudge does not set apart by more than rounding, or not linearly."""
        if not self.pushed:
            return
        lost = np.max(np.where(np.asarray(self.noise) > 0, np.divide(self.noise, self.told), 0.0), initial=0.0)
        if self.apart <= _ROUNDING * self.size or lost > _LOST:
            raise ConvergenceError(
                f"the echo nudged by beta = {beta:g} cannot be told from the free trajectory: they are "
                f"{self.apart:.3g} apart, of {self.size:.3g}, and rounding is {lost:.1e} of what that changes; "
                "increase beta",
                beta=beta,
            )  # fmt: skip
        if not self.bend <= _BEND * self.apart:
            raise ConvergenceError(
                f"the echoes nudged by beta = ±{abs(beta):g} are {self.apart:.3g} from the free trajectory, "
                f"{self.bend:.3g} of it not linear in beta: reduce beta, or the motion does not come back for so "
                "long a time (see Echo.return_error)",
                beta=beta,
            )  # fmt: skip


def check_spread(free: Orbit, above: np.ndarray, below: np.ndarray, beta: float) -> Spread:
    """Of whole paths; errors as of ``Spread.check``."""
    spread = Spread()
    spread.add(free.system, free.setting, free.q, above, below)
    spread.check(beta)
    return spread


def _collected(free: Orbit, found: Readout, q0: np.ndarray, p0: np.ndarray) -> Sensitivity:
    """A sensitivity from derivatives at the end of an echo; what goes by an initial velocity is added."""
    system, setting, nothing = free.system, free.setting, np.full(q0.size, np.nan)
    theta, signals, v0 = found.by_theta, found.by_signal.copy(), nothing
    if (start := by_velocity(system, setting, p0)) is not None:
        theta, q0, v0 = theta + start.theta, q0 + start.q0, start.v0
        signals[0] += start.signals
    params = finite_derivatives(shaped(theta, system.shapes(setting)), free.q)
    return Sensitivity(
        params, shaped(signals, system.signal_shapes(setting)), q0, v0, p0, nothing, nothing, found.by_end
    )
