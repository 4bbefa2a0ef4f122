"""A Dirac–Frenkel problem: an evolution equation, an ansatz, a domain and a quadrature, compiled.

With rows weighted by √w_s (THEORY-DFI, conventions): J[s, k] = √w_s ∂û(x_s; θ)/∂θ_k and f[s] = √w_s f(û)(x_s).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdfi.compile.kernels import threads
from symdfi.compile.kernels.groups import Group
from symdfi.compile.kernels.index_values import IndexValues
from symdfi.compile.kernels.kernel import CompiledKernel, KernelBuilder
from symdfi.compile.passes.autodiff import adjoint, gradient_loops, tangent
from symdfi.compile.program.loops import Variable
from symdfi.dfi.domain import Box, Quadrature
from symdfi.errors import SymbolicError
from symdfi.numbers import one_real, reals
from symdfi.pickling import Rebuilt
from symdfi.symbolic.ansatz import Ansatz
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.evolution import EvolutionEquation
from symdfi.symbolic.given import Lookup, name_of
from symdfi.symbolic.private import Private, like
from symdfi.symbolic.renaming import Renaming

#: θ as a vector (p,) or as values by parameter.
Theta = np.ndarray | Sequence[float] | Mapping[Any, Any]
_WEIGHT = Private("w", 0, "w", positive=True)


class Problem(Rebuilt):
    """∂ₜu = f on ``domain`` with û(x; θ) from ``ansatz``, integrals by ``quadrature``.

    ``params`` gives numbers for the equation's parameters, by symbol or name. Kernels are compiled when first
    used and shared by all steppers. Wherever θ is asked for, values by parameter, ``{a: [...], "w": [...]}``, do too.

    Raises ``SymbolicError`` where equation, ansatz and domain do not fit, ``ValueError`` for a missing parameter or one
    that is not finite, and for a quadrature whose points or weights are not.
    """

    def __init__(
        self,
        equation: EvolutionEquation,
        ansatz: Ansatz,
        domain: Box,
        quadrature: Quadrature,
        params: Mapping[Any, float] | None = None,
    ) -> None:
        if set(equation.variables) != set(ansatz.variables):
            raise SymbolicError(f"the equation has variables {equation.variables}, the ansatz {ansatz.variables}")
        if domain.dim != len(ansatz.variables):
            raise SymbolicError(f"a domain of dimension {domain.dim} for the variables {ansatz.variables}")
        clash = [p for p in equation.parameters if p in ansatz.parameters]
        if clash:
            raise SymbolicError(f"{clash[0]} is a parameter of both the equation and the ansatz")
        self.equation, self.ansatz, self.domain, self.quadrature = equation, ansatz, domain, quadrature
        declared = (*ansatz.variables, *ansatz.parameters)
        # The field stands for itself: its name is not one of the symbols.
        terms = equation.rhs.xreplace({equation.field: sp.Function("u")(*equation.field.args)})
        self._renaming = Renaming(declared, [ansatz.expr, terms], equation.parameters)
        #: Equation and ansatz in the symbols that are compiled.
        self._equation, self._ansatz = equation.renamed(self._renaming), ansatz.renamed(self._renaming)
        lookup = Lookup(equation.parameters, "parameters of the equation")
        given = {
            p: one_real(v, f"the parameter {name_of(p)} of the equation")
            for p, v in lookup.read(params, lambda name: f"unknown parameter {name} of the equation").items()
        }
        for p in equation.parameters:
            if p not in given:
                raise ValueError(f"no value for parameter {p} of the equation")
            if not np.isfinite(given[p]):
                raise ValueError(f"the parameter {p} of the equation is {given[p]}: it must be finite")
        self.params = np.array([given[self._renaming.user(p)] for p in self._equation.parameters])
        self.points, self.weights = _sound(quadrature.nodes(domain), domain, "node")
        self.fresh_points, self.fresh_weights = _sound(quadrature.independent(domain), domain, "independent point")
        self._sizes: dict[int, tuple[np.ndarray, IndexValues]] = {}
        self._root, self._fresh_root = (np.sqrt(w)[:, None] for w in (self.weights, self.fresh_weights))

    # Kernels

    def _builder(self, *more: Group) -> KernelBuilder:
        groups = (
            Group("x", self._ansatz.variables, batched=True),
            Group("weight", (_WEIGHT,), batched=True),
            Group("theta", self._ansatz.parameters),
            Group("params", self._equation.parameters),
            Group("t", (t,), scalar=True),
        )
        return KernelBuilder((*groups, *more), self._ansatz.sizes, self._renaming)

    def _field(self, builder: KernelBuilder) -> tuple[Variable, dict]:
        """û and its space derivatives as assignments of a kernel."""
        program = builder.program
        u = program.assign(self._ansatz.expr)
        values: dict[tuple, sp.Expr] = {(): u.target}
        targets: dict[tuple, Variable | None] = {(): u.target}
        for wanted in self._equation.derivatives:
            for order in range(1, len(wanted) + 1):
                key, below = wanted[:order], wanted[: order - 1]
                if key not in targets:
                    base = targets[below]
                    targets[key] = None if base is None else tangent(program, base, {wanted[order - 1]: sp.S.One})
                    values[key] = sp.S.Zero if targets[key] is None else targets[key]
        return u.target, values

    def _write_jacobian(self, builder: KernelBuilder, u: Variable) -> None:
        """The output J: √w ∂û/∂θ."""
        program = builder.program
        bars = adjoint(program, u, self._ansatz.parameters, _WEIGHT)
        parts = [program.assign(sp.S.Zero if bars[p] is None else bars[p], gradient_loops(p)) for p in bars]
        builder.output("jacobian", parts, per_sample=True)

    @functools.cached_property
    def rows_kernel(self) -> CompiledKernel:
        """J and f, row by row."""
        builder = self._builder()
        program = builder.program
        u, values = self._field(builder)
        f = program.assign(_WEIGHT * self._equation.with_values(values))
        self._write_jacobian(builder, u)
        builder.output("rhs", [f], per_sample=True)
        return builder.build()

    @functools.cached_property
    def fit_kernel(self) -> CompiledKernel:
        """J and √w û, row by row."""
        builder = self._builder()
        program = builder.program
        u = program.assign(self._ansatz.expr)
        self._write_jacobian(builder, u.target)
        builder.output("value", [program.assign(_WEIGHT * u.target)], per_sample=True)
        return builder.build()

    @functools.cached_property
    def value_kernel(self) -> CompiledKernel:
        """û at points."""
        builder = self._builder()
        builder.output("value", [builder.program.assign(self._ansatz.expr)], per_sample=True)
        return builder.build()

    @functools.cached_property
    def tangent_kernel(self) -> CompiledKernel:
        """J v and f without J, for residuals."""
        velocity = tuple(like(p, "d", k) for k, p in enumerate(self._ansatz.parameters))
        builder = self._builder(Group("velocity", velocity))
        program = builder.program
        u, values = self._field(builder)
        moved = tangent(program, u, dict(zip(self._ansatz.parameters, velocity, strict=True)))
        builder.output("tangent", [program.assign(_WEIGHT * (sp.S.Zero if moved is None else moved))], per_sample=True)
        builder.output("rhs", [program.assign(_WEIGHT * self._equation.with_values(values))], per_sample=True)
        return builder.build()

    def compile(self) -> None:
        """Compile now, or read from the cache, the kernels of a run, which are else compiled when first used."""
        for kernel in (self.rows_kernel, self.tangent_kernel, self.value_kernel):
            kernel.function  # noqa: B018

    # Numbers

    def _run(
        self, kernel: CompiledKernel, points: np.ndarray, root: np.ndarray, theta: np.ndarray, time: float,
        *more: np.ndarray,
    ) -> None:  # fmt: skip
        """A kernel at points with √w. ``ValueError`` for a θ of wrong length, and for one with which an index of the
        kernel leaves its array."""
        if theta.size not in self._sizes:
            values = self.ansatz.size_values(theta.size)
            order = np.array([values[s] for s in self.ansatz.sizes], dtype=np.int64)
            self._sizes[theta.size] = order, IndexValues(values.items(), ())
        sizes, given = self._sizes[theta.size]
        kernel.check(given)
        threads.run(kernel.function, len(points), sizes, points, root, theta, self.params, float(time), *more)

    def rows(
        self, theta: np.ndarray, time: float, out: tuple[np.ndarray, np.ndarray] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """J (n, p) and f (n,) at the quadrature points; ``out`` is overwritten where given."""
        jacobian, rhs = (
            out if out is not None else (np.empty((len(self.points), theta.size)), np.empty(len(self.points)))
        )
        self._run(self.rows_kernel, self.points, self._root, theta, time, jacobian, rhs[:, None])
        return jacobian, rhs

    def fit_rows(self, theta: np.ndarray, points: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """J (n, p) and √w û (n,) at given points."""
        jacobian, value = np.empty((len(points), theta.size)), np.empty((len(points), 1))
        self._run(self.fit_kernel, points, np.sqrt(weights)[:, None], theta, 0.0, jacobian, value)
        return jacobian, value[:, 0]

    def theta(self, values: Theta, name: str = "theta") -> np.ndarray:
        """θ (p,) from a vector, or from values by parameter (symbol or name).

        Raises ``ValueError``, calling it ``name``, if it does not fit the ansatz or is not finite.
        """
        theta = self.ansatz.pack(values) if isinstance(values, Mapping) else np.array(reals(values, name))
        if theta.ndim != 1:
            raise ValueError(f"{name} has shape {theta.shape}, expected (p,)")
        self.ansatz.size_values(theta.size)
        if not np.isfinite(theta).all():
            bad = int(np.argmin(np.isfinite(theta)))
            entry = self.ansatz.entry(theta.size, bad)
            raise ValueError(f"{name}[{bad}] is {theta[bad]}: the parameter {entry} must be finite")
        return theta

    def evaluate(self, theta: Theta, points: np.ndarray) -> np.ndarray:
        """û(x; θ) at ``points`` of shape (n, dim) (or (n,) in one dimension): what its formula gives, infinite or NaN
        where that overflows.

        Raises ``ValueError`` naming the entry of θ or the point that is not finite.
        """
        theta = self.theta(theta)
        points = reals(points, "points")
        points = np.require(points[:, None] if points.ndim == 1 else points, requirements=["C", "W"])
        if points.ndim != 2 or points.shape[1] != self.domain.dim:
            raise ValueError(f"points of shape {points.shape} for a domain of dimension {self.domain.dim}")
        finite_points(points, "point")
        return self._values(theta, points)

    def fresh_values(self, theta: np.ndarray) -> np.ndarray:
        """√w û at the independent points."""
        return self._fresh_root[:, 0] * self._values(theta, self.fresh_points)

    def _values(self, theta: np.ndarray, points: np.ndarray) -> np.ndarray:
        value, one = np.empty((len(points), 1)), np.ones((len(points), 1))
        self._run(self.value_kernel, points, one, theta, 0.0, value)
        return value[:, 0]

    def tangents(
        self, theta: np.ndarray, velocity: np.ndarray, time: float, fresh: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """J v and f, on points independent of those solved on (or on those, ``fresh=False``)."""
        points, root = (self.fresh_points, self._fresh_root) if fresh else (self.points, self._root)
        moved, rhs = np.empty((len(points), 1)), np.empty((len(points), 1))
        self._run(self.tangent_kernel, points, root, theta, time, velocity, moved, rhs)
        return moved[:, 0], rhs[:, 0]

    def residual(self, theta: Theta, velocity: np.ndarray, time: float, fresh: bool = True) -> tuple[float, float]:
        """‖J v − f‖ and ‖f‖ in L², on points independent of those solved on (or on those, ``fresh=False``); infinite or
        NaN where they overflow."""
        theta, velocity = self.theta(theta), reals(velocity, "velocity")
        if velocity.shape != theta.shape:
            raise ValueError(f"velocity has shape {velocity.shape}, expected {theta.shape}")
        moved, rhs = self.tangents(theta, velocity, one_real(time, "time"), fresh)
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.linalg.norm(moved - rhs)), float(np.linalg.norm(rhs))


def finite_points(points: np.ndarray, name: str) -> None:
    """``ValueError`` naming the first of ``points`` (n, dim) that is not finite."""
    if not np.isfinite(points).all():
        bad = int(np.argmin(np.isfinite(points).all(axis=1)))
        raise ValueError(f"the {name} at sample {bad} is not finite: {points[bad]}")


def _sound(rule: tuple[np.ndarray, np.ndarray], domain: Box, name: str) -> tuple[np.ndarray, np.ndarray]:
    """A quadrature rule whose points and weights can be used."""
    points, weights = (np.ascontiguousarray(reals(part, f"the quadrature's {name}s")) for part in rule)
    if points.shape != (len(weights), domain.dim) or weights.ndim != 1 or len(weights) == 0:
        raise ValueError(f"the quadrature gave {name}s {points.shape} and weights {weights.shape}")
    finite_points(points, name)
    if not (weights >= 0).all():
        bad = int(np.argmin(weights >= 0))
        raise ValueError(f"the weight of {name} {bad} is {weights[bad]}: it must not be negative")
    return points, weights
