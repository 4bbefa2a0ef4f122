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
    """C = ∫₀ᵀ c(q, q̇, t; y) dt with the running cost c and targets y(t), given with the data."""

    running: sp.Expr
    targets: tuple[Variable, ...]

    def __init__(self, running: sp.Expr, targets: Sequence[Variable] = ()) -> None:
        if not isinstance(running, sp.MatrixBase):
            running = given.expression(running, "a running cost")
        if not isinstance(running, sp.Expr) or running.is_Matrix:
            raise SymbolicError(f"a running cost is a scalar expression, not {running!r}")
        object.__setattr__(self, "running", running)
        object.__setattr__(self, "targets", given.variables(targets, "targets"))
