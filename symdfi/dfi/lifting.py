"""The error of a solution whose conditions on the boundary are rows, which hold them up to some c(t).

A polynomial w(x, t) with B(w) = c on the faces is taken off: ũ = û − w holds the conditions, and obeys the equation up
to R̃ = ∂ₜũ − f(ũ). So any bound of ‖ũ − u‖ by a residual applies to it, and ‖û − u‖ ≤ ‖ũ − u‖ + ‖w‖. Of all
polynomials of its degree w is the smallest in L².
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp

from symdfi.dfi.defect import GAUSS, RATES, VALUES
from symdfi.dfi.faces import order_of
from symdfi.dfi.growth import logarithmic_norm
from symdfi.dfi.problem import Problem
from symdfi.symbolic.ansatz import Ansatz

#: How far from a face, in parts of the box, a derivative there is taken, and what parts of ∂û/∂θ are told from 0.
_NEAR, _FREE = 1e-5, 1e-2
#: Conditions are consistent where they hold to this part of them.
_CONSISTENT = 1e-9


@dataclass(frozen=True)
class Lifting:
    """``lifted`` is the problem of ũ, its parameters those of û and the coefficients κ of w, A κ = c, in polynomials
    that are orthonormal in L² of the fields' ``scales`` √ω; ``inverse`` is A⁺."""

    problem: Problem
    lifted: Problem
    inverse: np.ndarray
    scales: np.ndarray

    @staticmethod
    def of(problem: Problem) -> Lifting | str:
        """The lifting of a problem, or why there is none."""
        boundary, domain = problem.boundary, problem.domain
        if domain.dim > 1 or not domain.finite:
            return "the conditions on the boundary are rows, whose error is bounded in one dimension, on a finite box"
        if any(problem.equation.complex) or problem.quadrature.changes or boundary.said:
            return "the conditions on the boundary are rows, of a complex field, of changing samples or of some faces"
        fields, (x,), (ends,) = problem.equation.fields, problem.ansatz.variables, domain.bounds
        faces = boundary.faces(False)
        length, degree = ends[1] - ends[0], len(faces)
        basis = [
            sp.sqrt(sp.Float((2 * k + 1) / length)) * sp.legendre(k, (2 * x - ends[0] - ends[1]) / length)
            for k in range(degree + 1)
        ]
        rows = []
        for face in faces:
            (c,) = face.expressions.exprs
            row = _linear(c, problem, basis)
            if row is None:
                return "a condition on the boundary is not linear in the fields, with constant coefficients"
            (end,) = face.rule.points[0]
            rows.append([float(entry.subs(x, end)) for entry in row])
        matrix, scales = np.array(rows), np.repeat(problem.field_scales, len(basis))
        # The smallest w in the norm of all fields together.
        inverse = np.linalg.pinv(matrix / scales) / scales[:, None]
        if not np.allclose(matrix @ inverse, np.eye(len(matrix)), rtol=0, atol=_CONSISTENT):
            return "the conditions on the boundary contradict one another, or are the same"
        names = [f"lift_{k}" for k in range(len(scales))]
        while set(names) & set(problem.ansatz.names):
            names = [f"{name}_" for name in names]
        kappa = [sp.Symbol(name, real=True) for name in names]
        exprs = [
            expr - sp.Add(*(a * p for a, p in zip(kappa[f * len(basis) :], basis, strict=False)))
            for f, expr in enumerate(problem.ansatz.exprs)
        ]
        ansatz = Ansatz(exprs, [x], [*problem.ansatz.parameters, *kappa])
        lifted = Problem(
            problem.equation, ansatz, domain, problem.quadrature, problem.param_values,
            field_weights=dict(zip(fields, np.square(problem.field_scales).tolist(), strict=True)),
            boundary="in the ansatz",
        )  # fmt: skip
        fresh = problem.fresh_points, problem.fresh_weights
        return Lifting(problem, lifted.sampled((problem.points, problem.weights), fresh), inverse, scales)

    def at(self, theta: np.ndarray, time: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(θ, κ), ∂κ/∂θ and ∂κ/∂t."""
        parts = [
            face.expressions.rows(theta, time, face.rule.points, np.ones(len(face.rule.points)))
            for face in self.problem.boundary.faces(False)
        ]
        slopes, values, rates = (np.concatenate([part[k].reshape(-1) for part in parts]) for k in range(3))
        kappa = self.inverse @ values
        return np.append(theta, kappa), self.inverse @ slopes.reshape(-1, theta.size), self.inverse @ rates

    def size(self, theta: np.ndarray, time: float) -> float:
        """‖w‖ in L²."""
        return float(np.linalg.norm(self.scales * self.at(theta, time)[0][theta.size :]))

    def growth(self, problem: Problem, theta: np.ndarray, time: float) -> float:
        """λ (``dfi.growth``) on tangents of ũ, which hold the homogeneous conditions."""
        state, slopes, _ = self.at(theta, time)
        return logarithmic_norm(self.lifted, state, time, np.vstack([np.eye(theta.size), slopes]))

    def strays(self, times: np.ndarray, thetas: np.ndarray, velocities: np.ndarray) -> np.ndarray:
        """Between any two of s times, along the cubic θ(t) through both: ∫‖R̃‖ dt, or ‖ũ⁺ − ũ − ∫f(ũ) dt‖ if that is
        larger, (s − 1,)."""
        found, value = [], self._value(thetas[0], times[0])
        for k, h in enumerate(np.diff(times)):
            parts = np.array([thetas[k + 1] - thetas[k], h * velocities[k], h * velocities[k + 1]])
            residual, step = 0.0, -value
            for share, theta, rate in zip(GAUSS, thetas[k] + VALUES @ parts, RATES @ parts / h, strict=True):
                time = float(times[k] + share * h)
                state, slopes, rates = self.at(theta, time)
                moved, side = self.lifted.tangents(state, np.append(rate, slopes @ rate + rates), time)
                residual += 0.5 * h * float(np.linalg.norm(moved - side))
                step = step - 0.5 * h * side
            value = self._value(thetas[k + 1], times[k + 1])
            found.append(max(residual, float(np.linalg.norm(step + value))))
        return np.array(found)

    def _value(self, theta: np.ndarray, time: float) -> np.ndarray:
        return self.lifted.weighted(self.at(theta, float(time))[0])


def in_doubt(problem: Problem, theta: np.ndarray) -> str | None:
    """Why no condition can be in the ansatz at a face of which that is said; None where one may be.

    Where û and ∂û/∂n at a point of a face move with θ independently of one another, ∂û/∂θ not parallel to ∂²û/∂θ∂n, no
    condition B(û, ∂û/∂n) = g holds for every θ. An equation of second order needs one.
    """
    variables, bounds = problem.ansatz.variables, np.array(problem.domain.bounds)
    middle = np.where(np.isfinite(bounds).all(axis=1), bounds.mean(axis=1), 0.0)
    inside = np.abs(_slopes(problem, theta, problem.points[:64])).max(initial=0.0)
    for axis, end in problem.boundary.said:
        x, length = variables[axis], float(np.diff(bounds[axis])[0]) if np.isfinite(bounds[axis]).all() else 1.0
        pair = np.repeat(middle[None], 2, axis=0)
        pair[:, axis] = end, end + (_NEAR if end == bounds[axis, 0] else -_NEAR) * length
        at, near = _slopes(problem, theta, pair)
        owners = problem.components.owners
        for component, (value, slope) in enumerate(zip(at, (near - at) / _NEAR, strict=True)):
            if order_of(problem.equation, problem.equation.fields[owners[component]], x) < 2:
                continue
            a, b = np.linalg.norm(value), np.linalg.norm(slope)
            if min(a, b) > _FREE * inside and abs(value @ slope) < (1 - _FREE**2) * a * b:
                name = problem.equation.names[owners[component]]
                return (
                    f"the ansatz is said to hold a condition at {x} = {end:g}, but {name} and its derivative by {x} "
                    "move there independently of one another"
                )
    return None


def _slopes(problem: Problem, theta: np.ndarray, points: np.ndarray) -> np.ndarray:
    """∂û/∂θ at points, (n, components, p)."""
    jacobian, _ = problem.fit_rows(theta, np.ascontiguousarray(points), np.ones(len(points)))
    return jacobian.reshape(len(points), -1, theta.size) / problem.roots(np.ones(len(points)))[:, :, None]


def _linear(c: sp.Expr, problem: Problem, basis: list[sp.Expr]) -> list[sp.Expr] | None:
    """B(φ) for every field and every φ of the basis, of a condition c = B(u) − g; None where B is not linear, or
    depends on time."""
    fields = problem.equation.fields
    atoms = sorted((d for d in c.atoms(sp.Derivative) if d.expr in fields), key=str)
    symbols = {node: sp.Dummy() for node in (*atoms, *fields)}
    plain = c.xreplace({d: symbols[d] for d in atoms}).xreplace({u: symbols[u] for u in fields})
    slopes = {node: sp.diff(plain, symbol) for node, symbol in symbols.items()}
    (x,) = problem.ansatz.variables
    values = {p: sp.Float(value) for p, value in problem.param_values.items()}
    slopes = {node: slope.xreplace(values) for node, slope in slopes.items()}
    if any(slope.free_symbols - {x} for slope in slopes.values()):
        return None
    row = []
    for field in fields:
        for phi in basis:
            terms = [slopes[field] * phi]
            terms += [slopes[d] * sp.diff(phi, *d.variables) for d in atoms if d.expr == field]
            row.append(sp.Add(*terms))
    return row
