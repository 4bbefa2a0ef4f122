"""Conservation of invariants by embedding: a step along their level set, and back onto it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import sympy as sp

from symdfi.dfi.invariants import Functionals, Values
from symdfi.dfi.problem import Problem
from symdfi.dfi.sampling import Quadrature
from symdfi.dfi.schemes import Motion, Step
from symdfi.dfi.steppers.base import Stepper
from symdfi.dfi.steppers.inertia import DFI
from symdfi.dfi.steppers.solves import Solves, SpaceRule
from symdfi.errors import DivergenceError
from symdfi.linalg.anchored.subspace import Orthogonal
from symdfi.symbolic.given import expression, sequence

_EPS = float(np.finfo(float).eps)
#: Units of rounding within which an invariant counts as kept, and those it may be off where Newton's method stalls.
_KEPT, _STALLED = 4.0, 1e3
_ITERATIONS = 12
#: Gradients count as dependent where less than this part of one is orthogonal to the others.
_DEPENDENT = 1e-9


@dataclass(frozen=True)
class Conserving(Stepper):
    """Keeps ``invariants`` to rounding, around any ``stepper`` of least squares: nonlinear embeddings
    (arXiv:2310.07485; theory of DFI, "Conservation").

    Every solve is over the v with ∇I_k(θ)·v = 0, so that the stages run along the level set, and after a step θ goes
    back onto I(θ) = I₀ by Newton's method, the shortest way. I₀ is that of the beginning and belongs to the run.

    ``invariants`` are a mapping of names to SymPy expressions, or a list of these, in ``Integral`` nodes over the whole
    domain: ``{"mass": Integral(u, (x, a, b)), "energy": Integral(u.diff(x)**2/2 - u**3, (x, a, b))}``; those of a
    nonlocal equation may be double integrals and integrals of integrals. They are summed on the problem's quadrature,
    or on ``quadrature`` where given, as is needed where the problem's changes from step to
    step. ``stepper`` may be an ``RSNG``, whose columns are chosen first.

    Raises ``SymbolicError`` in the run for what is no such expression, ``DivergenceError`` where there is no way back.
    """

    invariants: Mapping[str, sp.Expr] | Sequence[sp.Expr]
    stepper: Stepper = field(default_factory=DFI)
    quadrature: Quadrature | None = None

    def __post_init__(self) -> None:
        named = self.invariants
        if not isinstance(named, Mapping):
            named = {f"invariant {k}": e for k, e in enumerate(sequence(named, "the invariants"))}
        if not named:
            raise ValueError("the list of the invariants is empty")
        exprs = {name: expression(expr, f"the invariant {name}") for name, expr in named.items()}
        object.__setattr__(self, "invariants", exprs)
        if not isinstance(self.stepper, Stepper):
            raise TypeError(f"the stepper of Conserving is a {type(self.stepper).__name__}: give a Stepper, DFI() say")

    def step(self, solves: Solves, motion: Motion, time: float, h: float) -> Step:
        functionals = self._functionals(solves.problem)
        goal = motion.own.get("invariants")
        goal = functionals.at(motion.theta).values if goal is None else goal
        with solves.within(_level(functionals)):
            taken = self.stepper.step(solves, motion, time, h)
        theta = taken.motion.theta
        if np.isfinite(theta).all():
            theta = _projected(functionals, theta, goal)
        own = {**taken.motion.own, "invariants": goal}
        return replace(taken, motion=replace(taken.motion, theta=theta, own=own))

    def velocity(self, solves: Solves, motion: Motion, time: float, h: float) -> np.ndarray:
        with solves.within(_level(self._functionals(solves.problem))):
            return self.stepper.velocity(solves, motion, time, h)

    def begin(self, solves: Solves, theta: np.ndarray, time: float, h: float) -> np.ndarray:
        with solves.within(_level(self._functionals(solves.problem))):
            return self.stepper.begin(solves, theta, time, h)

    def of(self, problem: Problem, theta: np.ndarray) -> dict[str, float]:
        """The invariants at θ by name."""
        functionals = self._functionals(problem)
        return dict(zip(functionals.names, functionals.at(problem.theta(theta)).values.tolist(), strict=True))

    def _functionals(self, problem: Problem) -> Functionals:
        if self.quadrature is None and problem.quadrature.changes:
            raise ValueError("the samples of the problem change from step to step: give Conserving a quadrature")
        assert isinstance(self.invariants, Mapping)
        at = problem if self.quadrature is None else problem.original
        return _compiled(at, self.quadrature, tuple(self.invariants.items()))


@functools.lru_cache(maxsize=8)
def _compiled(problem: Problem, quadrature: Quadrature | None, named: tuple[tuple[str, sp.Expr], ...]) -> Functionals:
    at = problem if quadrature is None else problem.sampled(quadrature.nodes(problem.domain))
    return Functionals(at, dict(named))


def _level(functionals: Functionals) -> SpaceRule:
    """The velocities along which no invariant changes."""

    def rule(theta: np.ndarray, time: float, spaces: list) -> Orthogonal:
        gradients = functionals.at(theta).gradients.T
        if not np.isfinite(gradients).all():
            raise ValueError("the gradients of the invariants are not finite")
        for space in spaces:
            gradients = space.onto(gradients)
        return Orthogonal.to(gradients.T)

    return rule


def _projected(functionals: Functionals, theta: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """θ moved onto I(θ) = ``goal``."""
    found = functionals.at(theta)
    before, room, last = found.values, _rounding(found, theta), np.inf
    for _ in range(_ITERATIONS):
        missing = goal - found.values
        worst = float((np.abs(missing) / room).max())
        if worst <= _KEPT or (worst <= _STALLED and worst > 0.5 * last):
            return theta
        last = worst
        lengths = np.linalg.norm(found.gradients, axis=1)
        lengths[~(lengths > 0)] = 1.0
        units = found.gradients / lengths[:, None]
        theta = theta + np.linalg.lstsq(units, missing / lengths, rcond=_DEPENDENT)[0]
        found = functionals.at(theta)
        if not all(np.isfinite(part).all() for part in (theta, found.values, found.gradients)):
            break
    k = int(np.argmax(np.abs(goal - before) / room))
    name = functionals.names[k]
    raise DivergenceError(f"{name} cannot be brought back from {before[k]:.6g} to {goal[k]:.6g} after the step")


def _rounding(found: Values, theta: np.ndarray) -> np.ndarray:
    """What rounding errors of the sums and of θ make of the invariants."""
    room = _EPS * (found.scales + np.abs(found.gradients) @ np.abs(theta))
    return np.where(room > 0, room, 1.0)
