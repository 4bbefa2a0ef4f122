"""A Dirac–Frenkel problem: an evolution equation, an ansatz, a domain and a quadrature, compiled.

With rows weighted by √w_s (theory of DFI, "Notation"): J[s, k] = √w_s ∂û(x_s; θ)/∂θ_k and f[s] = √w_s f(û)(x_s);
several fields have a row each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sympy.core.function import AppliedUndef

from symdfi.compile.kernels import threads
from symdfi.compile.kernels.index_values import IndexValues
from symdfi.compile.kernels.kernel import CompiledKernel
from symdfi.dfi.boundary import Boundary, RowsWithBoundary
from symdfi.dfi.components import Components
from symdfi.dfi.domain import Box
from symdfi.dfi.faces import Condition, conditions
from symdfi.dfi.given import field_scales, parameter_values
from symdfi.dfi.kernels import ProblemKernels
from symdfi.dfi.nonlocals import Nonlocals, PlannedTerms
from symdfi.dfi.sampling import Quadrature, Rule
from symdfi.dfi.sampling.base import finite_points
from symdfi.dfi.source import ProblemRows, Rows, Workspace, pulled
from symdfi.dfi.strips import Strips
from symdfi.errors import SymbolicError
from symdfi.numbers import one_real, reals
from symdfi.pickling import Rebuilt
from symdfi.showing import shortened, table
from symdfi.symbolic.ansatz import Ansatz
from symdfi.symbolic.evolution import EvolutionEquation
from symdfi.symbolic.joint import for_fields
from symdfi.symbolic.nonlocals import nested
from symdfi.symbolic.renaming import Renaming

#: θ as a vector (p,) or as values by parameter.
Theta = np.ndarray | Sequence[float] | Mapping[Any, Any]


class Problem(Rebuilt):
    """∂ₜu = f on ``domain`` with û(x; θ) from ``ansatz``, integrals by ``quadrature``.

    Of several fields the ansatz is one ``Ansatz`` with as many outputs, which share its parameters, or one a field,
    ``{u: ansatz_u, w: ansatz_w}``: parameters are then named by field, "u.a" and "w.a" (``JointAnsatz``). Norms are
    those of all fields together, ‖(u, w)‖² = ∫ ω_u |u|² + ω_w |w|² dx, with ``field_weights`` ω by field (1 if not
    given). Parameters are real; of a complex field real and imaginary part are a row each.

    ``boundary`` says what holds on the faces of the domain. ``sd.Dirichlet(value)``, ``sd.Neumann(value)`` and
    ``sd.BoundaryCondition(Eq(...))``, one or a list of them, become rows beside those of the equation. The text
    ``"in the ansatz"`` says that û fulfils its conditions for every θ; in a list it is said of the faces without
    another. Periodic axes are said by the box. Nothing need be said where the equation has no derivatives along an
    axis, where an end is infinite, and where û falls to 0 at infinity whatever θ, as mixtures of Gaussians do: the box
    is then a window on free space. Anywhere else a problem without is refused.

    Walls at u = 0 that a network is made to hold by a factor:

        >>> import sympy as sp, symdfi as sd
        >>> x = sp.Symbol("x")
        >>> u = sp.Function("u")(sd.t, x)
        >>> heat = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(x, 2)))
        >>> net = sd.mlp([x], [8])
        >>> walled = sd.Ansatz((1 - x**2) * net.expr, [x], net.parameters, net.start)
        >>> problem = sd.Problem(heat, walled, sd.Box([(-1, 1)]), sd.Grid(100), boundary="in the ansatz")
        >>> theta0 = sd.fit(problem, sp.cos(sp.pi * x / 2))
        >>> solution = sd.evolve(problem, theta0, (0, 0.4), dt=0.01)
        >>> middle, wall = solution.evaluate([0.0, 1.0])
        >>> print(f"{middle:.2f} {abs(wall):.2f}")  # exp(−π²t/4) and 0
        0.37 0.00

    ``params`` gives numbers for the equation's parameters, by symbol or name. Kernels are compiled when first
    used and shared by all steppers. Wherever θ is asked for, values by parameter, ``{a: [...], "w": [...]}``, do too.

    Raises ``SymbolicError`` where equation, ansatz and domain do not fit, ``ValueError`` for a missing parameter or one
    that is not finite, and for a quadrature whose points or weights are not.
    """

    def __init__(
        self,
        equation: EvolutionEquation,
        ansatz: Ansatz | Mapping[AppliedUndef, Ansatz],
        domain: Box,
        quadrature: Quadrature,
        params: Mapping[Any, float] | None = None,
        *,
        field_weights: Mapping[Any, float] | None = None,
        boundary: Condition | Sequence[Condition] | None = None,
    ) -> None:
        if not isinstance(equation, EvolutionEquation):
            raise TypeError(
                f"the equation is a {type(equation).__name__}: give sd.EvolutionEquation(Eq(u.diff(sd.t), f))"
            )
        ansatz = for_fields(equation.fields, ansatz)
        if not isinstance(domain, Box):
            raise TypeError(f"the domain is {domain!r}: give a Box, sd.Box([(a, b), ...])")
        if not isinstance(quadrature, Quadrature):
            number = isinstance(quadrature, int) and not isinstance(quadrature, bool)
            rule = (
                f"sd.Grid({quadrature})"
                if number
                else "sd.Grid(400), sd.GaussLegendre(20), sd.Samples(points, weights)"
            )
            raise TypeError(f"the quadrature is {_briefly(quadrature)}: give a rule, {rule}")
        if set(equation.variables) != set(ansatz.variables):
            raise SymbolicError(f"the equation has variables {equation.variables}, the ansatz {ansatz.variables}")
        if domain.dim != len(ansatz.variables):
            raise SymbolicError(f"a domain of dimension {domain.dim} for the variables {ansatz.variables}")
        clash = [p for p in equation.parameters if p in ansatz.parameters]
        if clash:
            raise SymbolicError(f"{clash[0]} is a parameter of both the equation and the ansatz")
        held, said = conditions(boundary, equation, ansatz, domain)
        self.equation, self.ansatz, self.domain, self.quadrature = equation, ansatz, domain, quadrature
        declared = (*ansatz.variables, *ansatz.parameters)
        (real, terms), outputs = equation.real.apart(ansatz.variables), ansatz.real(equation.complex)
        named = [*outputs.exprs, *real.terms, *(term.expr for term in nested(terms))]
        renaming = Renaming(declared, named, equation.parameters)
        #: What is compiled, real and in symbols of our own.
        self.kernels = ProblemKernels(real.renamed(renaming), outputs.renamed(renaming), renaming, terms)
        #: The equation's parameters as numbers, by symbol and as kernels take them.
        self.param_values = parameter_values(equation, params)
        self.params = np.array([self.param_values[renaming.user(p)] for p in self.kernels.equation.parameters])
        self.nonlocals = Nonlocals(terms, ansatz.variables, self.kernels, domain, quadrature)
        self.nonlocals.check(self.param_values)
        self._sizes: dict[int, tuple[np.ndarray, IndexValues]] = {}
        self._strips: dict[int, Strips] = {}
        self.components = Components(equation.complex)
        #: √ω of every field.
        self.field_scales = field_scales(equation, field_weights)
        #: The problem that this one is, at other samples.
        self._origin: Problem | None = None
        self._sample(Rule(*quadrature.nodes(domain)), Rule(*quadrature.independent(domain)))
        self.boundary = Boundary(self, held, domain, quadrature, said)

    def __repr__(self) -> str:
        size = f"{len(self.points)} points"
        walls = f", {len(self.boundary.conditions)} boundary conditions" if self.boundary.conditions else ""
        return f"Problem({shortened(str(self.equation), 100)} on {self.domain}, {size} of {self.quadrature}{walls})"

    def _repr_html_(self) -> str:
        rows: list[tuple[str, Any]] = [("equation", shortened(str(self.equation), 400)), ("ansatz", self.ansatz)]
        rows += [("domain", self.domain), ("quadrature", self.quadrature), ("points", len(self.points))]
        rows += [(f"parameter {p}", value) for p, value in self.param_values.items()]
        return table("Problem", [*rows, *(("boundary", one) for one in self.boundary.conditions)])

    def _sample(self, nodes: Rule, fresh: Rule) -> None:
        self.points, self.weights = nodes.checked(self.domain, "node")
        self.fresh_points, self.fresh_weights = fresh.checked(self.domain, "independent point")
        self._root, self._fresh_root = self.roots(self.weights), self.roots(self.fresh_weights)
        self._planned: dict[bool, PlannedTerms] = {}

    def sampled(self, nodes: tuple[Any, Any], fresh: tuple[Any, Any] | None = None) -> Problem:
        """The same problem at other ``nodes`` (points (n, dim) and weights (n,)), with the kernels of this one.

        Residuals are taken at ``fresh``, another pair, or where they were. This problem stays as it is.
        Raises ``ValueError`` for points or weights that do not fit or are not finite.
        """
        # Past the copying of what pickles by the call that made it.
        other = object.__new__(Problem)
        other.__dict__.update(self.__dict__)
        other._origin = self.original
        other._sample(Rule(*nodes), Rule(self.fresh_points, self.fresh_weights) if fresh is None else Rule(*fresh))
        return other

    @property
    def original(self) -> Problem:
        """The problem that this one is, at other samples; itself if it is none."""
        return self._origin or self

    def __reduce__(self) -> tuple[Any, ...]:
        if self._origin is None:
            return super().__reduce__()
        nodes, fresh = (self.points, self.weights), (self.fresh_points, self.fresh_weights)
        return Problem.sampled, (self._origin, nodes, fresh)

    def resample(self, step: int, theta: np.ndarray) -> Problem:
        """The problem with the samples of step ``step`` = 0, 1, ..., which begins at θ: itself, unless its quadrature
        ``changes``.

        These depend on the step, on θ and, where the quadrature looks at the solution, on the samples of this problem:
        a run that goes on from ``problem.sampled((points, weights), ...)`` meets the same ones.
        """
        return self.sampled(*self.quadrature.at(step, self, theta)) if self.quadrature.changes else self

    def stage(self, known: np.ndarray, span: float) -> Problem:
        """The problem whose J and f are those of a stage û − s f(û) = b of an implicit scheme: √w ∂(û − s f)/∂θ and
        √w (b − û + s f)/s, from √w b (n F,) at the samples, ``known``, and s, ``span``.

        Rows, products and tangents on the points solved on are to be had of it, and nothing else. So Gauss–Newton
        solves M v = g for the rate at which θ moves over s as any step solves J v = f (``dfi.gauss_newton``). Nonlocal
        terms are in g; in M they count as constant, whose iteration then converges linearly.
        """
        other = object.__new__(Problem)
        other.__dict__.update(self.__dict__)
        other.kernels, other._strips = self.kernels.stage, {}
        other.points = np.hstack([self.points, self._by_sample(known)])
        other.params = np.append(self.params, span)
        other.boundary = replace(self.boundary, span=span)
        return other

    def missing(self, theta: np.ndarray, time: float) -> np.ndarray:
        """f at θ on the points solved on, and below it the right sides of boundary conditions: of a ``stage`` what it
        lacks."""
        _, inside = self.tangents(theta, np.zeros(theta.size), time, fresh=False)
        return np.concatenate([inside, self.boundary.rows(theta, time)[1]]) if self.boundary.conditions else inside

    @property
    def cost(self) -> dict[str, int]:
        """At how many points û is evaluated: ``solve``, for J and f at every solve, ``residual``, for a residual, and
        ``sampling``, to choose the samples of a step."""
        return {
            "solve": len(self.points),
            "residual": len(self.fresh_points),
            "sampling": self.quadrature.evaluations,
        }

    def compile(self) -> None:
        """Compile now, or read from the cache, the kernels of a run, which are else compiled when first used."""
        for kernel in (self.kernels.rows, self.kernels.tangent, self.kernels.value):
            kernel.function  # noqa: B018

    @property
    def field_names(self) -> list[str]:
        """What datasets call the components: "u" where there is one field only, else the fields' names; of complex ones
        with "_re" and "_im"."""
        names = ["u"] if len(self.equation.fields) == 1 else self.equation.names
        found = []
        for name, both in zip(names, self.equation.complex, strict=True):
            found += [f"{name}_re", f"{name}_im"] if both else [name]
        return found

    def sample(self, row: int) -> str:
        """Where a row of J belongs to, for messages."""
        sample, component = divmod(row, self.components.count)
        point = ", ".join(f"{x:.6g}" for x in self.points[sample, : self.domain.dim])
        several = len(self.equation.fields) > 1
        field = f" for {self.equation.names[self.components.owners[component]]}" if several else ""
        return f"at sample {sample}{field}, x = ({point})"

    # Numbers

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
        """What compiled loops over whole steps take (``dfi.loops``): the kernels of rows, tangents and values, sizes of
        the ansatz, points and √w solved on, the same fresh, ones, and the equation's parameters."""
        kernels = self.kernels.rows, self.kernels.tangent, self.kernels.value
        sizes = [self._sizes_for(kernel, theta) for kernel in kernels]
        functions, ones = (kernel.function for kernel in kernels), np.ones_like(self._fresh_root)
        return *functions, sizes[-1], self.points, self._root, self.fresh_points, self._fresh_root, ones, self.params

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


def _briefly(value: Any) -> str:
    return repr(value) if isinstance(value, int | float | str) else f"a {type(value).__name__}"
