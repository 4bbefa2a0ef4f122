"""Variational derivatives of densities: expressions in fields and their derivatives (the jet of each field)."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp
from sympy.core.function import AppliedUndef

#: A derivative by its variables in SymPy's order, () for the field itself.
Order = tuple[sp.Symbol, ...]


def jet(expr: sp.Basic, field: AppliedUndef) -> dict[Order, sp.Expr]:
    """The derivatives of a field that an expression holds, and the field itself as (), lower orders first."""
    found = {tuple(d.variables): d for d in expr.atoms(sp.Derivative) if d.expr == field}
    rest = expr.xreplace({d: sp.Dummy() for d in found.values()})
    nodes = ({(): field} if rest.has(field) else {}) | found
    return dict(sorted(nodes.items(), key=lambda pair: (len(pair[0]), str(pair[0]))))


def partial(expr: sp.Expr, node: sp.Expr) -> sp.Expr:
    """∂expr/∂node at fixed other derivatives of the fields, for a field or one of its derivatives."""
    # The other derivatives hold the field as well: all become symbols.
    names = {d: _symbol(d) for d in {*expr.atoms(sp.Derivative), node}}
    back = {symbol: d for d, symbol in names.items()}
    return expr.xreplace(names).diff(names[node]).xreplace(back)


def _symbol(node: sp.Expr) -> sp.Dummy:
    """A symbol in place of a field or a derivative of it, real where the field is declared so."""
    field = node.expr if isinstance(node, sp.Derivative) else node
    return sp.Dummy(real=True) if field.is_real else sp.Dummy()


def variational_derivative(expr: sp.Expr, field: AppliedUndef, without: Iterable[sp.Symbol] = ()) -> sp.Expr:
    """Euler's operator Σ_α (−D)^α ∂L/∂(D^α u), over the derivatives that a density L holds.

    Only those count that hold every variable of ``without``, which is taken off them: with ``[t]`` this is the
    momentum Σ_β (−D)^β ∂L/∂(D^β u_t), ∂L/∂u_t for most.
    """
    total = sp.S.Zero
    for order, node in jet(expr, field).items():
        rest = list(order)
        if not all(x in rest for x in without):
            continue
        for x in without:
            rest.remove(x)
        slope = partial(expr, node)
        total += (-1) ** len(rest) * (slope.diff(*rest) if rest else slope)
    return total
