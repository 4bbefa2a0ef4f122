"""Continuation: branches of orbits along a change of what is given, through folds.

The equations F(u; s) = 0 are followed by pseudo-arclength: from a point with the tangent (u̇, ṡ) the next one is sought
on the plane a step σ further along it, where the matrix of

    F(u; s) = 0,    ⟨(u̇, ṡ), (u, s) − (u₀, s₀)⟩ = σ

is regular at folds too, where ∂F/∂u is not. ∂F/∂s is by the complex step. At a fold ṡ changes its sign, and that is
solved for; at a simple branch point, where two branches cross, the determinant of the matrix does.
Source: H. B. Keller, in Applications of Bifurcation Theory, ed. P. H. Rabinowitz (1977) 359.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.sparse import block_array, csc_array

from symdfi.ep.boundary import Boundary
from symdfi.ep.branch import Branch, Point
from symdfi.ep.homotopy import Equations, Homotopy, equations
from symdfi.ep.orbit import Orbit
from symdfi.ep.search import size
from symdfi.ep.setting import Signals, merged
from symdfi.errors import ConvergenceError, DivergenceError, SingularMatrixError, SymbolicError
from symdfi.linalg import SparseChainLU
from symdfi.linalg.blas import one_blas_thread
from symdfi.numbers import count, real

_TINY = 1e-30
#: Newton's steps to a point; the cosine between tangents that a step may turn by; the shortest step, in parts of the
#: first; how often the place of a branch point is halved.
_STEPS, _TURN, _SHORTEST, _HALVINGS = 8, 0.9, 1e-6, 20


@one_blas_thread()
def continuation(
    orbit: Orbit,
    params: Mapping[Any, Any] | None = None,
    *,
    inputs: Signals | None = None,
    targets: Signals | None = None,
    beta: float | None = None,
    boundary: Boundary | None = None,
    step: float = 0.05,
    points: int = 500,
) -> Branch:
    """The branch of orbits from one that is known to other ``params``, ``inputs``, ``targets``, another nudge ``beta``,
    and a ``boundary`` of the same kind with another T, energy or action: those that are given change along a straight
    line, s from 0 to 1, the others stay.

    The branch is followed through folds, where it turns back in s: ``Branch.folds`` has them, and
    ``Branch.branch_points`` the points where another branch crosses it. It ends at s = 1, back at s = 0, or after so
    many ``points`` (``Branch.reason``). ``step`` is the first step, in units of s and of the orbit's size; it is
    adapted, never above twice that. Of a cost with functions of integrals the weights stay those of the start.

    Raises ``SymbolicError`` for an orbit that is given by its beginning, which has no folds, and where a nudge has no
    orbit; ``ValueError`` for bad input; ``ConvergenceError`` where the branch is lost, with what there is of it as
    ``partial``; ``CompileError`` for a function without a form in complex arithmetic.
    """
    if not isinstance(orbit, Orbit):
        raise TypeError(f"the orbit is a {type(orbit).__name__}: give an orbit, as sd.extremize(...) returns it")
    if orbit.setting.boundary.is_marched:
        raise SymbolicError(
            "a trajectory given by its beginning is the only one: it has no folds; solve it anew instead"
        )
    if not (step := real(step, "step")) > 0:
        raise ValueError(f"step = {step} must be positive")
    points = count(points, "points", 2)
    if isinstance(orbit.beta, complex):
        raise ValueError("a complex orbit is not led on: begin with a real one")
    nudge = float(orbit.beta) if beta is None else real(beta, "beta")
    homotopy = Homotopy.of(orbit, params, merged(inputs, targets), nudge, boundary)
    walk = _Walk(equations(homotopy, orbit), float(np.sqrt(np.mean(orbit.q**2))))
    return _followed(walk, step, points)


@dataclass(frozen=True)
class _Spot:
    """A point with its tangent, and the sign of the determinant there."""

    u: np.ndarray
    s: float
    du: np.ndarray
    ds: float
    sign: float


@dataclass(frozen=True)
class _Walk:
    equations: Equations
    unit: float

    def begin(self) -> _Spot:
        u = self.equations.start()
        return self._spot(u, 0.0, np.zeros(u.size), 1.0)

    def point(self, spot: _Spot) -> Point:
        setting, path = self.equations.place(spot.u, spot.s)
        return Point(spot.s, setting, path, spot.u)

    def metric(self, u: np.ndarray) -> float:
        """The weight of |δu|² beside δs²."""
        # As large as the orbit, and where it is zero as what it has moved by.
        unit = max(self.unit, float(np.sqrt(np.mean(u**2)))) or 1.0
        return 1 / (u.size * unit**2)

    def ahead(self, spot: _Spot, step: float) -> _Spot | None:
        """The point a step further; none where Newton's method does not come to one."""
        metric = self.metric(spot.u)
        row = np.append(metric * spot.du, spot.ds)
        u, s, last = spot.u + step * spot.du, spot.s + step * spot.ds, np.inf
        for _ in range(_STEPS):
            try:
                rest = np.append(self._residual(u, s), 0.0)
                rest[-1] = row @ np.append(u - spot.u, s - spot.s) - step
                factor = self._factor(u, s, row)
                moved = factor.solve(rest.reshape(1, -1)).reshape(-1)
            except (DivergenceError, SingularMatrixError, ValueError):
                return None
            u, s, length = u - moved[:-1], s - moved[-1].item(), size(moved) / (self.unit or 1.0)
            if length <= 1e-12 or (length < 1e-8 and length > 0.3 * last):
                return self._spot(u, s, spot.du, spot.ds)
            if not np.isfinite(length) or length > 2 * last:
                return None
            last = length
        return None

    def at(self, spot: _Spot, s: float) -> _Spot | None:
        """The point with this s near one."""
        u, last = spot.u + (s - spot.s) / spot.ds * spot.du, np.inf
        for _ in range(_STEPS):
            try:
                factor = self._factor(u, s, np.append(np.zeros(u.size), 1.0))
                moved = factor.solve(np.append(self._residual(u, s), 0.0).reshape(1, -1)).reshape(-1)[:-1]
            except (DivergenceError, SingularMatrixError, ValueError):
                return None
            u, length = u - moved, size(moved) / (self.unit or 1.0)
            if length <= 1e-12 or (length < 1e-8 and length > 0.3 * last):
                return self._spot(u, s, spot.du, spot.ds)
            last = length
        return None

    def _spot(self, u: np.ndarray, s: float, du: np.ndarray, ds: float) -> _Spot:
        """With the tangent that goes on from another one."""
        metric = self.metric(u)
        factor = self._factor(u, s, np.append(metric * du, ds))
        unit = np.append(np.zeros(u.size), 1.0)
        tangent = factor.solve(unit.reshape(1, -1)).reshape(-1)
        tangent /= np.sqrt(metric * np.sum(tangent[:-1] ** 2) + tangent[-1] ** 2)
        return _Spot(u, s, tangent[:-1], tangent[-1].item(), factor.sign)

    def _residual(self, u: np.ndarray, s: float) -> np.ndarray:
        found = self.equations.residual(u, s)
        if not np.isfinite(found).all():
            raise DivergenceError("the equations are not finite")
        return found

    def _factor(self, u: np.ndarray, s: float, row: np.ndarray) -> SparseChainLU:
        by_s = np.imag(self.equations.residual(u, s + 1j * _TINY)) / _TINY
        parts = [[self.equations.matrix(u, s), csc_array(by_s[:, None])], [csc_array(row[None, :-1]), row[None, -1:]]]
        matrix = csc_array(block_array(parts, format="csc"))
        if not np.isfinite(matrix.data).all():
            raise DivergenceError("the derivatives of the equations are not finite")
        return SparseChainLU(matrix, 1, rcond_min=None)


def _followed(walk: _Walk, first: float, points: int) -> Branch:
    spot, step = walk.begin(), first
    branch = Branch(walk.equations, (walk.point(spot),), (), (), "")
    while len(branch.points) < points:
        found = walk.ahead(spot, step)
        fold = last = None
        if found is not None and _cosine(walk, spot, found) < _TURN:
            found = None
        if found is not None:
            fold = _fold(walk, spot, step) if spot.ds * found.ds < 0 else None
            furthest = max(found.s, fold.s) if fold is not None else found.s
            if not (found.s >= 0 and furthest <= 1):
                last = walk.at(spot, 1.0 if furthest > 1 else 0.0)
                fold, found = (None, None) if furthest > 1 or last is None else (fold, found)
        if found is None and last is None:
            step /= 2
            if step < _SHORTEST * first:
                raise ConvergenceError(
                    f"the branch is lost after {len(branch.points)} points, at s = {spot.s:.6g}: no orbit is found a "
                    f"step of {2 * step:.2g} further",
                    partial=replace(branch, reason="lost"),
                )  # fmt: skip
            continue
        if fold is not None:
            branch = replace(branch, folds=(*branch.folds, walk.point(fold)))
        elif found is not None and spot.sign * found.sign < 0:
            branch = replace(branch, branch_points=(*branch.branch_points, walk.point(_crossing(walk, spot, step))))
        if last is not None:
            reason = "s = 1 is reached" if last.s else "the branch comes back to s = 0"
            return replace(branch, points=(*branch.points, walk.point(last)), reason=reason)
        assert found is not None
        branch = replace(branch, points=(*branch.points, walk.point(found)))
        if _cosine(walk, spot, found) > 1 - (1 - _TURN) / 8:
            step = min(1.5 * step, 2 * first)
        spot = found
    return replace(branch, reason=f"{points} points")


def _cosine(walk: _Walk, one: _Spot, other: _Spot) -> float:
    metric = walk.metric(one.u)
    lengths = (np.sqrt(metric * spot.du @ spot.du + spot.ds**2) for spot in (one, other))
    return float((metric * one.du @ other.du + one.ds * other.ds) / np.prod(list(lengths)))


def _fold(walk: _Walk, spot: _Spot, step: float) -> _Spot:
    """Where ṡ vanishes on the way of a step."""

    def turning(length: float) -> float:
        found = walk.ahead(spot, length)
        if found is None:
            raise ConvergenceError(f"the fold near s = {spot.s:.6g} is lost", partial=None)
        return found.ds

    length = brentq(turning, 0.0, step, xtol=1e-9 * step, rtol=1e-14) if turning(0.0) * turning(step) < 0 else step
    found = walk.ahead(spot, float(length))
    return spot if found is None else found


def _crossing(walk: _Walk, spot: _Spot, step: float) -> _Spot:
    """Where the determinant changes its sign on the way of a step; as near as its matrix lets one come."""
    low, high, found = 0.0, step, spot
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if (at := walk.ahead(spot, middle)) is None:
            return found
        found = at
        low, high = (middle, high) if at.sign == spot.sign else (low, middle)
    return found
