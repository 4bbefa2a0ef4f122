"""Complex fields: a field and its conjugate as two functions (Wirtinger), and as two real ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import sympy as sp
from sympy.core.function import AppliedUndef

#: What makes a field complex that is not declared real.
_OF_COMPLEX = (sp.conjugate, sp.Abs, sp.re, sp.im, sp.sign)


@dataclass(frozen=True)
class Conjugates:
    """The functions that stand for the conjugates of complex fields, ``partner`` of each field."""

    partner: Mapping[AppliedUndef, AppliedUndef] = field(default_factory=dict)

    @classmethod
    def found(cls, expr: sp.Basic, fields: Iterable[AppliedUndef]) -> Conjugates:
        """Of those fields of which ``expr`` holds the conjugate, modulus, real or imaginary part."""
        inside = {f for node in expr.atoms(*_OF_COMPLEX) for f in node.atoms(AppliedUndef)}
        names = {f: sp.Function(f"{f.func.__name__}^*")(*f.args) for f in fields if f in inside and not f.is_real}
        return cls(names)

    def read(self, expr: sp.Expr) -> sp.Expr:
        """``expr`` in fields and their partners, with all derivatives carried out; parameters are real."""
        if isinstance(expr, sp.Derivative):
            return self.read(expr.expr).diff(*expr.variables)
        if not expr.args or isinstance(expr, AppliedUndef):
            return expr
        args = [self.read(arg) for arg in expr.args]
        if not isinstance(expr, _OF_COMPLEX):
            return expr.func(*args)
        (z,) = args
        if not z.has(sp.I, *self.partner, *self.partner.values()):
            return z if isinstance(expr, sp.conjugate) else expr.func(z)
        bar = self.conjugate(z)
        if isinstance(expr, sp.conjugate):
            return bar
        if isinstance(expr, sp.re):
            return (z + bar) / 2
        if isinstance(expr, sp.im):
            return (z - bar) / (2 * sp.I)
        modulus = sp.sqrt(z * bar)
        return modulus if isinstance(expr, sp.Abs) else z / modulus

    def conjugate(self, expr: sp.Expr) -> sp.Expr:
        """The conjugate of an expression that was read."""
        return expr.xreplace({sp.I: -sp.I, **self.partner, **{bar: psi for psi, bar in self.partner.items()}})

    def show(self, expr: sp.Expr) -> sp.Expr:
        """An expression in the user's terms."""
        return expr.xreplace({bar: sp.conjugate(psi) for psi, bar in self.partner.items()})

    def __bool__(self) -> bool:
        return bool(self.partner)
