"""The layers of networks by a setting, and networks of positive fields."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp

from symdfi.running import Settings
from symdfi.symbolic.ansatz import Ansatz
from symdfi.symbolic.networks import mlp


def widths(settings: Settings) -> list[int]:
    """The layers that the setting ``widths`` gives, as in "9,9,9". ``ValueError`` for another text."""
    try:
        return [int(w) for w in str(settings["widths"]).split(",")]
    except ValueError:
        raise ValueError(f"widths = {settings['widths']!r}: write it as 9,9,9") from None


def positive(settings: Settings, variables: Sequence[sp.Symbol], period: Sequence) -> Ansatz:
    """û = exp(−N) with a periodic network N. All of its parameters act where û is, those of a network everywhere."""
    net = mlp(variables, widths(settings), period=period)
    begin = net.start
    assert begin is not None

    def start(bounds: np.ndarray, generator: np.random.Generator) -> dict[str, np.ndarray]:
        """N begins at 4, so that û begins small."""
        return {**begin(bounds, generator), "d": np.array(4.0)}

    return Ansatz(sp.exp(-net.expr), net.variables, net.parameters, start=start)
