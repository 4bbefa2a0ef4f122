"""What the solvers of anchored least squares share: the problem, its factor and its solution."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from symdfi.linalg.anchored.rows import Rows, real
from symdfi.linalg.anchored.source import Read, Source
from symdfi.linalg.spectrum import Array, Spectrum
from symdfi.linalg.subnormals import flushed
from symdfi.showing import Settings


@dataclass(frozen=True)
class AnchoredSolution:
    """Result of an anchored least-squares solve.

    Attributes
    ----------
    v
        The minimiser v+, shape (p,).
    gamma
        The regularisation used: gamma, or gamma sigma_1(J)^2 if it was asked for relative to the spectrum.
    sigma_max
        sigma_1(J). Evaluated on first access, unless the solve needed it. From the singular values with `SVD`
        and `TruncatedSVD`, otherwise by Lanczos iteration (a lower bound, relative error about 1e-6, at worst
        5e-4).
    effective_rank
        sum_i sigma_i^2 / (sigma_i^2 + gamma), how many directions the data decide and not the anchor.
        Evaluated on first access: as (order of the factor) - gamma trace((G + gamma I)^-1), about p^3/3
        operations, where no singular values are at hand; NaN from `LSMR`, which sees none of them.
    undecided
        ||gamma (J^T J + gamma I)^-1 v|| / ||v||, the share of v in the directions that the anchor decides and not the
        data: of v in the null space of J it is 1. Evaluated on first access, by one solve with the factor; NaN from
        `LSMR`.
    solver
        The solver that found it: of `Auto`, the one it chose.
    iterations
        How many an iterative solver took, None for the others.
    coordinates
        Of a solve within a subspace v in its coordinates, which the spectrum is of.
    """

    v: Array
    gamma: float
    spectrum: Spectrum = field(repr=False)
    solver: AnchoredSolver | None = None
    iterations: int | None = None
    coordinates: Array | None = field(default=None, repr=False)

    @cached_property
    def sigma_max(self) -> float:
        """sigma_1(J)."""
        return self.spectrum.sigma_max()

    @cached_property
    def effective_rank(self) -> float:
        """sum_i sigma_i^2 / (sigma_i^2 + gamma)."""
        return self.spectrum.effective_rank()

    @cached_property
    def undecided(self) -> float:
        """||gamma (J^T J + gamma I)^-1 v|| / ||v||, 0 for v = 0."""
        v = self.v if self.coordinates is None else self.coordinates
        length = float(np.linalg.norm(v))
        return float(np.linalg.norm(self.spectrum.undecided(v))) / length if length > 0 else 0.0


@dataclass(frozen=True)
class Factor(ABC):
    """J and gamma factorised, ready for any right-hand side f and any anchor. Nothing in it changes.

    Attributes
    ----------
    shape
        (n, p) of J.
    spectrum
        What is known of the singular values of J, and the absolute gamma.
    """

    shape: tuple[int, int]
    spectrum: Spectrum = field(repr=False)

    @abstractmethod
    def reduce(self, source: Source, target: Array | None) -> Array:
        """What `minimiser` needs of f - J target, of the rows that were factorised with any f."""

    @abstractmethod
    def minimiser(self, reduced: Array, target: Array | None) -> Array:
        """v+ (p,) from the reduced right-hand side; no target is the zero one."""

    def solution(self, reduced: Array, target: Array | None) -> AnchoredSolution:
        """v+ with what is known about it."""
        return AnchoredSolution(self.minimiser(reduced, target), self.spectrum.gamma, self.spectrum)


class AnchoredSolver(Settings, ABC):
    """A way of solving v+ = argmin ||J v - f||^2 + gamma ||v - mu v_n||^2 (theory of DFI, "The step")."""

    def solve(
        self, rows: Rows | Source, anchor: Array, gamma: float, *, relative: bool = False, mu: float = 1.0
    ) -> AnchoredSolution:
        """Minimise ||J v - f||^2 + gamma ||v - mu v_n||^2 over v: `init` and `compute` in one pass over the rows.

        Parameters
        ----------
        rows
            Row blocks (J_block (b, p), f_block (b,)) of J and f, one or several. Read once; all blocks may
            use the same buffer. Stack real and imaginary parts of complex rows as rows. Or a `Source`, which makes
            them in the form that the solver asks for: `Products` if there is no J, ``Problem.source(theta, t)``.
        anchor
            v_n, shape (p,).
        gamma
            Regularisation, >= 0; in units of sigma_1(J)^2 if `relative`.
        mu
            Damping of the anchor.

        Raises
        ------
        ValueError
            Wrong shapes, complex or non-finite input, negative gamma; the message names which.
        SingularMatrixError
            The regularised problem is singular to working precision; has attributes gamma and sigma_max.
        """
        target = _target(anchor, mu)
        _check_gamma(gamma)
        with flushed():
            factor, reduced = self._factorise(_source(rows, target.size), target, float(gamma), relative)
            return self._solution(factor, reduced, target)

    def init(self, rows: Rows | Source, gamma: float, *, relative: bool = False) -> Factor:
        """Factorise J and gamma, for `compute`. Arguments and errors as in `solve`; of ``rows`` only J counts."""
        _check_gamma(gamma)
        with flushed():
            return self._factorise(_source(rows), None, float(gamma), relative)[0]

    def compute(self, factor: Factor, rows: Rows | Source, anchor: Array, *, mu: float = 1.0) -> AnchoredSolution:
        """The minimiser for another f or anchor.

        Parameters
        ----------
        factor
            From `init`.
        rows
            The J that was factorised, with any f. Read once, in blocks of any size.
        anchor, mu
            As in `solve`.

        Raises
        ------
        ValueError
            As in `solve`, and if J has another shape than the one factorised.
        """
        target, (n, p) = _target(anchor, mu), factor.shape
        if target.size != p:
            raise ValueError(f"anchor must have shape ({p},) as the factor is of a J ({n}, {p}), got {target.shape}")
        with flushed():
            reduced = factor.reduce(_source(rows, p), target)
            return self._solution(factor, reduced, target)

    def _solution(self, factor: Factor, reduced: Array, target: Array) -> AnchoredSolution:
        solution = factor.solution(reduced, target)
        return solution if solution.solver is not None else replace(solution, solver=self)

    @abstractmethod
    def _factorise(self, source: Source, target: Array | None, gamma: float, relative: bool) -> tuple[Factor, Array]:
        """The factor, and the right-hand side of the same rows reduced for it (`Factor.reduce`).

        The source is asked once, in one form; ``target`` is the damped anchor mu v_n.
        """


def _source(rows: Rows | Source, p: int | None = None) -> Source:
    """Rows in whatever form; ``ValueError`` if they are not of p parameters."""
    if not isinstance(rows, Source):
        return Read(rows, p)
    shape = rows.shape()
    if p is not None and shape is not None and shape[1] != p:
        raise ValueError(f"J must have shape (n, {p}) as the anchor, got {shape}")
    return rows


def _target(anchor: Array, mu: float) -> Array:
    """mu v_n."""
    anchor = real("anchor", anchor)
    if anchor.ndim != 1 or anchor.size == 0:
        raise ValueError(f"anchor must have shape (p,) with p > 0, got {anchor.shape}")
    if not np.isfinite(anchor).all():
        raise ValueError("anchor is not finite")
    if not np.isfinite(mu):
        raise ValueError(f"mu must be finite, got {mu}")
    return mu * anchor


def _check_gamma(gamma: float) -> None:
    if not (gamma >= 0 and np.isfinite(gamma)):
        raise ValueError(f"gamma must be finite and >= 0, got {gamma}")
