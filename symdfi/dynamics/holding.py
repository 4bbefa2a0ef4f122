"""Systems under constraints on arrays: multipliers, forces and residuals of constraints, and projection onto them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import sympy as sp

from symdfi.dynamics.evaluation import States
from symdfi.dynamics.singular import Solving
from symdfi.errors import ConvergenceError, SingularMatrixError, SymbolicError
from symdfi.linalg import saddle
from symdfi.symbolic.constraints import Constraint

Sizes = Mapping[sp.Symbol, int]
#: A state is on its constraints where they are off by no more of what rounding in the state is measured by.
CONSISTENT = 1e-10
#: A constraint whose row depends on those of others to so much is one too many.
_DEPENDENT = 1e-10
#: The largest system that is searched for the constraint at fault.
_SEARCHED = 2000


class Holding(Solving):
    """What a system does under constraints; states, parameters and inputs as in ``CompiledLagrangian``."""

    def multipliers(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """λ of M q̈ = F + Gᵀλ, the constraints one after the other, each in row-major order: ``(..., m)``.

        ``SymbolicError`` for a system without constraints, ``SingularMatrixError`` as ``acceleration``.
        """
        states = self._constrained_states(q, v, params, time, inputs)
        at = states.at
        length = at.n + self._count(at.sizes)
        found = self.evaluate(self.constrained.solution_kernel, states, length)
        self.check_solved(found, states)
        return found[..., at.n :]

    def constraint_forces(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """The generalized forces Gᵀλ of the constraints, ``(..., n_dof)``. Errors as ``multipliers``."""
        states = self._constrained_states(q, v, params, time, inputs)
        found = self.evaluate(self.constrained.forces_kernel, states, states.at.n)
        self.check_solved(found, states)
        return states.shaped(found)

    def constraint_residual(
        self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """φ of the holonomic constraints and dφ/dt (ψ) of all of them, ``(..., m_holonomic)`` and ``(..., m)``.

        ``SymbolicError`` for a system without constraints.
        """
        states = self._constrained_states(q, v, params, time, inputs)
        at = states.at
        m, kept = self._count(at.sizes), []
        found = self.evaluate(self.constrained.residual_kernel, states, 4 * m)
        for constraint, start, stop in self._rows(at.sizes):
            kept += range(start, stop) if constraint.is_holonomic else ()
        return found[..., kept], found[..., m : 2 * m]

    def project(
        self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The states moved onto the constraints: first q, by Gauss–Newton steps that are the shortest in the metric of
        M, then v, to the nearest velocity in that metric that keeps them. Constraints then hold to rounding.

        ``SymbolicError`` for a system without constraints; ``ConvergenceError`` (its ``partial`` the states, NaN where
        they could not be moved) where constraints contradict one another, or q is too far from them.
        """
        states = self._constrained_states(q, v, params, time, inputs)
        at = states.at
        found = self.evaluate(self.constrained.projected_kernel, states, 2 * at.n)
        moved = np.split(found, 2, axis=-1)
        result = states.shaped(moved[0]), moved[1].reshape(moved[1].shape[:-1] + at.own_v)
        failed = np.argwhere(~np.isfinite(found).all(axis=-1))
        if len(failed):
            point = tuple(map(int, failed[0]))
            length = 4 * self._count(at.sizes)
            off = self.evaluate(self.constrained.residual_kernel, states, length)[point]
            where = f" of state {point}" if point else ""
            worst = self.worst_constraint(off, at.sizes)
            raise ConvergenceError(
                f"no state on the constraints was found near q{where}, the one furthest off there is {worst}",
                partial=result, point=point,
            )  # fmt: skip
        return result

    def worst_constraint(self, residual: np.ndarray, sizes: Sizes) -> str:
        """The constraint that is off the most, in words, and by how much; from what ``residual_kernel`` gives."""
        off = np.abs(residual.reshape(4, -1))
        m = off.shape[1]
        relative = self.inconsistency(residual).reshape(-1)
        worst = int(np.argmax(np.where(np.isnan(relative), np.inf, relative)))
        level = "its time derivative" if worst >= m and self._owner(worst % m, sizes).is_holonomic else "it"
        return f"{self._named(worst % m, sizes)}: {level} is {residual[worst]:.3g}, not 0"

    def inconsistency(self, residual: np.ndarray) -> np.ndarray:
        """By how much constraints are off, ``(..., 2 m)``, of what rounding in the state is measured by."""
        levels, scale = np.split(np.abs(residual), 2, axis=-1)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.where(levels == 0.0, 0.0, levels / scale)

    def refuse_singular(self, state: States, *, partial: Any = None, point: tuple[int, ...] = ()) -> None:
        """As of any system where there are no constraints. ``SingularMatrixError`` for constraints of one state that do
        not tell the accelerations: which of them follow from the others, or along which ``direction`` there is neither
        mass nor a constraint. Nothing happens if M or G are not finite."""
        if not self.system.constraints:
            super().refuse_singular(state, partial=partial, point=point)
            return
        q, v, n, ints = state.q, state.v, state.at.n, state.ints
        plan = ints[ints.size - ints[-1] : -1]
        m, counts = int(plan[1]), [int(plan[3]), int(plan[4])]
        entries = [np.empty(counts[0]), np.empty(counts[1]), np.empty(2 * m)]
        self.constrained.geometry.function(
            state.at.order, ints, q, v, state.packed, state.drive, float(state.time), *entries
        )
        if not all(np.isfinite(x).all() for x in entries[:2]):
            return
        where = f"q{f' of state {point}' if point else ''} = {np.array2string(q, threshold=8)}"
        if n + m > _SEARCHED:
            raise SingularMatrixError(
                f"the {m} constraints do not tell the accelerations at {where}: some follow from others, or there is "
                "a direction without mass and constraint", partial=partial, point=point,
            )  # fmt: skip
        mass, jacobian = saddle.matrices(plan, entries[0], entries[1])
        dependent = _dependent_rows(jacobian)
        if dependent.size:
            names = "; ".join(self._named(int(k), state.at.sizes) for k in dependent[:3])
            reason = "follow from others" if jacobian[dependent[0]].any() else "are changed by no velocity"
            raise SingularMatrixError(
                f"constraints {reason} at {where}: {names}"
                + (f" and {dependent.size - 3} more" if dependent.size > 3 else ""),
                partial=partial, point=point,
            )  # fmt: skip
        free = np.linalg.svd(jacobian)[2][m:]
        values, vectors = np.linalg.eigh(free @ mass @ free.T)
        direction = free.T @ vectors[:, np.argmin(np.abs(values))]
        raise SingularMatrixError(
            f"the mass matrix is singular at {where}, along {self.combination(direction, state.at.sizes)}, which no "
            "constraint holds", partial=partial, point=point, direction=direction,
        )  # fmt: skip

    def _constrained_states(self, q: Any, v: Any, params: Any, time: Any, inputs: Any) -> States:
        if not self.system.constraints:
            raise SymbolicError("the system has no constraints: give Lagrangian(..., constraints=[...])")
        return self.read_states(q, v, params, time, inputs)

    def _count(self, sizes: Sizes) -> int:
        return int(self.constrained.count.subs(sizes))

    def _rows(self, sizes: Sizes) -> Iterator[tuple[Constraint, int, int]]:
        """Every constraint with its first place among the multipliers and the end of its places."""
        start = 0
        for constraint in self.system.constraints:
            stop = start + int(constraint.count.subs(sizes))
            yield constraint, start, stop
            start = stop

    def _owner(self, row: int, sizes: Sizes) -> Constraint:
        return next(c for c, start, stop in self._rows(sizes) if start <= row < stop)

    def _named(self, row: int, sizes: Sizes) -> str:
        """A constraint of the system in words, with the values of its indices."""
        for constraint, start, stop in self._rows(sizes):
            if start <= row < stop and constraint.limits:
                shape = [int(extent.subs(sizes)) for extent in constraint.extents]
                lowers = [int(lower.subs(sizes)) for _, lower, _ in constraint.limits]
                values = np.array(np.unravel_index(row - start, shape)) + lowers
                at = ", ".join(f"{i} = {k}" for i, k in zip(constraint.indices, values, strict=True))
                return f"{constraint.shown}, at {at}"
        return self._owner(row, sizes).shown


def _dependent_rows(jacobian: np.ndarray) -> np.ndarray:
    """The rows of G that depend on those before them, each row taken in its own units."""
    largest = np.abs(jacobian).max(axis=1, initial=0.0, keepdims=True)
    rows = jacobian / np.where(largest > 0, largest, 1.0)
    basis: list[np.ndarray] = []
    found = []
    for k, row in enumerate(rows):
        left = row.copy()
        for _ in range(2):  # once more, against rounding
            for unit in basis:
                left -= unit * (unit @ left)
        size = np.linalg.norm(left)
        if size <= _DEPENDENT * max(np.linalg.norm(row), 1.0):
            found.append(k)
        else:
            basis.append(left / size)
    return np.array(found, dtype=int)
