"""Equations of a model for reading: titled parts, in LaTeX or drawn with characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy as sp
from sympy.printing.pretty.pretty_symbology import pretty_symbol

#: Equations by the title they stand under.
Parts = Mapping[str, Sequence[sp.Basic]]


def latex(parts: Parts) -> str:
    """One line an equation, its title in a comment before it."""
    return "\n".join(f"% {title}\n{sp.latex(equation)}" for title, found in parts.items() for equation in found)


def pretty(parts: Parts) -> str:
    """Every title with its equations under it."""
    blocks = ("\n".join([title, *(_drawn(equation) for equation in found)]) for title, found in parts.items())
    return "\n\n".join(blocks)


def tidy(equation: sp.Expr) -> sp.Expr:
    """sin² + cos² as 1, for reading; equations with sums stay as they are."""
    plain = not equation.has(sp.Indexed) and equation.has(sp.sin, sp.cos)
    return sp.trigsimp(equation) if plain else equation


def _drawn(equation: sp.Basic) -> str:
    return sp.pretty(_accented(equation), use_unicode=True, wrap_line=False)


def _accented(expr: sp.Basic) -> sp.Basic:
    """Indexed velocities with their dots, which SymPy's pretty printer sets on plain symbols only."""
    put = {}
    for reference in expr.atoms(sp.Indexed):
        label = str(reference.base.label)
        if (accented := pretty_symbol(label)) != label:
            put[reference] = sp.IndexedBase(accented, shape=reference.base.shape)[reference.indices]
    return expr.xreplace(put)
