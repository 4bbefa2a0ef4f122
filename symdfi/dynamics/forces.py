"""Momenta and forces from one reverse sweep over L, inside a program.

All of ∂L/∂q and ∂L/∂v cost a few evaluations of L, however its terms are nested or shared. The formulas of
``symbolic.lagrangian`` are for reading: they follow every path to a coordinate.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

import sympy as sp
from sympy.core.relational import Relational

from symdfi.compile.kernels.groups import shape_of
from symdfi.compile.passes.autodiff import adjoint, gradient_loops, needed, tangent
from symdfi.compile.program.loops import Assignment, Loop, Variable, hull, ranges, variables
from symdfi.compile.program.lower import Program
from symdfi.errors import SymbolicError
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.indexed import normalise
from symdfi.symbolic.lagrangian import Lagrangian
from symdfi.symbolic.maps import inequalities
from symdfi.symbolic.sets import Ranges, never_negative
from symdfi.symbolic.sums import renamed


class Sweep:
    """The derivatives of a system's L as right-hand sides over ``gradient_loops``, one a coordinate."""

    def __init__(self, program: Program, system: Lagrangian) -> None:
        self.program, self.system = program, system
        self.loops = tuple(map(gradient_loops, system.coordinates))

    @functools.cached_property
    def lagrangian(self) -> Assignment:
        """L."""
        return self.program.assign(normalise(self.system.L))

    @functools.cached_property
    def energy(self) -> Assignment:
        """v·∂L/∂v − L."""
        along = tangent(self.program, self.lagrangian.target, {v: v for v in self.system.velocities})
        return self.program.assign((sp.S.Zero if along is None else along) - self.lagrangian.target)

    @functools.cached_property
    def power(self) -> Assignment:
        """v·(Q − ∂R/∂v) − ∂L/∂t, what the energy changes by besides the inputs."""
        system, total = self.system, sp.S.Zero
        rows = zip(system.velocities, system.indices, system.external_forces, strict=True)
        for v, indices, force in rows:
            at = v[indices] if indices else v
            limits = [(k, 0, extent - 1) for k, extent in zip(indices, shape_of(v), strict=True)]
            total += sp.Sum(at * force, *limits) if limits else at * force
        parts = [self.program.assign(normalise(total)).target]
        dissipation = self.program.assign(normalise(system.dissipation)).target
        for target, moves in (
            (dissipation, {v: v for v in system.velocities}),
            (self.lagrangian.target, {t: sp.S.One}),
        ):
            along = tangent(self.program, target, moves)
            parts.append(sp.S.Zero if along is None else -along)
        return self.program.assign(sp.Add(*parts))

    @functools.cached_property
    def felt_inputs(self) -> list[Assignment]:
        """−∂L/∂a, what the energy changes by with the inputs a."""
        found = adjoint(self.program, self.lagrangian.target, self.system.inputs)
        loops = map(gradient_loops, self.system.inputs)
        bars = (found[a] for a in self.system.inputs)
        felt = (sp.S.Zero if bar is None else -bar for bar in bars)
        return [self.program.assign(bar, own) for bar, own in zip(felt, loops, strict=True)]

    @functools.cached_property
    def momenta(self) -> list[Assignment]:
        """p = ∂L/∂v."""
        return self.assigned(self._gradients[v] for v in self.system.velocities)

    @functools.cached_property
    def forces(self) -> list[Assignment]:
        """∂L/∂q."""
        return self.assigned(self._gradients[q] for q in self.system.coordinates)

    @functools.cached_property
    def generalized_forces(self) -> list[sp.Expr]:
        """∂L/∂q + Q − ∂R/∂v."""
        system = self.system
        dissipation = self.program.assign(normalise(system.dissipation))
        drag = adjoint(self.program, dissipation.target, system.velocities)
        external = map(self.over_loops, range(len(self.loops)), system.external_forces)
        rows = zip(system.coordinates, system.velocities, external, strict=True)
        return [self._gradients[q] + force - (drag[v] or sp.S.Zero) for q, v, force in rows]

    @functools.cached_property
    def forcing(self) -> list[sp.Expr]:
        """F of M q̈ = F: the generalized forces less (∂p/∂q)·v + ∂p/∂t.

        Raises ``SymbolicError`` if a momentum depends on an input, whose time derivative is unknown.
        """
        return [
            force - self._rate(p, loops)
            for force, p, loops in zip(self.generalized_forces, self.momenta, self.loops, strict=True)
        ]

    def forcing_at(self, position: int, place: Sequence[sp.Expr], loops: Iterable[Loop] = ()) -> sp.Expr:
        """F of one element of a coordinate, in ``loops`` that its place varies with.

        What is stored under conditions on indices that hold for all or none of these elements (as for every second
        element) is written out there: all that a site computes is then shared by its strands.
        """
        pairs = zip(self.loops[position], place, strict=True)
        found, known = self._forcing_values[position], ranges(tuple(loops))
        found = found.xreplace({loop.index: k for loop, k in pairs})
        return found.xreplace({node: self._written_out(node, known) for node in found.atoms(sp.Indexed)})

    def _written_out(self, element: sp.Indexed, known: Ranges) -> sp.Expr:
        """The right-hand side of what a program stores, where it asks for less at this element than elsewhere."""
        stored = self.program.assignments.get(element.base)
        if stored is None or stored.sums or stored.expr.has(sp.KroneckerDelta) or not stored.expr.has(sp.Piecewise):
            return element
        numbered = zip(stored.loops, hull(stored.loops), element.indices, strict=True)
        found = stored.expr.xreplace({loop.index: k + own.lower for loop, own, k in numbered})
        open_here, open_there = self._open(found, known), self._open(stored.expr, ranges(stored.loops))
        return found if open_here < open_there else element

    def _open(self, expr: sp.Expr, known: Ranges) -> int:
        """How many conditions on indices neither hold everywhere nor nowhere."""

        def is_decided(condition: sp.Basic) -> bool:
            bounds = inequalities(condition)
            return bool(bounds) and (
                all(never_negative(bound, known) for bound in bounds)
                or any(never_negative(-bound - 1, known) for bound in bounds)
            )

        asked = {c for c in expr.atoms(Relational) if self.program.is_index_condition(c)}
        return sum(not is_decided(c) for c in asked)

    @functools.cached_property
    def _forcing_values(self) -> list[sp.Expr]:
        return [sp.sympify(expr, strict=True) for expr in self.values(self.forcing)]

    def assigned(self, exprs: Iterable[sp.Expr]) -> list[Assignment]:
        """Right-hand sides over the loops of their coordinates, stored."""
        return [self.program.assign(expr, loops) for expr, loops in zip(exprs, self.loops, strict=True)]

    def over_loops(self, position: int, expr: sp.Expr) -> sp.Expr:
        """A formula in the row indices of a coordinate over its loops."""
        names = zip(self.system.indices[position], self.loops[position], strict=True)
        return normalise(expr).xreplace({index: loop.index for index, loop in names})

    def values(self, exprs: Sequence[sp.Expr]) -> list[sp.Expr]:
        """``exprs`` to compute with: what is scattered is stored first."""
        pairs = zip(exprs, self.loops, strict=True)
        return [self.program.define(e, loops) if e.has(sp.KroneckerDelta) else e for e, loops in pairs]

    def reads(self, exprs: Iterable[sp.Expr]) -> frozenset[Variable]:
        """All that the right-hand sides depend on, through whatever is stored."""
        found = {x for expr in exprs for x in variables(expr)}
        stored = [a for x in found & set(self.program.assignments) for a in needed(self.program, x)]
        return frozenset(found.union(*(variables(a.expr) for a in stored)))

    @functools.cached_property
    def _gradients(self) -> dict[Variable, sp.Expr]:
        wrt = (*self.system.coordinates, *self.system.velocities)
        found = adjoint(self.program, self.lagrangian.target, wrt)
        return {x: sp.S.Zero if bar is None else bar for x, bar in found.items()}

    def _rate(self, p: Assignment, loops: tuple) -> sp.Expr:
        """(∂p/∂q)·v + ∂p/∂t."""
        reads = self.reads([p.expr])
        for signal in self.system.inputs:
            if signal in reads:
                shown = self.program.in_words(p.value)
                raise SymbolicError(
                    f"the momentum {shown} depends on the input {signal}, whose time derivative is unknown"
                )
        moves = dict(zip(self.system.coordinates, self.system.velocities, strict=True))
        moved = tangent(self.program, p.target, {**moves, t: sp.S.One})
        if moved is None:
            return sp.S.Zero
        rate = self.program.assignments[moved]
        if rate.sums or len(rate.loops) != len(loops):
            return rate.at(tuple(loop.index for loop in loops))
        # In full, so that what cancels against the forces does so before anything is computed.
        return renamed(rate.expr, {own.index: loop.index for own, loop in zip(rate.loops, loops, strict=True)})
