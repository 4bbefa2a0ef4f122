"""Costs of a trajectory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdfi.errors import SymbolicError
from symdfi.pickling import Rebuilt
from symdfi.showing import formulas, shortened
from symdfi.symbolic import given
from symdfi.symbolic.given import name_of
from symdfi.symbolic.indexed import Variable


@dataclass(frozen=True)
class Integral:
    """z = ∫₀ᵀ g dt, or z[c] = ∫ g dt for each c, with the ``indices`` c of g."""

    variable: Variable
    indices: tuple[sp.Symbol, ...]
    density: sp.Expr

    def weighted(self, weight: Variable) -> sp.Expr:
        """W g, or Σ_c W[c] g."""
        if not isinstance(weight, sp.IndexedBase):
            return weight * self.density
        limits = [(c, sp.S.Zero, extent - 1) for c, extent in zip(self.indices, weight.shape, strict=True)]
        return sp.Sum(weight[self.indices] * self.density, *reversed(limits))


@dataclass(frozen=True, init=False)
class Cost(Rebuilt):
    """C = ∫₀ᵀ c(q, q̇, t; y) dt + Ψ(q(T); y) + Φ(z; y) with the running cost c, the terminal cost Ψ, a function Φ of
    ``integrals`` z = ∫₀ᵀ g(q, q̇, t; y) dt, and targets y, given with the data: y(t) in c and g, their values at T in Ψ
    and Φ. Under ``Static`` there is no time: C = c + Ψ + Φ(g) at the equilibrium.

    An integral is a symbol, or an array of them: the cross-entropy of the softmax of time averages, one for each class,

        >>> import sympy as sp, symdfi as sd
        >>> x, v = sd.coordinates("x", 3)
        >>> c, z, y = sp.Symbol("c", integer=True), sp.IndexedBase("z", shape=(3,)), sp.IndexedBase("y", shape=(3,))
        >>> of_averages = sp.log(sp.Sum(sp.exp(z[c]), (c, 0, 2))) - sp.Sum(y[c] * z[c], (c, 0, 2))
        >>> cost = sd.Cost(integrals={z[c]: x[c] ** 2 / 10}, of_integrals=of_averages, targets=[y])

    with y one for the class that a sample is of, and zero for the others. Nudged is L + β (c + Σ W g) with the weights
    W = ∂Φ/∂z of the free trajectory, which stay as they are (theory of EP, "The theorem", for dC = ∫ dc dt + dΨ +
    W·dz).

    Raises ``SymbolicError`` for what is no scalar expression, and for an integral that is no symbol or that stands
    where it may not, or nowhere; ``TypeError`` for text, which is not evaluated.
    """

    running: sp.Expr
    targets: tuple[Variable, ...]
    terminal: sp.Expr
    integrals: tuple[Integral, ...]
    of_integrals: sp.Expr

    def __init__(
        self, running: sp.Expr = sp.S.Zero, targets: Sequence[Variable] = (), *, terminal: sp.Expr = sp.S.Zero,
        integrals: Mapping[Any, sp.Expr] | None = None, of_integrals: sp.Expr = sp.S.Zero,
    ) -> None:  # fmt: skip
        object.__setattr__(self, "running", _scalar(running, "a running cost"))
        object.__setattr__(self, "terminal", _scalar(terminal, "a terminal cost"))
        object.__setattr__(self, "targets", given.variables(targets, "targets"))
        object.__setattr__(self, "of_integrals", _scalar(of_integrals, "a function of integrals"))
        pairs = given.mapping(integrals or {}, "integrals", "{z: q**2}").items()
        object.__setattr__(self, "integrals", tuple(_integral(key, density) for key, density in pairs))
        self._check_places()

    def __repr__(self) -> str:
        parts = [("running", self.running), ("terminal", self.terminal), ("of integrals", self.of_integrals)]
        shown = [f"{name} {shortened(str(expr), 100)}" for name, expr in parts if expr != 0]
        shown += [f"targets {', '.join(map(name_of, self.targets))}"] if self.targets else []
        return f"Cost({'; '.join(shown) or 0})"

    def _repr_latex_(self) -> str:
        terms = [rf"\int_0^T {sp.latex(self.running)}\, dt"] if self.running != 0 else []
        terms += [rf"\left. {sp.latex(self.terminal)} \right|_T"] if self.terminal != 0 else []
        terms += [sp.latex(self.of_integrals)] if self.of_integrals != 0 else []
        found = [f"C = {' + '.join(terms) or 0}"]
        for z in self.integrals:
            name = z.variable[z.indices] if z.indices else z.variable
            found.append(rf"{sp.latex(name)} = \int_0^T {sp.latex(z.density)}\, dt")
        return formulas(found)

    def _check_places(self) -> None:
        names = [integral.variable for integral in self.integrals]
        if not names and not self.of_integrals.is_zero:
            raise SymbolicError(f"a cost {self.of_integrals} of integrals, but no integrals: integrals={{z: g}}")
        for k, z in enumerate(names):
            if z in names[:k]:
                raise SymbolicError(f"the integral {z} is given twice")
            if not self.of_integrals.has(z):
                raise SymbolicError(f"the integral {z} is not in the function of integrals {self.of_integrals}")
            for expr in (self.running, self.terminal, *(integral.density for integral in self.integrals)):
                if expr.has(z):
                    raise SymbolicError(f"the integral {z} may only be in the function of integrals, not in {expr}")


def _integral(key: Any, density: sp.Expr) -> Integral:
    density = _scalar(density, "an integrand")
    if isinstance(key, sp.Symbol):
        return Integral(key, (), density)
    free = isinstance(key, sp.Indexed) and all(isinstance(c, sp.Symbol) for c in key.indices)
    if not free or len(set(key.indices)) < len(key.indices) or key.base.shape is None:
        raise SymbolicError(
            f"{key} is no integral: give a symbol z, or z[c] with z = IndexedBase('z', shape=(m,)) and a symbol c"
        )
    return Integral(key.base, key.indices, density)


def _scalar(expr: sp.Expr, what: str) -> sp.Expr:
    if not isinstance(expr, sp.MatrixBase):
        expr = given.expression(expr, what)
    if not isinstance(expr, sp.Expr) or expr.is_Matrix:
        raise SymbolicError(f"{what} is a scalar expression, not {expr!r}")
    if expr.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
        raise SymbolicError(f"{what} has no finite value: {expr}")
    return expr
