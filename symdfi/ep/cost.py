"""Costs of a trajectory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from symdfi.errors import SymbolicError
from symdfi.pickling import Rebuilt
from symdfi.symbolic import given
from symdfi.symbolic.indexed import Variable


@dataclass(frozen=True, init=False)
class Cost(Rebuilt):
    """C = ∫₀ᵀ c(q, q̇, t; y) dt + Ψ(q(T); y) with the running cost c, the terminal cost Ψ and targets y, given with the
    data: y(t) in c, their values at T in Ψ. Under ``Static`` there is no time: C = c + Ψ at the equilibrium.

    Raises ``SymbolicError`` for what is no scalar expression, ``TypeError`` for text, which is not evaluated.
    """

    running: sp.Expr
    targets: tuple[Variable, ...]
    terminal: sp.Expr

    def __init__(
        self, running: sp.Expr = sp.S.Zero, targets: Sequence[Variable] = (), *, terminal: sp.Expr = sp.S.Zero
    ) -> None:
        object.__setattr__(self, "running", _scalar(running, "a running cost"))
        object.__setattr__(self, "terminal", _scalar(terminal, "a terminal cost"))
        object.__setattr__(self, "targets", given.variables(targets, "targets"))


def _scalar(expr: sp.Expr, what: str) -> sp.Expr:
    if not isinstance(expr, sp.MatrixBase):
        expr = given.expression(expr, what)
    if not isinstance(expr, sp.Expr) or expr.is_Matrix:
        raise SymbolicError(f"{what} is a scalar expression, not {expr!r}")
    return expr
