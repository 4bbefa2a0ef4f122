"""A field u(t, x) on a circle, and a periodic network for it."""

from __future__ import annotations

import sympy as sp

from symdfi.running import Settings
from symdfi.symbolic.ansatz import Ansatz
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.networks import mlp

X = sp.Symbol("x", real=True)
u = sp.Function("u")(t, X)


def network(settings: Settings, length: sp.Expr | int) -> Ansatz:
    """The periodic network of the layers that the setting ``widths`` gives, as in "9,9,9"."""
    try:
        widths = [int(w) for w in str(settings["widths"]).split(",")]
    except ValueError:
        raise ValueError(f"widths = {settings['widths']!r}: write it as 9,9,9") from None
    return mlp([X], widths, period=[length])
