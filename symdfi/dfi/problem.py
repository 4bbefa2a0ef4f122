"""A Dirac–Frenkel problem as it is stated: an evolution equation, an ansatz, a domain and a quadrature that fit.

What is computed of it is in ``dfi.discretised``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sympy.core.function import AppliedUndef

from symdfi.dfi.discretised import Discretised
from symdfi.dfi.domain import Box
from symdfi.dfi.faces import Condition, check_periodic, conditions
from symdfi.dfi.given import field_scales, parameter_values
from symdfi.dfi.kernels import ProblemKernels
from symdfi.dfi.sampling import Quadrature, Rule
from symdfi.errors import SymbolicError
from symdfi.pickling import Rebuilt
from symdfi.showing import shortened, table
from symdfi.symbolic.ansatz import Ansatz
from symdfi.symbolic.evolution import EvolutionEquation
from symdfi.symbolic.joint import for_fields
from symdfi.symbolic.nonlocals import nested
from symdfi.symbolic.renaming import Renaming


class Problem(Rebuilt, Discretised):
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

    Raises ``SymbolicError`` where equation, ansatz and domain do not fit, as on a periodic axis an ansatz that is not
    the same at its two ends; ``ValueError`` for a missing parameter or one
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
        declared = (*ansatz.variables, *ansatz.parameters)
        (real, terms), outputs = equation.real.apart(ansatz.variables), ansatz.real(equation.complex)
        named = [*outputs.exprs, *real.terms, *(term.expr for term in nested(terms))]
        renaming = Renaming(declared, named, equation.parameters)
        kernels = ProblemKernels(real.renamed(renaming), outputs.renamed(renaming), renaming, terms)
        numbers, scales = parameter_values(equation, params), field_scales(equation, field_weights)
        super().__init__(equation, ansatz, domain, quadrature, kernels, numbers, scales, held, said)
        #: The problem that this one is, at other samples.
        self._origin: Problem | None = None
        check_periodic(self, boundary)

    def __repr__(self) -> str:
        size = f"{len(self.points)} points"
        walls = f", {len(self.boundary.conditions)} boundary conditions" if self.boundary.conditions else ""
        return f"Problem({shortened(str(self.equation), 100)} on {self.domain}, {size} of {self.quadrature}{walls})"

    def _repr_html_(self) -> str:
        rows: list[tuple[str, Any]] = [("equation", shortened(str(self.equation), 400)), ("ansatz", self.ansatz)]
        rows += [("domain", self.domain), ("quadrature", self.quadrature), ("points", len(self.points))]
        rows += [(f"parameter {p}", value) for p, value in self.param_values.items()]
        return table("Problem", [*rows, *(("boundary", one) for one in self.boundary.conditions)])

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

    @property
    def cost(self) -> dict[str, int]:
        """At how many points û is evaluated: ``solve``, for J and f at every solve, ``residual``, for a residual, and
        ``sampling``, to choose the samples of a step."""
        return {
            "solve": len(self.points),
            "residual": len(self.fresh_points),
            "sampling": self.quadrature.evaluations,
        }

    @property
    def field_names(self) -> list[str]:
        """What datasets call the components: "u" where there is one field only, else the fields' names; of complex ones
        with "_re" and "_im"."""
        names = ["u"] if len(self.equation.fields) == 1 else self.equation.names
        found = []
        for name, both in zip(names, self.equation.complex, strict=True):
            found += [f"{name}_re", f"{name}_im"] if both else [name]
        return found


def _briefly(value: Any) -> str:
    return repr(value) if isinstance(value, int | float | str) else f"a {type(value).__name__}"
