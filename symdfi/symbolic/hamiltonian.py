"""The Hamiltonian of a Lagrangian, by the Legendre map p = M(q) v + b(q)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sympy as sp

from symdfi.errors import SymbolicError
from symdfi.symbolic.couplings import Coupling, Row
from symdfi.symbolic.given import name_of
from symdfi.symbolic.indexed import Variable, canonical, normalise
from symdfi.symbolic.structure import Diagonal, Structure, dense


def momentum_symbols(coordinates: Iterable[Variable], taken: Iterable[str]) -> tuple[Variable, ...]:
    """A symbol p_q for each coordinate q, of its shape, under a name that is not ``taken``."""
    used, symbols = set(taken), []
    for q in coordinates:
        name = f"p_{name_of(q)}"
        while name in used:
            name = f"p_{name}"
        used.add(name)
        label = sp.Symbol(name, real=True)
        symbols.append(sp.IndexedBase(label, shape=q.shape) if isinstance(q, sp.IndexedBase) else label)
    return tuple(symbols)


def no_mass(lagrangian: sp.Expr, velocity: Variable, shown: sp.Basic | None = None) -> str:
    """Why a velocity has no mass, under the name that it is ``shown`` by."""
    label = velocity.label if isinstance(velocity, sp.IndexedBase) else velocity
    how = "is linear in" if label in lagrangian.free_symbols else "does not depend on"
    return f"L {how} {velocity if shown is None else shown}"


@dataclass(frozen=True)
class LegendreMap:
    """``momenta`` p(q, v) of the Lagrangian L, for which ``symbols`` stand, with M = ∂p/∂v in its structure and entry
    by entry, and the ``energy`` p·v − L."""

    lagrangian: sp.Expr
    rows: list[Row]
    velocities: tuple[Variable, ...]
    momenta: tuple[sp.Expr, ...]
    symbols: tuple[Variable, ...]
    mass: Structure
    entries: list[Coupling]
    energy: sp.Expr

    def hamiltonian(self) -> sp.Expr:
        """H(q, p) = p·v − L at v(q, p).

        Raises ``SymbolicError`` where p is not affine in v, M is singular or couples an indexed coordinate.
        """
        labels = {v.label if isinstance(v, sp.IndexedBase) else v for v in self.velocities}
        if any(expr.free_symbols & labels for expr in self.mass.expressions):
            raise SymbolicError(
                f"the Legendre map of {self.lagrangian} does not invert in closed form: "
                "its momenta are not affine in the velocities"
            )
        if not isinstance(self.mass, Diagonal):
            return self._coupled()
        result = normalise(self.energy)
        for v, p, entry, (_, own, _), symbol in zip(
            self.velocities, self.momenta, self.mass.entries, self.rows, self.symbols, strict=True
        ):
            if entry == 0:
                raise SymbolicError(f"the Legendre map does not invert: {no_mass(self.lagrangian, v)}")
            offset = normalise(self._at_rest(p))
            result = _substitute(result, v, own, ((symbol[own] if own else symbol) - offset) / entry)
        return canonical(result)

    def _coupled(self) -> sp.Expr:
        """H of scalar coordinates with a mass matrix that couples them."""
        if any(own for _, own, _ in self.rows):
            raise SymbolicError(
                f"the Legendre map of {self.lagrangian} does not invert in closed form: the mass matrix of an indexed "
                "coordinate is not diagonal"
            )
        size, blocks = len(self.rows), dense(self.rows, self.entries).blocks
        mass = sp.Matrix(size, size, lambda r, c: blocks[int(r), int(c)])
        if sp.simplify(mass.det(method="berkowitz")) == 0:
            raise SymbolicError(f"the Legendre map of {self.lagrangian} does not invert: M = {mass} is singular")
        offsets = [self._at_rest(p) for p in self.momenta]
        shifted = sp.Matrix(size, 1, lambda r, _: self.symbols[int(r)] - offsets[int(r)])
        kinetic = (shifted.T * mass.LUsolve(shifted))[0] / 2
        return sp.simplify(kinetic) - self._at_rest(self.lagrangian)

    def _at_rest(self, expr: sp.Expr) -> sp.Expr:
        zero: dict = {v: sp.S.Zero for v in self.velocities if isinstance(v, sp.Symbol)}
        zero |= {r: sp.S.Zero for r in expr.atoms(sp.Indexed) if r.base in self.velocities}
        return expr.xreplace(zero)


def _substitute(expr: sp.Expr, v: Variable, indices: tuple[sp.Symbol, ...], solved: sp.Expr) -> sp.Expr:
    """Replace every v[...] by ``solved`` at its indices (whose bound indices occur nowhere in ``expr``)."""
    if not isinstance(v, sp.IndexedBase):
        return expr.xreplace({v: solved})
    put = {
        ref: solved.xreplace(dict(zip(indices, ref.indices, strict=True)))
        for ref in expr.atoms(sp.Indexed)
        if ref.base == v
    }
    return expr.xreplace(put)
