"""A field u(t, x) on a circle, and periodic networks."""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from symdfi.running import Settings
from symdfi.symbolic.ansatz import Ansatz
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.networks import Phases, mlp

from .networks import widths

X = sp.Symbol("x", real=True)
u = sp.Function("u")(t, X)


def network(
    settings: Settings, length: sp.Expr | int, activation: Callable = sp.tanh, *, trained_phases: bool = False
) -> Ansatz:
    """The periodic network of the layers that the setting ``widths`` gives, as in "9,9,9"; with ``trained_phases`` as
    many of them as the first layer is wide."""
    layers = widths(settings)
    return mlp([X], layers, activation, period=[length], embedding=Phases(layers[0]) if trained_phases else None)
