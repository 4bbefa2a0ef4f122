"""Conditions on the faces of the domain, as further rows of J and f.

c(t, x, u, u_x, ...) = 0 on a face holds in time if dc/dt = 0, which is linear in θ̇: ∂c/∂θ θ̇ = −∂c/∂t. Where the ansatz
does not fulfil the condition by itself, these are rows √(ω w_s) at points x_s of the face.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp

from symdfi.dfi.domain import Box
from symdfi.dfi.expressions import Evaluating, Expressions
from symdfi.dfi.sampling import Quadrature, Rule
from symdfi.dfi.sampling.base import tensor
from symdfi.dfi.source import Rows
from symdfi.errors import SymbolicError
from symdfi.linalg import Source
from symdfi.linalg.anchored.source import Held
from symdfi.linalg.anchored.stacked import Stacked
from symdfi.numbers import real, reals
from symdfi.showing import Settings
from symdfi.symbolic.given import Lookup, name_of


@dataclass(frozen=True)
class BoundaryCondition(Settings):
    """``Eq(B(u), g)`` on faces of the box: Dirichlet ``Eq(u, sin(t))``, Neumann ``Eq(u.diff(x), 0)``, Robin
    ``Eq(u.diff(x) + k*u, g)``, or any other expression in t, x, the fields and their space derivatives.

    ``on`` gives by variable the ends at which it holds, ``{x: -1}`` or ``{x: (-1, 1), y: 0}``; without it these are all
    faces but those of periodic axes. The problem then minimises

        ‖J v − f‖² + ω ∫ (∂c/∂θ v + ∂c/∂t + κ c)² dS,    c = B(û) − g,

    ω = ``weight``, in units of (∂ₜu)² dx against (∂ₜc)² dS, and κ = ``rate``: with κ > 0 what c has strayed fades as
    e^{−κt}, else it stays. Points on a face are those of the problem's tensor rule without that axis, or of
    ``quadrature``, a rule of dimension d − 1. Start from a state that fulfils the condition. Of a complex field real
    and imaginary part are a row each.

    Raises ``ValueError`` for a weight that is not positive or a negative rate, ``SymbolicError`` for what is no
    equation, and, with the problem, for what is no face of its box.
    """

    condition: sp.Eq
    on: Mapping[Any, float | Sequence[float]] | None = None
    weight: float = 1.0
    rate: float = 0.0
    quadrature: Quadrature | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.condition, sp.Eq):
            raise SymbolicError(f"a boundary condition is Eq(u, g), not {self.condition!r}")
        if not real(self.weight, "the weight of a boundary condition") > 0:
            raise ValueError(f"the weight {self.weight} of the boundary condition {self.condition} must be positive")
        if real(self.rate, "the rate of a boundary condition") < 0:
            raise ValueError(f"the rate {self.rate} of the boundary condition {self.condition} must not be negative")

    def faces(self, variables: Sequence[sp.Symbol], box: Box) -> Iterator[tuple[int, float]]:
        """The axis and the end of every face."""
        if self.on is None:
            yield from ((k, end) for k, ends in enumerate(box.bounds) if not box.periodic[k] for end in ends)
            return
        unknown = lambda name: f"the boundary condition {self.condition} is on {name}, which is no variable"  # noqa: E731
        for variable, given in Lookup(variables).read(self.on, unknown).items():
            axis = variables.index(variable)
            for end in np.atleast_1d(reals(given, f"the ends of {name_of(variable)}")).tolist():
                if box.periodic[axis] or end not in box.bounds[axis]:
                    raise SymbolicError(
                        f"the boundary condition {self.condition} is on {variable} = {end:g}, which is no face of the "
                        f"box: {variable} has the ends {box.bounds[axis]}" + " and is periodic" * box.periodic[axis]
                    )
                yield axis, end

    def rule(self, axis: int, end: float, box: Box, quadrature: Quadrature, fresh: bool) -> Rule:
        """Points and weights on a face."""
        if not np.isfinite(end):
            raise ValueError(f"the boundary condition {self.condition} is on a face at infinity")
        others = [k for k in range(box.dim) if k != axis]
        if self.quadrature is not None and others:
            face = Box([box.bounds[k] for k in others], [box.periodic[k] for k in others])
            found = Rule(*(self.quadrature.independent(face) if fresh else self.quadrature.nodes(face)))
        else:
            lines = [(quadrature.along(k), Box([box.bounds[k]], [box.periodic[k]])) for k in others]
            found = tensor([
                Rule(np.zeros((1, 0)), np.ones(1)),
                *(Rule(*(rule.independent(line) if fresh else rule.nodes(line))) for rule, line in lines),
            ])  # fmt: skip
        return Rule(np.insert(found.points, axis, end, axis=1), found.weights)


@dataclass(frozen=True)
class Face:
    """A condition at points on a face, and √(ω w)."""

    condition: BoundaryCondition
    expressions: Expressions
    rule: Rule
    root: np.ndarray


@dataclass(frozen=True)
class Boundary:
    """The ``conditions`` of a problem, and the faces, an axis and an end each, that its ansatz is ``said`` to hold."""

    problem: Evaluating
    conditions: tuple[BoundaryCondition, ...]
    domain: Box
    quadrature: Quadrature
    said: tuple[tuple[int, float], ...] = ()
    #: The s of a stage of an implicit scheme, in which θ moves over s to where c is to vanish.
    span: float | None = None
    _faces: dict[bool, list[Face]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.conditions:
            self.faces(False)

    def faces(self, fresh: bool) -> list[Face]:
        if fresh not in self._faces:
            self._faces[fresh] = list(self._made(fresh))
        return self._faces[fresh]

    def _made(self, fresh: bool) -> Iterator[Face]:
        for condition in self.conditions:
            c = condition.condition.lhs - condition.condition.rhs
            expressions = Expressions(self.problem, (c,), f"the boundary condition {condition.condition}")
            for axis, end in condition.faces(self.problem.ansatz.variables, self.domain):
                rule = condition.rule(axis, end, self.domain, self.quadrature, fresh)
                rule = rule.checked(self.domain, "boundary point")
                yield Face(condition, expressions, rule, np.sqrt(condition.weight * rule.weights))

    def rows(self, theta: np.ndarray, time: float) -> tuple[np.ndarray, np.ndarray]:
        """Of all conditions √(ω w) ∂c/∂θ (b, p) and −√(ω w) (∂c/∂t + κ c) (b,); of a stage, for the change of the rate
        at which θ moves, −√(ω w) c/s."""
        jacobians, sides = [], []
        for face in self.faces(False):
            jacobian, value, rate = face.expressions.rows(theta, time, face.rule.points, face.root)
            jacobians.append(jacobian.reshape(-1, theta.size))
            missing = rate + face.condition.rate * value if self.span is None else value / self.span
            sides.append(-missing.ravel())
        return np.concatenate(jacobians), np.concatenate(sides)

    def error(self, theta: np.ndarray, time: float) -> float:
        """√Σ∫c² dS over all faces, on points independent of those solved on."""
        total = 0.0
        for face in self.faces(True):
            _, value, _ = face.expressions.rows(theta, time, face.rule.points, np.sqrt(face.rule.weights))
            total += float(np.sum(value**2))
        return float(np.sqrt(total))


@dataclass(frozen=True)
class RowsWithBoundary(Stacked, Rows):
    """The rows at the samples of a problem, and below them those of its boundary conditions."""

    inside: Rows
    boundary: Held

    @staticmethod
    def of(inside: Rows, boundary: Boundary, theta: np.ndarray, time: float) -> RowsWithBoundary:
        held = Held(*boundary.rows(theta, time))
        return RowsWithBoundary((inside, held), inside, held)

    def again(self) -> Source:
        return self

    def fault(self) -> str | None:
        largest = np.sqrt(np.finfo(float).max)
        for name, values in (("J", self.boundary.jacobian), ("f", self.boundary.f)):
            sizes = np.abs(values)
            if not (sizes < largest).all():
                return f"{name} of a boundary condition is {sizes.max():.3g}"
        return self.inside.fault()
