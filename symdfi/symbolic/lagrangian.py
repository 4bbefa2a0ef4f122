"""Lagrangians: Euler–Lagrange equations, momenta, mass matrix, energy and Hamiltonian, at any size.

With generalized coordinates q and velocities v the equations of motion are

    d/dt ∂L/∂v − ∂L/∂q = Q − ∂R/∂v,    that is    M(q, v) q̈ = F(q, v, t),

M = ∂²L/∂v∂v, R the Rayleigh dissipation function, Q the generalized forces. Constraints φ(q, t) = 0 and ψ(q, v, t) = 0
act by multipliers: Gᵀλ is added to F, G = ∂φ/∂q or ∂ψ/∂v. For an indexed coordinate every
result is one expression in free indices j, k, ..., valid for all of them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.errors import SymbolicError
from symdfi.pickling import Rebuilt
from symdfi.showing import formulas, shortened
from symdfi.symbolic.constraints import read_constraints
from symdfi.symbolic.coordinates import Coordinate, acceleration_of, t
from symdfi.symbolic.couplings import Coupling, Row, couplings, index_ranges
from symdfi.symbolic.declarations import check_accelerations, check_names, read_forces, read_parameters
from symdfi.symbolic.given import mapping, name_of, variables
from symdfi.symbolic.hamiltonian import LegendreMap, momentum_symbols
from symdfi.symbolic.indexed import Variable, canonical, depends, derivative, normalise, tangent
from symdfi.symbolic.integers import extents, integers
from symdfi.symbolic.notation import Notation, read_coordinates
from symdfi.symbolic.private import Private
from symdfi.symbolic.reading import tidied
from symdfi.symbolic.renaming import Renaming
from symdfi.symbolic.sets import Ranges
from symdfi.symbolic.shapes import shaped
from symdfi.symbolic.structure import Diagonal, Structure, structure
from symdfi.symbolic.sums import PlainSum

#: The equations of motion of longer Lagrangians are not derived to be shown.
_SHOWN = 300


class Lagrangian(Rebuilt):
    """A Lagrangian system.

    ``L`` is a SymPy expression in the coordinates ``q`` and velocities ``v`` (one or a sequence of each,
    from ``coordinates``), or in ``dynamicsymbols`` and their time derivatives, with ``v`` left out. Numbers
    that are given at run time are ``parameters`` (found in L if not listed) and ``inputs`` (external
    signals, functions of time). ``dissipation`` is a Rayleigh function R(q, v); ``forces`` maps a
    coordinate to a generalized force on it, an indexed one as ``x[j]`` with a free index j (the force on
    every element) or as ``x[0]`` (on one). ``constraints`` are expressions that vanish, or equations: holonomic
    ones hold no velocity, nonholonomic ones do; ``(expr, (i, lower, upper), ...)`` is one for each value of the
    free indices.

    Raises ``SymbolicError`` for a symbol that is none of these, for an index map that is not supported and for a
    constraint that cannot be one (see ``symbolic.constraints``), ``TypeError`` for text, which is not evaluated.
    """

    #: Numbers of parameters that belong to the system, unless others are given for them.
    values: Mapping[Variable, Any] = MappingProxyType({})
    #: Whether every coordinate is known to meet every other, as all parameters of an ansatz do.
    is_full = False

    def __init__(
        self,
        L: sp.Expr,
        q: Coordinate | AppliedUndef | Sequence,
        v: Coordinate | Sequence | None = None,
        *,
        parameters: Sequence[Variable] | None = None,
        inputs: Sequence[Variable | AppliedUndef] = (),
        dissipation: sp.Expr = sp.S.Zero,
        forces: Mapping[Any, sp.Expr] | None = None,
        constraints: Sequence[Any] = (),
    ) -> None:
        q_list = variables(q if isinstance(q, Sequence | sp.Tuple | sp.MatrixBase) else [q], "q")
        v = variables(v if isinstance(v, Sequence | sp.Tuple | sp.MatrixBase) else [v], "v") if v is not None else None
        parameters = None if parameters is None else variables(parameters, "parameters")
        signals = variables(inputs, "inputs")
        self._notation, self.coordinates, self.velocities, signals = read_coordinates(q_list, v, signals)
        exprs = [self.read(L, "L"), self.read(dissipation, "dissipation")]
        forces = {} if forces is None else mapping(forces, "forces", "{x[j]: force}")
        exprs += [self.read(f, f"the force on {key}") for key, f in forces.items()]
        called = ["the Lagrangian", "the dissipation", *["a force"] * len(forces)]
        check_accelerations(zip(called, exprs, strict=True), self.coordinates, parameters or (), self.show)
        names = {s.name for e in exprs for s in e.atoms(sp.Symbol)}
        found = read_constraints(constraints, self.read, self.coordinates, self.velocities, signals, names)
        check_accelerations(((c.shown, c.expr) for c in found), self.coordinates, parameters or (), self.show)
        totals = [PlainSum(c.expr, *reversed(c.limits)) if c.limits else c.expr for c in found]
        bare = shaped(sp.Tuple(*(canonical(normalise(e)) for e in (*exprs, *totals))), ())
        #: The constraints in the internal notation.
        self.constraints = tuple(replace(c, expr=c.expr.xreplace(bare)) for c in found)
        exprs = [e.xreplace(bare) for e in exprs]
        self.L, self.dissipation = exprs[0], exprs[1]
        self.inputs: tuple[Variable, ...] = tuple(bare.get(a, a) for a in signals)
        totals = [total.xreplace(bare) for total in totals]
        held = [*exprs, *totals, *(c.expr for c in self.constraints)]
        self._taken = {s for e in held for s in e.free_symbols if isinstance(s, sp.Symbol)}
        ranks = [len(q.shape) if isinstance(q, sp.IndexedBase) else 0 for q in self.coordinates]
        #: The free index symbols of a row, one tuple a coordinate.
        self.indices = tuple(_pick(self._taken, rank) for rank in ranks)
        forces = dict(zip(forces, exprs[2:], strict=True))
        self.external_forces = read_forces(forces, self.read, self.coordinates, self.velocities, self.indices)
        everything = (self.L, self.dissipation, *self.external_forces, *totals)
        declared = (*self.coordinates, *self.velocities, *self.inputs)
        #: The integers among the symbols: in extents, in the bounds of sums, in indices and in deltas.
        self.sizes = integers(everything, declared, (s for own in self.indices for s in own))
        #: Those that are no extents, and may be zero or negative.
        self.counts = self.sizes - extents(everything, declared)
        self._parameters_declared = parameters is not None
        parameters = None if parameters is None else tuple(bare.get(p, p) for p in parameters)
        called = ["the Lagrangian", "the dissipation", *["a force"] * len(ranks), *(c.shown for c in found)]
        named = zip(called, everything, strict=True)
        self.parameters = read_parameters(parameters, named, declared, self.sizes, self.indices)
        check_names((*declared, *self.parameters, *self.sizes))

    def __repr__(self) -> str:
        q = ", ".join(map(name_of, self.coordinates))
        parts = [f"{len(self.coordinates)} coordinates {q}" if len(self.coordinates) > 1 else f"coordinate {q}"]
        for what, listed in (("parameters", self.parameters), ("inputs", self.inputs)):
            parts += [f"{what} {', '.join(map(name_of, listed))}"] if listed else []
        parts += [f"{len(self.constraints)} constraints"] if self.constraints else []
        return f"{type(self).__name__}({shortened('; '.join(parts), 160)})"

    def _repr_latex_(self) -> str:
        """L, R, and the equations of motion, where these are not long to derive."""
        shown: list[Any] = [sp.Eq(sp.Symbol("L"), self.lagrangian, evaluate=False)]
        if self.dissipation != 0:
            shown.append(sp.Eq(sp.Symbol("R"), self._show(self.dissipation), evaluate=False))
        if not self.is_full and self.L.count_ops() <= _SHOWN:
            shown += self.euler_lagrange
        return formulas([*shown, *self.constraint_equations])

    def renamed(self) -> tuple[Lagrangian, Renaming]:
        """This system in symbols of our own, and which stands for which: what is compiled."""
        own = [index for row in (*self.indices, *self.column_indices) for index in row]
        numbered = {index: Private("j", k, index.name, integer=True) for k, index in enumerate(own)}
        exprs = [normalise(e).xreplace(numbered) for e in (self.L, self.dissipation, *self.external_forces)]
        declared: list[Variable] = [*self.coordinates, *self.velocities, *self.inputs]
        declared += self.parameters if self._parameters_declared else ()
        bodies = [PlainSum(c.expr, *reversed(c.limits)) if c.limits else c.expr for c in self.constraints]
        renaming = Renaming(declared, [*exprs, *bodies], self.parameters, self.sizes, self.counts)
        system = object.__new__(type(self))
        system._notation = Notation()
        system.L, system.dissipation, *forces = map(renaming, exprs)
        system.external_forces = tuple(forces)
        system.constraints = tuple(c.renamed(k, renaming) for k, c in enumerate(self.constraints))
        for name in ("coordinates", "velocities", "inputs", "parameters", "sizes", "counts"):
            variables = getattr(self, name)
            setattr(system, name, type(variables)(map(renaming.of, variables)))
        system.parameters = tuple(sorted(system.parameters, key=sp.default_sort_key))
        held = [*exprs, *(c.expr for c in self.constraints)]
        system._taken = {s for e in held for s in e.free_symbols if isinstance(s, sp.Symbol)}
        system._parameters_declared = True
        system.indices, system.column_indices = (
            tuple(tuple(map(numbered.__getitem__, row)) for row in rows) for rows in (self.indices, self.column_indices)
        )
        return system, renaming

    # What is derived: each in the internal notation once, shown in the user's.

    @functools.cached_property
    def momentum_terms(self) -> tuple[sp.Expr, ...]:
        """p = ∂L/∂v, one expression a coordinate, in the internal notation (what is compiled)."""
        return tuple(derivative(self.L, at) for at in self._at_rows(self.velocities))

    @functools.cached_property
    def _rates(self) -> tuple[sp.Expr, ...]:
        """dp/dt at zero acceleration: (∂p/∂q)·v + ∂p/∂t."""
        moves = dict(zip(self.coordinates, self.velocities, strict=True))
        for p in self.momentum_terms:
            found = [a for a in self.inputs if depends(p, a)]
            if found:
                raise SymbolicError(
                    f"the momentum {p} depends on the input {found[0]}, whose time derivative is unknown"
                )
        return tuple(
            canonical(tangent(p, moves, at)) + derivative(p, t, at)
            for p, at in zip(self.momentum_terms, self._row_ranges, strict=True)
        )

    @functools.cached_property
    def forces_on(self) -> tuple[sp.Expr, ...]:
        """∂L/∂q, one expression a coordinate."""
        return tuple(derivative(self.L, at) for at in self._at_rows(self.coordinates))

    @functools.cached_property
    def _drag(self) -> tuple[sp.Expr, ...]:
        return tuple(derivative(self.dissipation, at) for at in self._at_rows(self.velocities))

    @functools.cached_property
    def forcing_terms(self) -> tuple[sp.Expr, ...]:
        """F of M q̈ = F, one expression a coordinate, in the internal notation (what is compiled)."""
        return tuple(force - rate for force, rate in zip(self.generalized_forces, self._rates, strict=True))

    @functools.cached_property
    def generalized_forces(self) -> tuple[sp.Expr, ...]:
        """∂L/∂q + Q − ∂R/∂v, one expression a coordinate, in the internal notation."""
        parts = zip(self.forces_on, self.external_forces, self._drag, strict=True)
        return tuple(force + external - drag for force, external, drag in parts)

    @functools.cached_property
    def mass_structure(self) -> Structure:
        """M = ∂p/∂v with its structure kept (see ``Structure``)."""
        return structure(self.rows, self.mass_couplings)

    @functools.cached_property
    def is_first_order(self) -> bool:
        """Whether L is linear in the velocities, so that the equations of motion hold no acceleration."""
        found = self.mass_structure
        if not isinstance(found, Diagonal) or any(entry != 0 for entry in found.entries):
            return False
        return not self.constraints and (self.dissipation != 0 or any(p != 0 for p in self.momentum_terms))

    @functools.cached_property
    def conserves_energy(self) -> bool:
        """Whether the energy is one of the motion's constants: no force but those of L and of the constraints, and
        neither inputs nor the time in these."""
        moved = any(part.has(t) for part in (self.lagrangian, *self.constraint_equations))
        return not (moved or self.inputs or self.dissipation != 0 or any(f != 0 for f in self.external_forces))

    @property
    def rows(self) -> list[Row]:
        """The coordinates with the index symbols of their rows and columns in a matrix."""
        return list(zip(self.coordinates, self.indices, self.column_indices, strict=True))

    @functools.cached_property
    def mass_couplings(self) -> list[Coupling]:
        """The entries of M."""
        return couplings(self.rows, self.momentum_terms, [((v, sp.S.One),) for v in self.velocities])

    @property
    def lagrangian(self) -> sp.Expr:
        """L as it was given."""
        return self._notation.show(self.L)

    @functools.cached_property
    def momenta(self) -> tuple[sp.Expr, ...]:
        """The conjugate momenta p = ∂L/∂v, one expression a coordinate."""
        return tuple(self._show(p) for p in self.momentum_terms)

    @functools.cached_property
    def forcing(self) -> tuple[sp.Expr, ...]:
        """F in M q̈ = F, one expression a coordinate."""
        return tuple(self._show(f) for f in self.forcing_terms)

    @functools.cached_property
    def mass_matrix(self) -> sp.Matrix:
        """M, one entry a pair of coordinates: for indexed ones in the indices of the row and the column."""

        def entry(r: int, c: int) -> sp.Expr:
            v, k = self.velocities[c], self.column_indices[c]
            ranges = index_ranges(self.coordinates[r], self.indices[r])
            return self._show(derivative(self.momentum_terms[r], v[k] if k else v, ranges))

        size = len(self.coordinates)
        return sp.Matrix(size, size, lambda r, c: entry(int(r), int(c)))

    @functools.cached_property
    def euler_lagrange(self) -> tuple[sp.Eq, ...]:
        """The equations of motion d/dt ∂L/∂v − ∂L/∂q + ∂R/∂v = Q + Gᵀλ, one equation a coordinate.

        Those of the constraints are ``constraint_equations``, the symbols λ are the ``multipliers``.
        """
        accelerations = {v: acceleration_of(q) for q, v in zip(self.coordinates, self.velocities, strict=True)}
        equations = []
        for p, at, rate, force, external, drag, held in zip(
            self.momentum_terms, self._row_ranges, self._rates, self.forces_on, self.external_forces, self._drag,
            self.constraint_terms, strict=True,
        ):  # fmt: skip
            left = canonical(tangent(p, accelerations, at)) + rate - force + drag
            equations.append(sp.Eq(self._show(left), self._show(external + held), evaluate=False))
        return tuple(equations)

    @functools.cached_property
    def constraint_terms(self) -> tuple[sp.Expr, ...]:
        """The generalized forces Gᵀλ of the constraints, one expression a coordinate, in the internal notation."""
        total = [sp.S.Zero] * len(self.coordinates)
        for constraint in self.constraints:
            variables = self.coordinates if constraint.is_holonomic else self.velocities
            for k, at in enumerate(self._at_rows(variables)):
                total[k] += derivative(constraint.total, at)
        return tuple(total)

    @property
    def multipliers(self) -> tuple[Variable, ...]:
        """The symbols λ, one a constraint, of its shape: λ[i − lower] belongs to the constraint of index i."""
        return tuple(constraint.multiplier for constraint in self.constraints)

    @property
    def constraint_equations(self) -> tuple[sp.Eq, ...]:
        """φ(q, t) = 0 and ψ(q, v, t) = 0, one equation a constraint, in its free indices."""
        return tuple(sp.Eq(self._show(c.expr), 0, evaluate=False) for c in self.constraints)

    @functools.cached_property
    def energy_expression(self) -> sp.Expr:
        """Σ p v − L in the internal notation."""
        return canonical(tangent(self.L, {v: v for v in self.velocities})) - self.L

    @functools.cached_property
    def energy(self) -> sp.Expr:
        """The energy (Jacobi integral) Σ v ∂L/∂v − L."""
        return self._show(self.energy_expression)

    @functools.cached_property
    def momentum_symbols(self) -> tuple[Variable, ...]:
        """The symbols that stand for the momenta in the Hamiltonian: p_q, unless that is another's name."""
        named = (*self.coordinates, *self.velocities, *self.inputs, *self.parameters, *self.sizes)
        return momentum_symbols(self.coordinates, map(name_of, named))

    @functools.cached_property
    def hamiltonian(self) -> sp.Expr:
        """H(q, p) = p·v − L with v(q, p) from the Legendre map p = M(q) v + b(q); with holonomic constraints it is
        the total Hamiltonian H − Σ λφ.

        Raises ``SymbolicError`` where p is not affine in v, M is singular or couples an indexed coordinate, and for
        nonholonomic constraints: the motion then has no Hamiltonian.
        """
        for constraint in self.constraints:
            if not constraint.is_holonomic:
                raise SymbolicError(f"{constraint.shown} is nonholonomic: the motion has no Hamiltonian")
        held = sp.Add(*(constraint.total for constraint in self.constraints))
        legendre = LegendreMap(
            self.L, self.rows, self.velocities, self.momentum_terms, self.momentum_symbols, self.mass_structure,
            self.mass_couplings, self.energy_expression,
        )  # fmt: skip
        return self._show(canonical(legendre.hamiltonian() - held))

    @functools.cached_property
    def column_indices(self) -> tuple[tuple[sp.Symbol, ...], ...]:
        """The index symbols of a matrix column, one tuple a coordinate."""
        used = {s for own in self.indices for s in own}
        return tuple(_pick(self._taken | used, len(own)) for own in self.indices)

    # Reading and showing

    def read(self, expr: Any, what: str = "the expression") -> sp.Expr:
        """An expression of the user's in the notation that is compiled (see ``momentum_terms``)."""
        return self._notation.read(expr, what)

    def show(self, expr: sp.Basic) -> Any:
        """What is compiled in the notation of the user."""
        return self._notation.show(expr)

    def _show(self, expr: sp.Expr) -> sp.Expr:
        return self._notation.show(tidied(expr))

    @property
    def _row_ranges(self) -> list[Ranges]:
        return [index_ranges(q, own) for q, own in zip(self.coordinates, self.indices, strict=True)]

    def _at_rows(self, variables: tuple[Variable, ...]) -> list[sp.Expr]:
        """Every variable at the free indices of its row."""
        return [x[j] if j else x for x, j in zip(variables, self.indices, strict=True)]


def _pick(taken: set, count: int) -> tuple[sp.Symbol, ...]:
    names = {s.name for s in taken}
    stems = (f"{letter}{n}" for n in ("", *range(1, 100)) for letter in "jklpqrs")
    free_names = (name for name in stems if name not in names)
    return tuple(sp.Symbol(next(free_names), integer=True) for _ in range(count))
