"""What a quadrature rule is, fixed or one that changes from step to step."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from symdfi.dfi.domain import Box
from symdfi.numbers import reals
from symdfi.showing import Settings
from symdfi.symbolic.ansatz import Ansatz


class Sampled(Protocol):
    """What a rule sees of a problem: its domain, its ansatz, and the samples it has now."""

    @property
    def domain(self) -> Box: ...
    @property
    def ansatz(self) -> Ansatz: ...
    @property
    def points(self) -> np.ndarray: ...
    @property
    def weights(self) -> np.ndarray: ...
    def evaluate(self, theta: np.ndarray, points: np.ndarray, /) -> np.ndarray:
        """û(x; θ), of shape (n,) or (F, n)."""
        ...


class Rule(NamedTuple):
    """Points x_s of shape (n, dim) and weights w_s of shape (n,), with Σ w_s g(x_s) ≈ ∫ g dx."""

    points: np.ndarray
    weights: np.ndarray

    def checked(self, domain: Box, name: str) -> Rule:
        """The rule as contiguous arrays. ``ValueError`` naming the point or weight that cannot be used."""
        points, weights = (np.ascontiguousarray(reals(part, f"the quadrature's {name}s")) for part in self)
        if points.shape != (len(weights), domain.dim) or weights.ndim != 1 or len(weights) == 0:
            raise ValueError(f"the quadrature gave {name}s {points.shape} and weights {weights.shape}")
        finite_points(points, name)
        for sound, rule in ((weights >= 0, "not be negative"), (np.isfinite(weights), "be finite")):
            if not sound.all():
                bad = int(np.argmin(sound))
                raise ValueError(f"the weight of {name} {bad} is {weights[bad]}: it must {rule}")
        return Rule(points, weights)


class Quadrature(Settings, abc.ABC):
    """Points x_s and weights w_s with Σ w_s g(x_s) ≈ ∫ g dx over the domain.

    A rule that ``changes`` has other samples in every step: ``nodes`` are those before there is a solution, and what
    ``at`` gives depends on its arguments alone, so that a run that is taken up again meets the same samples.
    """

    @abc.abstractmethod
    def nodes(self, domain: Box) -> tuple[np.ndarray, np.ndarray]:
        """Points (n, dim) and weights (n,)."""

    @abc.abstractmethod
    def independent(self, domain: Box) -> tuple[np.ndarray, np.ndarray]:
        """Another set of points and weights of the same quality, none of them a node: for honest residuals."""

    def along(self, axis: int) -> Quadrature:
        """The rule of one dimension that this tensor rule has along an axis. ``ValueError`` for one that is none."""
        raise ValueError(
            f"{type(self).__name__} is no tensor rule: for an integral over a part of the variables take a Grid, "
            "GaussLegendre or GaussHermite, and give a boundary condition a quadrature of its own"
        )

    @property
    def changes(self) -> bool:
        """Whether there are new samples in every step."""
        return False

    @property
    def evaluations(self) -> int:
        """At how many points û is evaluated to choose the samples of a step."""
        return 0

    def at(self, step: int, problem: Sampled, theta: np.ndarray) -> tuple[Rule, Rule]:
        """Nodes and independent points of step ``step`` = 0, 1, ..., which begins at θ (p,). ``problem`` holds the
        samples before."""
        return Rule(*self.nodes(problem.domain)), Rule(*self.independent(problem.domain))


def product(axes: Sequence[tuple[np.ndarray, np.ndarray]]) -> Rule:
    """The tensor product of rules, one an axis."""
    return tensor([Rule(x[:, None], w) for x, w in axes])


def tensor(rules: Sequence[Rule]) -> Rule:
    """The tensor product of rules of any dimensions, the last one fastest."""
    counts = [len(rule.weights) for rule in rules]
    numbers = np.indices(counts).reshape(len(counts), -1)
    weights = np.ones(1)
    for rule in rules:
        weights = np.multiply.outer(weights, rule.weights)
    points = [rule.points[own] for rule, own in zip(rules, numbers, strict=True)]
    return Rule(np.concatenate(points, axis=1), weights.ravel())


def finite_points(points: np.ndarray, name: str) -> None:
    """``ValueError`` naming the first of ``points`` (n, dim) that is not finite."""
    if not np.isfinite(points).all():
        bad = int(np.argmin(np.isfinite(points).all(axis=1)))
        raise ValueError(f"the {name} at sample {bad} is not finite: {points[bad]}")
