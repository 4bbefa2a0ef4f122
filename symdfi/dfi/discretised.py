"""What is computed of a problem at its samples: rows, products and residuals for one θ and time.

With rows weighted by √w_s (theory of DFI, "Notation"): J[s, k] = √w_s ∂û(x_s; θ)/∂θ_k and f[s] = √w_s f(û)(x_s);
several fields have a row each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symdfi.compile.kernels import threads
from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.compile.kernels.index_values import IndexValues
from symdfi.dfi.boundary import Boundary, BoundaryCondition, RowsWithBoundary
from symdfi.dfi.components import Components
from symdfi.dfi.domain import Box
from symdfi.dfi.kernels import ProblemKernels
from symdfi.dfi.nonlocals import Nonlocals, PlannedTerms
from symdfi.dfi.sampling import Quadrature, Rule
from symdfi.dfi.sampling.base import finite_points
from symdfi.dfi.source import ProblemRows, Rows, Workspace, pulled
from symdfi.dfi.strips import Strips
from symdfi.numbers import one_real, reals
from symdfi.symbolic.ansatz import Ansatz
from symdfi.symbolic.evolution import EvolutionEquation

#: θ as a vector (p,) or as values by parameter.
Theta = np.ndarray | Sequence[float] | Mapping[Any, Any]


class Discretised:
    """An equation and an ansatz at the nodes of a quadrature, compiled: the numbers of a ``Problem``.

    The values of the equation's parameters are those of ``param_values``, by symbol; ``field_scales`` are √ω of the
    fields. Boundary ``conditions`` hold as rows, and the ansatz is ``said`` to hold others (``Boundary``).
    """

    def __init__(
        self,
        equation: EvolutionEquation,
        ansatz: Ansatz,
        domain: Box,
        quadrature: Quadrature,
        kernels: ProblemKernels,
        param_values: Mapping[Any, float],
        field_scales: np.ndarray,
        conditions: tuple[BoundaryCondition, ...],
        said: tuple[tuple[int, float], ...],
    ) -> None:
        self.equation, self.ansatz, self.domain, self.quadrature = equation, ansatz, domain, quadrature
        #: What is compiled, real and in symbols of our own.
        self.kernels = kernels
        #: The equation's parameters as numbers, by symbol and as kernels take them.
        self.param_values = param_values
        self.params = np.array([param_values[kernels.renaming.user(p)] for p in kernels.equation.parameters])
        self.nonlocals = Nonlocals(kernels.nonlocals, ansatz.variables, kernels, domain, quadrature)
        self.nonlocals.check(param_values)
        self._sizes: dict[int, tuple[np.ndarray, IndexValues]] = {}
        self._strips: dict[int, Strips] = {}
        self.components = Components(equation.complex)
        #: √ω of every field.
        self.field_scales = field_scales
        self._sample(Rule(*quadrature.nodes(domain)), Rule(*quadrature.independent(domain)))
        self.boundary = Boundary(self, conditions, domain, quadrature, said)

    def _sample(self, nodes: Rule, fresh: Rule) -> None:
        self.points, self.weights = nodes.checked(self.domain, "node")
        self.fresh_points, self.fresh_weights = fresh.checked(self.domain, "independent point")
        self._root, self._fresh_root = self.roots(self.weights), self.roots(self.fresh_weights)
        self._planned: dict[bool, PlannedTerms] = {}

    def compile(self) -> None:
        """Compile now, or read from the cache, the kernels of a run, which are else compiled when first used."""
        for kernel in (self.kernels.rows, self.kernels.tangent, self.kernels.value):
            kernel.function  # noqa: B018

    def run(
        self, kernel: CompiledKernel, points: np.ndarray, root: np.ndarray, theta: np.ndarray, time: float,
        *more: np.ndarray, params: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        """A kernel at points with √w, of the equation's parameters or those that are given. ``ValueError``
        for a θ of wrong length, and for one with which an index of the kernel leaves its array."""
        sizes = self._sizes_for(kernel, theta)
        params = self.params if params is None else params
        threads.run(kernel.function, len(points), sizes, points, root, theta, params, float(time), *more)

    def _given(self, theta: np.ndarray, time: float, fresh: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """The points and parameters that kernels of f take: with the values of the nonlocal terms at θ."""
        points = self.fresh_points if fresh else self.points
        if not self.nonlocals.terms:
            return points, self.params
        local, everywhere = self._plan(fresh).values(self.run, theta, self.params, float(time))
        dim, count = self.domain.dim, len(self.equation.parameters)
        columns = points[:, :dim], local, points[:, dim:]
        return np.concatenate(columns, axis=1), np.concatenate([self.params[:count], everywhere, self.params[count:]])

    def _plan(self, fresh: bool) -> PlannedTerms:
        """The nonlocal terms at the points solved on, or independent ones."""
        if fresh not in self._planned:
            points, weights = self._rule(fresh)[0], self.fresh_weights if fresh else self.weights
            self._planned[fresh] = self.nonlocals.at(Rule(points[:, : self.domain.dim], weights), fresh)
        return self._planned[fresh]

    def run_groups(self, loop: Callable[..., None], count: int, theta: np.ndarray, time: float, *more: object) -> None:
        """A compiled ``loop`` over ``count`` groups of the rows, on all cores (``dfi.loops``)."""
        kernel, (points, params) = self.kernels.rows, self._given(theta, time)
        at = (self._sizes_for(kernel, theta), points, self._root, theta, params, float(time))
        threads.run(loop, count, kernel.function, *at, *more, least=1)

    def for_loops(self, theta: np.ndarray) -> tuple[object, ...]:
        """What compiled loops over whole steps take (``dfi.loops``): the kernels of rows, tangents and arrivals, sizes
        of the ansatz, points and √w solved on, the same fresh, and the equation's parameters."""
        kernels = self.kernels.rows, self.kernels.tangent, self.kernels.arrival
        sizes = [self._sizes_for(kernel, theta) for kernel in kernels]
        functions = (kernel.function for kernel in kernels)
        return *functions, sizes[-1], self.points, self._root, self.fresh_points, self._fresh_root, self.params

    def _sizes_for(self, kernel: CompiledKernel, theta: np.ndarray) -> np.ndarray:
        """The sizes of the ansatz for a θ that fits it."""
        if theta.size not in self._sizes:
            values = self.ansatz.size_values(theta.size)
            order = np.array([values[s] for s in self.ansatz.sizes], dtype=np.int64)
            self._sizes[theta.size] = order, IndexValues(values.items(), ())
        sizes, given = self._sizes[theta.size]
        kernel.check(given)
        return sizes

    def strips(self, theta: np.ndarray) -> Strips:
        """The diagonal blocks that JᵀJ falls into for a θ of this length: one for every field with parameters of its
        own, which come after one another in θ."""
        if theta.size not in self._strips:
            self._strips[theta.size] = self.kernels.strips(theta.size)
        return self._strips[theta.size]

    @property
    def row_count(self) -> int:
        """n F, the rows of J."""
        return self._root.size

    def sample(self, row: int) -> str:
        """Where a row of J belongs to, for messages."""
        sample, component = divmod(row, self.components.count)
        point = ", ".join(f"{x:.6g}" for x in self.points[sample, : self.domain.dim])
        several = len(self.equation.fields) > 1
        field = f" for {self.equation.names[self.components.owners[component]]}" if several else ""
        return f"at sample {sample}{field}, x = ({point})"

    def roots(self, weights: np.ndarray) -> np.ndarray:
        """√w a sample and component, (n, components): what rows are weighted by."""
        return np.sqrt(weights)[:, None] * self.field_scales[list(self.components.owners)]

    def rows(
        self,
        theta: np.ndarray,
        time: float,
        out: tuple[np.ndarray, np.ndarray] | None = None,
        samples: slice = slice(None),
    ) -> tuple[np.ndarray, np.ndarray]:
        """J (n F, p) and f (n F,) at the quadrature points, or at some of them, all F fields of a sample after one
        another; ``out`` is overwritten where given."""
        (points, params), root = self._given(theta, time), self._root[samples]
        jacobian, rhs = out if out is not None else (np.empty((root.size, theta.size)), np.empty(root.size))
        self.run(
            self.kernels.rows, points[samples], root, theta, time, self._by_sample(jacobian), self._by_sample(rhs),
            params=params,
        )  # fmt: skip
        return jacobian, rhs

    def source(self, theta: np.ndarray, time: float, workspace: Workspace | None = None) -> Rows:
        """J and f at the quadrature points, and below them the rows of boundary conditions, for a solver (``linalg``),
        which asks for them in the form it needs: normal equations are summed by all cores over blocks of rows, and LSMR
        has products; J as a whole is in memory only for those that factorise it. Identical for any number of threads.
        ``workspace`` serves solve after solve."""
        rows = ProblemRows(self, theta, time, Workspace() if workspace is None else workspace)
        return RowsWithBoundary.of(rows, self.boundary, theta, time) if self.boundary.conditions else rows

    def jv(self, theta: Theta, v: np.ndarray, time: float) -> np.ndarray:
        """J v, (n F,), at the quadrature points: one forward sweep a point, no J."""
        theta = self.theta(theta)
        return self.tangents(theta, self._vector(v, theta.size, "v"), one_real(time, "time"), fresh=False)[0]

    def jtr(self, theta: Theta, r: np.ndarray, time: float) -> np.ndarray:
        """Jᵀ r, (p,), from r (n F,) at the quadrature points: one reverse sweep a point, no J, on all cores and
        identical for any number of threads."""
        theta = self.theta(theta)
        return pulled(self, theta, self._vector(r, self.row_count, "r"), one_real(time, "time"))

    @staticmethod
    def _vector(values: np.ndarray, size: int, name: str) -> np.ndarray:
        found = np.ascontiguousarray(reals(values, name))
        if found.shape != (size,):
            raise ValueError(f"{name} has shape {found.shape}, expected ({size},)")
        return found

    def fit_rows(self, theta: np.ndarray, points: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """J (n F, p) and √w û (n F,) at given points."""
        root = self.roots(weights)
        jacobian, value = np.empty((root.size, theta.size)), np.empty(root.size)
        self.run(self.kernels.fit, points, root, theta, 0.0, self._by_sample(jacobian), self._by_sample(value))
        return jacobian, value

    def _by_sample(self, rows: np.ndarray) -> np.ndarray:
        """The rows as the kernels write them, a sample's side by side."""
        return rows.reshape(len(rows) // self.components.count, -1)

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
        where that overflows. Its shape is (n,), or (F, n) of F fields in the equation's order; complex if one of
        them is.

        Raises ``ValueError`` naming the entry of θ or the point that is not finite.
        """
        theta = self.theta(theta)
        points = reals(points, "points")
        points = np.require(points[:, None] if points.ndim == 1 else points, requirements=["C", "W"])
        if points.ndim != 2 or points.shape[1] != self.domain.dim:
            raise ValueError(f"points of shape {points.shape} for a domain of dimension {self.domain.dim}")
        finite_points(points, "point")
        return self.components.joined(self.values(theta, points))

    def weighted(self, theta: np.ndarray, fresh: bool = True) -> np.ndarray:
        """√w û (n F,) on points independent of those solved on (or on those, ``fresh=False``)."""
        points, root = self._rule(fresh)
        return (root * self.values(theta, points)).ravel()

    def _rule(self, fresh: bool) -> tuple[np.ndarray, np.ndarray]:
        return (self.fresh_points, self._fresh_root) if fresh else (self.points, self._root)

    def values(self, theta: np.ndarray, points: np.ndarray) -> np.ndarray:
        """û a sample and component, (n, components)."""
        value, one = (make((len(points), self.components.count)) for make in (np.empty, np.ones))
        self.run(self.kernels.value, points, one, theta, 0.0, value)
        return value

    def tangents(
        self, theta: np.ndarray, velocity: np.ndarray, time: float, fresh: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """J v and f, both (n F,), on points independent of those solved on (or on those, ``fresh=False``)."""
        (points, params), (_, root) = self._given(theta, time, fresh), self._rule(fresh)
        moved, rhs = np.empty(root.size), np.empty(root.size)
        self.run(
            self.kernels.tangent, points, root, theta, time, velocity, self._by_sample(moved), self._by_sample(rhs),
            params=params,
        )  # fmt: skip
        return moved, rhs

    def arrival(
        self, theta: np.ndarray, velocity: np.ndarray, time: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """√w û, J v and f, (n F,) each, on points independent of those solved on: by one sweep."""
        points, params = self._given(theta, time, fresh=True)
        value, moved, rhs = (np.empty(self._fresh_root.size) for _ in range(3))
        self.run(
            self.kernels.arrival, points, self._fresh_root, theta, time, velocity, self._by_sample(value),
            self._by_sample(moved), self._by_sample(rhs), params=params,
        )  # fmt: skip
        return value, moved, rhs

    def linearised(
        self, theta: np.ndarray, time: float, samples: slice = slice(None), fresh: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """J and ∂f/∂θ, (n F, p) each, at points independent of those solved on (or at those), or at some of them."""
        (points, params), root = self._given(theta, time, fresh), self._rule(fresh)[1][samples]
        jacobian, rates = (np.empty((root.size, theta.size)) for _ in range(2))
        self.run(
            self.kernels.linearised, points[samples], root, theta, time, self._by_sample(jacobian),
            self._by_sample(rates), params=params,
        )  # fmt: skip
        if self.nonlocals.terms:
            slopes = np.empty((len(root), root.shape[1] * len(self.nonlocals.terms)))
            self.run(self.kernels.nonlocal_slopes, points[samples], root, theta, time, slopes, params=params)
            plan = self._plan(fresh)
            plan.add_gradients(rates, slopes, samples, self.run, theta, self.params, float(time))
        return jacobian, rates

    def residual(self, theta: Theta, velocity: np.ndarray, time: float, fresh: bool = True) -> tuple[float, float]:
        """‖J v − f‖ and ‖f‖ in L², on points independent of those solved on (or on those, ``fresh=False``); infinite or
        NaN where they overflow."""
        theta, velocity = self.theta(theta), reals(velocity, "velocity")
        if velocity.shape != theta.shape:
            raise ValueError(f"velocity has shape {velocity.shape}, expected {theta.shape}")
        moved, rhs = self.tangents(theta, velocity, one_real(time, "time"), fresh)
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.linalg.norm(moved - rhs)), float(np.linalg.norm(rhs))

    def missing(self, theta: np.ndarray, time: float) -> np.ndarray:
        """f at θ on the points solved on, and below it the right sides of boundary conditions: of a ``stage`` what it
        lacks."""
        _, inside = self.tangents(theta, np.zeros(theta.size), time, fresh=False)
        return np.concatenate([inside, self.boundary.rows(theta, time)[1]]) if self.boundary.conditions else inside
